"""A database put back from a backup that was made before payouts were sent: it does not know what it has paid.

`restored(...)` gives such a desk with the Stripe that remembers; `comes_back(...)` is the whole way back to work, with
every assertion on it, for a test and for the drill.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from core.decisions import Wanted, approve_payouts
from core.gate import Gate
from core.proposals import confirm, propose
from core.reconciling import reconcile
from core.runs import RunResult
from core.sending import SendResult, send_due
from core.stops import Stop, TransfersUnexplained, current_stop
from tests.desk import ABE, ADA, DAY, HOUR, MIA, NOW, OLA, Balance, Desk, open_desk
from tests.drill.databases import database, engine_of
from tests.drill.desks import asked_for, partners, sales
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import rail_to

RESTORED = NOW + 2 * DAY
PAID = Balance(0, 75_00, 0, 24_75, 25)


@dataclass
class Restored:
    """A restored desk: payouts that were paid since the backup and wait here as approved or pending, partners whose payout
    was made and paid since, and payouts that were never sent.
    """

    desk: Desk
    fake: FakeStripe
    approved: list[int]
    pending: list[int]
    unmade: list[str]  # codes
    unsent: list[int]

    def send(self, gate: Gate) -> SendResult:
        """One turn of a process's sender."""
        return send_due(self.desk.engine, rail_to(self.fake), now=self.fake.clock.now(), gate=gate)

    def reconcile(self) -> RunResult:
        """Compare the books now."""
        self.fake.clock.advance(timedelta(minutes=1))
        return reconcile(self.desk.engine, rail_to(self.fake), now=self.fake.clock.now())

    def stop(self) -> Stop | None:
        """The stop that stands."""
        with self.desk.engine.connect() as conn:
            return current_stop(conn)

    def transfers(self) -> Counter[str | None]:
        """How many transfers Stripe holds by the payout they were made for."""
        return Counter(entry.transfer_group for entry in self.fake.books() if entry.kind == "transfer")

    def agreed(self, kind: str, subject_id: int) -> None:
        """Two people propose and confirm."""
        now = self.fake.clock.now()
        made = self.desk.decide(
            lambda conn: propose(conn, kind, ids=[subject_id], why="After the restore", actor=ABE, now=now)
        )
        self.desk.decide(lambda conn: confirm(conn, made, actor=ADA, now=now))


@contextmanager
def restored(*, approved: int = 50, pending: int = 5, unmade: int = 3, unsent: int = 4) -> Iterator[Restored]:
    """Make a desk, back it up, pay everything but `unsent`, and give what the backup holds."""
    with (
        tempfile.TemporaryDirectory(prefix="restored-") as folder,
        FakeStripe(at=NOW, any_account=True) as fake,
        database() as lived,
    ):
        with engine_of(lived) as engine:
            before = open_desk(engine, Path(folder))
            codes = partners(before, approved + pending + unsent + unmade)
            ids = asked_for(before, codes[: approved + pending + unsent], ref="s", now=NOW)
            sales(before, codes[-unmade:], ref="s")
            before.release()
            to_send, later = ids[:approved], ids[approved : approved + pending]
            never = ids[approved + pending :]
            _approve(before, to_send)
        with database(lived) as backup:
            with engine_of(lived) as engine:
                desk = Desk(engine, Path(folder))
                _approve(desk, later)
                made = [desk.request(code, "25.00", actor=MIA) for code in codes[-unmade:]]
                _approve(desk, made)
                result = send_due(engine, rail_to(fake), now=NOW, gate=Gate())
                assert result.succeeded == approved + pending + unmade
            fake.clock.advance(RESTORED - NOW)
            with engine_of(backup) as engine:
                desk = Desk(engine, Path(folder))
                _approve(desk, never)
                yield Restored(desk, fake, to_send, later, codes[-unmade:], never)


def _approve(desk: Desk, payouts: list[int]) -> None:
    wanted = [Wanted(id=payout) for payout in payouts]
    done = desk.decide(lambda conn: approve_payouts(conn, wanted, actor=ADA, now=NOW)).done
    assert len(done) == len(payouts)


OPEN = (
    "SELECT id FROM difference WHERE closed_at IS NULL AND gone_at IS NULL AND payout_id IS NULL ORDER BY id"
)


def comes_back(here: Restored) -> dict[str, int]:
    """Bring a restored desk back to work and assert, step by step, that nothing is paid twice and nothing is lost."""
    before = here.transfers()
    paid = len(here.approved) + len(here.pending) + len(here.unmade)
    assert (len(before), sum(before.values())) == (paid, paid)
    gate = Gate()

    # The first look of a process that starts finds what the backup forgot.
    assert here.send(gate).count == 0
    stop = here.stop()
    assert stop is not None
    assert stop.stopped_by == "job:send"
    assert "transfer of ours that no attempt here made" in stop.why
    assert here.desk.scalar("SELECT count(*) FROM reconcile_request WHERE ended_at IS NULL") == 1
    assert here.send(gate).count == 0
    assert here.transfers() == before

    # What waits here approved is booked as paid, with nobody's help and without a call that moves money.
    posts = len(here.fake.asked("POST", "/v1/transfers"))
    assert here.reconcile().details["adopted"] == len(here.approved)
    assert {here.desk.status(payout) for payout in here.approved} == {"paid"}
    assert {here.desk.balance(f"AFF{number}") for number in range(len(here.approved))} == {PAID}
    assert {here.desk.status(payout) for payout in here.pending} == {"pending"}
    assert here.reconcile().details["adopted"] == 0
    _start_is_refused(here, stop)

    # What waits here unapproved is adopted once it is approved, and never sent.
    _approve(here.desk, here.pending)
    assert here.send(gate).count == 0
    assert here.reconcile().details["adopted"] == len(here.pending)
    assert {here.desk.status(payout) for payout in here.pending} == {"paid"}
    _start_is_refused(here, stop)

    # What does not exist here is owed back, by two people each.
    for difference in here.desk.column(OPEN):
        assert isinstance(difference, int)
        here.agreed("paid_outside", difference)
    assert {here.desk.balance(code) for code in here.unmade} == {Balance(0, 100_00 - 24_75, 0, 0, 0)}

    # Two people start it again, the gate opens, and the backlog drains.
    here.agreed("start_sending", stop.id)
    assert here.transfers() == before
    assert here.send(gate).succeeded == len(here.unsent)
    assert here.stop() is None
    after = here.transfers()
    assert set(after.values()) == {1}, "paid twice"
    assert len(after) == paid + len(here.unsent)
    assert len(here.fake.asked("POST", "/v1/transfers")) == posts + len(here.unsent)
    waits = here.desk.scalar("SELECT count(*) FROM payout WHERE status NOT IN ('paid')")
    assert waits == 0
    here.fake.clock.advance(HOUR)
    assert here.reconcile().count == 0
    assert here.desk.faults() == []
    return {
        "transfers": len(after),
        "adopted": len(here.approved) + len(here.pending),
        "owed": len(here.unmade),
    }


def _start_is_refused(here: Restored, stop: Stop) -> None:
    with pytest.raises(TransfersUnexplained):
        here.desk.decide(
            lambda conn: propose(
                conn, "start_sending", ids=[stop.id], why="go on", actor=OLA, now=here.fake.clock.now()
            )
        )
