"""The control record of one payout: everything that was decided, sent and booked, with its proofs, as a file for an auditor.

It says who made, approved and sent what, under which content, and proves it by recomputing: the content each approval
binds, the parameters of each attempt, the sums, and the trail's own hashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, TextClause, text

from core.audit import is_as_written
from core.money_words import written
from core.providers import params_hash
from core.reads.frames import to_frame
from core.reads.payout import PayoutStory, story

Rows = Sequence[Mapping[str, Any]]
ENDED = frozenset({"paid", "reversed", "rejected", "cancelled", "failed"})


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One thing that was recomputed: what, whether it holds, and what was found."""

    what: str
    holds: bool
    found: str


@dataclass(frozen=True, kw_only=True)
class ControlRecord:
    """A payout's story with its hashes and proofs, made at `made_at`."""

    story: PayoutStory
    content_hash: str
    policy_version: int
    approvals: pd.DataFrame
    attempts: pd.DataFrame
    audit: pd.DataFrame
    proofs: tuple[Proof, ...]
    made_at: datetime


CONTENT = text("""
    SELECT encode(payout_content_hash(p.id), 'hex') AS content_hash, v.version
      FROM payout p JOIN policy v ON v.id = p.policy_id WHERE p.id = :id
""")
APPROVALS = text("""
    SELECT actor, decision, reason, at, encode(content_hash, 'hex') AS content_hash
      FROM approval WHERE payout_id = :id ORDER BY id
""")
ATTEMPTS = text("""
    SELECT n, provider, idem_key, state, code, message, provider_ref, request_id, started_at, ended_at, params,
           encode(params_hash, 'hex') AS params_hash, encode(approved_hash, 'hex') AS approved_hash
      FROM attempt WHERE payout_id = :id ORDER BY n
""")
AUDIT = text("""
    SELECT seq, at, actor, channel, action, subject, ids, details, prev_hash, hash
      FROM audit WHERE ids @> CAST(ARRAY[:id] AS bigint[]) AND subject = 'payout' ORDER BY seq
""")
# What entered the reservation and what left it; nothing is left of one that has ended.
RESERVED = text("""
    SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'reserve'), 0)::bigint AS reserved,
           coalesce(sum(amount_minor) FILTER (WHERE kind IN ('settle', 'fee', 'unreserve')), 0)::bigint AS ended
      FROM ledger_transfer WHERE payout_id = :id
""")


def control_record(conn: Connection, payout_id: int, *, now: datetime, masked: bool) -> ControlRecord | None:
    """Return the record of one payout, without personal data when masked, or None when there is no such payout."""
    told = story(conn, payout_id, now=now, masked=masked)
    if told is None:
        return None

    def read(statement: TextClause) -> pd.DataFrame:
        return to_frame(conn.execute(statement, {"id": payout_id}))

    content = conn.execute(CONTENT, {"id": payout_id}).one()
    approvals, attempts, trail = read(APPROVALS), read(ATTEMPTS), read(AUDIT)
    proofs = [
        *_of_the_amount(told),
        *_of_the_people(told, _rows(approvals), _rows(attempts)),
        *_of_the_sending(told, _rows(attempts)),
        _of_the_reservation(conn, told),
        _of_the_trail(_rows(trail)),
    ]
    return ControlRecord(
        story=told,
        content_hash=content.content_hash,
        policy_version=content.version,
        approvals=approvals,
        attempts=attempts,
        audit=trail,
        proofs=tuple(proofs),
        made_at=now,
    )


def _rows(frame: pd.DataFrame) -> Rows:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _of_the_amount(told: PayoutStory) -> Iterator[Proof]:
    header = told.header
    items, gross = int(told.items["amount_minor"].sum()), header.amount_minor
    found = f"{written(items, header.currency)} of {written(gross, header.currency)}"
    yield _proof("The items add up to the gross", items == gross, found)
    net = gross - header.fee_minor
    yield _proof("Net is gross less the fee", header.net_minor == net, written(net, header.currency))


def _of_the_people(told: PayoutStory, approvals: Rows, attempts: Rows) -> Iterator[Proof]:
    needed = told.header.approvals_needed
    given = [one for one in approvals if one["decision"] == "approve"]
    # By the time each attempt began, enough people had approved the very content it was sent for.
    had = [
        len(
            {
                one["actor"]
                for one in given
                if one["content_hash"] == attempt["approved_hash"] and one["at"] <= attempt["started_at"]
            }
        )
        for attempt in attempts
    ]
    found = f"{min(had)} of {needed} approvals of its content" if had else "nothing was sent"
    yield _proof("What was sent had been approved by enough people", all(n >= needed for n in had), found)
    both = sorted({str(one["actor"]) for one in given} & set(told.makers))
    yield _proof("Nobody who made it approved it", not both, ", ".join(both) or "nobody")


def _of_the_sending(told: PayoutStory, attempts: Rows) -> Iterator[Proof]:
    header = told.header
    frozen = all(
        params_hash(one["params"]).hex() == one["params_hash"]
        and (one["params"]["amount_minor"], one["params"]["currency"]) == (header.net_minor, header.currency)
        for one in attempts
    )
    found = f"{len(attempts)} sent"
    yield _proof("Every attempt carries its frozen parameters and this net amount", frozen, found)
    succeeded = sum(one["state"] == "succeeded" for one in attempts)
    paid = header.status in ("paid", "reversed")
    yield _proof(
        "It succeeded once and no more" if paid else "None of them succeeded",
        succeeded == int(paid),
        f"{succeeded} succeeded",
    )


def _of_the_reservation(conn: Connection, told: PayoutStory) -> Proof:
    header = told.header
    moved = conn.execute(RESERVED, {"id": header.id}).one()
    ended = header.status in ENDED
    return _proof(
        "The reservation ended once, whole" if ended else "The reservation still stands",
        moved.reserved == header.amount_minor and moved.ended == (moved.reserved if ended else 0),
        f"{written(moved.reserved, header.currency)} reserved, {written(moved.ended, header.currency)} ended",
    )


def _of_the_trail(trail: Rows) -> Proof:
    broken = [str(row["seq"]) for row in trail if not is_as_written(row)]
    found = f"rows {', '.join(broken)} are not" if broken else f"{len(trail)} rows"
    return _proof("Every row of the trail about it is as it was written", not broken, found)


def _proof(what: str, holds: object, found: str) -> Proof:
    return Proof(what=what, holds=bool(holds), found=found)


def as_text(value: object) -> str:
    """Return one value as the record writes it: instants in UTC, JSON sorted, hashes as hex, nothing as a dash."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    if value is None or (not isinstance(value, str) and pd.isna(value)):  # type: ignore[call-overload]
        return "—"
    return str(value) or "—"
