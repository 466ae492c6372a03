"""A payout asked for by a person, in a partner's name, for any amount up to the balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.drafting import (
    CapReached,
    NotPositive,
    OverBalance,
    Payee,
    cap_left,
    check_minimum,
    check_partner,
    draft_payout,
    read_payees,
)
from core.ledger import lock_partners
from core.money import BadAmount, parse_amount
from core.money_words import Amount
from core.policy import Policy, resolve
from core.programs import UnknownPartner, current_policy, lock_programs
from core.refusals import Refusal
from core.taking import build_payouts, take


class RequestOpen(Refusal):
    """{partner} already has a request under way (payout {payout}); this program takes one at a time."""

    code = "request_open"


class NotAnAmount(Refusal):
    """The amount cannot be read."""

    code = "not_an_amount"


class WhyAsked(Refusal):
    """Say why the payout is asked for: the reason is kept with it."""

    code = "no_reason"


FIND = text("SELECT id, program_id FROM partner WHERE code = :code")
OPEN_REQUEST = text("""
    SELECT id FROM payout
     WHERE partner_id = :partner_id AND origin = 'request' AND one_open_request
       AND status IN ('pending', 'approved', 'processing', 'retrying')
""")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whose payout is asked for, locked, and the version and terms that hold for them now."""

    payee: Payee
    policy_id: int
    policy: Policy


def begin_request(conn: Connection, partner_code: str, *, reason: str, actor: Actor, now: datetime) -> Asked:
    """Lock the partner somebody asks for, and return them with their terms of `now`.

    Refuses NotAllowed, WhyAsked, UnknownPartner.
    """
    actor.must("request payouts")
    if not reason.strip():
        raise WhyAsked
    partner = conn.execute(FIND, {"code": partner_code}).one_or_none()
    if partner is None:
        raise UnknownPartner(partner=partner_code)
    lock_programs(conn, [partner.program_id])
    lock_partners(conn, [partner.id])
    (payee,) = read_payees(conn, [partner.id], now=now)
    current = current_policy(conn, partner.program_id, now=now)
    policy = resolve(current.policy, payee.tier, payee.overrides)
    return Asked(payee=payee, policy_id=current.id, policy=policy)


def queue_request(
    conn: Connection,
    asked: Asked,
    amount_minor: int,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    days: Mapping[int, datetime] | None = None,
) -> int:
    """Take so much for a request whose rules were looked at, queue its payout and return the id.

    `days` are the release days of the earnings it takes before they are due. Refuses FeeExceedsAmount.
    """
    taken = take(conn, asked.payee.id, amount_minor, actor=actor, now=now, days=days)
    draft = draft_payout(
        asked.payee,
        asked.policy,
        taken,
        policy_id=asked.policy_id,
        origin="request",
        actor=actor,
        now=now,
        note=reason.strip(),
    )
    (payout_id,) = build_payouts(conn, [draft], now=now)
    return payout_id


def request_payout(
    conn: Connection, partner_code: str, amount: str, *, reason: str, actor: Actor, now: datetime
) -> int:
    """Queue one payout of `amount` (decimal major units, like `25.00`) and return its id.

    Refuses by name: no right to ask, an unknown partner, a partner who gets nothing now (suspended, on hold, no
    destination), an amount that is not one, not positive, over the balance, below the minimum, over the monthly cap or
    eaten by its fee, and a second request where the program takes one at a time.
    """
    asked = begin_request(conn, partner_code, reason=reason, actor=actor, now=now)
    payee, policy = asked.payee, asked.policy

    check_partner(payee)
    amount_minor = read_amount(amount, payee.currency)
    check_open_request(conn, payee, policy)
    if amount_minor > payee.available_minor:
        asked_for, available = (
            Amount(minor, payee.currency) for minor in (amount_minor, payee.available_minor)
        )
        raise OverBalance(asked=asked_for, available=available, partner=payee.code)
    check_minimum(payee, policy, amount_minor)
    left = cap_left(payee, policy)
    if left is not None and amount_minor > left:
        words = {
            "left": Amount(left, payee.currency),
            "cap": Amount(left + payee.cap_used_minor, payee.currency),
            "used": Amount(payee.cap_used_minor, payee.currency),
        }
        raise CapReached(partner=payee.code, **words)

    payout_id = queue_request(conn, asked, amount_minor, reason=reason, actor=actor, now=now)
    details = {"partner": payee.code, "amount_minor": amount_minor, "currency": payee.currency}
    details |= {"reason": reason.strip()}
    audit.record(
        conn, "payout.requested", subject="payout", ids=[payout_id], actor=actor, now=now, details=details
    )
    return payout_id


PROGRAM_OF = text("SELECT program_id FROM partner WHERE id = :id")


def lock_payee(conn: Connection, partner_id: int) -> None:
    """Keep a partner's program and then their money as they are: steps 2 and 3 of the lock order."""
    lock_programs(conn, [conn.execute(PROGRAM_OF, {"id": partner_id}).scalar_one()])
    lock_partners(conn, [partner_id])


def read_amount(amount: str, currency: str) -> int:
    """Return an amount as people write it in minor units; refuses NotAnAmount and NotPositive."""
    try:
        amount_minor = parse_amount(amount, currency)
    except BadAmount as fault:
        raise NotAnAmount(str(fault)) from fault
    if amount_minor <= 0:
        raise NotPositive(asked=amount)
    return amount_minor


def check_open_request(conn: Connection, payee: Payee, policy: Policy) -> None:
    """Refuse with RequestOpen a second request where the program takes one at a time; the caller holds the partner."""
    if policy.one_open_request:
        open_payout = conn.execute(OPEN_REQUEST, {"partner_id": payee.id}).scalar()
        if open_payout is not None:
            raise RequestOpen(partner=payee.code, payout=open_payout)
