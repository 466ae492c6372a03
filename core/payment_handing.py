"""A payment file is handed in under the bank's reference, or cancelled before that: by a person, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.access import Actor
from core.ledger import lock_partners
from core.outcomes import record_outcome
from core.payment_contents import FileEnded, note_file, read_file
from core.providers import Declined, Order
from core.refusals import Refusal
from core.steering import TAKE_BACK


class ApproverMarks(Refusal):
    """You approved payout {id}, so another person says what became of it."""

    code = "approver_marks"


class NoReference(Refusal):
    """Write the bank's reference, or the number of the check: it is how the payment is found again."""

    code = "no_reference"


class NoReason(Refusal):
    """Say why: it is kept with the file."""

    code = "no_reason"


SENT = text("""
    UPDATE payment_file SET state = 'sent', sent_ref = :reference, sent_by = :actor, sent_at = :now
     WHERE id = :id AND state = 'made' RETURNING id
""")
APPROVED_BY = text("""
    SELECT min(a.payout_id) FROM approval a JOIN payment_file_line l ON l.payout_id = a.payout_id
     WHERE l.file_id = :id AND a.actor = :actor AND a.decision = 'approve'
""")


def mark_sent(conn: Connection, file_id: int, *, reference: str, actor: Actor, now: datetime) -> None:
    """Mark a file as handed in, under the bank's reference.

    Refuses NotAllowed, NoReference, UnknownFile, ApproverMarks for one who approved any of it, FileEnded.
    """
    actor.must("mark payments")
    if not reference.strip():
        raise NoReference
    file = read_file(conn, file_id)
    approved: int | None = conn.execute(APPROVED_BY, {"id": file_id, "actor": actor.name}).scalar()
    if approved is not None:
        raise ApproverMarks(id=approved)
    values = {"id": file_id, "reference": reference.strip(), "actor": actor.name, "now": now}
    if conn.execute(SENT, values).first() is None:
        raise FileEnded(id=file_id, state=read_file(conn, file_id).state)
    details = {"reference": reference.strip(), "payouts": file.payouts}
    details |= {"total_minor": file.total_minor, "currency": file.currency}
    note_file(conn, "sent", file_id, actor, now, details)


OF_FILE = text("""
    SELECT l.payout_id, l.n, a.idem_key, a.params, a.lease_epoch, p.partner_id
      FROM payment_file_line l JOIN attempt a USING (payout_id, n) JOIN payout p ON p.id = l.payout_id
     WHERE l.file_id = :id ORDER BY l.payout_id
""")
LOCK_PAYOUTS = text("SELECT id FROM payout WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
CANCEL = text("""
    UPDATE payment_file SET state = 'cancelled', cancel_reason = :why, cancelled_by = :actor, cancelled_at = :now
     WHERE id = :id AND state = 'made' RETURNING id
""")
DOWNLOADED = text("""
    SELECT EXISTS (SELECT 1 FROM audit WHERE subject = 'payment_file' AND action = 'payment_file.downloaded'
                      AND ids @> ARRAY[CAST(:id AS bigint)])
""")


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """The payouts of a cancelled file: approved as before, or with `reviewed_again` waiting for approval once more."""

    payouts: list[int]
    reviewed_again: bool


def cancel_file(conn: Connection, file_id: int, *, why: str, actor: Actor, now: datetime) -> Cancelled:
    """Cancel a file that was not handed in, by the word of one person: its payouts are approved as before.

    Where somebody had it in hand that word is not enough: they are reviewed again before anything is paid. Refuses
    NotAllowed, NoReason, UnknownFile, FileEnded.
    """
    actor.must("write payment files")
    if not why.strip():
        raise NoReason
    read_file(conn, file_id)
    rows = conn.execute(OF_FILE, {"id": file_id}).all()
    ids = [row.payout_id for row in rows]
    lock_partners(conn, [row.partner_id for row in rows])
    conn.execute(LOCK_PAYOUTS, {"ids": ids})
    values = {"id": file_id, "why": why.strip(), "actor": actor.name, "now": now}
    if conn.execute(CANCEL, values).first() is None:
        raise FileEnded(id=file_id, state=read_file(conn, file_id).state)
    downloaded: bool = conn.execute(DOWNLOADED, {"id": file_id}).scalar_one()
    taken_back = Declined(code="withdrawn", error_class="withdrawn", message=why.strip())
    for row in rows:
        order = Order(key=row.idem_key, params=row.params, payout_id=row.payout_id, n=row.n, at=now)
        record_outcome(
            conn,
            order,
            taken_back,
            lease_epoch=row.lease_epoch,
            what="mark",
            duration_ms=0,
            now=now,
            person=actor,
        )
    if downloaded:
        conn.execute(TAKE_BACK, {"ids": ids})
    details = {"why": why.strip(), "payouts": ids, "reviewed_again": downloaded}
    note_file(conn, "cancelled", file_id, actor, now, details)
    return Cancelled(payouts=ids, reviewed_again=downloaded)
