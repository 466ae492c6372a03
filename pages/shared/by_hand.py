"""What a maker enters for a partner by hand: an amount that is owed or owed back, and the refund of a sale."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.by_hand import KINDS, REF_LENGTH_MAX, enter_by_hand, refund_by_hand
from core.reads.partner import PartnerStory
from db.engine import Connection
from pages.shared import format as fmt
from pages.shared import in_dialog
from pages.shared.decisions import Outcome, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed

KIND, AMOUNT, SALE, REF, WHY = (f"by-hand-{name}" for name in ("kind", "amount", "sale", "ref", "why"))
KIND_WORDS = {
    "bonus": "A bonus: owed on top",
    "deduction": "A deduction: taken off",
    "manual": "Another amount: below zero is owed back",
}
REFUND_WORDS = {
    "void": "It was not paid yet, and never will be.",
    "clawback": "What was paid of it is taken off the next payouts.",
    "refund": "Its month is priced again without it tonight.",
    "nothing": "The partner’s part of it rounds to nothing.",
}


@dialog("Enter an amount", "edit_square")
def enter(story: PartnerStory) -> None:
    """Ask for an amount that no file and no provider tells of."""
    currency = story.header.currency
    st.markdown(
        f"It counts for **{fmt.plain(story.header.name or story.header.code)}** at once."
        " Who enters it never approves a payout that pays it."
    )
    name = f"enter_by_hand_{story.header.id}"
    st.radio("Kind", KINDS, format_func=KIND_WORDS.__getitem__, key=field(name, KIND))
    st.text_input(f"Amount, {currency}", key=field(name, AMOUNT), max_chars=24)
    _reference_and_reason(name, "The invoice or agreement it stands in: the same one again counts once")
    in_dialog.buttons(
        "Enter the amount",
        "done",
        key="by-hand-enter",
        on_click=_entered,
        args=(name, token_for(name), story.header.code, currency),
    )


def _reference_and_reason(name: str, place: str) -> None:
    st.text_input("Reference", key=field(name, REF), max_chars=REF_LENGTH_MAX, placeholder=place)
    st.text_input("Reason", key=field(name, WHY), max_chars=500, placeholder="Why, for the audit")


def _entered(name: str, token: UUID, code: str, currency: str) -> None:
    kind = st.session_state[field(name, KIND)]
    amount, ref, why = (typed(name, one) for one in (AMOUNT, REF, WHY))

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        done = enter_by_hand(conn, code, kind, amount, ref=ref, reason=why, actor=actor, now=now)
        said = fmt.money(done.amount_minor, currency, sign=True)
        if done.again:
            return Outcome(badge="done", headline=f"{said} was entered before; nothing changed.")
        return Outcome(badge="done", headline=f"{said} is entered.", then="The next payout counts it in.")

    in_dialog.decide_in_dialog(name, token, work)


@dialog("Refund a sale", "undo")
def refund(story: PartnerStory) -> None:
    """Ask for a refund that no provider tells of."""
    st.markdown(
        "For a sale that came by file. What was paid at Stripe is refunded there, and the desk hears of it by itself."
    )
    name = f"refund_by_hand_{story.header.id}"
    st.text_input("Sale", key=field(name, SALE), max_chars=200, placeholder="Its reference at the source")
    st.text_input(
        f"What the customer got back, {story.header.currency}; empty: all that is left",
        key=field(name, AMOUNT),
        max_chars=24,
    )
    _reference_and_reason(name, "The refund’s own number: the same one again counts once")
    in_dialog.buttons(
        "Refund the sale",
        "undo",
        key="by-hand-refund",
        on_click=_refunded,
        args=(name, token_for(name), story),
    )


def _refunded(name: str, token: UUID, story: PartnerStory) -> None:
    program, code, currency = story.header.program, story.header.code, story.header.currency
    sale, amount, ref, why = (typed(name, one) for one in (SALE, AMOUNT, REF, WHY))

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        done = refund_by_hand(
            conn, program, sale, amount, ref=ref, reason=why, actor=actor, now=now, of_partner=code
        )
        if done.again:
            return Outcome(badge="done", headline="This refund was entered before; nothing changed.")
        said = fmt.money(done.amount_minor, currency)
        return Outcome(
            badge="done", headline=f"{said} of the sale went back.", then=REFUND_WORDS.get(done.kind, "")
        )

    in_dialog.decide_in_dialog(name, token, work)
