"""Everything that decides about one payout against everything else, in both orders, through Stripe to the end.

The first stands before its COMMIT with every lock in hand while the second begins and waits, passes over or ends; then
both end, the sender has one more turn, and what must have left has left once, and nothing else. The single answers of
many of these pairs are asserted in tests/faults/test_races*.py; here it is every pair, and both books.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import psycopg
from sqlalchemy import Connection, Engine, event

from core.corrections import correct_earning
from core.refusals import Refusal
from core.sending import send_due
from core.stops import stop_sending
from tests.core.sending_back import SYNC
from tests.desk import OLA
from tests.drill.databases import Saved, engine_of
from tests.drill.desks import Place, approved, asked_for, once_more, partners, place
from tests.drill.points import WRITES
from tests.drill.report import Report, scenario
from tests.faults import sides
from tests.faults.racing import LOOK_EVERY_S, TIMEOUT_S, WAITING, Side

QUICK = 8
# What a first one may say that had nothing to write: it met a payout on which it does not decide.
NOTHING_TO_DO = frozenset({"wrong_status", "0 sent"})


@dataclass(frozen=True, kw_only=True)
class Party:
    """One side: what it does, and the write whose transaction stands still before its COMMIT."""

    name: str
    side: Callable[[Place, int], Side]
    writes: str
    first_only: bool = False


def sends(here: Place, _payout: int) -> Side:
    """A scheduler's turn of the sender."""

    def side(engine: Engine) -> str:
        return f"{send_due(engine, here.rail(), now=here.now).succeeded} sent"

    return side


def stops(here: Place, _payout: int) -> Side:
    """A person stops all sending."""

    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            stop_sending(conn, why="looks wrong", actor=OLA, now=here.now)
        return "stopped"

    return side


def claws_back(here: Place, _payout: int) -> Side:
    """The customer gets the money back that the payout is made of."""
    earning = here.desk.scalar("SELECT max(earning_id) FROM payout_item")
    assert isinstance(earning, int)

    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            corrected = correct_earning(
                conn,
                earning,
                event_ref="refund:re_1",
                amount_minor=100_00,
                reason="refunded",
                actor=SYNC,
                now=here.now,
            )
        return corrected.kind

    return side


def moves(here: Place, _payout: int) -> Side:
    """The partner's account becomes another one."""
    return sides.as_desk(here.desk, lambda desk: desk.partner("AFF0", account="acct_elsewhere", now=here.now))


PARTIES = (
    Party(name="approve", side=lambda _, payout: sides.approve(payout), writes="INSERT INTO approval"),
    Party(name="reject", side=lambda _, payout: sides.reject(payout), writes="UPDATE payout"),
    Party(name="cancel", side=lambda _, payout: sides.cancel(payout), writes="UPDATE payout"),
    Party(name="take back", side=lambda _, payout: sides.take_back(payout), writes="UPDATE payout"),
    Party(name="send", side=sends, writes="INSERT INTO attempt"),
    Party(name="outcome", side=sends, writes="INSERT INTO attempt_call", first_only=True),
    Party(name="clawback", side=claws_back, writes="INSERT INTO earning"),
    Party(name="destination", side=moves, writes="INSERT INTO destination"),
    Party(name="hold", side=lambda *_: sides.hold("AFF0"), writes="INSERT INTO hold"),
    Party(name="stop", side=stops, writes="INSERT INTO sending_stop"),
)
SENDERS = frozenset({"send", "outcome"})
DECIDE_ON_PENDING = frozenset({"approve", "reject"})
PAIRS = [(first, second) for first in PARTIES for second in PARTIES if not second.first_only]


def leaves(first: str, second: str) -> bool | None:
    """Whether money has left in the end; None where both is right, as long as it is once and both books know it."""
    both = {first, second}
    if both & DECIDE_ON_PENDING:
        if both <= {"approve", *SENDERS}:
            return True
        # What is approved is rejected no more; and only what is approved is taken back.
        return (first, second) in {("approve", "reject"), ("take back", "approve")}
    if first in SENDERS:
        return True
    # A stop on its way holds up no claim that is on its way.
    return None if (first, second) == ("stop", "send") else False


