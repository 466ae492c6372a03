"""`python -m tests.bench.analytics`: how long the analysts' reads take on a desk of a year (tests/bench/filling.py)."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from sqlalchemy import Connection

from core.policy import Hold, Policy
from core.programs import current_policy, program_by_code
from core.reports.analytics import analytics
from core.reports.by_partner import by_partner, one_partner
from core.reports.cohorts import cohorts
from core.reports.fee_saving import fee_saving
from core.reports.owed import owed_by_age, waiting_by_age
from core.reports.period import last_days
from core.reports.runway import runway
from core.reports.simulator import simulate
from core.reports.speed import speed
from db.engine import app_role, make_engine
from tests.bench.filling import desk_of_a_year
from tests.bench.world import NOW

CALLS = 5


def measure(conn: Connection) -> None:
    """Print the median of each read."""
    month, year = last_days(conn, now=NOW, days=30), last_days(conn, now=NOW, days=365)
    quarter = last_days(conn, now=NOW, days=90)
    policy = current_policy(conn, program_by_code(conn, "creator").id, now=NOW).policy
    weekly = Policy.model_validate(
        policy.model_dump() | {"schedule": {"kind": "weekly", "weekday": 5}, "min_payout_minor": 2500}
    )
    longer = Policy.model_validate(policy.model_dump() | {"hold": Hold(days=14).model_dump()})
    reads: dict[str, Callable[[], object]] = {
        "money, 30 days": lambda: analytics(conn, now=NOW, masked=False, period=month),
        "money, a year": lambda: analytics(conn, now=NOW, masked=False, period=year),
        "owed by age": lambda: owed_by_age(conn, now=NOW),
        "waiting by age": lambda: waiting_by_age(conn, now=NOW),
        "success and speed, 30 days": lambda: speed(conn, month, currency="EUR"),
        "success and speed, a year": lambda: speed(conn, year, currency="EUR"),
        "by partner, 30 days": lambda: by_partner(conn, month, currency="EUR", masked=False),
        "by partner, a year": lambda: by_partner(conn, year, currency="EUR", masked=False),
        "one partner, a year": lambda: one_partner(conn, "P7", year, masked=False, longest_daily=90),
        "customers": lambda: cohorts(conn, now=NOW),
        "fees once a month, 90 days": lambda: fee_saving(
            conn, quarter, now=NOW, currency="EUR", masked=False, cadence="month"
        ),
        "fees by minimum, 90 days": lambda: fee_saving(
            conn, quarter, now=NOW, currency="EUR", masked=False, minimum_minor=50_000
        ),
        "cash": lambda: runway(conn, "simulator", now=NOW),
        "simulator, schedule and minimum": lambda: simulate(conn, "creator", weekly, now=NOW),
        "simulator, hold": lambda: simulate(conn, "creator", longer, now=NOW),
    }
    for name, read in reads.items():
        took = []
        for _ in range(CALLS):
            begun = time.perf_counter()
            read()
            took.append((time.perf_counter() - begun) * 1000)
        print(f"{name:<34}{median(took):>10,.0f} ms", flush=True)


def main() -> None:
    """Fill, measure, print."""
    with desk_of_a_year("python -m tests.bench.analytics", __doc__, now=NOW) as url:
        engine = make_engine(url, application_name="paydesk bench", role=app_role(url))
        with engine.connect() as conn:
            measure(conn)
        engine.dispose()


if __name__ == "__main__":
    main()
