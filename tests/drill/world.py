"""One desk in one world for the state machine: its people, both clocks, the rail by the real SDK, and what a bystander knows.

The bystander keeps books of its own, in arithmetic of its own: what every partner earned, who made and who approved each
payout, at which version each was seen. The laws in `tests/drill/laws.py` hold the desk and the fake Stripe against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import NamedTuple, TypeVar

import psycopg
from sqlalchemy import Connection, text

from core.access import Actor
from core.claiming import Claim
from core.commission import Percent
from core.fees import Fee
from core.gate import Gate as ProcessGate
from core.policy import Approval, Hold, Policy
from core.providers import Declined, Succeeded, Unknown
from core.providers.stripe import StripeTransfers
from core.schedule import Daily
from db.engine import make_engine
from tests.builders import program
from tests.desk import DAY, NOW, Desk, open_desk
from tests.drill.databases import database, engine_of
from tests.drill.desks import Place, place
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Gate
from tests.stripe.rails import Seconds, rail_to

T = TypeVar("T")

PROGRAM = "drill"
SHARE, FEE_PCT, FEE_FIXED = Decimal(90), Decimal("2.5"), 25
TWO_PEOPLE_ABOVE, CAP, MINIMUM, RETRIES = 400_00, 2_000_00, 5_00, 3
KEY_LIVES = timedelta(hours=23)
TERMS = Policy(
    commission=Percent(pct=SHARE),
    sale_kinds=("booking",),
    approval=Approval(dual_above_minor=TWO_PEOPLE_ABOVE),
    hold=Hold(days=0, new_partner_days=0, destination_change_days=1),
    min_payout_minor=MINIMUM,
    max_per_partner_month_minor=CAP,
    schedule=Daily(),
    fees={"stripe": Fee(pct=FEE_PCT, fixed_minor=FEE_FIXED)},
)
# Duo asks for payouts and approves them: not the same ones.
DUO = Actor(name="user:duo", channel="cli", roles=frozenset({"maker", "approver"}))


def share(minor: int, pct: Decimal) -> int:
    """So many per cent of an amount, a half to the even cent."""
    return int((minor * pct / 100).quantize(Decimal(1), ROUND_HALF_EVEN))


class Payout(NamedTuple):
    """A payout as the database shows it to a bystander."""

    id: int
    ref: str
    status: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    account: str
    approvals_needed: int
    made_by: str
    version: int
    partner: str
    cap_month: date
    retry_at: datetime | None


class Attempt(NamedTuple):
    """An attempt, as the same bystander sees it."""

    payout_id: int
    n: int
    key: str
    state: str
    error_class: str | None
    started_at: datetime
    first_sent_at: datetime
    lease_until: datetime
    next_look_at: datetime | None
    absent_looks: int


PAYOUTS = """
    SELECT p.id, p.ref::text, p.status, p.amount_minor, p.fee_minor, p.net_minor, p.currency::text, d.account,
           p.approvals_needed, p.made_by, p.version, t.code AS partner, p.cap_month, p.retry_at
      FROM payout p JOIN destination d ON d.id = p.destination_id JOIN partner t ON t.id = p.partner_id ORDER BY p.id
"""
ATTEMPTS = """
    SELECT payout_id, n, idem_key AS key, state, error_class, started_at, first_sent_at, lease_until, next_look_at,
           absent_looks
      FROM attempt ORDER BY payout_id, n
"""
# As their owner: an attempt's instants are frozen, and the database's clock cannot be moved.
AGE_ATTEMPTS = """
    ALTER TABLE attempt DISABLE TRIGGER USER;
    UPDATE attempt SET first_sent_at = first_sent_at - interval '{0} seconds',
                       lease_until = lease_until - interval '{0} seconds' WHERE state IN ('started', 'unknown');
    ALTER TABLE attempt ENABLE TRIGGER USER;
    ALTER TABLE reversal DISABLE TRIGGER USER;
    UPDATE reversal SET first_sent_at = first_sent_at - interval '{0} seconds',
                        lease_until = lease_until - interval '{0} seconds' WHERE state IN ('started', 'unknown');
    ALTER TABLE reversal ENABLE TRIGGER USER;
