"""Proved absent: two people agree that a transfer without an answer was never made, so that another attempt may follow.

It is offered only where the provider's books did not hold the transfer on every look of the last hour, the key is past its
life, and nothing asks about it at this moment. The money stays reserved, the approvals stay; the sender makes the next
attempt under a new key, through every guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.ledger import lock_partners
from core.money_words import written
from core.outcomes import ABSENT_LOOKS
from core.second_person import Content, Kind, OutdatedProposal, Proposal

PARTNERS = text("SELECT DISTINCT partner_id FROM payout WHERE id = ANY(:ids)")
LOCK_PAYOUTS = text(
    "SELECT id FROM payout WHERE id = ANY(:ids) AND status = 'processing' ORDER BY id FOR UPDATE"
)
# The resolver leaves an attempt without a next look once it was absent often and long enough, and also when an answer
# contradicts the order: there money may have moved, so only the looks that found nothing count.
WAITING = text("""
    SELECT p.id AS payout_id, a.n, t.code AS partner_code, p.net_minor, p.currency, p.method, a.provider, a.idem_key,
           a.first_sent_at, a.looks, a.absent_looks, a.absent_since
      FROM attempt a JOIN payout p ON p.id = a.payout_id JOIN partner t ON t.id = p.partner_id
     WHERE a.payout_id = ANY(:ids) AND a.state = 'unknown' AND a.next_look_at IS NULL
       AND a.absent_looks >= :absent_looks AND a.lease_until <= clock_timestamp()
""")
CALLS = text("""
    SELECT at, what, outcome, code, request_id FROM attempt_call WHERE payout_id = :payout_id AND n = :n ORDER BY id
""")


def _content_now(conn: Connection, ids: Sequence[int], _asked: Content) -> Content | None:
    lock_partners(conn, list(conn.execute(PARTNERS, {"ids": list(ids)}).scalars()))
    conn.execute(LOCK_PAYOUTS, {"ids": list(ids)})
    waiting = conn.execute(WAITING, {"ids": list(ids), "absent_looks": ABSENT_LOOKS}).one_or_none()
    if waiting is None:
        return None
    calls = conn.execute(CALLS, {"payout_id": waiting.payout_id, "n": waiting.n})
    return {
        "attempt": waiting.n,
        "partner_code": waiting.partner_code,
        "net_minor": waiting.net_minor,
        "currency": waiting.currency,
        "method": waiting.method,
        "provider": waiting.provider,
        "key": waiting.idem_key,
        "first_sent_at": _instant(waiting.first_sent_at),
        "absent_looks": waiting.absent_looks,
        "absent_since": _instant(waiting.absent_since),
        "calls": [
            {
                "at": _instant(call.at),
                "what": call.what,
                "outcome": call.outcome,
                "code": call.code,
                "request_id": call.request_id,
            }
            for call in calls
        ],
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


# The lease moves on, so that whoever still held it writes nothing any more.
PROVE_ABSENT = text("""
    UPDATE attempt SET state = 'absent', ended_at = :now, lease_epoch = lease_epoch + 1
     WHERE payout_id = :payout_id AND n = :n AND state = 'unknown' AND next_look_at IS NULL
       AND absent_looks >= :absent_looks AND lease_until <= clock_timestamp()
    RETURNING n
""")
BACK_TO_APPROVED = text(
    "UPDATE payout SET status = 'approved' WHERE id = :payout_id AND status = 'processing' RETURNING id"
)


def _prove(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    (payout_id,) = proposal.ids
    values = {
        "payout_id": payout_id,
        "n": proposal.content["attempt"],
        "absent_looks": ABSENT_LOOKS,
        "now": now,
    }
    if conn.execute(PROVE_ABSENT, values).first() is None:
        raise OutdatedProposal(id=proposal.id)
    if conn.execute(BACK_TO_APPROVED, values).first() is None:
        raise OutdatedProposal(id=proposal.id)
    details = {
        "attempt": proposal.content["attempt"],
        "looks": proposal.content["absent_looks"],
        "proposal": proposal.id,
        "proposed_by": proposal.made_by,
    }
    audit.record(
        conn, "payout.proved_absent", subject="payout", ids=[payout_id], actor=actor, now=now, details=details
    )


def _about(content: Content) -> str:
    amount = written(content["net_minor"], content["currency"])
    return f"{amount} to {content['partner_code']}, attempt {content['attempt']}"


PROVED_ABSENT = Kind(
    about=_about,
    right="prove absence",
    subject="payout",
    sentence="Never made at the provider: another attempt may follow",
    content_now=_content_now,
    carry_out=_prove,
)
