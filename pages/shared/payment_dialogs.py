"""The dialogs of payment files: make, hand in, cancel, and say what became of payments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pandas as pd
import streamlit as st

from core.access import Actor
from core.decisions import Wanted
from core.payment_files import make_file
from core.payment_formats import debtor_of
from core.payment_handing import cancel_file, mark_sent
from core.payment_marks import FAULTS, RESULTS, Fault, Mark, Marked, Result, mark_payments, pay_by_hand
from core.reads.payment_files import Ready
from db.engine import Connection
from pages.shared import format as fmt
from pages.shared import frame, in_dialog, tables
from pages.shared.cells import number
from pages.shared.decisions import Outcome, token_for
from pages.shared.lines import card_text

REFERENCE, WHY, DAY, CHOSEN, RESULT, FAULT = (
    f"payment-{name}" for name in ("reference", "why", "day", "chosen", "result", "fault")
)
RESULT_WORDS: dict[Result, str] = {"paid": "It was paid", "failed": "It failed", "returned": "It came back"}
PAGE = "pages/payment_files.py"


def _typed(key: str) -> str:
    return str(st.session_state.get(key) or "").strip()


def _day(key: str = DAY) -> date:
    found = st.session_state.get(key)
    return found if isinstance(found, date) else frame.now().date()


def ask_make(group: Ready) -> None:
    """Open the dialog that repeats what goes into the file."""
    in_dialog.forget_fault()
    _make(group)


@st.dialog("Make a payment file", width="medium", icon=":material/request_quote:")
def _make(group: Ready) -> None:
    net = fmt.money(group.net_minor, group.currency)
    st.markdown(
        f"**{fmt.count(len(group.wanted), 'payout')}** of {fmt.plain(group.program_name)} by"
        f" {fmt.method(group.method)}, **{net}** net. From now on they are in this file and in no other."
    )
    st.caption(
        "Each is looked at again as it is put in; what something keeps stays approved and is named. The file can be"
        " taken home as often as needed, and cancelled until it is handed in."
    )
    name = f"make_file_{group.program}_{group.method}"
    in_dialog.buttons(
        "Make the file", "request_quote", key="file-make", on_click=_made, args=(token_for(name), name, group)
    )


def _made(token: UUID, name: str, group: Ready) -> None:
    own = frame.settings()
    debtor = debtor_of(own.payer_name, own.payer_iban, own.payer_bic)
    wanted = [Wanted(id=id_, version=version) for id_, version in group.wanted]

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        made = make_file(conn, wanted, debtor=debtor, actor=actor, now=now)
        refused = [(f"Payout {no.id}", no.sentence) for no in made.refused]
        if made.file_id is None:
            return Outcome(badge="refused", headline="No file was made.", refused=refused)
        what = fmt.count(len(made.done), "payout")
        return Outcome(
            badge="done",
            headline=f"File {made.file_id} has {what}.",
            then="Take it home and hand it in.",
            refused=refused,
            page="" if refused else PAGE,
            page_id=made.file_id,
        )

    in_dialog.decide_in_dialog(name, token, work)


def ask_sent(file_id: int, total_minor: int, currency: str) -> None:
    """Open the dialog that takes the bank's reference."""
    in_dialog.forget_fault()
    _sent(file_id, total_minor, currency)


@st.dialog("The file was handed in", width="medium", icon=":material/outbox:")
def _sent(file_id: int, total_minor: int, currency: str) -> None:
    st.markdown(f"File {file_id}, **{fmt.money(total_minor, currency)}**. It cannot be cancelled after this.")
    st.text_input(
        "Reference", key=REFERENCE, max_chars=100, placeholder="The bank’s, or the first check’s number"
    )
    token = token_for(f"file_sent_{file_id}")
    in_dialog.buttons(
        "It was handed in", "outbox", key="file-sent-go", on_click=_handed, args=(token, file_id)
    )


def _handed(token: UUID, file_id: int) -> None:
    reference = _typed(REFERENCE)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        mark_sent(conn, file_id, reference=reference, actor=actor, now=now)
        then = "Mark what became of its payments once the bank tells."
        return Outcome(badge="done", headline=f"File {file_id} was handed in.", then=then)

    in_dialog.decide_in_dialog(f"file_sent_{file_id}", token, work)


def ask_cancel(file_id: int) -> None:
    """Open the dialog that cancels a file that was not handed in."""
    in_dialog.forget_fault()
    _cancel(file_id)


@st.dialog("Cancel the file", width="medium", icon=":material/do_not_disturb_on:")
def _cancel(file_id: int) -> None:
    st.markdown(
        "Its payouts are approved as before, and may go into another file; once it was downloaded they are reviewed again."
        " Destroy every copy you have."
    )
    st.text_input("Reason", key=WHY, max_chars=500, placeholder="Why, for the audit")
    token = token_for(f"file_cancel_{file_id}")
    in_dialog.buttons(
        "Cancel it, it was not handed in",
        "do_not_disturb_on",
        key="file-cancel-go",
        on_click=_cancelled,
        args=(token, file_id),
    )


def _cancelled(token: UUID, file_id: int) -> None:
    why = _typed(WHY)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        ended = cancel_file(conn, file_id, why=why, actor=actor, now=now)
        may = "wait for approval again" if ended.reviewed_again else "may go into another"
        then = f"{fmt.count(len(ended.payouts), 'payout')} {may}."
        return Outcome(badge="done", headline=f"File {file_id} is cancelled.", then=then)

    in_dialog.decide_in_dialog(f"file_cancel_{file_id}", token, work)


