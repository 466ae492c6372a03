"""What went back of payments: refunds and disputes as the provider shows them now, and the sale's earning with them.

What the provider says is kept for every payment; only one that is a sale moves money by it. A refund takes back as soon
as it is made, while it is still pending too: the money has left our balance at the provider by then, and one that fails
is put back. A dispute holds what is not paid yet, takes back when its sum is withdrawn or it is lost, and puts back when
it is won.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from core.access import Actor
from core.corrections import NothingTaken, correct_sale, left_of_sale, reinstate_earning
from core.families import UNSENT, Family, read_family
from core.holds import lift_hold, place_hold
from core.ledger import lock_partners


@dataclass(frozen=True, kw_only=True)
class SeenRefund:
    """A refund or dispute of a payment as the provider shows it now; its part of the payment in minor units.

    `state` is `open` while nothing has gone back, `gone` when it has, `ended` when nothing did or it came back;
    `under_way` is a dispute that is not settled.
    """

    ref: str
    kind: Literal["refund", "dispute"]
    amount_minor: int
    status: str
    state: Literal["open", "gone", "ended"]
    at: datetime
    under_way: bool = False


# An older answer moves nothing back: a state only moves on, and what was settled stays settled.
KEEP = text("""
    INSERT INTO payment_refund AS r (provider, ref, payment_id, kind, amount_minor, status, state, under_way, at, changed_at)
    VALUES (:provider, :ref, :payment_id, :kind, :amount_minor, :status, :state, :under_way, :at, :now)
        ON CONFLICT (provider, ref) DO UPDATE
       SET status = excluded.status, under_way = r.under_way AND excluded.under_way, changed_at = :now,
           state = CASE excluded.state WHEN 'open' THEN r.state ELSE excluded.state END
     WHERE r.state <> 'ended' AND (r.status, r.state, r.under_way)
           IS DISTINCT FROM (excluded.status, excluded.state, excluded.under_way)
""")


def keep_refunds(
    conn: Connection, payment_id: int, provider: str, refunds: Sequence[SeenRefund], *, now: datetime
) -> None:
    """Keep what the provider shows of a payment's refunds and disputes; the caller holds the payment."""
    for refund in refunds:
        conn.execute(KEEP, vars(refund) | {"payment_id": payment_id, "provider": provider, "now": now})


SALE = text("""
    SELECT s.program_id, s.source_ref, s.partner_id,
           (SELECT e.id FROM earning e WHERE e.program_id = s.program_id AND e.kind = s.kind
                                         AND e.source_ref = s.source_ref AND e.period = '') AS earning_id
      FROM sale s WHERE s.id = :sale_id
""")
# By its state what ended comes first: what it puts back may be what another one takes.
KEPT = text("""
    SELECT ref, kind, amount_minor, status, state, under_way FROM payment_refund WHERE payment_id = :payment_id
     ORDER BY state, at, ref
""")
LOCK_PAYOUTS = text("SELECT id FROM payout WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")


def settle_refunds(
    conn: Connection, payment_id: int, sale_id: int, *, actor: Actor, now: datetime
) -> list[str]:
    """Bring a sale's earning in line with what went back of its payment and return what that took, each once.

    The caller holds the payment. Several corrections may come of it, so all that they lock is locked before the first.
    """
    refunds = conn.execute(KEPT, {"payment_id": payment_id}).all()
    if not refunds:
        return []
    sale = conn.execute(SALE, {"sale_id": sale_id}).one()
    lock_partners(conn, [sale.partner_id])
    if sale.earning_id is not None:
        conn.execute(LOCK_PAYOUTS, {"ids": read_family(conn, sale.earning_id).unsent_payouts})
    said = []
    for refund in refunds:
        reason = f"{refund.kind.capitalize()} {refund.ref} is {refund.status.replace('_', ' ')}"
        if sale.earning_id is not None and refund.kind == "dispute":
            dispute = _Dispute(refund.ref, sale.partner_id, sale.earning_id, reason)
            said += _hold(conn, dispute, actor, now) if refund.under_way else _lift(conn, dispute, actor, now)
        if refund.state == "gone":
            said += _take(
                conn, sale.program_id, sale.source_ref, refund.ref, refund.amount_minor, reason, actor, now
            )
        elif refund.state == "ended":
            said += _put_back(conn, refund.ref, reason, actor, now)
    return said


def _take(  # noqa: PLR0917 - what correct_sale needs
    conn: Connection,
    program_id: int,
    source_ref: str,
    ref: str,
    amount_minor: int,
    reason: str,
    actor: Actor,
    now: datetime,
) -> list[str]:
    # Together they may come to more than the sale: a dispute of what was refunded takes only what is left.
    gross_minor = min(amount_minor, left_of_sale(conn, program_id, source_ref))
    if gross_minor <= 0:
        return []
    corrected = correct_sale(
        conn,
        program_id,
        source_ref,
        gross_minor=gross_minor,
        event_ref=ref,
        reason=reason,
        actor=actor,
        now=now,
    )
    return [] if corrected.again else [f"{corrected.kind} of {corrected.amount_minor}"]


def _put_back(conn: Connection, ref: str, reason: str, actor: Actor, now: datetime) -> list[str]:
    try:
        back = reinstate_earning(conn, ref, by_event_ref=f"{ref}:back", reason=reason, actor=actor, now=now)
    except NothingTaken:
        return []
    return [] if back.again else [f"{back.kind} of {back.amount_minor}"]


@dataclass(frozen=True)
class _Dispute:
    ref: str
    partner_id: int
    earning_id: int
    reason: str


# The note of a hold names its dispute: one that a person lifted is not placed again.
HOLDS = text("""
    SELECT id, earning_id, note, made_by, closed_at IS NULL AND (until IS NULL OR until > :now) AS in_force
      FROM hold WHERE partner_id = :partner_id AND earning_id = ANY(:ids) AND reason = 'dispute' ORDER BY id
""")


def _hold(conn: Connection, dispute: _Dispute, actor: Actor, now: datetime) -> list[str]:
    family = read_family(conn, dispute.earning_id)
    found = conn.execute(HOLDS, _of(family, dispute, now)).all()
    if not _is_owed(family) or any(hold.note == dispute.ref for hold in found):
        return []
    if any(hold.in_force and hold.earning_id == dispute.earning_id for hold in found):
        return []
    place_hold(
        conn,
        dispute.partner_id,
        "dispute",
        earning_id=dispute.earning_id,
        note=dispute.ref,
        actor=actor,
        now=now,
    )
    return ["held"]


def _lift(conn: Connection, dispute: _Dispute, actor: Actor, now: datetime) -> list[str]:
    family = read_family(conn, dispute.earning_id)
    lifted = []
    while ours := [
        hold
        for hold in conn.execute(HOLDS, _of(family, dispute, now))
        if hold.in_force and hold.made_by == actor.name and hold.note == dispute.ref
    ]:
        lift_hold(conn, ours[0].id, actor=actor, now=now, note=dispute.reason)
        lifted = ["hold lifted"]
    return lifted


def _of(family: Family, dispute: _Dispute, now: datetime) -> dict[str, object]:
    return {"partner_id": dispute.partner_id, "ids": [part.id for part in family.parts], "now": now}


def _is_owed(family: Family) -> bool:
    """Whether some of an earning may still be paid: it is open, or in a payout that has not left for good."""
    return any(
        part.amount_minor > 0
        and not part.is_closed
        and (part.is_open or part.payout_status in {*UNSENT, "processing"})
        for part in family.parts
    )
