"""What happens at the source: sales of a day, customers who sign up and leave, written as the files partners' systems send."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random

from db.demo.people import Partner


@dataclass(frozen=True, kw_only=True)
class Trade:
    """What partners of a program sell: per day at the usual pace, and for how much (minor units, low to high)."""

    kind: str
    ref: str
    per_day: float
    low_minor: int
    high_minor: int
    what: tuple[str, ...]


TRADES = {
    "creator": Trade(
        kind="booking",
        ref="boo",
        per_day=0.6,
        low_minor=25_00,
        high_minor=240_00,
        what=("Video call", "Portfolio review", "Guitar lesson", "Workshop seat", "Coaching hour"),
    ),
    "reseller": Trade(
        kind="commission", ref="com", per_day=0.35, low_minor=12_00, high_minor=310_00, what=("Order",)
    ),
    "affiliate": Trade(
        kind="commission", ref="aff", per_day=0.8, low_minor=1_50, high_minor=48_00, what=("Order", "Renewal")
    ),
    "barber": Trade(
        kind="service",
        ref="svc",
        per_day=2.4,
        low_minor=18_00,
        high_minor=78_00,
        what=("Haircut", "Beard trim", "Cut and beard", "Colour", "Kids' cut"),
    ),
}
BOOTH_RENT_MINOR = (55_00, 65_00, 80_00)
MONDAY, SUNDAY = 1, 7
OPENS = time(8, tzinfo=UTC)

Rows = list[dict[str, str]]


def as_csv(rows: Rows) -> bytes:
    """Write rows as a file has them, header first."""
    written = io.StringIO()
    writer = csv.DictWriter(written, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


class Market:
    """Invents sales day by day; references are never used twice."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._number = count(1)

    def sales_of(self, day: date, partners: Iterable[Partner]) -> Rows:
        """The sales of one day of those who had joined by then."""
        rows: Rows = []
        for partner in partners:
            trade = TRADES.get(partner.program)
            if trade is None or partner.joined_on > day:
                continue
            if partner.program == "barber" and day.isoweekday() == SUNDAY:
                continue
            # A large seller's orders are large, too.
            scale = 8 if partner.tier == "white_label" else 1
            for _ in range(self._how_many(trade.per_day * partner.pace)):
                gross = (
                    round(self._rng.triangular(trade.low_minor, trade.high_minor, trade.low_minor * 2))
                    * scale
                )
                rows.append(
                    self._row(partner, trade.kind, trade.ref, day, gross, self._rng.choice(trade.what))
                )
            if partner.program == "barber" and day.isoweekday() == MONDAY:
                rent = self._rng.choice(BOOTH_RENT_MINOR)
                week = f"Booth rent, week {day.isocalendar().week}"
                rows.append(self._row(partner, "deduction", "rent", day, -rent, week))
        return rows

    def _how_many(self, expected: float) -> int:
        whole = int(expected)
        return self._rng.randint(0, 2 * whole) + (self._rng.random() < expected - whole)

    def _row(  # noqa: PLR0917 - one value for each column
        self, partner: Partner, kind: str, ref: str, day: date, gross_minor: int, what: str
    ) -> dict[str, str]:
        n = next(self._number)
        at = datetime.combine(day, OPENS) + timedelta(seconds=self._rng.randint(0, 12 * 3600))
        sign, cents = ("-" if gross_minor < 0 else ""), abs(gross_minor)
        return {
            "program": partner.program,
            "partner_code": partner.code,
            "kind": kind,
            "source_ref": f"{ref}_{n:06}",
            "occurred_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "gross": f"{sign}{cents // 100}.{cents % 100:02}",
            "currency": partner.currency,
            "description": f"{what} {190_000 + n}" if what in {"Order", "Renewal"} else what,
        }


FIRMS, OWNERS = (
    "Dental Studio Plumbing Foods Travel Bakery Logistics Design Fitness Optics Garden Legal",
    "Wójcik Ito Moreau Brandt Silva Nair Holm Clarke Conti Okafor Vidal Parker Åkesson Galli Sato",
)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A customer whom a broker referred."""

    ref: str
    name: str
    partner: Partner
    signed_up_at: datetime
    cancelled_at: datetime | None = None

    def row(self) -> dict[str, str]:
        """The customer as the file has it."""
        left = self.cancelled_at
        return {
            "customer_ref": self.ref,
            "name": self.name,
            "referral_code": self.partner.code,
            "signed_up_at": f"{self.signed_up_at:%Y-%m-%dT%H:%M:%SZ}",
            "status": "cancelled" if left else "active",
            "cancelled_at": f"{left:%Y-%m-%dT%H:%M:%SZ}" if left else "",
        }


class Clientele:
    """The customers of all brokers, as they come and go."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._all: list[Customer] = []

    def came_and_left(
        self, partners: Sequence[Partner], since: datetime, until: datetime, *, share: float, leaving: float
    ) -> Rows:
        """Those who signed up in between (`share` a day and broker at the usual pace), and the share that left then."""
        days = (until - since) / timedelta(days=1)
        changed = []
        for n, known in enumerate(self._all):
            if known.cancelled_at is None and self._rng.random() < leaving:
                self._all[n] = replace(
                    known, cancelled_at=self._between(max(since, known.signed_up_at), until)
                )
                changed.append(self._all[n])
        come = []
        for partner in partners:
            if partner.program.startswith("broker-"):
                expected = share * days * partner.pace
                n_new = int(expected) + (self._rng.random() < expected % 1)
                come += [self._new(partner, since, until) for _ in range(n_new)]
        self._all += come
        return [customer.row() for customer in changed + come]

    def _new(self, partner: Partner, since: datetime, until: datetime) -> Customer:
        name = f"{self._rng.choice(OWNERS.split())} {self._rng.choice(FIRMS.split())}"
        ref = f"cus_{self._rng.getrandbits(40):010x}"
        return Customer(ref=ref, name=name, partner=partner, signed_up_at=self._between(since, until))

    def _between(self, since: datetime, until: datetime) -> datetime:
        seconds = max(int((until - since).total_seconds()), 1)
        return (since + timedelta(seconds=self._rng.randrange(seconds))).replace(microsecond=0)
