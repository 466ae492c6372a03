"""The provider's books against ours: every difference one row, a rerun nothing new, and no book changed by looking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from core.access import Actor, NotAllowed
from core.differences import ClosingNeedsReason, DifferenceClosed, UnknownDifference, close_difference
from core.providers import ProviderTransfer
from core.reconciling import reconcile
from core.runs import RunResult
from core.stops import current_stop
from tests.core.agreeing import started_again
from tests.desk import ADA, DAY, HOUR, MIA, NOW, OLA, SILENCE, VIC, Desk, Rail

MORNING = NOW + 18 * HOUR
NET = 24_75  # of a payout of 25.00
BY_HAND = text("""
    INSERT INTO simulator_transfer (idem_key, params_hash, transfer_group, amount_minor, currency, destination, provider_ref, at)
    VALUES (:ref, '', :group, :amount_minor, :currency, :destination, :ref, :at)
""")


class Row(NamedTuple):
    """What stands of a difference."""

    kind: str
    provider_ref: str | None
    payout_id: int | None
    amount_minor: int
    currency: str
    gone: bool
    closed: bool


def by_hand(
    desk: Desk,
    ref: str = "po_hand",
    group: str = "summer party",
    amount_minor: int = 77_00,
    at: datetime = NOW,
) -> None:
    """A transfer in the simulator's books that the desk did not make."""
    with desk.engine.begin() as conn:
        values = {"ref": ref, "group": group, "amount_minor": amount_minor, "currency": "USD"}
        conn.execute(BY_HAND, values | {"destination": "acct_1", "at": at})


def run(desk: Desk, now: datetime = MORNING, *, dry_run: bool = False) -> RunResult:
    """Reconcile with the simulator."""
    return reconcile(desk.engine, desk.simulator(), now=now, dry_run=dry_run)


def rows(desk: Desk) -> list[Row]:
    """Every difference there is, oldest first."""
    query = text("""SELECT kind, provider_ref, payout_id, amount_minor, currency, gone_at IS NOT NULL AS gone,
                           closed_at IS NOT NULL AS closed FROM difference ORDER BY id""")
    with desk.engine.connect() as conn:
        return [Row(*row) for row in conn.execute(query)]


def books(desk: Desk) -> list[object]:
    """Everything a reconciliation must not touch, and the differences."""
    tables = (
        "payout",
        "attempt",
        "ledger_transfer",
        "partner_balance",
        "simulator_transfer",
        "difference",
        "reconciled_day",
    )
    one = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
    return [desk.scalar(one.format(table)) for table in tables]


def paid_on(desk: Desk, rail: Rail, code: str = "AFF1") -> int:
    """A payout of 25.00 that this rail made and the simulator's books do not hold."""
    rail.name = "simulator"
    payout = desk.approved(code)
    desk.send(rail)
    assert desk.status(payout) == "paid"
    return payout


def ref_of(desk: Desk, payout: int) -> str:
    return str(desk.scalar("SELECT provider_ref FROM attempt WHERE payout_id = :id", id=payout))


def group_of(desk: Desk, payout: int) -> str:
    return str(desk.scalar("SELECT ref FROM payout WHERE id = :id", id=payout))


def test_books_that_agree_leave_a_day_and_no_difference(desk: Desk):
    desk.approved()
    desk.send()

    result = run(desk)

    assert (result.count, result.details) == (0, {"transfers": 1, "adopted": 0, "open": 0})
    assert rows(desk) == []
    day = desk.column(
        "SELECT concat_ws(' ', day, currency, ours, ours_minor, theirs, theirs_minor) FROM reconciled_day"
    )
    assert day == ["2026-11-20 USD 1 2475 1 2475"]


def test_a_transfer_made_by_hand_is_one_row_in_one_run(desk: Desk):
    by_hand(desk)

    result = run(desk)

    assert (result.count, result.amounts) == (1, {"USD": 77_00})
    assert rows(desk) == [Row("missing_here", "po_hand", None, 77_00, "USD", gone=False, closed=False)]
    assert desk.scalar("SELECT theirs_minor - ours_minor FROM reconciled_day") == 77_00
    assert desk.scalar("SELECT count(*) FROM sending_stop") == 0  # not one of ours: nothing of ours is lost


