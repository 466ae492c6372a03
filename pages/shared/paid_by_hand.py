"""The dialog that marks one payout as paid by hand: chosen by whom and how much, none beforehand."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from core.access import Actor
from core.decisions import Wanted
from core.payment_marks import pay_by_hand
from core.reads.payment_files import Ready, ready_lines
from db.engine import Connection
from pages.shared import format as fmt
from pages.shared import frame, in_dialog, tables
from pages.shared.cells import number
from pages.shared.decisions import Outcome, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed
from pages.shared.payment_dialogs import CHOSEN, DAY, REFERENCE, day_of, whom

OPENED = "paid-by-hand-opened"  # each opening begins with none chosen, also after one that was dismissed


def ask(group: Ready) -> None:
    """Open the dialog that marks one payout as paid by hand."""
    in_dialog.forget_fault()
    with frame.reading() as conn:
        lines = ready_lines(conn, group, masked=not frame.person().may("see personal data"))
    opened = int(st.session_state.get(OPENED, 0)) + 1
    st.session_state[OPENED] = opened
    chosen = field(f"by_hand_opened_{opened}", CHOSEN)
    _ask(chosen, {number(row.payout_id): whom(row) for row in tables.each(lines)}, dict(group.wanted))


@dialog("Paid by hand", "done")
def _ask(chosen: str, payouts: dict[int, str], versions: dict[int, int]) -> None:
    payout_id = st.selectbox(
        "Payout",
        list(payouts),
        index=None,
        key=chosen,
        format_func=payouts.__getitem__,
        placeholder="Choose the one that was paid",
    )
    if payout_id is not None:
        name = _decision(payout_id)
        st.text_input(
            "Reference",
            key=field(name, REFERENCE),
            max_chars=100,
            placeholder="Where the payment is found again",
        )
        st.date_input("Paid on", "today", key=field(name, DAY), format="YYYY-MM-DD")
    st.caption("Whoever approved it cannot mark it. The partner is told.")
    in_dialog.buttons(
        "Choose the payout" if payout_id is None else "It was paid",
        "done",
        key="by-hand-go",
        on_click=_done,
        args=(chosen, versions),
        disabled=payout_id is None,
    )


def _decision(payout_id: int) -> str:
    return f"by_hand_{payout_id}"


def _done(chosen: str, versions: dict[int, int]) -> None:
    payout_id: int | None = st.session_state[chosen]
    if payout_id is None:
        in_dialog.say("Choose the payout that was paid.")
        return
    name = _decision(payout_id)
    reference, day = typed(name, REFERENCE), day_of(name)
    wanted = Wanted(id=payout_id, version=versions[payout_id])

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        pay_by_hand(conn, wanted, reference=reference, on=day, actor=actor, now=now)
        return Outcome(
            badge="paid", headline=f"Payout {payout_id} is paid.", then=f"Under {fmt.plain(reference)}."
        )

    in_dialog.decide_in_dialog(name, token_for(name), work)
