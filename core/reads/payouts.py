"""The payout queue: pages of rows, exact totals, the set that matches, and the cards above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, select, text

from core.reads.filters import PayoutFilter, conditions, statuses
from core.reads.frames import to_frame
from core.reads.keyset import read_slice
from core.reads.shown import show
from core.reads.tables import identity, partner, payout, payout_counter, program
from core.reads.views import OPEN_STATUSES, STATUSES_OF_VIEW, open_views

PAGE_ROWS = 50
MOST_AT_ONCE = 5_000

SORTS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "queued_at": (payout.c.queued_at,),
    "priority": (payout.c.priority_rank, payout.c.queued_at),
    "amount": (payout.c.amount_minor,),
    "net": (payout.c.net_minor,),
    "partner": (func.lower(func.coalesce(identity.c.name, partner.c.code)),),
    "status": (payout.c.status, payout.c.queued_at),
    "id": (),
}


@dataclass(frozen=True, kw_only=True)
class PayoutPage:
    """One page of the queue with the columns of `core.reads.shown.show`; the cursors are None at the ends."""

    frame: pd.DataFrame
    previous: str | None
    next: str | None


def list_payouts(
    conn: Connection,
    wanted: PayoutFilter,
    *,
    now: datetime,
    masked: bool,
    sort: str = "queued_at",
    descending: bool = True,
    cursor: str | None = None,
    limit: int = PAGE_ROWS,
) -> PayoutPage:
    """Return one page of what the filter matches, in the order of `sort` (a key of SORTS; another is queued_at).

    `cursor` is `next` or `previous` of a page seen before; masked people are sorted by code.
    """
    keys = SORTS.get(sort, SORTS["queued_at"])
    source: Any = payout
    if sort == "partner":
        source = payout.join(partner, partner.c.id == payout.c.partner_id)
        if masked:
            keys = (partner.c.code,)
        else:
            source = source.join(identity, identity.c.id == partner.c.identity_id)
    page = read_slice(
        conn,
        source,
        conditions(conn, wanted, now=now, masked=masked),
        id_column=payout.c.id,
        keys=keys,
        descending=descending,
        cursor=cursor,
        limit=limit,
    )
    return PayoutPage(
        frame=show(conn, page.ids, now=now, masked=masked), previous=page.previous, next=page.next
    )


def every_payout(
    conn: Connection,
    wanted: PayoutFilter,
    *,
    now: datetime,
    masked: bool,
    sort: str = "queued_at",
    descending: bool = True,
    rows: int = 1_000,
) -> Iterator[pd.DataFrame]:
    """Yield all that matches in frames of up to `rows`, for taking it home; at least one frame, maybe empty."""
    cursor: str | None = None
    while True:
        page = list_payouts(
            conn,
            wanted,
            now=now,
            masked=masked,
            sort=sort,
            descending=descending,
            cursor=cursor,
            limit=rows,
        )
        yield page.frame
        cursor = page.next
        if cursor is None:
            return


def totals(conn: Connection, wanted: PayoutFilter, *, now: datetime, masked: bool) -> pd.DataFrame:
    """Return currency, count, amount_minor (gross), fee_minor and net_minor of all that matches, per currency.

    Counters answer when only status, program and method are asked for; both ways give the same figures.
    """
    of_status = statuses(wanted)
    plain = PayoutFilter(view=wanted.view, status=wanted.status, method=wanted.method, program=wanted.program)
    if of_status is not None and wanted == plain:
        rows: Any = payout_counter
        count: ColumnElement[Any] = func.sum(rows.c.n)
        where = [rows.c.status.in_(of_status)]
        if wanted.method:
            where.append(rows.c.method == wanted.method)
        if wanted.program:
            code = select(program.c.id).where(program.c.code == wanted.program)
            where.append(rows.c.program_id == code.scalar_subquery())
    else:
        rows, count = payout, func.count()
        where = conditions(conn, wanted, now=now, masked=masked)
    gross, net = func.sum(rows.c.amount_minor), func.sum(rows.c.net_minor)
    query = (
        select(
            rows.c.currency,
            _whole(count).label("count"),
            _whole(gross).label("amount_minor"),
            _whole(gross - net).label("fee_minor"),
            _whole(net).label("net_minor"),
        )
        .where(*where)
        .group_by(rows.c.currency)
        .having(count != 0)
        .order_by(rows.c.currency)
    )
    return to_frame(conn.execute(query))


def _whole(figure: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(figure, BigInteger)


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The set a person takes on: frame with id, version, status, currency, amount_minor, fee_minor, net_minor;
    `more` tells that the limit cut it off.
    """

    frame: pd.DataFrame
    more: bool


