"""The lists of the partner page: what stands behind each figure, customers, the statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.reads.bounties import Bounties
from core.reads.partner import PartnerStory, corrections_of
from core.reads.words import EARNING_WORDS
from pages.shared import address, elements, frame, tables
from pages.shared import format as fmt
from pages.shared.cells import amount, day, instant, linked_to, number
from pages.shared.lines import card_text, figure, line
from pages.shared.partner_cards import FIGURES, OPEN
from pages.shared.status import badge

SHOWN = 12
LISTS = {"all": "All earnings", "corrections": "Corrections", "payouts": "All payouts"}
NO_CORRECTION = "Nothing was taken back, added or entered by hand."
REFERENCE_SHOWN = 20


def behind(story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the earnings and payouts behind the figure that was clicked."""
    options = [*FIGURES, *LISTS]
    chosen = address.one_of("show", options, "available")
    currency = story.header.currency
    labels = {
        name: f"{label} {fmt.money(getattr(story.balance, f'{name}_minor'), currency)}"
        for name, label in FIGURES.items()
    } | LISTS
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Behind the numbers", f"earnings and payouts, times in {zone.key}"))
        st.segmented_control(
            "Figure",
            options,
            default=chosen,
            format_func=labels.__getitem__,
            required=True,
            label_visibility="collapsed",
            key="partner-show",
            on_change=address.remember("partner-show", "show", default="available"),
        )
        if chosen in {"reserved", "paid"}:
            statuses = OPEN if chosen == "reserved" else ("paid", "reversed")
            _payouts(story.payouts[story.payouts["status"].isin(statuses)], now, zone)
            return
        if chosen == "payouts":
            _payouts(story.payouts, now, zone)
            return
        if chosen == "corrections":
            with frame.reading() as conn:
                _earnings(corrections_of(conn, story.header.id), currency, now, zone, NO_CORRECTION)
            return
        found = story.earnings if chosen == "all" else story.open_items[story.open_items["state"] == chosen]
        _earnings(found, currency, now, zone)


def _earnings(
    found: pd.DataFrame,
    currency: str,
    now: datetime,
    zone: ZoneInfo,
    nothing: str = "No earning stands behind this figure.",
) -> None:
    if found.empty:
        st.caption(nothing)
        return
    records = [
        (
            day(instant(row.occurred_at), zone, now),
            linked_to("earning", EARNING_WORDS[str(row.kind)][0].capitalize(), id=str(row.earning_id)),
            _source(str(row.source)),
            badge(str(row.state)),
            day(instant(row.release_at), zone, now),
            amount(row.amount_minor, currency),
        )
        for row in found.head(SHOWN).itertuples(name="Earning")
    ]
    tables.rows(records, ["Earned", "What", "Source", "State", "Releases", "Amount"], right=["Amount"])
    _and_more(len(found), "earning")


def _source(reference: str) -> str:
    """A reference as far as it tells one from another; the whole of it is in the statement's file."""
    return fmt.plain(reference if len(reference) <= REFERENCE_SHOWN else f"{reference[:REFERENCE_SHOWN]}…")


def _and_more(found: int, what: str) -> None:
    if found > SHOWN:
        st.caption(f"{SHOWN} of {fmt.count(found, what)}; all are in the statement")


def _payouts(found: pd.DataFrame, now: datetime, zone: ZoneInfo) -> None:
    if found.empty:
        st.caption("No payout stands behind this figure.")
        return
    with st.container(gap="xxsmall"):
        for row in found.head(SHOWN).itertuples(name="Payout"):
            when = instant(row.processed_at) or instant(row.queued_at)
            line(
                f"Payout {row.id} :gray[:small[{fmt.moment(when, zone, now)}, {_made(row)}]]",
                f"{badge(str(row.status))}\u2003{figure(amount(row.net_minor, str(row.currency)))}",
                page="pages/payout.py",
                query={"id": str(row.id)},
            )
    _and_more(len(found), "payout")


