"""Unknown outcomes: ask again under the same key while the provider remembers it, then only look.

Within 23 hours of the first send the same key and the same bytes go out again: the provider answers with what the key
already did. After that a key may have been forgotten and would pay a second time, so nothing is ever sent again: the
transfer is looked up by its group, adopted when found, and left to people when three looks over an hour find nothing.

While sending is stopped nothing goes out under any key: everything is only looked up. Looks within the key's life prove
no absence, since the key may still be asked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from core.access import job_actor
from core.breaker import to_try
from core.claiming import Claim, claim_of
from core.gate import Gate
from core.outcomes import Outcome, record_outcome
from core.providers import Absent, Provider, Unknown
from core.sending import SendResult
from core.stops import stop_sending

KEY_LIVES = timedelta(hours=23)

# Both clocks must agree that the key still lives: the desk's, which may be moved, and the database's, which may not.
ASK = text("""
    UPDATE attempt SET lease_epoch = lease_epoch + 1,
                       lease_until = clock_timestamp() + make_interval(secs => :lease_s)
     WHERE (payout_id, n) IN (SELECT payout_id, n FROM attempt
                               WHERE state = 'unknown' AND provider = :provider
                                 AND (next_look_at <= :now OR payout_id = :only)
                                 AND lease_until <= clock_timestamp()
                                 AND (CAST(:only AS bigint) IS NULL OR payout_id = :only)
                               ORDER BY next_look_at LIMIT 1
                                 FOR UPDATE SKIP LOCKED)
    RETURNING payout_id, n, idem_key, params, params_hash, lease_epoch,
              :now - started_at < :key_lives AND clock_timestamp() - first_sent_at < :key_lives AS key_lives,
              EXISTS (SELECT 1 FROM sending_stop s WHERE s.started_at IS NULL) AS stopped
""")
OPEN = text("""
    SELECT count(*) AS n, params ->> 'currency' AS currency, sum((params ->> 'amount_minor')::bigint)::bigint AS net
      FROM attempt
     WHERE state = 'unknown' AND next_look_at <= :now AND provider = :provider
     GROUP BY 2
""")


def resolve_due(
    engine: Engine,
    provider: Provider,
    *,
    now: datetime,
    limit: int | None = None,
    only: int | None = None,
    dry_run: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    gate: Gate | None = None,
) -> SendResult:
    """Ask about every unknown outcome that is due, one after the other, and return what came of it.

    A provider that has fallen silent is tried with one that is not due yet. Until this process's `gate` is open, and while
    sending is stopped, everything is only looked up. Several transfers of one payout stop all sending.
    """
    result = SendResult()
    if dry_run:
        with engine.connect() as conn:
            for row in conn.execute(OPEN, {"now": now, "provider": provider.name}):
                result.count += row.n
                result.amounts[row.currency] += row.net
        return result
    shut = gate is not None and not gate.look(engine, provider, actor=job_actor("resolve"), now=now)
    with engine.connect() as conn:
        first = only or to_try(conn, provider.name, now=now)
    while (limit is None or result.count < limit) and not stopping():
        with engine.begin() as conn:
            asked = _next(conn, provider, now=now, only=first)
        if asked is None and first == only:
            break
        first = only
        if asked is None:
            continue
        outcome = _ask(engine, provider, replace(asked, sends=asked.sends and not shut), now=now)
        if isinstance(outcome, Unknown) and outcome.code in DUPLICATE:
            _stop_for(engine, asked.claim.order.payout_id, outcome, now=now)
        result.add(asked.claim, Unknown(message="absent") if isinstance(outcome, Absent) else outcome)
        if only is not None:
            break
    return result


# What a look calls several transfers of one payout: one of them was made by no attempt of ours.
DUPLICATE = frozenset({"duplicate", "duplicate_transfers"})


def _stop_for(engine: Engine, payout_id: int, outcome: Unknown, *, now: datetime) -> None:
    why = f"The provider holds more than one transfer for payout {payout_id}: {outcome.message}"
    with engine.begin() as conn:
        stop_sending(conn, why=why, actor=job_actor("resolve"), now=now)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One attempt to ask about; `sends` says whether its key may go out again, `key_lives` whether it ever may."""

    claim: Claim
    key_lives: bool
    sends: bool


def _next(conn: Connection, provider: Provider, *, now: datetime, only: int | None) -> Asked | None:
    values = {
        "provider": provider.name,
        "lease_s": provider.lease_s,
        "now": now,
        "only": only,
        "key_lives": KEY_LIVES,
    }
    row = conn.execute(ASK, values).one_or_none()
    if row is None:
        return None
    return Asked(
        claim=claim_of(row, now=now), key_lives=row.key_lives, sends=row.key_lives and not row.stopped
    )


NOT_YET = Unknown(message="Not in the provider's books; asked again under its key when sending goes on")


def _ask(engine: Engine, provider: Provider, asked: Asked, *, now: datetime) -> Outcome:
    claim, begun = asked.claim, time.monotonic()
    try:
        outcome: Outcome = provider.send(claim.order) if asked.sends else provider.find(claim.order)
        if isinstance(outcome, Absent) and asked.key_lives:
            outcome = NOT_YET
    except Exception as fault:  # noqa: BLE001 - no answer is no answer, whatever broke
        outcome = Unknown(message=f"{type(fault).__name__}: {fault}"[:500])
    duration_ms = round((time.monotonic() - begun) * 1000)
    with engine.begin() as conn:
        record_outcome(
            conn,
            claim.order,
            outcome,
            lease_epoch=claim.lease_epoch,
            what="send" if asked.sends else "find",
            duration_ms=duration_ms,
            now=now,
        )
    return outcome
