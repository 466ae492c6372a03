"""What a month opened with, what moved it, what it closed with: the figures for the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.account_codes import ACCOUNTS as ACCOUNT_WORDS
from core.account_codes import account_codes, set_account_codes
from core.reports.files import journal_file, provider_file, rollforward_file, year_file
from core.reports.month_end import ACCOUNTS, LINES, MonthEnd, Roll, month_end
from core.reports.pack import month_pack
from db.engine import Connection
from pages.shared import address, elements, frame, tables, taking_home
from pages.shared import format as fmt
from pages.shared.cells import number
from pages.shared.decisions import Outcome, decide, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import began_with, field, typed
from pages.shared.status import badge, tag

MONTHS_SHOWN = 24
LABELS = {"held": "Held", "available": "Available", "reserved": "Reserved", "paid": "Paid", "fees": "Fees"}
OWED = ("held", "available", "reserved")
TTL_S = 60
CODES = "account_codes"
PACK = "Roll-forward, journal, balances and payouts under way in one archive: the same bytes whenever it is made again"


def page() -> None:
    """Draw the page."""
    now = frame.now()
    months = _months(now.date())
    month = address.one_of("month", months, months[1])
    found = _month_end(month)
    frame.header(
        "Month end",
        "What was owed, what moved it, what is owed now?",
        tools=partial(_tools, found, months),
    )
    if not found.over:
        st.markdown(
            f"{tag('Still running', 'schedule', 'orange')} :small[The figures of {_name(month)} so far.]"
        )
    _summary(found)
    codes = {roll.program.code: roll for roll in found.rolls}
    if not codes:
        return
    chosen = address.one_of("program", codes, next(iter(codes)))
    _matrix(codes[chosen], codes, found.month)
    _provider(found)


def _months(today: date) -> list[str]:
    first, months = today.replace(day=1), []
    for _ in range(MONTHS_SHOWN):
        months.append(f"{first:%Y-%m}")
        first = (first - timedelta(days=1)).replace(day=1)
    return months


def _name(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


@st.cache_data(ttl=TTL_S, show_spinner="Adding up the month …")
def _month_end(month: str) -> MonthEnd:
    with frame.engine().connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        return month_end(conn, month, now=frame.now())


def _tools(found: MonthEnd, months: list[str]) -> None:
    st.selectbox(
        "Month",
        months,
        index=months.index(found.month),
        format_func=_name,
        key="month",
        label_visibility="collapsed",
        width=160,
        on_change=address.remember("month", "month", default=months[1]),
    )
    if found.over:
        _download("Pack", partial(_pack, found), f"month-end-{found.month}.zip", mime="application/zip")
    _download("Roll-forward", partial(_rollforward, found), f"roll-forward-{found.month}.csv")
    _download("Journal", partial(_journal, found), f"journal-{found.month}.csv")
    if not found.provider.empty:
        _download("Provider", partial(_provider_sums, found), f"provider-{found.month}.csv")
    year = int(found.month[:4])
    _download(
        f"Year {year}",
        partial(_year, year),
        f"paid-{year}.csv",
    )
    if frame.person().may("change policies"):
        st.button("Account codes", icon=":material/tag:", type="tertiary", on_click=_ask_codes)
    if st.session_state.pop("ask-codes", False):
        _codes()


def _download(label: str, make: partial[bytes], file_name: str, *, mime: str = "text/csv") -> None:
    told = PACK if label == "Pack" else None
    taking_home.button(label, make, file_name=file_name, mime=mime, key=f"take-{label}", told=told)


def _pack(found: MonthEnd, conn: Connection, _actor: Actor) -> bytes:
    return month_pack(conn, found)


def _rollforward(found: MonthEnd, _conn: Connection, _actor: Actor) -> bytes:
    return b"".join(rollforward_file(found))


def _provider_sums(found: MonthEnd, _conn: Connection, _actor: Actor) -> bytes:
    return b"".join(provider_file(found))


def _journal(found: MonthEnd, conn: Connection, _actor: Actor) -> bytes:
    return b"".join(journal_file(conn, found))


def _year(year: int, conn: Connection, actor: Actor) -> bytes:
    return b"".join(year_file(conn, year, masked=taking_home.masked(actor)))


def _summary(found: MonthEnd) -> None:
    records, sums = [], Counter[tuple[str, str]]()
    for roll in found.rolls:
        currency = roll.program.currency
        figures = {
            "opening": sum(roll.opening[account] for account in OWED),
            "earned": _moved(roll, "earn") - _moved(roll, "void", "debt"),
            "paid": _moved(roll, "settle"),
            "fees": _moved(roll, "fee"),
            "back": _moved(roll, "return"),
            "closing": sum(roll.closing[account] for account in OWED),
        }
        for name, minor in figures.items():
            sums[currency, name] += minor
        records.append(
            (fmt.plain(roll.program.name), *(fmt.money(minor, currency) for minor in figures.values()))
        )
    for currency in sorted({currency for currency, _ in sums}):
        names = ("opening", "earned", "paid", "fees", "back", "closing")
        records.append(
            (f"**All, {currency}**", *(f"**{fmt.money(sums[currency, name], currency)}**" for name in names))
        )
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Owed to partners", "booked in this month, in each program's own days"))
        figures_shown = ["Opening", "Earned", "Paid out", "Fees", "Came back", "Closing"]
        tables.rows(records, ["Program", *figures_shown], right=figures_shown)
        _owing(found)


def _owing(found: MonthEnd) -> None:
    """Say what a negative closing is, and where every partner behind it stands; as of the month's last day."""
    below = [roll.program.name for roll in found.rolls if sum(roll.closing[account] for account in OWED) < 0]
    said = "A negative closing is what partners owe us; it is taken off the sum of its currency."
    if below:
        said = f"{fmt.plain(', '.join(below))}: a negative closing is what partners owe us, and it is taken off the sum."
    last = (date.fromisoformat(f"{found.month}-01") + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(said, width="content")
        if found.over:
            st.page_link(
                "pages/as_of.py",
                label=f"How many owe, at the end of {last.day} {last:%b}",
                icon=":material/event_repeat:",
                query_params={"at": last.isoformat()},
            )


def _moved(roll: Roll, *kinds: str) -> int:
    return sum(minor for kind, _, _, _, minor in roll.movements if kind in kinds)


def _matrix(roll: Roll, codes: dict[str, Roll], month: str) -> None:
    currency = roll.program.currency
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(
                elements.title("By account", f"{_name(month)}, days in {roll.program.zone}"), width="content"
            )
            st.selectbox(
                "Program",
                list(codes),
                index=list(codes).index(roll.program.code),
                format_func=lambda code: codes[code].program.name,
                key="month-program",
                label_visibility="collapsed",
                width=200,
                on_change=address.remember("month-program", "program"),
            )
        records = [
            ("**Opening**", *(f"**{fmt.money(roll.opening[account], currency)}**" for account in ACCOUNTS))
        ]
        for kind, line in LINES.items():
            if roll.moved[kind]:
                cells = [roll.moved[kind].get(account) for account in ACCOUNTS]
                records.append(
                    (
                        line,
                        *("" if minor is None else fmt.money(minor, currency, sign=True) for minor in cells),
                    )
                )
        records.append(
            ("**Closing**", *(f"**{fmt.money(roll.closing[account], currency)}**" for account in ACCOUNTS))
        )
        labels = list(LABELS.values())
        tables.rows(records, ["", *labels], right=labels)
        if roll.late:
            st.caption(
                f"Of what was earned, {fmt.money(roll.late_minor, currency)} in {fmt.count(roll.late, 'earning')}"
                " is for events of earlier months, which were closed."
            )


def _provider(found: MonthEnd) -> None:
    if found.provider.empty:
        st.caption("The month was not reconciled with a provider, or nothing was sent in it.")
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Tied to the provider", "by the day sent, in UTC, net of what came back"))
        records = [
            (
                str(row.provider).capitalize(),
                f"{number(row.ours):,}",
                fmt.money(number(row.ours_minor), str(row.currency)),
                f"{number(row.theirs):,}",
                fmt.money(number(row.theirs_minor), str(row.currency)),
                fmt.money(number(row.difference_minor), str(row.currency), sign=True),
                badge("failing", "Differs") if number(row.difference_minor) else badge("on_time", "Agrees"),
            )
            for row in tables.each(found.provider)
        ]
        figures = ["Payouts", "Our books", "Transfers", "Theirs", "Difference"]
        tables.rows(records, ["Provider", *figures, "State"], right=figures)
        st.page_link("pages/reconciliation.py", label="Reconciliation", icon=":material/balance:")


def _ask_codes() -> None:
    st.session_state["ask-codes"] = True


@dialog("Account codes", "tag")
def _codes() -> None:
    with frame.reading() as conn:
        codes = account_codes(conn)
    was = began_with(CODES, next(iter(ACCOUNT_WORDS)), codes)
    st.caption("What your own books call each account; the journal is written with these.")
    for account, words in ACCOUNT_WORDS.items():
        st.text_input(words, value=codes[account], key=field(CODES, account), max_chars=60)
    token = token_for(CODES)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="codes-cancel") or elements.primary(
            "Keep the codes", "done", key="codes-keep", on_click=_keep, args=(token, was)
        ):
            st.rerun()


def _keep(token: UUID, was: Mapping[str, str]) -> None:
    written = {account: typed(CODES, account) for account in ACCOUNT_WORDS}
    written = {account: code for account, code in written.items() if code != was[account]}

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        changed = set_account_codes(conn, written, actor=actor, now=now)
        return Outcome(badge="done", headline=f"{fmt.count(changed, 'account code')} changed.")

    decide(CODES, token, work)


page()