def test_a_paid_payout_the_provider_does_not_hold_is_one_row(desk: Desk):
    payout = paid_on(desk, Rail())

    assert run(desk).count == 1

    assert rows(desk) == [
        Row("missing_there", ref_of(desk, payout), payout, NET, "USD", gone=False, closed=False)
    ]
    assert desk.status(payout) == "paid"
    assert desk.scalar("SELECT ours_minor - theirs_minor FROM reconciled_day") == NET


def test_what_was_paid_this_minute_is_not_missing_yet(desk: Desk):
    payout = paid_on(desk, Rail())

    assert run(desk, now=NOW + HOUR / 12).count == 0
    assert run(desk).count == 1
    assert rows(desk)[0].payout_id == payout


def test_a_wrong_amount_is_one_row_with_both_figures(desk: Desk):
    payout = paid_on(desk, Rail())
    by_hand(desk, ref_of(desk, payout), group_of(desk, payout), NET + 1)

    assert run(desk).count == 1

    assert rows(desk) == [
        Row("wrong_amount", ref_of(desk, payout), payout, 1, "USD", gone=False, closed=False)
    ]
    figures = desk.scalar("SELECT figures FROM difference")
    assert figures == {"ours_minor": NET, "ours_currency": "USD", "theirs_minor": NET + 1}


def test_a_wrong_destination_is_one_row_with_both_accounts(desk: Desk):
    payout = desk.approved()
    rail = Rail()
    desk.send(rail)
    rail.books = [held(desk, payout, destination="acct_else")]

    assert reconcile(desk.engine, rail, now=MORNING).count == 1

    assert [(row.kind, row.payout_id, row.amount_minor) for row in rows(desk)] == [
        ("wrong_destination", payout, NET)
    ]
    assert desk.scalar("SELECT figures ->> 'theirs_destination' FROM difference") == "acct_else"
    assert desk.scalar("SELECT figures ->> 'ours_destination' FROM difference") == "acct_1"


def held(desk: Desk, payout: int, **different: object) -> ProviderTransfer:
    """The payout's transfer as the provider holds it."""
    transfer = ProviderTransfer(
        provider_ref=ref_of(desk, payout),
        transfer_group=group_of(desk, payout),
        amount_minor=NET,
        currency="USD",
        destination="acct_1",
        reversed_minor=0,
        created_at=NOW,
    )
    return replace(transfer, **different)  # type: ignore[arg-type]


def test_another_currency_is_a_wrong_amount(desk: Desk):
    payout = desk.approved()
    rail = Rail()
    desk.send(rail)
    rail.books = [held(desk, payout, currency="EUR")]

    reconcile(desk.engine, rail, now=MORNING)

    assert [(row.kind, row.amount_minor, row.currency) for row in rows(desk)] == [
        ("wrong_amount", NET, "EUR")
    ]


def test_a_second_transfer_for_one_payout_is_one_row_and_stops_sending(desk: Desk):
    payout = desk.approved()
    desk.send()
    by_hand(desk, "po_again", group_of(desk, payout), NET, at=NOW + HOUR)

    assert run(desk).count == 1

    assert rows(desk) == [Row("duplicate", "po_again", payout, NET, "USD", gone=False, closed=False)]
    with desk.engine.connect() as conn:
        stop = current_stop(conn)
    assert stop is not None
    assert (stop.stopped_by, "po_again" in stop.why) == ("job:reconcile", True)


def test_money_that_came_back_on_one_side_only_is_one_row_of_the_days_total(desk: Desk):
    payout = desk.approved()
    rail = Rail()
    desk.send(rail)
    rail.books = [held(desk, payout, reversed_minor=10_00)]

    assert reconcile(desk.engine, rail, now=MORNING).count == 1
    assert rows(desk) == [Row("total", None, None, 10_00, "USD", gone=False, closed=False)]

    rail.books = [held(desk, payout, reversed_minor=NET)]
    assert reconcile(desk.engine, rail, now=MORNING + DAY).count == 0
    assert rows(desk) == [Row("total", None, None, NET, "USD", gone=False, closed=False)]


