"""What became of payments that left by file: a person who approved none of it says so, for one or for many, once.

Paid settles the reservation; failed gives the money back, and where the account or the instruction is at fault the partner
is held until their details change. What was paid and came back later is booked as a return, on hold for review.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, text

from core import audit
from core.access import Actor
from core.decisions import UnknownPayout, Wanted
from core.ledger import lock_partners
from core.outcomes import record_outcome
from core.payment_contents import FileEnded
from core.payment_files import make_for
from core.payment_handing import ApproverMarks, mark_sent
from core.providers import Declined, Order, Succeeded
from core.refusals import Refusal
from core.returns import book_return

Result = Literal["paid", "failed", "returned"]
Fault = Literal["account", "instruction", "limits"]
RESULTS: tuple[Result, ...] = ("paid", "failed", "returned")
FAULTS: dict[Fault, str] = {
    "account": "the account or the address",
    "instruction": "the name, the amount or another part of the instruction",
    "limits": "nothing about the payee: a limit of the bank's or of ours",
}


class UnknownReference(Refusal):
    """No payment file has a payment with the reference {reference}."""

    code = "unknown_reference"


class NotSentYet(Refusal):
    """Payment file {file} was not marked as sent yet: do that first, with the bank's reference."""

    code = "not_sent"


class AlreadyMarked(Refusal):
    """Payment {reference} was marked as {outcome} by {who}: what was marked stays."""

    code = "already_marked"


class MarkNeedsReason(Refusal):
    """Say why it did not arrive: the partner is told, and it is kept."""

    code = "no_reason"


class NotThatDay(Refusal):
    """{day} cannot be: the file was made on {made}, and today is {today}."""

    code = "wrong_date"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What became of one payment, by its reference, on a day; `fault` is what was wrong where it did not arrive."""

    reference: str
    outcome: Result
    on: date
    reason: str = ""
    fault: Fault = "account"


@dataclass(kw_only=True)
class Marked:
    """The answer for every mark asked for: those that count now, those that were known already, and refusals by place."""

    marks: list[Mark] = field(default_factory=list)
    payouts: list[int] = field(default_factory=list)
    amounts: list[tuple[str, int]] = field(default_factory=list)  # currency and minor units of each
    known: list[Mark] = field(default_factory=list)
    refused: list[tuple[Mark, Refusal]] = field(default_factory=list)


OF_REFERENCES = text("""
    SELECT l.payout_id, p.partner_id FROM payment_file_line l JOIN payout p ON p.id = l.payout_id
     WHERE l.reference = ANY(:references)
""")
LOCK_PAYOUTS = text("SELECT id FROM payout WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
READ_LINES = text("""
    SELECT l.reference, l.payout_id, l.n, l.amount_minor, f.id AS file_id, f.state, f.currency, f.made_at, a.idem_key,
           a.params, a.lease_epoch, m.outcome, m.marked_by, back.marked_by AS returned_by,
           EXISTS (SELECT 1 FROM approval v WHERE v.payout_id = l.payout_id AND v.actor = :actor
                      AND v.decision = 'approve') AS approved
      FROM payment_file_line l JOIN payment_file f ON f.id = l.file_id JOIN attempt a USING (payout_id, n)
      LEFT JOIN payment_mark m ON m.payout_id = l.payout_id AND m.n = l.n AND m.ends
      LEFT JOIN payment_mark back ON back.payout_id = l.payout_id AND back.n = l.n AND NOT back.ends
     WHERE l.reference = ANY(:references)