def ask_mark(lines: pd.DataFrame) -> None:
    """Open the dialog that says what became of one of these payments."""
    in_dialog.forget_fault()
    _mark(lines)


@st.dialog("What became of a payment", width="medium", icon=":material/edit:")
def _mark(lines: pd.DataFrame) -> None:
    payments = {str(row.reference): _payment(row) for row in tables.each(lines)}
    st.selectbox("Payment", list(payments), format_func=lambda ref: payments[ref], key=CHOSEN)
    st.segmented_control(
        "What happened", RESULTS, format_func=lambda one: RESULT_WORDS[one], default="paid", key=RESULT,
        required=True,
    )  # fmt: skip
    if st.session_state.get(RESULT, "paid") != "paid":
        st.text_input("Reason", key=WHY, max_chars=500, placeholder="What the bank says")
        st.selectbox("What was wrong", list(FAULTS), format_func=lambda one: FAULTS[one], key=FAULT)
        st.caption(
            "The money is the partner’s again. Where the account or the instruction was wrong nothing more is sent there"
            " until the details change; what was marked as paid before is on hold for review."
        )
    st.date_input("On", "today", key=DAY, format="YYYY-MM-DD")
    in_dialog.buttons(
        "Mark it", "edit", key="payment-mark-go", on_click=_marked, args=(token_for("mark_payment"),)
    )


def _payment(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    amount = fmt.money(number(row.amount_minor), str(row.currency))
    paid = ", paid" if card_text(row.outcome) == "paid" else ""
    return f"{amount} to {card_text(row.partner_name) or row.partner_code}, payout {row.payout_id}{paid}"


def _marked(token: UUID) -> None:
    outcome = next(one for one in RESULTS if one == (_typed(RESULT) or "paid"))
    fault: Fault = next(one for one in FAULTS if one == (_typed(FAULT) or "account"))
    said = Mark(reference=_typed(CHOSEN), outcome=outcome, on=_day(), reason=_typed(WHY), fault=fault)
    _say(f"mark_payment_{said.reference}", token, [said])


def ask_all_paid(lines: pd.DataFrame) -> None:
    """Open the dialog that marks all open payments of a file as paid."""
    in_dialog.forget_fault()
    _all_paid(lines)


@st.dialog("All were paid", width="medium", icon=":material/done_all:")
def _all_paid(lines: pd.DataFrame) -> None:
    currency = str(lines["currency"].iloc[0])
    total = fmt.money(int(lines["amount_minor"].sum()), currency)
    st.markdown(
        f"**{fmt.count(len(lines), 'payment')}**, **{total}**. A payment that comes back later is marked then."
    )
    st.date_input("On", "today", key=DAY, format="YYYY-MM-DD")
    references = [str(reference) for reference in lines["reference"]]
    in_dialog.buttons(
        "All were paid",
        "done_all",
        key="payment-all-go",
        on_click=_all_marked,
        args=(token_for("mark_all"), references),
    )


def _all_marked(token: UUID, references: Sequence[str]) -> None:
    _say("mark_all", token, [Mark(reference=one, outcome="paid", on=_day()) for one in references])


def _say(name: str, token: UUID, marks: Sequence[Mark]) -> None:
    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        return _told(mark_payments(conn, marks, actor=actor, now=now))

    in_dialog.decide_in_dialog(name, token, work)


def _told(marked: Marked) -> Outcome:
    refused = [(mark.reference, refusal.sentence) for mark, refusal in marked.refused]
    if refused and not marked.marks:
        return Outcome(badge="refused", headline=refused[0][1], refused=refused[1:])
    done = fmt.count(len(marked.marks), "payment is marked", "payments are marked")
    known = f"{len(marked.known):,} were marked so before." if marked.known else ""
    return Outcome(badge="done", headline=f"{done}.", then=known, refused=refused)


def ask_by_hand(group: Ready) -> None:
    """Open the dialog that marks one payout as paid by hand."""
    in_dialog.forget_fault()
    _by_hand(group.wanted)


@st.dialog("Paid by hand", width="medium", icon=":material/done:")
def _by_hand(wanted: Sequence[tuple[int, int]]) -> None:
    versions = dict(wanted)
    st.selectbox("Payout", list(versions), key=CHOSEN, format_func=lambda one: f"Payout {one}")
    st.text_input("Reference", key=REFERENCE, max_chars=100, placeholder="Where the payment is found again")
    st.date_input("Paid on", "today", key=DAY, format="YYYY-MM-DD")
    st.caption("Whoever approved it cannot mark it. The partner is told.")
    in_dialog.buttons(
        "It was paid", "done", key="by-hand-go", on_click=_by_hand_done, args=(token_for("by_hand"), versions)
    )


def _by_hand_done(token: UUID, versions: dict[int, int]) -> None:
    payout_id = int(st.session_state[CHOSEN])
    reference, day = _typed(REFERENCE), _day()
    wanted = Wanted(id=payout_id, version=versions[payout_id])

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        pay_by_hand(conn, wanted, reference=reference, on=day, actor=actor, now=now)
        return Outcome(
            badge="paid", headline=f"Payout {payout_id} is paid.", then=f"Under {fmt.plain(reference)}."
        )

    in_dialog.decide_in_dialog("by_hand", token, work)
