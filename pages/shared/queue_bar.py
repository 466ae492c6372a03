"""The bar under the queue: how much is selected, and what this person may do with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from core.access import Actor
from core.batches import BatchTooLarge, fix_batch
from core.reads.filters import PayoutFilter
from core.reads.payouts import matching
from db.engine import Connection
from pages.shared import decisions, elements
from pages.shared.decisions import Outcome, Work
from pages.shared.desk import Person
from pages.shared.format import PRIORITIES
from pages.shared.payout_actions import (
    APPROVE,
    ASIDE,
    BRING_BACK,
    CANCEL,
    PROCESS,
    REJECT,
    RETRY,
    TAKE_BACK,
    Action,
    Seen,
    fitting,
    net,
    priority,
)
from pages.shared.payout_confirm import confirm
from pages.shared.status import badge

AS_BATCH = "Review as a batch"


def bar(seen: Sequence[Seen], wanted: PayoutFilter, matched: int, person: Person) -> None:
    """Draw the bar where the person may do anything at all."""
    if not person.may("steer payouts"):
        return
    with (
        st.bottom,
        st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"),
    ):
        if seen:
            st.markdown(f"**{len(seen):,} selected**\u2003{net(seen)} net", width="content")
        else:
            _nothing_selected()
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            _all_of_them(wanted, matched)
            if seen:
                _actions(seen, person)


def _nothing_selected() -> None:
    """What was just decided, since the strip may be scrolled away; else what to do here."""
    result = decisions.last_result()
    if result is None:
        st.caption("Tick payouts to decide on them; click a row to open it.", width="content")
    else:
        st.markdown(f"{badge(result.badge)}\u2003**{result.headline}**", width="content")


def _all_of_them(wanted: PayoutFilter, matched: int) -> None:
    name = f"fix batch {sorted(wanted.to_query().items())}"
    st.button(
        f"Select all {matched:,}",
        type="tertiary",
        key="select_all",
        help="Fixes all that match, as they are now, and opens them as a batch",
        on_click=decisions.decide,
        args=(name, decisions.token_for(name), fix_all(wanted)),
    )


def fix_all(wanted: PayoutFilter) -> Work:
    """Fix all that matches at the moment of the click as a batch."""

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        found = matching(conn, wanted, now=now, masked=not actor.may("see personal data"))
        if found.more:
            raise BatchTooLarge(asked=f"More than {len(found.frame):,}", limit=f"{len(found.frame):,}")
        ids = [int(payout_id) for payout_id in found.frame["id"]]
        return _fixed(conn, ids, wanted.to_query(), actor, now)

    return run


def fix_these(ids: Sequence[int], query: dict[str, str] | None = None) -> Work:
    """Fix exactly these payouts as a batch; `query` is what they were chosen by."""
    return lambda conn, actor, now: _fixed(conn, ids, query or {}, actor, now)


def _fixed(
    conn: Connection, ids: Sequence[int], query: dict[str, str], actor: Actor, now: datetime
) -> Outcome:
    batch_id = fix_batch(conn, ids, filter_query=query, actor=actor, now=now)
    return Outcome(badge="done", headline="The batch is fixed.", page="pages/batch.py", page_id=batch_id)


def _actions(seen: Sequence[Seen], person: Person) -> None:
    rare = [AS_BATCH] + [
        action.verb
        for action in (
            TAKE_BACK,
            PROCESS,
            RETRY,
            CANCEL,
            *(priority(level) for level in PRIORITIES),
            BRING_BACK,
        )
        if person.may(action.right) and fitting(action, seen)
    ]
    chosen = st.menu_button("More", rare, type="tertiary", key="selection_more")
    if chosen == AS_BATCH:
        name = f"fix batch {[one.id for one in seen]}"
        decisions.decide(name, decisions.token_for(name), fix_these([one.id for one in seen]))
        st.rerun()
    for action in (TAKE_BACK, PROCESS, RETRY, CANCEL, *(priority(level) for level in PRIORITIES), BRING_BACK):
        if chosen == action.verb:
            confirm(action, seen)
    _button(ASIDE, seen, person)
    _button(REJECT, seen, person)
    if person.may(APPROVE.right):
        ready = fitting(APPROVE, seen)
        label = f"Approve {len(ready):,} · {net(ready)}" if ready else "Approve"
        if elements.primary(label, APPROVE.icon, key="approve_selected", disabled=not ready):
            confirm(APPROVE, seen)


def _button(action: Action, seen: Sequence[Seen], person: Person) -> None:
    if not person.may(action.right) or not fitting(action, seen):
        return
    if st.button(action.verb, icon=f":material/{action.icon}:", key=f"selected_{action.name}"):
        confirm(action, seen)
