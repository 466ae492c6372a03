"""The job events: by webhook alone, by its own list alone, or by both, everything that happened takes effect once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Engine

from core.events.inbox import record_events
from core.settings import Settings
from jobs.clock import Clock
from jobs.events import run_once
from jobs.http import serve
from jobs.job import Job, Orders
from jobs.scheduler import Listener
from jobs.timetable import Desk as Timed
from jobs.timetable import Timetable
from jobs.webhook import PATH, StripeWebhook
from tests.core.events.witness import HAPPENED, MOVED, Witness, effects, event_of, states, witnessing
from tests.desk import NOW, Desk, open_desk
from tests.jobs.test_timetable import PATIENCE_S, Turns, running
from tests.stripe.fake import FakeStripe
from tests.stripe.posting import Endpoint, Postman

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SECRET = "whsec_of_every_endpoint"


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    desk = open_desk(engine, tmp_path)
    desk.partner("AFF1", account="acct_1")
    return desk


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(at=NOW) as fake:
        yield fake


@pytest.fixture
def witness() -> Iterator[Witness]:
    with witnessing() as witness:
        yield witness


@pytest.fixture
def settings(fake: FakeStripe) -> Settings:
    return Settings.from_env(
        {
            "PAYDESK_ENV": "test",
            "PAYDESK_PROVIDER": "stripe",
            "STRIPE_SECRET_KEY": "sk_test_of_the_platform",
            "STRIPE_ACCOUNT_ID": "acct_platform",
            "STRIPE_API_BASE": fake.url,
            "STRIPE_WEBHOOK_SECRETS": SECRET,
        }
    )


@pytest.fixture
def postman(desk: Desk, fake: FakeStripe, settings: Settings) -> Iterator[Postman]:
    """Delivers to the desk's own address, for the platform and for accounts."""
    clock = Clock(NOW)
    server = serve(desk.engine, clock, 0, StripeWebhook(desk.engine, clock, settings))
    assert server is not None
    url = f"http://127.0.0.1:{server.server_port}{PATH}"
    yield Postman(fake, [Endpoint(url=url, secret=SECRET), Endpoint(url=url, secret=SECRET, scope="connect")])
    server.shutdown()
    server.server_close()


def orders(desk: Desk, settings: Settings, now: datetime = NOW, **more: object) -> Orders:
    return Orders(engine=desk.engine, settings=settings, now=now, run_id=1, **more)  # type: ignore[arg-type]


def listed(fake: FakeStripe) -> int:
    return len(fake.asked("GET", "/v1/events"))


@pytest.mark.usefixtures("witness")
class TestEitherWay:
    @pytest.mark.parametrize("way", ["webhook", "list", "both"])
    def test_everything_that_happened_takes_effect_once(
        self,
        desk: Desk,
        settings: Settings,
        postman: Postman,
        way: Literal["webhook", "list", "both"],
    ) -> None:
        dice, fake = random.Random(way), postman.fake
        told: list[str] = []
        if way == "webhook":
            fake.platform.event_lag = 30 * DAY  # the list shows nothing
        for minute in range(6):
            for _ in range(dice.randint(3, 10)):
                told.append(f"tr_{len(told)}")
                fake.platform.emit(HAPPENED, {"id": told[-1]})
                if way == "webhook":  # nobody lists an account without an open question
                    told.append(f"po_{len(told)}")
                    fake.platform.emit(MOVED, {"id": told[-1]}, account="acct_1")
            if way != "list":
                postman.deliver_all(dice, lost=0.5 if way == "both" else 0)
            fake.clock.advance(MINUTE)
            run_once(orders(desk, settings, NOW + (minute + 1) * MINUTE))

        assert sorted(map(str, effects(desk))) == sorted(told)
        assert states(desk) == ["applied"] * len(told)
        ways = {"webhook": {"webhook"}, "list": {"poll"}, "both": {"webhook", "poll"}}
        assert set(desk.column("SELECT came_by FROM provider_event")) == ways[way]
        assert desk.faults() == []


