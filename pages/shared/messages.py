"""Messages as people see them: what waits or went wrong on Operations, and what a partner was told last on theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.message_decisions import drop_message, send_again
from core.reads.messages import OutboxState, messages_in, messages_of_partner, outbox_state
from db.engine import Connection
from pages.shared import elements, frame, message_log, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, number
from pages.shared.decisions import Outcome, Work, decide, token_for
from pages.shared.lines import card_text
from pages.shared.message_log import BY, to, what
from pages.shared.two_people import ask_why

SHOWN = 12
WAITING_SHOWN = 5


def card(now: datetime, zone: ZoneInfo) -> None:
    """Draw the outbox: one line while all is well, and each message that needs a person with what to do about it."""
    masked = not frame.person().may("see personal data")
    with frame.reading() as conn:
        outbox = outbox_state(conn)
        wrong = messages_in(conn, "unclear", "failed", masked=masked, limit=SHOWN)
        waiting = messages_in(conn, "waiting", "sending", masked=masked, limit=WAITING_SHOWN)
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"{elements.title('Messages', _note(outbox, now))}\u2002{_badge(outbox)}")
            message_log.test_button()
        for row in tables.each(wrong):
            _wrong(row, now, zone)
        left = outbox.failed + outbox.unclear - len(wrong)
        if left:
            st.caption(f"and {fmt.count(left, 'more', 'more')}, made later")
        if outbox.set_up and len(waiting):
            records = [
                (what(row), to(row), BY[str(row.channel)], _about(row), _waits(row, now, zone))
                for row in tables.each(waiting)
            ]
            tables.rows(records, ["Waiting", "To", "By", "About", "Then"])
        with st.expander("Delivery log", icon=":material/list:"):
            message_log.log(now, zone)


def _badge(outbox: OutboxState) -> str:
    if outbox.failed or outbox.unclear:
        return status.tag("Needs a person", "mark_email_unread", "orange")
    return "" if outbox.set_up else status.tag("Mail is not set up", "mail_off", "gray")


def _note(outbox: OutboxState, now: datetime) -> str:
    words = []
    if outbox.failed:
        words.append(f"{outbox.failed:,} failed")
    if outbox.unclear:
        words.append(f"{outbox.unclear:,} unclear")
    if outbox.waiting:
        words.append(f"{outbox.waiting:,} waiting, the oldest {fmt.span(now - (outbox.oldest or now))}")
    return ", ".join(words) or "to partners and finance; nothing waits and nothing failed"


def _about(row: Any) -> str:  # noqa: ANN401 - as above
    payout_id = (row.about or {}).get("payout_id")
    return fmt.ABSENT if payout_id is None else f"payout [{payout_id}](/payout?id={payout_id})"


def _waits(row: Any, now: datetime, zone: ZoneInfo) -> str:  # noqa: ANN401 - as above
    at = instant(row.next_try_at)
    if at is None:
        return "being sent"
    if not number(row.tries):
        return "waits for its turn"
    said = f": {fmt.plain(card_text(row.error))}" if card_text(row.error) else ""
    return f"next try {fmt.moment(at, zone, now)}{said}"


def _wrong(row: Any, now: datetime, zone: ZoneInfo) -> None:  # noqa: ANN401 - as above
    message_id = number(row.id)
    about = "" if _about(row) == fmt.ABSENT else f", {_about(row)}"
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        with st.container(gap=None, width="stretch"):
            st.markdown(
                f"{status.badge(f'message_{row.state}')}\u2002**:small[{what(row)}]** :small[to {to(row)}{about}]"
            )
            made = fmt.moment(instant(row.made_at), zone, now)
            st.markdown(f":small[{fmt.plain(card_text(row.error))} :gray[· made {made}]]")
        if not frame.person().may("handle messages"):
            return
        if st.button("Drop", icon=":material/block:", key=f"drop-message-{message_id}", width="content"):
            ask_why(
                "Drop the message",
                "block",
                f"{what(row)} to {to(row)}{about} is not sent. It stays in the records with your reason.",
                name=f"drop_message_{message_id}",
                work=lambda why: _dropping(message_id, why),
            )
        name = f"message_again_{message_id}"
        st.button(
            "Send again", icon=":material/replay:", key=f"message-again-{message_id}", width="content",
            help="It may have arrived: a second copy carries the same Message-ID" if row.state == "unclear" else None,
            on_click=decide, args=(name, token_for(name), _again(message_id)),
        )  # fmt: skip


def _again(message_id: int) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        send_again(conn, message_id, actor=actor, now=now)
        return Outcome(badge="done", headline="The message waits again.", then="It leaves within a minute.")

    return run


def _dropping(message_id: int, why: str) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        drop_message(conn, message_id, reason=why, actor=actor, now=now)
        return Outcome(badge="done", headline="The message is dropped.", then="Nobody is told.")

    return run


def partner_card(partner_id: int, now: datetime, zone: ZoneInfo) -> None:
    """Draw what this partner was told last, what became of it, and what a person may do about what was not sent."""
    with frame.reading() as conn:
        told = messages_of_partner(conn, partner_id)
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Messages", "the last ones; More says which they get, and how"))
        if told.empty:
            st.caption("Nothing was told yet: the first paid payout is.")
            return
        for row in tables.each(told[told["state"].isin(["failed", "unclear"])]):
            _wrong(row, now, zone)
        records = [
            (
                fmt.moment(instant(row.sent_at) or instant(row.made_at), zone, now),
                what(row),
                BY[str(row.channel)],
                _about(row),
                status.badge(f"message_{row.state}"),
                fmt.count(number(row.tries), "try", "tries"),
                _why(row, now, zone),
            )
            for row in tables.each(told)
        ]
        tables.rows(records, ["When", "What", "By", "About", "State", "Tried", "Why"])


def _why(row: Any, now: datetime, zone: ZoneInfo) -> str:  # noqa: ANN401 - as above
    if row.state == "waiting":
        return _waits(row, now, zone)
    return fmt.plain(card_text(row.error)) or fmt.ABSENT
