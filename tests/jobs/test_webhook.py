"""Webhooks over HTTP: an event of ours is in the inbox before Stripe is told so, and nothing else ever gets in."""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.providers.stripe_events import WEBHOOK_MAX_BYTES
from core.settings import Settings
from jobs.clock import Clock
from jobs.http import serve
from jobs.webhook import StripeWebhook
from tests.core.events.witness import HAPPENED, MOVED, Witness, witnessing
from tests.desk import NOW, Desk, open_desk
from tests.jobs.spoiling import AT, PLATFORM, SPOILS, body_of, event
from tests.stripe.fake import FakeStripe
from tests.stripe.posting import Endpoint, Postman, send, sign

CONNECT, OLD = "whsec_of_the_accounts", "whsec_of_last_year"
ENVIRON = {
    "PAYDESK_ENV": "test",
    "PAYDESK_PROVIDER": "stripe",
    "STRIPE_SECRET_KEY": "sk_test_of_the_platform",
    "STRIPE_ACCOUNT_ID": "acct_platform",
    "STRIPE_WEBHOOK_SECRETS": f"{PLATFORM},{OLD},{CONNECT}",
}


class Still(Clock):
    """A clock that stands: how far a signature is from it is never this machine's own slowness."""

    def now(self) -> datetime:
        return NOW


def serving(engine: Engine, environ: dict[str, str]) -> Iterator[int]:
    clock = Still()
    server = serve(engine, clock, 0, StripeWebhook(engine, clock, Settings.from_env(environ)))
    assert server is not None
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def port(engine: Engine) -> Iterator[int]:
    yield from serving(engine, ENVIRON)


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}/webhooks/stripe"


@pytest.fixture
def witness() -> Iterator[Witness]:
    with witnessing() as witness:
        yield witness


