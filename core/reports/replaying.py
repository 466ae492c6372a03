"""The replay itself: the rules of drafting over all partners at once, step by step. Pure figures, no rows.

Who asked for a payout asks again on the same day; what the terms do not allow then waits, and is paid as one with what is
asked for next, on the first day it is covered and reaches the minimum.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from core.fees import Fee
from core.policy import Policy
from core.reports.replay_reads import Asked, Ints, Weeks
from core.schedule import latest_slot

Mask = npt.NDArray[np.bool_]
NEVER = np.iinfo(np.int64).min
WITHOUT_LIMIT = np.iinfo(np.int64).max // 4


@dataclass(frozen=True, kw_only=True)
class TermsOf:
    """The terms of every partner as columns: places of `policies`, and the figures of each."""

    policies: Sequence[Policy]
    fees: Sequence[Fee]
    group: Ints

    def column(self, figures: Sequence[int]) -> Ints:
        """One figure of every policy, as a column over the partners."""
        return np.array(figures, dtype=np.int64)[self.group]


@dataclass(kw_only=True)
class Outcome:
    """What a set of terms comes to: per day the amount and number of payouts, and the fees of both sides; minor units.

    `caught` and `missed` are corrections of money that had not, and had, gone into a payout by then. At the end `left_minor`
    is available and `held_minor` waits for its release or is on hold.
    """

    amount_by_day: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    payouts: int = 0
    amount_minor: int = 0
    partner_fee_minor: int = 0
    platform_fee_minor: int = 0
    caught: int = 0
    caught_minor: int = 0
    missed: int = 0
    missed_minor: int = 0
    left_minor: int = 0
    held_minor: int = 0

    @property
    def owed_minor(self) -> int:
        """All that there was to pay: put into payouts, left, or still held. No terms make it more or less."""
        return self.amount_minor + self.left_minor + self.held_minor

    @property
    def net_minor(self) -> int:
        """What leaves."""
        return self.amount_minor - self.partner_fee_minor

    def add(
        self, day: date, *, amount_minor: int, payouts: int, partner_fee_minor: int, platform_fee_minor: int
    ) -> None:
        """Count payouts made on a day."""
        if payouts:
            self.amount_by_day[day] += amount_minor
            self.payouts += payouts
            self.amount_minor += amount_minor
            self.partner_fee_minor += partner_fee_minor
            self.platform_fee_minor += platform_fee_minor


class Costs:
    """Fees of many payouts at once, exact to the minor unit where they are taken of the payout itself."""

    def __init__(self, terms: TermsOf, gross_share: float) -> None:
        shares = [Fraction(fee.pct) / 100 for fee in terms.fees]
        self._numerator = terms.column([share.numerator for share in shares])
        self._denominator = terms.column([share.denominator for share in shares])
        self._fixed = terms.column([fee.fixed_minor for fee in terms.fees])
        self._of_gross = terms.column([fee.base == "gross" for fee in terms.fees]).astype(np.bool_)
        self.by_partner: Mask = terms.column([fee.payer == "partner" for fee in terms.fees]).astype(np.bool_)
        self._gross_share = gross_share

    def of(self, places: Ints, amounts: Ints) -> Ints:
        """What each of these payouts costs, whoever pays: halves to even, as a single one."""
        gross = np.rint(amounts * self._gross_share).astype(np.int64)
        base = np.maximum(np.where(self._of_gross[places], gross, amounts), 0)
        whole, rest = np.divmod(base * self._numerator[places], self._denominator[places])
        twice, full = 2 * rest, self._denominator[places]
        up = (twice > full) | ((twice == full) & (whole % 2 == 1))
        return np.asarray(whole + up + self._fixed[places], dtype=np.int64)


def replay(
    weeks: Weeks,
    terms: TermsOf,
    *,
    shift: Ints | None = None,
    longer_days: Ints | None = None,
    first_served: Mapping[int, datetime] | None = None,
) -> Outcome:
    """Live the weeks again under these terms.

    `shift` is what other hold times move, `longer_days` how many days longer each partner's money is held; `first_served`
    are the slots served before, None: the terms begin with their first slot.
    """
    held = np.zeros(len(weeks.payees), dtype=np.int64) if longer_days is None else longer_days
    return _Replay(weeks, terms, shift, held, first_served).run()


class _Replay:
    def __init__(
        self,
        weeks: Weeks,
        terms: TermsOf,
        shift: Ints | None,
        longer_days: Ints,
        first_served: Mapping[int, datetime] | None,
    ) -> None:
        self.weeks, self.terms, self.longer_days = weeks, terms, longer_days
        self.moved = weeks.moved if shift is None else weeks.moved + shift
        # What other hold times have not released by the end is still held, and the other way round.
        self.held_minor = weeks.held_minor - (0 if shift is None else int(shift.sum()))
        self.costs = Costs(terms, weeks.gross_share)
        n = len(weeks.payees)
        self.minimum = terms.column([policy.min_payout_minor for policy in terms.policies])
        caps = [policy.max_per_partner_month_minor for policy in terms.policies]
        self.cap = terms.column([WITHOUT_LIMIT if cap is None else cap for cap in caps])
        self.cap_used = weeks.cap_used.copy()
        self.available, self.arrived, self.paid = (
            weeks.opening.copy(),
            weeks.opening.copy(),
            np.zeros(n, dtype=np.int64),
        )
        self.asked = np.zeros(n, dtype=np.int64)
        self.joined = np.array([payee.joined_on.toordinal() for payee in weeks.payees], dtype=np.int64)
        self.zone = ZoneInfo(weeks.program.zone)
        self.served = self._first_served(first_served)
        self.outcome = Outcome()

    def _slots(self, at: datetime) -> Ints:
        """The day of each partner's latest slot."""
        slots = [latest_slot(p.schedule, zone=self.zone, since=date.min, now=at) for p in self.terms.policies]
        days = [NEVER if slot is None else slot.astimezone(self.zone).date().toordinal() for slot in slots]
        return self.terms.column(days)

    def _first_served(self, known: Mapping[int, datetime] | None) -> Ints:
        if known is None:
            return self._slots(self.weeks.start)
        served = np.full(len(self.weeks.payees), NEVER, dtype=np.int64)
        for place, slot in known.items():
            served[place] = slot.astimezone(self.zone).date().toordinal()
        return served

    def run(self) -> Outcome:
        weeks = self.weeks
        requests = _by_step(weeks.requests)
        ended: dict[int, list[int]] = defaultdict(list)
        for place, served_at in weeks.ended:
            ended[served_at].append(place)
        corrections = _Corrections(weeks, self.longer_days)
        month = weeks.steps[0].day.replace(day=1)
        for number, step in enumerate(weeks.steps):
            if step.day.replace(day=1) != month:
                month = step.day.replace(day=1)
                self.cap_used[:] = 0
            corrections.happen(number, self.paid, self.outcome)
            self.available += self.moved[:, number]
            self.arrived += self.moved[:, number]
            corrections.note(number, self.arrived)
            self._ask(requests.get(number, []), step.day)
            if step.is_queue:
                self._queue(number, step.at, step.day, ended[number])
        self.outcome.left_minor = int(self.available.sum())
        self.outcome.held_minor = self.held_minor
        return self.outcome

    def _ask(self, asked: list[Asked], day: date) -> None:
        """What was asked for up to this step, one of a partner's after the other; and what still waits."""
        rounds: dict[int, list[Asked]] = defaultdict(list)
        seen: dict[int, int] = defaultdict(int)
        for one in asked:
            rounds[seen[one.place]].append(one)
            seen[one.place] += 1
        for of_round in (rounds[number] for number in sorted(rounds)):
            np.add.at(self.asked, [one.place for one in of_round], [one.amount_minor for one in of_round])
            self._pay_asked(day)
        if not asked:
            self._pay_asked(day)

    def _pay_asked(self, day: date) -> None:
        places = np.flatnonzero(self.asked)
        if len(places):
            amounts = self.asked[places]
            fits = (amounts <= self.available[places]) & (amounts >= self.minimum[places])
            fits &= amounts <= self.cap[places] - self.cap_used[places]
            fits &= self._worth(places, amounts)
            self.asked[places[fits]] = 0
            self._pay(places[fits], amounts[fits], day)

    def _queue(self, number: int, at: datetime, day: date, ended: list[int]) -> None:
        slots = self._slots(at)
        due = (slots > self.served) & (slots >= self.joined) & ~self.weeks.blocked[:, number]
        places = np.flatnonzero(due & (self.available > 0))
        if len(places):
            amounts = np.minimum(self.available[places], self.cap[places] - self.cap_used[places])
            fits = (amounts > 0) & (amounts >= self.minimum[places])
            fits &= self._worth(places, amounts)
            self.served[places] = slots[places]
            self._pay(places[fits], amounts[fits], day)
        self.served[ended] = np.maximum(self.served[ended], slots[ended])

    def _worth(self, places: Ints, amounts: Ints) -> Mask:
        partners_part = np.where(self.costs.by_partner[places], self.costs.of(places, amounts), 0)
        return np.asarray(partners_part < amounts, dtype=np.bool_)

    def _pay(self, places: Ints, amounts: Ints, day: date) -> None:
        self.available[places] -= amounts
        self.paid[places] += amounts
        self.cap_used[places] += amounts
        costs, by_partner = self.costs.of(places, amounts), self.costs.by_partner[places]
        self.outcome.add(
            day,
            amount_minor=int(amounts.sum()),
            payouts=len(places),
            partner_fee_minor=int(costs[by_partner].sum()),
            platform_fee_minor=int(costs[~by_partner].sum()),
        )


