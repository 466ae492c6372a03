"""Asking for more than the rules allow, or earlier than the schedule says: the two dialogs of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.early_payouts import request_early_payout
from core.money import plain
from core.overrides import look_beyond, override_content, rule_words
from core.reads.partner import PartnerStory
from core.refusals import Refusal
from db.engine import Connection
from pages.shared import format as fmt
from pages.shared import frame, in_dialog, two_people
from pages.shared.decisions import Outcome, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed

AMOUNT, WHY, EARLY_WHY = "override-amount", "override-why", "early-why"


def _who(story: PartnerStory) -> str:
    return fmt.plain(story.header.name or story.header.code)


@dialog("Request beyond a rule", "policy_alert")
def beyond(story: PartnerStory) -> None:
    """Ask for an amount that breaks a rule, show which, and propose it."""
    header, balance = story.header, story.balance
    available, held = (
        fmt.money(minor, header.currency) for minor in (balance.available_minor, balance.held_minor)
    )
    st.markdown(
        f"{_who(story)} has **{available}** available and **{held}** held. Below the minimum, over the monthly cap or"
        " before its release day takes a second person; neither of the two approves the payout then."
    )
    everything = plain(max(balance.available_minor + balance.held_minor, 0), header.currency)
    name = f"override_request_{header.id}"
    amount = st.text_input(
        f"Amount, {header.currency}", key=field(name, AMOUNT), value=everything, max_chars=24
    )
    _broken(header.id, str(amount).strip(), header.currency)
    st.text_input(
        "Reason", key=field(name, WHY), max_chars=500, placeholder="Why this payout is right all the same"
    )
    args = (name, token_for(name), header.id)
    in_dialog.buttons("Propose the override", "group", key="partner-override", on_click=_proposed, args=args)


def _broken(partner_id: int, amount: str, currency: str) -> None:
    """Say what the amount breaks now, or why no override helps."""
    try:
        with frame.reading() as conn:
            rules = look_beyond(conn, partner_id, amount, now=frame.now()).rules
    except Refusal as refusal:
        st.markdown(f":small[:red[:material/block:] {fmt.plain(refusal.sentence)}]")
        return
    if not rules:
        st.markdown(":small[:green[:material/check_circle:] This breaks no rule: request it as it is.]")
    for rule in rules:
        st.markdown(f":small[:orange[:material/policy_alert:] {fmt.plain(rule_words(rule, currency))}]")


def _proposed(name: str, token: UUID, partner_id: int) -> None:
    amount, why, at = typed(name, AMOUNT), typed(name, WHY), frame.now()
    asked = override_content(amount, now=at)
    work = two_people.proposing("override_request", partner_id, why, asked)
    in_dialog.decide_in_dialog(name, token, work)


@dialog("Request an early payout", "fast_forward")
def early(story: PartnerStory) -> None:
    """Ask why everything available is paid before the next slot."""
    header = story.header
    available = fmt.money(story.balance.available_minor, header.currency)
    day = fmt.moment(story.next_slot, frame.zone(), frame.now())
    st.markdown(
        f"{_who(story)} is paid {story.schedule}, the next time on **{day}**. This asks for everything available now,"
        f" **{available}**; that day pays only what comes after."
    )
    name = f"early_payout_{header.id}"
    st.text_input(
        "Reason", key=field(name, EARLY_WHY), max_chars=500, placeholder="Why not on the day, for the audit"
    )
    in_dialog.buttons(
        "Request it early",
        "fast_forward",
        key="partner-early",
        on_click=_early,
        args=(name, token_for(name), header.code),
    )


def _early(name: str, token: UUID, code: str) -> None:
    reason = typed(name, EARLY_WHY)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        payout_id = request_early_payout(conn, code, reason=reason, actor=actor, now=now)
        return Outcome(
            badge="pending",
            headline=f"Early payout {payout_id} is requested.",
            then="It waits in the queue for another person’s approval.",
        )

    in_dialog.decide_in_dialog(name, token, work)
