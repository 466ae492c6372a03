"""Rates that say something is going wrong although every single case is dealt with: each with its limit.

A rate of a handful says nothing, so each needs enough cases to be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

UNKNOWN_AFTER = timedelta(hours=1)
FAILURES_PCT = 5
WEBHOOKS_PCT = 2
PROCESSING_S = 30
DROP_PCT = 50
ENOUGH_PAYOUTS, ENOUGH_EVENTS, ENOUGH_TIMES, ENOUGH_A_DAY = 20, 20, 5, 10


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate beside its limit, in its own unit, per cent or seconds; `found` is None where the cases are too few for one."""

    name: str
    sentence: str
    found: float | None
    limit: int

    @property
    def over(self) -> bool:
        """Whether it is over its limit."""
        return self.found is not None and self.found > self.limit


ENDED = text("""
    SELECT count(*) AS n, count(*) FILTER (WHERE status = 'failed') AS failed FROM payout
     WHERE processed_at > :after AND status IN ('paid', 'reversed', 'failed')
""")
EVENTS = text("""
    SELECT count(*) AS n, count(*) FILTER (WHERE state = 'stuck' OR (state = 'waiting' AND error <> '')) AS failed
      FROM provider_event WHERE received_at > :after
""")
# What goes by a payment file takes days, and that is how it should be.
TIMES = text("""
    SELECT count(*) AS n, avg(extract(epoch FROM p.processed_at - a.first_sent_at)) AS average_s
      FROM payout p
     CROSS JOIN LATERAL (SELECT provider, first_sent_at FROM attempt WHERE payout_id = p.id ORDER BY n DESC LIMIT 1) a
     WHERE p.processed_at > :after AND p.status IN ('paid', 'failed') AND a.first_sent_at <= p.processed_at
       AND a.provider <> 'file'
""")
# By the programs' own days: weekly schedules make one weekday unlike another, so it is compared with the same one.
VOLUME = text("""
    SELECT coalesce(sum(n) FILTER (WHERE day = :day), 0) AS yesterday,
           coalesce(sum(n) FILTER (WHERE day < :day), 0) / 4.0 AS before
      FROM daily_total WHERE measure = 'paid' AND day = ANY(:days)
""")


def rates(conn: Connection, *, now: datetime) -> Iterator[Rate]:
    """Yield every rate as it is at `now`, beside its limit."""
    ended = conn.execute(ENDED, {"after": now - timedelta(days=1)}).one()
    found = _pct(ended.failed, ended.n) if ended.n >= ENOUGH_PAYOUTS else None
    sentence = f"{found or 0:g}% of the payouts of the last 24 hours failed, more than {FAILURES_PCT}%."
    yield Rate(name="failure_rate", sentence=sentence, found=found, limit=FAILURES_PCT)
    events = conn.execute(EVENTS, {"after": now - timedelta(days=1)}).one()
    found = _pct(events.failed, events.n) if events.n >= ENOUGH_EVENTS else None
    sentence = f"{found or 0:g}% of the provider's events of the last 24 hours are not applied, more than {WEBHOOKS_PCT}%."
    yield Rate(name="webhook_failures", sentence=sentence, found=found, limit=WEBHOOKS_PCT)
    times = conn.execute(TIMES, {"after": now - timedelta(hours=1)}).one()
    found = round(float(times.average_s), 1) if times.n >= ENOUGH_TIMES else None
    sentence = f"Payouts of the last hour took {found or 0:g} s at the provider, more than {PROCESSING_S} s."
    yield Rate(name="slow_processing", sentence=sentence, found=found, limit=PROCESSING_S)
    day = now.date() - timedelta(days=1)
    days = [day - timedelta(days=7 * weeks) for weeks in range(5)]
    volume = conn.execute(VOLUME, {"day": day, "days": days}).one()
    before = float(volume.before)
    found = _pct(before - float(volume.yesterday), before) if before >= ENOUGH_A_DAY else None
    sentence = f"Yesterday {found or 0:g}% fewer payouts were paid than on the same weekday before, more than {DROP_PCT}%."
    yield Rate(name="volume_drop", sentence=sentence, found=found, limit=DROP_PCT)


def rates_over_limit(conn: Connection, *, now: datetime) -> Iterator[Rate]:
    """Yield each rate that is over its limit at `now`."""
    yield from (rate for rate in rates(conn, now=now) if rate.over)


def _pct(part: float, whole: float) -> float:
    return round(100 * part / whole, 1)
