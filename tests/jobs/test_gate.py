"""The gate of a real process: what keeps it shut stands in health, and one look serves all jobs of the process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.settings import Settings
from jobs.clock import Clock
from jobs.health import find_faults
from jobs.job import all_jobs
from jobs.provider import stripe_rail
from jobs.timetable import Desk as Scheduler
from tests.desk import NOW, open_desk
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import moved

JOBS = [all_jobs()[name] for name in ("send", "resolve")]


def settings(fake: FakeStripe, account: str = "acct_platform") -> Settings:
    return Settings.from_env(
        {
            "PAYDESK_ENV": "test",
            "PAYDESK_PROVIDER": "stripe",
            "STRIPE_SECRET_KEY": "sk_test_of_the_platform",
            "STRIPE_ACCOUNT_ID": account,
            "STRIPE_API_BASE": fake.url,
        }
    )


def sentences(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        return [fault.sentence for fault in find_faults(conn, now=NOW, books_note="")]


@pytest.fixture(autouse=True)
def _own_rail() -> None:
    stripe_rail.cache_clear()


def test_a_key_of_another_account_is_a_fault_from_the_first_second(engine: Engine, tmp_path: Path) -> None:
    open_desk(engine, tmp_path)
    with FakeStripe(at=NOW, any_account=True) as fake:
        run = Scheduler(engine, settings(fake, "acct_other"), Clock(NOW), JOBS).turn(JOBS[0])

    assert run is not None
    assert run.fault is not None
    said = "The API key belongs to acct_platform, not to acct_other as STRIPE_ACCOUNT_ID says."
    assert any(said in sentence for sentence in sentences(engine))


def test_a_provider_that_cannot_be_asked_is_a_fault_and_is_over_with_its_first_answer(
    engine: Engine, tmp_path: Path
) -> None:
    desk = open_desk(engine, tmp_path)
    payout = desk.approved()
    with FakeStripe(at=NOW, any_account=True) as fake:
        scheduler = Scheduler(engine, settings(fake), Clock(NOW), JOBS)
        fake.stop()
        scheduler.turn(JOBS[0])
        assert any("Stripe could not be asked" in sentence for sentence in sentences(engine))
        assert (desk.status(payout), moved(fake)) == ("approved", [])

        fake.start()
        scheduler.turn(JOBS[0])

        assert (desk.status(payout), moved(fake)) == ("paid", [24_75])
        assert not any("Stripe" in sentence for sentence in sentences(engine))


def test_one_look_serves_every_job_of_the_process(engine: Engine, tmp_path: Path) -> None:
    open_desk(engine, tmp_path)
    with FakeStripe(at=NOW, any_account=True) as fake:
        for _ in range(3):
            for job in JOBS:
                Scheduler(engine, settings(fake), Clock(NOW + timedelta(minutes=1)), JOBS).turn(job)

        assert len(fake.asked("GET", "/v1/transfers")) == 1
