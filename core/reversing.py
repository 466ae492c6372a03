"""Pulling agreed money back: beside sending the one place of the domain that spans several transactions.

    reverse_due                    one run: what is due, one after the other
      Gate.look                 0  once per process: account, provider's books and ours                       nothing held
      _take                     1  one reversal and its lease, under the key and parameters it was agreed with    COMMIT
      provider.reverse          2  no transaction, no lock, no connection held
        or .find_reversal          where its key may have been forgotten, or sending is stopped
      record_reversal           3  write what came of it, if the lease is still ours; what came back is booked    COMMIT

The protocol is the one of `core/sending.py` and `core/resolving.py`: silence is asked about again with the same key and
the same bytes within 23 hours of the first send, and after that the provider's books are only looked at. What three looks
over an hour do not find waits for two people; a refusal is the end of this reversal, and another one takes two people.

What was agreed on so long ago that a key of it may have been used and forgotten, as after a restore of an older backup, is
looked up before it is asked for the first time.

While sending is stopped nothing is asked of the provider under any key: what was never sent waits, the rest is looked up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from core.claiming import Claim, claim_of, rule_of
from core.gate import Gate
from core.outcomes import Outcome
from core.providers import Absent, Provider, Unknown
from core.resolving import KEY_LIVES, NOT_YET
from core.reversal_outcomes import ACTOR, record_reversal
from core.sending import SendResult

# Both clocks must agree that the key still lives: the desk's, which may be moved, and the database's, which may not.
TAKE = text("""
    UPDATE reversal SET lease_epoch = lease_epoch + 1,
                        lease_until = clock_timestamp() + make_interval(secs => :lease_s),
                        first_sent_at = coalesce(first_sent_at, clock_timestamp()), sent_at = coalesce(sent_at, :now)
     WHERE (payout_id, n) IN (SELECT payout_id, n FROM reversal
                               WHERE state IN ('started', 'unknown') AND provider = :provider
                                 AND (state = 'started' OR next_look_at <= :now OR payout_id = :only)
                                 AND (lease_until IS NULL OR lease_until <= clock_timestamp())
                                 AND (first_sent_at IS NOT NULL
                                      OR NOT EXISTS (SELECT 1 FROM sending_stop s WHERE s.started_at IS NULL))
                                 AND (CAST(:only AS bigint) IS NULL OR payout_id = :only)
                               ORDER BY started_at, payout_id LIMIT 1
                                 FOR UPDATE SKIP LOCKED)
    RETURNING payout_id, n, idem_key, params, params_hash, lease_epoch,
              :now - sent_at < :key_lives AND clock_timestamp() - first_sent_at < :key_lives AS key_lives,
              :now - started_at >= :key_lives AS agreed_long_ago,
              EXISTS (SELECT 1 FROM sending_stop s WHERE s.started_at IS NULL) AS stopped
""")
DUE = text("""
    SELECT count(*) AS n, currency, sum(amount_minor)::bigint AS amount_minor FROM reversal
     WHERE state IN ('started', 'unknown') AND provider = :provider AND (state = 'started' OR next_look_at <= :now)
     GROUP BY currency
""")


def reverse_due(
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
    """Pull back what was agreed on and ask about every reversal without an answer that is due; return what came of it.

    `only` is one payout's id, which is due now; `dry_run` counts. Nothing new is taken once `stopping` says so.
    `gate` is this process's: until it opens everything is only looked up.
    """
    result = SendResult()
    with engine.connect() as conn:
        due = conn.execute(DUE, {"now": now, "provider": provider.name}).all()
    if dry_run:
        for row in due:
            result.count += row.n
            result.amounts[row.currency] += row.amount_minor
        return result
    shut = bool(due) and gate is not None and not gate.look(engine, provider, actor=ACTOR, now=now)
    while (limit is None or result.count < limit) and not stopping():
        taken = _take(engine, provider, now=now, only=only, shut=shut)
        if taken is None:
            break
        outcome = _ask(engine, provider, taken, now=now)
        result.add(taken.claim, Unknown(message="absent") if isinstance(outcome, Absent) else outcome)
        if only is not None:
            break
    return result


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One reversal to ask about; `sends` says whether its key may go out now, `key_lives` whether it ever may."""

    claim: Claim
    key_lives: bool
    sends: bool
    looks_first: bool  # it may have been sent by a process whose books were lost


def _take(engine: Engine, provider: Provider, *, now: datetime, only: int | None, shut: bool) -> Taken | None:
    values = {
        "provider": provider.name,
        "lease_s": provider.lease_s,
        "now": now,
        "only": only,
        "key_lives": KEY_LIVES,
    }
    try:
        with engine.begin() as conn:
            row = conn.execute(TAKE, values).one_or_none()
            if row is None:
                return None
            claim = claim_of(row, now=now)
    except IntegrityError as fault:
        if rule_of(fault) == "nothing_leaves_while_stopped":  # stopped just now
            return None
        raise
    order = replace(claim.order, asked_before=row.lease_epoch > 1)
    return Taken(
        claim=replace(claim, order=order),
        key_lives=row.key_lives,
        sends=row.key_lives and not row.stopped and not shut,
        looks_first=row.agreed_long_ago,
    )


def _ask(engine: Engine, provider: Provider, taken: Taken, *, now: datetime) -> Outcome:
    """Call the provider with nothing held, then record what came of it."""
    claim, begun, what = taken.claim, time.monotonic(), "reverse"
    try:
        outcome: Outcome = Absent()
        if taken.looks_first or not taken.sends:
            what, outcome = "find", provider.find_reversal(claim.order)
        if taken.sends and isinstance(outcome, Absent):
            what, outcome = "reverse", provider.reverse(claim.order)
        if isinstance(outcome, Absent) and taken.key_lives:
            outcome = NOT_YET
    except Exception as fault:  # noqa: BLE001 - whatever broke after the request left: the money may have moved
        outcome = Unknown(message=f"{type(fault).__name__}: {fault}"[:500])
    duration_ms = round((time.monotonic() - begun) * 1000)
    with engine.begin() as conn:
        record_reversal(
            conn,
            claim.order,
            outcome,
            lease_epoch=claim.lease_epoch,
            what=what,
            duration_ms=duration_ms,
            now=now,
        )
    return outcome
