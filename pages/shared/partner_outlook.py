"""What comes next for a partner: the payout of now or every rule that keeps it, and the day that clears."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.reads.outlook import Kept, Outlook
from core.reads.partner import PartnerStory
from pages.shared import elements, tables
from pages.shared import format as fmt
from pages.shared.cells import day


def card(grid: DeltaGenerator, story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw what a payout of now would be, and what keeps it."""
    header, outlook = story.header, story.outlook
    version = f"by version {story.policy_version} of the policy, days in {header.zone}"
    with elements.card(grid, "What comes next", version):
        st.markdown(f":small[{_sentence(outlook, header.currency, now, zone)}]")
        if not outlook.kept:
            return
        records = [
            (
                fmt.plain(one.rule),
                fmt.ABSENT if one.short_minor is None else fmt.money(one.short_minor, header.currency),
                _clears(one, now, zone),
            )
            for one in outlook.kept
        ]
        tables.rows(records, ["What keeps it", "Short by", "Clears"], right=["Short by"])


def _sentence(outlook: Outlook, currency: str, now: datetime, zone: ZoneInfo) -> str:
    if outlook.amount_minor is None:
        paid = "" if outlook.paid_at is None else f" Once it clears, queued {_queued(outlook, now, zone)}."
        return f":orange[:material/pending:] Nothing would be paid now.{paid}"
    amount = fmt.money(outlook.amount_minor, currency)
    fee = f" with a fee of {fmt.money(outlook.fee_minor, currency)}" if outlook.fee_minor else ""
    if outlook.on_request:
        when = "could be requested now; paid on request"
    else:
        when = "is queued by the next run" if outlook.due else f"is queued {_queued(outlook, now, zone)}"
    capped = ""
    if outlook.capped_minor:
        capped = f" The month’s cap leaves {fmt.money(outlook.capped_minor, currency)} for later."
    return f":green[:material/check_circle:] **{amount}**{fee} {when}.{capped}"


def _queued(outlook: Outlook, now: datetime, zone: ZoneInfo) -> str:
    return f"{day(outlook.paid_at, zone, now)} ({fmt.until(outlook.paid_at, now)})"


def _clears(one: Kept, now: datetime, zone: ZoneInfo) -> str:
    if one.clears_at is None:
        return one.clears
    return f"{day(one.clears_at, zone, now)} :gray[{fmt.until(one.clears_at, now)}]"
