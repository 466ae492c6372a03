"""One payout's story: why this much, may it leave, who decides, what was tried, where the money is."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

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
    payout_tools,
)
from pages.shared.decisions import Outcome
from pages.shared.desk import Person
from pages.shared.faults import live
from pages.shared.format import count, method, moment, money, person, plain, story_moment, until
from pages.shared.payout_actions import CANCEL, REJECT
from pages.shared.status import badge, look, tag

DRAWN = "payout_drawn"
WATCH_S = 2


def page() -> None:
    """Draw the page."""
    now, who = frame.now(), frame.person()
    masked = not who.may("see personal data")
    payout_id = address.given_id("id")
    if payout_id is not None and payout_tools.goes_on(payout_id):
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
    payout_priority.proposal(header, proposed, [payout_tools.seen_of(header)])
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
        payout_tools.draw(told, who, asked=asked)
    st.session_state[DRAWN] = header.id


def _toolbar(slot: DeltaGenerator) -> DeltaGenerator:
    return slot.container(horizontal=True, vertical_alignment="center", width="content")


def _overtaken(header: PayoutHeader, who: Person) -> str | None:
    """What a click asks to be confirmed; when its payout has moved on meanwhile, say so instead."""
    asked = keys.asked(header.id)
    if asked is None:
        return None
    action = {REJECT.name: REJECT, CANCEL.name: CANCEL}[asked]
    if not payout_tools.has_button(action, header, who):
        then = f"The payout is {look(header.status).word.lower()} now."
        decisions.tell(Outcome(badge="refused", headline=f"Nothing was {action.done}.", then=then))
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


def _next(payout_id: int) -> None:
    another = following.after(payout_id, now=frame.now(), masked=not frame.person().may("see personal data"))
    if another is None:
        st.switch_page("pages/queue.py")
    decisions.leave()
    st.switch_page("pages/payout.py", query_params={"id": str(another)})


page()
