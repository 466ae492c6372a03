"""Who may be paid at all: one decision blocks a partner for a reason, another allows them again. A hold `ineligible`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core.access import Actor
from core.holds import lift_hold, place_hold
from core.ledger import lock_partners
from core.programs import UnknownPartner
from core.refusals import Refusal


class SayWhyBlocked(Refusal):
    """Say why: whoever is asked about it reads the reason on the partner's page."""

    code = "no_reason"


class AlreadyIneligible(Refusal):
    """{partner} is ineligible already."""

    code = "already_held"


class NotIneligible(Refusal):
    """{partner} is not marked as ineligible."""

    code = "not_ineligible"


FIND = text("SELECT id FROM partner WHERE code = :code")
IN_FORCE = text("""
    SELECT id FROM hold
     WHERE partner_id = :partner_id AND earning_id IS NULL AND payout_id IS NULL AND reason = 'ineligible'
       AND closed_at IS NULL AND (until IS NULL OR until > :now)
     ORDER BY id
""")


def mark_ineligible(conn: Connection, code: str, *, reason: str, actor: Actor, now: datetime) -> int:
    """Block a partner until somebody allows them again and return the hold's id: nothing is queued, approved or sent.

    Refuses NotAllowed, SayWhyBlocked, UnknownPartner, AlreadyIneligible.
    """
    partner_id, holds = _standing(conn, code, reason, actor=actor, now=now)
    if holds:
        raise AlreadyIneligible(partner=code)
    return place_hold(conn, partner_id, "ineligible", actor=actor, now=now, note=reason.strip())


def allow_again(conn: Connection, code: str, *, reason: str, actor: Actor, now: datetime) -> list[int]:
    """End the block of a partner and return the holds that ended; other holds of theirs stay.

    Refuses NotAllowed, SayWhyBlocked, UnknownPartner, NotIneligible.
    """
    _, holds = _standing(conn, code, reason, actor=actor, now=now)
    if not holds:
        raise NotIneligible(partner=code)
    for hold_id in holds:
        lift_hold(conn, hold_id, actor=actor, now=now, note=reason)
    return holds


def _standing(
    conn: Connection, code: str, reason: str, *, actor: Actor, now: datetime
) -> tuple[int, list[int]]:
    actor.must("hold money")
    if not reason.strip():
        raise SayWhyBlocked
    partner_id = conn.execute(FIND, {"code": code}).scalar_one_or_none()
    if partner_id is None:
        raise UnknownPartner(partner=code)
    lock_partners(conn, [partner_id])
    return partner_id, list(conn.execute(IN_FORCE, {"partner_id": partner_id, "now": now}).scalars())
