"""Do our books and the provider's agree."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.reads.reconciliation import (
    LastRun,
    balances_seen,
    closed_differences,
    last_run,
    open_amounts,
    open_differences,
    reconciled_days,
)
from core.reconcile_requests import last_request
from pages.shared import address, comparing, elements, frame, reconciled_day, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to, number
from pages.shared.differences import difference_rows, kind_badge, subject
from pages.shared.lines import card_text
from pages.shared.timetable import TIMETABLE

SHOWN, DAYS_SHOWN, CLOSED_SHOWN = 20, 15, 10
PROVIDERS = {"simulator": "the simulator", "stripe": "Stripe"}
BALANCE_TELLS = {
    "simulator": "Only our own payouts move it.",
    "stripe": "Charges, fees and payouts to your own bank move it too, and are not in our books: so it is shown, not compared."
    " What is compared is each day’s transfers in Stripe’s account book with the transfers it lists.",
}
BY_HAND = "It also runs by hand, as often as you like: python -m jobs reconcile"


def page() -> None:
    """Draw the page."""
    now, zone = frame.now(), frame.zone()
    provider = frame.settings().provider
    day = reconciled_day.given(now.astimezone(UTC).date())
    if day is not None:
        reconciled_day.draw(day, provider, PROVIDERS[provider], now, zone)
        return
    with frame.reading() as conn:
        run = last_run(conn, provider)
        found = open_differences(conn, limit=SHOWN)
        amounts = open_amounts(conn)
        days = reconciled_days(conn, provider, limit=DAYS_SHOWN)
        closed = closed_differences(conn, limit=CLOSED_SHOWN)
        asked = last_request(conn)
        balances = balances_seen(conn, provider)
    name = PROVIDERS[provider]
    frame.header(
        "Reconciliation",
        "Do our books and the provider agree?",
        at=now,
        tools=lambda: comparing.refresh(name),
    )
    if told := comparing.ended(asked, now, zone):
        st.caption(told)
    following = f"{TIMETABLE['reconcile'].following(now).astimezone(zone):%H:%M %Z}"
    if not found.empty:
        _figures(run, found, amounts, now, zone)
        difference_rows(found, now, zone)
    elif run is None:
        elements.empty(
            "Not compared yet",
            f"The first comparison with {name} runs at {following}. {BY_HAND}",
            "hourglass_empty",
        )
        return
    else:
        _nothing(run, days, name, following, now)
    _balances(balances, name, now, zone)
    if not found.empty or address.given("days") == "shown":
        _days(days, name, settled=found.empty)
        _closed(closed, now, zone)
    if run is not None:
        seen = fmt.count(run.transfers, "transfer")
        since = fmt.day(run.since.date(), now.date())
        st.caption(
            f"Last comparison {fmt.moment(run.until, zone, now)}: {seen} since {since}."
            f" The next one runs at {following}. {BY_HAND}"
        )


def _nothing(run: LastRun, days: pd.DataFrame, name: str, following: str, now: datetime) -> None:
    if run.day is None:
        proof = f"{fmt.ago(run.until, now).capitalize()} neither our books nor {name} held a transfer."
    else:
        of_day = days[days["day"] == run.day]
        agrees = (
            "match"
            if (of_day["difference_minor"] == 0).all()
            else "match, but for what was closed with a reason,"
        )
        figures = f"{fmt.count(run.day_transfers, 'transfer')}, {fmt.totals(run.day_totals)}"
        proof = f"The books of {_long(run.day)} {agrees} {name} to the cent: {figures}."
    box = elements.empty(
        "Nothing to reconcile", f"{proof} The next comparison runs at {following}.", "task_alt"
    )
    shown = address.given("days") == "shown"
    box.button(
        "Hide the matched days" if shown else "Show the matched days",
        icon=":material/history:",
        key="matched-days",
        on_click=_show_days,
        args=(not shown,),
    )


def _show_days(show: bool) -> None:  # noqa: FBT001 - a callback
    address.put(days="shown" if show else None)


def _long(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"


def _figures(
    run: LastRun | None, found: pd.DataFrame, amounts: dict[str, int], now: datetime, zone: ZoneInfo
) -> None:
    grid = st.grid(3, min_column_width=190)
    oldest = f"oldest found {fmt.ago(instant(found['found_at'].iloc[0]), now)}"
    grid.metric(
        "Open differences",
        f"{number(found['of'].iloc[0]):,}",
        delta=oldest,
        delta_color="orange",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    leading = max(amounts, key=lambda currency: amounts[currency])
    others = {currency: minor for currency, minor in amounts.items() if currency != leading}
    grid.metric(
        f"In question, {leading}",
        fmt.money(amounts[leading], leading),
        delta=None,
        delta_description=f"and {fmt.totals(others)}" if others else "of all open differences",
        border=True,
        height="stretch",
    )
    grid.metric(
        "Last comparison",
        fmt.moment(run.until, zone, now) if run else "Never",
        delta=None,
        delta_description=f"{fmt.count(run.transfers, 'transfer')} looked at"
        if run
        else "with this provider",
        border=True,
        height="stretch",
    )


def _balances(balances: pd.DataFrame, name: str, now: datetime, zone: ZoneInfo) -> None:
    limited = [row for row in tables.each(balances) if card_text(row.balance_minor)]
    if not limited:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Balance", f"what {name} may still send, as the last comparison saw it"))
        records = []
        for row in limited:
            currency, before = str(row.currency), instant(row.since)
            records.append(
                (
                    currency,
                    fmt.money(number(row.balance_minor), currency),
                    fmt.moment(instant(row.at), zone, now),
                    fmt.money(number(row.sent_minor), currency) if before else fmt.ABSENT,
                    fmt.money(number(row.returned_minor), currency) if before else fmt.ABSENT,
                    fmt.moment(before, zone, now) if before else "the first look",
                )
            )
        columns = ["Currency", "Balance", "Seen", "Our payouts took", "Came back", "Since"]
        tables.rows(records, columns, right=["Balance", "Our payouts took", "Came back"])
        st.caption(BALANCE_TELLS[frame.settings().provider])


def _days(days: pd.DataFrame, name: str, *, settled: bool) -> None:
    if days.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("By day and currency", "net of what came back, days in UTC, newest first"))
        today = frame.now().date()
        records = []
        for row in tables.each(days):
            currency, minor = str(row.currency), number(row.difference_minor)
            differs = status.tag("Explained", "task_alt") if settled else status.badge("failing", "Differs")
            records.append(
                (
                    linked_to("reconciliation", fmt.day(row.day, today), day=row.day.isoformat()),
                    currency,
                    f"{number(row.ours):,}",
                    fmt.money(number(row.ours_minor), currency),
                    f"{number(row.theirs):,}",
                    fmt.money(number(row.theirs_minor), currency),
                    fmt.money(minor, currency, sign=True),
                    differs if minor or row.ours != row.theirs else status.badge("on_time", "Agrees"),
                )
            )
        theirs = name[0].upper() + name[1:]
        columns = ["Day", "Currency", "Payouts", "Our books", "Transfers", theirs, "Difference", "State"]
        tables.rows(records, columns, right=["Payouts", "Our books", "Transfers", theirs, "Difference"])


def _closed(closed: pd.DataFrame, now: datetime, zone: ZoneInfo) -> None:
    if closed.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Closed", "by whom and why, newest first"))
        records = [
            (
                fmt.moment(instant(row.closed_at), zone, now),
                kind_badge(str(row.kind), quiet=True),
                subject(row),
                fmt.money(number(row.amount_minor), str(row.currency)),
                fmt.plain(fmt.person(str(row.closed_by))),
                fmt.plain(str(row.close_reason)),
            )
            for row in tables.each(closed)
        ]
        tables.rows(records, ["Closed", "Difference", "What", "Amount", "By", "Why"], right=["Amount"])


page()
