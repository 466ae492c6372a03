"""The cards of the partner page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.guards import HOLD_WORDS
from core.reads.accounts import BANK_SENT_BACK
from core.reads.partner import PartnerStory
from pages.shared import elements, own_terms, tables
from pages.shared import format as fmt
from pages.shared.cells import amount, day, instant, linked, linked_to, number
from pages.shared.lines import card_text
from pages.shared.status import badge

SHOWN = 12
SENT_BACK_SHOWN = 3
OPEN = ("pending", "approved", "processing", "retrying")
FIGURES = {"available": "Available", "held": "Held", "reserved": "Reserved", "paid": "Paid"}


def figures(story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the four balances."""
    header, balance = story.header, story.balance
    grid = st.grid(4, min_column_width=220)
    waiting = story.payouts[story.payouts["status"].isin(OPEN)]
    notes = {
        "available": _available_note(story, now, zone),
        "held": _held_note(story, now),
        "reserved": _reserved_note(waiting),
        "paid": f"{fmt.count(header.payouts_paid, 'payout')}, after fees",
    }
    for name, label in FIGURES.items():
        value = fmt.money(getattr(balance, f"{name}_minor"), header.currency)
        grid.metric(label, value, delta=None, delta_description=notes[name], border=True, height="stretch")


def _available_note(story: PartnerStory, now: datetime, zone: ZoneInfo) -> str:
    if story.balance.available_minor < 0:
        return "owes us: the next payout nets it"
    if story.header.last_paid_at is None:
        return "never paid yet"
    return f"last paid {fmt.moment(story.header.last_paid_at, zone, now)}"


def _held_note(story: PartnerStory, now: datetime) -> str:
    """Waiting for a day and being blocked are two things: a hold keeps the money for as long as it stands."""
    if story.balance.next_release_at is not None:
        return f"until its release day, next {fmt.until(story.balance.next_release_at, now)}"
    return "blocked by a hold" if story.balance.held_minor else "nothing waits for its release day"


def _reserved_note(waiting: pd.DataFrame) -> str:
    if len(waiting) == 1:
        return f"payout {waiting['id'].iloc[0]}, {waiting['status'].iloc[0]}"
    return f"in {fmt.count(len(waiting), 'payout')}" if len(waiting) else "no payout is open"


