"""One payout's story: why this much, may it leave, who decides, what was tried, where the money is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.guards import STOPS_APPROVAL
from core.reads.payout import PayoutStory, customer_history, standing, story
from core.reads.payout_header import PayoutHeader
from core.reads.priorities import proposed_priorities
from pages.shared import (
    address,
    decisions,
    elements,
    following,
    frame,
    keys,
    payment_file,
    payout_cards,
    payout_priority,
    payout_reversal,
    payout_tabs,
)
from pages.shared.decisions import RESULT, Outcome
from pages.shared.desk import Person
from pages.shared.faults import live
from pages.shared.format import (
    PRIORITIES,
    count,
    method,
    moment,
    money,
    person,
    plain,
    story_moment,
    until,
)
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
from pages.shared.status import badge, look, tag

APPROVES = "Ctrl+Enter"  # stands in no text: what is typed while no field has the cursor never approves
GOING, DRAWN = "payout_going", "payout_drawn"
WATCH_S = 2


def page() -> None:
    """Draw the page."""
    now, who = frame.now(), frame.person()
    masked = not who.may("see personal data")
    payout_id = address.given_id("id")
    going = st.session_state.pop(GOING, False)
    if payout_id is not None and going and not keys.is_asking(payout_id):
        _next(payout_id)
    with frame.reading() as conn:
        told = story(conn, payout_id, now=now, masked=masked) if payout_id is not None else None
        if told is not None:
            customers = customer_history(conn, told.header.id, now=now, masked=masked)
            proposed = proposed_priorities(conn, [told.header.id], now=now).get(told.header.id)
    if told is None:
        _nobody(payout_id)
        return
    header = told.header
    asked = _overtaken(header, who)
    slots: list[DeltaGenerator] = []

    def reserve() -> None:
        slots.append(st.empty())
        if st.session_state.get(DRAWN) == header.id:  # else the buttons of the payout before go at once
            slots.append(_toolbar(slots[0]))

    frame.header(
        f"{money(header.net_minor, header.currency)} to {plain(_partner(header))}",
        _caption(header),
        tools=reserve,
    )
    st.markdown(" ".join(_badges(told)))
    payment_file.of_payout(header.id)
    payout_priority.proposal(header, proposed, [_seen(header)])
    payout_reversal.waiting(told, now, frame.zone())
    grid = st.grid(3, min_column_width=225)
    with grid.cell(column_span=2, row_span=3):
        payout_cards.why(told)
        payout_cards.story(told, frame.zone(), now)
    payout_cards.may_it_leave(grid, told, who, now)
    payout_cards.signals(grid, told, now)
    payout_cards.approvals(grid, told, who)
    payout_tabs.tabs(told, customers, frame.zone(), now)
    if header.status in ("approved", "processing"):
        _watch(header.id, header.version)
    payout_reversal.under_way(told)
    # Last, and without their keys once a dialog is open: a reason typed into it must never approve behind it.
    with slots[-1] if len(slots) > 1 else _toolbar(slots[0]):
        _tools(told, who, asked=asked)
    st.session_state[DRAWN] = header.id


def _toolbar(slot: DeltaGenerator) -> DeltaGenerator:
    return slot.container(horizontal=True, vertical_alignment="center", width="content")


def _overtaken(header: PayoutHeader, who: Person) -> str | None:
    """What a click asks to be confirmed; when its payout has moved on meanwhile, say so instead."""
    asked = keys.asked(header.id)
    if asked is None:
        return None
    action = {REJECT.name: REJECT, CANCEL.name: CANCEL}[asked]
    if not _offers(action, header, who):
        outcome = Outcome(
            badge="refused",
            headline=f"Nothing was {action.done}.",
            then=f"The payout is {look(header.status).word.lower()} now.",
        )
        st.session_state[RESULT] = asdict(outcome)
        keys.too_late(header.id)
        return None
    return asked


@live(WATCH_S)
def _watch(payout_id: int, version: int) -> None:
    """Draw the page anew when the payout has moved on."""
    with frame.reading() as conn:
        seen = standing(conn, payout_id)
    if seen != version:
        frame.draw_anew()


def _decide(payout_id: int, had_key: bool, decide: Callable[..., None], args: tuple[object, ...]) -> None:  # noqa: FBT001 - Streamlit hands a callback its arguments by place
    """Decide on the payout that is shown: a click on what still stands of the one before it, or a letter, decides nothing."""
    if address.given_id("id") == payout_id and keys.are_meant(payout_id, had_key=had_key):
        decide(*args)


def _go(payout_id: int, had_key: bool) -> None:  # noqa: FBT001 - as above
    st.session_state[GOING] = address.given_id("id") == payout_id and keys.are_meant(
        payout_id, had_key=had_key
    )


def _ask(name: str, payout_id: int) -> None:
    shown = address.given_id("id")
    if shown == payout_id:
        keys.ask(name, payout_id)
    elif shown is not None:
        keys.too_late(shown)


def _decide_now(
    action: Action, header: PayoutHeader, seen: Sequence[Seen], *, has_key: bool = False
) -> dict[str, Any]:
    now = decide_now(action, seen)
    return {"on_click": _decide, "args": (header.id, has_key, now["on_click"], now["args"])}


def _nobody(payout_id: int | None) -> None:
    frame.header("Payout", "Which payout?")
    what = f"There is no payout {payout_id}" if payout_id is not None else "No payout chosen"
    with elements.empty(
        what, "Choose one in the queue, or find it by partner, reference or number.", "search"
    ):
        st.page_link("pages/queue.py", label="Open the queue", icon=":material/inbox:")


def _partner(header: PayoutHeader) -> str:
    return header.partner_name or header.partner_code


def _caption(header: PayoutHeader) -> str:
    by_hand = f"asked for by {plain(person(header.made_by))}"
    asked = "queued by schedule" if header.origin == "schedule" else by_hand
    at = story_moment(header.queued_at, frame.zone(), frame.now())
    return f"Payout {header.id} · {plain(header.program_name)} · {method(header.method)} · {asked}, {at}"


def _badges(told: PayoutStory) -> list[str]:
    header, blocking = told.header, told.blocking
    now, found = frame.now(), []
    match header.status:
        case "pending" if header.aside_until is not None:
            found.append(badge("set_aside", f"Set aside until {header.aside_until.isoformat()}"))
        case "pending":
            found.append(badge("pending", "Pending: waits for a decision"))
        case "approved" if told.leaves_at is not None:
            at = moment(told.leaves_at, frame.zone(), now)
            found.append(badge("approved", f"Approved: leaves {at} unless taken back"))
        case "retrying":
            found.append(badge("retrying", f"Retrying: next {until(header.retry_at, now)}"))
        case _:
            found.append(badge(header.status))
    if told.arrival is not None:
        found.append(badge(f"bank_{told.arrival.status}"))
    if any(reason.code == "on_hold" for reason in blocking):
        found.append(badge("on_hold"))
    found += [badge(code) for code in header.signals if code not in ("set_aside", "sent_back")]
    if header.priority != "normal":
        shown = look(header.priority)
        found.append(tag(f"{shown.word} priority", shown.icon, shown.colour))
    found.append(tag(count(header.items, "item"), "inventory_2"))
    if header.status == "pending":
        found.append(tag(f"{count(header.days_pending, 'day')} pending", "event"))
    return found


def _tools(told: PayoutStory, who: Person, *, asked: str | None) -> None:
    header = told.header
    seen = [_seen(header)]
    st.page_link(
        "pages/partner.py", label="Partner", icon=":material/person:", query_params={"code": header.partner_code}
    )  # fmt: skip
    _rare(told, seen, who)
    for action in (REJECT, CANCEL):
        if _offers(action, header, who) and not (action is CANCEL and header.status == "pending"):
            name, shortcut = _keyed(f"do_{action.name}", "X" if action is REJECT else None, header.id)
            st.button(
                action.verb, icon=f":material/{action.icon}:", key=name, shortcut=shortcut,
                on_click=_ask, args=(action.name, header.id),
            )  # fmt: skip
            if asked == action.name:
                confirm(action, seen, on_close=keys.answered)
    # What waits for its time is not hurried by a click; taking it back is what there is to do.
    waits = told.leaves_at is not None and header.status == "approved"
    for action in (TAKE_BACK, RETRY, PROCESS):
        if action is PROCESS and (waits or header.status == "retrying"):
            continue
        if action is TAKE_BACK and waits and _offers(action, header, who):
            elements.primary(
                f"{action.verb} {money(header.net_minor, header.currency)}", action.icon, key=f"do_{action.name}_{header.id}",
                **_decide_now(action, header, seen),
            )  # fmt: skip
        elif _offers(action, header, who):
            st.button(
                action.verb, icon=f":material/{action.icon}:", key=f"do_{action.name}_{header.id}",
                **_decide_now(action, header, seen),
            )  # fmt: skip
    stopped = any(reason.code in STOPS_APPROVAL for reason in told.blocking)
    if _offers(APPROVE, header, who) and not stopped and payout_cards.may_decide(told, who):
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


def _keyed(name: str, key: str | None, payout_id: int) -> tuple[str, str | None]:
    """What a button is called, and its key: while the keys are quiet it is another button, which has none."""
    return (f"{name}_{payout_id}_quiet", None) if keys.are_quiet(payout_id) else (f"{name}_{payout_id}", key)


def _seen(header: PayoutHeader) -> Seen:
    return Seen(
        id=header.id, version=header.version, partner=_partner(header), status=header.status,
        currency=header.currency, amount_minor=header.amount_minor, fee_minor=header.fee_minor,
        net_minor=header.net_minor,
    )  # fmt: skip


def _offers(action: Action, header: PayoutHeader, who: Person) -> bool:
    return header.status in action.statuses and who.may(action.right)


def _rare(told: PayoutStory, seen: Sequence[Seen], who: Person) -> None:
    header = told.header
    orders = [priority(level) for level in PRIORITIES if level != header.priority]
    rare = [CANCEL] if header.status == "pending" else []
    rare += [BRING_BACK if header.aside_until is not None else ASIDE, *orders]
    offered = {action.verb: action for action in rare if _offers(action, header, who)}
    choices = [*offered, *([payout_reversal.VERB] if payout_reversal.offered(told, who) else [])]
    if not choices:
        return
    chosen = st.menu_button("More", choices, type="tertiary", key="payout_more")
    if chosen == payout_reversal.VERB:
        payout_reversal.ask(told)
    elif chosen is not None:
        confirm(offered[chosen], seen, on_close=keys.answered)


def _next(payout_id: int) -> None:
    another = following.after(payout_id, now=frame.now(), masked=not frame.person().may("see personal data"))
    if another is None:
        st.switch_page("pages/queue.py")
    decisions.leave()
    st.switch_page("pages/payout.py", query_params={"id": str(another)})


page()