def rows(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as conn:
        found = conn.execute(
            text("SELECT ref, kind, object_ref, account, came_by, state FROM provider_event")
        )
        return [tuple(row) for row in found]


@pytest.mark.usefixtures("witness")
class TestTaken:
    @pytest.mark.parametrize("secret", [PLATFORM, OLD, CONNECT])
    @pytest.mark.parametrize("skew_s", [0, -300, 300])
    def test_an_event_signed_by_any_secret_is_written_down_as_references_alone(
        self, engine: Engine, url: str, secret: str, skew_s: int
    ) -> None:
        body = body_of(event())
        assert send(url, body.encode(), sign(body, secret, AT + skew_s)) == 200
        assert rows(engine) == [("evt_1", HAPPENED, "tr_1", None, "webhook", "waiting")]
        with engine.connect() as conn:
            whole = conn.execute(text("SELECT provider_event::text FROM provider_event")).scalar_one()
        assert "ana@example.com" not in whole

    def test_the_same_event_again_is_the_same_row(self, engine: Engine, url: str) -> None:
        body = body_of(event())
        assert {send(url, body.encode(), sign(body, PLATFORM, AT + n)) for n in range(5)} == {200}
        assert len(rows(engine)) == 1

    def test_while_a_secret_is_changed_one_good_signature_of_two_is_enough(
        self, engine: Engine, url: str
    ) -> None:
        body = body_of(event())
        good = sign(body, OLD, AT)
        other = sign(body, "whsec_not_ours_at_all", AT).partition(",")[2]
        assert send(url, body.encode(), f"{good},{other}") == 200
        assert send(url, body.encode(), f"t={AT},{other},{good.partition(',')[2]},v0=abc") == 200
        assert len(rows(engine)) == 1

    @pytest.mark.parametrize(
        "told",
        [
            event(livemode=True),
            event(type="invoice.paid"),
            event(type=MOVED, account="acct_of_a_stranger"),
            event(data={"object": {"object": "balance"}}, type="balance.available"),
        ],
        ids=["other mode", "no handler", "account of no partner", "an object without an id"],
    )
    def test_what_is_stripes_and_none_of_ours_is_answered_and_dropped(
        self, engine: Engine, url: str, told: dict[str, Any]
    ) -> None:
        body = body_of(told)
        assert send(url, body.encode(), sign(body, PLATFORM, AT)) == 200
        assert rows(engine) == []

    def test_events_on_partners_accounts_name_the_account_and_those_of_our_own_do_not(
        self, engine: Engine, url: str, tmp_path: Path
    ) -> None:
        open_desk(engine, tmp_path).partner("AFF1", account="acct_1")
        for told in (
            event(type=MOVED, account="acct_1"),
            event(id="evt_2", account="acct_platform"),
        ):
            body = body_of(told)
            assert send(url, body.encode(), sign(body, CONNECT, AT)) == 200
        assert sorted((row[0], row[3]) for row in rows(engine)) == [("evt_1", "acct_1"), ("evt_2", None)]

    def test_a_largest_event_gets_in_and_one_byte_more_is_not_read(
        self, engine: Engine, url: str, port: int
    ) -> None:
        told = event(data={"object": {"id": "tr_1", "description": ""}})
        told["data"]["object"]["description"] = "x" * (WEBHOOK_MAX_BYTES - len(body_of(told)))
        body = body_of(told)
        assert len(body) == WEBHOOK_MAX_BYTES
        assert send(url, body.encode(), sign(body, PLATFORM, AT)) == 200
        assert raw(port, f"Content-Length: {WEBHOOK_MAX_BYTES + 1}") == 413
        assert len(rows(engine)) == 1

    def test_without_a_database_stripe_is_told_to_come_again(self, engine: Engine, url: str) -> None:
        body = body_of(event())
        with engine.connect() as conn, conn.begin():
            conn.execute(text("SET LOCAL ROLE NONE"))
            conn.execute(text("ALTER TABLE provider_event RENAME TO provider_event_away"))
            conn.commit()
        assert send(url, body.encode(), sign(body, PLATFORM, AT)) == 503


class TestRefused:
    @pytest.mark.parametrize("missing", ["STRIPE_WEBHOOK_SECRETS", "PAYDESK_PROVIDER"])
    def test_without_a_secret_or_without_stripe_there_is_no_such_page(
        self, engine: Engine, missing: str
    ) -> None:
        for port in serving(engine, {name: value for name, value in ENVIRON.items() if name != missing}):
            body = body_of(event())
            url = f"http://127.0.0.1:{port}/webhooks/stripe"
            assert send(url, body.encode(), sign(body, PLATFORM, AT)) == 404

    def test_a_thousand_malformed_webhooks_are_refused_and_leave_no_row_and_no_word_of_theirs(
        self, engine: Engine, url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        dice = random.Random(20261120)
        caplog.set_level(logging.DEBUG)
        with witnessing():
            for n in range(1_000):
                name, spoil = dice.choice(SPOILS)
                body, signature = spoil(dice)
                status = send(url, body, signature)
                assert status == 400, (n, name)
        assert rows(engine) == []
        assert "ana@example.com" not in caplog.text
        assert "v1=" not in caplog.text
        assert "Traceback" not in caplog.text

    @pytest.mark.parametrize(
        ("header", "status"),
        [
            ("Content-Length: -1", 400),
            ("Content-Length: 1e3", 400),
            ("Content-Length: ²", 400),
            (f"Content-Length: {'9' * 5000}", 413),
            ("Content-Length: 300000", 413),
            ("Transfer-Encoding: chunked", 411),
            ("X-Nothing: 1", 411),
        ],
    )
    def test_a_body_of_no_length_or_of_too_much_is_not_read(
        self, port: int, header: str, status: int
    ) -> None:
        assert raw(port, header) == status

    def test_another_address_is_not_there(self, port: int) -> None:
        assert send(f"http://127.0.0.1:{port}/webhooks/other", b"{}", None) == 404


def raw(port: int, header: str) -> int:
    """Send a head and no body, and return the answer's status."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"POST /webhooks/stripe HTTP/1.0\r\n{header}\r\n\r\n".encode())
        return int(connection.recv(4_096).split()[1])


def test_events_of_the_fake_get_in_by_both_endpoints(engine: Engine, url: str, tmp_path: Path) -> None:
    desk: Desk = open_desk(engine, tmp_path)
    desk.partner("AFF1", account="acct_1")
    with witnessing(), FakeStripe(at=NOW) as fake:
        ends = [
            Endpoint(url=url, secret=PLATFORM),
            Endpoint(url=url, secret=CONNECT, scope="connect"),
        ]
        postman = Postman(fake, ends)
        for n in range(20):
            fake.platform.emit(HAPPENED, {"id": f"tr_{n}"})
            fake.platform.emit(MOVED, {"id": f"po_{n}"}, account="acct_1")
        postman.deliver_all(random.Random(7))
    assert len(rows(engine)) == 40
    assert {row[3] for row in rows(engine)} == {None, "acct_1"}
