"""What a person can do with payouts: the buttons' words, the confirm dialog, and the decision behind each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Protocol

from core.access import Actor
from core.decisions import Decision, Wanted, approve_payouts
from core.ending import cancel_payouts, reject_payouts
from core.guards import STOPS_SENDING, blocking_reasons, leaves_by_itself_at
from core.reads.operations import scheduler_beat
from core.reads.timed import still_here
from core.steering import (
    bring_back,
    process_payouts,
    retry_payouts,
    set_aside,
    set_priority,
    take_back_payouts,
)
from db.engine import Connection
from pages.shared import decisions, desk
from pages.shared.decisions import Outcome, Work
from pages.shared.format import PRIORITIES, ago, count, moment, plain, totals


class Operation(Protocol):
    """A decision on payouts as `core` offers it."""

    def __call__(
        self,
        conn: Connection,
        wanted: Sequence[Wanted],
        *,
        actor: Actor,
        now: datetime,
        reason: str = "",
        whole: bool = False,
    ) -> Decision:
        """Decide and answer for every payout asked for."""
        ...


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing to do: its verb, icon and right, the statuses it takes, and what happens next.

    `phrase` says it with what it is done to where verb and noun do not simply follow each other; `keeps_note` whether
    the operation keeps a note.
    """

    name: str
    verb: str
    done: str
    icon: str
    right: str
    statuses: frozenset[str]
    operation: Operation
    then: str = ""
    badge: str = "done"
    phrase: str = ""
    needs_reason: bool = False
    keeps_note: bool = True
    leaves: bool = False
    undo: bool = False

    def doing(self, what: str) -> str:
        """The action done to something: `approve 3 payouts`."""
        return self.phrase.format(what) if self.phrase else f"{self.verb.lower()} {what}"


OPEN = frozenset({"pending", "approved", "retrying"})
APPROVE = Action(
    name="approve", verb="Approve", done="approved", icon="verified", right="approve payouts", badge="approved",
    statuses=frozenset({"pending"}), operation=approve_payouts, leaves=True, undo=True,
)  # fmt: skip
REJECT = Action(
    name="reject", verb="Reject", done="rejected", icon="block", right="reject payouts", badge="rejected",
    statuses=frozenset({"pending"}), operation=reject_payouts, needs_reason=True,
    then="The money is available to the partner again.",
)  # fmt: skip


def rejecting(told: str) -> Action:
    """The action that rejects and gives the partners this reason."""
    return replace(REJECT, operation=partial(reject_payouts, told=told))


CANCEL = Action(
    name="cancel", verb="Cancel", done="cancelled", icon="do_not_disturb_on", right="cancel payouts",
    badge="cancelled", statuses=OPEN, operation=cancel_payouts, needs_reason=True,
    then="The money is available to the partner again.",
)  # fmt: skip
TAKE_BACK = Action(
    name="take back", verb="Take back", done="taken back", icon="undo", right="approve payouts", badge="pending",
    statuses=frozenset({"approved"}), operation=take_back_payouts, then="They wait for a decision again.",
)  # fmt: skip
PROCESS = Action(
    name="process", verb="Process now", done="put first", icon="bolt", right="steer payouts", badge="approved",
    statuses=frozenset({"approved", "retrying"}), operation=process_payouts, leaves=True,
)  # fmt: skip
RETRY = Action(
    name="retry", verb="Retry now", done="due now", icon="replay", right="steer payouts", badge="retrying",
    statuses=frozenset({"retrying"}), operation=retry_payouts, leaves=True,
)  # fmt: skip


