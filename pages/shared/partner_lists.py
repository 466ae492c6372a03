"""The lists of the partner page: what stands behind each figure, customers, the statement."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.reads.bounties import Bounties
from core.reads.partner import PartnerStory
from core.reads.words import EARNING_WORDS
from pages.shared import address, elements, tables
from pages.shared import format as fmt
from pages.shared.cells import amount, day, instant, linked_to
from pages.shared.lines import card_text, figure, line
from pages.shared.partner_cards import FIGURES, OPEN
from pages.shared.status import badge

SHOWN = 12
REFERENCE_SHOWN = 20


def behind(story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the earnings and payouts behind the figure that was clicked."""
    options = [*FIGURES, "all"]
    chosen = address.one_of("show", options, "available")
    currency = story.header.currency
    labels = {
        name: f"{label} {fmt.money(getattr(story.balance, f'{name}_minor'), currency)}"
        for name, label in FIGURES.items()
    } | {"all": "All earnings"}
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
        found = story.earnings if chosen == "all" else story.open_items[story.open_items["state"] == chosen]
        _earnings(found, currency, now, zone)


def _earnings(found: pd.DataFrame, currency: str, now: datetime, zone: ZoneInfo) -> None:
    if found.empty:
        st.caption("No earning stands behind this figure.")
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
                f"Payout {row.id} :gray[:small[{fmt.moment(when, zone, now)}, {fmt.method(str(row.method))}]]",
                f"{badge(str(row.status))}\u2003{figure(amount(row.net_minor, str(row.currency)))}",
                page="pages/payout.py",
                query={"id": str(row.id)},
            )
    _and_more(len(found), "payout")


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
                fmt.plain(card_text(row.name) or str(row.ref)),
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
                _movement(str(move.kind), card_text(move.earning_kind)),
                _source(card_text(move.reference)),
                amount(move.amount_minor, currency, sign=True),
                amount(move.balance_minor, currency),
            )
            for move in story.statement.head(SHOWN).itertuples(name="Move")
        ]
        columns = ["Date", "What", "Reference", "Amount", "Balance"]
        tables.rows(records, columns, right=["Amount", "Balance"])


def _movement(kind: str, earning: str) -> str:
    if kind in {"earn", "debt"} and earning in EARNING_WORDS:
        return EARNING_WORDS[earning][0].capitalize()
    return MOVEMENTS.get(kind, kind.capitalize())
