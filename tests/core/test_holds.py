"""Holds: only one on an earning moves money, and a payout that has not been sent is pulled back for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, text

from core.access import Actor, NotAllowed
from core.drafting import OverBalance
from core.holds import (
    AlreadyHeld,
    HoldEnded,
    HoldEndsInThePast,
    HoldNeedsANote,
    NothingToHold,
    UnknownHold,
    UnknownHoldReason,
    lift_hold,
    open_holds,
    place_hold,
)
from core.ledger import lock_partners
from core.refusals import Refusal
from core.resolving import resolve_due
from core.verify import CHECKS
from tests import builders as make
from tests.builders import DAY, NOW, Balance
from tests.desk import HOUR, SILENCE, Desk, Rail, declined
from tests.desk import NOW as DESK_NOW

MIA = Actor(name="user:mia", channel="page", roles=frozenset({"maker"}))
VIC = Actor(name="user:vic", channel="page", roles=frozenset({"viewer", "operator", "admin"}))


@pytest.fixture
def partner_id(conn: Connection) -> int:
    return make.partner(conn, make.program(conn))


def balance(conn: Connection, partner_id: int) -> tuple[int, int, int]:
    """Held, available, reserved."""
    found: Balance = make.balance(conn, partner_id)
    return (found.held, found.available, found.reserved)


def faults(conn: Connection) -> list[str]:
    """The checks of the books that found something."""
    return [name for name, query in CHECKS.items() if conn.execute(text(query)).fetchall()]


def place(conn: Connection, partner_id: int, reason: str = "dispute", **different: object) -> int:
    return place_hold(conn, partner_id, reason, actor=MIA, now=NOW, **different)  # type: ignore[arg-type]


def lift(conn: Connection, hold_id: int) -> None:
    lift_hold(conn, hold_id, actor=MIA, now=NOW + DAY, note="settled")


def test_a_hold_on_a_released_earning_takes_its_money_out_of_available_and_lifting_brings_it_back(
    conn: Connection, partner_id: int
):
    earning_id = make.earning(conn, partner_id, 700)
    make.earning(conn, partner_id, 50)
    assert balance(conn, partner_id) == (0, 750, 0)
    hold_id = place(conn, partner_id, earning_id=earning_id)
    assert balance(conn, partner_id) == (700, 50, 0)
    assert faults(conn) == []
    lift(conn, hold_id)
    assert balance(conn, partner_id) == (0, 750, 0)
    assert faults(conn) == []


def test_a_hold_on_an_earning_not_yet_released_moves_nothing(conn: Connection, partner_id: int):
    earning_id = make.earning(conn, partner_id, 700, is_held=True)
    hold_id = place(conn, partner_id, earning_id=earning_id)
    assert balance(conn, partner_id) == (700, 0, 0)
    lift(conn, hold_id)
    assert balance(conn, partner_id) == (700, 0, 0)
    assert faults(conn) == []


def test_an_earning_under_two_holds_comes_back_with_the_second_lift(conn: Connection, partner_id: int):
    earning_id = make.earning(conn, partner_id, 700)
    first = place(conn, partner_id, "dispute", earning_id=earning_id)
    second = place(conn, partner_id, "review", earning_id=earning_id)
    assert balance(conn, partner_id) == (700, 0, 0)
    lift(conn, first)
    assert balance(conn, partner_id) == (700, 0, 0)
    lift(conn, second)
    assert balance(conn, partner_id) == (0, 700, 0)


def test_a_negative_earning_counts_on_whatever_blocks_it(conn: Connection, partner_id: int):
    make.earning(conn, partner_id, 700)
    deduction = make.earning(conn, partner_id, -200, kind="deduction")
    hold_id = place(conn, partner_id, earning_id=deduction)
    assert balance(conn, partner_id) == (0, 500, 0)
    lift(conn, hold_id)
    assert balance(conn, partner_id) == (0, 500, 0)
    assert faults(conn) == []


@pytest.mark.parametrize("approved", [False, True])
def test_a_hold_on_an_earning_pulls_its_unsent_payout_back_and_leaves_the_rest_available(
    conn: Connection, partner_id: int, *, approved: bool
):
    disputed, other = make.earning(conn, partner_id, 700), make.earning(conn, partner_id, 50)
    payout_id = make.payout(conn, partner_id, [disputed, other])
    if approved:
        make.approve(conn, payout_id)
    assert balance(conn, partner_id) == (0, 0, 750)
    hold_id = place(conn, partner_id, earning_id=disputed)
    assert make.status_of(conn, payout_id) == "cancelled"
    assert balance(conn, partner_id) == (700, 50, 0)
    assert faults(conn) == []
    lift(conn, hold_id)
    assert balance(conn, partner_id) == (0, 750, 0)


def test_from_processing_on_a_hold_on_an_earning_only_records(conn: Connection, partner_id: int):
    earning_id = make.earning(conn, partner_id, 700)
    payout_id = make.payout(conn, partner_id, [earning_id])
    make.approve(conn, payout_id)
    make.claim(conn, payout_id)
    hold_id = place(conn, partner_id, earning_id=earning_id)
    assert make.status_of(conn, payout_id) == "processing"
    assert balance(conn, partner_id) == (0, 0, 700)
    lift(conn, hold_id)
    assert balance(conn, partner_id) == (0, 0, 700)


def test_a_hold_on_a_partner_or_a_payout_moves_nothing(conn: Connection, partner_id: int):
    earning_id = make.earning(conn, partner_id, 700)
    make.earning(conn, partner_id, 50)
    payout_id = make.payout(conn, partner_id, [earning_id])
    on_partner = place(conn, partner_id, "kyc")
    on_payout = place(conn, partner_id, "review", payout_id=payout_id)
    assert balance(conn, partner_id) == (0, 50, 700)
    assert make.status_of(conn, payout_id) == "pending"
    for hold_id in (on_partner, on_payout):
        lift(conn, hold_id)
    assert balance(conn, partner_id) == (0, 50, 700)


def test_holds_in_force_are_those_neither_lifted_nor_over(conn: Connection, partner_id: int):
    until = NOW + timedelta(hours=1)
    first, second = place(conn, partner_id, "kyc"), place(conn, partner_id, "review", until=until)
    assert [hold.id for hold in open_holds(conn, [partner_id], now=NOW)] == [first, second]
    assert [hold.id for hold in open_holds(conn, [partner_id], now=until)] == [first]
    lift(conn, first)
    assert open_holds(conn, [partner_id], now=until) == []


def test_every_hold_and_its_end_is_in_the_audit_trail(conn: Connection, partner_id: int):
    lift(conn, place(conn, partner_id, "manual", note="asked by phone"))
    rows = conn.execute(text("SELECT action, actor, ids FROM audit ORDER BY seq")).all()
    assert [tuple(row) for row in rows][-2:] == [
        ("hold.placed", "user:mia", [partner_id]),
        ("hold.lifted", "user:mia", [partner_id]),
    ]


def test_what_cannot_be_held_is_refused_by_name_and_moves_nothing(conn: Connection, partner_id: int):
    earning_id = make.earning(conn, partner_id, 700)
    stranger = make.partner(conn, make.program(conn))
    hold_id = place(conn, partner_id, "kyc")

    refused: list[tuple[type[Exception], Callable[[], object]]] = [
        (NotAllowed, lambda: place_hold(conn, partner_id, "manual", actor=VIC, now=NOW)),
        (NotAllowed, lambda: lift_hold(conn, hold_id, actor=VIC, now=NOW, note="x")),
        (UnknownHoldReason, lambda: place(conn, partner_id, "maturity")),
        (HoldEndsInThePast, lambda: place(conn, partner_id, until=NOW)),
        (NothingToHold, lambda: place(conn, stranger, earning_id=earning_id)),
        (NothingToHold, lambda: place(conn, 0)),
        (AlreadyHeld, lambda: place(conn, partner_id, "kyc")),
        (UnknownHold, lambda: lift(conn, 0)),
        (HoldNeedsANote, lambda: lift_hold(conn, hold_id, actor=MIA, now=NOW, note=" ")),
    ]
    for refusal, attempt in refused:
        with pytest.raises(refusal):
            attempt()
    lift(conn, hold_id)
    with pytest.raises(HoldEnded):
        lift(conn, hold_id)
    assert balance(conn, partner_id) == (0, 700, 0)


def test_a_hold_waits_for_whoever_moves_the_partners_money_and_then_sees_what_happened(engine: Engine):
    with engine.begin() as conn:
        partner_id = make.partner(conn, make.program(conn))
        earning_id = make.earning(conn, partner_id, 700)

    def place_later() -> int:
        with engine.begin() as conn:
            return place(conn, partner_id, earning_id=earning_id)

    with ThreadPoolExecutor(1) as other:
        with engine.begin() as conn:
            lock_partners(conn, [partner_id])
            placed = other.submit(place_later)
            waits_for_lock(engine, placed)
            payout_id = make.payout(conn, partner_id, [earning_id])
        placed.result(timeout=60)
    with engine.begin() as conn:
        assert make.status_of(conn, payout_id) == "cancelled"
        assert balance(conn, partner_id) == (700, 0, 0)
        assert faults(conn) == []


WAITING = text("""
    SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE NOT l.granted AND a.datname = current_database()
