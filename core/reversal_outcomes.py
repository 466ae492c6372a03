"""What came of a reversal, written once, by whoever still holds its lease; what came back is an earning again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Row, text

from core import audit
from core.access import job_actor
from core.ledger import lock_partners
from core.outcomes import Outcome, next_look
from core.providers import Absent, Declined, Order, Succeeded, Unknown
from core.refunds import TakenElsewhere
from core.returns import MoreThanPaid, NotPaid, book_return

ACTOR = job_actor("reversals")

READ_PARTNER = text("SELECT partner_id FROM payout WHERE id = :payout_id")
LOCK_PAYOUT = text("SELECT id FROM payout WHERE id = :payout_id FOR UPDATE")
ADD_CALL = text("""
    INSERT INTO reversal_call (payout_id, n, at, what, outcome, code, message, request_id, duration_ms)
    VALUES (:payout_id, :n, :now, :what, :outcome, :code, :message, :request_id, :duration_ms)
""")
LOCK_REVERSAL = text("""
    SELECT r.payout_id, r.n, r.amount_minor, r.currency, p.why, p.made_by, p.decided_by, r.proposal_id
      FROM reversal r JOIN proposal p ON p.id = r.proposal_id
     WHERE r.payout_id = :payout_id AND r.n = :n AND r.state IN ('started', 'unknown') AND r.lease_epoch = :lease_epoch
       FOR UPDATE OF r
""")
END = text("""
    UPDATE reversal SET state = :outcome, code = :code, message = coalesce(:message, message), request_id = :request_id,
                        provider_ref = :provider_ref, next_look_at = NULL, ended_at = :now
     WHERE payout_id = :payout_id AND n = :n
""")


def record_reversal(
    conn: Connection,
    order: Order,
    outcome: Outcome,
    *,
    lease_epoch: int,
    what: str,
    duration_ms: int,
    now: datetime,
) -> bool:
    """Write one outcome and book what came back; return False when the lease was somebody else's by then.

    What the provider took back is booked under its own reference, which an event may have done before: once in all. The
    call itself is logged either way: what a late worker learned is evidence, but it decides nothing.
    """
    partner_id: int = conn.execute(READ_PARTNER, {"payout_id": order.payout_id}).scalar_one()
    lock_partners(conn, [partner_id])
    conn.execute(LOCK_PAYOUT, {"payout_id": order.payout_id})
    said = _said(order, outcome, now)
    conn.execute(ADD_CALL, said | {"what": what, "duration_ms": duration_ms})
    reversal = conn.execute(LOCK_REVERSAL, said | {"lease_epoch": lease_epoch}).one_or_none()
    if reversal is None:
        return False
    if isinstance(outcome, Succeeded):
        outcome = _booked(conn, reversal, outcome, now=now)
        said = _said(order, outcome, now)
    if isinstance(outcome, Unknown | Absent):
        _keep_open(conn, said, outcome, now=now)
        return True
    conn.execute(END, said)
    details = {"reversal": order.n, "amount_minor": reversal.amount_minor, "currency": reversal.currency}
    details |= {"proposal": reversal.proposal_id}
    details |= {name: said[name] for name in ("provider_ref", "code", "message") if said[name]}
    action = "payout.reversal_succeeded" if isinstance(outcome, Succeeded) else "payout.reversal_declined"
    audit.record(conn, action, subject="payout", ids=[order.payout_id], actor=ACTOR, now=now, details=details)
    return True


def _said(order: Order, outcome: Outcome, now: datetime) -> dict[str, object]:
    name = {Succeeded: "succeeded", Declined: "declined", Unknown: "unknown", Absent: "absent"}[type(outcome)]
    answer = {
        about: getattr(outcome, about, None) for about in ("code", "message", "request_id", "provider_ref")
    }
    return answer | {"payout_id": order.payout_id, "n": order.n, "outcome": name, "now": now}


def _booked(
    conn: Connection, reversal: Row[tuple[object, ...]], outcome: Succeeded, *, now: datetime
) -> Succeeded | Unknown:
    """Book what came back; what does not fit our books is left to people, with the provider's reference in words."""
    people = " and ".join(who.removeprefix("user:") for who in (reversal.made_by, reversal.decided_by))
    try:
        booked = book_return(
            conn,
            reversal.payout_id,
            amount_minor=reversal.amount_minor,
            event_ref=outcome.provider_ref,
            reason=f"pulled back by {people}: {reversal.why}",
            actor=ACTOR,
            now=now,
        )
    except (MoreThanPaid, TakenElsewhere, NotPaid) as refusal:
        message = f"{outcome.provider_ref} came back and cannot be booked: {refusal.sentence}"
        return Unknown(message=message[:500], code="cannot_be_booked", ask_again=False)
    if booked.amount_minor != reversal.amount_minor:
        message = f"{outcome.provider_ref} is in our books already with another amount"
        return Unknown(message=message, code="cannot_be_booked", ask_again=False)
    return outcome


KEEP_OPEN = text("""
    UPDATE reversal SET state = 'unknown', code = :code, message = coalesce(:message, message), looks = looks + 1,
                        lease_until = clock_timestamp(),
                        absent_looks = CASE WHEN :absent THEN absent_looks + 1 ELSE 0 END,
                        absent_since = CASE WHEN :absent THEN coalesce(absent_since, :now) END
     WHERE payout_id = :payout_id AND n = :n
    RETURNING looks, absent_looks, absent_since
""")
LOOK_AGAIN = text("UPDATE reversal SET next_look_at = :at WHERE payout_id = :payout_id AND n = :n")


def _keep_open(
    conn: Connection, said: dict[str, object], outcome: Unknown | Absent, *, now: datetime
) -> None:
    row = conn.execute(KEEP_OPEN, said | {"absent": isinstance(outcome, Absent)}).one()
    at = next_look(
        outcome, looks=row.looks, absent_looks=row.absent_looks, absent_since=row.absent_since, now=now
    )
    conn.execute(LOOK_AGAIN, {"at": at, "payout_id": said["payout_id"], "n": said["n"]})