def test_a_transfer_whose_outcome_is_unknown_here_is_no_difference(desk: Desk):
    payout = desk.approved()
    desk.send(desk.simulator(silence=1))
    group = group_of(desk, payout)
    if not desk.column("SELECT 1 FROM simulator_transfer WHERE transfer_group = :g", g=group):
        by_hand(desk, "po_silent", group, NET)
    assert desk.scalar("SELECT state FROM attempt WHERE payout_id = :id", id=payout) == "unknown"

    assert run(desk).count == 0
    assert rows(desk) == []


def test_a_transfer_of_a_payout_this_database_never_had_stops_sending(desk: Desk):
    by_hand(desk, "po_restored", str(uuid4()))
    waiting = desk.approved()

    assert run(desk).count == 1

    assert rows(desk)[0][:3] == ("missing_here", "po_restored", None)
    assert desk.send(now=MORNING).count == 0
    assert desk.status(waiting) == "approved"


def test_a_transfer_of_a_payout_that_has_not_left_yet_stops_sending(desk: Desk):
    waiting = desk.approved()
    by_hand(desk, "po_restored", group_of(desk, waiting))

    run(desk)

    assert rows(desk)[0][:3] == ("missing_here", "po_restored", waiting)
    assert desk.send(now=MORNING).count == 0
    assert desk.status(waiting) == "approved"


def test_what_two_people_started_again_is_not_stopped_for_the_same_transfer(desk: Desk):
    by_hand(desk, "po_restored", str(UUID(int=7)))
    run(desk)
    with desk.engine.connect() as conn:
        stop = current_stop(conn)
    assert stop is not None
    close(desk, the_one(desk), "A payout of the other desk")
    started_again(desk, stop)

    run(desk, now=MORNING + HOUR)

    with desk.engine.connect() as conn:
        assert current_stop(conn) is None
    assert len(rows(desk)) == 1


def everything_wrong(desk: Desk) -> None:
    lost, wrong = paid_on(desk, Rail(), "AFF1"), paid_on(desk, Rail(), "AFF2")
    by_hand(desk, ref_of(desk, wrong), group_of(desk, wrong), 26_00)
    by_hand(desk)
    by_hand(desk, "po_again", group_of(desk, wrong), NET, at=NOW + HOUR)
    assert lost != wrong


def test_a_second_run_is_identical(desk: Desk):
    everything_wrong(desk)
    assert run(desk).count == 4
    before = books(desk)

    again = run(desk)
    later = run(desk, now=MORNING + DAY)

    assert (again.count, later.count, again.details["open"]) == (0, 0, 4)
    assert books(desk) == before


def test_a_dry_run_tells_the_same_and_changes_nothing(desk: Desk):
    everything_wrong(desk)
    before = books(desk)

    told = run(desk, dry_run=True)

    assert books(desk) == before
    assert desk.scalar("SELECT count(*) FROM provider_transfer") == 0
    assert desk.scalar("SELECT count(*) FROM sending_stop") == 0
    real = run(desk)
    assert (told.count, told.amounts, told.details) == (real.count, real.amounts, real.details)


class Killed(BaseException):
    """As a kill ends a process: nothing catches it."""


class DiesWhileListing(Rail):
    """A provider of whose list only the first thousand and a half arrive."""

    def list_transfers(self, since: datetime, until: datetime) -> Iterator[ProviderTransfer]:
        for place, one in enumerate(super().list_transfers(since, until)):
            if place == 1_500:
                raise Killed
            yield one


def test_a_run_killed_midway_says_nothing_and_the_next_one_all(desk: Desk):
    payout = desk.approved()
    dying, living = DiesWhileListing(), Rail()
    desk.send(dying)
    hand = [held(desk, payout, provider_ref=f"tr_{n}", transfer_group=None) for n in range(2_000)]
    dying.books = living.books = [*hand, held(desk, payout)]

    with pytest.raises(Killed):
        reconcile(desk.engine, dying, now=MORNING)

    assert desk.scalar("SELECT count(*) FROM provider_transfer") == 1_000
    assert desk.scalar("SELECT count(*) FROM reconciliation") == 0
    assert rows(desk) == []

    assert reconcile(desk.engine, living, now=MORNING + HOUR).count == 2_000
    assert desk.scalar("SELECT count(*) FROM provider_transfer") == 2_001
    assert {row.kind for row in rows(desk)} == {"missing_here"}


