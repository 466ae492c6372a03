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
from core.payment_marks import FAULTS, RESULTS, Fault, Mark, Marked, Result, mark_payments
from core.reads.payment_files import Ready
from db.engine import Connection
from pages.shared import format as fmt
from pages.shared import frame, in_dialog, tables
from pages.shared.cells import number
from pages.shared.decisions import Outcome, digest, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed
from pages.shared.lines import card_text

REFERENCE, WHY, DAY, CHOSEN, RESULT, FAULT = (
    f"payment-{name}" for name in ("reference", "why", "day", "chosen", "result", "fault")
)
RESULT_WORDS: dict[Result, str] = {"paid": "It was paid", "failed": "It failed", "returned": "It came back"}
PAGE = "pages/payment_files.py"


def day_of(decision: str) -> date:
    """The day that was chosen in the dialog of a decision; without one today."""
    found = st.session_state.get(field(decision, DAY))
    return found if isinstance(found, date) else frame.now().date()


def ask_make(group: Ready) -> None:
    """Open the dialog that repeats what goes into the file."""
    in_dialog.forget_fault()
    _make(group)


@dialog("Make a payment file", "request_quote")
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
    name = f"make_file_{group.program}_{group.method}_{group.currency}_{digest(group.wanted)}"
    in_dialog.buttons(
        "Make the file", "request_quote", key="file-make", on_click=_made, args=(name, token_for(name), group)
    )


def _made(name: str, token: UUID, group: Ready) -> None:
    own = frame.settings()
    debtor = debtor_of(own.payer_name, own.payer_iban, own.payer_bic)
    wanted = [Wanted(id=id_, version=version) for id_, version in group.wanted]

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        made = make_file(conn, wanted, debtor=debtor, actor=actor, now=now)
        refused = [(f"Payout {no.id}", fmt.plain(no.sentence)) for no in made.refused]
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


@dialog("The file was handed in", "outbox")
def _sent(file_id: int, total_minor: int, currency: str) -> None:
    st.markdown(f"File {file_id}, **{fmt.money(total_minor, currency)}**. It cannot be cancelled after this.")
    name = f"file_sent_{file_id}"
    st.text_input(
        "Reference",
        key=field(name, REFERENCE),
        max_chars=100,
        placeholder="The bank’s, or the first check’s number",
    )
    args = (name, token_for(name), file_id)
    in_dialog.buttons("It was handed in", "outbox", key="file-sent-go", on_click=_handed, args=args)


def _handed(name: str, token: UUID, file_id: int) -> None:
    reference = typed(name, REFERENCE)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        mark_sent(conn, file_id, reference=reference, actor=actor, now=now)
        then = "Mark what became of its payments once the bank tells."
        return Outcome(badge="done", headline=f"File {file_id} was handed in.", then=then)

    in_dialog.decide_in_dialog(name, token, work)


def ask_cancel(file_id: int) -> None:
    """Open the dialog that cancels a file that was not handed in."""
    in_dialog.forget_fault()
    _cancel(file_id)


@dialog("Cancel the file", "do_not_disturb_on")
def _cancel(file_id: int) -> None:
    st.markdown(
        "Its payouts are approved as before, and may go into another file; once it was downloaded they are reviewed again."
        " Destroy every copy you have."
    )
    name = f"file_cancel_{file_id}"
    st.text_input("Reason", key=field(name, WHY), max_chars=500, placeholder="Why, for the audit")
    in_dialog.buttons(
        "Cancel it, it was not handed in",
        "do_not_disturb_on",
        key="file-cancel-go",
        on_click=_cancelled,
        args=(name, token_for(name), file_id),
    )


def _cancelled(name: str, token: UUID, file_id: int) -> None:
    why = typed(name, WHY)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        ended = cancel_file(conn, file_id, why=why, actor=actor, now=now)
        may = "wait for approval again" if ended.reviewed_again else "may go into another"
        then = f"{fmt.count(len(ended.payouts), 'payout')} {may}."
        return Outcome(badge="done", headline=f"File {file_id} is cancelled.", then=then)

    in_dialog.decide_in_dialog(name, token, work)


