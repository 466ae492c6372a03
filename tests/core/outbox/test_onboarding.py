"""An onboarding link is asked for as a row, made when it is mailed, and kept nowhere."""

import logging
import re
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from core.access import Actor, NotAllowed
from core.links import MakeLink
from core.onboarding import (
    AccountIsReady,
    LinkOnItsWay,
    NoAccount,
    NoAccounts,
    NoPublicAddress,
    NoWayToWrite,
    ask_onboarding_link,
)
from core.programs import UnknownPartner
from core.providers.stripe_onboarding import onboarding_links
from core.refusals import Refusal
from tests.core.outbox.telling import Teller
from tests.desk import ADA, HOUR, MIA, NOW, OLA, VIC, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Kind
from tests.stripe.rails import rail_to

PAGE = "https://example.com/partners?lang=en"
LINK = re.compile(r"https://connect\.stripe\.com/setup/e/\S+")


@pytest.fixture
def links(fake: FakeStripe) -> MakeLink:
    """What makes links at the fake, by the real SDK."""
    fake.platform.add_account("acct_1", payouts_enabled=False)
    return onboarding_links(rail_to(fake).ask, public_url=PAGE)


def ask(
    desk: Desk,
    code: str = "AFF1",
    *,
    actor: Actor = MIA,
    provider: str = "stripe",
    public_url: str | None = PAGE,
) -> int:
    with desk.engine.begin() as conn:
        return ask_onboarding_link(conn, code, provider=provider, public_url=public_url, actor=actor, now=NOW)


def posts(fake: FakeStripe) -> int:
    return len(fake.asked("POST", "/v1/account_links"))


def everything(database: str) -> str:
    """Every row of every table as text."""
    with psycopg.connect(database) as conn:
        tables = conn.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found = [conn.execute(f'SELECT t::text FROM "{name}" t').fetchall() for (name,) in tables.fetchall()]  # noqa: S608
    return str(found)


