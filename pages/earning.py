"""Why one earning is this much, back to the sale; what corrected it, and where its money is."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.guards import HOLD_WORDS
from core.reads.earning import EarningHeader, EarningStory, UnknownEarning, earning_story
from core.reads.words import EARNING_WORDS
from pages.shared import address, elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.cells import amount, instant, linked_to, number
from pages.shared.lines import card_text


def page() -> None:
    """Draw the page."""
    now = frame.now()
    story = _read(now)
    if story is None:
        frame.header("Earning", "Why is it this much?")
        elements.empty("No such earning", "The number in the address names none.", "search_off")
        return
    header = story.header
    zone = ZoneInfo(header.zone)
    named = EARNING_WORDS[header.kind][0]
    frame.header(
        f"{fmt.money(header.amount_minor, header.currency)}: {named}",
        f"Earning {header.id} of {fmt.plain(header.program)}, times in {header.zone}",
        at=now,
    )
    st.markdown(_badges(header, zone, now))
    pair = st.grid(2, min_column_width=400)
    with elements.card(pair, "Why this amount", _version(header)):
        lines = [
            (fmt.plain(str(row.line)), fmt.plain(str(row.how)), amount(row.amount_minor, header.currency))
            for row in tables.each(story.lines)
        ]
        tables.rows(lines, ["Line", "How", "Amount"], right=["Amount"])
    with elements.card(pair, "Where it comes from"):
        tables.pairs(list(_origin(header, zone, now)))
    _relatives(story.relatives, header, zone, now)
    _payouts(story.payouts, header)
    _holds(story.holds, zone, now)


def _read(now: datetime) -> EarningStory | None:
    earning_id = address.given_id("id")
    masked = not frame.person().may("see personal data")
    if earning_id is None:
        return None
    try:
        with frame.reading() as conn:
            return earning_story(conn, earning_id, now=now, masked=masked)
    except UnknownEarning:
        return None


def _badges(header: EarningHeader, zone: ZoneInfo, now: datetime) -> str:
    found = [status.badge(header.state)]
    if header.state == "held":
        found.append(status.tag(f"Releases {fmt.moment(header.release_at, zone, now)}", "event"))
    if header.payout_id is not None:
        found.append(linked_to("payout", f"Payout {header.payout_id}", id=str(header.payout_id)))
    return " ".join(found)


def _version(header: EarningHeader) -> str:
    if header.policy_version is None:
        return "priced by no policy"
    return f"by version {header.policy_version} of the policy: {header.commission}"


def _origin(header: EarningHeader, zone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    whose = linked_to("partner", header.partner_name or header.partner_code, code=header.partner_code)
    found = [("Partner", whose), ("Reference", fmt.plain(f"{header.source_ref} {header.period}".strip()))]
    if header.sale_ref is not None:
        gross = amount(header.sale_gross_minor, header.currency)
        found.append(("Sale", f"{fmt.plain(header.sale_ref)}, {header.sale_kind}, {gross}"))
    if header.sale_description:
        found.append(("Described as", fmt.plain(header.sale_description)))
    if header.customer_id is not None:
        called = header.customer_name or header.customer_ref or ""
        found.append(("Customer", linked_to("customer", called, id=str(header.customer_id))))
    if header.corrects_id is not None:
        found.append(
            ("Corrects", linked_to("earning", f"Earning {header.corrects_id}", id=str(header.corrects_id)))
        )
    found.append(("Happened", fmt.moment(header.occurred_at, zone, now)))
    released = "Releases" if header.release_at > now else "Matured"
    held = (header.release_at - header.occurred_at).days
    after = f" :gray[{fmt.count(held, 'day')} after the event]" if held else ""
    found.append((released, fmt.moment(header.release_at, zone, now) + after))
    if header.payout_id is None and header.state in {"held", "available"}:
        why = linked_to("partner", "what keeps it, and what comes next", code=header.partner_code)
        found.append(("In no payout yet", why))
    found.append(("Written", fmt.moment(header.recorded_at, zone, now)))
    source = f"from {header.file} by " if header.file else "by "
    found.append(("Came in", fmt.plain(source + fmt.person(header.made_by))))
    return found


def _relatives(relatives: pd.DataFrame, header: EarningHeader, zone: ZoneInfo, now: datetime) -> None:
    if relatives.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title("Corrections", "earnings of the same source; together they are what is owed")
        )
        records = [
            (
                linked_to("earning", EARNING_WORDS[str(row.kind)][0].capitalize(), id=str(row.id)),
                fmt.plain(str(row.source_ref)),
                fmt.moment(instant(row.occurred_at), zone, now),
                amount(row.amount_minor, header.currency, sign=True),
            )
            for row in tables.each(relatives)
        ]
        tables.rows(records, ["Earning", "Reference", "Happened", "Amount"], right=["Amount"])


def _payouts(payouts: pd.DataFrame, header: EarningHeader) -> None:
    if payouts.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Payouts it was in", "at most one at a time"))
        records = [
            (
                linked_to("payout", f"Payout {number(row.id)}", id=str(number(row.id))),
                status.badge(str(row.status)),
                "in it" if bool(row.live) else "given back",
                amount(row.amount_minor, header.currency),
                amount(row.gross_minor, header.currency),
                amount(row.fee_minor, header.currency),
            )
            for row in tables.each(payouts)
        ]
        figures = ["Amount", "Whole payout", "Its fee"]
        tables.rows(records, ["Payout", "Status", "Now", *figures], right=figures)


def _holds(holds: pd.DataFrame, zone: ZoneInfo, now: datetime) -> None:
    if holds.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Holds on it"))
        records = [
            (
                HOLD_WORDS[str(row.reason)],
                "in force" if bool(row.in_force) else "ended",
                fmt.plain(card_text(row.note) or fmt.ABSENT),
                fmt.moment(instant(row.opened_at), zone, now),
                fmt.moment(instant(row.closed_at) or instant(row.until), zone, now),
                fmt.plain(fmt.person(str(row.made_by))),
            )
            for row in tables.each(holds)
        ]
        tables.rows(records, ["Why", "Now", "Note", "Since", "Until", "By"])


page()