def ask_mark(file_id: int, lines: pd.DataFrame) -> None:
    """Open the dialog that says what became of one of these payments of a file."""
    in_dialog.forget_fault()
    _mark(field(f"mark_of_{file_id}", CHOSEN), lines)


@dialog("What became of a payment", "edit")
def _mark(chosen: str, lines: pd.DataFrame) -> None:
    payments = {str(row.reference): _payment(row) for row in tables.each(lines)}
    name = _marking(
        st.selectbox("Payment", list(payments), format_func=lambda ref: payments[ref], key=chosen) or ""
    )
    outcome = st.segmented_control(
        "What happened", RESULTS, format_func=lambda one: RESULT_WORDS[one], default="paid",
        key=field(name, RESULT), required=True,
    )  # fmt: skip
    if outcome != "paid":
        st.text_input("Reason", key=field(name, WHY), max_chars=500, placeholder="What the bank says")
        st.selectbox(
            "What was wrong", list(FAULTS), format_func=lambda one: FAULTS[one], key=field(name, FAULT)
        )
        st.caption(
            "The money is the partner’s again. Where the account or the instruction was wrong nothing more is sent there"
            " until the details change; what was marked as paid before is on hold for review."
        )
    st.date_input("On", "today", key=field(name, DAY), format="YYYY-MM-DD")
    in_dialog.buttons("Mark it", "edit", key="payment-mark-go", on_click=_marked, args=(chosen,))


def _marking(reference: str) -> str:
    return f"mark_payment_{reference}"


def _payment(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    return whom(row) + (", paid" if card_text(row.outcome) == "paid" else "")


def whom(row: Any) -> str:  # noqa: ANN401 - as above
    """How much a payment is, and whose."""
    amount = fmt.money(number(row.amount_minor), str(row.currency))
    return f"{amount} to {card_text(row.partner_name) or row.partner_code}, payout {row.payout_id}"


def _marked(chosen: str) -> None:
    reference = str(st.session_state[chosen])
    name = _marking(reference)
    if not typed(name, RESULT):
        in_dialog.say("Another payment was chosen at that moment: say what became of it.")
        return
    outcome = next(one for one in RESULTS if one == typed(name, RESULT))
    fault: Fault = next(one for one in FAULTS if one == (typed(name, FAULT) or "account"))
    said = Mark(reference=reference, outcome=outcome, on=day_of(name), reason=typed(name, WHY), fault=fault)
    _say(name, token_for(name), [said])


def ask_all_paid(file_id: int, lines: pd.DataFrame) -> None:
    """Open the dialog that marks all open payments of a file as paid."""
    in_dialog.forget_fault()
    _all_paid(file_id, lines)


@dialog("All were paid", "done_all")
def _all_paid(file_id: int, lines: pd.DataFrame) -> None:
    currency = str(lines["currency"].iloc[0])
    total = fmt.money(int(lines["amount_minor"].sum()), currency)
    st.markdown(
        f"**{fmt.count(len(lines), 'payment')}**, **{total}**. A payment that comes back later is marked then."
    )
    references = [str(reference) for reference in lines["reference"]]
    name = f"mark_all_{file_id}_{digest(references)}"
    st.date_input("On", "today", key=field(name, DAY), format="YYYY-MM-DD")
    in_dialog.buttons(
        "All were paid",
        "done_all",
        key="payment-all-go",
        on_click=_all_marked,
        args=(name, token_for(name), references),
    )


def _all_marked(name: str, token: UUID, references: Sequence[str]) -> None:
    _say(name, token, [Mark(reference=one, outcome="paid", on=day_of(name)) for one in references])


def _say(name: str, token: UUID, marks: Sequence[Mark]) -> None:
    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        return _told(mark_payments(conn, marks, actor=actor, now=now))

    in_dialog.decide_in_dialog(name, token, work)


def _told(marked: Marked) -> Outcome:
    refused = [(fmt.plain(mark.reference), fmt.plain(refusal.sentence)) for mark, refusal in marked.refused]
    if refused and not marked.marks:
        return Outcome(badge="refused", headline=refused[0][1], refused=refused[1:])
    done = fmt.count(len(marked.marks), "payment is marked", "payments are marked")
    known = f"{len(marked.known):,} were marked so before." if marked.known else ""
    return Outcome(badge="done", headline=f"{done}.", then=known, refused=refused)
