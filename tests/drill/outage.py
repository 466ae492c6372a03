"""A day without Stripe: sending is tried through it, nothing fails or is given up meanwhile, and the backlog drains after.

Some calls were in flight when it went away, their answers lost. When it is back every payout is paid once, with no
more calls than the policy allows.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from random import Random

from core.providers.stripe_answers import StripeRefused
from core.resolving import resolve_due
from core.sending import send_due
from tests.desk import HOUR
from tests.drill.desks import Place, approved, left, place
from tests.drill.report import Report, scenario
from tests.stripe.rails import Seconds

MINUTE = timedelta(minutes=1)
STEPS = [MINUTE] * 5 + [5 * MINUTE] * 11 + [HOUR] * 25
QUICK_STEPS = [MINUTE] * 5 + [11 * MINUTE] * 5 + [5 * HOUR] * 5
IN_FLIGHT = 6
# Asked again at 1, 5, 15 minutes and every hour from then on, within the key's life: what one silent key may cost.
ASKED_AGAIN = 30
# Until what Stripe never got is in people's hands: past the key's life, three looks over an hour.
HOURS_AFTER = 8
MINUTES_AFTER = 30


def run(seed: int, *, quick: bool) -> Report:
    """Approve a backlog, take Stripe away for 26 hours, give it back; `seed` picks whose answers were lost."""
    count = 50 if quick else 1_000
    with scenario("outage", seed, quick=quick) as report, place(pool_size=10) as here:
        payouts = approved(here.desk, count)
        seconds = Seconds()
        lost = goes_away(here, Random(seed), payouts)
        tries = tried_through(here, seconds, steps=QUICK_STEPS if quick else STEPS)
        here.fake.start()
        before = posts(here)
        minutes = 0
        while left(here.desk) > IN_FLIGHT:  # those are asked about by the hour
            assert minutes < MINUTES_AFTER, f"{left(here.desk)} payouts still wait"
            sends(here, seconds)
            here.pass_time(MINUTE)
            minutes += 1
        for _ in range(HOURS_AFTER):
            sends(here, seconds)
            here.pass_time(HOUR)
        figures = here.ends()
        # Never asked for again: what Stripe got is found, what it never got waits for two people.
        assert figures["paid"] == figures["transfers"] == count - lost["drop_before"], figures
        assert figures["for_people"] == lost["drop_before"], figures
        # One call each after the outage, and none for a key that may be forgotten.
        assert posts(here) - before == count - sum(lost.values()), "more calls than payouts to send"
        calls = here.desk.scalar("SELECT count(*) FROM attempt_call WHERE what = 'send'")
        assert isinstance(calls, int)
        assert calls <= count + ASKED_AGAIN * IN_FLIGHT, f"{calls} calls for {count} payouts"
        report.add(
            payouts=count,
            tries=tries,
            calls=calls,
            for_people=figures["for_people"],
        )
    return report


def goes_away(here: Place, chance: Random, payouts: list[int]) -> Counter[str]:
    """Send a few whose answers get lost, then stop Stripe; return how many got lost before and after it was done."""
    lost: Counter[str] = Counter()
    for payout in chance.sample(payouts, IN_FLIGHT):
        kind = "drop_after" if lost["drop_after"] <= lost["drop_before"] else "drop_before"
        here.fake.fault(kind)  # type: ignore[arg-type]
        assert send_due(here.desk.engine, here.rail(), now=here.now, only=payout).unknown == 1
        lost[kind] += 1
    here.fake.stop()
    return lost


def tried_through(here: Place, seconds: Seconds, *, steps: list[timedelta]) -> int:
    """Try to send and to ask through the outage, as the jobs do, and assert that nothing moves; return the tries."""
    before, statuses = here.agrees(quiescent=False), statuses_of(here)
    attempts = here.desk.scalar("SELECT count(*) FROM attempt")
    for step in steps:
        here.pass_time(step)
        sends(here, seconds)
        assert statuses_of(here) == statuses, f"something moved without Stripe: {statuses_of(here)}"
    assert here.desk.scalar("SELECT count(*) FROM attempt") == attempts, "claimed without Stripe"
    assert here.agrees(quiescent=False) == before
    return len(steps)


def sends(here: Place, seconds: Seconds) -> None:
    """One turn of both jobs."""
    seconds.now_s += 3_600  # what the rail knows of the balance grows old
    rail = here.rail(seconds)
    with suppress(StripeRefused):
        send_due(here.desk.engine, rail, now=here.now)
    resolve_due(here.desk.engine, rail, now=here.now)


def statuses_of(here: Place) -> Counter[object]:
    """How many payouts stand where."""
    return Counter(here.desk.column("SELECT status FROM payout"))


def posts(here: Place) -> int:
    """Every call that could have moved money."""
    return len(here.fake.asked("POST", "/v1/transfers"))
