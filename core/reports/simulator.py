"""What another policy would have done: the last weeks of a program, lived again from the ledger under other terms.

The other terms begin with the first of these days, as a new version would: what was priced before keeps its release date.
Partners' and tiers' own terms stay above the program's. Beside what really happened stands a replay of today's terms, so
that what the replay itself does differently is seen and is not taken for an effect of the change. It differs where
 - another version of the policy, or of a partner's own terms, held in part of these weeks;
 - a partner's method was another one than today's, for the fee; a fee taken of the sales' gross is worked out by the
   program's share of gross to what was paid in these weeks;
 - money moved between a request and the end of its day, so that the request is covered a day later;
 - a payout was released early or approved as an exception, which a replay does not know of.
Payouts that came to nothing keep their money from their making to their end, as they did. A payout counts on the day it
is made: approval and sending follow it as ever. Nothing is locked and nothing written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from core.fees import Fee
from core.policy import Method, Policy, resolve
from core.programs import current_policy, program_by_code
from core.reports.replay_reads import Asked, Ints, Payee, Weeks, read_weeks
from core.reports.replay_shift import read_shift
from core.reports.replaying import Costs, Outcome, TermsOf, replay

DAYS = 90
DEFINITIONS = {
    "cash": "Gross of payouts by the day they are made, added up; those that were rejected, cancelled or failed left out.",
    "payouts": "How many payouts were made, and would have been.",
    "fees": "Fees of these payouts: the partners’ part, and the part we bear.",
    "caught": "Refunds and disputes that came before their money had gone into a payout, oldest money going first; what"
    " was missed had to be taken back as a debt.",
    "left": "What was available and in no payout at the end of these days, debts taken off.",
    "held": "What waited for its release day, or was on hold, at the end of these days. With what was put into payouts and what"
    " is left it comes to the same under any terms.",
}


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What happened, what today's terms make of it, and what the other terms would have made.

    `days`: day, currency, actual_minor, today_minor, changed_minor, each added up from the first day on.
    """

    currency: str
    since: date
    until: date
    zone: str
    partners: int
    actual: Outcome
    today: Outcome
    changed: Outcome
    days: pd.DataFrame


def simulate(conn: Connection, code: str, policy: Policy, *, now: datetime, days: int = DAYS) -> Simulation:
    """Return a program's last days, today included, under another policy. Refuses UnknownProgram, NoPolicyInForce.

    Figures are held by partner and day, so time and memory go with the partners who had money, not with their earnings.
    """
    program = program_by_code(conn, code)
    base = current_policy(conn, program.id, now=now).policy
    of_gross = any(_of_gross(one) for one in (base, policy))
    weeks = read_weeks(conn, program, days=days, now=now, of_gross=of_gross)
    old, new = _terms(weeks, base), _terms(weeks, policy)
    today = replay(weeks, old, first_served=weeks.served)
    longer = _hold_days(new) - _hold_days(old)
    same_schedules = [p.schedule for p in old.policies] == [p.schedule for p in new.policies]
    changed = replay(
        weeks,
        new,
        shift=_shift(conn, weeks, longer),
        longer_days=longer,
        first_served=weeks.served if same_schedules else None,
    )
    actual = _actual(weeks, old)
    actual = replace(
        actual,
        caught=today.caught,
        caught_minor=today.caught_minor,
        missed=today.missed,
        missed_minor=today.missed_minor,
    )
    calendar = sorted({step.day for step in weeks.steps})
    sums = {
        name: list(accumulate(one.amount_by_day.get(day, 0) for day in calendar))
        for name, one in (("actual_minor", actual), ("today_minor", today), ("changed_minor", changed))
    }
    return Simulation(
        currency=program.currency,
        since=calendar[0],
        until=calendar[-1],
        zone=program.zone,
        partners=len(weeks.payees),
        actual=actual,
        today=today,
        changed=changed,
        days=pd.DataFrame({"day": calendar, "currency": program.currency, **sums}),
    )


def _terms(weeks: Weeks, policy: Policy) -> TermsOf:
    groups: dict[str, int] = {}
    policies: list[Policy] = []
    fees: list[Fee] = []
    group: list[int] = []
    for payee in weeks.payees:
        key = _terms_key(payee)
        if key not in groups:
            groups[key] = len(policies)
            resolved = resolve(policy, payee.tier, payee.overrides)
            policies.append(resolved)
            fees.append(resolved.fee(_method(payee.method)))
        group.append(groups[key])
    if not policies:
        policies, fees = [policy], [policy.fee("stripe")]
    return TermsOf(policies=policies, fees=fees, group=np.array(group, dtype=np.int64))


def _of_gross(policy: Policy) -> bool:
    layers = (policy.fees, *(tier.fees for tier in policy.tiers.values()))
    return any(fee.base == "gross" for fees in layers for fee in fees.values())


def _terms_key(payee: Payee) -> str:
    """Partners with the same key have the same terms."""
    own = json.dumps(payee.overrides, sort_keys=True) if payee.overrides else ""
    return f"{payee.tier}|{payee.method}|{own}"


def _method(name: str) -> Method:
    methods: dict[str, Method] = {
        "stripe": "stripe",
        "stripe_instant": "stripe_instant",
        "bank_transfer": "bank_transfer",
        "paypal": "paypal",
        "check": "check",
        "manual": "manual",
    }
    return methods[name]


def _hold_days(terms: TermsOf) -> Ints:
    return terms.column([policy.hold.days for policy in terms.policies])


def _shift(conn: Connection, weeks: Weeks, longer: Ints) -> Ints | None:
    different = [int(days) for days in np.unique(longer) if days]
    if not different:
        return None
    moved = np.zeros_like(weeks.moved)
    for days in different:
        places = np.flatnonzero(longer == days)
        ids = None if len(places) == len(weeks.payees) else [weeks.payees[place].id for place in places]
        moved += read_shift(conn, weeks, timedelta(days=days), ids)
    return moved


def _actual(weeks: Weeks, terms: TermsOf) -> Outcome:
    """What really happened; the part of the fees that we bear, by today's terms, since no payout carries it."""
    left_minor = int(weeks.opening.sum() + weeks.moved.sum())
    outcome = Outcome(left_minor=left_minor, held_minor=weeks.held_minor)
    costs = Costs(terms, weeks.gross_share)
    made: list[Asked] = [*weeks.requests, *weeks.scheduled]
    if not made:
        return outcome
    places = np.array([one.place for one in made], dtype=np.int64)
    amounts = np.array([one.amount_minor for one in made], dtype=np.int64)
    ours = np.where(costs.by_partner[places], 0, costs.of(places, amounts))
    for one, platform in zip(made, ours, strict=True):
        outcome.add(
            one.day,
            amount_minor=one.amount_minor,
            payouts=1,
            partner_fee_minor=one.fee_minor,
            platform_fee_minor=int(platform),
        )
        outcome.left_minor -= one.amount_minor
    return outcome