def _by_step(asked: Sequence[Asked]) -> dict[int, list[Asked]]:
    found: dict[int, list[Asked]] = defaultdict(list)
    for one in asked:
        found[one.step].append(one)
    return found


class _Corrections:
    """Which corrections came before the money had gone into a payout: oldest money goes first."""

    def __init__(self, weeks: Weeks, longer_days: Ints) -> None:
        self._weeks = weeks
        self._happen: dict[int, list[int]] = defaultdict(list)
        self._due: dict[int, list[int]] = defaultdict(list)
        self._reached: dict[int, int] = {}
        ends = [step.at for step in weeks.steps]
        for number, one in enumerate(weeks.taken):
            self._happen[one.step].append(number)
            days = int(longer_days[one.place]) if one.shifts and one.earned_at >= weeks.start else 0
            payable = one.release_at + timedelta(days=days)
            if payable <= weeks.start:
                self._reached[number] = int(weeks.opening[one.place])
            else:
                self._due[bisect_left(ends, payable)].append(number)

    def note(self, step: int, arrived: Ints) -> None:
        """Note how much had come in all when the money of a correction became payable."""
        for number in self._due.get(step, ()):
            self._reached[number] = int(arrived[self._weeks.taken[number].place])

    def happen(self, step: int, paid: Ints, outcome: Outcome) -> None:
        """Count the corrections up to this step: missed when all that had come in by then had been paid."""
        for number in self._happen.get(step, ()):
            one = self._weeks.taken[number]
            reached = self._reached.get(number)
            if one.paid_before or (reached is not None and paid[one.place] >= reached > 0):
                outcome.missed += 1
                outcome.missed_minor += one.amount_minor
            else:
                outcome.caught += 1
                outcome.caught_minor += one.amount_minor