def held(grid: DeltaGenerator, story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw what is held by the day it is released, with its countdown."""
    with elements.card(grid, "Held, and until when", f"days in {story.header.zone}"):
        _held(story, now, zone)


def _held(story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    if story.held.empty:
        st.caption("Nothing waits for its release day. A new earning stands here until then.")
        return
    currency = story.header.currency
    records = [
        (
            day(instant(row.release_at), zone, now),
            fmt.until(instant(row.release_at), now) if instant(row.release_at) else "",
            fmt.count(number(row.count), "earning"),
            _held_by(str(row.held_by)),
            amount(row.amount_minor, currency),
        )
        for row in story.held.head(SHOWN).itertuples(name="Held")
    ]
    total = fmt.money(story.balance.held_minor, currency)
    count = fmt.count(int(story.held["count"].sum()), "earning")
    records.append(("", "", f"**{count}**", "", f"**{total}**"))
    tables.rows(records, ["Releases", "Left", "What", "Held by", "Amount"], right=["Amount"])
    rest = len(story.held) - SHOWN
    if rest > 0:
        st.caption(f"and {fmt.count(rest, 'later day')}, counted in the total")


def _held_by(reason: str) -> str:
    return "Maturity" if reason == "maturity" else reason.replace("_", " ").capitalize()


def why_not_paid(grid: DeltaGenerator, story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the dated reasons why queue runs made no payout."""
    with elements.card(grid, "Why not paid", "what the queue said, newest first"):
        if story.skips.empty:
            st.caption("No queue run has passed this partner over.")
            return
        records = [
            (fmt.moment(instant(skip.at), zone, now), str(skip.sentence))
            for skip in story.skips.head(5).itertuples(name="Skip")
        ]
        tables.rows(records, ["When", "Why"])


def blocking_holds(story: PartnerStory) -> pd.DataFrame:
    """Return the holds in force on the partner as a whole."""
    holds = story.holds
    return holds[holds["in_force"] & holds["earning_id"].isna() & holds["payout_id"].isna()]


def holds(grid: DeltaGenerator, story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the holds, why, until when, and how they ended."""
    with elements.card(grid, "Holds", "why, and until when"):
        if story.holds.empty:
            st.caption("No hold, and never was one.")
            return
        records = []
        for hold in story.holds.head(6).itertuples(name="Hold"):
            subject = _subject(hold.earning_id, hold.payout_id)
            words = HOLD_WORDS[str(hold.reason)]
            note = f" :gray[{fmt.plain(card_text(hold.note))}]" if card_text(hold.note) else ""
            records.append((f"{words[0].upper()}{words[1:]}{subject}{note}", _until(hold, now, zone)))
        tables.rows(records, ["Why", "Until"])


def _subject(earning_id: object, payout_id: object) -> str:
    if card_text(earning_id):
        return ", " + linked_to("earning", f"earning {earning_id}", id=str(number(earning_id)))
    if card_text(payout_id):
        return ", " + linked_to("payout", f"payout {payout_id}", id=str(number(payout_id)))
    return ""


def _until(hold: object, now: datetime, zone: ZoneInfo) -> str:
    closed, until = instant(getattr(hold, "closed_at", None)), instant(getattr(hold, "until", None))
    if closed:
        by = fmt.person(str(getattr(hold, "closed_by", "")))
        return f":gray[lifted {fmt.moment(closed, zone, now)} by {fmt.plain(by)}]"
    if until is None:
        return badge("on_hold", "Until lifted")
    if until <= now:
        return f":gray[ended {fmt.moment(until, zone, now)}]"
    return badge("on_hold", fmt.until(until, now).capitalize()) + f" {fmt.moment(until, zone, now)}"


def terms(grid: DeltaGenerator, story: PartnerStory, now: datetime, zone: ZoneInfo) -> None:
    """Draw the terms in force, and the level that set each."""
    with elements.card(grid, "Schedule and terms", "and who set them"):
        records = [
            (str(term.term), fmt.plain(str(term.value)), str(term.level).capitalize())
            for term in story.terms.itertuples(name="Term")
        ]
        if story.header.last_slot is not None:
            records.append(("Last slot served", fmt.moment(story.header.last_slot, zone, now), "Queue"))
        if story.next_slot is not None:
            records.append(("Next slot", fmt.moment(story.next_slot, zone, now), "Schedule"))
        tables.rows(records, ["Term", "Value", "Set by"])
        own_terms.button(story, now)


def destination(
    grid: DeltaGenerator,
    story: PartnerStory,
    now: datetime,
    zone: ZoneInfo,
    backup: Sequence[tuple[str, str]] = (),
) -> None:
    """Draw where the money goes, where it would go if two people chose the backup, and what was changed."""
    header = story.header
    with elements.card(grid, "Destination and changes"):
        if header.destination_id is None:
            st.markdown(
                ":small[:orange[:material/error:] Nothing to send to: the partner’s details are missing."
                " Import them, and the next queue run counts the partner in.]"
            )
        else:
            opened = fmt.moment(header.destination_opened_at, zone, now)
            address = story.account.address if story.account is not None else None
            account = linked(header.account, address) if header.account else "hidden from viewers"
            pairs = [("Method", fmt.method(header.method)), ("Account", account), ("Since", opened)]
            tables.pairs([*pairs, *_can_be_paid(story, now, zone), *backup])
        if story.changes.empty:
            st.caption("Nothing was changed since the partner was imported.")
            return
        records = [
            (
                fmt.moment(instant(change.at), zone, now),
                str(change.field).replace("_", " ").capitalize(),
                _change(change.old_value, change.new_value),
            )
            for change in story.changes.head(6).itertuples(name="Change")
        ]
        tables.rows(records, ["When", "What", "Change"])


def _can_be_paid(story: PartnerStory, now: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """The account as the provider last showed it, with its age; what it needs, and what its bank sent back."""
    lines = []
    known = story.account
    if known is not None and known.checked_at is None:
        lines.append(("Can be paid", ":gray[not asked yet: it is, before the first payout leaves]"))
    elif known is not None:
        age = f":gray[checked {fmt.ago(known.checked_at, now)}]"
        if known.ready:
            lines.append(("Can be paid", f":green[:material/check_circle:] yes {age}"))
        else:
            whose = "Stripe’s move" if known.whose == "provider" else "the partner’s move"
            lines.append(("Can be paid", f":red[:material/error:] no, {whose} {age}"))
            lines += [(f":gray[{fmt.plain(reason)}]", "") for reason in known.reasons]
        if known.due:
            by = f", by {fmt.moment(known.due_by, zone, now)}" if known.due_by else ""
            lines.append(("Stripe asks for", f"{fmt.plain(', '.join(known.due))}{by}"))
    for back in story.sent_back.head(SENT_BACK_SHOWN).itertuples(name="Back"):
        sentence = f"Payout {back.payout_id} was sent back, {back.failure}: {BANK_SENT_BACK}"
        lines.append((f":red[:material/assignment_return:] {fmt.plain(sentence)}", "**the partner’s move**"))
    return lines


def _change(old: object, new: object) -> str:
    if not card_text(old) and not card_text(new):
        return "changed"
    return f"{fmt.plain(card_text(old)) or fmt.ABSENT} → {fmt.plain(card_text(new)) or fmt.ABSENT}"
