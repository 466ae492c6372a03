"""Is there cash: what the provider's account holds against what will leave it, day by day for thirty days.

The balance is the one last seen by a reconciliation, less what payouts have taken since. Against it stand, net, what is
approved or under way (on the day it may leave), what still waits for a person (today, as if all were approved now), and
what is released on each coming day, as if it were paid that day. Money that may be asked for at any time, and is not, is
told beside it. Only what goes by the rail in use counts: other methods do not take from this account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

DAYS = 30
DEFINITION = (
    "The provider’s balance as last seen, less what payouts took since; against it, net: payouts approved or under way on"
    " the day they may leave, pending ones today, and earnings on the day they are released. Charges and top-ups to come"
    " are not known here, and a later refund makes the days after it smaller."
)


@dataclass(frozen=True, kw_only=True)
class Runway:
    """The cash of one currency, in minor units; `balance_minor` None: the provider set no limit.

    `days`: day, currency, approved_minor, pending_minor, releasing_minor, left_minor (None without limit). `short_on` is the
    first day it does not last, `short_minor` how much is missing then. `fits` of the `due` payouts that leave first are
    covered; `available_minor` may be asked for besides.
    """

    currency: str
    seen_at: datetime
    balance_minor: int | None
    sent_since_minor: int
    days: pd.DataFrame
    short_on: date | None
    short_minor: int
    due: int
    fits: int
    available_minor: int

    @property
    def there_minor(self) -> int | None:
        """What is there now."""
        return None if self.balance_minor is None else self.balance_minor - self.sent_since_minor


SEEN = text("""
    SELECT DISTINCT ON (s.currency) s.currency, s.at, s.balance_minor,
           (SELECT coalesce(sum(p.net_minor), 0)::bigint FROM payout p JOIN attempt a ON a.payout_id = p.id
             WHERE p.status IN ('paid', 'reversed') AND p.processed_at > s.at AND p.currency = s.currency
               AND a.state = 'succeeded' AND a.provider = s.provider) AS sent_since
      FROM balance_seen s WHERE s.provider = :provider ORDER BY s.currency, s.at DESC
""")
# In the order they are sent.
LEAVING = text("""
    SELECT p.currency, greatest((coalesce(p.retry_at, p.leaves_at, :now) AT TIME ZONE g.zone)::date, CAST(:today AS date)) AS day,
           p.net_minor
      FROM payout p JOIN program g ON g.id = p.program_id
     WHERE p.status IN ('approved', 'processing', 'retrying')
       AND NOT EXISTS (SELECT 1 FROM rail_in_use u WHERE p.method <> ALL (u.methods))
     ORDER BY p.status <> 'processing', p.priority_rank DESC, p.queued_at, p.id
""")
PENDING = text("""
    SELECT c.currency, sum(c.net_minor)::bigint AS net_minor FROM payout_counter c
     WHERE c.status = 'pending' AND NOT EXISTS (SELECT 1 FROM rail_in_use u WHERE c.method <> ALL (u.methods))
     GROUP BY c.currency
""")
EARLIEST_MARK = text("SELECT min(released_to) FROM partner_balance")
# Nothing is held from before the earliest mark, and the planner estimates far better when it is told that mark. Summed by
# quarters of an hour, of which every zone's offset is a multiple, before the day is found; and by method before the rail is
# asked, for with the rail inside the planner expects a single row.
RELEASING = text("""
    SELECT greatest((s.release_at AT TIME ZONE g.zone)::date, CAST(:today AS date)) AS day, g.currency,
           sum(s.amount)::bigint AS amount_minor
      FROM (SELECT r.program_id, r.method, date_bin('15 minutes', o.release_at, 'epoch') AS release_at,
                   sum(o.amount_minor) AS amount
              FROM open_item o JOIN partner_balance b ON b.partner_id = o.partner_id JOIN partner r ON r.id = o.partner_id
             WHERE o.release_at > :mark AND o.release_at < :until
               AND o.release_at > b.released_to AND o.amount_minor > 0 AND NOT o.on_hold
             GROUP BY 1, 2, 3) s
      JOIN program g ON g.id = s.program_id
     WHERE NOT EXISTS (SELECT 1 FROM rail_in_use u WHERE s.method <> ALL (u.methods))
     GROUP BY 1, 2
