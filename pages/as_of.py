"""The desk as it stood at a past instant: what was owed to whom, and what was under way."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.access import Actor
from core.reads.shown import mask
from core.reports.as_of import Standing, in_pieces, payouts_under_way, standing
from core.reports.export import csv_bytes
from db.engine import Connection
from pages.shared import address, elements, frame, past_day, status, tables, taking_home
from pages.shared import format as fmt
from pages.shared.cells import amount, instant, linked_to, number
from pages.shared.lines import card_text
from pages.shared.past_day import Chosen

LABELS = {
    "held": "Held",
    "available": "Available",
    "reserved": "Reserved",
    "owed": "Owed",
    "paid": "Paid",
    "fees": "Fees",
}
SHOWN = 20
TTL_S = 60
ALL = "all"


def page() -> None:
    """Draw the page."""
    now, zone = frame.now(), frame.zone()
    chosen = past_day.chosen(address.given("at"), now, zone)
    masked = not frame.person().may("see personal data")
    program = address.given("program") or None
    found, under_way = _read(chosen.at, program, masked=masked)
    frame.header(
        "As of",
        "What was owed, and what was under way?",
        tools=partial(_tools, chosen, now.astimezone(zone).date()),
    )
    if fault := past_day.fault():
        st.caption(f":orange[:material/edit:] {fault}")
    st.caption(
        f"As it stood {past_day.in_words(chosen, zone)}. It comes out the same whenever it is asked for. Any day can be"
        " typed, like 2026-03-31, and any minute, like 2026-03-31 14:30."
    )
    _programs(found)
    _partners(found, program)
    _payouts(under_way, found, zone, now)


@st.cache_data(ttl=TTL_S, show_spinner="Working back through the ledger …")
def _stood(at: datetime, program: str | None) -> tuple[Standing, pd.DataFrame]:
    with frame.engine().connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        found = standing(conn, at, masked=False, program=program, limit=SHOWN)
        return found, payouts_under_way(conn, at, masked=False, program=program, limit=SHOWN)


def _read(at: datetime, program: str | None, *, masked: bool) -> tuple[Standing, pd.DataFrame]:
    """The same for everybody, so names are emptied after the cache."""
    found, under_way = _stood(at, program)
    if masked:
        partners = mask(found.partners, ("name",))
        found = Standing(
            at=found.at,
            programs=found.programs,
            partners=partners,
            partners_count=found.partners_count,
        )
        under_way = mask(under_way, ("partner_name",))
    return found, under_way


def _tools(chosen: Chosen, today: date) -> None:
    past_day.field(chosen, today)
    for label, make in (("Balances", _balances_file), ("Payouts", _payouts_file)):
        name = f"{label.lower()}-as-of-{chosen.at:%Y-%m-%d-%H%M}.csv"
        taking_home.button(label, partial(make, chosen.at), file_name=name, key=f"take-{label}")


def _balances_file(at: datetime, conn: Connection, actor: Actor) -> bytes:
    found = standing(conn, at, masked=taking_home.masked(actor), limit=None)
    return csv_bytes(in_pieces(found.partners))


def _payouts_file(at: datetime, conn: Connection, actor: Actor) -> bytes:
    return csv_bytes(in_pieces(payouts_under_way(conn, at, masked=taking_home.masked(actor), limit=None)))


def _accounts(row: object, currency: str) -> list[str]:
    return [amount(getattr(row, f"{account}_minor"), currency) for account in LABELS]


def _with_partners(name: str, row: Any) -> str:  # noqa: ANN401 - a row of programs or of their sums
    return f"{name} :small[:gray[{number(row.partners):,}]]"


def _totals(found: Standing) -> list[tuple[str, ...]]:
    """A row for each currency, which are never added together."""
    columns = ["partners", *(f"{account}_minor" for account in LABELS), "payouts"]
    sums = found.programs.groupby("currency")[columns].sum().reset_index()
    return [
        (
            _with_partners(f"**All, {row.currency}**", row),
            *(f"**{cell}**" for cell in _accounts(row, str(row.currency))),
            f"**{number(row.payouts):,}**",
        )
        for row in tables.each(sums)
    ]


def _owing(found: Standing) -> str:
    """How many partners owe us, and how much: it is taken off what is owed."""
    sums = found.programs.groupby("currency")[["owing", "owing_minor"]].sum().reset_index()
    said = [
        f"{fmt.count(number(row.owing), 'partner')} {'owes' if number(row.owing) == 1 else 'owe'} us"
        f" {fmt.money(number(row.owing_minor), str(row.currency))}"
        for row in tables.each(sums)
        if number(row.owing)
    ]
    return f"{', '.join(said)}: it is taken off what is owed." if said else ""


def _programs(found: Standing) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title(
                "By program",
                "with its partners; owed is held, available and reserved; paid and fees are of all time",
            )
        )
        records = [
            (
                _with_partners(fmt.plain(str(row.name)), row),
                *_accounts(row, str(row.currency)),
                f"{number(row.payouts):,}",
            )
            for row in tables.each(found.programs)
        ]
        figures = [*LABELS.values(), "Payouts"]
        tables.rows([*records, *_totals(found)], ["Program", *figures], right=figures)
        if owing := _owing(found):
            st.caption(owing)


def _partners(found: Standing, program: str | None) -> None:
    names = {str(row.code): str(row.name) for row in tables.each(found.programs)}
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            note = f"owed most first, {min(SHOWN, found.partners_count):,} of {fmt.count(found.partners_count, 'partner')}"
            st.markdown(elements.title("Partners", note), width="content")
            st.selectbox(
                "Program",
                [ALL, *names],
                index=0 if program not in names else [*names].index(program) + 1,
                format_func=lambda code: names.get(code, "All programs"),
                key="as-of-program",
                label_visibility="collapsed",
                width=200,
                on_change=address.remember("as-of-program", "program", default=ALL),
            )
        if found.partners.empty:
            st.caption("No partner was known to the desk by then. Choose a later day.")
            return
        records = [
            (
                linked_to("partner", card_text(row.name) or str(row.code), code=str(row.code)),
                *_accounts(row, str(row.currency)),
            )
            for row in tables.each(found.partners)
        ]
        labels = list(LABELS.values())
        tables.rows(records, ["Partner", *labels], right=labels)


def _payouts(under_way: pd.DataFrame, found: Standing, zone: ZoneInfo, now: datetime) -> None:
    total = int(found.programs["payouts"].sum())
    with st.container(border=True, gap="small"):
        note = f"largest first, each with the status it had then, times in {zone.key}"
        st.markdown(elements.title("Payouts under way", note))
        if under_way.empty:
            st.caption("No payout held money then.")
            return
        records = [
            (
                linked_to("payout", str(row.id), id=str(row.id)),
                fmt.plain(card_text(row.partner_name) or str(row.partner_code)),
                amount(row.net_minor, str(row.currency)),
                status.badge(str(row.status)),
                f"{number(row.approvals)} of {number(row.approvals_needed)}",
                fmt.method(str(row.method)),
                fmt.moment(instant(row.queued_at), zone, now),
            )
            for row in tables.each(under_way)
        ]
        columns = ["Payout", "Partner", "Net", "Status", "Approvals", "Method", "Queued"]
        tables.rows(records, columns, right=["Net"])
        if len(under_way) < total:
            st.caption(f"{len(under_way):,} of {fmt.count(total, 'payout')}; the file has them all.")


page()
