"""What can be done about the payout that is shown: its buttons, their keys, and the clicks that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core.guards import STOPS_APPROVAL
from core.reads.payout import PayoutStory
from core.reads.payout_header import PayoutHeader
from pages.shared import address, decisions, elements, keys, payout_cards, payout_reversal
from pages.shared.decisions import Outcome
from pages.shared.desk import Person
from pages.shared.format import PRIORITIES, money
from pages.shared.payout_actions import (
    APPROVE,
    ASIDE,
    BRING_BACK,
    CANCEL,
    PROCESS,
    REJECT,
    RETRY,
    TAKE_BACK,
    Action,
    Seen,
    decide_now,
    priority,
)
from pages.shared.payout_confirm import confirm

# Stands in no text, and counts in no field: what is typed, or searched for, never approves.
APPROVES = "Shift+Enter"
GOING = "payout_going"


def seen_of(header: PayoutHeader) -> Seen:
    """What of a payout is shown, for a decision to be held against."""
    return Seen(
        id=header.id, version=header.version, partner=header.partner_name or header.partner_code, status=header.status,
        currency=header.currency, amount_minor=header.amount_minor, fee_minor=header.fee_minor,
        net_minor=header.net_minor,
    )  # fmt: skip


def offers(action: Action, header: PayoutHeader, who: Person) -> bool:
    """Whether this person may do this to a payout of its status."""
    return header.status in action.statuses and who.may(action.right)


def has_button(action: Action, header: PayoutHeader, who: Person) -> bool:
    """Whether it has a button of its own, which asks before it decides; cancelling what is pending stands in the menu."""
    return offers(action, header, who) and not (action is CANCEL and header.status == "pending")


def goes_on(payout_id: int) -> bool:
    """Whether *Next* was clicked on this payout and nothing has come of it yet; the answer is given once."""
    left: int | None = st.session_state.pop(GOING, None)
    return left == payout_id and not keys.is_asking(payout_id)


def draw(told: PayoutStory, who: Person, *, asked: str | None) -> None:
    """Draw the buttons; `asked` is the name of the action whose dialog is open."""
    header = told.header
    seen = [seen_of(header)]
    st.page_link(
        "pages/partner.py", label="Partner", icon=":material/person:", query_params={"code": header.partner_code}
    )  # fmt: skip
    _rare(told, seen, who)
    for action in (REJECT, CANCEL):
        if has_button(action, header, who):
            name, shortcut = _keyed(f"do_{action.name}", "X" if action is REJECT else None, header.id)
            st.button(
                action.verb, icon=f":material/{action.icon}:", key=name, shortcut=shortcut,
                on_click=_ask, args=(action.name, header.id),
            )  # fmt: skip
            if asked == action.name and keys.is_dialog_open():
                keys.too_late(header.id)  # what was clicked since stands in front of it, and has the letters
            elif asked == action.name:
                confirm(action, seen, on_close=keys.answered)
    # What waits for its time is not hurried by a click; taking it back is what there is to do.
    waits = told.leaves_at is not None and header.status == "approved"
    for action in (TAKE_BACK, RETRY, PROCESS):
        if action is PROCESS and (waits or header.status == "retrying"):
            continue
        if action is TAKE_BACK and waits and offers(action, header, who):
            elements.primary(
                f"{action.verb} {money(header.net_minor, header.currency)}", action.icon, key=f"do_{action.name}_{header.id}",
                **_decide_now(action, header, seen),
            )  # fmt: skip
        elif offers(action, header, who):
            st.button(
                action.verb, icon=f":material/{action.icon}:", key=f"do_{action.name}_{header.id}",
                **_decide_now(action, header, seen),
            )  # fmt: skip
    stopped = any(reason.code in STOPS_APPROVAL for reason in told.blocking)
    if offers(APPROVE, header, who) and not stopped and payout_cards.may_decide(told, who):
        _approve_button(header, seen)
    name, shortcut = _keyed("next", "N", header.id)
    st.button(
        "Next", icon=":material/arrow_forward:", icon_position="right", key=name, shortcut=shortcut,
        on_click=_go, args=(header.id, shortcut is not None),
    )  # fmt: skip


def _approve_button(header: PayoutHeader, seen: Sequence[Seen]) -> None:
    name, shortcut = _keyed("do_approve", APPROVES, header.id)
    elements.primary(
        f"Approve {money(header.net_minor, header.currency)}", APPROVE.icon, key=name, shortcut=shortcut,
        **_decide_now(APPROVE, header, seen, has_key=shortcut is not None),
    )  # fmt: skip


def _rare(told: PayoutStory, seen: Sequence[Seen], who: Person) -> None:
    header = told.header
    orders = [priority(level) for level in PRIORITIES if level != header.priority]
    rare = [CANCEL] if header.status == "pending" else []
    rare += [BRING_BACK if header.aside_until is not None else ASIDE, *orders]
    offered = {action.verb: action for action in rare if offers(action, header, who)}
    choices = [*offered, *([payout_reversal.VERB] if payout_reversal.offered(told, who) else [])]
    if not choices:
        return
    chosen = st.menu_button("More", choices, type="tertiary", key="payout_more")
    if chosen == payout_reversal.VERB:
        payout_reversal.ask(told)
    elif chosen in offered:
        confirm(offered[chosen], seen, on_close=keys.answered)
    elif chosen is not None:  # the browser still had the menu of before
        known = {action.verb: action for action in (CANCEL, ASIDE, BRING_BACK, *map(priority, PRIORITIES))}
        then = "The payout has changed since you looked."
        decisions.tell(Outcome(badge="refused", headline=f"Nothing was {known[chosen].done}.", then=then))
        st.rerun()


def _keyed(name: str, key: str | None, payout_id: int) -> tuple[str, str | None]:
    """What a button is called, and its key: while the keys are quiet it is another button, which has none."""
    return (f"{name}_{payout_id}_quiet", None) if keys.are_quiet(payout_id) else (f"{name}_{payout_id}", key)


def _decide_now(
    action: Action, header: PayoutHeader, seen: Sequence[Seen], *, has_key: bool = False
) -> dict[str, Any]:
    now = decide_now(action, seen)
    return {"on_click": _decide, "args": (header.id, has_key, now["on_click"], now["args"])}


def _decide(payout_id: int, had_key: bool, decide: Callable[..., None], args: tuple[object, ...]) -> None:  # noqa: FBT001 - Streamlit hands a callback its arguments by place
    """Decide on the payout that is shown: a click on what still stands of the one before it, or a letter, decides nothing."""
    if address.given_id("id") == payout_id and keys.are_meant(payout_id, had_key=had_key):
        decide(*args)


def _go(payout_id: int, had_key: bool) -> None:  # noqa: FBT001 - as above
    if address.given_id("id") == payout_id and keys.are_meant(payout_id, had_key=had_key):
        st.session_state[GOING] = payout_id


def _ask(name: str, payout_id: int) -> None:
    shown = address.given_id("id")
    if shown == payout_id:
        keys.ask(name, payout_id)
    elif shown is not None:
        keys.too_late(shown)
