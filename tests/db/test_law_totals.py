"""Counters and daily totals: written with the change, equal to what a scan would say."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, proves, refused

COUNTED = text("""
    SELECT status, sum(n)::int AS n, sum(amount_minor)::bigint AS gross, sum(net_minor)::bigint AS net
      FROM payout_counter GROUP BY status HAVING sum(n) <> 0 ORDER BY status
""")
SCANNED = text("""
    SELECT status, count(*)::int AS n, sum(amount_minor)::bigint AS gross, sum(net_minor)::bigint AS net
      FROM payout GROUP BY status ORDER BY status
""")
TOTALS = text("""
    SELECT measure, day, sum(n)::int AS n, sum(amount_minor)::bigint AS amount_minor FROM daily_total
     WHERE program_id = :id GROUP BY measure, day ORDER BY measure, day
""")


def counted(conn: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in conn.execute(COUNTED)]


def totals(conn: Connection, program: int) -> dict[tuple[str, date], tuple[int, int]]:
    return {
        (row.measure, row.day): (row.n, row.amount_minor) for row in conn.execute(TOTALS, {"id": program})
    }


@proves("payout.count_new_payouts", "payout.count_moved_payouts")
def test_counters_equal_a_scan_after_every_step(owner: Connection) -> None:
    ana = b.partner(owner, b.program(owner))
    steps = []
    payouts = [
        b.payout(owner, ana, [b.earning(owner, ana, amount)], fee_minor=5) for amount in (100, 200, 300, 400)
    ]
    steps.append(counted(owner))
    assert steps[-1] == [("pending", 4, 1000, 980)]
    b.end(owner, payouts[0], "rejected")
    for payout in payouts[1:]:
        b.approve(owner, payout)
    b.claim(owner, payouts[1])
    b.pay(owner, payouts[1])
    b.claim(owner, payouts[2])
    b.end_attempt(owner, payouts[2], "declined", error_class="account")
    b.end(owner, payouts[2], "failed")
    assert counted(owner) == [tuple(row) for row in owner.execute(SCANNED)]
    assert counted(owner) == [
        ("approved", 1, 400, 395),
        ("failed", 1, 300, 295),
        ("paid", 1, 200, 195),
        ("rejected", 1, 100, 95),
    ]
    before = counted(owner)
    b.set_status(owner, payouts[3], "approved", priority="high")  # no move, no count
    owner.execute(text("SELECT fold_totals()"))
    assert counted(owner) == before
    assert owner.execute(text("SELECT count(*) FROM payout_counter")).scalar_one() == len(before)


@proves("sale.total_sales", "earning.total_earnings")
def test_daily_totals_stand_on_the_day_of_the_programs_zone(owner: Connection) -> None:
    program = b.program(owner, zone="America/New_York")
    ana = b.partner(owner, program)
    late_evening = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)  # still 1 March in New York
    b.sale(owner, ana, 500, occurred_at=late_evening)
    b.sale(owner, ana, -70, kind="deduction", occurred_at=late_evening)
    sold = b.fact(owner, ana, 450, fee_minor=50, occurred_at=late_evening)
    b.fact(owner, ana, -150, kind="clawback", corrects_id=sold, occurred_at=late_evening)
    b.fact(owner, ana, -30, kind="carry_out", corrects_id=sold, occurred_at=late_evening)
    b.fact(owner, ana, 30, kind="carry_in", corrects_id=sold, occurred_at=late_evening)
    b.fact(owner, ana, 99, kind="return", occurred_at=late_evening)
    day = date(2026, 3, 1)
    found = totals(owner, program)
    assert found[("revenue", day)] == (1, 500)
    assert found[("earned", day)] == (2, 300)  # a correction is netted; carries and returns are no income
    assert found[("platform_fee", day)][1] == 50


def test_paid_and_failed_stand_on_the_day_they_ended(owner: Connection) -> None:
    program = b.program(owner, zone="Asia/Tokyo")
    ana = b.partner(owner, program)
    paid, failed = (
        b.payout(owner, ana, [b.earning(owner, ana, amount)], fee_minor=10) for amount in (300, 200)
    )
    borne = b.payout(owner, ana, [b.earning(owner, ana, 100)], platform_cost_minor=25)
    for payout in (paid, failed, borne):
        b.approve(owner, payout)
        b.claim(owner, payout)
    b.pay(owner, paid)
    b.pay(owner, borne)
    b.end_attempt(owner, failed, "declined", error_class="instruction")
    b.end(owner, failed, "failed")
    day = date(2026, 3, 2)
    found = totals(owner, program)
    assert found[("paid", day)] == (2, 400)
    assert found[("payout_fee", day)] == (2, 10)
    assert found[("payout_cost", day)] == (1, 25)
    assert found[("failed", day)] == (1, 200)
    owner.execute(text("SELECT fold_totals()"))
    assert totals(owner, program) == found


@bad_rows("daily_total", ("declared_measure", {"measure": "joy"}))
def test_a_total_is_of_a_declared_measure(owner: Connection, rule: str, different: dict[str, object]) -> None:
    good = {"day": date(2026, 3, 1), "program_id": 1, "measure": "revenue", "n": 1, "amount_minor": 1}
    with refused(owner, rule):
        b.insert(owner, "daily_total", good | different)
    b.insert(owner, "daily_total", good)


@proves("heartbeat.heartbeat_pkey", "skip.skip_pkey")
@pytest.mark.parametrize("table", ["heartbeat", "skip"])
def test_a_job_has_one_heartbeat_and_a_partner_one_skip_per_run(owner: Connection, table: str) -> None:
    rows: dict[str, dict[str, object]] = {
        "heartbeat": {"job": "queue", "beat_at": b.NOW},
        "skip": {
            "run_id": 1,
            "partner_id": b.partner(owner, b.program(owner)),
            "slot": b.NOW,
            "reason": "below_minimum",
            "at": b.NOW,
        },
    }
    b.insert(owner, table, rows[table])
    with refused(owner, f"{table}_pkey"):
        b.insert(owner, table, rows[table])
