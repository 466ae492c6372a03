"""The priority a payout deserves, proposed with its reasons: a rule that is asked and never acts by itself.

What is late weighs most, then an amount that is unlike the others, then what the partner has been through with us. Urgent
takes something that is late indeed; low is what is small, with nothing that presses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from core.money_words import written

WAITS, WAITS_LONG = timedelta(days=3), timedelta(days=7)
LATE, LATE_LONG = timedelta(days=1), timedelta(days=3)
MATURED_LONG_AGO = timedelta(days=30)
LARGE, SMALL = 3, Fraction(1, 4)
OF_ITS_OWN = 3  # payouts from which on a partner has an amount that is usual
LONG_STANDING, LONG_STANDING_PAYOUTS = timedelta(days=365), 12
HIGH, URGENT = 2, 4


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the rule looks at: instants are aware, amounts minor units of one currency, `usual_minor` medians of what was
    paid to the partner and in the program, None where nothing was.

    `promised_at` is the slot of the schedule it serves, `matured_at` when its oldest earning was released.
    """

    queued_at: datetime
    amount_minor: int
    currency: str
    joined_at: datetime
    promised_at: datetime | None = None
    matured_at: datetime | None = None
    usual_minor: int | None = None
    usual_in_program_minor: int | None = None
    paid_before: int = 0
    last_failed: bool = False


@dataclass(kw_only=True)
class Proposed:
    """`low`, `normal`, `high` or `urgent`, and why in words; the reasons that lower it come last."""

    priority: str = "normal"
    reasons: list[str] = field(default_factory=list)


def propose_priority(facts: Facts, *, now: datetime) -> Proposed:
    """Return the priority these facts speak for."""
    urgency, others = _urgency(facts, now), [*_amount(facts), *_standing(facts, now)]
    points = sum(weight for weight, _ in urgency + others)
    pressing = max((weight for weight, _ in urgency), default=0)
    if points >= URGENT and pressing > 1:
        priority = "urgent"
    elif points >= HIGH:
        priority = "high"
    elif points < 0 and not urgency:
        priority = "low"
    else:
        priority = "normal"
    ranked = sorted(urgency + others, key=lambda reason: -reason[0])
    return Proposed(priority=priority, reasons=[words for _, words in ranked])


Reason = tuple[int, str]


def _urgency(facts: Facts, now: datetime) -> list[Reason]:
    found = []
    waits = now - facts.queued_at
    if waits >= WAITS:
        found.append((2 if waits >= WAITS_LONG else 1, f"it has waited for {waits.days} days"))
    if facts.promised_at is not None and (late := now - facts.promised_at) >= LATE:
        days = f"{late.days} days" if late.days > 1 else "a day"
        found.append((2 if late >= LATE_LONG else 1, f"its schedule promised it {days} ago"))
    if facts.matured_at is not None and (ago := now - facts.matured_at) >= MATURED_LONG_AGO:
        found.append((1, f"its oldest earning was released {ago.days} days ago"))
    return found


def _amount(facts: Facts) -> list[Reason]:
    if facts.paid_before >= OF_ITS_OWN:
        usual, whose = facts.usual_minor, "what this partner is usually paid"
    else:
        usual, whose = facts.usual_in_program_minor, "what is usual in the program"
    if not usual:
        return []
    share = Fraction(facts.amount_minor, usual)
    figure = f"{float(share):.1f} times" if share >= 1 else f"{float(share * 100):.0f}% of"
    told = f"it is {figure} {whose}, {written(usual, facts.currency)}"
    if share >= LARGE:
        return [(1, told)]
    return [(-1, told)] if share <= SMALL else []


def _standing(facts: Facts, now: datetime) -> list[Reason]:
    found = []
    if facts.last_failed:
        found.append((1, "the partner's last payout failed"))
    if facts.paid_before == 0:
        found.append((1, "the partner has never been paid"))
    elif facts.paid_before >= LONG_STANDING_PAYOUTS and now - facts.joined_at >= LONG_STANDING:
        found.append((1, f"a partner since {facts.joined_at:%B %Y}, paid regularly"))
    return found
