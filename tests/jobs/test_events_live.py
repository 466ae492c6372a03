"""A scheduler of its own process: what Stripe posts is applied within seconds, also after it was killed in between."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from jobs.webhook import PATH
from tests.browser.desk import ROOT, environment, free_port
from tests.stripe.fake import FakeStripe
from tests.stripe.posting import Endpoint, Postman

SECRET = "whsec_of_the_platform"
PATIENCE_S = 120


@contextmanager
def scheduler(database: str, folder: Path, fake: FakeStripe, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler at work that answers; killed at the end, as a machine that loses power."""
    environ = environment(
        database,
        folder,
        PAYDESK_HTTP_PORT=str(port),
        PAYDESK_PROVIDER="stripe",
        STRIPE_SECRET_KEY="sk_test_of_the_platform",
        STRIPE_ACCOUNT_ID="acct_platform",
        STRIPE_API_BASE=fake.url,
        STRIPE_WEBHOOK_SECRETS=SECRET,
    )
    with (folder / "scheduler.log").open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs"], cwd=ROOT, env=environ, stdout=output, stderr=output
        )
        try:
            until = time.monotonic() + PATIENCE_S
            while not answers(port):
                assert process.poll() is None, (folder / "scheduler.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False


def states(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        found = conn.execute(text("SELECT came_by || ' ' || state FROM provider_event ORDER BY ref"))
        return list(found.scalars())


def until_all_applied(engine: Engine, count: int) -> float:
    """Wait until so many events stand, all of them at their end, and return how long it took in seconds."""
    began = time.monotonic()
    while len(told := states(engine)) < count or any(one.endswith("waiting") for one in told):
        assert time.monotonic() < began + PATIENCE_S, told
        time.sleep(0.05)
    return time.monotonic() - began


def test_what_stripe_posts_is_applied_within_seconds_and_survives_the_process(
    database: str, engine: Engine, tmp_path: Path
) -> None:
    port = free_port()
    with FakeStripe() as fake:
        fake.platform.add_account("acct_1")
        fake.platform.event_lag = timedelta(days=31)  # by webhook alone
        url = f"http://127.0.0.1:{port}{PATH}"
        postman = Postman(fake, [Endpoint(url=url, secret=SECRET)])

        def happen() -> None:
            fake.platform.create_transfer(
                {"amount": "100", "currency": "usd", "destination": "acct_1"}, key=None
            )
            assert [postman.deliver(post) for post in postman.collect()] == [200]
            postman.queue.clear()

        with scheduler(database, tmp_path, fake, port):
            happen()
            until_all_applied(engine, 1)
            took_s = []
            for n in range(3):
                happen()
                took_s.append(until_all_applied(engine, n + 2))
            assert min(took_s) < 20, took_s  # the job's own turn comes once a minute
            happen()
        with scheduler(database, tmp_path, fake, port):
            until_all_applied(engine, 5)
    assert states(engine) == ["webhook applied"] * 5
