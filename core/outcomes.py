"""What came of an attempt, written once, by whoever still holds its lease."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, text

from core import audit
from core.access import Actor, job_actor
from core.ledger import Movement, lock_partners, post
from core.outbox import tell
from core.policy import Policy
from core.providers import Absent, Declined, Order, Succeeded, Unknown
from core.taking import undo_payouts
from core.telling import tell_of_milestone

Outcome = Succeeded | Declined | Unknown | Absent

# When silence is asked about again: the same key and the same bytes, minutes after the last try.
ASK_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
# What cures itself with time; the others need somebody to mend the account or the instruction.
RETRYABLE = frozenset({"transient", "limits"})
# Looks that must find nothing, and over how long, before people may call a transfer proved absent.
ABSENT_LOOKS, ABSENT_FOR = 3, timedelta(hours=1)

READ_PARTNER = text("SELECT partner_id FROM payout WHERE id = :payout_id")
LOCK_PAYOUT = text("""
    SELECT p.id, p.partner_id, p.status, p.currency, p.amount_minor, p.net_minor, p.fee_minor, v.terms
      FROM payout p JOIN policy v ON v.id = p.policy_id
     WHERE p.id = :payout_id FOR UPDATE OF p
""")
ADD_CALL = text("""
    INSERT INTO attempt_call (payout_id, n, at, what, outcome, code, message, request_id, duration_ms)
    VALUES (:payout_id, :n, :now, :what, :outcome, :code, :message, :request_id, :duration_ms)
""")
END_ATTEMPT = text("""
    UPDATE attempt SET state = :state, code = :code, error_class = :error_class, message = :message,
                       provider_ref = :provider_ref, request_id = :request_id, next_look_at = NULL,
                       ended_at = :now
     WHERE payout_id = :payout_id AND n = :n AND state IN ('started', 'unknown') AND lease_epoch = :lease_epoch
    RETURNING n
""")
KEEP_OPEN = text("""
    UPDATE attempt SET state = 'unknown', code = :code, message = coalesce(:message, message), looks = looks + 1,
                       lease_until = clock_timestamp(),
                       absent_looks = CASE WHEN :absent THEN absent_looks + 1 ELSE 0 END,
                       absent_since = CASE WHEN :absent THEN coalesce(absent_since, :now) END
     WHERE payout_id = :payout_id AND n = :n AND state IN ('started', 'unknown') AND lease_epoch = :lease_epoch
    RETURNING looks, absent_looks, absent_since
""")
LOOK_AGAIN = text("UPDATE attempt SET next_look_at = :at WHERE payout_id = :payout_id AND n = :n")


def record_outcome(
    conn: Connection,
    order: Order,
    outcome: Outcome,
    *,
    lease_epoch: int,
    what: str,
    duration_ms: int,
    now: datetime,
    person: Actor | None = None,
) -> bool:
    """Write one outcome and move the payout and its money; return False when the lease was somebody else's by then.

    The call itself is logged either way: what a late worker learned is evidence, but it decides nothing. What a `person`
    says became of a payment file is final: no other try follows by itself.
    """
    partner_id: int = conn.execute(READ_PARTNER, {"payout_id": order.payout_id}).scalar_one()
    lock_partners(conn, [partner_id])
    payout = conn.execute(LOCK_PAYOUT, {"payout_id": order.payout_id}).one()
    answer = {
        "payout_id": order.payout_id,
        "n": order.n,
        "now": now,
        "code": getattr(outcome, "code", None),
        "message": getattr(outcome, "message", None),
        "request_id": getattr(outcome, "request_id", None),
    }
    name = {Succeeded: "succeeded", Declined: "declined", Unknown: "unknown", Absent: "absent"}[type(outcome)]
    conn.execute(ADD_CALL, answer | {"what": what, "outcome": name, "duration_ms": duration_ms})
    answer["lease_epoch"] = lease_epoch
    if isinstance(outcome, Unknown | Absent):
        return _keep_open(conn, answer, outcome, now=now)
    ended = answer | {
        "state": name,
        "error_class": getattr(outcome, "error_class", None),
        "provider_ref": getattr(outcome, "provider_ref", None),
    }
    if conn.execute(END_ATTEMPT, ended).one_or_none() is None:
        return False
    if isinstance(outcome, Succeeded):
        _paid(conn, payout, outcome, actor=person or job_actor("send"), now=now)
    else:
        _declined(conn, payout, outcome, person=person, now=now)
    return True


def _keep_open(
    conn: Connection, answer: dict[str, object], outcome: Unknown | Absent, *, now: datetime
) -> bool:
    absent = isinstance(outcome, Absent)
    row = conn.execute(KEEP_OPEN, answer | {"absent": absent}).one_or_none()
    if row is None:
        return False
    at = next_look(
        outcome, looks=row.looks, absent_looks=row.absent_looks, absent_since=row.absent_since, now=now
    )
    conn.execute(LOOK_AGAIN, {"at": at, "payout_id": answer["payout_id"], "n": answer["n"]})
    return True


def next_look(
    outcome: Unknown | Absent, *, looks: int, absent_looks: int, absent_since: datetime | None, now: datetime
) -> datetime | None:
    """Return when to ask about an open outcome again; `looks` counts this one, None: it waits for people.

    So does what was absent often and long enough, and what asking again would only show once more: nothing looks there
    again and nothing is sent.
    """
    if isinstance(outcome, Absent):
        if absent_since is not None and absent_looks >= ABSENT_LOOKS and now - absent_since >= ABSENT_FOR:
            return None
    elif not outcome.ask_again:
        return None
    return now + ASK_AGAIN[min(looks, len(ASK_AGAIN)) - 1]


PAID = text(
    "UPDATE payout SET status = 'paid', processed_at = :now WHERE id = :payout_id AND status = 'processing'"
)


def _paid(
    conn: Connection, payout: Row[tuple[object, ...]], outcome: Succeeded, *, actor: Actor, now: datetime
) -> None:
    conn.execute(PAID, {"payout_id": payout.id, "now": now})
    settle = Movement(
        partner_id=payout.partner_id,
        kind="settle",
        from_account="reserved",
        to_account="paid",
        amount_minor=payout.net_minor,
        currency=payout.currency,
        payout_id=payout.id,
    )
    fee = Movement(
        partner_id=payout.partner_id,
        kind="fee",
        from_account="reserved",
        to_account="fees",
        amount_minor=payout.fee_minor,
        currency=payout.currency,
        payout_id=payout.id,
    )
    post(conn, [settle, fee] if payout.fee_minor else [settle], now=now)
    _tell(conn, "payout_paid", payout, actor=actor, now=now)
    tell_of_milestone(
        conn,
        payout.partner_id,
        net_minor=payout.net_minor,
        currency=payout.currency,
        made_by=actor.name,
        now=now,
    )
    _audit(
        conn, "payout.paid", payout.id, actor=actor, now=now, details={"provider_ref": outcome.provider_ref}
    )


RETRIES_SPENT = text("""
    SELECT count(*) FROM attempt
     WHERE payout_id = :payout_id AND state = 'declined' AND error_class NOT IN ('platform_balance', 'withdrawn')
