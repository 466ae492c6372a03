"""The one status table: badge, grid pill and colour of every status, signal and outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one status looks: its word, colour, badge icon, and the glyph that stands for the icon in a grid."""

    word: str
    colour: Colour
    icon: str
    glyph: str


STATUS: dict[str, Look] = {
    "pending": Look(word="Pending", colour="yellow", icon="hourglass_empty", glyph="…"),
    "approved": Look(word="Approved", colour="blue", icon="verified", glyph="↗"),
    "processing": Look(word="Processing", colour="violet", icon="sync", glyph="→"),
    "retrying": Look(word="Retrying", colour="orange", icon="replay", glyph="↻"),
    "paid": Look(word="Paid", colour="green", icon="check_circle", glyph="✓"),
    "failed": Look(word="Failed", colour="red", icon="error", glyph="×"),
    "reversed": Look(word="Reversed", colour="red", icon="undo", glyph="↩"),
    "rejected": Look(word="Rejected", colour="gray", icon="block", glyph="−"),
    "cancelled": Look(word="Cancelled", colour="gray", icon="do_not_disturb_on", glyph="−"),
}
# Outcomes of attempts, jobs and clicks, in the same palette.
OUTCOMES: dict[str, Look] = {
    "started": Look(word="Being sent", colour="violet", icon="sync", glyph="→"),
    "succeeded": Look(word="Succeeded", colour="green", icon="check_circle", glyph="✓"),
    "declined": Look(word="Declined", colour="red", icon="error", glyph="×"),
    "unknown": Look(word="Unknown", colour="orange", icon="help", glyph="?"),
    "absent": Look(word="Not there", colour="gray", icon="search_off", glyph="−"),
    "late": Look(word="Late", colour="orange", icon="schedule", glyph="?"),
    "paused": Look(word="Paused", colour="orange", icon="pause_circle", glyph="−"),
    "on_time": Look(word="On time", colour="green", icon="check_circle", glyph="✓"),
    "failing": Look(word="Failing", colour="red", icon="error", glyph="×"),
    "done": Look(word="Done", colour="green", icon="check_circle", glyph="✓"),
    "waits": Look(word="Waits for a second person", colour="violet", icon="group", glyph="…"),
    "refused": Look(word="Refused", colour="orange", icon="front_hand", glyph="×"),
    "fault": Look(word="Not done", colour="red", icon="error", glyph="×"),
    "bank_pending": Look(word="On its way to the bank", colour="blue", icon="account_balance", glyph="→"),
    "bank_in_transit": Look(word="On its way to the bank", colour="blue", icon="account_balance", glyph="→"),
    "bank_paid": Look(word="At the bank", colour="green", icon="account_balance", glyph="✓"),
    "bank_canceled": Look(word="Not at the bank yet", colour="gray", icon="account_balance", glyph="−"),
    "bank_failed": Look(word="Sent back by the bank", colour="red", icon="assignment_return", glyph="↩"),
    "message_waiting": Look(word="Waiting", colour="gray", icon="schedule_send", glyph="…"),
    "message_sending": Look(word="Being sent", colour="violet", icon="outgoing_mail", glyph="→"),
    "message_sent": Look(word="Sent", colour="green", icon="mark_email_read", glyph="✓"),
    "message_failed": Look(word="Failed", colour="red", icon="error", glyph="×"),
    "message_unclear": Look(word="Unclear", colour="orange", icon="help", glyph="?"),
    "message_dropped": Look(word="Not sent", colour="gray", icon="block", glyph="−"),
    "held": Look(word="Held", colour="yellow", icon="lock", glyph="…"),
    "available": Look(word="Available", colour="blue", icon="account_balance_wallet", glyph="✓"),
    "reserved": Look(word="Reserved", colour="violet", icon="lock_clock", glyph="→"),
    "voided": Look(word="Voided", colour="gray", icon="block", glyph="−"),
    "active": Look(word="Active", colour="green", icon="check_circle", glyph="✓"),
    "suspended": Look(word="Suspended", colour="red", icon="block", glyph="×"),
    "archived": Look(word="Archived", colour="gray", icon="archive", glyph="−"),
}
SIGNALS: dict[str, Look] = {
    "blocked": Look(word="Blocked", colour="red", icon="block", glyph=""),
    "new_destination": Look(word="New destination", colour="orange", icon="swap_horiz", glyph=""),
    "above_usual": Look(word="3× usual", colour="orange", icon="trending_up", glyph=""),
    "first_payout": Look(word="First payout", colour="gray", icon="person_add", glyph=""),
    "shared_destination": Look(word="Shared account", colour="orange", icon="group_work", glyph=""),
    "second_person": Look(word="Second person", colour="violet", icon="group", glyph=""),
    "on_hold": Look(word="On hold", colour="yellow", icon="lock", glyph=""),
    "set_aside": Look(word="Set aside", colour="gray", icon="event_busy", glyph=""),
    "override": Look(word="Beyond a rule", colour="orange", icon="policy_alert", glyph=""),
    "early": Look(word="Early payout", colour="blue", icon="fast_forward", glyph=""),
    "ineligible": Look(word="Ineligible", colour="red", icon="person_off", glyph=""),
    "by_policy": Look(word="By the policy", colour="blue", icon="policy", glyph=""),
    "left_to_person": Look(word="Left to a person", colour="gray", icon="front_hand", glyph=""),
    "sent_back": Look(word="Sent back", colour="red", icon="assignment_return", glyph=""),
}
PRIORITY: dict[str, Look] = {
    "urgent": Look(word="Urgent", colour="red", icon="keyboard_double_arrow_up", glyph="↑"),
    "high": Look(word="High", colour="orange", icon="keyboard_arrow_up", glyph="↑"),
    "normal": Look(word="Normal", colour="gray", icon="remove", glyph=""),
    "low": Look(word="Low", colour="gray", icon="keyboard_arrow_down", glyph="↓"),
}
# Fill of a grid pill: (light, dark). Streamlit chooses the ink from it.
FILL: dict[Colour, tuple[str, str]] = {
    "yellow": ("#F6E9B9", "#453A12"),
    "blue": ("#D9E7FA", "#1B3659"),
    "violet": ("#E4DCF8", "#34285C"),
    "orange": ("#FBE0C9", "#4B2E19"),
    "green": ("#CFEBDD", "#17432B"),
    "red": ("#F8D5D9", "#512229"),
    "gray": ("#E6E9ED", "#2A323D"),
}


def look(code: str) -> Look:
    """The look of a status, outcome or signal; an unknown code is grey and says itself."""
    for table in (STATUS, OUTCOMES, SIGNALS, PRIORITY):
        if code in table:
            return table[code]
    return Look(word=code.replace("_", " ").capitalize(), colour="gray", icon="label", glyph="")


def badge(code: str, text: str | None = None) -> str:
    """A badge in Markdown, for text, `st.table` cells and headers; `text` instead of the status' own word."""
    shown = look(code)
    return f":{shown.colour}-badge[:material/{shown.icon}: {text or shown.word}]"


def tag(text: str, icon: str, colour: Colour = "gray") -> str:
    """A badge for a fact that is no status."""
    return f":{colour}-badge[:material/{icon}: {text}]"


def pill(code: str) -> str:
    """The words of a grid pill: `… Pending`."""
    shown = look(code)
    return f"{shown.glyph} {shown.word}".strip()


def fill(colour: Colour) -> str:
    """The fill of a pill in the theme the browser shows."""
    light, dark = FILL[colour]
    return dark if st.context.theme.type == "dark" else light
