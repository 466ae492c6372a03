"""The circuit breaker: a provider that gives no answer, again and again, is asked about what is open, and nothing more is sent.

It is read from the calls that were made, so it holds for every process and outlives them all. While it is open nothing new
is claimed as long as the resolver still asks about something: its answer closes it. Where nothing is open any more, one
payout is tried first, later each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core.providers import Declined, Succeeded, Unknown

# So many calls in a row without an answer, or refused for now by a provider that is not well.
OPENS_AFTER = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=15)
LOOKED_AT = 12

# The newest calls first; a look into the provider's books that found nothing is an answer too.
LAST_CALLS = text("""
    SELECT c.at, c.outcome = 'unknown' OR (c.outcome = 'declined' AND a.error_class = 'transient') AS without_answer
      FROM (SELECT payout_id, n, at, outcome, id FROM attempt_call ORDER BY id DESC LIMIT :looked_at) c
      JOIN attempt a USING (payout_id, n)
     WHERE a.provider = :provider
     ORDER BY c.id DESC
""")
ASKED_ABOUT = text("""
    SELECT EXISTS (SELECT 1 FROM attempt WHERE state IN ('started', 'unknown') AND provider = :provider
                      AND (state = 'started' OR next_look_at IS NOT NULL))
""")


def unanswered(outcome: Succeeded | Declined | Unknown) -> bool:
    """Tell whether an outcome says that the provider is not well, and nothing about the payout."""
    return isinstance(outcome, Unknown) or (
        isinstance(outcome, Declined) and outcome.error_class == "transient"
    )


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """Whether the provider has fallen silent (`open`), and whether it is time to try it with one call."""

    open: bool
    may_try: bool


CLOSED = Breaker(open=False, may_try=True)


def breaker(conn: Connection, provider: str, *, now: datetime) -> Breaker:
    """Return the breaker as the calls of this provider leave it."""
    calls = conn.execute(LAST_CALLS, {"provider": provider, "looked_at": LOOKED_AT}).all()
    silent = next((place for place, call in enumerate(calls) if not call.without_answer), len(calls))
    if silent < OPENS_AFTER:
        return CLOSED
    pause = min(FIRST_PAUSE * 2 ** (silent - OPENS_AFTER), LONGEST_PAUSE)
    return Breaker(open=True, may_try=now - calls[0].at >= pause)


def may_claim(conn: Connection, provider: str, *, now: datetime) -> int | None:
    """Return how many payouts a run may claim before an answer comes: None for all, 0, or 1 to try the provider."""
    state = breaker(conn, provider, now=now)
    if not state.open:
        return None
    if conn.execute(ASKED_ABOUT, {"provider": provider}).scalar_one():
        return 0
    return int(state.may_try)


FIRST_IN_LINE = text("""
    SELECT payout_id FROM attempt
     WHERE state = 'unknown' AND provider = :provider AND next_look_at IS NOT NULL ORDER BY next_look_at LIMIT 1
""")


def to_try(conn: Connection, provider: str, *, now: datetime) -> int | None:
    """Return the payout whose outcome is asked about before its time, to find out whether the provider answers again."""
    state = breaker(conn, provider, now=now)
    if not (state.open and state.may_try):
        return None
    first: int | None = conn.execute(FIRST_IN_LINE, {"provider": provider}).scalar()
    return first
