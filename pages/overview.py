"""What needs me, what leaves today, what changed since I was here, and is everything running."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from core.reads.overview import Overview, overview
from core.reads.visits import last_visit
from core.reports.runway import runway
from core.stops import current_stop
from pages.shared import automatic, charts, colours, elements, frame, needs, not_paid, running, status
from pages.shared import format as fmt
from pages.shared import runway as cash
from pages.shared.cells import number
from pages.shared.drawing import draw
from pages.shared.lines import figure, line, quiet
from pages.shared.timed import waiting_line

QUEUE, PARTNERS = "pages/queue.py", "pages/partners.py"
LEAVES, STOPPED = "Leaves today", "Waits for sending"
SHOWN_METHODS = 6
DATES_OF_A_QUARTER = 3  # as many as fit under a chart of a quarter of the page
COMING = timedelta(days=7)


def page() -> None:
    """Draw the page."""
    now, person = frame.now(), frame.person()
    with frame.reading() as conn:
        since = last_visit(conn, person.name)
        seen = overview(conn, now=now, since=since, reader=f"user:{person.name}")
        lasting = runway(conn, frame.settings().provider, now=now)
        leaving = LEAVES if current_stop(conn) is None else STOPPED
    frame.header(
        "Overview",
        "What needs you, and what leaves today?",
        at=now,
        tools=lambda: _review(seen) if person.may("approve payouts") else None,
    )
    _figures(seen, leaving, now)
    middle = st.grid(2, min_column_width=400)
    name = "Yours to decide" if person.may("approve payouts") else "To be decided"
    with elements.card(middle, name), st.container(gap="xxsmall"):
        needs.mine(seen, now)
        needs.taken_out(seen, now)
    with elements.card(middle, "Not yours today", "whose move it is"), st.container(gap="xxsmall"):
        needs.others(seen, now)
        automatic.lines(now)
    bottom = st.grid(4, min_column_width=240)
    with elements.card(bottom, leaving, "net"):
        _leaves(seen)
        st.markdown(elements.title("Is there cash?", "30 days"))
        cash.lines(lasting, now.date())
    with elements.card(bottom, "Releases coming", _releases_note(seen)):
        _releases(seen)
    with elements.card(bottom, "Since your last visit", _visit_note(since, now)):
        _since(seen, since)
        not_paid.lines(now)
    with elements.card(bottom, "Health"):
        running.draw(seen, now)


def _review(seen: Overview) -> None:
    """The one next step: what is ready, else what waits for the reader as its second person."""
    ready, second = seen.ready.count, _second(seen)
    count, what, view = (ready, "payout", "ready") if ready else (second, "second approval", "second_person")
    if count and elements.primary(f"Review {fmt.count(count, what)}", "fact_check", key="review"):
        st.switch_page(QUEUE, query_params={"view": view})


def _second(seen: Overview) -> int:
    return seen.second_person.count - seen.second_person.mine


def _figures(seen: Overview, leaving: str, now: datetime) -> None:
    grid = st.grid(4, min_column_width=220)
    second = f"{_second(seen):,} for a second person" if _second(seen) else ""
    told = needs.oldest(seen.ready, now) if seen.ready.count or not second else ""
    note = ", ".join(one for one in (told, second) if one)
    _note(grid, "Ready to approve", fmt.count(seen.ready.count, "payout"), note)
    partner = int(seen.blocked_by.loc[seen.blocked_by["whose"] == "partner", "count"].sum())
    note = f"{partner:,} wait for the partner" if partner else "nothing waits for a partner"
    _note(grid, "Blocked", fmt.count(seen.blocked.count, "payout"), note)
    _sum(grid, leaving, seen.leaves_today, of=("net_minor", "payout"), nothing="nothing approved waits")
    soon = _within(seen.releases, now)
    _sum(grid, "Releases within 7 days", soon, of=("amount_minor", "earning"), nothing="nothing is due")


def _note(grid: st.delta_generator.DeltaGenerator, label: str, value: str, note: str) -> None:
    grid.metric(label, value, delta=None, delta_description=note, border=True, height="stretch")


def _sum(
    grid: st.delta_generator.DeltaGenerator,
    label: str,
    rows: pd.DataFrame,
    *,
    of: tuple[str, str],
    nothing: str,
) -> None:
    """One sum (`of`: its column, and what is counted) in the currency most rows are in; the others stand in its note."""
    column, noun = of
    currency = _leading(rows, "count")
    if currency is None:
        _note(grid, label, fmt.ABSENT, nothing)
        return
    mine = _of(rows, currency)
    counted = fmt.count(int(mine["count"].sum()), noun)
    value = fmt.money(int(mine[column].sum()), currency)
    _note(grid, f"{label}, {currency}", value, counted + _others(rows, column, currency))


def _others(shown: pd.DataFrame, column: str, currency: str) -> str:
    sums = shown[shown["currency"] != currency].groupby("currency")[column].sum()
    return "".join(f", and {fmt.money(int(minor), str(other))}" for other, minor in sums.items())


def _of(shown: pd.DataFrame, currency: str) -> pd.DataFrame:
    return shown[shown["currency"] == currency]


def _leading(shown: pd.DataFrame, column: str) -> str | None:
    """The currency most of it is in: the one a single card shows, the others stand in its note."""
    if shown.empty:
        return None
    return str(shown.groupby("currency")[column].sum().astype(int).idxmax())


def _within(releases: pd.DataFrame, now: datetime) -> pd.DataFrame:
    days = pd.to_datetime(releases["day"]).dt.date
    return releases[days <= (now + COMING).date()]


def _releases_note(seen: Overview) -> str:
    currency = _leading(seen.releases, "count")
    return f"{currency}, 30 days" if currency else "30 days"


def _releases(seen: Overview) -> None:
    currency = _leading(seen.releases, "count")
    if currency is None:
        st.caption("Nothing is held. Earnings of the next import wait here for their release day.")
        return
    chart = charts.money_over_time(
        _of(seen.releases, currency),
        [charts.Series("amount_minor", "Becomes available", "amber")],
        currency=currency,
        colours=colours.palette(st.context.theme.type),
        height=charts.THIRD,
        dates=DATES_OF_A_QUARTER,
    )
    draw(chart, key="releases")


def _leaves(seen: Overview) -> None:
    waiting_line(seen.timed, frame.now())
    if seen.leaves_today.empty and not seen.timed.count:
        st.caption("Nothing is approved. What you approve in the queue leaves within seconds.")
        return
    with st.container(gap="xxsmall"):
        for row in seen.leaves_today.head(SHOWN_METHODS).itertuples():
            line(
                f"{row.currency} · {fmt.method(str(row.method))} :gray[:small[{row.count:,}]]",
                figure(fmt.money(number(row.net_minor), str(row.currency))),
                page=QUEUE,
                query={"view": "leaves", "currency": str(row.currency), "method": str(row.method)},
            )


def _visit_note(since: datetime | None, now: datetime) -> str:
    return fmt.moment(since, frame.zone(), now) if since else "your first"


def _since(seen: Overview, since: datetime | None) -> None:
    visit = seen.since_visit
    if since is None or visit is None:
        st.caption("From your next visit on, this says what was paid, what failed and who is new.")
        return
    after = since.isoformat()
    with st.container(gap="xxsmall"):
        for row in visit.paid.itertuples():
            line(
                f"{row.count:,} paid, {row.currency}",
                figure(fmt.money(number(row.net_minor), str(row.currency))),
                page=QUEUE,
                icon="check_circle",
                query={"view": "all", "status": "paid", "currency": str(row.currency), "ended_after": after},
            )
        for row in visit.failed.itertuples():
            line(
                f"{row.count:,} failed",
                quiet(status.look(str(row.code)).word),
                page=QUEUE,
                icon="error",
                query={"view": "all", "status": "failed", "ended_after": after},
            )
        if visit.queued:
            line(
                f"{fmt.count(visit.queued, 'payout')} queued",
                page=QUEUE,
                icon="inbox",
                query={"view": "all", "queued_after": after},
            )
        if visit.new_partners:
            line(
                f"{fmt.count(visit.new_partners, 'new partner')}",
                page=PARTNERS,
                icon="person_add",
                query={"only": "new", "since": after},
            )
        if visit.paid.empty and visit.failed.empty and not visit.new_partners and not visit.queued:
            st.markdown(":small[Nothing was queued or paid, nothing failed, nobody is new.]")


page()
