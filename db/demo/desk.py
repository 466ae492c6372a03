"""The demo's desk at work: its people, its jobs and its rail, each through the operation a page or a job would call."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from random import Random

from sqlalchemy import Connection, Engine, text

from core.access import Actor, load_actor
from core.accrual import accrue_due
from core.batches import decide_batch, fix_batch
from core.channels import Channel
from core.channels.folder import Folder, Notes
from core.decisions import Decision, Wanted, approve_payouts
from core.imports import import_file
from core.money import plain
from core.notifying import Post, notify_due
from core.providers.simulator import SUCCESS, Simulator
from core.queueing import queue_due
from core.readers import Team
from core.reconciling import reconcile
from core.refusals import Refusal
from core.release import release_due
from core.requests import request_payout
from core.resolving import resolve_due
from core.runs import RunResult
from core.sending import send_due
from core.settings import DEMO_SENDER, FINANCE
from core.users import add_user
from db.demo import SIGN_INS
from db.demo.trade import Rows, as_csv

NEXT_RUN = text("SELECT nextval(pg_get_serial_sequence('job_run', 'id'))")
ADD_RUN = text("""
    INSERT INTO job_run (id, job, slot, as_of, started_at, ended_at, ok, count, result, made_by)
    VALUES (:id, :job, :at, :at, :at, :at, true, :count, CAST(:result AS jsonb), :made_by)
""")
PENDING = text("""
    SELECT p.id, p.version, p.currency, p.net_minor, p.approvals_needed
      FROM payout p WHERE p.status = 'pending' AND p.aside_until IS NULL ORDER BY p.id
""")
AVAILABLE = text("""
    SELECT b.available, g.currency
      FROM partner p JOIN partner_balance b ON b.partner_id = p.id JOIN program g ON g.id = p.program_id
     WHERE p.code = :code
""")


@dataclass(kw_only=True)
class Desk:
    """One desk and the instant its story has reached; nothing in it happens after `ends_at`."""

    engine: Engine
    rng: Random
    data_dir: Path
    ends_at: datetime
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.ends_at

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        """Move the story on to a time of a day, in UTC, but never past its end."""
        self.now = min(datetime.combine(day, time(hour, minute), UTC), self.ends_at)
        return self.now

    def actor(self, conn: Connection, name: str) -> Actor:
        """One of the demo's people, with their roles of now."""
        return load_actor(conn, name, channel="page")

    def hire(self) -> None:
        """Take on the demo's people."""
        root = Actor(name="os:demo", channel="cli")
        with self.engine.begin() as conn:
            for name, password, roles in SIGN_INS:
                add_user(conn, name, password, roles, actor=root, now=self.now, full_name=name.capitalize())

    def take_in(self, kind: str, rows: Rows, name: str) -> None:
        """Import a file, as oscar does."""
        if not rows:
            return
        with self.engine.connect() as conn:
            oscar = self.actor(conn, "oscar")
        result = import_file(
            self.engine,
            kind,
            as_csv(rows),
            file_name=name,
            actor=oscar,
            now=self.now,
            rejects_dir=self.data_dir / "rejects",
        )
        if result.problems:
            raise AssertionError(f"{name}: {result.problems[0]}")

    def accrue(self) -> None:
        """Run the job of this name."""
        self._run("accrue", lambda _: accrue_due(self.engine, now=self.now))

    def release(self) -> None:
        """Run the job of this name."""
        self._run("release", lambda _: release_due(self.engine, now=self.now))

    def queue(self) -> None:
        """Run the job of this name."""
        self._run("queue", lambda run_id: queue_due(self.engine, now=self.now, run_id=run_id))

    def reconcile(self) -> None:
        """Run the job of this name against the simulator's books."""
        self._run("reconcile", lambda _: reconcile(self.engine, Simulator(engine=self.engine), now=self.now))

    def _run(self, job: str, work: Callable[[int], RunResult]) -> None:
        with self.engine.begin() as conn:
            run_id: int = conn.execute(NEXT_RUN).scalar_one()
        result = work(run_id)
        row = {
            "id": run_id,
            "job": job,
            "at": self.now,
            "count": result.count,
            "result": json.dumps({"amounts": result.amounts, **result.details}),
            "made_by": f"job:{job}",
        }
        with self.engine.begin() as conn:
            conn.execute(ADD_RUN, row)

    def ask(self, code: str, part: Decimal, reason: str) -> int | None:
        """Request a part of what a partner has available, as mia does; None when the desk refuses it."""
        with self.engine.connect() as conn:
            balance = conn.execute(AVAILABLE, {"code": code}).one()
            mia = self.actor(conn, "mia")
        amount_minor = int(balance.available * part)
        try:
            with self.engine.begin() as conn:
                amount = plain(amount_minor, balance.currency)
                return request_payout(conn, code, amount, reason=reason, actor=mia, now=self.now)
        except Refusal:
            return None

    def pending(self) -> list[Waiting]:
        """What waits for a decision, oldest first."""
        with self.engine.connect() as conn:
            return [Waiting(*row) for row in conn.execute(PENDING)]

    def approve_batch(self, payouts: list[Waiting]) -> Decision:
        """Fix a batch and approve it, as ada does; what needs a second person is approved by ben."""
        totals: dict[str, int] = {}
        for payout in payouts:
            totals[payout.currency] = totals.get(payout.currency, 0) + payout.net_minor
        ids = [payout.id for payout in payouts]
        with self.engine.begin() as conn:
            ada = self.actor(conn, "ada")
            seen = {"status": "pending"}
            batch_id = fix_batch(conn, ids, filter_query=seen, actor=ada, now=self.now)
            decision = decide_batch(conn, batch_id, "approve", totals_minor=totals, actor=ada, now=self.now)
        if decision.waiting:
            with self.engine.begin() as conn:
                wanted = [Wanted(id=payout_id) for payout_id in decision.waiting]
                approve_payouts(
                    conn, wanted, actor=self.actor(conn, "ben"), now=self.now, reason="Checked again"
                )
        return decision

    def send(
        self, *, only: int | None = None, success: int | None = None, silence: Decimal = Decimal(0)
    ) -> None:
        """Send what is due by the simulator: at its usual shares, or with the share of successes given."""
        shares = {} if success is None else dict.fromkeys(SUCCESS, Decimal(success))
        provider = Simulator(engine=self.engine, success=shares, silence=silence)
        send_due(self.engine, provider, now=self.now, only=only)

    def resolve(self) -> None:
        """Ask again about what got no answer."""
        resolve_due(self.engine, Simulator(engine=self.engine), now=self.now)

    def tell(self, email: Channel | None = None) -> None:
        """Deliver what the outbox holds, into the folder of the demo's mail unless told otherwise."""
        folder = self.data_dir / "mail"
        ways: dict[str, Channel] = {
            "email": email or Folder(folder=folder, sender=DEMO_SENDER),
            "sms": Notes(folder=folder),
        }
        post = Post(channels=ways, team=Team(finance=FINANCE["demo"]), make_link=None)
        notify_due(self.engine, post, now=self.now)


@dataclass(frozen=True)
class Waiting:
    """A pending payout as a reviewer sees it; amounts in minor units."""

    id: int
    version: int
    currency: str
    net_minor: int
    approvals_needed: int
