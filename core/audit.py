"""The audit trail: one row per act, chained by hash, written in the same transaction as the act.

Each row's hash covers the row and the hash before it, so a changed, missing or reordered row breaks the chain from
there on. Keep the head that `verify` prints somewhere else: it proves the whole history before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from core.access import Actor

LOCK_HEAD = text("SELECT seq, hash FROM audit_head FOR UPDATE")
ADD = text("""
    INSERT INTO audit (seq, at, actor, channel, action, subject, ids, details, prev_hash, hash)
    VALUES (:seq, :at, :actor, :channel, :action, :subject, :ids, CAST(:details AS jsonb), :prev_hash, :hash)
""")
MOVE_HEAD = text("UPDATE audit_head SET seq = :seq, hash = :hash")


def record(
    conn: Connection,
    action: str,
    *,
    subject: str,
    ids: Iterable[int],
    actor: Actor,
    now: datetime,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add one act to the trail; the last statement of a transaction, since it locks the head of the chain.

    `action` is noun and verb (`payout.approved`), `ids` are the subjects' ids, `details` any JSON.
    """
    head = conn.execute(LOCK_HEAD).one()
    row = {
        "seq": head.seq + 1,
        "at": now,
        "actor": actor.name,
        "channel": actor.channel,
        "action": action,
        "subject": subject,
        "ids": sorted(ids),
        "details": json.dumps(dict(details or {}), sort_keys=True, default=str),
    }
    digest = _digest(row, bytes(head.hash))
    conn.execute(ADD, row | {"prev_hash": head.hash, "hash": digest})
    conn.execute(MOVE_HEAD, {"seq": row["seq"], "hash": digest})


def _digest(row: Mapping[str, object], prev_hash: bytes) -> bytes:
    at = row["at"]
    assert isinstance(at, datetime)
    details = row["details"]
    canonical = json.dumps(
        [
            row["seq"],
            at.astimezone(UTC).isoformat(timespec="microseconds"),
            row["actor"],
            row["channel"],
            row["action"],
            row["subject"],
            row["ids"],
            json.loads(details) if isinstance(details, str) else details,
        ],
        sort_keys=True,
        ensure_ascii=False,
    )
    return hashlib.sha256(prev_hash + canonical.encode()).digest()


def is_as_written(row: Mapping[str, object]) -> bool:
    """Tell whether a row of the trail, with `prev_hash` and `hash`, still is what its hash was made of."""
    prev_hash, kept = row["prev_hash"], row["hash"]
    assert isinstance(prev_hash, bytes | memoryview)
    assert isinstance(kept, bytes | memoryview)
    return _digest(row, bytes(prev_hash)) == bytes(kept)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What a walk of the chain found; `broken_at` is the first row that does not fit, None when all do."""

    rows: int
    head: str
    broken_at: int | None


WALK = text(
    "SELECT seq, at, actor, channel, action, subject, ids, details, prev_hash, hash FROM audit ORDER BY seq"
)
READ_HEAD = text("SELECT seq, hash FROM audit_head")
FIRST_HASH = hashlib.sha256(b"paydesk").digest()


def verify_chain(conn: Connection) -> Chain:
    """Recompute the chain from the first row to the head and name the first row that is not as it was written."""
    previous, seq = FIRST_HASH, 0
    with conn.execute(WALK.execution_options(yield_per=5_000)) as walk:
        for row in walk.mappings():
            seq += 1
            digest = _digest(dict(row), previous)
            if row["seq"] != seq or bytes(row["prev_hash"]) != previous or bytes(row["hash"]) != digest:
                return Chain(rows=seq, head=previous.hex(), broken_at=seq)
            previous = digest
    head = conn.execute(READ_HEAD).one()
    fits = head.seq == seq and bytes(head.hash) == previous
    return Chain(rows=seq, head=previous.hex(), broken_at=None if fits else seq + 1)
