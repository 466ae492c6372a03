"""What a person may do for a partner: ask for a payout, put the money on hold, lift a hold, change what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.guards import HOLD_WORDS
from core.holds import lift_hold, place_hold
from core.money import plain
from core.reads.partner import PartnerStory
from core.reads.partner_extras import PartnerExtras
from core.requests import request_payout
from db.engine import Connection
from pages.shared import (
    by_hand,
    frame,
    in_dialog,
    message_choices,
    note_dialog,
    onboarding,
    partner_backup,
    partner_beside,
    partner_edit,
    partner_requests,
)
from pages.shared import format as fmt
from pages.shared.cells import instant, number
from pages.shared.decisions import Outcome, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import decide_in_dialog, field, forget_fault, show_fault, typed

REQUEST, HOLD, LIFT = "Request a payout", "Place a hold", "Lift a hold"
EARLY, BEYOND = "Request an early payout", "Request beyond a rule"
BLOCK, ALLOW = "Mark as ineligible", "Allow again"
BACKUP, WRITE, BLANK, ANSWER = (
    "Keep a backup method",
    "Write a note",
    "Blank the last note",
    "Answer a question",
)
EDIT, MOVE = "Edit the details", "Change the destination"
ONBOARD = "Mail an onboarding link"
BY_PEOPLE = ("dispute", "review", "ineligible", "kyc", "manual")  # the other reasons are the desk's own
MENU, CHOSEN, AMOUNT, WHY, REASON, UNTIL, NOTE, WHICH, LIFT_NOTE = (
    f"partner-{name}"
    for name in ("menu", "chosen", "amount", "why", "reason", "until", "note", "which", "lift-note")
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the menu: whose right it takes, when there is something to do, and the dialog it opens."""

    name: str
    right: str
    open: Callable[[PartnerStory, PartnerExtras], None]
    when: Callable[[PartnerStory], bool] = lambda _story: True


def menu(story: PartnerStory) -> None:
    """Draw the menu of what this person may do; nobody sees a menu without a line."""
    choices = [line.name for line in _lines(story)]
    if choices:
        st.menu_button("More", choices, key=MENU, on_click=_choose, args=(story.header.code,))


def _lines(story: PartnerStory) -> list[Line]:
    person = frame.person()
    return [line for line in LINES if person.may(line.right) and line.when(story)]


def is_ineligible(story: PartnerStory) -> bool:
    """Tell whether the partner is blocked as a whole."""
    holds = story.holds[story.holds["in_force"] & (story.holds["reason"] == "ineligible")]
    return bool((holds["earning_id"].isna() & holds["payout_id"].isna()).any())


def _choose(code: str) -> None:
    st.session_state[CHOSEN] = (st.session_state[MENU], code)
    forget_fault()


def dialogs(story: PartnerStory, extras: PartnerExtras) -> None:
    """Open what was chosen in the menu of this very partner."""
    chosen = st.session_state.pop(CHOSEN, None)
    for line in LINES:  # whoever forged a line is refused by the operation itself
        if chosen == (line.name, story.header.code) and line.when(story):
            line.open(story, extras)
            return
    show_fault()  # of a dialog that is no longer there


def _who(story: PartnerStory) -> str:
    return fmt.plain(story.header.name or story.header.code)


@dialog("Request a payout", "payments")
def _request(story: PartnerStory) -> None:
    currency = story.header.currency
    everything = plain(max(story.balance.available_minor, 0), currency)
    st.markdown(
        f"{_who(story)} has **{fmt.money(story.balance.available_minor, currency)}** available."
        " The payout waits in the queue until somebody else approves it."
    )
    name = f"request_payout_{story.header.id}"
    st.text_input(f"Amount, {currency}", key=field(name, AMOUNT), value=everything, max_chars=24)
    st.text_input("Reason", key=field(name, WHY), max_chars=500, placeholder="Why now, for the audit")
    in_dialog.buttons(
        "Request the payout",
        "payments",
        key="partner-request",
        on_click=_requested,
        args=(name, token_for(name), story.header.code),
    )


def _requested(name: str, token: UUID, code: str) -> None:
    amount, reason = typed(name, AMOUNT), typed(name, WHY)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        payout_id = request_payout(conn, code, amount, reason=reason, actor=actor, now=now)
        return Outcome(
            badge="pending",
            headline=f"Payout {payout_id} is requested.",
            then="It waits in the queue for another person’s approval.",
        )

    decide_in_dialog(name, token, work)