def test_no_connection_is_held_while_the_provider_is_asked(desk: Desk):
    class Watching(Rail):
        def list_transfers(self, since: datetime, until: datetime) -> Iterator[ProviderTransfer]:
            assert desk.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
            return super().list_transfers(since, until)

    assert reconcile(desk.engine, Watching(), now=MORNING).details["transfers"] == 0


def test_a_difference_that_is_gone_waits_for_a_person_all_the_same(desk: Desk):
    payout = paid_on(desk, Rail())
    run(desk)
    by_hand(desk, ref_of(desk, payout), group_of(desk, payout), NET)

    assert run(desk, now=MORNING + HOUR).details["open"] == 1

    assert rows(desk) == [
        Row("missing_there", ref_of(desk, payout), payout, NET, "USD", gone=True, closed=False)
    ]


def close(desk: Desk, number: int, reason: str = "The landlord, by hand", actor: Actor = ADA) -> None:
    desk.decide(lambda conn: close_difference(conn, number, reason=reason, actor=actor, now=MORNING))


def the_one(desk: Desk) -> int:
    (number,) = desk.column("SELECT id FROM difference WHERE closed_at IS NULL")
    assert isinstance(number, int)
    return number


@pytest.mark.parametrize("actor", [ADA, MIA], ids=["approver", "maker"])
def test_a_person_closes_a_difference_with_a_reason_and_it_stays_closed(desk: Desk, actor: Actor):
    by_hand(desk)
    run(desk)

    close(desk, the_one(desk), actor=actor)

    closed = desk.column("SELECT concat_ws('|', closed_by, close_reason) FROM difference")
    assert closed == [f"{actor.name}|The landlord, by hand"]
    told = desk.column("SELECT details ->> 'reason' FROM audit WHERE action = 'difference.closed'")
    assert told == ["The landlord, by hand"]
    before = books(desk)
    assert run(desk, now=MORNING + HOUR).count == 0
    assert books(desk) == before
    assert desk.faults() == ["the simulator holds one transfer per paid payout"]


def test_a_closed_difference_whose_figures_change_is_asked_again(desk: Desk):
    payout = desk.approved()
    rail = Rail()
    desk.send(rail)
    rail.books = [held(desk, payout, reversed_minor=10_00)]
    reconcile(desk.engine, rail, now=MORNING)
    close(desk, the_one(desk))

    rail.books = [held(desk, payout, reversed_minor=11_00)]

    assert reconcile(desk.engine, rail, now=MORNING + HOUR).count == 1
    assert [row.closed for row in rows(desk)] == [True, False]


def test_closing_refuses_by_name_and_changes_nothing(desk: Desk):
    by_hand(desk)
    run(desk)
    number = the_one(desk)
    before = books(desk)

    for actor in (OLA, VIC):
        with pytest.raises(NotAllowed):
            close(desk, number, actor=actor)
    with pytest.raises(ClosingNeedsReason):
        close(desk, number, "  ")
    with pytest.raises(UnknownDifference):
        close(desk, number + 1)
    assert books(desk) == before

    close(desk, number)
    before = books(desk)
    with pytest.raises(DifferenceClosed, match="by ada"):
        close(desk, number, "again")
    assert books(desk) == before


def test_a_provider_that_does_not_answer_leaves_no_run_behind(desk: Desk):
    class Away(Rail):
        def list_transfers(self, since: datetime, until: datetime) -> Iterator[ProviderTransfer]:
            message = f"no list from {since} to {until}"
            raise ConnectionError(message)

    payout = desk.approved()
    desk.send(Rail(SILENCE))
    with pytest.raises(ConnectionError):
        reconcile(desk.engine, Away(), now=MORNING)

    assert desk.scalar("SELECT count(*) FROM reconciliation") == 0
    assert rows(desk) == []
    assert desk.status(payout) == "processing"