def _made(payout: Any) -> str:  # noqa: ANN401 - a row of the payouts
    """How a payout goes, and whether somebody asked for it."""
    asked = "" if payout.origin != "request" else ", early" if "early" in payout.signals else ", requested"
    return f"{fmt.method(str(payout.method))}{asked}"


def customers(story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw whom the partner referred and what they brought."""
    header = story.header
    with st.container(border=True, gap="small"):
        note = f"{header.customers_active:,} active of {header.customers:,}, newest first"
        st.markdown(elements.title("Customers", note))
        records = [
            (
                linked_to("customer", card_text(row.name) or str(row.ref), id=str(row.id)),
                fmt.moment(instant(row.signed_up_at), zone, now),
                fmt.moment(instant(row.cancelled_at), zone, now) if instant(row.cancelled_at) else "active",
                f"{row.days_active:,}",
                amount(row.earned_minor, header.currency),
            )
            for row in story.customers.head(SHOWN).itertuples(name="Customer")
        ]
        columns = ["Customer", "Signed up", "Cancelled", "Days active", "Earned"]
        tables.rows(records, columns, right=["Days active", "Earned"])
        if header.customers > SHOWN:
            st.caption(f"{SHOWN} of {fmt.count(header.customers, 'customer')}")


def bounties(found: Bounties, currency: str, now: datetime, zone: ZoneInfo) -> None:
    """Draw the customers on their way to a bounty, the next one first."""
    with st.container(border=True, gap="small"):
        total = fmt.money(found.total_minor, currency)
        note = f"{fmt.count(found.count, 'customer')} on the way, {total} if they stay" if found.count else ""
        st.markdown(elements.title("Bounties under way", note))
        if not found.count:
            st.caption("Nobody is on the way. A new customer appears here the day they sign up.")
            return
        records = [
            (
                linked_to("customer", card_text(row.name) or str(row.ref), id=str(row.id)),
                fmt.moment(instant(row.signed_up_at), zone, now),
                f"{row.days_active:,} of {row.of_days:,} days",
                f"{day(instant(row.due_at), zone, now)} :gray[{fmt.until(instant(row.due_at), now)}]",
                amount(row.amount_minor, currency),
            )
            for row in found.frame.itertuples(name="Bounty")
        ]
        tables.rows(
            records, ["Customer", "Signed up", "Active", "Earned", "Amount"], right=["Active", "Amount"]
        )
        if found.count > len(found.frame):
            st.caption(f"The next {len(found.frame)} of {found.count:,}")


MOVEMENTS = {
    "void": "Voided",
    "reserve": "Into payout",
    "unreserve": "Back from payout",
    "return": "Came back",
}


def statement(story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the last movements of the partner's money, as they would see them."""
    currency = story.header.currency
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title("Statement", f"the last movements; balance is held and available, {zone.key}")
        )
        if story.statement.empty:
            st.caption("Nothing has moved yet. The first earning opens the statement.")
            return
        records = [
            (
                day(instant(move.at), zone, now),
                _moved_by(move),
                _source(card_text(move.reference)),
                amount(move.amount_minor, currency, sign=True),
                amount(move.balance_minor, currency),
            )
            for move in story.statement.head(SHOWN).itertuples(name="Move")
        ]
        columns = ["Date", "What", "Reference", "Amount", "Balance"]
        tables.rows(records, columns, right=["Amount", "Balance"])


def _moved_by(move: Any) -> str:  # noqa: ANN401 - a row of the statement
    """What moved the money, leading to why it is this much."""
    words = _movement(str(move.kind), card_text(move.earning_kind))
    if card_text(move.earning_id):
        return linked_to("earning", words, id=str(number(move.earning_id)))
    return linked_to("payout", words, id=str(number(move.payout_id))) if card_text(move.payout_id) else words


def _movement(kind: str, earning: str) -> str:
    if kind in {"earn", "debt"} and earning in EARNING_WORDS:
        return EARNING_WORDS[earning][0].capitalize()
    return MOVEMENTS.get(kind, kind.capitalize())