""")


def waits_for_lock(engine: Engine, behind: Future[int]) -> None:
    """Return once some connection of this database waits for a lock."""
    looking = Event()
    with engine.connect() as conn:
        while not conn.execute(WAITING).scalar_one():
            assert not behind.done(), f"it did not wait: {behind.result()}"
            conn.rollback()
            looking.wait(0.01)


def test_a_hold_on_an_earning_paid_in_part_holds_the_rest_and_lifting_frees_it(desk: Desk):
    desk.funded("AFF1")  # one sale of 100.00
    desk.approve(desk.request("AFF1", "30.00"))
    desk.send()
    sale, ana = (
        desk.scalar("SELECT id FROM earning WHERE kind = 'commission'"),
        desk.scalar("SELECT id FROM partner"),
    )

    hold_id = desk.decide(lambda conn: place(conn, ana, earning_id=sale))  # type: ignore[arg-type]

    assert desk.balance("AFF1")[:3] == (70_00, 0, 0)
    with pytest.raises(OverBalance):
        desk.request("AFF1", "70.00")
    assert desk.faults() == []
    desk.decide(lambda conn: lift(conn, hold_id))
    assert desk.balance("AFF1")[:3] == (0, 70_00, 0)
    assert desk.scalar("SELECT count(*) FROM hold WHERE closed_at IS NULL") == 0
    assert desk.faults() == []


@pytest.mark.parametrize("kind", ["commission", "carry_in"])
def test_a_hold_on_an_earning_or_a_part_of_it_pulls_all_its_unsent_payouts_back(desk: Desk, kind: str):
    desk.funded("AFF1")
    payouts = [desk.request("AFF1", "30.00"), desk.request("AFF1", "50.00"), desk.request("AFF1", "20.00")]
    held = desk.scalar("SELECT min(id) FROM earning WHERE kind = :kind", kind=kind)
    ana = desk.scalar("SELECT id FROM partner")

    hold_id = desk.decide(lambda conn: place(conn, ana, earning_id=held))  # type: ignore[arg-type]

    assert [desk.status(payout) for payout in payouts] == ["cancelled"] * 3
    assert desk.balance("AFF1")[:3] == (100_00, 0, 0)
    assert desk.faults() == []
    desk.decide(lambda conn: lift(conn, hold_id))
    assert desk.balance("AFF1")[:3] == (0, 100_00, 0)
    assert desk.faults() == []


def test_a_part_under_way_goes_back_into_the_hold_when_it_does_not_arrive(desk: Desk):
    desk.funded("AFF1")
    away = desk.request("AFF1", "30.00")
    desk.approve(away)
    desk.send(Rail(SILENCE))
    rest = desk.request("AFF1", "70.00")
    sale, ana = (
        desk.scalar("SELECT id FROM earning WHERE kind = 'commission'"),
        desk.scalar("SELECT id FROM partner"),
    )

    desk.decide(lambda conn: place(conn, ana, earning_id=sale))  # type: ignore[arg-type]

    assert (desk.status(away), desk.status(rest)) == ("processing", "cancelled")
    assert desk.balance("AFF1")[:3] == (70_00, 0, 30_00)
    resolve_due(desk.engine, Rail(declined("invalid_bank_account")), now=DESK_NOW + HOUR)
    assert desk.status(away) == "failed"
    with pytest.raises(Refusal):
        desk.request("AFF1", "1.00")
    held, available, reserved = desk.balance("AFF1")[:3]
    assert (held + available, available <= 0, reserved) == (100_00, True, 0)
    assert desk.faults() == []
