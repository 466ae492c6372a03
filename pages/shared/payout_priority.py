"""The priority that is proposed for a payout, with why, and the click that takes it over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from core.access import Actor
from core.decisions import Wanted
from core.priorities import Proposed
from core.reads.payout_header import PayoutHeader
from core.steering import set_priority
from db.engine import Connection
from pages.shared import decisions, desk
from pages.shared.decisions import Outcome, Work
from pages.shared.format import PRIORITIES, plain
from pages.shared.payout_actions import OPEN, Seen, priority, told

RIGHT = "steer payouts"


def proposal(header: PayoutHeader, proposed: Proposed | None, seen: Sequence[Seen]) -> None:
    """Draw what is proposed where it says more than the payout has; whoever steers payouts takes it over by one click.

    What a person put higher stays as the person has it, without a word.
    """
    if proposed is None or header.status not in OPEN or not _news(header.priority, proposed.priority):
        return
    word = PRIORITIES[proposed.priority].lower()
    with st.container(
        border=True, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(
            f":material/low_priority: **Priority {word} is proposed**\u2002:gray[:small[{plain(_why(proposed))}]]",
            width="stretch",
        )
        if desk.person().may(RIGHT):
            name = f"proposed {proposed.priority} {header.id}"
            st.button(
                f"Give it priority {word}",
                icon=":material/check:",
                key=f"take_over_priority_{header.id}",
                width="content",
                on_click=decisions.decide,
                args=(name, decisions.token_for(name), _taking_over(proposed, seen)),
            )


def _news(has: str, proposed: str) -> bool:
    ranks = list(PRIORITIES)
    return ranks.index(proposed) > ranks.index(has) or (has, proposed) == ("normal", "low")


def _why(proposed: Proposed) -> str:
    return "; ".join(proposed.reasons)


def _taking_over(proposed: Proposed, seen: Sequence[Seen]) -> Work:
    wanted = [Wanted(id=one.id, version=one.version) for one in seen]
    action = priority(proposed.priority)

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        answer = set_priority(
            conn,
            wanted,
            priority=proposed.priority,
            actor=actor,
            now=now,
            reason=f"as proposed: {_why(proposed)}",
        )
        return told(conn, action, seen, answer, now)

    return run
