"""Payments of customers: those that name no partner, with the one thing to do about each, and those paid outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.payment_decisions import resolve_payment, set_aside_payment
from core.reads.partner import PartnerStory
from core.reads.payments import outside_payments, waiting_payments
from db.engine import Connection
from pages.shared import elements, frame, tables
from pages.shared import format as fmt
from pages.shared.cells import day, instant, number
from pages.shared.decisions import Outcome, decide, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed
from pages.shared.lines import card_text

RIGHT = "resolve payments"
SHOWN, OUTSIDE_SHOWN = 5, 12
PARTNER, REASON, CHOICE = "payment-partner", "payment-reason", "payment-choice"
SALE, ASIDE = "It is a partner’s sale", "It is nobody’s sale"


def draw(now: datetime) -> None:
    """Draw the payments that wait for a person, or nothing when none does."""
    with frame.reading() as conn:
        found = waiting_payments(conn, limit=SHOWN + 1)
    if found.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title("Payments without a partner", "oldest first; nobody earns by them until decided")
        )
        for row in list(tables.each(found))[:SHOWN]:
            with st.container(
                horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
            ):
                with st.container(gap=None, width="stretch"):
                    st.markdown(_head(row, now))
                    st.markdown(f":small[{_said(row)}]")
                if frame.person().may(RIGHT) and st.button(
                    "Decide", key=f"payment-{row.id}", icon=":material/person_search:", width="content"
                ):
                    _decide(row)
        if len(found) > SHOWN:
            st.caption("More wait after these. python -m jobs payments lists them all.")


def _head(row: Any, now: datetime) -> str:  # noqa: ANN401 - a row of a frame
    amount = fmt.money(number(row.amount_minor), str(row.currency))
    paid = f":gray[:small[paid {fmt.ago(instant(row.occurred_at), now)}]]"
    return f"**:small[{amount}]**\u2002:small[{fmt.plain(str(row.payment_ref))}]\u2002{paid}"


def _said(row: Any) -> str:  # noqa: ANN401 - as above
    """Why it waits, what it says of itself, and what went back of it."""
    said = [f"{row.sentence}."]
    if card_text(row.partner_code):
        said.append(f"It says: partner {fmt.plain(str(row.partner_code))}.")
    if row.source_ref != row.payment_ref:
        said.append(f"Booking {fmt.plain(str(row.source_ref))}.")
    if card_text(row.description):
        said.append(f"“{fmt.plain(str(row.description))}”.")
    if gone := number(row.gone_minor):
        said.append(f"{fmt.money(gone, str(row.currency))} of it went back.")
    return " ".join(said)


@dialog("A payment without a partner", "person_search")
def _decide(row: Any) -> None:  # noqa: ANN401 - as above
    amount = fmt.money(number(row.amount_minor), str(row.currency))
    st.markdown(f"**{amount}**\u2002{fmt.plain(str(row.payment_ref))}")
    st.markdown(_said(row))
    name = f"payment_{row.id}"
    choice = st.segmented_control(
        "What is it?", [SALE, ASIDE], default=SALE, key=field(name, CHOICE), required=True
    )
    if choice == SALE:
        st.text_input(
            "Partner’s code", key=field(name, PARTNER), max_chars=100, placeholder="As on the partner’s page"
        )
        st.caption(
            "It becomes the partner’s sale, priced as every other and held as long, less what went back."
            " Whoever names the partner does not approve the payout."
        )
    else:
        st.text_input("Reason", key=field(name, REASON), max_chars=500, placeholder="What it was")
        st.caption("Nobody earns by it, for good. The payment and the reason are kept, and in the audit.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="payment-cancel") or elements.primary(
            "Make it their sale" if choice == SALE else "Set it aside",
            "done",
            key="payment-decide",
            on_click=_decided,
            args=(name, token_for(name), str(row.payment_ref), str(row.provider), choice == SALE),
        ):
            st.rerun()


def _decided(name: str, token: UUID, ref: str, provider: str, is_sale: bool) -> None:  # noqa: FBT001
    code, reason = typed(name, PARTNER), typed(name, REASON)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        if is_sale:
            resolve_payment(conn, ref, partner_code=code, actor=actor, now=now, provider=provider)
            return Outcome(badge="done", headline=f"The payment is a sale of {fmt.plain(code)}.")
        set_aside_payment(conn, ref, reason=reason, actor=actor, now=now, provider=provider)
        return Outcome(badge="done", headline="The payment is set aside.", then="Nobody earns by it.")

    decide(name, token, work)


def outside(story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw what customers paid to the partner's account without the desk, or nothing when they never did."""
    with frame.reading() as conn:
        found = outside_payments(conn, story.header.id, limit=OUTSIDE_SHOWN)
    if found.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title(
                "Paid outside", "customers’ payments that went to the partner at once; never payable here"
            )
        )
        records = []
        for row in tables.each(found):
            currency = str(row.currency)
            gone = number(row.gone_minor)
            records.append(
                (
                    day(instant(row.occurred_at), zone, now),
                    fmt.plain(str(row.source_ref)),
                    fmt.plain(str(row.payment_ref)),
                    fmt.money(number(row.amount_minor), currency),
                    fmt.money(gone, currency) if gone else fmt.ABSENT,
                    fmt.money(number(row.transferred_minor), currency),
                )
            )
        columns = ["Paid", "Booking", "Payment", "Amount", "Went back", "To the partner"]
        tables.rows(records, columns, right=["Amount", "Went back", "To the partner"])
