"""A transfer of ours that no payout here accounts for: two people book it as paid, so that the partner owes it back.

After a restore a payout that was made and paid later than the backup does not exist here, and its earnings look available.
The transfer is booked as a negative earning of the partner it went to, for what of it did not come back; the next payout
nets it. The difference is closed in the same transaction, by the second person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, text

from core import audit
from core.access import Actor
from core.differences import WAITS, WouldBePaidAgain
from core.earnings import NewEarning, record_earnings
from core.ledger import lock_partners
from core.money_words import written
from core.refusals import Refusal
from core.second_person import Content, Kind, OutdatedProposal, Proposal


class PartnerUnclear(Refusal):
    """The transfer went to {destination}, where {n} partners are paid: name the partner it paid."""

    code = "partner_unclear"


class PayoutInTheWay(Refusal):
    """{partner} has payouts that wait to be sent ({payouts}): reject or cancel them first, so that what was paid outside is
    netted before anything leaves.
    """

    code = "payout_in_the_way"


READ = text("""
    SELECT d.id, d.provider, d.provider_ref, d.currency, d.payout_id, p.status AS payout_status, p.partner_id AS named_id,
           m.destination, m.amount_minor - m.reversed_minor AS amount_minor, m.created_at
      FROM difference d
      JOIN provider_transfer m ON m.provider = d.provider AND m.provider_ref = d.provider_ref
      LEFT JOIN payout p ON p.id = d.payout_id
     WHERE d.id = ANY(:ids) AND d.kind IN ('missing_here', 'duplicate') AND d.closed_at IS NULL AND d.gone_at IS NULL
""")
LOCK_DIFFERENCE = text("SELECT id FROM difference WHERE id = ANY(:ids) AND closed_at IS NULL FOR UPDATE")
# The destinations a partner has or had, as they are sent to a provider.
PAID_THERE = text("""
    SELECT DISTINCT t.id, t.code, t.program_id
      FROM destination d JOIN partner t ON t.id = d.partner_id JOIN program g ON g.id = t.program_id
     WHERE coalesce(d.account, 'email:' || left(encode(d.fingerprint, 'hex'), 16)) = :destination
       AND g.currency = :currency AND (CAST(:named_id AS bigint) IS NULL OR t.id = :named_id)
       AND (CAST(:code AS text) IS NULL OR t.code = :code)
     ORDER BY t.id
""")
WAITING = text("""
    SELECT id FROM payout WHERE partner_id = :partner_id AND status IN ('pending', 'approved', 'retrying') ORDER BY id
""")


def _content_now(conn: Connection, ids: Sequence[int], asked: Content) -> Content | None:
    found = conn.execute(READ, {"ids": list(ids)}).one_or_none()
    if found is None or found.amount_minor <= 0:
        return None
    if found.payout_status in WAITS and found.payout_status is not None:
        raise WouldBePaidAgain(payout=found.payout_id, status=found.payout_status)
    partner = _partner(conn, found, asked.get("partner"))
    lock_partners(conn, [partner.id])
    if conn.execute(LOCK_DIFFERENCE, {"ids": list(ids)}).first() is None:
        return None
    waiting = list(conn.execute(WAITING, {"partner_id": partner.id}).scalars())
    if waiting:
        raise PayoutInTheWay(partner=partner.code, payouts=", ".join(str(payout_id) for payout_id in waiting))
    return {
        "provider": found.provider,
        "provider_ref": found.provider_ref,
        "amount_minor": found.amount_minor,
        "currency": found.currency,
        "destination": found.destination,
        "partner": partner.code,
        "partner_id": partner.id,
        "program_id": partner.program_id,
    }


def _partner(conn: Connection, found: Row[tuple[object, ...]], code: object) -> Row[tuple[int, str, int]]:
    values = {
        "destination": found.destination,
        "currency": found.currency,
        "named_id": found.named_id,
        "code": code,
    }
    partners = conn.execute(PAID_THERE, values).all()
    if len(partners) != 1:
        raise PartnerUnclear(destination=found.destination, n=len(partners) or "no")
    return partners[0]


CLOSE = text("""
    UPDATE difference SET closed_at = :now, closed_by = :actor, close_reason = :reason
     WHERE id = :id AND closed_at IS NULL RETURNING id
""")


def _book(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    told, (difference_id,) = proposal.content, proposal.ids
    owed = NewEarning(
        program_id=told["program_id"],
        partner_id=told["partner_id"],
        kind="manual",
        source_ref=f"paid outside {told['provider_ref']}",
        amount_minor=-told["amount_minor"],
        occurred_at=now,
        release_at=now,
    )
    earned = record_earnings(conn, [owed], actor=actor, now=now)
    reason = f"Booked as paid outside to {told['partner']}: {proposal.why}"
    values = {"id": difference_id, "now": now, "actor": actor.name, "reason": reason}
    if not earned or conn.execute(CLOSE, values).first() is None:
        raise OutdatedProposal(id=proposal.id)
    details = {
        name: told[name] for name in ("provider", "provider_ref", "amount_minor", "currency", "partner")
    }
    details |= {"earning": earned[0], "proposal": proposal.id, "proposed_by": proposal.made_by}
    audit.record(
        conn,
        "transfer.booked_outside",
        subject="difference",
        ids=[difference_id],
        actor=actor,
        now=now,
        details=details,
    )


def _about(content: Content) -> str:
    amount = written(content["amount_minor"], content["currency"])
    return f"{amount} to {content['partner']}, transfer {content['provider_ref']}"


PAID_OUTSIDE = Kind(
    right="close differences",
    subject="difference",
    sentence="Paid outside: the partner owes it back",
    content_now=_content_now,
    carry_out=_book,
    about=_about,
)