"""


@dataclass
class Worker:
    """One that stands still between its claim and its record; without an outcome it has not sent yet."""

    claim: Claim
    outcome: Succeeded | Declined | Unknown | None


@dataclass
class World:
    """Everything a step may use; amounts in cents."""

    at: Place
    owner: psycopg.Connection
    seconds: Seconds = field(default_factory=Seconds)
    codes: tuple[str, ...] = ("P0", "P1", "P2")
    earned: Counter[str] = field(default_factory=Counter)
    sold: dict[str, tuple[str, int]] = field(default_factory=dict)  # by reference: whose, gross
    payments: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # by booking: whose, the payment at Stripe
    moved_to: dict[str, int] = field(default_factory=dict)  # how often a partner's destination was changed
    known: set[int] = field(default_factory=set)  # payouts looked at when they were new
    approvers: dict[int, set[str]] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)  # the version of a payout on somebody's screen
    events: list[str] = field(default_factory=list)  # refunds that took something
    by_hand: set[str] = field(default_factory=set)  # transfers made in Stripe's dashboard
    altered: set[str] = field(default_factory=set)  # keys under which Stripe itself made something else
    sent_under: dict[str, str] = field(default_factory=dict)  # what went out under a key the first time
    posts_seen: int = 0
    workers: list[Worker] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    number: int = 0
    broken: bool = False  # a law did not hold: nothing of it is to be settled

    def __post_init__(self) -> None:
        self.start_process()

    def start_process(self) -> None:
        """A process with its rail, which may be in a hurry, and its gate, still shut."""
        self.rail, self.hasty = self.new_rail((2.0, 10.0)), self.new_rail((2.0, 0.3))
        self.gate = ProcessGate()

    @property
    def now(self) -> datetime:
        return self.at.now

    @property
    def desk(self) -> Desk:
        return self.at.desk

    @property
    def fake(self) -> FakeStripe:
        return self.at.fake

    def new_rail(self, timeouts_s: tuple[float, float]) -> StripeTransfers:
        """A rail that answers late when so told, and waits on a clock of its own."""
        return rail_to(self.fake, seconds=self.seconds, timeouts_s=timeouts_s)

    def do(self, work: Callable[[Connection], T]) -> T:
        """One transaction of the desk's."""
        with self.desk.engine.begin() as conn:
            return work(conn)

    def payouts(self, *statuses: str) -> list[Payout]:
        """The payouts with these statuses, or all."""
        found = [Payout(*row) for row in self.owner.execute(PAYOUTS)]
        return [one for one in found if not statuses or one.status in statuses]

    def attempts(self, *states: str) -> list[Attempt]:
        """The attempts in these states, or all."""
        found = [Attempt(*row) for row in self.owner.execute(ATTEMPTS)]
        return [one for one in found if not states or one.state in states]

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        """What a bystander asks the database."""
        return list(self.owner.execute(query, values))

    def new_number(self) -> int:
        self.number += 1
        return self.number

    def pass_time(self, by: timedelta) -> None:
        """Let time pass at the desk, at Stripe and in the database."""
        self.thaw()
        self.at.now += by
        self.fake.clock.advance(by)
        self.seconds.now_s += by.total_seconds()
        self.owner.execute(AGE_ATTEMPTS.format(by.total_seconds()))

    def thaw(self) -> None:
        """Let requests that hang in the network go on, and wait until Stripe has done them."""
        gates, self.gates = self.gates, []
        for gate in gates:
            gate.opened.set()
        keys = self.fake.service.keys
        while gates and any(kept.status is None for kept in list(keys._kept.values())):
            Event().wait(0.005)


PROGRAM_IS_OLD = text("UPDATE program SET created_at = :then, released_to = :then WHERE code = :code")


@contextmanager
def prepared() -> Iterator[str]:
    """Give the URL of a database with the drill's program and its three partners, to copy worlds from."""
    with database() as url:
        engine = make_engine(url, application_name="paydesk drill", pool_size=1)
        with engine.begin() as conn:
            program(conn, PROGRAM, terms=TERMS.model_dump_json())
            conn.execute(PROGRAM_IS_OLD, {"then": NOW - 400 * DAY, "code": PROGRAM})
        engine.dispose()
        with engine_of(url) as engine, TemporaryDirectory() as folder:
            desk = open_desk(engine, Path(folder))
            for code in World.codes:
                desk.partner(code, program=PROGRAM, account=f"acct_{code}")
        yield url


@contextmanager
def world(template: str) -> Iterator[World]:
    """Give a desk on a copy of what was prepared, and a Stripe that knows its partners' accounts."""
    with (
        place(template) as at,
        psycopg.connect(at.url, autocommit=True) as owner,
    ):
        for code in World.codes:
            at.fake.platform.add_account(f"acct_{code}")
        made = World(at, owner)
        try:
            yield made
        finally:
            made.thaw()
