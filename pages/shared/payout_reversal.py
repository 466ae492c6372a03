"""Pulling money of a paid payout back: what one person proposes here, and what waits for a second one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.money import plain
from core.proposals import KINDS, open_proposals
from core.reads.payout import PayoutStory
from core.reads.reversals import reversals_of
from core.reversals import reversal_content
from core.second_person import Proposal
from pages.shared import elements, frame, in_dialog, keys, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, number
from pages.shared.decisions import token_for
from pages.shared.desk import Person
from pages.shared.faults import dialog, live
from pages.shared.in_dialog import field, typed
from pages.shared.lines import card_text
from pages.shared.status import badge
from pages.shared.two_people import others, proposing, show_proposal

VERB, KIND = "Reverse…", "reverse_payout"
AMOUNT, WHY = "reversal-amount", "reversal-why"
WATCH_S = 2


def offered(told: PayoutStory, who: Person) -> bool:
    """Whether this person may propose to pull something of it back now."""
    return told.out.can_be_reversed and who.may("propose reversals")


def ask(told: PayoutStory) -> None:
    """Open the dialog that takes how much and why."""
    in_dialog.forget_fault()
    _ask(told)


@dialog("Pull money back", "undo", on_dismiss=keys.answered)
def _ask(told: PayoutStory) -> None:
    out = told.out
    whom = fmt.plain(told.header.partner_name or told.header.partner_code)
    st.markdown(
        f"**{fmt.money(out.still_out_minor, out.currency)}** of this payout is still out. What is pulled back from"
        f" {whom} is on hold for review here, and is paid out again only when that hold is lifted."
    )
    everything = plain(out.still_out_minor, out.currency)
    name = f"propose_reversal_{out.payout_id}_{told.header.version}"
    st.text_input(f"Amount, {out.currency}", key=field(name, AMOUNT), value=everything, max_chars=24)
    st.text_input(
        "Reason",
        key=field(name, WHY),
        max_chars=500,
        placeholder="What went wrong, and what the partner was told",
    )
    st.caption(
        ":material/group: Another person confirms it, and decides by the reason; nothing is asked of the provider before."
    )
    in_dialog.buttons(
        "Propose it",
        "undo",
        key="reversal-propose",
        on_click=_proposed,
        args=(name, token_for(name), out.payout_id),
    )


def _proposed(name: str, token: UUID, payout_id: int) -> None:
    amount, why = typed(name, AMOUNT), typed(name, WHY)
    in_dialog.decide_in_dialog(name, token, proposing(KIND, payout_id, why, reversal_content(amount)))


def waiting(told: PayoutStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the proposals to pull something of this payout back that wait for a second person; without any, nothing."""
    with frame.reading() as conn:
        found: list[Proposal] = [
            one for one in open_proposals(conn, now=now) if one.kind == KIND and one.ids == (told.header.id,)
        ]
        names = {one.id: others(conn, KINDS[KIND].right, but=one.made_by) for one in found}
    if not found:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Pull money back", "waits for a second person"))
        for one in found:
            show_proposal(one, names[one.id], now, zone)


def under_way(told: PayoutStory) -> None:
    """Draw the page anew when a reversal without an outcome has moved on."""
    if told.out.under_way:
        _watch(told.header.id, _standing(told.reversals))


@live(WATCH_S)
def _watch(payout_id: int, seen: list[tuple[str, int]]) -> None:
    with frame.reading() as conn:
        stands = _standing(reversals_of(conn, payout_id))
    if stands != seen:
        frame.draw_anew()


def _standing(reversals: pd.DataFrame) -> list[tuple[str, int]]:
    return [(str(row.state), number(row.looks)) for row in tables.each(reversals)]


def rows(reversals: pd.DataFrame, zone: ZoneInfo, now: datetime) -> None:
    """Draw every reversal by us: how much, how it came out, who agreed on it and why."""
    st.caption("Each agreed on by two people, with its own key, never pulled twice.")
    records = [
        (
            str(row.n),
            fmt.story_moment(instant(row.started_at) or now, zone, now),
            badge(str(row.state)) if row.state != "started" else badge("started", "Being pulled back"),
            fmt.money(number(row.amount_minor), str(row.currency)),
            fmt.plain(f"{fmt.person(row.made_by)} and {fmt.person(row.decided_by)}: {row.why}"),
            fmt.plain(card_text(row.message) or card_text(row.code) or fmt.ABSENT),
            fmt.plain(card_text(row.provider_ref) or fmt.ABSENT),
        )
        for row in tables.each(reversals.sort_values("n", ascending=False))
    ]
    head = ["No.", "Agreed", "Outcome", "Amount", "Who and why", "Provider says", "Reference"]
    tables.rows(records, head, right=["Amount"])