""")
AVAILABLE = text("""
    SELECT g.currency, sum(s.available)::bigint AS amount_minor
      FROM (SELECT r.program_id, r.method, sum(b.available) AS available
              FROM partner_balance b JOIN partner r ON r.id = b.partner_id WHERE b.available > 0 GROUP BY 1, 2) s
      JOIN program g ON g.id = s.program_id
     WHERE NOT EXISTS (SELECT 1 FROM rail_in_use u WHERE s.method <> ALL (u.methods))
     GROUP BY g.currency
""")


def runway(conn: Connection, provider: str, *, now: datetime) -> list[Runway]:
    """Return the cash of every currency the provider's balance was seen in; none before the first reconciliation.

    A day is a day in its program's zone, and today the day of UTC.
    """
    today = now.date()
    seen = conn.execute(SEEN, {"provider": provider}).all()
    if not seen:
        return []
    leaving = to_frame(conn.execute(LEAVING, {"now": now, "today": today}))
    pending = {row.currency: row.net_minor for row in conn.execute(PENDING)}
    mark = conn.execute(EARLIEST_MARK).scalar_one()
    until = now + timedelta(days=DAYS)
    releasing = to_frame(conn.execute(RELEASING, {"today": today, "until": until, "mark": mark}))
    available = {row.currency: row.amount_minor for row in conn.execute(AVAILABLE)}
    return [
        _of_currency(
            row.currency,
            seen_at=row.at,
            balance_minor=row.balance_minor,
            sent_since_minor=row.sent_since,
            leaving=leaving[leaving["currency"] == row.currency],
            pending_minor=pending.get(row.currency, 0),
            releasing=releasing[releasing["currency"] == row.currency],
            available_minor=available.get(row.currency, 0),
            today=today,
        )
        for row in seen
    ]


def _of_currency(
    currency: str,
    *,
    seen_at: datetime,
    balance_minor: int | None,
    sent_since_minor: int,
    leaving: pd.DataFrame,
    pending_minor: int,
    releasing: pd.DataFrame,
    available_minor: int,
    today: date,
) -> Runway:
    calendar = [today + timedelta(days=n) for n in range(DAYS)]
    approved = _by_day(leaving, "net_minor", calendar)
    released = _by_day(releasing, "amount_minor", calendar)
    waiting = [pending_minor] + [0] * (DAYS - 1)
    there = None if balance_minor is None else balance_minor - sent_since_minor
    left: list[int | None] = []
    spent = 0
    for leaves, waits, comes in zip(approved, waiting, released, strict=True):
        spent += leaves + waits + comes
        left.append(None if there is None else there - spent)
    short = next(
        ((day, minor) for day, minor in zip(calendar, left, strict=True) if minor is not None and minor < 0),
        None,
    )
    due = [int(minor) for minor in leaving.loc[leaving["day"] == today, "net_minor"].tolist()]
    return Runway(
        currency=currency,
        seen_at=seen_at,
        balance_minor=balance_minor,
        sent_since_minor=sent_since_minor,
        days=pd.DataFrame(
            {
                "day": calendar,
                "currency": currency,
                "approved_minor": approved,
                "pending_minor": waiting,
                "releasing_minor": released,
                "left_minor": pd.array(left, dtype="Int64"),
            }
        ),
        short_on=short[0] if short else None,
        short_minor=-short[1] if short else 0,
        due=len(due),
        fits=_covered(due, there),
        available_minor=available_minor,
    )


def _by_day(rows: pd.DataFrame, column: str, calendar: list[date]) -> list[int]:
    sums = dict.fromkeys(calendar, 0)
    for day, minor in zip(rows["day"].tolist(), rows[column].tolist(), strict=True):
        if day in sums:
            sums[day] += int(minor)
    return list(sums.values())


def _covered(due: list[int], there_minor: int | None) -> int:
    """How many of the first are covered: the sender overtakes none of a currency that has run short."""
    left, covered = there_minor, 0
    for minor in due:
        if left is not None:
            left -= minor
            if left < 0:
                break
        covered += 1
    return covered
