"""Mail, SMS and chat beside each other: each once, by what a partner chose, and none waits for another."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event, Thread
from time import monotonic

import pytest

from core.access import NotAllowed
from core.channels.gateway import Gateway
from core.message_decisions import send_again
from core.message_preferences import (
    BadPreference,
    SameAsBefore,
    SecurityNotice,
    choose_messages,
    read_preferences,
)
from core.message_tests import NoSuchTest, ask_test_message
from core.messages import LANGUAGES, all_kinds
from core.programs import UnknownPartner
from core.readers import Team
from core.stops import stop_sending
from tests.core.outbox.telling import FINANCE, Teller
from tests.desk import MIA, NOW, OLA, VIC
from tests.mail.gateway import FakeGateway
from tests.mail.server import nobody_listens

MINUTE = timedelta(minutes=1)
NUMBER = "+351912345678"


def choose(
    teller: Teller,
    *,
    language: str | None = None,
    days: int | None = None,
    phone: str | None = NUMBER,
    code: str = "AFF1",
    **wanted: bool,
) -> list[str]:
    """Have a partner told so; `payout_paid__sms=True` is a kind and a channel."""
    choices = {
        (kind, channel): said for name, said in wanted.items() for kind, _, channel in [name.partition("__")]
    }
    return teller.desk.decide(
        lambda conn: choose_messages(
            conn, code, language=language, notice_days=days, phone=phone, wanted=choices, actor=MIA, now=NOW
        )
    )


def paid(teller: Teller, code: str = "AFF1") -> int:
    payout = teller.desk.approved(code, "25.00")
    teller.desk.send()
    assert teller.desk.status(payout) == "paid"
    return payout


@pytest.fixture
def by_sms(teller: Teller, gateway: FakeGateway) -> Teller:
    """A partner who wants paid payouts by SMS as well."""
    teller.desk.partner("AFF1")
    choose(teller, payout_paid__sms=True)
    teller.others = {"sms": gateway.sms}
    return teller


class TestSms:
    def test_it_carries_the_first_line_to_the_number_and_the_letter_goes_by_mail(
        self, by_sms: Teller, gateway: FakeGateway
    ) -> None:
        paid(by_sms)
        for minutes in range(3):
            by_sms.notify(NOW + minutes * MINUTE)
        assert gateway.taken == [("/sms/351912345678", "", "You have been paid $24.75")]
        assert by_sms.subjects() == ["You have been paid $24.75"]
        assert by_sms.states() == ["sent", "sent"]

    @pytest.mark.parametrize(
        ("answer", "state", "log"),
        [
            (400, "failed", "refused"),
            (401, "waiting", "later"),
            (429, "waiting", "later"),
            (503, "waiting", "later"),
            (500, "unclear", "unclear"),
            (0, "unclear", "unclear"),
        ],
    )
    def test_a_certain_no_fails_it_or_waits_and_an_uncertain_one_is_never_repeated_by_itself(
        self, by_sms: Teller, gateway: FakeGateway, answer: int, state: str, log: str
    ) -> None:
        paid(by_sms)
        gateway.answers.append(answer)
        by_sms.notify()
        outcome = (
            "SELECT outcome FROM delivery d JOIN message m ON m.id = d.message_id WHERE m.channel = 'sms'"
        )
        assert by_sms.desk.column(outcome) == [log]
        assert by_sms.desk.column("SELECT state FROM message WHERE channel = 'sms'") == [state]
        by_sms.notify(NOW + 2 * MINUTE)
        assert len(gateway.taken) == (state == "waiting")

    def test_a_gateway_nobody_reaches_waits_and_delays_no_mail(self, by_sms: Teller) -> None:
        paid(by_sms)
        by_sms.others = {"sms": Gateway(url=f"json://127.0.0.1:{nobody_listens().port}/{{phone}}")}
        by_sms.notify()
        assert by_sms.desk.column("SELECT state FROM message ORDER BY channel") == ["sent", "waiting"]

    def test_a_gateway_that_hangs_delays_no_mail(self, by_sms: Teller, gateway: FakeGateway) -> None:
        paid(by_sms)
        gateway.hangs = Event()
        job = Thread(target=by_sms.notify)
        job.start()
        try:
            assert gateway.reached.wait(60)
            until = monotonic() + 60
            while not by_sms.mail.accepted and monotonic() < until:
                job.join(0.05)
            assert len(by_sms.mail.accepted) == 1
            assert job.is_alive()
        finally:
            gateway.hangs.set()
            job.join(60)

    def test_a_mail_server_that_hangs_delays_no_sms(self, by_sms: Teller, gateway: FakeGateway) -> None:
        paid(by_sms)
        trouble = by_sms.mail.trouble("MAIL", hang=True)
        job = Thread(target=by_sms.notify)
        job.start()
        try:
            assert gateway.reached.wait(60)
            assert job.is_alive()
        finally:
            trouble.go_on.set()
            job.join(60)
        assert len(gateway.taken) == 1

    def test_without_a_gateway_it_is_dropped_and_says_so(self, by_sms: Teller) -> None:
        paid(by_sms)
        by_sms.others = None
        by_sms.notify()
        assert by_sms.desk.column("SELECT state FROM message ORDER BY channel") == ["sent", "dropped"]
        assert ("dropped", "No SMS gateway is set up") in by_sms.log()

    def test_neither_number_nor_secret_stands_in_the_outbox_or_a_log(
        self, by_sms: Teller, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        payout = paid(by_sms)
        assert payout
        by_sms.others = {
            "sms": Gateway(url=f"{gateway.url.replace('json://', 'json://desk:secret-word@')}/{{phone}}")
        }
        gateway.answers.append(400)
        with caplog.at_level(logging.INFO):
            by_sms.notify()
        logged = [one.getMessage() for one in caplog.records if one.name != "apprise"]  # that goes nowhere
        kept = by_sms.desk.column(
            "SELECT m::text || d::text FROM message m JOIN delivery d ON d.message_id = m.id"
        )
        for secret in ("351912345678", "secret-word"):
            assert secret not in str(kept) + str(logged) + repr(by_sms.others)


class TestChat:
    def test_the_team_reads_there_what_it_is_mailed_once(self, teller: Teller, gateway: FakeGateway) -> None:
        teller.others = {"chat": gateway.chat}
        teller.desk.decide(lambda conn: stop_sending(conn, why="two look wrong", actor=OLA, now=NOW))
        for minutes in range(3):
            teller.notify(NOW + minutes * MINUTE)
        [(path, title, words)] = gateway.taken
        assert (path, title) == ("/chat", "All payouts are stopped by ola")
        assert "two look wrong" in words
        assert len(teller.mail.accepted) == 1

    def test_partners_are_not_talked_about_there(self, teller: Teller, gateway: FakeGateway) -> None:
        teller.others = {"chat": gateway.chat}
        paid(teller)
        teller.notify()
        assert gateway.taken == []


class TestLanguage:
    def test_a_partner_is_written_to_in_theirs(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        choose(teller, language="fr")
        paid(teller)
        teller.notify()
        assert teller.subjects() == ["Nous vous avons versé 24,75 $US"]

    def test_else_in_the_programs_and_else_in_the_teams(self, teller: Teller) -> None:
        paid(teller)
        teller.team = Team(finance=FINANCE, language="fr")
        teller.notify()
        assert teller.subjects() == ["Nous vous avons versé 24,75 $US"]

    def test_a_programs_language_holds_for_partners_who_said_none(self, teller: Teller) -> None:
        teller.program(messages={"language": "fr"})
        paid(teller)
        teller.notify()
        assert teller.subjects() == ["Nous vous avons versé 24,75 $US"]


class TestChoices:
    def test_what_a_partner_does_not_want_is_not_written_down(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        choose(teller, phone=None, payout_paid__email=False)
        paid(teller)
        assert teller.states() == []

    @pytest.mark.parametrize("kind", ["destination_changed", "contact_changed"])
    def test_a_security_notice_cannot_be_switched_off(self, teller: Teller, kind: str) -> None:
        teller.desk.partner("AFF1")
        with pytest.raises(SecurityNotice):
            choose(teller, phone=None, **{f"{kind}__email": False})  # type: ignore[arg-type]
        assert teller.desk.column("SELECT * FROM message_choice") == []

    def test_what_cannot_be_is_refused_with_words(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        with pytest.raises(BadPreference, match="needs a number"):
            choose(teller, phone=None, payout_paid__sms=True)
        with pytest.raises(BadPreference, match="with its country"):
            choose(teller, phone="0912 345")
        with pytest.raises(BadPreference, match="onboarding_link by sms"):
            choose(teller, onboarding_link__sms=True)
        with pytest.raises(BadPreference, match="language"):
            choose(teller, language="pt")
        with pytest.raises(BadPreference, match="0 to 30"):
            choose(teller, days=31)
        with pytest.raises(UnknownPartner):
            choose(teller, code="NOBODY")

    def test_it_takes_one_person_with_the_right_and_is_audited_without_the_number(
        self, teller: Teller
    ) -> None:
        teller.desk.partner("AFF1")
        with teller.desk.engine.begin() as conn, pytest.raises(NotAllowed):
            choose_messages(
                conn, "AFF1", language="fr", notice_days=None, phone=None, wanted={}, actor=VIC, now=NOW
            )
        assert choose(teller, language="fr", days=3, payout_paid__sms=True) == [
            "language",
            "notice_days",
            "phone",
            "payout_paid by sms",
        ]
        assert (
            teller.desk.scalar("SELECT action FROM audit ORDER BY seq DESC LIMIT 1")
            == "partner.messages_chosen"
        )
        assert "91234" not in str(teller.desk.column("SELECT details::text FROM audit"))
        with pytest.raises(SameAsBefore):
            choose(teller, language="fr", days=3, payout_paid__sms=True)
        with teller.desk.engine.connect() as conn:
            held = read_preferences(conn, "AFF1", now=NOW)
        assert (held.language, held.notice_days, held.phone) == ("fr", 3, NUMBER)
        assert held.wanted["payout_paid", "sms"]
        assert held.wanted["payout_paid", "email"]
        assert not held.wanted["sale_confirmed", "email"]
        assert teller.desk.faults() == []


class TestTests:
    def ask(
        self,
        teller: Teller,
        kind: str,
        *,
        channel: str = "email",
        to: str = "me@example.com",
        lang: str = "en",
    ) -> int:
        return teller.desk.decide(
            lambda conn: ask_test_message(
                conn, kind, to=to, channel=channel, language=lang, actor=OLA, now=NOW
            )
        )

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_kind_goes_to_the_given_address_alone_marked_as_a_test(
        self, teller: Teller, language: str
    ) -> None:
        for kind in all_kinds():
            self.ask(teller, kind, lang=language)
        teller.notify()
        assert {one.to for one in teller.mail.accepted} == {("me@example.com",)}
        assert len(teller.mail.accepted) == len(all_kinds())
        mark = {"en": "[Test] ", "fr": "[Essai] "}[language]
        assert all(subject.strip().startswith(mark) for subject in teller.subjects())
        assert "made-up figures" in teller.mail.accepted[0].body or language == "fr"
        assert set(teller.states()) == {"sent"}

    def test_the_address_is_forgotten_once_it_has_gone(self, teller: Teller) -> None:
        self.ask(teller, "payout_paid")
        emails = "SELECT i.email FROM identity i JOIN message m ON m.to_identity_id = i.id"
        assert teller.desk.column(emails) == ["me@example.com"]
        teller.notify()
        assert teller.desk.column(emails) == [None]

    def test_one_that_failed_keeps_its_address_to_be_sent_again(self, teller: Teller) -> None:
        message_id = self.ask(teller, "payout_paid")
        teller.mail.trouble("RCPT", "550 no such mailbox")
        teller.notify()
        assert teller.states() == ["failed"]
        teller.desk.decide(lambda conn: send_again(conn, message_id, actor=OLA, now=NOW))
        teller.notify()
        assert teller.states() == ["sent"]

    def test_by_sms_and_chat_it_goes_there_and_is_not_copied(
        self, teller: Teller, gateway: FakeGateway
    ) -> None:
        teller.others = {"sms": gateway.sms, "chat": gateway.chat}
        self.ask(teller, "payout_paid", channel="sms", to=NUMBER)
        self.ask(teller, "alert", channel="chat", to="")
        self.ask(teller, "alert")
        teller.notify()
        assert sorted(path for path, _, _ in gateway.taken) == ["/chat", "/sms/351912345678"]
        assert len(teller.mail.accepted) == 1

    @pytest.mark.parametrize(
        ("kind", "channel", "to", "says"),
        [
            ("lunch", "email", "me@example.com", "lunch is no kind"),
            ("payout_paid", "email", "me", "none that can be written to"),
            ("payout_paid", "sms", "912", "with its country"),
            ("payout_paid", "chat", "", "email or sms"),
            ("alert", "sms", NUMBER, "email or chat"),
        ],
    )
    def test_what_is_no_test_is_refused(
        self, teller: Teller, kind: str, channel: str, to: str, says: str
    ) -> None:
        with pytest.raises(NoSuchTest, match=says):
            self.ask(teller, kind, channel=channel, to=to)
        assert teller.states() == []