def matching(
    conn: Connection, wanted: PayoutFilter, *, now: datetime, masked: bool, limit: int = MOST_AT_ONCE
) -> Matching:
    """Return all that matches, oldest first, up to `limit`, as it is now: what 'select all' fixes."""
    query = (
        select(
            payout.c.id,
            payout.c.version,
            payout.c.status,
            payout.c.currency,
            payout.c.amount_minor,
            payout.c.fee_minor,
            payout.c.net_minor,
        )
        .where(*conditions(conn, wanted, now=now, masked=masked))
        .order_by(payout.c.queued_at, payout.c.id)
        .limit(limit + 1)
    )
    frame = to_frame(conn.execute(query))
    return Matching(frame=frame.head(limit), more=len(frame) > limit)


@dataclass(frozen=True, kw_only=True)
class Counters:
    """The cards and the views' counts.

    `cards`: card (pending, approved, processing, retrying, paid_today), currency, count, amount_minor, fee_minor,
    net_minor; paid_today is by the day paid in each program's zone. `views`: payouts per view.
    """

    cards: pd.DataFrame
    views: dict[str, int]


COUNT_BY_STATUS = text("""
    SELECT status AS card, currency, sum(n)::bigint AS count, sum(amount_minor)::bigint AS amount_minor,
           sum(amount_minor - net_minor)::bigint AS fee_minor, sum(net_minor)::bigint AS net_minor
      FROM payout_counter GROUP BY status, currency HAVING sum(n) <> 0
     ORDER BY status, currency
""")
PAID_TODAY = text("""
    SELECT 'paid_today' AS card, g.currency,
           coalesce(sum(t.n) FILTER (WHERE t.measure = 'paid'), 0)::bigint AS count,
           coalesce(sum(t.amount_minor) FILTER (WHERE t.measure = 'paid'), 0)::bigint AS amount_minor,
           coalesce(sum(t.amount_minor) FILTER (WHERE t.measure = 'payout_fee'), 0)::bigint AS fee_minor,
           coalesce(sum(CASE t.measure WHEN 'paid' THEN t.amount_minor ELSE -t.amount_minor END), 0)::bigint AS net_minor
      FROM program g JOIN daily_total t ON t.program_id = g.id AND t.day = (:now AT TIME ZONE g.zone)::date
     WHERE t.measure IN ('paid', 'payout_fee')
     GROUP BY g.currency ORDER BY g.currency
""")


def counters(conn: Connection, *, now: datetime) -> Counters:
    """Return what the cards above the queue and its view switch show."""
    by_status = to_frame(conn.execute(COUNT_BY_STATUS))
    paid_today = to_frame(conn.execute(PAID_TODAY, {"now": now}))
    views = {
        view: int(by_status.loc[by_status["card"].isin(of_view), "count"].sum())
        for view, of_view in STATUSES_OF_VIEW.items()
    }
    return Counters(
        cards=pd.concat([by_status[by_status["card"].isin(OPEN_STATUSES)], paid_today], ignore_index=True),
        views=views | {name: view.count for name, view in open_views(conn, now=now).items()},
    )


LIST_FOR_SCRIPTS = text("""
    SELECT p.id, r.code AS partner_code, g.code AS program, p.status, p.priority, p.method, p.currency,
           p.amount_minor, p.fee_minor, p.net_minor, sent.provider_ref, p.queued_at AS requested_at, p.retry_at
      FROM payout p JOIN partner r ON r.id = p.partner_id JOIN program g ON g.id = p.program_id
      LEFT JOIN attempt sent ON sent.payout_id = p.id AND sent.state = 'succeeded'
     WHERE (CAST(:status AS text) IS NULL OR p.status = :status)
       AND (CAST(:program AS text) IS NULL OR g.code = :program)
       AND (CAST(:partner AS text) IS NULL OR r.code = :partner)
     ORDER BY p.id DESC LIMIT :limit
""")


def payouts_as_json(
    conn: Connection,
    *,
    status: str | None = None,
    program: str | None = None,
    partner: str | None = None,
    limit: int = 1_000,
) -> list[dict[str, object]]:
    """Return payouts newest first as the command line prints them; instants are aware datetimes."""
    rows = conn.execute(
        LIST_FOR_SCRIPTS, {"status": status, "program": program, "partner": partner, "limit": limit}
    )
    return [dict(row) for row in rows.mappings()]
