"""From a partner's money to a payout on paper: every rule a payout must meet before it is written.

Queue and request ask the same function. It refuses by name, with the figures; the queue keeps a refusal as the dated
reason why a partner was not paid, a request shows it to the person who asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from core.access import Actor
from core.fees import fee_minor, platform_cost_minor
from core.guards import HOLD_WORDS
from core.money_words import Amount
from core.policy import Method, Policy
from core.refusals import Refusal
from core.taking import Draft, Take, take


class PartnerSuspended(Refusal):
    """{partner} is {status}, so no payout is made."""

    code = "partner_suspended"


class OnHold(Refusal):
    """{partner} is on hold because {why}{until}."""

    code = "on_hold"


class NoDestination(Refusal):
    """{partner} has no payout destination yet."""

    code = "no_destination"


class NotPositive(Refusal):
    """An amount to pay is above zero; {asked} is not."""

    code = "not_positive"


class OverBalance(Refusal):
    """{asked} is more than the {available} {partner} has available."""

    code = "over_balance"


class NothingAvailable(Refusal):
    """{partner} has {available} available, so there is nothing to pay."""

    code = "nothing_available"


class BelowMinimum(Refusal):
    """{amount} is {short} below the minimum of {minimum}."""

    code = "below_minimum"


class CapReached(Refusal):
    """{partner} may get {left} more this month: the cap is {cap}, and {used} is paid or on its way."""

    code = "cap_reached"


class FeeExceedsAmount(Refusal):
    """The fee of {fee} would eat the {amount}; it waits until there is more."""

    code = "fee_exceeds_amount"


@dataclass(frozen=True, kw_only=True)
class Payee:
    """One partner as the rules of a payout see them; amounts in minor units of the program's currency."""

    id: int
    code: str
    program_id: int
    currency: str
    zone: str
    status: str
    method: Method
    destination_id: int | None
    destination_is_new: bool
    tier: str | None
    overrides: dict[str, Any]
    joined_on: date
    last_slot: datetime | None
    available_minor: int
    has_open_items: bool
    hold_reason: str | None
    hold_until: datetime | None
    cap_month: date
    cap_used_minor: int


# A destination is new until it has been paid to: it replaced another one and nothing has arrived there yet.
READ_PAYEES = text("""
    SELECT p.id, p.code, p.program_id, g.currency, g.zone, p.status, p.method, p.destination_id, p.tier, p.overrides,
           p.joined_on, p.last_slot, b.available AS available_minor,
           EXISTS (SELECT 1 FROM open_item o WHERE o.partner_id = p.id) AS has_open_items,
           coalesce(d.replaces_id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM payout x WHERE x.partner_id = p.id AND x.status = 'paid'
                                       AND x.destination_id = d.id), false) AS destination_is_new,
           h.reason AS hold_reason, h.until AS hold_until, m.month AS cap_month,
           (SELECT coalesce(sum(x.amount_minor), 0)::bigint FROM payout x
             WHERE x.partner_id = p.id AND x.cap_month = m.month AND x.live) AS cap_used_minor
      FROM partner p
      JOIN program g ON g.id = p.program_id
      JOIN partner_balance b ON b.partner_id = p.id
      LEFT JOIN destination d ON d.id = p.destination_id
      LEFT JOIN LATERAL (SELECT reason, until FROM hold
                          WHERE partner_id = p.id AND earning_id IS NULL AND payout_id IS NULL AND closed_at IS NULL
                            AND (until IS NULL OR until > :now)
                          ORDER BY until DESC NULLS FIRST, id LIMIT 1) h ON true
     CROSS JOIN LATERAL (SELECT date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE g.zone)::date AS month) m
     WHERE p.id = ANY(:partner_ids)
     ORDER BY p.id
""")


def read_payees(conn: Connection, partner_ids: Sequence[int], *, now: datetime) -> list[Payee]:
    """Return the partners as they are now; what decides about money is read again after their lock."""
    rows = conn.execute(READ_PAYEES, {"partner_ids": list(partner_ids), "now": now}).mappings()
    return [Payee(**row) for row in rows]


