"""The desk as its people use it, for tests: every step goes through the same operations as a page, a job or a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, text

from core.access import Actor
from core.accrual import accrue_due
from core.decisions import Decision, Wanted, approve_payouts
from core.imports import ImportResult, import_file
from core.programs import install_presets
from core.providers import Absent, Declined, Order, ProviderTransfer, Succeeded, Unknown
from core.providers.simulator import REFUSALS, SUCCESS, Simulator
from core.queueing import queue_due
from core.release import release_due
from core.requests import request_payout
from core.runs import RunResult
from core.sending import SendResult, send_due
from core.verify import verify
from tests.building.partners import own_terms

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

MIA = Actor(name="user:mia", channel="cli", roles=frozenset({"maker"}))
ADA = Actor(name="user:ada", channel="cli", roles=frozenset({"approver"}))
ABE = Actor(name="user:abe", channel="cli", roles=frozenset({"approver"}))
OLA = Actor(name="user:ola", channel="cli", roles=frozenset({"operator"}))
VIC = Actor(name="user:vic", channel="cli", roles=frozenset({"viewer"}))
HOST = Actor(name="os:root", channel="cli")


T = TypeVar("T")


class Balance(NamedTuple):
    """A partner's balance row, in minor units."""

    held: int
    available: int
    reserved: int
    paid: int
    fees: int


@dataclass
class Desk:
    """A desk with the preset programs; partners and sales come in as files do."""

    engine: Engine
    folder: Path

    def partner(
        self,
        code: str = "AFF1",
        *,
        program: str = "affiliate",
        method: str = "stripe",
        account: str | None = "acct_1",
        tier: str = "",
        joined_on: str = "2025-01-01",
        status: str = "active",
        now: datetime = NOW,
    ) -> str:
        """Take in one partner, or a change of one, and return the code."""
        currency = "EUR" if program == "creator" else "USD"
        head = "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status"
        email = f"{code.lower()}@example.com"
        row = f"{program},{code},Ana Silva,{email},{tier},US,{currency},{method},{account or ''},{joined_on},{status}"
        result = self.take_in("partners", f"{head}\n{row}\n", now=now)
        assert result.added + result.updated + result.unchanged == 1, result.problems
        return code

    def sale(
        self,
        code: str,
        gross: str,
        *,
        ref: str,
        program: str = "affiliate",
        kind: str = "commission",
        at: datetime = NOW - DAY,
        now: datetime = NOW,
    ) -> None:
        """Take in one sale."""
        currency = "EUR" if program == "creator" else "USD"
        head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
        row = f"{program},{code},{kind},{ref},{at.isoformat()},{gross},{currency},Order"
        result = self.take_in("sales", f"{head}\n{row}\n", now=now)
        assert result.added == 1, result.problems

    def customer(
        self,
        ref: str,
        code: str,
        *,
        signed_up: datetime,
        cancelled: datetime | None = None,
        now: datetime = NOW,
    ) -> None:
        """Take in one referred customer, or a change of one."""
        head = "customer_ref,name,referral_code,signed_up_at,status,cancelled_at"
        status, end = ("active", "") if cancelled is None else ("cancelled", cancelled.isoformat())
        result = self.take_in(
            "customers", f"{head}\n{ref},Cleo Ltd,{code},{signed_up.isoformat()},{status},{end}\n", now=now
        )
        assert result.added + result.updated + result.unchanged == 1, result.problems

    def take_in(self, kind: str, content: str, *, now: datetime = NOW) -> ImportResult:
        """Import a file of these lines."""
        return import_file(
            self.engine,
            kind,
            content.encode(),
            file_name=f"{kind}.csv",
            actor=HOST,
            now=now,
            rejects_dir=self.folder,
        )

    def accrue(self, now: datetime = NOW) -> RunResult:
        """Run the accrue job's work."""
        return accrue_due(self.engine, now=now)

    def release(self, now: datetime = NOW) -> RunResult:
        """Run the release job's work."""
        return release_due(self.engine, now=now)

    def queue(self, now: datetime = NOW, *, run_id: int = 1) -> RunResult:
        """Run the queue job's work."""
        return queue_due(self.engine, now=now, run_id=run_id)

    def own_terms(self, code: str, **terms: object) -> None:
        """Give a partner terms of its own, as mia proposed and a second person confirmed."""
        with self.engine.begin() as conn:
            partner_id = conn.execute(text("SELECT id FROM partner WHERE code = :code"), {"code": code})
            own_terms(conn, partner_id.scalar_one(), terms)

    def request(self, code: str, amount: str, *, actor: Actor = MIA, now: datetime = NOW) -> int:
        """Ask for a payout and return its id."""
        with self.engine.begin() as conn:
            return request_payout(conn, code, amount, reason="asked", actor=actor, now=now)

    def approve(self, *ids: int, actor: Actor = ADA, now: datetime = NOW) -> Decision:
        """Approve payouts."""
        return self.decide(
            lambda conn: approve_payouts(conn, [Wanted(id=i) for i in ids], actor=actor, now=now)
        )

    def decide(self, decision: Callable[[Connection], T]) -> T:
        """Run one decision in its own transaction."""
        with self.engine.begin() as conn:
            return decision(conn)

    def send(self, provider: Rail | Simulator | None = None, now: datetime = NOW) -> SendResult:
        """Run the send job's work."""
        return send_due(self.engine, provider or self.simulator(), now=now)

    def simulator(self, **settings: object) -> Simulator:
        """The simulator, never refusing unless told to."""
        always = dict.fromkeys(("stripe", "stripe_instant", "bank_transfer", "paypal", "check", "manual"), 1)
        return Simulator(engine=self.engine, **({"success": always} | settings))  # type: ignore[arg-type]

    def funded(self, code: str = "AFF1", amount: str = "100.00", **partner: str) -> str:
        """A partner with this much available."""
        self.partner(code, **partner)  # type: ignore[arg-type]
        program = partner.get("program", "affiliate")
        self.sale(code, amount, ref=f"sale-{code}", program=program)
        self.release()
        return code

    def approved(self, code: str = "AFF1", amount: str = "25.00") -> int:
        """An approved payout of a partner with 100.00 available before."""
        self.funded(code)
        payout = self.request(code, amount)
        assert self.approve(payout).done == [payout]
        return payout

    def balance(self, code: str) -> Balance:
        """The partner's balance row."""
        query = text(
            "SELECT held, available, reserved, paid, fees FROM partner_balance JOIN partner ON id = partner_id WHERE code = :c"
        )
        with self.engine.connect() as conn:
            return Balance(*conn.execute(query, {"c": code}).one())

    def status(self, payout_id: int) -> str:
        """The payout's status."""
        return str(self.scalar("SELECT status FROM payout WHERE id = :id", id=payout_id))

    def scalar(self, query: str, **values: object) -> object:
        """One figure."""
        with self.engine.connect() as conn:
            return conn.execute(text(query), values).scalar()

    def column(self, query: str, **values: object) -> list[object]:
        """One column."""
        with self.engine.connect() as conn:
            return list(conn.execute(text(query), values).scalars())

    def faults(self) -> list[str]:
        """The checks that fail; empty when the books balance."""
        with self.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
            checks, _ = verify(conn)
        return [check.name for check in checks if not check.ok]