""")


def mark_payments(conn: Connection, marks: Sequence[Mark], *, actor: Actor, now: datetime) -> Marked:
    """Mark payments as paid, failed or returned, each on its own; what was marked so before changes nothing.

    Returned is a failure where the payment was not marked as paid, and a return of all of it where it was. Refuses
    NotAllowed; for one mark UnknownReference, FileEnded, NotSentYet, ApproverMarks, AlreadyMarked, MarkNeedsReason,
    NotThatDay.
    """
    actor.must("mark payments")
    references = [mark.reference for mark in marks]
    subjects = conn.execute(OF_REFERENCES, {"references": references}).all()
    # All locks before the first act: each act writes the trail, which is locked last.
    lock_partners(conn, [row.partner_id for row in subjects])
    conn.execute(LOCK_PAYOUTS, {"ids": [row.payout_id for row in subjects]})
    found = conn.execute(READ_LINES, {"references": references, "actor": actor.name})
    lines = {row.reference: row for row in found}
    marked, seen = Marked(), set[str]()
    going: list[tuple[Mark, Row[Any]]] = []
    for mark in marks:
        line = lines.get(mark.reference)
        refusal = _refusal(mark, line, now=now)
        if refusal is None and mark.reference in seen:
            refusal = AlreadyMarked(reference=mark.reference, outcome="something else", who="a line above")
        if refusal is not None or line is None:
            marked.refused.append((mark, refusal or UnknownReference(reference=mark.reference)))
        elif _is_known(mark, line):
            marked.known.append(mark)
        else:
            seen.add(mark.reference)
            going.append((mark, line))
    for mark, line in going:
        _apply(conn, mark, line, actor=actor, now=now)
        marked.marks.append(mark)
        marked.payouts.append(line.payout_id)
        marked.amounts.append((line.currency, line.amount_minor))
    if going:
        counts = {name: sum(mark.outcome == name for mark, _ in going) for name in RESULTS}
        details = counts | {"payouts": marked.payouts}
        files = sorted({line.file_id for _, line in going})
        audit.record(
            conn,
            "payment_file.marked",
            subject="payment_file",
            ids=files,
            actor=actor,
            now=now,
            details=details,
        )
    return marked


def _refusal(mark: Mark, line: Row[Any] | None, *, now: datetime) -> Refusal | None:
    if line is None:
        return UnknownReference(reference=mark.reference)
    if line.state == "cancelled":
        return FileEnded(id=line.file_id, state=line.state)
    if line.state == "made":
        return NotSentYet(file=line.file_id)
    if line.approved:
        return ApproverMarks(id=line.payout_id)
    if mark.outcome != "paid" and not mark.reason.strip():
        return MarkNeedsReason()
    if not line.made_at.date() <= mark.on <= now.date():
        return NotThatDay(day=mark.on, made=line.made_at.date(), today=now.date())
    if line.outcome is None or _is_known(mark, line) or _comes_back(mark, line):
        return None
    outcome = "returned" if line.returned_by else line.outcome
    who = str(line.returned_by or line.marked_by).removeprefix("user:")
    return AlreadyMarked(reference=mark.reference, outcome=outcome, who=who)


def _is_known(mark: Mark, line: Row[Any]) -> bool:
    if line.returned_by is not None:
        return mark.outcome == "returned"
    return bool(mark.outcome == line.outcome)


def _comes_back(mark: Mark, line: Row[Any]) -> bool:
    return mark.outcome == "returned" and line.outcome == "paid" and line.returned_by is None


ADD_MARK = text("""
    INSERT INTO payment_mark (payout_id, n, ends, outcome, error_class, reason, happened_on, marked_by, marked_at)
    VALUES (:payout_id, :n, :ends, :outcome, :error_class, :reason, :on, :actor, :now)
""")


def _apply(conn: Connection, mark: Mark, line: Row[Any], *, actor: Actor, now: datetime) -> None:
    comes_back = _comes_back(mark, line)
    values = {
        "payout_id": line.payout_id,
        "n": line.n,
        "ends": not comes_back,
        "outcome": mark.outcome,
        "error_class": None if comes_back or mark.outcome == "paid" else mark.fault,
        "reason": mark.reason.strip(),
        "on": mark.on,
        "actor": actor.name,
        "now": now,
    }
    conn.execute(ADD_MARK, values)
    if comes_back:
        book_return(
            conn,
            line.payout_id,
            amount_minor=line.amount_minor,
            event_ref=f"file:{mark.reference}",
            reason=mark.reason.strip(),
            actor=actor,
            now=now,
        )
        return
    if mark.outcome == "paid":
        outcome: Succeeded | Declined = Succeeded(provider_ref=mark.reference)
    else:
        outcome = Declined(code=mark.outcome, error_class=mark.fault, message=mark.reason.strip())
    order = Order(key=line.idem_key, params=line.params, payout_id=line.payout_id, n=line.n, at=now)
    record_outcome(
        conn,
        order,
        outcome,
        lease_epoch=line.lease_epoch,
        what="mark",
        duration_ms=0,
        now=now,
        person=actor,
    )


# ---------------------------------------------------------------------------------------------------------------------
# By hand

APPROVED_IT = text("SELECT 1 FROM approval WHERE payout_id = :id AND actor = :actor AND decision = 'approve'")
REFERENCE = text("SELECT reference FROM payment_file_line WHERE file_id = :file_id")


def pay_by_hand(
    conn: Connection, wanted: Wanted, *, reference: str, on: date, actor: Actor, now: datetime
) -> int:
    """Mark an approved payout of the method manual as paid by hand, under the reference it was paid with; return the id of
    the file it is kept as.

    Refuses NotAllowed, ApproverMarks, NoReference, and as refusals of that payout what `make_file` refuses.
    """
    actor.must("mark payments")
    if conn.execute(APPROVED_IT, {"id": wanted.id, "actor": actor.name}).first() is not None:
        raise ApproverMarks(id=wanted.id)
    made = make_for(conn, [wanted], by_hand=True, debtor=None, actor=actor, now=now, whole=False)
    if made.refused:
        raise NotPayableNow(sentence=made.refused[0].sentence)
    if made.file_id is None:
        raise UnknownPayout(id=wanted.id)
    mark_sent(conn, made.file_id, reference=reference, actor=actor, now=now)
    own: str = conn.execute(REFERENCE, {"file_id": made.file_id}).scalar_one()
    marked = mark_payments(conn, [Mark(reference=own, outcome="paid", on=on)], actor=actor, now=now)
    for _, refusal in marked.refused:
        raise refusal
    return made.file_id


class NotPayableNow(Refusal):
    """{sentence}."""

    code = "not_payable"