""")
BACK_TO_APPROVED = text(
    "UPDATE payout SET status = 'approved' WHERE id = :payout_id AND status = 'processing'"
)
RETRY_LATER = text("""
    UPDATE payout SET status = 'retrying', retry_at = :retry_at, retry_class = :error_class,
                      reason_code = :code, reason = :message
     WHERE id = :payout_id AND status = 'processing'
""")
FAIL = text("""
    UPDATE payout SET status = 'failed', processed_at = :now, reason_code = :code, reason = :message
     WHERE id = :payout_id AND status = 'processing'
""")
HOLD_DESTINATION = text("""
    INSERT INTO hold (partner_id, reason, note, made_by, opened_at)
    SELECT :partner_id, 'destination_failed', :message, :made_by, :now
     WHERE NOT EXISTS (SELECT 1 FROM hold WHERE partner_id = :partner_id AND reason = 'destination_failed'
                          AND earning_id IS NULL AND payout_id IS NULL AND closed_at IS NULL)
""")


# Ours, not the payout's: it is approved as before, and no try of it is spent.
GOES_BACK = {"platform_balance": "payout.waits_for_funds", "withdrawn": "payout.withdrawn"}


def _declined(
    conn: Connection,
    payout: Row[tuple[object, ...]],
    outcome: Declined,
    *,
    person: Actor | None,
    now: datetime,
) -> None:
    actor = person or job_actor("send")
    values = {
        "payout_id": payout.id,
        "partner_id": payout.partner_id,
        "now": now,
        "code": outcome.code,
        "message": outcome.message,
        "error_class": outcome.error_class,
        "made_by": actor.name,
    }
    details = {"code": outcome.code, "class": outcome.error_class}
    if outcome.error_class in GOES_BACK:
        conn.execute(BACK_TO_APPROVED, values)
        _audit(conn, GOES_BACK[outcome.error_class], payout.id, actor=actor, now=now, details=details)
        return
    spent: int = conn.execute(RETRIES_SPENT, values).scalar_one()
    retry = Policy.model_validate(payout.terms).retry
    if person is None and outcome.error_class in RETRYABLE and spent <= retry.max:
        ladder = retry.transient if outcome.error_class == "transient" else retry.limits
        retry_at = now + ladder[min(spent, len(ladder)) - 1]
        conn.execute(RETRY_LATER, values | {"retry_at": retry_at})
        _audit(
            conn, "payout.retrying", payout.id, actor=actor, now=now, details=details | {"retry_at": retry_at}
        )
        return
    conn.execute(FAIL, values)
    undo_payouts(conn, [payout.id], now=now)
    if outcome.error_class not in RETRYABLE:
        # Sending to the same place again would fail again: it waits until the details change or a person lifts it.
        conn.execute(HOLD_DESTINATION, values)
    _tell(conn, "payout_failed", payout, actor=actor, now=now)
    _audit(conn, "payout.failed", payout.id, actor=actor, now=now, details=details)


def _tell(
    conn: Connection, kind: str, payout: Row[tuple[object, ...]], *, actor: Actor, now: datetime
) -> None:
    about = {"payout_id": payout.id}
    tell(
        conn,
        kind,
        about=about,
        once=str(payout.id),
        partner_id=payout.partner_id,
        made_by=actor.name,
        now=now,
    )


def _audit(
    conn: Connection,
    action: str,
    payout_id: int,
    *,
    actor: Actor,
    now: datetime,
    details: Mapping[str, object],
) -> None:
    audit.record(conn, action, subject="payout", ids=[payout_id], actor=actor, now=now, details=details)