def open_desk(engine: Engine, folder: Path) -> Desk:
    """Return a desk with the preset programs on a migrated database."""
    with engine.begin() as conn:
        install_presets(conn, now=NOW - 400 * DAY)
    return Desk(engine, folder)


Answer = Succeeded | Declined | Unknown


class Rail:
    """A provider whose answers a test lays down, one after the other; it keeps the orders it was given.

    It stands at the boundary of the desk: what a real provider would answer is not ours to decide.
    """

    name = "rail"
    lease_s = 30
    methods = frozenset(SUCCESS)

    def __init__(
        self, *answers: Answer | Callable[[Order], Answer], found: Succeeded | Absent | Unknown | None = None
    ) -> None:
        self._answers = list(answers)
        self._found = found or Absent()
        self.sent: list[Order] = []
        self.looked_up: list[Order] = []
        self.books: list[ProviderTransfer] = []

    def send(self, order: Order) -> Answer:
        self.sent.append(order)
        answer = self._answers.pop(0) if self._answers else Succeeded(provider_ref=f"tr_{order.key}")
        return answer(order) if callable(answer) else answer

    def find(self, order: Order) -> Succeeded | Absent | Unknown:
        self.looked_up.append(order)
        return self._found

    def reverse(self, order: Order) -> Answer:
        """As `send`; books of its own it has none."""
        return self.send(order)

    def find_reversal(self, order: Order) -> Succeeded | Absent | Unknown:
        return self.find(order)

    def balance_minor(self, _currency: str) -> int | None:
        return None

    def list_transfers(self, since: datetime, until: datetime) -> Iterator[ProviderTransfer]:
        return (one for one in self.books if since <= one.created_at < until)


def declined(code: str) -> Declined:
    """One of the simulator's refusals."""
    error_class, message = REFUSALS[code]
    return Declined(code=code, error_class=error_class, message=message)


SILENCE = Unknown(message="No answer came back")