def run(seed: int, *, quick: bool) -> Report:
    """Every pair in both orders; quick: some of those with the sender, drawn by `seed`."""
    with (
        scenario("races", seed, quick=quick) as report,
        prepared(pending=True) as (waiting, waiting_saved, first_payout),
        prepared(pending=False) as (ready, ready_saved, second_payout),
    ):
        pairs = PAIRS
        if quick:
            with_sender = [pair for pair in PAIRS if {pair[0].name, pair[1].name} & SENDERS]
            pairs = Random(seed).sample(with_sender, QUICK)
        for first, second in pairs:
            on_pending = bool({first.name, second.name} & DECIDE_ON_PENDING)
            start, saved = (waiting, waiting_saved) if on_pending else (ready, ready_saved)
            with once_more(start, saved) as here:
                stood = race(here, first, second, first_payout if on_pending else second_payout)
            report.add(races=1, stood_still=stood)
    return report


@contextmanager
def prepared(*, pending: bool) -> Iterator[tuple[Place, Saved, int]]:
    """A desk with one payout of one whole earning, waiting for its approval or approved."""
    with place() as here:
        if pending:
            [payout] = asked_for(here.desk, partners(here.desk, 1), ref="s", now=here.now, amount="100.00")
        else:
            [payout] = approved(here.desk, 1, amount="100.00")
        yield here, Saved(here.url), payout


def race(here: Place, first: Party, second: Party, payout: int) -> bool:
    """Let two meet, give the sender one more turn, and compare the books; return whether the first stood still."""
    *answers, stood = meet_freely(here, first, second, payout)
    told = f"{first.name} before {second.name}: {answers}, payout {here.desk.status(payout)}"
    here.agrees(quiescent=False)
    send_due(here.desk.engine, here.rail(), now=here.now)
    figures = here.ends()
    assert figures["transfers"] <= 1, f"{told}: paid twice"
    expected = leaves(first.name, second.name)
    assert expected is None or figures["transfers"] == expected, f"{told}: {figures}, expected {expected}"
    return stood


def meet_freely(here: Place, first: Party, second: Party, payout: int) -> tuple[str, str, bool]:
    """Hold the first before its COMMIT until the second waits for it or has ended; return what each came to, and
    whether the first had anything to hold.
    """
    holds, go_on = threading.Event(), threading.Event()
    with (
        engine_of(here.url, name="first") as one,
        engine_of(here.url, name="second") as two,
        psycopg.connect(here.url, autocommit=True) as observer,
        ThreadPoolExecutor(2) as threads,
    ):
        stand_still(one, first.writes, holds, go_on)
        try:
            ahead = threads.submit(answer, first.side(here, payout), one)
            until(holds, ahead)
            stood = holds.is_set()
            assert stood or ahead.result() in NOTHING_TO_DO, (
                f"{first.name} never stood still: {ahead.result()}"
            )
            behind = threads.submit(answer, second.side(here, payout), two)
            while not behind.done() and observer.execute(WAITING).fetchone() is None:
                threading.Event().wait(LOOK_EVERY_S)
        finally:
            go_on.set()
        return ahead.result(TIMEOUT_S), behind.result(TIMEOUT_S), stood


def stand_still(engine: Engine, write: str, holds: threading.Event, go_on: threading.Event) -> None:
    """Have the first transaction with such a write wait before its COMMIT."""
    of_thread = threading.local()

    @event.listens_for(engine, "before_cursor_execute")
    def _note(_conn: Connection, _c: object, statement: str, *_rest: object) -> None:
        match = WRITES.search(statement)
        is_it = match is not None and f"{match[1]} {match[2]}" == write
        of_thread.wrote = getattr(of_thread, "wrote", False) or is_it

    @event.listens_for(engine, "commit")
    def _wait(_conn: Connection) -> None:
        wrote, of_thread.wrote = getattr(of_thread, "wrote", False), False
        if wrote and not holds.is_set():
            holds.set()
            assert go_on.wait(TIMEOUT_S)

    @event.listens_for(engine, "rollback")
    def _forget(_conn: Connection) -> None:
        of_thread.wrote = False


def answer(side: Side, engine: Engine) -> str:
    """What a side came to, in a word."""
    try:
        return side(engine)
    except Refusal as refusal:
        return refusal.code


def until(holds: threading.Event, ahead: Future[str]) -> None:
    """Come back when the first stands still, or had nothing to write and has ended."""
    while not holds.wait(LOOK_EVERY_S):
        if ahead.done():
            return
