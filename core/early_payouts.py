"""An early payout: everything a scheduled partner has available now, asked for before their slot; that slot pays the rest."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.drafting import (
    NothingAvailable,
    cap_left,
    check_minimum,
    check_partner,
)
from core.money_words import Amount
from core.refusals import Refusal
from core.requests import begin_request, check_open_request, queue_request
from core.schedule import next_slot


class NotScheduled(Refusal):
    """{partner} is paid on request, so no slot is waited for: request any amount."""

    code = "not_scheduled"


ADD_EARLY = text("""
    INSERT INTO early_payout (payout_id, before_slot, at) VALUES (:payout_id, :before_slot, :now)
""")


def request_early_payout(
    conn: Connection, partner_code: str, *, reason: str, actor: Actor, now: datetime
) -> int:
    """Queue one payout of everything a scheduled partner has available, cut to the monthly cap, and return its id.

    Refuses by name: no right to ask, no reason, an unknown partner, one without a schedule, one who gets nothing now
    (suspended, on hold, no destination), nothing available, below the minimum, over the cap, eaten by its fee, and a
    second request where the program takes one at a time.
    """
    asked = begin_request(conn, partner_code, reason=reason, actor=actor, now=now)
    payee, policy = asked.payee, asked.policy
    slot = next_slot(policy.schedule, zone=ZoneInfo(payee.zone), now=now)
    if slot is None:
        raise NotScheduled(partner=payee.code)
    check_partner(payee)
    check_open_request(conn, payee, policy)
    if payee.available_minor <= 0:
        raise NothingAvailable(partner=payee.code, available=Amount(payee.available_minor, payee.currency))
    left = cap_left(payee, policy)
    amount_minor = payee.available_minor if left is None else min(payee.available_minor, left)
    check_minimum(payee, policy, amount_minor)

    payout_id = queue_request(conn, asked, amount_minor, reason=reason, actor=actor, now=now)
    conn.execute(ADD_EARLY, {"payout_id": payout_id, "before_slot": slot, "now": now})
    details = {"partner": payee.code, "amount_minor": amount_minor, "currency": payee.currency}
    details |= {"early": True, "before_slot": slot}
    audit.record(
        conn,
        "payout.requested",
        subject="payout",
        ids=[payout_id],
        actor=actor,
        now=now,
        details=details | {"reason": reason.strip()},
    )
    return payout_id
