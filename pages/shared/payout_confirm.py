"""The dialog that repeats what is about to be decided, and the button that takes an approval back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.decisions import Wanted
from core.messages.payout_rejected import REASONS
from core.reads.timed import still_here
from core.steering import take_back_payouts
from db.engine import Connection
from pages.shared import decisions, desk, elements, tables
from pages.shared.decisions import Outcome, Work
from pages.shared.faults import dialog
from pages.shared.format import count, money, plain, totals
from pages.shared.payout_actions import (
    ASIDE,
    CANCEL,
    REJECT,
    TAKE_BACK,
    Action,
    Seen,
    aside,
    fitting,
    net,
    rejecting,
    second_person,
    sums,
    work,
)

ONE_OR_MANY = ("one", "none")
ROWS_REPEATED = 10


def take_back_button(outcome: Outcome) -> None:
    """In the strip of an approval: take it back, as long as anything of it is here as it was approved."""
    if not outcome.undo or not desk.person().may(TAKE_BACK.right):
        return
    with desk.reading() as conn:
        here = still_here(conn, [payout_id for payout_id, _ in outcome.undo], now=desk.now()).payouts
    seen = dict(outcome.undo)
    approved = [one for one in here if seen[one.id] == one.version]
    if not approved:
        return
    name = f"{TAKE_BACK.name} {decisions.digest(approved)}"
    token = decisions.token_for(name)
    st.button(
        TAKE_BACK.verb,
        icon=f":material/{TAKE_BACK.icon}:",
        type="tertiary",
        key=f"take_back_result_{token}",
        on_click=decisions.decide,
        args=(name, token, taking_back(approved)),
    )


def taking_back(approved: Sequence[Wanted]) -> Work:
    """What runs in the transaction: the approvals of these payouts taken back, those that left or were decided anew refused
    by name.
    """

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        answer = take_back_payouts(conn, approved, actor=actor, now=now)
        refused = [(f"Payout {one.id}:", plain(one.sentence)) for one in answer.refused]
        if not answer.done:
            return Outcome(badge="refused", headline="Nothing was taken back.", refused=refused)
        headline = f"{count(len(answer.done), 'payout')} taken back."
        return Outcome(badge=TAKE_BACK.badge, headline=headline, then=TAKE_BACK.then, refused=refused)

    return run


def one_or_many(action: Action, choice: str) -> str:
    """What to do with the rest when one has changed meanwhile, in words."""
    rest = f"leave that one out and {action.doing('the rest')}"
    words = rest if choice == "one" else action.doing("nothing")
    return words.capitalize()


FAULT, DECIDED = "dialog_fault", "dialog_decided"


def confirm(action: Action, selected: Sequence[Seen], *, on_close: Callable[[], None] | None = None) -> None:
    """Open the dialog that repeats what is about to be decided: which payouts, how many, how much; `on_close` is called
    when it is cancelled, dismissed or decided.
    """
    seen = fitting(action, selected)
    st.session_state.pop(FAULT, None)
    st.session_state.pop(DECIDED, None)
    title = action.doing(count(len(seen), "payout")).capitalize()
    dialog(title, action.icon, on_dismiss=on_close or "rerun")(_confirm)(
        action, seen, len(selected) - len(seen), on_close
    )


def _confirm(action: Action, seen: Sequence[Seen], left: int, on_close: Callable[[], None] | None) -> None:
    if st.session_state.pop(DECIDED, False):
        st.rerun()
    name = f"{action.name} {','.join(str(one.id) for one in seen)}"
    token = decisions.token_for(name)
    what = count(len(seen), "payout")
    st.markdown(f"You {action.doing(f'**{what}**')}, **{net(seen)} net**. {action.then}")
    if left:
        st.caption(f"{count(left, 'selected payout')} in another status: left as they are.")
    if waits := second_person(action, (one.approvals_missing for one in seen)):
        st.caption(f":material/group: {waits}")
    repeat(seen)
    mode, whole_key, reason_key = "one", f"whole-{token}", f"reason-{token}"
    if len(seen) > 1:
        st.radio(
            "If one of them has changed meanwhile",
            list(ONE_OR_MANY),
            key=whole_key,
            format_func=lambda choice: one_or_many(action, choice),
        )
    _ask_why(action, reason_key)
    chosen = _chosen(action, token)
    if fault := st.session_state.pop(FAULT, None):
        st.warning(fault, icon=":material/edit:")

    def on_click() -> None:
        reason = str(st.session_state.get(reason_key) or "")
        whole = st.session_state.get(whole_key, mode) == "none"
        if action.needs_reason and not reason.strip():
            st.session_state[FAULT] = "Say why: the reason is kept with the payout."
            return
        decisions.decide(name, token, work(chosen(), seen, reason=reason, whole=whole))
        st.session_state[DECIDED] = True
        if on_close is not None:
            on_close()

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel" if action is not CANCEL else "Keep", on_click=on_close):
            st.rerun()
        elements.primary(
            f"{action.doing(what).capitalize()} · {net(seen)}",
            action.icon,
            key=f"confirm-{token}",
            on_click=on_click,
        )


def _chosen(action: Action, token: UUID) -> Callable[[], Action]:
    """Ask for what only some actions need to know, and return what gives the action with it."""
    key = f"more-{token}"
    if action is REJECT:
        st.selectbox("What the partner is told", list(REASONS), format_func=REASONS.__getitem__, key=key)
        return lambda: rejecting(st.session_state[key])
    if action is ASIDE:
        tomorrow = desk.now().date() + timedelta(days=1)
        st.date_input(
            "Out of the review until", value=tomorrow + timedelta(days=6), min_value=tomorrow, key=key
        )
        return lambda: aside(st.session_state[key])
    return lambda: action


def _ask_why(action: Action, key: str) -> None:
    if action.needs_reason:
        st.text_input("Reason (required, kept with the payout)", key=key, max_chars=500)
    elif action.keeps_note:
        st.text_input("Note for the audit (optional)", key=key, max_chars=500)


def repeat(seen: Sequence[Seen]) -> None:
    """The first payouts and the sums, as a dialog or a set shows them."""
    shown = [
        (str(one.id), plain(one.partner), money(one.net_minor, one.currency)) for one in seen[:ROWS_REPEATED]
    ]
    if len(seen) > ROWS_REPEATED:
        shown.append(("", f":gray[and {len(seen) - ROWS_REPEATED:,} more]", ""))
    tables.rows(shown, ["Payout", "Partner", "Net"], right=["Net"])
    fees = {currency: -minor for currency, minor in sums(seen, "fee_minor").items()}
    lines = [
        ("Gross", totals(sums(seen, "amount_minor"))),
        ("Fees", totals(fees)),
        ("**Net**", f"**{net(seen)}**"),
    ]
    tables.pairs(lines)
