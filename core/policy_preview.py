"""What a change of policy would do: everything available today, queued under the old terms and under the new ones.

The rules are the ones of `core/drafting.py`, asked of every partner of the program who has something available. Nothing is
locked and nothing written, so a figure may be a moment old.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from core.access import job_actor
from core.drafting import Payee, cap_left, check_minimum, check_partner, draft_payout, read_payees
from core.policy import Policy, resolve
from core.refusals import Refusal
from core.runs import RANGE
from core.taking import Draft, Take, take_all


@dataclass(kw_only=True)
class Outcome:
    """What one set of terms makes of today: minor units of the program's currency, and why the rest is not paid."""

    payouts: int = 0
    amount_minor: int = 0
    fee_minor: int = 0
    second_person: int = 0
    by_policy: int = 0
    by_policy_minor: int = 0
    not_paid: Counter[str] = field(default_factory=Counter)  # partners by the code of the rule

    @property
    def net_minor(self) -> int:
        """What would leave."""
        return self.amount_minor - self.fee_minor

    def add(self, found: Draft | Refusal, policy: Policy) -> None:
        """Count one partner under its terms."""
        if isinstance(found, Refusal):
            self.not_paid[found.code] += 1
            return
        self.payouts += 1
        self.amount_minor += found.take.amount_minor
        self.fee_minor += found.fee_minor
        self.second_person += found.approvals_needed > 1
        minor, limits = found.take.amount_minor, policy.approval
        if not policy.approves_by_itself or found.approvals_needed > 1 or minor > limits.auto_up_to_minor:
            return
        if self.by_policy_minor + minor <= limits.auto_per_day_minor:
            self.by_policy += 1
            self.by_policy_minor += minor


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A partner for whom the change makes a difference: the payout before and after, None where there is none."""

    code: str
    before_minor: int | None
    after_minor: int | None
    why: str


@dataclass(kw_only=True)
class Preview:
    """Today under both sets of terms; `moved` are the partners it changes most, `changed` how many it changes."""

    before: Outcome = field(default_factory=Outcome)
    after: Outcome = field(default_factory=Outcome)
    changed: int = 0
    moved: list[Moved] = field(default_factory=list)


WITH_MONEY = text("""
    SELECT p.id FROM partner p JOIN partner_balance b ON b.partner_id = p.id
     WHERE p.program_id = :program_id AND b.available > 0
     ORDER BY p.id
""")
MOVED_SHOWN = 20


def preview_policy(
    conn: Connection, program_id: int, before: Policy, after: Policy, *, now: datetime
) -> Preview:
    """Return what today's available money would become under each of two policies of a program."""
    preview = Preview()
    moved: list[Moved] = []
    terms = _Terms(before), _Terms(after)
    ids = list(conn.execute(WITH_MONEY, {"program_id": program_id}).scalars())
    for start in range(0, len(ids), RANGE):
        some = ids[start : start + RANGE]
        everything = take_all(conn, some)
        for payee in read_payees(conn, some, now=now):
            taken = everything.get(payee.id)
            if taken is None or taken.amount_minor <= 0:
                continue
            was, will = (each.of(payee) for each in terms)
            old, new = (would_draft(payee, policy, taken, now=now) for policy in (was, will))
            preview.before.add(old, was)
            preview.after.add(new, will)
            if _net(old) != _net(new):
                why = new.sentence if isinstance(new, Refusal) else ""
                moved.append(Moved(code=payee.code, before_minor=_net(old), after_minor=_net(new), why=why))
    moved.sort(key=lambda one: -abs((one.after_minor or 0) - (one.before_minor or 0)))
    preview.changed, preview.moved = len(moved), moved[:MOVED_SHOWN]
    return preview


class _Terms:
    """One policy, resolved once per tier and set of overrides."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: dict[tuple[str | None, str], Policy] = {}

    def of(self, payee: Payee) -> Policy:
        key = (payee.tier, repr(sorted(payee.overrides.items())))
        if key not in self._known:
            self._known[key] = resolve(self._policy, payee.tier, payee.overrides)
        return self._known[key]


def would_draft(payee: Payee, policy: Policy, taken: Take, *, now: datetime) -> Draft | Refusal:
    """Return the payout that the queue would make of this money under these terms, or why it would make none."""
    try:
        check_partner(payee)
        left = cap_left(payee, policy)
        amount = taken.amount_minor if left is None else min(taken.amount_minor, left)
        check_minimum(payee, policy, amount)
        part = Take(
            partner_id=payee.id,
            amount_minor=amount,
            gross_minor=taken.gross_minor * amount // taken.amount_minor,
            earning_ids=taken.earning_ids,
        )
        return draft_payout(
            payee, policy, part, policy_id=0, origin="preview", actor=job_actor("preview"), now=now
        )
    except Refusal as refusal:
        return refusal


def _net(found: Draft | Refusal) -> int | None:
    return None if isinstance(found, Refusal) else found.take.amount_minor - found.fee_minor
