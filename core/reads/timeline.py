"""A payout's story in time: what happened, where it stands now, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Literal

import pandas as pd

from core.reads.accounts import Arrival
from core.reads.automatic import Left
from core.reads.payout_header import PayoutHeader
from core.reads.words import EARNING_WORDS, known, person

State = Literal["past", "now", "future"]

# The class of a refusal that spends no try and blames no partner: an empty balance, a key of ours.
OURS = "platform_balance"
ATTEMPT_WORDS = {
    "started": "Sent, waiting for the answer",
    "succeeded": "Done by the provider",
    "declined": "Refused by the provider",
    "unknown": "No answer from the provider",
    "absent": "Proven absent at the provider",
}


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the story; `at` is None for what has no time yet, `kind` names the icon."""

    at: datetime | None
    what: str
    kind: str
    amount_minor: int | None = None
    state: State = "past"


def timeline(
    header: PayoutHeader,
    items: pd.DataFrame,
    approvals: pd.DataFrame,
    attempts: pd.DataFrame,
    *,
    stopped: str = "",
    kept: str = "",
    leaves_at: datetime | None = None,
    left: Left | None = None,
    arrival: Arrival | None = None,
    back: Sequence[Event] = (),
    coming: Sequence[Event] = (),
) -> pd.DataFrame:
    """Return the story as at, what, kind, amount_minor, state (past, now, future): the past by time, then the rest.

    `stopped` is the sentence of what keeps an approved payout from leaving, `kept` of what keeps a pending one from
    being approved, `left` why the policy did not approve it,
    `leaves_at` when one leaves that only waits
    for its time, `arrival` how far a paid one got,
    `back` and `coming` what came back of it and what is being pulled back.
    """
    events = [
        *_source(items),
        _queued(header),
        *_left(left),
        *_decisions(approvals),
        *_attempts(attempts),
        *_ending(header),
        *_came_of_it(arrival),
        *back,
    ]
    past = sorted(
        (event for event in events if event.at is not None), key=lambda event: event.at or header.queued_at
    )
    rows = [
        (event.at, event.what, event.kind, event.amount_minor, event.state)
        for event in [
            *past,
            *_on_the_way(arrival),
            *coming,
            *_standing(header, attempts, stopped, kept, leaves_at),
        ]
    ]
    frame = pd.DataFrame(rows, columns=["at", "what", "kind", "amount_minor", "state"], dtype="object")
    return frame.astype({"amount_minor": "Int64", "at": "datetime64[us, UTC]"})


def _source(items: pd.DataFrame) -> list[Event]:
    if items.empty:
        return []
    first, last = items.iloc[0], items.iloc[-1]
    events = [_earned("First in it" if len(items) > 1 else "In it", first)]
    if len(items) > 1:
        events.append(_earned("Last in it", last))
    released = items["released_at"].max()
    total = int(items["amount_minor"].sum())
    return [*events, Event(at=released, what="All of it released", kind="released", amount_minor=total)]


def _earned(place: str, item: pd.Series[Any]) -> Event:
    what = f"{place}: {EARNING_WORDS[item['kind']][0]} {item['source']}"
    return Event(at=item["occurred_at"], what=what, kind="earned", amount_minor=int(item["amount_minor"]))


def _queued(header: PayoutHeader) -> Event:
    who = "by schedule" if header.origin == "schedule" else f"as asked for by {person(header.made_by)}"
    if header.early_before is not None:
        who = f"early, {who}"
    if header.override_confirmed_by is not None:
        who = f"beyond a rule, {who} and agreed by {person(header.override_confirmed_by)}"
    return Event(at=header.queued_at, what=f"Queued {who}", kind="queued", amount_minor=header.amount_minor)


def _left(left: Left | None) -> list[Event]:
    if left is None:
        return []
    return [Event(at=left.at, what=f"Left to a person by the policy: {left.sentence}", kind="left")]


def _decisions(approvals: pd.DataFrame) -> list[Event]:
    verbs = {"approve": "Approved", "reject": "Rejected"}
    events = []
    for row in approvals.to_dict("records"):
        verb, told = verbs[row["decision"]], known(row["reason"])
        what = f"{verb} by {person(row['actor'])}" + (f": {told}" if told else "")
        events.append(Event(at=row["at"], what=what, kind=verb.lower()))
    return events


