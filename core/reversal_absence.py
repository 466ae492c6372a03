"""Proved absent: two people agree that a reversal without an answer was never made, so that another may be proposed.

It is offered as for a transfer (`core/absence.py`): not in the provider's books on every look of the last hour, the key
past its life, and nothing asking about it at this moment. Nothing is asked again under its key.
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
LOCK_PAYOUTS = text("SELECT id FROM payout WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
WAITING = text("""
    SELECT r.payout_id, r.n, t.code AS partner_code, r.amount_minor, r.currency, r.provider, r.idem_key, r.first_sent_at,
           r.absent_looks, r.absent_since
      FROM reversal r JOIN payout p ON p.id = r.payout_id JOIN partner t ON t.id = p.partner_id
     WHERE r.payout_id = ANY(:ids) AND r.state = 'unknown' AND r.next_look_at IS NULL
       AND r.absent_looks >= :absent_looks AND r.lease_until <= clock_timestamp()
""")
CALLS = text("""
    SELECT at, what, outcome, code, request_id FROM reversal_call WHERE payout_id = :payout_id AND n = :n ORDER BY id
""")


def _content_now(conn: Connection, ids: Sequence[int], _asked: Content) -> Content | None:
    lock_partners(conn, list(conn.execute(PARTNERS, {"ids": list(ids)}).scalars()))
    conn.execute(LOCK_PAYOUTS, {"ids": list(ids)})
    waiting = conn.execute(WAITING, {"ids": list(ids), "absent_looks": ABSENT_LOOKS}).one_or_none()
    if waiting is None:
        return None
    calls = conn.execute(CALLS, {"payout_id": waiting.payout_id, "n": waiting.n})
    return {
        "reversal": waiting.n,
        "partner_code": waiting.partner_code,
        "amount_minor": waiting.amount_minor,
        "currency": waiting.currency,
        "provider": waiting.provider,
        "key": waiting.idem_key,
        "first_sent_at": _instant(waiting.first_sent_at),
        "absent_looks": waiting.absent_looks,
        "absent_since": _instant(waiting.absent_since),
        "calls": [dict(call) | {"at": _instant(call["at"])} for call in calls.mappings()],
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


# The lease moves on, so that whoever still held it writes nothing any more.
PROVE_ABSENT = text("""
    UPDATE reversal SET state = 'absent', ended_at = :now, lease_epoch = lease_epoch + 1
     WHERE payout_id = :payout_id AND n = :n AND state = 'unknown' AND next_look_at IS NULL
       AND absent_looks >= :absent_looks AND lease_until <= clock_timestamp()
    RETURNING n
""")


def _prove(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    (payout_id,) = proposal.ids
    n = proposal.content["reversal"]
    values = {"payout_id": payout_id, "n": n, "absent_looks": ABSENT_LOOKS, "now": now}
    if conn.execute(PROVE_ABSENT, values).first() is None:
        raise OutdatedProposal(id=proposal.id)
    details = {"reversal": n, "looks": proposal.content["absent_looks"]}
    details |= {"proposal": proposal.id, "proposed_by": proposal.made_by}
    audit.record(
        conn,
        "payout.reversal_proved_absent",
        subject="payout",
        ids=[payout_id],
        actor=actor,
        now=now,
        details=details,
    )


def _about(content: Content) -> str:
    amount = written(content["amount_minor"], content["currency"])
    return f"{amount} from {content['partner_code']}"


REVERSAL_ABSENT = Kind(
    about=_about,
    right="prove absence",
    subject="payout",
    sentence="The reversal was never made at the provider: another may be proposed",
    content_now=_content_now,
    carry_out=_prove,
)
