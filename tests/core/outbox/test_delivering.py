"""Letters through a real connection: each once, later when it can be later, never again when it is unclear."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.access import NotAllowed
from core.message_decisions import MessageEnded, NotFailed, UnknownMessage, drop_message, send_again
from core.outbox import LEASE_S, PAUSES, claim_message, record_delivery, tell
from core.second_person import NoWhy
from core.stops import stop_sending
from tests.core.outbox.telling import Teller
from tests.desk import ADA, DAY, HOUR, MIA, NOW, OLA, VIC, Desk
from tests.mail.server import nobody_listens

MINUTE = timedelta(minutes=1)


@pytest.fixture
def paid(teller: Teller) -> int:
    """A payout of 25.00 that was just paid: one letter waits."""
    payout = teller.desk.approved("AFF1", "25.00")
    teller.desk.send()
    assert teller.states() == ["waiting"]
    return payout


class TestWhatIsTold:
    def test_a_payout_that_is_paid_is_told_to_its_partner_once(self, teller: Teller, paid: int) -> None:
        for minutes in range(3):
            teller.notify(NOW + minutes * MINUTE)

        [letter] = teller.mail.accepted
        assert letter.to == ("aff1@example.com",)
        assert letter.sender == "payouts@example.com"
        assert letter.message["To"] == "Ana Silva <aff1@example.com>"
        assert letter.message["Subject"] == "You have been paid $24.75"
        assert letter.message["Auto-Submitted"] == "auto-generated"
        for words in (
            "Ana Silva",
            f"Payout:     {paid}",
            "Fee:        $0.25",
            "1 sale",
            "November 20, 2026",
            "first payout",
        ):
            assert words in letter.body
        assert teller.states() == ["sent"]
        assert teller.log() == [("sent", "250 taken")]
        assert teller.desk.faults() == []

    def test_a_payout_that_failed_says_what_to_mend(self, teller: Teller) -> None:
        desk = teller.desk
        payout = desk.approved("AFF1", "25.00")
        desk.send(desk.simulator(success={"stripe": 0}))
        while desk.status(payout) == "retrying":
            at = desk.scalar("SELECT retry_at FROM payout")
            desk.send(desk.simulator(success={"stripe": 0}), now=at)  # type: ignore[arg-type]
        assert desk.status(payout) == "failed"

        teller.notify(desk.scalar("SELECT made_at FROM message"))  # type: ignore[arg-type]

        [letter] = teller.mail.accepted
        assert letter.message["Subject"] == "Your payout of $24.75 could not be made"
        assert "it is back in your balance" in letter.body

    def test_a_stop_is_told_to_everybody_in_finance_with_who_and_why(self, teller: Teller) -> None:
        with teller.desk.engine.begin() as conn:
            stop_sending(conn, why="two transfers look wrong", actor=OLA, now=NOW)
            stop_sending(conn, why="again", actor=ADA, now=NOW)

        teller.notify()

        [letter] = teller.mail.accepted
        assert letter.to == ("finance@example.com", "bo@example.com")
        assert letter.message["Subject"] == "All payouts are stopped by ola"
        assert "two transfers look wrong" in letter.body
        assert "two people start it again" in letter.body

    def test_who_has_no_email_or_left_is_not_written_to_and_it_says_so(self, teller: Teller) -> None:
        desk = teller.desk
        for code, change in (("AFF1", "UPDATE identity SET email = NULL"), ("AFF2", "SELECT 1")):
            desk.approved(code, "25.00")
            desk.send()
            with desk.engine.begin() as conn:
                conn.execute(text(change))
        desk.partner("AFF2", status="suspended")

        teller.notify()

        assert teller.mail.accepted == []
        assert teller.states() == ["dropped", "dropped"]
        assert [words for _, words in teller.log()] == [
            "The partner has no email",
            "The partner is suspended",
        ]

    def test_names_and_addresses_stand_in_no_row_of_the_outbox(self, teller: Teller, paid: int) -> None:
        assert paid
        teller.mail.trouble(
            "RCPT", "550 5.1.1 <aff1@example.com>: Ana is unknown, see https://mail.test/aff1"
        )
        teller.notify()
        kept = teller.desk.column(
            "SELECT m::text || d::text FROM message m JOIN delivery d ON d.message_id = m.id"
        )
        assert "(address)" in str(kept)
        assert "@" not in str(kept)
        assert "://" not in str(kept)

    def test_the_same_event_is_written_down_once(self, teller: Teller, paid: int) -> None:
        with teller.desk.engine.begin() as conn:
            told = tell(
                conn, "payout_paid", about={"payout_id": paid}, once=str(paid), partner_id=1, made_by="job:send", now=NOW
            )  # fmt: skip
        assert told is None
        assert teller.states() == ["waiting"]

    def test_what_is_taken_back_with_its_act_is_not_told(self, teller: Teller) -> None:
        with teller.desk.engine.connect() as conn:
            stop_sending(conn, why="by mistake", actor=OLA, now=NOW)
            conn.rollback()
        teller.notify()
        assert teller.mail.accepted == []
        assert teller.states() == []


class TestTroubles:
    @pytest.mark.parametrize(
        ("step", "reply", "state"),
        [
            ("RCPT", "550 no such mailbox", "failed"),
            ("RCPT", "450 come back later", "waiting"),
            ("DATA", "554 no letters of yours", "failed"),
            ("DATA", "451 busy", "waiting"),
            ("content", "552 too much", "failed"),
            ("content", "452 disk full", "waiting"),
            ("MAIL", "550 you are nobody", "waiting"),
            ("connect", "554 closed", "waiting"),
        ],
    )
    def test_a_definite_no_fails_it_or_has_it_tried_later(
        self, teller: Teller, paid: int, step: str, reply: str, state: str
    ) -> None:
        assert paid
        teller.mail.trouble(step, reply)
        teller.notify()
        assert (teller.mail.accepted, teller.states()) == ([], [state])
        assert teller.log() == [("refused" if state == "failed" else "later", reply)]
        teller.notify(NOW + 2 * MINUTE)
        assert len(teller.mail.accepted) == (state == "waiting")

    @pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
    def test_a_server_that_hangs_up_before_it_has_the_letter_gets_it_later(
        self, teller: Teller, paid: int, step: str
    ) -> None:
        assert paid
        teller.mail.trouble(step, hang_up=True)
        teller.notify()
        assert (teller.mail.accepted, teller.states()) == ([], ["waiting"])
        teller.notify(NOW + 2 * MINUTE)
        assert (len(teller.mail.accepted), teller.states()) == (1, ["sent"])

    @pytest.mark.parametrize("step", ["content", "accepted"])
    def test_silence_after_handing_over_is_unclear_and_nothing_is_sent_again_by_itself(
        self, teller: Teller, paid: int, step: str
    ) -> None:
        assert paid
        teller.mail.trouble(step, hang_up=True)
        for days in range(5):
            teller.notify(NOW + days * DAY)
        assert teller.states() == ["unclear"]
        assert len(teller.mail.accepted) == (step == "accepted")

    def test_sent_again_by_a_person_it_carries_the_same_message_id(self, teller: Teller, paid: int) -> None:
        assert paid
        teller.mail.trouble("accepted", hang_up=True)
        teller.notify()
        with teller.desk.engine.begin() as conn:
            send_again(conn, 1, actor=OLA, now=NOW + HOUR)
        teller.notify(NOW + HOUR)

        first, second = (one.message["Message-ID"] for one in teller.mail.accepted)
        assert first == second
        assert first.endswith("@example.com>")
        assert teller.states() == ["sent"]
        assert [outcome for outcome, _ in teller.log()] == ["unclear", "again", "sent"]
        assert teller.desk.faults() == []

    def test_a_dead_server_is_tried_with_growing_pauses_and_then_given_up_with_words(
        self, teller: Teller, paid: int
    ) -> None:
        assert paid
        teller.server, now, tried = nobody_listens(), NOW, []
        for pause in PAUSES:
            assert teller.notify(now).details == {"later": 1}
            tried.append(teller.desk.scalar("SELECT next_try_at FROM message") == now + pause)
            now += pause
        assert tried == [True] * len(PAUSES)
        assert teller.notify(now - timedelta(seconds=1)).count == 0
        teller.notify(now)
        assert teller.states() == ["failed"]
        assert "away" in str(teller.desk.scalar("SELECT error FROM message"))

    def test_a_dead_server_costs_a_run_one_connection_whatever_waits(self, teller: Teller) -> None:
        for code in ("AFF1", "AFF2", "AFF3"):
            teller.desk.approved(code, "25.00")
        teller.desk.send()
        teller.server = nobody_listens()
        assert teller.notify().count == 1
        assert teller.states() == ["waiting"] * 3
        teller.server = None
        teller.notify(NOW + 2 * MINUTE)
        assert teller.states() == ["sent"] * 3
        assert teller.mail.connections == 1

    def test_a_bad_mailbox_keeps_no_other_letter_waiting(self, teller: Teller) -> None:
        for code in ("AFF1", "AFF2"):
            teller.desk.approved(code, "25.00")
        teller.desk.send()
        teller.mail.trouble("RCPT", "550 no such mailbox")
        teller.notify()
        assert sorted(teller.states()) == ["failed", "sent"]

    def test_a_server_that_hangs_is_left_after_its_time_and_the_letter_waits(
        self, teller: Teller, paid: int
    ) -> None:
        assert paid
        trouble = teller.mail.trouble("MAIL", hang=True)
        try:
            teller.notify(channel=teller.channel(step_s=2))
        finally:
            trouble.go_on.set()
        assert trouble.reached.is_set()
        assert teller.states() == ["waiting"]

    def test_a_letter_has_its_time_whatever_its_steps_have(self, teller: Teller, paid: int) -> None:
        assert paid
        trouble = teller.mail.trouble("MAIL", hang=True)
        try:
            teller.notify(channel=teller.channel(step_s=60, letter_s=0.2))
        finally:
            trouble.go_on.set()
        assert teller.states() == ["waiting"]

    def test_no_transaction_is_open_while_a_letter_is_handed_over(self, teller: Teller, paid: int) -> None:
        assert paid
        trouble = teller.mail.trouble("accepted", hang=True)
        job = threading.Thread(target=teller.notify)
        job.start()
        assert trouble.reached.wait(60)
        try:
            open_ = teller.desk.scalar("""
                SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
            """)
            assert open_ == 0
            payout = teller.desk.approved("AFF2", "25.00")
            teller.desk.send()
            assert teller.desk.status(payout) == "paid"
        finally:
            trouble.go_on.set()
            job.join(60)
        assert teller.states()[0] == "sent"

    @pytest.mark.parametrize(
        "safer",
        [{"security": "starttls"}, {"security": "tls"}, {"user": "desk", "password": "secret-of-mail"}],
    )
    def test_a_server_that_cannot_keep_it_secret_or_knows_no_sign_in_gets_no_letter(
        self, teller: Teller, paid: int, safer: dict[str, str]
    ) -> None:
        assert paid
        teller.server = replace(teller.mail.at, **safer)  # type: ignore[arg-type]
        teller.notify(channel=teller.channel(step_s=5))
        assert (teller.mail.accepted, teller.states()) == ([], ["waiting"])
        assert "MAIL" not in teller.mail.verbs
        assert "secret-of-mail" not in str(teller.log())

    def test_a_name_that_is_no_header_is_written_on_one_line(self, teller: Teller, paid: int) -> None:
        assert paid
        with teller.desk.engine.begin() as conn:
            conn.execute(text("UPDATE identity SET name = E'Ana\\r\\nBcc: eve@example.com'"))
        teller.notify()
        [letter] = teller.mail.accepted
        assert letter.message["Bcc"] is None
        assert letter.to == ("aff1@example.com",)

    def test_an_address_that_is_none_fails_with_words(self, teller: Teller, paid: int) -> None:
        assert paid
        with teller.desk.engine.begin() as conn:
            conn.execute(text("UPDATE identity SET email = 'ana@example.com> RCPT TO:<eve@example.com'"))
        teller.notify()
        assert teller.mail.accepted == []
        assert teller.states() == ["failed"]


class TestTwoAtOnce:
    def test_a_message_another_process_has_is_left_alone(self, teller: Teller, paid: int) -> None:
        assert paid
        with teller.desk.engine.begin() as conn:
            assert claim_message(conn, now=NOW) is not None
        assert teller.notify().count == 0
        assert teller.mail.accepted == []

    def test_two_processes_deliver_each_letter_once(self, teller: Teller) -> None:
        codes = [f"AFF{n}" for n in range(1, 9)]
        for code in codes:
            teller.desk.approved(code, "25.00")
        teller.desk.send()
        jobs = [threading.Thread(target=teller.notify) for _ in range(2)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join(60)
        told = sorted(address for one in teller.mail.accepted for address in one.to)
        assert told == sorted(f"{code.lower()}@example.com" for code in codes)
        assert teller.states() == ["sent"] * len(codes)

    def test_what_a_process_left_behind_is_unclear_until_it_comes_back_itself(
        self, teller: Teller, paid: int
    ) -> None:
        assert paid
        with teller.desk.engine.begin() as conn:
            claimed = claim_message(conn, now=NOW)
            assert claimed is not None
            conn.execute(text("UPDATE message SET lease_until = clock_timestamp() - interval '1 second'"))
        assert teller.notify().details == {"unclear": 1}
        assert teller.states() == ["unclear"]
        assert teller.mail.accepted == []
        with teller.desk.engine.begin() as conn:
            assert (
                record_delivery(conn, claimed, "sent", "250 taken", made_by="job:notify", now=NOW) == "sent"
            )
        assert teller.states() == ["sent"]

    def test_a_process_that_wakes_late_decides_nothing_for_the_one_that_took_over(
        self, teller: Teller, paid: int
    ) -> None:
        assert paid
        with teller.desk.engine.begin() as conn:
            first = claim_message(conn, now=NOW)
            assert first is not None
            conn.execute(text("UPDATE message SET lease_until = clock_timestamp() - interval '1 second'"))
        teller.notify()
        with teller.desk.engine.begin() as conn:
            send_again(conn, first.id, actor=OLA, now=NOW)
            second = claim_message(conn, now=NOW)
            assert second is not None
            assert record_delivery(conn, first, "refused", "550 no", made_by="job:notify", now=NOW) is None
        assert teller.states() == ["sending"]
        assert LEASE_S > 60


class TestPeople:
    def failed(self, teller: Teller) -> int:
        teller.mail.trouble("RCPT", "550 no such mailbox")
        teller.notify()
        assert teller.states() == ["failed"]
        return int(str(teller.desk.scalar("SELECT id FROM message")))

    def test_a_dropped_message_is_not_sent_and_says_who_and_why(self, teller: Teller, paid: int) -> None:
        assert paid
        message_id = self.failed(teller)
        with teller.desk.engine.begin() as conn:
            drop_message(conn, message_id, reason="told by phone, not ana@example.com", actor=MIA, now=NOW)
        teller.notify(NOW + DAY)
        assert teller.states() == ["dropped"]
        assert teller.log()[-1] == ("dropped", "told by phone, not (address)")
        assert teller.desk.scalar("SELECT actor FROM delivery ORDER BY id DESC LIMIT 1") == "user:mia"
        assert teller.desk.scalar("SELECT action FROM audit ORDER BY seq DESC LIMIT 1") == "message.dropped"
        assert teller.desk.faults() == []

    def test_only_whoever_may_decides(self, teller: Teller, paid: int) -> None:
        assert paid
        message_id = self.failed(teller)
        with teller.desk.engine.begin() as conn:
            with pytest.raises(NotAllowed):
                send_again(conn, message_id, actor=VIC, now=NOW)
            with pytest.raises(NotAllowed):
                drop_message(conn, message_id, reason="x", actor=VIC, now=NOW)
            with pytest.raises(NoWhy):
                drop_message(conn, message_id, reason="  ", actor=MIA, now=NOW)
        assert teller.states() == ["failed"]

    def test_what_waits_was_sent_or_is_not_there_is_not_sent_again(self, teller: Teller, paid: int) -> None:
        assert paid
        with teller.desk.engine.begin() as conn:
            with pytest.raises(NotFailed):
                send_again(conn, 1, actor=MIA, now=NOW)
            with pytest.raises(UnknownMessage):
                send_again(conn, 99, actor=MIA, now=NOW)
            with pytest.raises(UnknownMessage):
                drop_message(conn, 99, reason="x", actor=MIA, now=NOW)
        teller.notify()
        with teller.desk.engine.begin() as conn:
            with pytest.raises(NotFailed):
                send_again(conn, 1, actor=MIA, now=NOW)
            with pytest.raises(MessageEnded):
                drop_message(conn, 1, reason="x", actor=MIA, now=NOW)
        assert len(teller.mail.accepted) == 1

    def test_old_news_is_not_told_when_mail_is_set_up_at_last(self, teller: Teller, paid: int) -> None:
        assert paid
        teller.notify(NOW + 8 * DAY)
        assert teller.states() == ["dropped"]
        assert teller.mail.accepted == []

    def test_a_person_may_still_have_old_news_sent(self, teller: Teller, paid: int) -> None:
        assert paid
        message_id = self.failed(teller)
        with teller.desk.engine.begin() as conn:
            send_again(conn, message_id, actor=MIA, now=NOW + 30 * DAY)
        teller.notify(NOW + 30 * DAY)
        assert teller.states() == ["sent"]


def test_a_dry_run_counts_and_tells_nobody(teller: Teller, paid: int) -> None:
    assert paid
    assert teller.notify(dry_run=True).count == 1
    assert (teller.mail.connections, teller.states()) == (0, ["waiting"])


def test_the_send_path_pays_while_nobody_delivers(desk: Desk) -> None:
    payout = desk.approved("AFF1", "25.00")
    desk.send()
    assert desk.status(payout) == "paid"
    assert desk.column("SELECT kind FROM message") == ["payout_paid"]
