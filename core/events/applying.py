"""Applies the events that wait: each once, in one transaction with its own row, or not at all.

    apply_due
      _next         the event whose turn it is, with those about the same change of the same object
      handler.plan  asks the provider; no transaction, lock or connection is held meanwhile
      _apply        one transaction: the events' rows, the effect, their end
      _not_now      one transaction: why not, and when again; or that a person has to look

Whatever ends the process in between leaves the event waiting, and its turn comes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from core.events import Effect, NotYet, handlers
from core.providers.events import EventSource, ProviderEvent
from core.providers.stripe_answers import StripeRefused, WrongAccount
from core.refusals import Refusal

log = logging.getLogger(__name__)

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
)
# The last pause repeats until then; what has not come true in three days will not by waiting.
STUCK_AFTER = timedelta(days=3)
# A provider that does not answer is left alone until the next run.
FAULTS_IN_A_ROW = 3
WORDS_MAX = 300
NOTHING_TO_DO = "nothing to do"
ASKS = (StripeRefused, WrongAccount)


@dataclass(kw_only=True)
class Applied:
    """What a run did: looks at objects; events that had an effect, had none, wait for another try, need a person."""

    looks: int = 0
    applied: int = 0
    ignored: int = 0
    later: int = 0
    stuck: int = 0

    @property
    def ended(self) -> int:
        """Events that wait no more."""
        return self.applied + self.ignored + self.stuck

    def add(self, other: Applied) -> None:
        """Count what another run did with this one."""
        self.looks += other.looks
        self.applied += other.applied
        self.ignored += other.ignored
        self.later += other.later
        self.stuck += other.stuck


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """Events about one object that one look at it answers; the first speaks for all."""

    event: ProviderEvent
    refs: list[str]


def apply_due(
    engine: Engine,
    source: EventSource,
    *,
    now: datetime,
    limit: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Applied:
    """Apply every event whose turn has come at `now`, the oldest turn first, at most `limit` looks at objects.

    A provider that refuses several times in a row ends the run; nothing is lost by it.
    """
    result, faults = Applied(), 0
    while faults < FAULTS_IN_A_ROW and (limit is None or result.looks < limit) and not stopping():
        turn = _next(engine, source.name, now)
        if turn is None:
            break
        result.looks += 1
        faults = 0 if _take_turn(engine, source, turn, result, now=now) else faults + 1
    return result


COUNT_DUE = text("""
    SELECT count(*) FROM provider_event WHERE provider = :provider AND state = 'waiting' AND next_try_at <= :now
""")


def count_due(conn: Connection, provider: str, *, now: datetime) -> int:
    """Return how many events have their turn at `now`."""
    return int(conn.execute(COUNT_DUE, {"provider": provider, "now": now}).scalar_one())


def _take_turn(engine: Engine, source: EventSource, turn: _Turn, result: Applied, *, now: datetime) -> bool:
    """Apply one turn and count it; False when the provider could not be asked, or another process applies it."""
    asked = False
    try:
        handler = handlers().get(turn.event.kind)
        effect = handler.plan(source, turn.event, now) if handler else None
        asked = True
        return _apply(engine, source.name, turn, effect, result, now=now)
    except Refusal as refusal:
        _not_now(engine, source.name, turn, refusal.sentence, result, now=now, stuck=True)
    except (NotYet, *ASKS) as fault:
        _not_now(engine, source.name, turn, str(fault), result, now=now)
        return asked or isinstance(fault, NotYet)
    except Exception as fault:
        # The message may show a row, and with it a person: it stays in the log.
        log.exception("%s %s was not applied", turn.event.kind, turn.event.ref)
        _not_now(engine, source.name, turn, f"{type(fault).__name__}; the log has more", result, now=now)
        return asked
    return True


NEXT = text("""
    WITH first AS (
        SELECT * FROM provider_event
         WHERE provider = :provider AND state = 'waiting' AND next_try_at <= :now
         ORDER BY next_try_at, created_at, ref LIMIT 1)
    SELECT f.ref, f.kind, f.object_ref, f.account, f.created_at,
           (SELECT array_agg(e.ref ORDER BY e.ref) FROM provider_event e
             WHERE e.state = 'waiting' AND e.object_ref = f.object_ref AND e.provider = f.provider
               AND e.kind = f.kind AND e.account IS NOT DISTINCT FROM f.account) AS refs
      FROM first f
""")


def _next(engine: Engine, provider: str, now: datetime) -> _Turn | None:
    with engine.connect() as conn:
        row = conn.execute(NEXT, {"provider": provider, "now": now}).one_or_none()
    if row is None:
        return None
    event = ProviderEvent(
        ref=row.ref, kind=row.kind, object_ref=row.object_ref, account=row.account, created_at=row.created_at
    )
    return _Turn(event=event, refs=row.refs)


TAKE = text("""
    SELECT ref FROM provider_event WHERE provider = :provider AND ref = ANY(:refs) AND state = 'waiting'
     ORDER BY ref FOR UPDATE SKIP LOCKED
""")
END = text("""
    UPDATE provider_event SET state = :state, tries = tries + 1, next_try_at = NULL, ended_at = :now, outcome = :outcome,
                              error = ''
     WHERE provider = :provider AND ref = ANY(:refs) AND state = 'waiting'
""")


def _apply(
    engine: Engine, provider: str, turn: _Turn, effect: Effect | None, result: Applied, *, now: datetime
) -> bool:
    with engine.begin() as conn:
        taken = _take(conn, provider, turn)
        if turn.event.ref not in taken:
            return False
        outcome = (effect(conn, now) if effect else NOTHING_TO_DO)[:WORDS_MAX]
        state = "applied" if effect else "ignored"
        values = {"provider": provider, "refs": taken, "now": now, "state": state, "outcome": outcome}
        conn.execute(END, values)
    result.applied += len(taken) if effect else 0
    result.ignored += 0 if effect else len(taken)
    return True


NOT_NOW = text("""
    UPDATE provider_event
       SET tries = tries + 1, error = :error,
           state = CASE WHEN :stuck OR received_at < :stuck_before THEN 'stuck' ELSE 'waiting' END,
           next_try_at = CASE WHEN :stuck OR received_at < :stuck_before THEN NULL
                              ELSE CAST(:now AS timestamptz)
                                 + (CAST(:pauses AS interval[]))[least(tries, :last) + 1] END,
           ended_at = CASE WHEN :stuck OR received_at < :stuck_before THEN CAST(:now AS timestamptz) END
     WHERE provider = :provider AND ref = ANY(:refs) AND state = 'waiting'
    RETURNING state
""")


def _not_now(
    engine: Engine,
    provider: str,
    turn: _Turn,
    why: str,
    result: Applied,
    *,
    now: datetime,
    stuck: bool = False,
) -> None:
    values = {
        "provider": provider,
        "now": now,
        "error": why[:WORDS_MAX] or "no reason was given",
        "stuck": stuck,
        "stuck_before": now - STUCK_AFTER,
        "pauses": list(PAUSES),
        "last": len(PAUSES) - 1,
    }
    with engine.begin() as conn:
        taken = _take(conn, provider, turn)
        states = list(conn.execute(NOT_NOW, {**values, "refs": taken}).scalars())
    result.stuck += states.count("stuck")
    result.later += states.count("waiting")


def _take(conn: Connection, provider: str, turn: _Turn) -> list[str]:
    return list(conn.execute(TAKE, {"provider": provider, "refs": turn.refs}).scalars())
