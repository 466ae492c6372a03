"""The cards of one payout: why this much, its story, what keeps it, what is unusual, who decides."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.guards import HOLD_WORDS, ITS_TIME, PARTNERS_MOVE, STOPS_APPROVAL, Blocking
from core.overrides import rule_words
from core.reads.payout import PayoutStory
from core.reads.timeline import refused_for_us
from pages.shared import desk, elements, tables
from pages.shared.cells import linked, linked_to
from pages.shared.desk import Person
from pages.shared.format import ABSENT, ago, count, method, moment, money, person, plain, story_moment, until
from pages.shared.tables import each

ON_THE_PARTNER = frozenset({"on_hold", "partner_suspended"})  # what is mended where the partner is shown
ICONS = {
    "earned": "shopping_cart", "released": "lock_open", "queued": "inbox", "approved": "verified", "rejected": "block",
    "approval": "hourglass_empty", "sent": "send", "paid": "check_circle", "declined": "error", "unknown": "help",
    "failed": "error", "cancelled": "do_not_disturb_on", "reversed": "undo", "aside": "event_busy", "retry": "replay",
    "reversal": "keyboard_return", "left": "policy",
    "bank_in_transit": "account_balance", "bank_paid": "account_balance", "bank_canceled": "account_balance",
    "bank_failed": "assignment_return", "stopped": "front_hand", "started": "sync", "absent": "search_off", "retrying": "replay",
}  # fmt: skip
YOURS, OURS = "**yours**", "**ours**"
# What is no fault of anything: it takes its time, or a person's.
WAITS = ITS_TIME | {"approvals_missing", "set_aside", "waits_for_retry", "outcome_open"}
# Who may move when it is ours: the right, and whose move it is for those without.
MOVES = {
    "approvals_missing": ("approve payouts", "**an approver’s**"),
    "on_hold": ("hold money", "**a maker’s**"),
    "set_aside": ("steer payouts", "**a maker’s**"),
    "sending_stopped": ("start sending", "**ops’**"),
}


def why(told: PayoutStory) -> None:
    """Which lines add up to the amount, how each came about, and the fee down to the net."""
    header = told.header
    box = st.container(border=True, gap="small")
    with box:
        st.markdown(
            elements.title(
                f"Why {money(header.net_minor, header.currency)}",
                f"policy {plain(header.program_name)}, version {header.policy_version}",
            )
        )
        lines = []
        for row in each(told.why):
            texts = [plain(str(row.line)), plain(str(row.how)) if pd.notna(row.how) else "",
                     money(int(row.amount_minor), header.currency)]  # fmt: skip
            bold = row.part in ("gross", "net")
            lines.append(
                [f"**{text}**" if bold and text and place != 1 else text for place, text in enumerate(texts)]
            )
        tables.rows(lines, ["Line", "How", "Amount"], right=["Amount"])


def story(told: PayoutStory, zone: ZoneInfo, now: datetime) -> None:
    """What happened, where it stands, what comes next."""
    header = told.header
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Story", zone.key))
        lines = []
        for row in each(told.timeline):
            at = story_moment(row.at, zone, now) if pd.notna(row.at) else ""
            icon = f":material/{ICONS.get(row.kind, 'circle')}:"
            amount = money(int(row.amount_minor), header.currency) if pd.notna(row.amount_minor) else ""
            what = plain(row.what)
            match row.state:
                case "now":
                    lines.append(("**now**", f"{icon} **{what}**", amount))
                case "future":
                    lines.append((f":gray[{at or 'then'}]", f":gray[{icon} {what}]", amount))
                case _:
                    lines.append((at, f"{icon} {what}", amount))
        tables.rows(lines, ["When", "What", "Amount"], right=["Amount"], header=False)


def may_it_leave(grid: DeltaGenerator, told: PayoutStory, who: Person, now: datetime) -> None:
    """The guards the sender obeys: what holds, what waits, what blocks, and whose move it is."""
    header, blocking = told.header, told.blocking
    with elements.card(grid, "May it leave?", "the list the sender obeys"):
        if header.status in ("paid", "reversed", "rejected", "cancelled", "failed"):
            words = {"paid": "It has left", "reversed": "It left and came back"}.get(
                header.status, "It leaves no more"
            )
            ended = moment(header.processed_at or header.decided_at, desk.zone(), now)
            tables.pairs(
                [(f":gray[:material/flag:] {words}", ended), *_at_the_bank(told), *_holds_the_next(told, who)]
            )
            return
        codes = {reason.code for reason in blocking}
        lines = [_holds("Reserved for it", money(header.amount_minor, header.currency))]
        if not codes & {"no_destination", "changed_since"}:
            lines.append(_holds("Destination unchanged", method(header.method)))
        if "on_hold" not in codes and "partner_suspended" not in codes:
            lines.append(_holds("No hold on partner or items", ""))
        if "approvals_missing" not in codes:
            lines.append(
                _holds("Approved, content unchanged", f"{header.approvals} of {header.approvals_needed}")
            )
        # What keeps it from being approved comes first: the approval is nobody's move before.
        moves = sorted(blocking, key=lambda reason: reason.code == "approvals_missing")
        lines += [_stands_in_the_way(reason, told, who, now) for reason in moves]
        if header.status == "approved" and refused_for_us(told.attempts) is not None:
            lines.append((":orange[:material/pending:] Refused for a reason of ours", OURS))
        tables.pairs(lines)
        if told.account is not None and told.account.checked_at is not None:
            st.caption(f"Account checked {ago(told.account.checked_at, now)}; asked again before it leaves")


def _at_the_bank(told: PayoutStory) -> list[tuple[str, str]]:
    if told.arrival is None:
        return []
    if told.arrival.status == "failed":
        return [(f":red[:material/assignment_return:] {plain(told.arrival.sentence)}", _others("partner"))]
    return [(f":gray[:material/account_balance:] {plain(told.arrival.sentence)}", "")]


def _holds_the_next(told: PayoutStory, who: Person) -> list[tuple[str, str]]:
    """After a failure: the holds on the partner, and whose move each is."""
    if told.header.status != "failed":
        return []
    in_force = told.holds[told.holds["in_force"] & (told.holds["held_thing"] == "partner")]
    right, other = MOVES["on_hold"]
    ours = YOURS if who.may(right) else other
    return [
        (
            f":red[:material/error:] On hold: {HOLD_WORDS[row.reason]}",
            _others("partner") if row.reason in PARTNERS_MOVE else ours,
        )
        for row in each(in_force)
    ]


def _others(whose: str) -> str:
    return f"**{'Partner' if whose == 'partner' else desk.provider_name()}’s**"


def _holds(what: str, figure: str) -> tuple[str, str]:
    return f":green[:material/check_circle:] {what}", figure


def may_decide(told: PayoutStory, who: Person) -> bool:
    """Whether this person had no part in the payout yet: neither made it nor approved what is in it now."""
    actor = f"user:{who.name}"
    mine = told.approvals[(told.approvals["actor"] == actor) & told.approvals["current"]]
    return actor not in told.makers and not (mine["decision"] == "approve").any()


def _whose(reason: Blocking, told: PayoutStory, who: Person) -> str:
    if reason.whose != "ours":
        return _others(reason.whose)
    right, other = MOVES.get(reason.code, ("steer payouts", OURS))
    if not who.may(right):
        return other
    if reason.code == "approvals_missing" and not may_decide(told, who):
        return "**another approver’s**"
    if reason.code == "approvals_missing" and {one.code for one in told.blocking} & STOPS_APPROVAL:
        return "after that"
    if reason.code in ON_THE_PARTNER:
        return f"{YOURS}, on [their page](/partner?code={quote(told.header.partner_code)})"
    return YOURS


def _stands_in_the_way(reason: Blocking, told: PayoutStory, who: Person, now: datetime) -> tuple[str, str]:
    waits = reason.code in WAITS
    icon = ":orange[:material/pending:]" if waits else ":red[:material/error:]"
    whose = _whose(reason, told, who)
    if reason.clears_at is not None:
        whose = (
            f"{until(reason.clears_at, now)}, {whose}"
            if reason.whose != "ours"
            else until(reason.clears_at, now)
        )
    return f"{icon} {plain(reason.sentence)}", whose


def signals(grid: DeltaGenerator, told: PayoutStory, now: datetime) -> None:
    """What is unusual about it, each with its figures; and what it looks like when nothing is."""
    header = told.header
    with elements.card(grid, "Risk signals"):
        lines = []
        if header.override_rules:
            people = " and ".join(
                plain(person(str(one))) for one in (header.override_proposed_by, header.override_confirmed_by)
            )
            lines += [
                f":orange[:material/policy_alert:] {plain(rule_words(rule, header.currency))}, agreed by {people}"
                for rule in header.override_rules
            ]
        if header.early_before is not None:
            lines.append(
                f":material/fast_forward: Early payout, before the slot of {moment(header.early_before, desk.zone(), now)}"
            )
        if "new_destination" in header.signals:
            at = ago(header.destination_opened_at, now)
            set_by = plain(person(header.destination_by))
            lines.append(
                f":orange[:material/swap_horiz:] New destination, set {at} by {set_by}, never paid before"
            )
        if not told.shared_with.empty:
            lines.append(f":orange[:material/group_work:] {_shared(told)}")
        if header.paid_before == 0:
            lines.append(":material/person_add: First payout to this partner")
        elif header.usual_minor:
            earlier = count(header.paid_before, "earlier payout")
            times = f"{_times(header.amount_minor, header.usual_minor)} × the median of {earlier}"
            icon = (
                ":orange[:material/trending_up:]"
                if "above_usual" in header.signals
                else ":material/trending_flat:"
            )
            lines.append(f"{icon} {times} ({money(header.usual_minor, header.currency)})")
        if header.account:
            address = told.account.address if told.account is not None else None
            lines.append(f":material/account_balance: {linked(header.account, address)}")
        if header.partner_status != "active":
            lines.append(f":red[:material/block:] The partner is {header.partner_status}")
        tables.rows([(line,) for line in lines or [f"{ABSENT} none"]], ["signal"], header=False)


def _times(amount_minor: int, usual_minor: int) -> str:
    shown = f"{amount_minor / usual_minor:.1f}"
    return shown if shown != "0.0" else "less than 0.1"


def _shared(told: PayoutStory) -> str:
    who = [
        linked_to("partner", str(row.called) if pd.notna(row.called) else row.code, code=row.code)
        for row in each(told.shared_with.rename(columns={"name": "called"}))
    ]
    are = "is" if len(who) == 1 else "are"
    return f"Shared account: {', '.join(who)} {are} paid there too"


def approvals(grid: DeltaGenerator, told: PayoutStory, who: Person) -> None:
    """Who has decided, who may, and who may not because they made it."""
    header = told.header
    needed = "two people" if header.approvals_needed > 1 else "one person"
    with elements.card(grid, "Approvals", f"{needed}, never a maker"):
        lines = [
            (plain(row.full_name or row.user) + (", you" if row.user == who.name else ""), plain(row.answer))
            for row in each(told.people)
        ]
        lines += [
            (f"T{plain(person(row.actor))[1:]}", "approved")
            for row in each(told.approvals)
            if row.current and str(row.actor).startswith("policy:")
        ]
        lines += [
            (
                plain(person(row.actor)),
                "approved before, counts no more" if row.decision == "approve" else "rejected",
            )
            for row in each(told.approvals)
            if not row.current or row.decision == "reject"
        ]
        if lines:
            tables.pairs(lines)
        else:
            st.caption("Nobody has decided yet.")