@pytest.mark.usefixtures("witness")
class TestTheJob:
    def test_with_the_simulator_it_does_nothing_and_asks_nobody(self, desk: Desk, fake: FakeStripe) -> None:
        desk.decide(lambda conn: record_events(conn, "stripe", [event_of("evt_1")], came_by="poll", now=NOW))
        result = run_once(orders(desk, Settings.from_env({"PAYDESK_ENV": "test"})))
        assert (result.count, states(desk), fake.service.asked) == (0, ["waiting"], [])

    def test_a_dry_run_counts_what_waits_and_asks_nobody(
        self, desk: Desk, fake: FakeStripe, settings: Settings
    ) -> None:
        desk.decide(lambda conn: record_events(conn, "stripe", [event_of("evt_1")], came_by="poll", now=NOW))
        assert run_once(orders(desk, settings, dry_run=True)).count == 1
        assert (states(desk), fake.service.asked) == (["waiting"], [])

    def test_a_limit_holds_for_the_whole_run(self, desk: Desk, fake: FakeStripe, settings: Settings) -> None:
        events = [event_of(f"evt_{n}", f"tr_{n}") for n in range(3)]
        desk.decide(lambda conn: record_events(conn, "stripe", events, came_by="webhook", now=NOW))
        for n in range(3, 6):
            fake.platform.emit(HAPPENED, {"id": f"tr_{n}"})
        assert run_once(orders(desk, settings, limit=4)).details["applied"] == 4
        assert len(effects(desk)) == 4

    def test_woken_by_webhooks_it_applies_at_once_and_does_not_read_the_list_each_time(
        self, desk: Desk, fake: FakeStripe, settings: Settings
    ) -> None:
        run_once(orders(desk, settings))
        before = listed(fake)
        for n in range(5):
            event = event_of(f"evt_{n}", f"tr_{n}")
            now = NOW + timedelta(seconds=n)
            with desk.engine.begin() as conn:
                record_events(conn, "stripe", [event], came_by="webhook", now=NOW)
            assert run_once(orders(desk, settings, now)).count == 1
        assert listed(fake) == before
        run_once(orders(desk, settings, NOW + MINUTE))
        assert listed(fake) == before + 1

    def test_a_stripe_that_is_away_fails_the_run_and_what_waits_is_applied_later(
        self, desk: Desk, fake: FakeStripe, settings: Settings
    ) -> None:
        fake.platform.emit(HAPPENED, {"id": "tr_1"})
        fake.stop()
        with pytest.raises(Exception, match="Stripe could not be asked"):
            run_once(orders(desk, settings))
        fake.start()
        assert run_once(orders(desk, settings, NOW + MINUTE)).details["applied"] == 1

    def test_a_time_that_nobody_can_read_any_more_is_said(
        self, desk: Desk, fake: FakeStripe, settings: Settings
    ) -> None:
        run_once(orders(desk, settings))
        fake.clock.advance(31 * DAY)
        note = run_once(orders(desk, settings, NOW + 31 * DAY)).details["note"]
        assert note == (
            "The provider no longer shows its events of 20 Nov 2026 11:50 UTC to 21 Nov 2026 12:00 UTC:"
            " reconcile finds the transfers of that time, its payments and refunds come by import."
        )


def test_an_event_that_comes_by_webhook_wakes_the_job(desk: Desk, settings: Settings) -> None:
    turns = Turns()
    job = Job(name="events", sentence="", run_once=turns.run_once, every_s=3_600)
    timetable = Timetable(Timed(desk.engine, settings, Clock(NOW), [job]))
    with witnessing(), running(timetable) as stop:
        turns.wait_for(1)
        listener = Listener(desk.engine, timetable, stop)
        listener.start()
        turns.wait_for(2)  # for what came while nobody listened
        desk.decide(
            lambda conn: record_events(conn, "stripe", [event_of("evt_1")], came_by="webhook", now=NOW)
        )
        turns.wait_for(3)
    listener.join(PATIENCE_S)
    assert timetable.stop(within_s=PATIENCE_S) == []