def _attempts(attempts: pd.DataFrame) -> list[Event]:
    events = []
    for row in attempts.to_dict("records"):
        events.append(Event(at=row["started_at"], what=f"Try {row['n']} sent", kind="sent"))
        if known(row["ended_at"]) is not None and row["state"] != "succeeded":
            told = f": {row['message']}" if known(row["message"]) else ""
            what = f"{ATTEMPT_WORDS[row['state']]}{told}"
            events.append(Event(at=row["ended_at"], what=what, kind=row["state"]))
    return events


def _ending(header: PayoutHeader) -> list[Event]:
    told = f": {header.reason}" if header.reason else ""
    match header.status:
        case "paid":
            return [Event(at=header.processed_at, what="Paid", kind="paid", amount_minor=header.net_minor)]
        case "reversed":
            return [Event(at=header.processed_at, what=f"Paid, and came back later{told}", kind="reversed")]
        case "failed":
            return [Event(at=header.processed_at, what=f"Failed for good{told}", kind="failed")]
        case "cancelled":
            return [Event(at=header.decided_at, what=f"Cancelled{told}", kind="cancelled")]
    return []


def _came_of_it(arrival: Arrival | None) -> list[Event]:
    if arrival is None or arrival.status in {"pending", "in_transit"}:
        return []
    what = "Sent back by the bank" if arrival.status == "failed" else arrival.sentence
    return [Event(at=arrival.as_of, what=what, kind=f"bank_{arrival.status}")]


def _on_the_way(arrival: Arrival | None) -> list[Event]:
    if arrival is None or arrival.status in {"paid", "canceled"}:
        return []
    kind = "bank_failed" if arrival.status == "failed" else "bank_in_transit"
    return [_now(arrival.sentence, kind)]


def _standing(
    header: PayoutHeader, attempts: pd.DataFrame, stopped: str, kept: str, leaves_at: datetime | None
) -> list[Event]:
    match header.status:
        case "pending":
            return _undecided(header, kept)
        case "approved" if leaves_at is not None:
            goes = Event(at=leaves_at, what="Leaves, unless taken back", kind="sent", state="future")
            return [
                _now("Approved, waits for its time", "approved"),
                goes,
                _next("Paid by the provider", "paid"),
            ]
        case "approved" if stopped:
            return [
                _now(f"Approved, but stopped. {stopped}", "stopped"),
                _next("Sent once that is settled", "sent"),
            ]
        case "approved" if (refusal := refused_for_us(attempts)) is not None:
            return [
                _now(f"Approved, but {refusal}", "stopped"),
                _next("Sent by itself once that is mended", "sent"),
            ]
        case "approved":
            return [_now("Approved, leaves next", "approved"), _next("Paid by the provider", "paid")]
        case "processing":
            unknown = attempts[attempts["state"] == "unknown"]
            if unknown.empty:
                return [_now("At the provider", "sent"), _next("Paid by the provider", "paid")]
            look = known(unknown["next_look_at"].iloc[-1])
            again = Event(at=look, what="Asked for again", kind="unknown", state="future")
            return [_now("The provider gave no answer; nothing is sent twice", "unknown"), again]
        case "retrying":
            why = f" ({header.retry_class})" if header.retry_class else ""
            at = max(header.retry_at, leaves_at) if header.retry_at and leaves_at else header.retry_at
            again = Event(at=at, what="Tried again", kind="retry", state="future")
            return [_now(f"Refused for now{why}", "retry"), again]
    return []


def _undecided(header: PayoutHeader, kept: str) -> list[Event]:
    if header.aside_until is not None:
        back = datetime.combine(header.aside_until, time(), UTC)
        return [
            _now(f"Set aside: {header.aside_reason}", "aside"),
            Event(at=back, what="Back in the review", kind="queued", state="future"),
            _next(f"Sent {header.sending}", "sent"),
        ]
    missing = header.approvals_needed - header.approvals
    waits = f"Waits for {'one approver' if missing == 1 else f'{missing} approvers'}"
    if kept:
        return [_now(f"Not to be approved yet. {kept}", "stopped"), _next(waits, "approval")]
    return [_now(waits, "approval"), _next(f"Sent {header.sending}", "sent")]


def refused_for_us(attempts: pd.DataFrame) -> str | None:
    """What the provider said when its last word was a refusal for a reason that is ours to mend; None: it was not."""
    if attempts.empty or attempts.iloc[-1]["error_class"] != OURS:
        return None
    return f"refused for a reason of ours: {attempts.iloc[-1]['message']}"


def _now(what: str, kind: str) -> Event:
    return Event(at=None, what=what, kind=kind, state="now")


def _next(what: str, kind: str) -> Event:
    return Event(at=None, what=what, kind=kind, state="future")
