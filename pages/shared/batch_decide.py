"""The one decision on a batch: what it will do, the total typed back when it is large, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.access import Actor
from core.batches import decide_batch
from core.decisions import Refused
from core.money import BadAmount, exponent, parse_amount
from core.reads.batch import BatchHeader, progress
from core.reads.timed import still_here
from db.engine import Connection
from pages.shared import address, decisions, desk, elements, payout_actions, tables
from pages.shared.batch_contents import Refusals, net_totals, passing
from pages.shared.decisions import Outcome, Work
from pages.shared.desk import Person
from pages.shared.faults import live
from pages.shared.format import count, moment, money, person, plain, story_moment, totals
from pages.shared.payout_actions import APPROVE, PROCESS, REJECT, TAKE_BACK, Action, Seen
from pages.shared.payout_confirm import ONE_OR_MANY, one_or_many, taking_back
from pages.shared.queue_columns import partner
from pages.shared.status import badge
from pages.shared.tables import each

WORDS: dict[str, Action] = {"approve": APPROVE, "reject": REJECT, "process": PROCESS}
LARGE_MAJOR = 50_000
MOVING = "batch-moving"
REFRESH_S = 2
REFUSED_SHOWN = 10
FAULT = "batch_fault"


def card(
    grid: DeltaGenerator,
    header: BatchHeader,
    kept: pd.DataFrame,
    refusals: Refusals,
    *,
    decision: str,
    who: Person,
) -> None:
    """Draw the choice and its button; the total is typed back where a currency comes to more than 50,000."""
    action = WORDS[decision]
    going = passing(kept, refusals)
    with elements.card(grid, f"{action.verb} the batch"):
        if not any(who.may(one.right) for one in WORDS.values()):
            st.caption("An approver decides on it.")
            return
        st.session_state["batch_decision"] = decision
        st.segmented_control(
            "Decision", list(WORDS), key="batch_decision", required=True, label_visibility="collapsed", width="stretch",
            format_func=lambda name: WORDS[name].verb.removesuffix(" now"),
            on_change=address.remember("batch_decision", "decision"),
        )  # fmt: skip
        if not who.may(action.right):
            st.caption("You may look at it; deciding takes an approver.")
            return
        if going.empty:
            st.caption(f"Nothing in it can be {action.done}.")
            return
        _decision(header, kept, refusals, action)


def _decision(header: BatchHeader, kept: pd.DataFrame, refusals: Refusals, action: Action) -> None:
    going = passing(kept, refusals)
    sums = net_totals(going)
    large = {c: minor for c, minor in sums.items() if minor > LARGE_MAJOR * 10 ** exponent(c)}
    name = f"batch {header.id} {action.name} {decisions.digest(going['id'])}"
    token = decisions.token_for(name)
    if waits := payout_actions.second_person(action, going["approvals_missing"].astype(int)):
        st.caption(f":material/group: {waits}")
    if large:
        st.caption("Above 50,000.00 the total is typed back, so that no click alone moves it.")
    for currency in large:
        st.text_input(f"Type the net total, {currency}", key=f"total-{currency}-{token}", autocomplete="off")
    label = "Reason (required)" if action.needs_reason else "Note for the audit"
    st.text_input(label, key=f"note-{token}", max_chars=500)
    if len(going) > 1:
        st.radio(
            "If one of them has changed meanwhile",
            list(ONE_OR_MANY),
            key=f"whole-{token}",
            format_func=lambda choice: one_or_many(action, choice),
        )
    if fault := st.session_state.pop(FAULT, None):
        st.warning(fault, icon=":material/edit:")

    def on_click() -> None:
        typed = {currency: str(st.session_state.get(f"total-{currency}-{token}") or "") for currency in large}
        reason = str(st.session_state.get(f"note-{token}") or "")
        whole = st.session_state.get(f"whole-{token}") == "none"
        fault = _fault(typed, large) or ("Say why." if action.needs_reason and not reason.strip() else None)
        if fault is not None:
            st.session_state[FAULT] = fault
            return
        decisions.decide(
            name, token, _deciding(header.id, action, kept, refusals, reason=reason, whole=whole)
        )

    elements.primary(
        f"{action.verb} {count(len(going), 'payout')} · {totals(sums)}",
        action.icon,
        key=f"decide_batch_{token}",
        width="stretch",
        on_click=on_click,
    )
    if action is APPROVE:
        st.caption(
            "They leave once approved, at their program’s time; what has not left yet can be taken back."
        )


def _fault(typed: Mapping[str, str], large: Mapping[str, int]) -> str | None:
    for currency, minor in large.items():
        if not typed[currency].strip():
            return f"Type the net total in {currency}."
        try:
            same = parse_amount(typed[currency].replace(",", ""), currency) == minor
        except BadAmount as fault:
            return str(fault)
        if not same:
            return f"The total typed is not the net of the batch in {currency}."
    return None


def _deciding(
    batch_id: int, action: Action, kept: pd.DataFrame, refusals: Refusals, *, reason: str, whole: bool
) -> Work:
    """What runs in the transaction: exactly what the button counted is decided on, what it passed over is refused."""
    seen = [
        Seen(
            id=int(row.id), version=int(row.fixed_version), partner=partner(row), status=row.status,
            currency=row.currency, amount_minor=int(row.amount_minor), fee_minor=int(row.fee_minor),
            net_minor=int(row.fixed_net_minor),
        )
        for row in each(kept)
    ]  # fmt: skip
    sums = net_totals(passing(kept, refusals))
    passed_over = [Refused(id=one, code=code, sentence=said) for one, (code, said) in refusals.items()]

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        answer = decide_batch(
            conn, batch_id, action.name, totals_minor=sums, passed_over=passed_over, actor=actor, now=now, reason=reason,
            whole=whole,
        )  # fmt: skip
        return payout_actions.told(conn, action, seen, answer, now)

    return run


def refused(header: BatchHeader) -> Refusals:
    """What the decision refused, by payout."""
    result: dict[str, Any] = header.outcome or {}
    return {int(one["id"]): (one["code"], one["sentence"]) for one in result.get("refused", [])}


def outcome(grid: DeltaGenerator, header: BatchHeader, items: pd.DataFrame) -> None:
    """How it was decided, how far all of it has come, and every refusal; stays as long as the batch does."""
    result: dict[str, Any] = header.outcome or {}
    done, begun, turned_down = result.get("done", []), result.get("waiting", []), result.get("refused", [])
    pending = set(items.loc[items["status"] == "pending", "id"])
    waiting = [one for one in begun if one in pending]
    since = [one for one in begun if one not in pending]
    by = person(header.decided_by or "")
    at = story_moment(header.decided_at or header.made_at, desk.zone(), desk.now())
    action = WORDS.get(header.decision or "", APPROVE)
    with elements.card(grid, "Decided", f"{at} by {plain(by)}"):
        st.markdown(f"{badge(action.badge)} **{count(len(done), 'payout')}** {action.done}")
        if waiting:
            st.markdown(f"{badge('waits')} {count(len(waiting), 'payout')}")
        if since:
            st.caption(f"{count(len(since), 'payout')} of it decided by a second person since.")
        if done or since:
            _progress((*done, *since), leaving=action.leaves)
        if done:
            _take_back(header, done)
        if turned_down:
            st.markdown(f"{badge('refused')} {count(len(turned_down), 'payout')}")
            tables.rows(
                [(str(one["id"]), plain(one["sentence"])) for one in turned_down[:REFUSED_SHOWN]],
                ["Payout", "Why"],
            )


def _take_back(header: BatchHeader, done: Sequence[int]) -> None:
    """Take back what has not left: one click, whoever of the approvers sees it."""
    if not desk.person().may(TAKE_BACK.right):
        return
    now = desk.now()
    with desk.reading() as conn:
        here = still_here(conn, done, now=now)
    if not here.payouts:
        return
    if here.first_at is not None:
        st.caption(f"The first leaves {moment(here.first_at, desk.zone(), now)} unless taken back.")
    name = f"{TAKE_BACK.name} batch {header.id} {decisions.digest(here.payouts)}"
    token = decisions.token_for(name)
    st.button(
        f"{TAKE_BACK.verb} {count(len(here.payouts), 'payout')}",
        icon=f":material/{TAKE_BACK.icon}:",
        key=f"take_back_batch_{token}",
        width="stretch",
        on_click=decisions.decide,
        args=(name, token, taking_back(here.payouts)),
    )


@live(REFRESH_S)
def _progress(ids: tuple[int, ...], *, leaving: bool) -> None:
    with desk.reading() as conn:
        found = progress(conn, ids)
    # The rest of the page follows once nothing is on its way: its rows and its button would tell of an earlier hour.
    moving = bool(found["status"].isin(["approved", "processing"]).any())
    was_moving = st.session_state.get(MOVING) == ids
    st.session_state[MOVING] = ids if moving else None
    if was_moving and not moving:
        desk.draw_anew()
    if leaving:
        ended = int(found.loc[~found["status"].isin(["approved", "processing", "retrying"]), "count"].sum())
        st.progress(ended / len(ids), text=f"{ended:,} of {len(ids):,} sent and answered")
    tables.rows(
        [
            (badge(row.status), f"{row.number:,}", money(int(row.net_minor), row.currency))
            for row in each(found.rename(columns={"count": "number"}))
        ],
        ["status", "count", "net"],
        right=["count", "net"],
        header=False,
    )
