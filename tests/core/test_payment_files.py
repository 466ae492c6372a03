"""Payouts of methods without an API leave in one file, through the guards of sending, and end by the word of a person."""

from __future__ import annotations

import csv
import io

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.access import Actor, NotAllowed
from core.decisions import NothingWhole, Wanted
from core.ending import cancel_payouts
from core.holds import place_hold
from core.imports.reading import UnreadableFile
from core.payment_contents import FileDiffers, FileEnded, NoSuchFormat, file_document
from core.payment_files import MixedFile, PaidByHand, make_file
from core.payment_formats import check_sepa
from core.payment_handing import ApproverMarks, NoReference, cancel_file, mark_sent
from core.payment_marks import AlreadyMarked, Mark, NotSentYet, Result, mark_payments, pay_by_hand
from core.payment_results import take_results, template
from core.reads.payment_files import waiting_files
from core.stops import SendingStopped, stop_sending
from tests.core import paying_by_file as files
from tests.core.paying_by_file import IBANS, MAX, OURS, approved_for, content, file_of, make, mark, sent
from tests.desk import ADA, DAY, HOUR, MIA, NOW, OLA, Balance, Desk


@pytest.fixture
def filing(desk: Desk) -> Desk:
    return files.with_files(desk)


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


def rows(written: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"))))


class TestMaking:
    def test_a_file_pays_each_net_once_to_its_own_account(self, filing: Desk) -> None:
        codes = [files.by_bank(filing, f"CRE{place}", iban) for place, iban in enumerate(IBANS)]
        payouts = approved_for(filing, *codes)

        file_id = file_of(filing, *payouts)

        assert [filing.status(payout) for payout in payouts] == ["processing"] * 3
        found = rows(content(filing, file_id))
        assert [row["iban"] for row in found] == list(IBANS)
        assert [(row["amount"], row["currency"]) for row in found] == [("25.00", "EUR")] * 3
        assert filing.balance("CRE0") == Balance(held=0, available=6500, reserved=2500, paid=0, fees=0)

    def test_the_bytes_are_the_same_whenever_it_is_downloaded(self, filing: Desk) -> None:
        payouts = approved_for(filing, files.by_bank(filing))
        file_id = file_of(filing, *payouts)
        first = {form: content(filing, file_id, form) for form in ("csv", "sepa")}

        filing.partner("CRE1", program="creator", method="bank_transfer", account=None, now=NOW + HOUR)
        sent(filing, file_id)

        assert {form: content(filing, file_id, form) for form in ("csv", "sepa")} == first

    def test_what_would_come_out_otherwise_is_refused(self, filing: Desk, database: str) -> None:
        file_id = file_of(filing, *approved_for(filing, files.by_bank(filing)))
        with psycopg.connect(database) as owner:
            owner.execute("ALTER TABLE payment_file DISABLE TRIGGER payment_file_moves_on")
            owner.execute("UPDATE payment_file SET digests = jsonb_set(digests, '{csv}', '\"00\"')")

        with pytest.raises(FileDiffers):
            content(filing, file_id)

    def test_euro_transfers_are_a_valid_pain_001(self, filing: Desk) -> None:
        codes = [files.by_bank(filing, f"CRE{place}", iban) for place, iban in enumerate(IBANS)]
        file_id = file_of(filing, *approved_for(filing, *codes))

        written = content(filing, file_id, "sepa")

        check_sepa(written)
        xml = written.decode()
        assert "<CtrlSum>75.00</CtrlSum>" in xml
        assert "<NbOfTxs>3</NbOfTxs>" in xml
        assert all(f"<IBAN>{iban}</IBAN>" in xml for iban in (*IBANS, OURS.iban))
        assert all(f"<EndToEndId>{one}</EndToEndId>" in xml for one in files.references(filing, file_id))

    def test_a_check_has_an_address_and_no_bank_format(self, filing: Desk) -> None:
        file_id = file_of(filing, *approved_for(filing, files.by_check(filing)))

        [row] = rows(content(filing, file_id))

        assert (row["payee_name"], row["street"], row["city"]) == ("Ana Silva", "1 Main Street", "Berlin")
        with pytest.raises(NoSuchFormat):
            content(filing, file_id, "sepa")

    def test_paypal_is_paid_to_the_address_that_was_approved(self, filing: Desk) -> None:
        file_id = file_of(filing, *approved_for(filing, files.paid_by(filing, "CRE3", "paypal")))

        [row] = rows(content(filing, file_id))

        assert row["email"] == "cre3@example.com"

    def test_no_cell_begins_a_formula(self, filing: Desk) -> None:
        code = files.paid_by(filing, "CRE4", "bank_transfer", name="=HYPERLINK(1)", iban=IBANS[0])

        [row] = rows(content(filing, file_of(filing, *approved_for(filing, code))))

        assert row["payee_name"] == "'=HYPERLINK(1)"


class TestGuards:
    def test_what_holds_a_payout_back_keeps_it_out_and_leaves_the_rest(self, filing: Desk) -> None:
        held, free = approved_for(
            filing, files.by_bank(filing, "CRE1"), files.by_bank(filing, "CRE2", IBANS[1])
        )
        with filing.engine.begin() as conn:
            partner_id = conn.execute(text("SELECT id FROM partner WHERE code = 'CRE1'")).scalar_one()
            place_hold(conn, partner_id, "manual", note="odd", actor=MIA, now=NOW)

        made = make(filing, held, free)

        assert (made.done, [no.code for no in made.refused]) == ([free], ["on_hold"])
        assert (filing.status(held), filing.status(free)) == ("approved", "processing")

    def test_a_payout_without_its_bank_account_stays_approved_and_says_so(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.paid_by(filing, "CRE1", "bank_transfer"))

        made = make(filing, payout)

        assert (made.file_id, [no.code for no in made.refused]) == (None, ["details_missing"])
        assert filing.status(payout) == "approved"

    def test_what_the_rail_pays_goes_into_no_file(self, filing: Desk) -> None:
        payout = filing.approved()

        assert [no.code for no in make(filing, payout).refused] == ["not_by_file"]
        assert filing.status(payout) == "approved"

    def test_a_payout_is_in_one_file_and_no_rail_sends_it(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.by_bank(filing))
        file_of(filing, payout)
        simulator = filing.simulator()

        assert [no.code for no in make(filing, payout).refused] == ["wrong_status"]
        assert filing.send(simulator, now=NOW + HOUR).count == 0
        assert filing.scalar("SELECT count(*) FROM simulator_transfer") == 0
        assert filing.scalar("SELECT state FROM attempt WHERE payout_id = :id", id=payout) == "started"

    def test_while_sending_is_stopped_no_file_is_made_and_none_is_downloaded(self, filing: Desk) -> None:
        first, second = approved_for(
            filing, files.by_bank(filing, "CRE1"), files.by_bank(filing, "CRE2", IBANS[1])
        )
        file_id = file_of(filing, first)
        with filing.engine.begin() as conn:
            stop_sending(conn, why="looks wrong", actor=OLA, now=NOW)

        assert [no.code for no in make(filing, second).refused] == ["sending_stopped"]
        with pytest.raises(SendingStopped):
            content(filing, file_id)
        assert content(filing, sent(filing, file_id))

    def test_one_file_has_one_method(self, filing: Desk) -> None:
        payouts = approved_for(filing, files.by_bank(filing), files.by_check(filing))

        with pytest.raises(MixedFile):
            make(filing, *payouts)
        assert filing.scalar("SELECT count(*) FROM attempt") == 0

    def test_with_the_simulator_every_method_leaves_by_it(self, desk: Desk) -> None:
        files.with_files(desk)
        [payout] = approved_for(desk, files.by_bank(desk))
        desk.send()

        assert desk.status(payout) == "paid"
        assert [no.code for no in make(desk, payout).refused] == ["wrong_status"]

    @pytest.mark.parametrize("who", [ADA, OLA])
    def test_only_who_may_write_files_makes_and_reads_them(self, filing: Desk, who: Actor) -> None:
        first, second = approved_for(
            filing, files.by_bank(filing, "CRE1"), files.by_bank(filing, "CRE2", IBANS[1])
        )
        file_id = file_of(filing, first)

        with pytest.raises(NotAllowed):
            make(filing, second, actor=who)
        with pytest.raises(NotAllowed), filing.engine.begin() as conn:
            file_document(conn, file_id, actor=who, now=NOW)


class TestMarking:
    @pytest.fixture
    def payout(self, filing: Desk) -> int:
        return approved_for(filing, files.by_bank(filing))[0]

    @pytest.fixture
    def reference(self, filing: Desk, payout: int) -> str:
        return files.references(filing, sent(filing, file_of(filing, payout)))[0]

    def test_paid_settles_the_reservation_once(self, filing: Desk, payout: int, reference: str) -> None:
        before = filing.balance("CRE1")

        assert mark(filing, reference, "paid").payouts == [payout]
        assert len(mark(filing, reference, "paid").known) == 1

        after = filing.balance("CRE1")
        assert (filing.status(payout), after.reserved, after.paid) == ("paid", 0, 2500)
        assert after.available == before.available
        assert filing.scalar("SELECT count(*) FROM ledger_transfer WHERE kind = 'settle'") == 1

    @pytest.mark.parametrize("outcome", ["failed", "returned"])
    def test_what_did_not_arrive_gives_the_money_back_and_holds_the_account(
        self, filing: Desk, payout: int, reference: str, outcome: Result
    ) -> None:
        before = filing.balance("CRE1")

        mark(filing, reference, outcome)

        after = filing.balance("CRE1")
        assert (filing.status(payout), after.reserved, after.paid) == ("failed", 0, 0)
        assert after.available == before.available + 2500
        assert filing.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_failed"]

    def test_a_limit_of_the_banks_holds_nobody_and_is_not_tried_again_by_itself(
        self, filing: Desk, payout: int, reference: str
    ) -> None:
        said = Mark(reference=reference, outcome="failed", on=NOW.date(), reason="limit", fault="limits")
        filing.decide(lambda conn: mark_payments(conn, [said], actor=MIA, now=NOW))

        assert filing.status(payout) == "failed"
        assert filing.column("SELECT reason FROM hold") == []

    def test_what_came_back_after_it_was_paid_is_earned_again_on_hold(
        self, filing: Desk, payout: int, reference: str
    ) -> None:
        mark(filing, reference, "paid")

        mark(filing, reference, "returned")
        assert len(mark(filing, reference, "returned").known) == 1

        after = filing.balance("CRE1")
        assert (filing.status(payout), after.paid) == ("reversed", 0)
        assert filing.scalar("SELECT count(*) FROM earning WHERE kind = 'return'") == 1

    def test_what_was_marked_is_not_marked_otherwise(self, filing: Desk, payout: int, reference: str) -> None:
        mark(filing, reference, "paid")

        [(_, refusal)] = mark(filing, reference, "failed", actor=MAX).refused

        assert isinstance(refusal, AlreadyMarked)
        assert "mia" in refusal.sentence
        assert filing.status(payout) == "paid"

    def test_nothing_is_marked_before_its_file_was_sent(self, filing: Desk, payout: int) -> None:
        [reference] = files.references(filing, file_of(filing, payout))

        [(_, refusal)] = mark(filing, reference, "paid").refused

        assert isinstance(refusal, NotSentYet)
        assert filing.status(payout) == "processing"

    def test_who_approved_neither_sends_nor_marks(self, filing: Desk, payout: int) -> None:
        file_id = file_of(filing, payout)
        both = Actor(name="user:ada", channel="cli", roles=frozenset({"approver", "maker"}))

        with pytest.raises(ApproverMarks):
            sent(filing, file_id, actor=both)
        sent(filing, file_id)
        [(_, refusal)] = mark(filing, files.references(filing, file_id)[0], "paid", actor=both).refused

        assert isinstance(refusal, ApproverMarks)
        assert filing.status(payout) == "processing"

    def test_a_file_is_sent_under_a_reference(self, filing: Desk, payout: int) -> None:
        file_id = file_of(filing, payout)

        with pytest.raises(NoReference), filing.engine.begin() as conn:
            mark_sent(conn, file_id, reference="  ", actor=MIA, now=NOW)


class TestCancelling:
    def test_a_file_that_was_not_sent_gives_its_payouts_back_approved(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.by_bank(filing))
        file_id = file_of(filing, payout)
        before = filing.balance("CRE1")

        filing.decide(lambda conn: cancel_file(conn, file_id, why="wrong day", actor=MIA, now=NOW))

        assert (filing.status(payout), filing.balance("CRE1")) == ("approved", before)
        with pytest.raises(FileEnded):
            content(filing, file_id)
        again = file_of(filing, payout)
        assert files.references(filing, again)[0].endswith("-2")
        mark(filing, files.references(filing, sent(filing, again))[0], "paid")
        assert filing.status(payout) == "paid"

    def test_one_that_somebody_had_in_hand_waits_for_approval_again(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.by_bank(filing))
        file_id = file_of(filing, payout)
        content(filing, file_id)
        before = filing.balance("CRE1")

        filing.decide(lambda conn: cancel_file(conn, file_id, why="wrong day", actor=MIA, now=NOW))

        assert (filing.status(payout), filing.balance("CRE1")) == ("pending", before)
        assert make(filing, payout).file_id is None
        assert filing.approve(payout, actor=ADA).done == [payout]
        assert files.references(filing, file_of(filing, payout))[0].endswith("-2")

    def test_what_was_cancelled_can_be_taken_back_or_cancelled_by_its_people(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.by_bank(filing))
        file_id = file_of(filing, payout)
        filing.decide(lambda conn: cancel_file(conn, file_id, why="wrong day", actor=MIA, now=NOW))

        answer = filing.decide(
            lambda conn: cancel_payouts(conn, [Wanted(id=payout)], reason="not owed", actor=MIA, now=NOW)
        )

        assert answer.done == [payout]
        assert filing.balance("CRE1").reserved == 0

    def test_a_file_that_was_sent_stays(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.by_bank(filing))
        file_id = sent(filing, file_of(filing, payout))

        with pytest.raises(FileEnded), filing.engine.begin() as conn:
            cancel_file(conn, file_id, why="too late", actor=MIA, now=NOW)
        assert filing.status(payout) == "processing"


class TestByHand:
    def test_a_manual_payout_is_paid_by_its_reference_alone(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.paid_by(filing, "CRE5", "manual"))

        with pytest.raises(PaidByHand):
            make(filing, payout)
        filing.decide(
            lambda conn: pay_by_hand(
                conn, Wanted(id=payout), reference="cash, receipt 7", on=NOW.date(), actor=MIA, now=NOW
            )
        )

        assert filing.status(payout) == "paid"
        assert filing.column("SELECT sent_ref FROM payment_file") == ["cash, receipt 7"]
        assert filing.balance("CRE5").paid == 2500

    def test_who_approved_it_does_not_pay_it_by_hand(self, filing: Desk) -> None:
        [payout] = approved_for(filing, files.paid_by(filing, "CRE5", "manual"))
        both = Actor(name="user:ada", channel="cli", roles=frozenset({"approver", "maker"}))

        with pytest.raises(ApproverMarks), filing.engine.begin() as conn:
            pay_by_hand(conn, Wanted(id=payout), reference="cash", on=NOW.date(), actor=both, now=NOW)
        assert filing.status(payout) == "approved"


def test_the_law_holds_where_core_is_gone_around(filing: Desk) -> None:
    [payout] = approved_for(filing, files.by_bank(filing))
    file_id = file_of(filing, payout)

    with pytest.raises(DBAPIError, match="never says what became"), filing.engine.begin() as conn:
        conn.execute(
            text(
                "UPDATE payment_file SET state = 'sent', sent_by = 'user:ada', sent_ref = 'x', sent_at = now() WHERE id = :id"
            ),
            {"id": file_id},
        )


def test_a_batch_of_none_or_all_refuses_all(filing: Desk) -> None:
    free, lacking = approved_for(
        filing, files.by_bank(filing), files.paid_by(filing, "CRE9", "bank_transfer")
    )

    wanted = [Wanted(id=free), Wanted(id=lacking)]

    with pytest.raises(NothingWhole), filing.engine.begin() as conn:
        make_file(conn, wanted, debtor=OURS, actor=MIA, now=NOW, whole=True)
    assert filing.status(free) == "approved"


def test_files_wait_until_they_are_handed_in_and_everything_is_known(filing: Desk) -> None:
    codes = [files.by_bank(filing, f"CRE{place}", IBANS[place % 3]) for place in range(5)]
    first, second, third, fourth, fifth = approved_for(filing, *codes)
    file_of(filing, first)
    half = sent(filing, file_of(filing, second, third))
    mark(filing, files.references(filing, half)[0], "paid")
    whole = sent(filing, file_of(filing, fourth))
    mark(filing, files.references(filing, whole)[0], "failed")
    off = file_of(filing, fifth)
    filing.decide(lambda conn: cancel_file(conn, off, why="wrong day", actor=MIA, now=NOW))

    with filing.engine.connect() as conn:
        early, late = (waiting_files(conn, now=NOW + days * DAY) for days in (5, 6))

    assert (early.count, early.oldest_at) == (0, None)
    assert (late.count, late.oldest_at) == (2, NOW)


def test_a_result_file_is_no_longer_than_a_payment_file(filing: Desk) -> None:
    lines = [f"PD{place:016d}-1,paid,,2026-11-20,\r\n" for place in range(5_001)]
    data = (template().decode() + "".join(lines)).encode()

    with pytest.raises(UnreadableFile, match="5,001 lines; 5,000 are the most"):
        filing.decide(lambda conn: take_results(conn, data, actor=MIA, now=NOW))
