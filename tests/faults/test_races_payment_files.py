"""A payment file against whoever else wants its payouts, in both orders: one way out for each, and its money once."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from core.access import Actor
from core.account_checks import tell_rail
from core.claiming import claim_payout
from core.decisions import Wanted
from core.ending import cancel_payouts
from core.payment_files import make_file
from core.payment_handing import cancel_file, mark_sent
from core.payment_marks import Mark, mark_payments
from core.stops import SendingStopped, stop_sending
from tests.core import paying_by_file as files
from tests.core.paying_by_file import MAX, OURS, approved_for
from tests.desk import MIA, NOW, OLA, Desk, Rail
from tests.faults.racing import Side, meet


@pytest.fixture
def filing(desk: Desk) -> Desk:
    return files.with_files(desk)


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


@pytest.fixture
def payout(filing: Desk) -> int:
    return approved_for(filing, files.by_bank(filing))[0]


def makes(payout_id: int, actor: Actor = MIA) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            made = make_file(conn, [Wanted(id=payout_id)], debtor=OURS, actor=actor, now=NOW)
        return "made" if made.file_id else made.refused[0].code

    return side


def cancels(payout_id: int) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            answer = cancel_payouts(conn, [Wanted(id=payout_id)], reason="not owed", actor=MAX, now=NOW)
        return "cancelled" if answer.done else answer.refused[0].code

    return side


def takes_the_file_back(file_id: int) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            cancel_file(conn, file_id, why="wrong day", actor=MIA, now=NOW)
        return "taken back"

    return side


def hands_in(file_id: int) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            mark_sent(conn, file_id, reference="B", actor=MAX, now=NOW)
        return "sent"

    return side


def says(reference: str, outcome: str, actor: Actor) -> Side:
    def side(engine: Engine) -> str:
        said = Mark(reference=reference, outcome=outcome, on=NOW.date(), reason="closed")  # type: ignore[arg-type]
        with engine.begin() as conn:
            marked = mark_payments(conn, [said], actor=actor, now=NOW)
        if marked.refused:
            return marked.refused[0][1].code
        return outcome if marked.marks else "known"

    return side


def claims(payout_id: int) -> Side:
    """A sender whose rail pays this method too, as after a change of settings."""

    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            claim = claim_payout(conn, payout_id, Rail(), now=NOW)
        return "claimed" if claim else "left alone"

    return side


def test_two_files_at_once_take_a_payout_once(filing: Desk, database: str, payout: int) -> None:
    assert meet(database, makes(payout), makes(payout, MAX)) == ("made", "wrong_status")
    assert filing.scalar("SELECT count(*) FROM attempt") == 1


@pytest.mark.parametrize(
    ("first", "second", "told", "status"),
    [
        (makes, cancels, ("made", "wrong_status"), "processing"),
        (cancels, makes, ("cancelled", "wrong_status"), "cancelled"),
    ],
)
def test_a_payout_is_filed_or_cancelled_whoever_comes_first(  # noqa: PLR0917 - both orders
    filing: Desk,
    database: str,
    payout: int,
    first: Callable[[int], Side],
    second: Callable[[int], Side],
    told: tuple[str, str],
    status: str,
) -> None:
    assert meet(database, first(payout), second(payout)) == told
    assert filing.status(payout) == status


def test_a_sender_leaves_alone_what_a_file_is_taking(filing: Desk, database: str, payout: int) -> None:
    assert meet(database, makes(payout), claims(payout), at=None) == ("made", "left alone")
    assert filing.column("SELECT provider FROM attempt") == ["file"]


def test_a_file_leaves_alone_what_a_sender_has_taken(filing: Desk, database: str, payout: int) -> None:
    with filing.engine.begin() as conn:
        tell_rail(conn, Rail(), now=NOW)

    assert meet(database, claims(payout), makes(payout)) == ("claimed", "wrong_status")
    assert filing.column("SELECT provider FROM attempt") == ["rail"]
    with filing.engine.begin() as conn:  # the sender's attempt goes its own way
        conn.exec_driver_sql("UPDATE attempt SET state = 'declined', error_class = 'platform_balance'")
        conn.exec_driver_sql("UPDATE payout SET status = 'approved'")


def test_a_file_made_before_anybody_could_know_of_a_stop_is_not_taken_home(
    filing: Desk, database: str, payout: int
) -> None:
    def stops(engine: Engine) -> str:
        with engine.begin() as conn:
            stop_sending(conn, why="looks wrong", actor=OLA, now=NOW)
        return "stopped"

    assert meet(database, stops, makes(payout), at="audit_head") == ("stopped", "made")

    with pytest.raises(SendingStopped):
        files.content(filing, 1)


def test_a_process_that_dies_while_it_makes_a_file_leaves_nothing(
    filing: Desk, database: str, payout: int
) -> None:
    before = filing.balance("CRE1")
    with psycopg.connect(database, autocommit=True) as killer, filing.engine.connect() as conn:
        made = make_file(conn, [Wanted(id=payout)], debtor=OURS, actor=MIA, now=NOW)
        assert made.done == [payout]
        pid = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        killer.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(OperationalError):
            conn.commit()
        conn.invalidate()

    assert (filing.status(payout), filing.balance("CRE1")) == ("approved", before)
    for table in ("attempt", "payment_file", "payment_file_line"):
        assert filing.scalar(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    assert files.file_of(filing, payout)


@pytest.mark.parametrize("order", [0, 1])
def test_a_file_is_handed_in_or_taken_back(filing: Desk, database: str, payout: int, order: int) -> None:
    file_id = files.file_of(filing, payout)
    sides = [hands_in(file_id), takes_the_file_back(file_id)]

    told = meet(database, sides[order], sides[1 - order], at="payment_file")

    assert told in {("sent", "decided"), ("taken back", "decided")}
    assert filing.status(payout) == ("processing" if told[0] == "sent" else "approved")


@pytest.mark.parametrize("outcomes", [("paid", "failed"), ("failed", "paid"), ("paid", "paid")])
def test_two_people_mark_a_payment_once(
    filing: Desk, database: str, payout: int, outcomes: tuple[str, str]
) -> None:
    [reference] = files.references(filing, files.sent(filing, files.file_of(filing, payout)))

    told = meet(database, says(reference, outcomes[0], MIA), says(reference, outcomes[1], MAX))

    assert told == (outcomes[0], "known" if outcomes[0] == outcomes[1] else "already_marked")
    assert filing.status(payout) == outcomes[0]
    ends = "SELECT count(*) FROM ledger_transfer WHERE kind IN ('settle', 'unreserve')"
    assert filing.scalar(ends) == 1