def check_partner(payee: Payee) -> None:
    """Refuse a partner who gets no payout now whatever the amount: suspended, on hold, without a destination."""
    if payee.status != "active":
        raise PartnerSuspended(partner=payee.code, status=payee.status)
    if payee.hold_reason is not None:
        until = f", until {payee.hold_until:%-d %b %Y}" if payee.hold_until else ""
        raise OnHold(
            partner=payee.code, why=HOLD_WORDS[payee.hold_reason], until=until, reason=payee.hold_reason
        )
    if payee.destination_id is None:
        raise NoDestination(partner=payee.code)


def cap_left(payee: Payee, policy: Policy) -> int | None:
    """Return what the monthly cap still allows, or None without a cap. Refuses CapReached when that is nothing."""
    cap = policy.max_per_partner_month_minor
    if cap is None:
        return None
    left = cap - payee.cap_used_minor
    if left <= 0:
        raise _cap_reached(payee, cap)
    return left


def _cap_reached(payee: Payee, cap: int) -> CapReached:
    words = {
        "left": Amount(max(cap - payee.cap_used_minor, 0), payee.currency),
        "cap": Amount(cap, payee.currency),
        "used": Amount(payee.cap_used_minor, payee.currency),
    }
    return CapReached(partner=payee.code, **words)


def check_minimum(payee: Payee, policy: Policy, amount_minor: int) -> None:
    """Refuse an amount below the minimum that holds for this partner."""
    minimum = policy.min_payout_minor
    if amount_minor < minimum:
        words = {
            "amount": Amount(amount_minor, payee.currency),
            "short": Amount(minimum - amount_minor, payee.currency),
            "minimum": Amount(minimum, payee.currency),
        }
        raise BelowMinimum(**words)


def draft_all(
    conn: Connection,
    payee: Payee,
    policy: Policy,
    everything: Take | None,
    *,
    policy_id: int,
    slot: datetime,
    actor: Actor,
    now: datetime,
) -> Draft:
    """Draft one payout of everything available, cut to what the monthly cap still allows."""
    check_partner(payee)
    if everything is None or everything.amount_minor <= 0:
        raise NothingAvailable(partner=payee.code, available=Amount(payee.available_minor, payee.currency))
    left = cap_left(payee, policy)
    amount = everything.amount_minor if left is None else min(everything.amount_minor, left)
    check_minimum(payee, policy, amount)
    whole = partial(
        draft_payout, payee, policy, policy_id=policy_id, origin="schedule", slot=slot, actor=actor, now=now
    )
    if amount == everything.amount_minor:
        return whole(everything)
    # A cut writes a carry pair, which a refusal takes back.
    with conn.begin_nested():
        return whole(take(conn, payee.id, amount, actor=actor, now=now))


def draft_payout(
    payee: Payee,
    policy: Policy,
    taken: Take,
    *,
    policy_id: int,
    origin: str,
    actor: Actor,
    now: datetime,
    slot: datetime | None = None,
    note: str = "",
) -> Draft:
    """Draft a payout of what was taken, with its fee and the approvals it needs. Refuses FeeExceedsAmount."""
    assert payee.destination_id is not None
    terms, base = (
        policy.fee(payee.method),
        {"gross_minor": taken.gross_minor, "amount_minor": taken.amount_minor},
    )
    fee = fee_minor(terms, **base)
    if fee >= taken.amount_minor:
        raise FeeExceedsAmount(
            fee=Amount(fee, payee.currency), amount=Amount(taken.amount_minor, payee.currency)
        )
    # A large amount, and the first payout to a changed destination, take two people.
    people = 2 if payee.destination_is_new else policy.approval.people_needed(taken.amount_minor)
    return Draft(
        take=taken,
        program_id=payee.program_id,
        origin=origin,
        fee_minor=fee,
        currency=payee.currency,
        method=payee.method,
        destination_id=payee.destination_id,
        policy_id=policy_id,
        cap_month=payee.cap_month,
        approvals_needed=people,
        made_by=actor.name,
        queued_at=now,
        slot=slot,
        one_open_request=policy.one_open_request,
        note=note,
        platform_cost_minor=platform_cost_minor(terms, **base),
    )
