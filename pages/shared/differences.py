"""Differences to the provider's books as rows with their evidence, and the one thing to do about each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.access import Actor
from core.differences import close_difference
from db.engine import Connection
from pages.shared import elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, number
from pages.shared.decisions import Outcome, decide, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed
from pages.shared.lines import card_text
from pages.shared.status import Colour
from pages.shared.two_people import ask_why, proposing

RIGHT = "close differences"
OURS = frozenset({"missing_here", "duplicate"})
REASON = "difference-reason"
KINDS: dict[str, tuple[str, str, Colour]] = {
    "missing_here": ("Not in our books", "question_mark", "red"),
    "missing_there": ("Not at the provider", "search_off", "red"),
    "wrong_amount": ("Wrong amount", "difference", "red"),
    "wrong_destination": ("Wrong destination", "wrong_location", "red"),
    "duplicate": ("Second transfer", "content_copy", "red"),
    "total": ("Day’s total", "functions", "orange"),
    "balance": ("Account book", "menu_book", "orange"),
}


def kind_badge(kind: str, *, quiet: bool = False) -> str:
    """The kind of a difference as a badge; `quiet` once it is closed."""
    words, icon, colour = KINDS[kind]
    return status.tag(words, icon, "gray" if quiet else colour)


def subject(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    """What a difference is about: the payout, as a link, and the transfer."""
    parts = []
    if number(row.payout_id):
        parts.append(f"payout {_link(number(row.payout_id))}")
    if card_text(row.provider_ref):
        parts.append(fmt.plain(str(row.provider_ref)))
    return ", ".join(parts) or fmt.ABSENT


def _link(payout_id: int) -> str:
    return f"[{payout_id}](/payout?id={payout_id})"


def evidence(row: Any, now: datetime, zone: ZoneInfo, *, masked: bool) -> str:  # noqa: ANN401 - as above
    """What the two books say, in a sentence or two."""
    figures: dict[str, Any] = row.figures
    currency, made = str(row.currency), fmt.moment(instant(row.at), zone, now)
    transfer, payout = fmt.plain(card_text(row.provider_ref)), _link(number(row.payout_id))

    def account(side: str) -> str:
        name = card_text(figures.get(f"{side}_destination"))
        return "an account" if masked or not name else fmt.plain(name)

    def amount(side: str) -> str:
        return fmt.money(int(figures[f"{side}_minor"]), figures.get(f"{side}_currency", currency))

    match str(row.kind):
        case "missing_here":
            said = f"Transfer {transfer} to {account('theirs')} ({made}) was made by no attempt of ours."
            if number(row.payout_id):
                said += f" It carries the mark of payout {payout}."
            elif card_text(figures.get("transfer_group")):
                said += f" Its group: {fmt.plain(str(figures['transfer_group']))}."
        case "duplicate":
            of = f"payout {payout}" if number(row.payout_id) else fmt.plain(str(figures["transfer_group"]))
            said = f"Transfer {transfer} to {account('theirs')} ({made}) is a second one for {of}."
        case "missing_there":
            said = (
                f"Payout {payout} was paid to {account('ours')} as {transfer} ({made});"
                " the provider holds no such transfer."
            )
        case "wrong_amount":
            said = f"Payout {payout} pays {amount('ours')}; transfer {transfer} ({made}) moved {amount('theirs')}."
        case "wrong_destination":
            said = f"Payout {payout} goes to {account('ours')}; transfer {transfer} ({made}) went to {account('theirs')}."
        case _:
            day = fmt.day((instant(row.at) or now).astimezone(UTC).date(), now.date())
            said = (
                f"On {day} the provider’s account book says that transfers took {amount('booked')}; the transfers it"
                f" lists make {amount('listed')}."
                if str(row.kind) == "balance"
                else f"On {day} our books hold {amount('ours')} for {account('theirs')}, the provider"
                f" {amount('theirs')}: something came back on one side only."
            )
    back = int(figures.get("reversed_minor") or 0)
    return said + (f" {fmt.money(back, currency)} of it came back." if back else "")


def difference_rows(found: pd.DataFrame, now: datetime, zone: ZoneInfo) -> None:
    """Draw the open differences; who may close one has a button at its right."""
    person = frame.person()
    masked = not person.may("see personal data")
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title(
                "Open differences", "oldest first; nothing was changed, and each waits for a person"
            )
        )
        for row in tables.each(found):
            said = evidence(row, now, zone, masked=masked)
            with st.container(
                horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
            ):
                with st.container(gap=None, width="stretch"):
                    st.markdown(_head(row, now, zone))
                    st.markdown(f":small[{said}]")
                if (
                    str(row.kind) in OURS
                    and person.may(RIGHT)
                    and st.button(
                        "Paid outside", key=f"outside-{row.id}", icon=":material/undo:", width="content"
                    )
                ):
                    _ask_outside(number(row.id), said)
                if person.may(RIGHT) and st.button(
                    "Close", key=f"close-{row.id}", icon=":material/done:", width="content"
                ):
                    _close(row, said)
        rest = number(found["of"].iloc[0]) - len(found)
        if rest > 0:
            st.caption(f"and {fmt.count(rest, 'more', 'more')}, found later")


def _head(row: Any, now: datetime, zone: ZoneInfo) -> str:  # noqa: ANN401 - as above
    gone = instant(row.gone_at)
    badges = kind_badge(str(row.kind))
    if gone is not None:
        badges += f" {status.tag(f'Gone since {fmt.moment(gone, zone, now)}', 'event_available')}"
    found = f":gray[:small[found {fmt.ago(instant(row.found_at), now)}]]"
    return f"{badges}\u2002**:small[{fmt.money(number(row.amount_minor), str(row.currency))}]**\u2002{found}"


def _ask_outside(difference_id: int, said: str) -> None:
    ask_why(
        "Propose: paid outside",
        "undo",
        f"{said} The partner it went to owes it back: the next payout is that much smaller, once another person confirms.",
        name=f"paid_outside_{difference_id}",
        work=lambda why: proposing("paid_outside", difference_id, why),
    )


@dialog("Close a difference", "balance")
def _close(row: Any, said: str) -> None:  # noqa: ANN401 - as above
    st.markdown(
        f"{kind_badge(str(row.kind))}\u2002**{fmt.money(number(row.amount_minor), str(row.currency))}**"
    )
    st.markdown(said)
    name = f"close_difference_{row.id}"
    st.text_input(
        "Reason",
        key=field(name, REASON),
        max_chars=500,
        placeholder="What it was, and what was done about it",
    )
    st.caption("Closing changes neither book. The difference and the reason are kept, and in the audit.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="difference-cancel") or elements.primary(
            "Close the difference",
            "done",
            key="difference-close",
            on_click=_closed,
            args=(name, token_for(name), number(row.id), row.figures),
        ):
            st.rerun()


def _closed(name: str, token: UUID, difference_id: int, seen: dict[str, Any]) -> None:
    reason = typed(name, REASON)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        close_difference(conn, difference_id, reason=reason, actor=actor, now=now, seen=seen)
        return Outcome(
            badge="done",
            headline="The difference is closed.",
            then="It is asked again only if its figures change.",
        )

    decide(name, token, work)
