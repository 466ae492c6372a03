"""Unknown outcomes: every transfer and reversal without an answer, its evidence, and the one safe thing to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.outcomes import ABSENT_LOOKS
from core.proposals import open_proposals
from core.reads.open_outcomes import calls_of_attempt, calls_of_reversal, unknown_reversals
from core.reads.operations import unknown_attempts
from db.engine import Connection
from pages.shared import elements, frame, status, tables
from pages.shared import format as fmt
from pages.shared.cells import instant, number
from pages.shared.faults import dialog
from pages.shared.lines import card_text
from pages.shared.two_people import ask_why, others, proposing, show_proposal

SHOWN = 20
ASKED = {"send": "Sent", "reverse": "Asked back", "find": "Looked up"}


@dataclass(frozen=True)
class Sort:
    """What differs between a transfer without an answer and a reversal without one."""

    kind: str  # of the proposal that calls it absent
    thing: str
    to: str
    calls: Callable[[Connection, int, int], pd.DataFrame]
    offer: str
    then: str


TRANSFER = Sort(
    kind="proved_absent", thing="attempt", to="to", calls=calls_of_attempt,
    offer="Two people may call it never made; then it is sent anew.",
    then="it is sent again under a new key",
)  # fmt: skip
REVERSAL = Sort(
    kind="reversal_absent", thing="reversal", to="to pull back from", calls=calls_of_reversal,
    offer="Two people may call it never made; then another reversal may be proposed.",
    then="this reversal is over, and another may be proposed",
)  # fmt: skip


def card(now: datetime, zone: ZoneInfo) -> None:
    """Draw all open outcomes, oldest first; nothing when every call was answered."""
    person = frame.person()
    masked = not person.may("see personal data")
    with frame.reading() as conn:
        found = [
            (sort, row)
            for sort, rows in (
                (TRANSFER, unknown_attempts(conn, masked=masked)),
                (REVERSAL, unknown_reversals(conn, masked=masked)),
            )
            for row in tables.each(rows)
        ]
        waiting = {(one.kind, one.ids[0]): one for one in open_proposals(conn, now=now)}
        names = others(conn, "prove absence", but=f"user:{person.name}")
    if not found:
        return
    found.sort(key=lambda one: instant(one[1].first_sent_at) or now)
    with st.container(border=True, gap="small"):
        note = "asked the provider, got no answer; nothing is sent twice while this is open"
        st.markdown(elements.title("Unknown outcomes", note))
        for sort, row in found[:SHOWN]:
            _outcome(sort, row, now, zone)
            proposal = waiting.get((sort.kind, number(row.payout_id)))
            if proposal is not None:
                show_proposal(proposal, names, now, zone)
            elif _absent_long_enough(row) and person.may("prove absence"):
                _offer(sort, row, now, zone)
        if len(found) > SHOWN:
            st.caption(f"and {fmt.count(len(found) - SHOWN, 'more', 'more')}, sent later")


def _absent_long_enough(row: Any) -> bool:  # noqa: ANN401 - a row of a frame
    """The resolver looks no more once it was absent often and long enough."""
    return instant(row.next_look_at) is None and number(row.absent_looks) >= ABSENT_LOOKS


def _key(sort: Sort, what: str, payout_id: int) -> str:
    return f"{what}-{payout_id}" if sort is TRANSFER else f"{what}-reversal-{payout_id}"


def _outcome(sort: Sort, row: Any, now: datetime, zone: ZoneInfo) -> None:  # noqa: ANN401 - as above
    payout_id = number(row.payout_id)
    who = fmt.plain(card_text(row.partner_name) or str(row.partner_code))
    amount = fmt.money(number(row.net_minor), str(row.currency))
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        with st.container(gap=None, width="stretch"):
            st.markdown(
                f"{_state(row)}\u2002:small[[{payout_id}](/payout?id={payout_id})]\u2002**:small[{amount}]**"
                f" :small[{sort.to} {who}]"
            )
            st.markdown(f":small[{_told(row, now, zone)}]")
        if st.button(
            "Evidence", icon=":material/receipt_long:", key=_key(sort, "evidence", payout_id), width="content"
        ):
            _evidence(sort, payout_id, number(row.n), str(row.key_begins), zone)


def _state(row: Any) -> str:  # noqa: ANN401 - as above
    if _absent_long_enough(row):
        return status.badge("absent")
    if instant(row.next_look_at) is None:
        return status.badge("unknown", "Looked at no more")
    return status.badge("unknown", "Same key again" if row.step == "same_key" else "Looking it up")


def _told(row: Any, now: datetime, zone: ZoneInfo) -> str:  # noqa: ANN401 - as above
    said = card_text(row.message) or card_text(row.code) or "no answer"
    looks = fmt.count(number(row.looks), "look")
    absent, since = number(row.absent_looks), instant(row.absent_since)
    if absent and since is not None:
        looks += f", not found {absent}× since {fmt.moment(since, zone, now)}"
    following = instant(row.next_look_at)
    then = "no next look" if following is None else f"next look {fmt.moment(following, zone, now)}"
    key = f"key {fmt.plain(str(row.key_begins))}…"
    if row.step == "same_key":
        key += f", good for {fmt.span(timedelta(seconds=number(row.same_key_left_s)))}"
    sent = fmt.moment(instant(row.first_sent_at), zone, now)
    return f"{fmt.plain(said)}; {looks}; {then} :gray[· sent {sent} · {key}]"


@dialog("Evidence", "receipt_long", width="large")
def _evidence(sort: Sort, payout_id: int, n: int, key: str, zone: ZoneInfo) -> None:
    with frame.reading() as conn:
        calls = sort.calls(conn, payout_id, n)
    st.markdown(
        f":small[Payout [{payout_id}](/payout?id={payout_id}), {sort.thing} {n}, key {fmt.plain(key)}…,"
        f" times in {zone.key}.]"
    )
    _calls(calls, frame.now(), zone)


def _calls(calls: pd.DataFrame, now: datetime, zone: ZoneInfo) -> None:
    if calls.empty:
        st.caption("No call was written down: the process that made it did not come back.")
        return
    records = [
        (
            fmt.moment(instant(call.at), zone, now),
            ASKED[str(call.what)],
            status.badge(str(call.outcome)),
            fmt.plain(card_text(call.message) or card_text(call.code) or fmt.ABSENT),
            fmt.plain(card_text(call.request_id) or fmt.ABSENT),
            f"{number(call.duration_ms):,} ms",
        )
        for call in tables.each(calls)
    ]
    tables.rows(records, ["At", "Asked", "Outcome", "Answer", "Request", "Took"], right=["Took"])


def _offer(sort: Sort, row: Any, now: datetime, zone: ZoneInfo) -> None:  # noqa: ANN401 - as above
    payout_id, amount = number(row.payout_id), fmt.money(number(row.net_minor), str(row.currency))
    since = fmt.moment(instant(row.absent_since), zone, now)
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.caption(f"The provider does not hold it. {sort.offer}")
        if st.button(
            "Propose: proved absent",
            icon=":material/search_off:",
            key=_key(sort, "absent", payout_id),
            width="content",
        ):
            ask_why(
                "Propose: proved absent",
                "search_off",
                f"Payout {payout_id}, {amount}: not in the provider’s books on {number(row.absent_looks)} looks since"
                f" {since}. Once another person confirms, {sort.then}. Check the provider’s own"
                " dashboard first.",
                name=f"{sort.kind}_{payout_id}",
                work=lambda why: proposing(sort.kind, payout_id, why),
            )
