"""Everything a term names: partners, payouts, customers, sales, each leading to its page."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import streamlit as st

from core.reads.find import Findings, find_anything
from core.reads.words import EARNING_WORDS
from pages.shared import address, elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.cells import day, linked_to

SEARCHED = (
    "Codes, emails and the words of names by their beginning, also those of before; whole accounts; payout numbers; the"
    " provider’s references of transfers, requests, bank payouts and reversals; references of sales, payments, refunds and"
    " customers."
)
SEARCHED_MASKED = (
    "Codes by their beginning; payout numbers; the provider’s references of transfers, requests, bank payouts and"
    " reversals; references of sales, payments, refunds and customers. Names, emails and accounts are not yours to see."
)


def page() -> None:
    """Draw the page."""
    masked = not frame.person().may("see personal data")
    term = address.given("q").replace("\x00", "").strip()
    searched = SEARCHED_MASKED if masked else SEARCHED
    if not term:
        frame.header("Find anything", "What is called so?")
        elements.empty("Type what you look for", f"Into the box at the top left. {searched}", "search")
        return
    with frame.reading() as conn:
        found = find_anything(conn, term, masked=masked)
    frame.header(f"“{fmt.plain(term)}”", f"{fmt.count(found.count, 'thing is', 'things are')} called so")
    if not found.count:
        elements.empty("Nothing is called so", searched, "search_off")
        return
    _partners(found)
    _payouts(found)
    _customers(found)
    _sales(found)
    _corrections(found)
    if found.more:
        st.caption(f"There are more {', '.join(sorted(found.more))}: type more of the word.")


def _partners(found: Findings) -> None:
    if not found.partners:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Partners"))
        records = [
            (
                linked_to("partner", one.name or one.code, code=one.code),
                one.code,
                fmt.plain(one.program),
                status.badge(one.status),
                f"by {one.by}",
            )
            for one in found.partners
        ]
        tables.rows(records, ["Partner", "Code", "Program", "Status", "Found"])


def _payouts(found: Findings) -> None:
    if not found.payouts:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Payouts"))
        records = [
            (
                linked_to("payout", str(one.id), id=str(one.id)),
                fmt.plain(one.partner_name or one.partner_code),
                fmt.money(one.net_minor, one.currency),
                status.badge(one.status),
                f"by {one.by}",
            )
            for one in found.payouts
        ]
        tables.rows(records, ["Payout", "Partner", "Amount", "Status", "Found"], right=["Amount"])


def _customers(found: Findings) -> None:
    if not found.customers:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Customers"))
        records = [
            (
                linked_to("customer", one.name or one.ref, id=str(one.id)),
                one.ref,
                linked_to("partner", one.partner_code, code=one.partner_code),
                fmt.plain(one.program),
                "cancelled" if one.cancelled_at else "active",
                f"by {one.by}",
            )
            for one in found.customers
        ]
        tables.rows(records, ["Customer", "Reference", "Referred by", "Program", "Is", "Found"])


def _sales(found: Findings) -> None:
    if not found.sales:
        return
    zone: ZoneInfo = frame.zone()
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Sales", f"days in {zone.key}"))
        records = [
            (
                linked_to("earning", one.source_ref, id=str(one.earning_id))
                if one.earning_id
                else fmt.plain(one.source_ref),
                one.kind,
                day(one.occurred_at, zone, frame.now()),
                fmt.money(one.gross_minor, one.currency),
                linked_to("partner", one.partner_code, code=one.partner_code),
                linked_to("payout", str(one.payout_id), id=str(one.payout_id))
                if one.payout_id
                else "in no payout yet",
                f"by {one.by}",
            )
            for one in found.sales
        ]
        columns = ["Sale", "Kind", "Day", "Gross", "Partner", "Payout", "Found"]
        tables.rows(records, columns, right=["Gross"])


def _corrections(found: Findings) -> None:
    if not found.corrections:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Corrections", "refunds, disputes and what was entered by hand"))
        records = [
            (
                linked_to("earning", one.source_ref, id=str(one.id)),
                EARNING_WORDS[one.kind][0].capitalize(),
                fmt.money(one.amount_minor, one.currency, sign=True),
                linked_to("partner", one.partner_code, code=one.partner_code),
                linked_to("payout", str(one.payout_id), id=str(one.payout_id))
                if one.payout_id
                else "in no payout yet",
            )
            for one in found.corrections
        ]
        tables.rows(records, ["Reference", "What", "Amount", "Partner", "Payout"], right=["Amount"])


page()
