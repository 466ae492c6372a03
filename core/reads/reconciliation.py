"""What the last reconciliation found: days that agree, and the differences that wait for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame
from core.reads.shown import mask


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """The last reconciliation that came to its end: up to when, and what it covered.

    `day` is the last day with money (UTC), with that day's transfers and sums by currency in minor units, theirs.
    """

    until: datetime
    since: datetime
    transfers: int
    day: date | None
    day_transfers: int
    day_totals: dict[str, int]


LAST = text("""
    SELECT since, until, transfers FROM reconciliation WHERE provider = :provider ORDER BY until DESC, id DESC LIMIT 1
""")
LAST_DAY = text("""
    SELECT day, currency, theirs, theirs_minor FROM reconciled_day
     WHERE provider = :provider AND day = (SELECT max(day) FROM reconciled_day WHERE provider = :provider) ORDER BY currency
""")


def last_run(conn: Connection, provider: str) -> LastRun | None:
    """Return the last run with this provider; None: there was none yet."""
    run = conn.execute(LAST, {"provider": provider}).one_or_none()
    if run is None:
        return None
    rows = conn.execute(LAST_DAY, {"provider": provider}).all()
    return LastRun(
        until=run.until,
        since=run.since,
        transfers=run.transfers,
        day=rows[0].day if rows else None,
        day_transfers=sum(row.theirs for row in rows),
        day_totals={row.currency: row.theirs_minor for row in rows},
    )


DAYS = text("""
    SELECT day, currency, ours, ours_minor, theirs, theirs_minor, theirs_minor - ours_minor AS difference_minor
      FROM reconciled_day WHERE provider = :provider
     ORDER BY day DESC, currency LIMIT :limit
""")


def reconciled_days(conn: Connection, provider: str, *, limit: int) -> pd.DataFrame:
    """Return the newest days (UTC) by currency with both sides, net of what came back, in minor units."""
    return to_frame(conn.execute(DAYS, {"provider": provider, "limit": limit}))


OPEN = text("""
    SELECT d.id, d.provider, d.kind, d.provider_ref, d.payout_id, d.amount_minor, d.currency, d.at, d.figures, d.found_at,
           d.gone_at, count(*) OVER ()::bigint AS of
      FROM difference d WHERE d.closed_at IS NULL
     ORDER BY d.found_at, d.id LIMIT :limit
""")


def open_differences(conn: Connection, *, limit: int) -> pd.DataFrame:
    """Return the open differences of every provider, oldest first; `of` is how many there are, `figures` the evidence."""
    return to_frame(conn.execute(OPEN, {"limit": limit}))


OPEN_TOTALS = text("""
    SELECT currency, sum(amount_minor)::bigint AS amount_minor FROM difference WHERE closed_at IS NULL GROUP BY currency
""")


def open_amounts(conn: Connection) -> dict[str, int]:
    """Return what is in question by currency, in minor units."""
    return {row.currency: row.amount_minor for row in conn.execute(OPEN_TOTALS)}


CLOSED = text("""
    SELECT id, kind, provider_ref, payout_id, amount_minor, currency, closed_at, closed_by, close_reason
      FROM difference WHERE closed_at IS NOT NULL ORDER BY closed_at DESC, id DESC LIMIT :limit
""")


def closed_differences(conn: Connection, *, limit: int) -> pd.DataFrame:
    """Return the differences closed last, newest first, by whom and why."""
    return to_frame(conn.execute(CLOSED, {"limit": limit}))


BALANCES = text("""
    SELECT DISTINCT ON (currency) currency, at, balance_minor, since, sent_minor, returned_minor
      FROM balance_seen WHERE provider = :provider ORDER BY currency, at DESC
""")


def balances_seen(conn: Connection, provider: str) -> pd.DataFrame:
    """Return the provider's balance by currency as it was last seen, and what our payouts took since the look before."""
    return to_frame(conn.execute(BALANCES, {"provider": provider}))


OF_A_DAY = text("""
    SELECT p.id AS payout_id, r.code AS partner_code, w.name AS partner_name, p.net_minor, p.currency, p.status,
           a.provider_ref, a.first_sent_at, count(*) OVER ()::bigint AS of
      FROM attempt a JOIN payout p ON p.id = a.payout_id JOIN partner r ON r.id = p.partner_id
      JOIN identity w ON w.id = r.identity_id
     WHERE a.provider = :provider AND a.state = 'succeeded'
       AND a.first_sent_at >= :since AND a.first_sent_at < :until
     ORDER BY a.first_sent_at, p.id LIMIT :limit
""")


def payouts_of_day(
    conn: Connection, provider: str, day: date, *, masked: bool, limit: int = 200
) -> pd.DataFrame:
    """Return the payouts that this provider took on a day (UTC), as they were sent, with its transfers; `of` is how many."""
    since = datetime.combine(day, time(), UTC)
    asked = {"provider": provider, "since": since, "until": since + timedelta(days=1), "limit": limit}
    found = to_frame(conn.execute(OF_A_DAY, asked))
    return mask(found, ("partner_name",)) if masked else found
