"""What a partner's own terms would do: the payout of today under the old terms and the new ones, and the next dates.

Nothing is locked and nothing written, so a figure may be a moment old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from core.drafting import Payee, read_payees
from core.money_words import written
from core.own_terms import new_partner_until
from core.policy import Overrides, Policy, resolve
from core.policy_preview import would_draft
from core.programs import current_policy
from core.queueing import due_slot
from core.reads.terms import levels
from core.refusals import Refusal
from core.schedule import next_slot
from core.taking import Take, take_all

DATES_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one set of terms makes of a partner: a payout of today in words, the slot that is due, the next ones."""

    today: str
    due: datetime | None
    dates: list[datetime]
    new_until: datetime
    approves_by_itself: bool


@dataclass(frozen=True, kw_only=True)
class TermsPreview:
    """A partner before and after; `changes` are the term, its value and level before, its value and level after."""

    changes: list[tuple[str, str, str, str, str]]
    before: Side
    after: Side


def preview_own_terms(conn: Connection, partner_id: int, own: Overrides, *, now: datetime) -> TermsPreview:
    """Return what these terms of its own would make of the partner as it stands at `now`."""
    (payee,) = read_payees(conn, [partner_id], now=now)
    policy = current_policy(conn, payee.program_id, now=now).policy
    taken = take_all(conn, [partner_id]).get(partner_id)
    before, after = (resolve(policy, payee.tier, terms) for terms in (payee.overrides, own))
    old, new = (levels(terms, payee.currency) for terms in (before, after))
    absent = ("\u2014", "")
    changes = [
        (term, *old.get(term, absent), *new.get(term, absent))
        for term in dict.fromkeys([*old, *new])
        if old.get(term, absent)[0] != new.get(term, absent)[0]
        or (old.get(term, absent)[1] == "partner") != (new.get(term, absent)[1] == "partner")
    ]
    sides = (_side(payee, terms, taken, now=now) for terms in (before, after))
    return TermsPreview(changes=changes, before=next(sides), after=next(sides))


def _side(payee: Payee, policy: Policy, taken: Take | None, *, now: datetime) -> Side:
    zone = ZoneInfo(payee.zone)
    dates: list[datetime] = []
    at = next_slot(policy.schedule, zone=zone, now=now)
    while at is not None and len(dates) < DATES_SHOWN:
        dates.append(at)
        at = next_slot(policy.schedule, zone=zone, now=at)
    return Side(
        today=_today(payee, policy, taken, now=now),
        due=due_slot(payee, policy, now=now),
        dates=dates,
        new_until=new_partner_until(payee.joined_on, policy.hold.new_partner_days, payee.zone),
        approves_by_itself=policy.approves_by_itself,
    )


def _today(payee: Payee, policy: Policy, taken: Take | None, *, now: datetime) -> str:
    if taken is None or taken.amount_minor <= 0:
        return "Nothing is available"
    found = would_draft(payee, policy, taken, now=now)
    if isinstance(found, Refusal):
        return found.sentence
    amount, fee = (written(minor, payee.currency) for minor in (found.take.amount_minor, found.fee_minor))
    return f"A payout of {amount}, with a fee of {fee}" if found.fee_minor else f"A payout of {amount}"