@dialog("Place a hold", "lock")
def _hold(story: PartnerStory) -> None:
    st.markdown(
        f"Nothing of {_who(story)} is queued or sent while the hold is in force; what is already sent is not called back."
    )
    name = f"place_hold_{story.header.id}"
    st.selectbox("Reason", BY_PEOPLE, format_func=_reason, key=field(name, REASON))
    st.date_input(
        "Until, empty: until somebody lifts it", value=None, key=field(name, UNTIL), format="YYYY-MM-DD"
    )
    st.text_input("Note", key=field(name, NOTE), max_chars=500, placeholder="What is known, for the audit")
    args = (name, token_for(name), story.header.id)
    in_dialog.buttons("Place the hold", "lock", key="partner-hold", on_click=_placed, args=args)


def _reason(code: str) -> str:
    words = HOLD_WORDS[code]
    return words[0].upper() + words[1:]


def _placed(name: str, token: UUID, partner_id: int) -> None:
    reason, note = typed(name, REASON), typed(name, NOTE)
    day: date | None = st.session_state[field(name, UNTIL)]
    until = datetime.combine(day, time(), frame.zone()).astimezone(UTC) if day else None

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        place_hold(conn, partner_id, reason, actor=actor, now=now, until=until, note=note)
        return Outcome(
            badge="on_hold",
            headline="The partner is on hold.",
            then=f"Until {day:%Y-%m-%d}." if day else "Until somebody lifts it.",
        )

    decide_in_dialog(name, token, work)


@dialog("Lift a hold", "lock_open")
def _lift(story: PartnerStory) -> None:
    zone, now = frame.zone(), frame.now()
    in_force = story.holds[story.holds["in_force"]]
    words = {
        number(
            hold.id
        ): f"{_reason(str(hold.reason))}, since {fmt.moment(instant(hold.opened_at), zone, now)}"
        for hold in in_force.itertuples()
    }
    which = field(f"lift_of_{story.header.id}", WHICH)
    hold_id = st.radio(
        "Which", list(words), format_func=words.__getitem__, key=which, label_visibility="collapsed"
    )
    note = field(f"lift_hold_{hold_id}", LIFT_NOTE)
    st.text_input("Reason", key=note, max_chars=500, placeholder="What was settled, for the audit")
    in_dialog.buttons("Lift the hold", "lock_open", key="partner-lift", on_click=_lifted, args=(which,))


def _lifted(which: str) -> None:
    hold_id = int(st.session_state[which])
    name = f"lift_hold_{hold_id}"
    note = typed(name, LIFT_NOTE)  # of a hold chosen with the same click none was asked for yet: refused

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        lift_hold(conn, hold_id, actor=actor, now=now, note=note)
        return Outcome(
            badge="done", headline="The hold is lifted.", then="The next queue run counts the partner in."
        )

    decide_in_dialog(name, token_for(name), work)


def _on(dialog: Callable[[PartnerStory], None]) -> Callable[[PartnerStory, PartnerExtras], None]:
    """A dialog that needs the story alone."""
    return lambda story, _extras: dialog(story)


LINES = (
    Line(name=REQUEST, right="request payouts", open=_on(_request)),
    Line(
        name=EARLY,
        right="request payouts",
        open=_on(partner_requests.early),
        when=lambda story: story.next_slot is not None,
    ),
    Line(name=BEYOND, right="override rules", open=_on(partner_requests.beyond)),
    Line(
        name=BLOCK,
        right="hold money",
        open=_on(partner_beside.block),
        when=lambda story: not is_ineligible(story),
    ),
    Line(name=ALLOW, right="hold money", open=_on(partner_beside.allow), when=is_ineligible),
    Line(name="Enter an amount", right="correct earnings", open=_on(by_hand.enter)),
    Line(name="Refund a sale", right="correct earnings", open=_on(by_hand.refund)),
    Line(name=HOLD, right="hold money", open=_on(_hold)),
    Line(
        name=LIFT,
        right="hold money",
        open=_on(_lift),
        when=lambda story: bool(story.holds["in_force"].any()),
    ),
    Line(name=EDIT, right="edit partners", open=_on(partner_edit.edit)),
    Line(name=MOVE, right="change destinations", open=_on(partner_edit.move)),
    Line(name=BACKUP, right="change destinations", open=_on(partner_backup.keep)),
    Line(name=ONBOARD, right="ask for onboarding", open=_on(onboarding.ask), when=onboarding.wanted),
    Line(name=WRITE, right="write notes", open=_on(lambda story: note_dialog.write(story.header.code))),
    Line(name=BLANK, right="manage people", open=lambda _story, extras: partner_beside.ask_blank(extras)),
    Line(name=ANSWER, right="see personal data", open=_on(partner_beside.reply)),
    Line(name="What they are told", right="edit partners", open=_on(message_choices.choose)),
)
