"""Many transfers without an answer, pushed past the life of their keys: Stripe has forgotten the keys by then.

From 23 hours on nothing is sent for them again; each is looked up by its group. What is found is adopted, also when
lists lag behind; what is absent waits for two people, and is paid by a new attempt once they have agreed.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

from core.proposals import confirm, propose
from core.resolving import resolve_due
from core.sending import send_due
from tests.core.agreeing import ODA
from tests.desk import HOUR, OLA
from tests.drill.desks import Place, approved, place
from tests.drill.report import Report, scenario

PAST = 25 * HOUR
LAG = timedelta(hours=25, minutes=30)
PROVED_BY_PEOPLE = 10


def run(seed: int, *, quick: bool) -> Report:
    """Lose every answer, half of them after the transfer was made; `seed` picks which."""
    count = 30 if quick else 1_000
    with scenario("unknowns", seed, quick=quick) as report, place(pool_size=10) as here:
        payouts = approved(here.desk, count)
        made = lose_every_answer(here, Random(seed), payouts)
        posts = len(here.fake.asked("POST", "/v1/transfers"))
        assert posts == count

        here.pass_time(PAST)
        here.fake.platform.list_lag = LAG  # made a day ago, and still not in the lists
        looks(here)
        assert statuses(here) == Counter({"processing": count}), "adopted what no list has shown"
        here.agrees(quiescent=False)
        for _ in range(4):
            here.pass_time(HOUR)
            looks(here)
        figures = here.ends()

        assert len(here.fake.asked("POST", "/v1/transfers")) == posts, (
            "sent again under a key that is forgotten"
        )
        groups = Counter(
            asked.params.get("transfer_group") for asked in here.fake.asked("GET", "/v1/transfers")
        )
        assert len(groups) == count, f"looked up {len(groups)} of {count} groups"
        assert figures["paid"] == figures["transfers"] == made, figures
        assert figures["for_people"] == count - made, figures
        again = paid_after_two_people_agreed(here)
        report.add(unknown=count, adopted=made, for_people=count - made, paid_again=again)
    return report


def lose_every_answer(here: Place, chance: Random, payouts: list[int]) -> int:
    """Send every payout without an answer and return how many Stripe made."""
    kinds = [chance.choice(("drop_after", "drop_before", "half_body")) for _ in payouts]
    for kind in kinds:
        here.fake.fault(kind)  # type: ignore[arg-type]
    rail = here.rail()
    # One by one, as a person asks for them: a run of the sender leaves a silent provider alone after a handful.
    unknown = sum(send_due(here.desk.engine, rail, now=here.now, only=payout).unknown for payout in payouts)
    assert unknown == len(payouts), unknown
    made = len(here.fake.books())
    assert made == len(payouts) - kinds.count("drop_before")
    return made


def looks(here: Place) -> None:
    """One turn of both jobs."""
    send_due(here.desk.engine, here.rail(), now=here.now)
    resolve_due(here.desk.engine, here.rail(), now=here.now)


def statuses(here: Place) -> Counter[object]:
    """How many payouts stand where."""
    return Counter(here.desk.column("SELECT status FROM payout"))


def paid_after_two_people_agreed(here: Place) -> int:
    """Let two people call some absent, and assert that each of those is then paid once; return how many."""
    waiting = here.desk.column("SELECT payout_id FROM attempt WHERE state = 'unknown' ORDER BY 1")
    agreed = [int(str(payout)) for payout in waiting[:PROVED_BY_PEOPLE]]
    for payout in agreed:
        proposal = here.desk.decide(
            lambda conn, payout=payout: propose(  # type: ignore[misc]
                conn, "proved_absent", ids=[payout], why="not there", actor=OLA, now=here.now
            )
        )
        here.desk.decide(
            lambda conn, proposal=proposal: confirm(conn, proposal, actor=ODA, now=here.now)  # type: ignore[misc]
        )
    before = here.agrees()["transfers"]
    looks(here)
    figures = here.ends()
    assert figures["transfers"] - before == len(agreed)
    assert {here.desk.status(payout) for payout in agreed} <= {"paid"}
    return len(agreed)
