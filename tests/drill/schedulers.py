"""Two schedulers at once on one database and one Stripe, as real processes; one of them is killed, a third takes its place.

Everything is done once. Where one dies with calls in flight, the others ask for them again under the same keys.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.drill.databases import name_of
from tests.drill.desks import Place, approved, left, place
from tests.drill.report import Report, scenario
from tests.drill.workers import ROOT
from tests.stripe.rails import TEST_KEY
from tests.stripe.service import Asked, Reply

LOST = 5
WITHIN_S = 240
LOOK_EVERY_S = 0.05
SERVED_TWICE = "SELECT job FROM job_run WHERE slot IS NOT NULL AND ok GROUP BY job, slot HAVING count(*) > 1"


def run(seed: int, *, quick: bool) -> Report:
    """Let two schedulers send a backlog; in the long drill some answers get lost, and one scheduler is killed."""
    count, chance = (20, Random(seed)) if quick else (200, Random(seed))
    with scenario("schedulers", seed, quick=quick) as report, place(pool_size=10) as here:
        approved(here.desk, count)
        if not quick:
            lose_some(here, chance)
        reached = called(here, count // 4)
        with scheduler(here) as first, scheduler(here) as second:
            assert reached.wait(WITHIN_S), "nothing was sent"
            if not quick:
                first.kill()
                first.wait()
                here.end_leases()
                with scheduler(here) as third:
                    waits_until_sent(here)
                    assert ends_well(third), "the third did not end well"
            waits_until_sent(here)
            assert ends_well(second), "the second did not end well"
            assert quick is False or ends_well(first), "the first did not end well"
        figures = here.ends()
        assert figures["paid"] == figures["transfers"] == count, figures
        failed = here.desk.column("SELECT job || ': ' || error FROM job_run WHERE NOT ok")
        assert not failed, f"runs of jobs that failed: {failed}"
        assert here.desk.column(SERVED_TWICE) == [], "a slot was served twice"
        report.add(schedulers=2 if quick else 3, payouts=count)
    return report


@contextmanager
def scheduler(here: Place) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler as it is started by a person, on this desk, through Stripe."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PAYDESK", "STRIPE"))
    }
    environment |= {
        "DATABASE_URL": here.url,
        "PAYDESK_ENV": "test",
        "PAYDESK_DATA_DIR": str(here.desk.folder / name_of(here.url)),
        "PAYDESK_HTTP_PORT": str(free_port()),
        "PAYDESK_PROVIDER": "stripe",
        "STRIPE_SECRET_KEY": TEST_KEY,
        "STRIPE_ACCOUNT_ID": "acct_platform",
        "STRIPE_API_BASE": here.fake.url,
    }
    with (here.desk.folder / "schedulers.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "--now", here.now.isoformat()],
            cwd=ROOT,
            env=environment,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def ends_well(process: subprocess.Popen[bytes]) -> bool:
    """Ask it to end and tell whether it did, with nothing left undone."""
    process.send_signal(signal.SIGTERM)
    return process.wait(120) == 0


def lose_some(here: Place, chance: Random) -> None:
    """Lose the answers of some calls, never many in a row."""
    keys = here.desk.column("SELECT 'po_' || ref || '_1' FROM payout ORDER BY id")
    for key in chance.sample(keys, LOST):
        here.fake.fault("drop_after", key=key)


def called(here: Place, times: int) -> threading.Event:
    """Return what is set when so many transfers have been asked for."""
    reached, answer = threading.Event(), here.fake.service.answer

    def counted(asked: Asked) -> Reply:
        reply = answer(asked)
        if len(here.fake.asked("POST", "/v1/transfers")) >= times:
            reached.set()
        return reply

    here.fake.service.answer = counted  # type: ignore[method-assign]
    return reached


def waits_until_sent(here: Place) -> None:
    """Come back when nothing approved is left to send."""
    looking, until = threading.Event(), time.monotonic() + WITHIN_S
    while still := left(here.desk):
        assert time.monotonic() < until, f"{still} payouts were not sent: {log_of(here)}"
        looking.wait(LOOK_EVERY_S)


def log_of(here: Place) -> str:
    """The end of what the schedulers wrote."""
    return (here.desk.folder / "schedulers.log").read_text()[-3000:]
