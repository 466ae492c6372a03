"""Eight threads of everything at once: nothing deadlocks, every payout moves once, and not a cent is made or lost."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from core.access import Actor
from core.claiming import claim_payout
from core.earnings import NewEarning, record_earnings
from core.holds import lift_hold
from core.ledger import lock_partners
from core.refusals import Refusal
from core.sending import send_one
from db.engine import app_role, make_engine
from tests.desk import ABE, ADA, DAY, MIA, NOW, Desk
from tests.faults import sides
from tests.faults.racing import TIMEOUT_S, Side

THREADS, OPERATIONS = 8, 50
PARTNERS = ("AFF1", "AFF2", "AFF3")


@pytest.fixture
def wide(database: str) -> Iterator[Engine]:
    """A pool with a connection for each of many threads."""
    engine = make_engine(database, application_name="storm", role=app_role(database), pool_size=16)
    yield engine
    engine.dispose()


ANY_PAYOUT = text(
    "SELECT id FROM payout WHERE status = :status ORDER BY md5(CAST(id + :salt AS text)) LIMIT 1"
)
ANY_HOLD = text("SELECT id FROM hold WHERE closed_at IS NULL ORDER BY md5(CAST(id + :salt AS text)) LIMIT 1")
ANY_EARNING = text("""
    SELECT e.id, p.code FROM earning e JOIN partner p ON p.id = e.partner_id WHERE e.amount_minor > 0
     ORDER BY md5(CAST(e.id + :salt AS text)) LIMIT 1
""")
PARTNER = text("SELECT id, program_id FROM partner WHERE code = :code")


class Thread:
    """One thread of the storm: its own chance, the same desk."""

    def __init__(self, desk: Desk, engine: Engine, number: int) -> None:
        self.desk, self.engine, self.number, self.chance = desk, engine, number, Random(number)
        self.simulator = desk.simulator(success={"stripe": 0.6})
        self.happened: Counter[str] = Counter()

    def run(self, begin: Barrier) -> Counter[str]:
        begin.wait(TIMEOUT_S)
        for n in range(OPERATIONS):
            name, side = self.choose(n)
            try:
                self.happened[f"{name}: {side(self.engine)}"] += 1
            except Refusal as refusal:
                self.happened[f"{name}: {refusal.code}"] += 1
        return self.happened

    def choose(self, n: int) -> tuple[str, Side]:
        match self.chance.choices(
            (
                "request",
                "approve",
                "send",
                "cancel",
                "reject",
                "take back",
                "hold",
                "lift",
                "earn",
                "release",
            ),
            (6, 6, 6, 2, 1, 1, 1, 2, 2, 1),
        )[0]:
            case "request":
                amount = f"{self.chance.randint(1, 90)}.{self.chance.randint(0, 99):02}"
                return "request", sides.request(self.chance.choice(PARTNERS), amount)
            case "approve":
                return "approve", sides.approve(self.payout("pending"), actor=self.chance.choice((ADA, ABE)))
            case "send":
                return "send", self.send(
                    self.payout(self.chance.choice(("approved", "approved", "retrying")))
                )
            case "cancel":
                return "cancel", sides.cancel(
                    self.payout(self.chance.choice(("pending", "approved", "retrying")))
                )
            case "reject":
                return "reject", sides.reject(self.payout("pending"))
            case "take back":
                return "take back", sides.take_back(self.payout("approved"))
            case "hold":
                earning, code = self.any_earning()
                return "hold", sides.hold(code, earning_id=earning)
            case "lift":
                return "lift", self.lift
            case "earn":
                return "earn", self.earn(f"{self.number}-{n}")
            case _:
                return "release", sides.release

    def payout(self, status: str) -> int:
        with self.engine.connect() as conn:
            values = {"status": status, "salt": self.chance.randint(0, 10**6)}
            return int(conn.execute(ANY_PAYOUT, values).scalar() or 0)

    def any_earning(self) -> tuple[int, str]:
        with self.engine.connect() as conn:
            row = conn.execute(ANY_EARNING, {"salt": self.chance.randint(0, 10**6)}).one()
            return row.id, row.code

    def send(self, payout_id: int) -> Side:
        def side(engine: Engine) -> str:
            with engine.begin() as conn:
                claim = claim_payout(conn, payout_id, self.simulator, now=NOW)
            if claim is None:
                return "passed over"
            return type(send_one(engine, self.simulator, claim, now=NOW)).__name__

        return side

    def lift(self, engine: Engine) -> str:
        with engine.begin() as conn:
            hold_id = conn.execute(ANY_HOLD, {"salt": self.chance.randint(0, 10**6)}).scalar()
            lift_hold(conn, hold_id or 0, actor=MIA, now=NOW, note="looked at")
        return "lifted"

    def earn(self, ref: str) -> Side:
        code, amount = self.chance.choice(PARTNERS), self.chance.randint(1, 50_00)
        later = self.chance.choice((NOW - DAY, NOW + DAY))

        def side(engine: Engine) -> str:
            with engine.begin() as conn:
                partner = conn.execute(PARTNER, {"code": code}).one()
                lock_partners(conn, [partner.id])
                bonus = NewEarning(
                    program_id=partner.program_id,
                    partner_id=partner.id,
                    kind="bonus",
                    source_ref=ref,
                    amount_minor=amount,
                    occurred_at=NOW - DAY,
                    release_at=later,
                )
                (_,) = record_earnings(conn, [bonus], actor=BEA, now=NOW)
            return "earned"

        return side


BEA = Actor(name="user:bea", channel="cli", roles=frozenset({"maker"}))


def test_a_storm_of_everything_leaves_the_books_in_balance(desk: Desk, wide: Engine) -> None:
    for code in PARTNERS:
        desk.funded(code, "1000.00")
    begin = Barrier(THREADS)

    with ThreadPoolExecutor(THREADS) as threads:
        storms = [threads.submit(Thread(desk, wide, number).run, begin) for number in range(THREADS)]
        happened = sum((storm.result() for storm in storms), Counter[str]())

    assert happened.total() == THREADS * OPERATIONS
    least = {
        "request: asked",
        "approve: done",
        "send: Succeeded",
        "send: Declined",
        "cancel: done",
        "earn: earned",
    }
    assert least <= set(happened), happened
    assert desk.faults() == []
    moved = desk.scalar("SELECT coalesce(sum(amount_minor), 0) FROM simulator_transfer WHERE code IS NULL")
    assert moved == desk.scalar("SELECT sum(paid) FROM partner_balance") != 0
    assert desk.scalar("SELECT count(*) FROM payout WHERE status = 'processing'") == 0


def test_of_sixteen_people_at_once_one_moves_the_payout(desk: Desk, wide: Engine) -> None:
    desk.funded("AFF1")
    payout, begin = desk.request("AFF1", "25.00"), Barrier(16)

    def approve(number: int) -> str:
        person = Actor(name=f"user:p{number}", channel="page", roles=frozenset({"approver"}))
        begin.wait(TIMEOUT_S)
        return sides.approve(payout, actor=person)(wide)

    with ThreadPoolExecutor(16) as threads:
        answers = Counter(threads.map(approve, range(16)))

    assert answers == {"done": 1, "wrong_status": 15}
    assert desk.scalar("SELECT count(*) FROM approval") == 1
    assert desk.scalar("SELECT count(*) FROM audit WHERE action = 'payout.approved'") == 1
    assert desk.faults() == []