class TestALink:
    def test_asking_writes_a_row_and_asks_nobody(self, teller: Teller, fake: FakeStripe) -> None:
        teller.desk.partner("AFF1")
        ask(teller.desk)
        assert (teller.states(), posts(fake)) == (["waiting"], 0)
        assert (
            teller.desk.scalar("SELECT action FROM audit ORDER BY seq DESC LIMIT 1")
            == "partner.onboarding_asked"
        )
        assert teller.desk.faults() == []

    def test_it_is_made_when_it_is_mailed_and_leads_back(
        self, teller: Teller, fake: FakeStripe, links: MakeLink
    ) -> None:
        teller.desk.partner("AFF1")
        ask(teller.desk)
        teller.notify(make_link=links)

        [letter] = teller.mail.accepted
        assert letter.to == ("aff1@example.com",)
        assert len(LINK.findall(letter.body)) == 1
        assert "November 20, 2026 12:05 UTC" in letter.body
        [asked] = fake.asked("POST", "/v1/account_links")
        assert asked.params == {
            "account": "acct_1",
            "type": "account_onboarding",
            "return_url": f"{PAGE}&onboarding=done",
            "refresh_url": f"{PAGE}&onboarding=expired",
        }
        assert teller.states() == ["sent"]

    @pytest.mark.parametrize("trouble", [None, "550 no such mailbox https://mail.test/x", "450 later"])
    def test_it_is_in_no_row_and_in_no_log(  # noqa: PLR0917 - fixtures
        self,
        teller: Teller,
        links: MakeLink,
        database: str,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        trouble: str | None,
    ) -> None:
        teller.desk.partner("AFF1")
        ask(teller.desk)
        if trouble:
            teller.mail.trouble("content", trouble)
        made: list[str] = []

        def noting(account: str) -> object:
            link = links(account)
            made.append(link.url)
            assert link.url not in repr(link)
            return link

        with caplog.at_level(logging.DEBUG):
            logging.getLogger("stripe").setLevel(logging.WARNING)  # as jobs/provider.py does
            teller.notify(make_link=noting)  # type: ignore[arg-type]

        [url] = made
        secret = url.rsplit("/", 1)[1]
        kept = everything(database)
        assert "onboarding_link" in kept
        assert secret not in kept
        assert secret not in caplog.text
        assert not any(secret in path.read_text() for path in tmp_path.rglob("*.csv"))

    def test_another_try_asks_for_another_link(
        self, teller: Teller, fake: FakeStripe, links: MakeLink
    ) -> None:
        teller.desk.partner("AFF1")
        ask(teller.desk)
        teller.mail.trouble("RCPT", "450 later")
        teller.notify(make_link=links)
        assert teller.mail.accepted == []
        teller.notify(NOW + HOUR, make_link=links)
        assert (posts(fake), len(teller.mail.accepted)) == (2, 1)

    @pytest.mark.parametrize("kind", ["refuse", "drop_after", "half_body", "html"])
    def test_a_stripe_that_does_not_answer_is_asked_again_later(
        self, teller: Teller, fake: FakeStripe, links: MakeLink, kind: Kind
    ) -> None:
        teller.desk.partner("AFF1")
        ask(teller.desk)
        links("acct_1")  # the rail has met its own account
        fake.fault(kind, path="/v1/account_links")
        teller.notify(make_link=links)
        assert (teller.states(), teller.mail.accepted) == (["waiting"], [])
        teller.notify(NOW + HOUR, make_link=links)
        assert teller.states() == ["sent"]

    def test_an_account_that_left_us_fails_with_words(
        self, teller: Teller, fake: FakeStripe, links: MakeLink
    ) -> None:
        teller.desk.partner("AFF1")
        ask(teller.desk)
        del fake.platform.accounts["acct_1"]
        teller.notify(make_link=links)
        assert teller.states() == ["failed"]
        assert "does not know this account" in str(teller.desk.scalar("SELECT error FROM message"))

    def test_what_waits_when_the_rail_changes_is_dropped(self, teller: Teller) -> None:
        teller.desk.partner("AFF1")
        ask(teller.desk)
        teller.notify(make_link=None)
        assert (teller.states(), teller.mail.accepted) == (["dropped"], [])


class TestRefusals:
    def test_only_whoever_may_asks(self, desk: Desk) -> None:
        desk.partner("AFF1")
        for actor in (VIC, ADA):
            with pytest.raises(NotAllowed):
                ask(desk, actor=actor)
        ask(desk, actor=OLA)

    def test_the_simulator_has_no_accounts(self, desk: Desk) -> None:
        desk.partner("AFF1")
        with pytest.raises(NoAccounts, match="simulator has no accounts"):
            ask(desk, provider="simulator")

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ("UPDATE identity SET email = NULL", NoWayToWrite),
            ("UPDATE partner SET status = 'suspended'", NoWayToWrite),
            ("UPDATE partner SET destination_id = NULL", NoAccount),
            (
                """INSERT INTO account_state (provider, account, ready, reasons, whose, due, had_bank, asked_at, checked_at)
                   VALUES ('stripe', 'acct_1', true, '[]', 'partner', '{}', false, now(), now())""",
                AccountIsReady,
            ),
        ],
    )
    def test_who_cannot_use_a_link_gets_none(self, desk: Desk, change: str, refusal: type[Refusal]) -> None:
        desk.partner("AFF1")
        with desk.engine.begin() as conn:
            conn.execute(text(change))
        with pytest.raises(refusal):
            ask(desk)
        assert desk.scalar("SELECT count(*) FROM message") == 0

    def test_one_is_on_its_way_at_a_time(self, desk: Desk) -> None:
        desk.partner("AFF1")
        ask(desk)
        with pytest.raises(LinkOnItsWay):
            ask(desk, actor=OLA)
        assert desk.scalar("SELECT count(*) FROM message") == 1

    def test_nobody_and_nowhere_are_refused(self, desk: Desk) -> None:
        with pytest.raises(UnknownPartner):
            ask(desk, "NOBODY")
        with pytest.raises(NoPublicAddress):
            ask(desk, public_url=None)