def _bring_back(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    del reason  # coming back needs none
    return bring_back(conn, wanted, actor=actor, now=now, whole=whole)


BRING_BACK = Action(
    name="bring back", verb="Bring back", done="back in the review", icon="event_available", right="steer payouts",
    badge="pending", statuses=frozenset({"pending"}), operation=_bring_back, keeps_note=False,
    then="A decision is asked for again.",
)  # fmt: skip


def priority(level: str) -> Action:
    """The action that gives payouts this priority."""

    def order(
        conn: Connection,
        wanted: Sequence[Wanted],
        *,
        actor: Actor,
        now: datetime,
        reason: str = "",
        whole: bool = False,
    ) -> Decision:
        del reason  # an order needs none
        return set_priority(conn, wanted, priority=level, actor=actor, now=now, whole=whole)

    return Action(
        name=f"priority {level}", verb=f"Priority {PRIORITIES[level].lower()}", done=f"given priority {level}",
        icon="low_priority", right="steer payouts", statuses=OPEN, operation=order, badge=level,
        phrase=f"give {{}} priority {level}", keeps_note=False, then=f"Priority {level} from now on.",
    )  # fmt: skip


def aside(until: date) -> Action:
    """The action that takes payouts out of the review until this day."""

    def put_away(
        conn: Connection,
        wanted: Sequence[Wanted],
        *,
        actor: Actor,
        now: datetime,
        reason: str = "",
        whole: bool = False,
    ) -> Decision:
        return set_aside(conn, wanted, until=until, reason=reason, actor=actor, now=now, whole=whole)

    return Action(
        name="set aside", verb="Set aside", done="set aside", icon="event_busy", right="steer payouts",
        statuses=frozenset({"pending"}), operation=put_away, needs_reason=True, badge="set_aside",
        then=f"Back in the review on {until.isoformat()}.",
    )  # fmt: skip


ASIDE = replace(aside(date.max), then="")  # the day is chosen in the dialog


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One payout as it stood on the screen when the person decided: what the decision is bound to."""

    id: int
    version: int
    partner: str
    status: str
    currency: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    approvals_missing: int = 1


def net(seen: Sequence[Seen]) -> str:
    """The net of these payouts by currency, in words."""
    return totals(sums(seen, "net_minor"))


def sums(seen: Sequence[Seen], of: str) -> dict[str, int]:
    """The gross, fee or net (`of` names the field) by currency, in minor units."""
    found: dict[str, int] = {}
    for one in seen:
        found[one.currency] = found.get(one.currency, 0) + int(getattr(one, of))
    return found


def second_person(action: Action, missing: Iterable[int]) -> str:
    """What approving leaves to somebody else, by how many people each still lacks; nothing for other actions."""
    many = sum(people > 1 for people in missing) if action is APPROVE else 0
    return f"{count(many, 'of them waits', 'of them wait')} for a second person afterwards." if many else ""


def fitting(action: Action, seen: Sequence[Seen]) -> list[Seen]:
    """Those of the payouts whose status the action takes."""
    return [one for one in seen if one.status in action.statuses]


def work(action: Action, seen: Sequence[Seen], *, reason: str = "", whole: bool = False) -> Work:
    """What runs in the transaction: the operation on exactly these ids and versions, and its outcome in words."""
    wanted = [Wanted(id=one.id, version=one.version) for one in seen]

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        answer = action.operation(conn, wanted, actor=actor, now=now, reason=reason, whole=whole)
        return told(conn, action, seen, answer, now)

    return run


def told(conn: Connection, action: Action, seen: Sequence[Seen], answer: Decision, now: datetime) -> Outcome:
    """The outcome of a decision in words; refused payouts by name."""
    by_id = {one.id: one for one in seen}
    refused = [
        (f"Payout {one.id} to {plain(by_id[one.id].partner)}:", plain(one.sentence)) for one in answer.refused
    ]
    if not answer.done and not answer.waiting:
        return Outcome(badge="refused", headline=f"Nothing was {action.done}.", refused=refused)
    done, waiting = [by_id[i] for i in answer.done], [by_id[i] for i in answer.waiting]
    parts = [f"{count(len(done), 'payout')}, {net(done)}."] if done else []
    if waiting:
        parts.append(f"{count(len(waiting), 'payout')}, {net(waiting)}: a second person approves too.")
    return Outcome(
        badge=action.badge if done else "waits",
        headline=" ".join(parts),
        then=_next(conn, action, answer.done, now) if done else "",
        refused=refused,
        undo=[(int(one.id), int(one.version or 0)) for one in still_here(conn, answer.done, now=now).payouts]
        if action.undo
        else [],
    )


def _next(conn: Connection, action: Action, done: Sequence[int], now: datetime) -> str:
    return when_it_leaves(conn, done, now) if action.leaves else action.then


def when_it_leaves(conn: Connection, payout_ids: Sequence[int], now: datetime) -> str:
    """What happens next with what was approved: at once, when the scheduler is back, or not before something is settled."""
    reasons = blocking_reasons(conn, payout_ids, now=now)
    times = {payout_id: leaves_by_itself_at(reasons[payout_id]) for payout_id in payout_ids}
    later = [at for at in times.values() if at is not None]
    stopped = [
        next(one.sentence for one in reasons[payout_id] if one.code in STOPS_SENDING)
        for payout_id, at in times.items()
        if at is None and any(one.code in STOPS_SENDING for one in reasons[payout_id])
    ]
    if later and len(later) == len(times):
        return _later(later, now)
    if stopped and len(stopped) == len(times):
        return f"It does not leave yet. {plain(stopped[0])}."
    parts = [_sending(conn, now)] if len(later) + len(stopped) < len(times) else []
    if later:
        parts.append(f"{count(len(later), 'payout')} later. {_later(later, now)}")
    if stopped:
        parts.append(f"{count(len(stopped), 'payout')} not yet: {plain(stopped[0])}.")
    return " ".join(parts)


def _later(times: Sequence[datetime], now: datetime) -> str:
    first = moment(min(times), desk.zone(), now)
    goes = f"Leaves {first}" if len(times) == 1 else f"The first leaves {first}"
    return f"{goes} unless taken back."


def _sending(conn: Connection, now: datetime) -> str:
    beat = scheduler_beat(conn)
    if beat.alive:
        return "Sending starts within seconds."
    last = f"silent, last sign of life {ago(beat.beat_at, now)}" if beat.beat_at else "not running"
    return f"The scheduler is {last}: this leaves when it is back."


def decide_now(action: Action, seen: Sequence[Seen]) -> dict[str, Any]:
    """The `on_click` arguments of a button that decides without a dialog."""
    name = f"{action.name} {','.join(str(one.id) for one in seen)}"
    return {"on_click": decisions.decide, "args": (name, decisions.token_for(name), work(action, seen))}
