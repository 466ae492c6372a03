"""What the analysts read is counted with the change, and equals what a scan would say."""

from datetime import date

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, proves, refused

OPEN = text("""
    SELECT day, kind, sum(n)::int AS n, sum(amount_minor)::bigint AS amount_minor FROM open_total
     WHERE program_id = :id GROUP BY day, kind HAVING sum(n) <> 0 OR sum(amount_minor) <> 0 ORDER BY day, kind
""")
SCANNED = text("""
    SELECT (o.release_at AT TIME ZONE g.zone)::date AS day,
           CASE WHEN o.amount_minor < 0 THEN 'debt' WHEN o.on_hold THEN 'on_hold' ELSE 'open' END AS kind,
           count(*)::int AS n, sum(o.amount_minor)::bigint AS amount_minor
      FROM open_item o JOIN partner r ON r.id = o.partner_id JOIN program g ON g.id = r.program_id
     WHERE g.id = :id GROUP BY 1, 2 ORDER BY 1, 2
""")
WAITS = text("""
    SELECT day, measure, at_least_s, sum(n)::int AS n, sum(seconds)::bigint AS seconds FROM daily_wait
     WHERE program_id = :id GROUP BY 1, 2, 3 ORDER BY measure, at_least_s
""")


def rows(conn: Connection, query: object, program: int) -> list[tuple[object, ...]]:
    return [tuple(row) for row in conn.execute(query, {"id": program})]  # type: ignore[call-overload]


@proves(
    "open_item.total_new_open_items", "open_item.total_closed_open_items", "open_item.total_moved_open_items"
)
def test_what_is_open_is_totalled_by_the_day_it_may_be_paid_from_after_every_step(owner: Connection) -> None:
    program = b.program(owner, zone="America/New_York")
    ana = b.partner(owner, program)
    sold = [b.earning(owner, ana, amount) for amount in (100, 200, 300)]
    b.earning(owner, ana, -40, kind="deduction")
    assert rows(owner, OPEN, program) == rows(owner, SCANNED, program)
    owner.execute(text("UPDATE open_item SET on_hold = true WHERE earning_id = :id"), {"id": sold[0]})
    owner.execute(
        text("UPDATE open_item SET release_at = release_at - interval '3 days' WHERE earning_id = :id"),
        {"id": sold[1]},
    )
    assert len(rows(owner, OPEN, program)) == 4
    assert rows(owner, OPEN, program) == rows(owner, SCANNED, program)
    b.payout(owner, ana, sold[2:])
    assert rows(owner, OPEN, program) == rows(owner, SCANNED, program)
    before = rows(owner, OPEN, program)
    owner.execute(text("SELECT fold_totals()"))
    assert rows(owner, OPEN, program) == before
    assert owner.execute(text("SELECT count(*) FROM open_total")).scalar_one() == len(before)


@proves("payout.time_to_pay")
def test_how_long_money_waited_is_kept_on_the_day_it_was_paid(owner: Connection) -> None:
    program = b.program(owner)
    ana = b.partner(owner, program)
    sold = [
        b.earning(owner, ana, 100, occurred_at=b.NOW - 8 * b.DAY),
        b.earning(owner, ana, 200, occurred_at=b.NOW - b.DAY / 2),
        b.earning(owner, ana, -10, kind="deduction", occurred_at=b.NOW - 90 * b.DAY),
    ]
    payout = b.payout(owner, ana, sold)
    b.approve(owner, payout)
    b.claim(owner, payout)
    assert rows(owner, WAITS, program) == []
    b.pay(owner, payout)
    day = 24 * 3600
    earned = [row for row in rows(owner, WAITS, program) if row[1] == "earned"]
    assert earned == [
        (date(2026, 3, 2), "earned", 4 * 3600, 1, day // 2),
        (date(2026, 3, 2), "earned", 7 * day, 1, 8 * day),
    ]
    approved = [row for row in rows(owner, WAITS, program) if row[1] == "approved"]
    assert [row[3] for row in approved] in ([], [1])
    before = rows(owner, WAITS, program)
    b.set_status(owner, payout, "paid", priority="high")  # no move, no count
    owner.execute(text("SELECT fold_totals()"))
    assert rows(owner, WAITS, program) == before


@pytest.mark.parametrize(
    ("seconds", "least"),
    [(-1, 0), (0, 0), (59, 0), (60, 60), (86_399, 14_400), (86_400, 86_400), (10**9, 7_776_000)],
)
def test_a_wait_falls_in_the_class_that_begins_at_or_before_it(
    owner: Connection, seconds: int, least: int
) -> None:
    assert owner.execute(text("SELECT wait_class(:s)"), {"s": seconds}).scalar_one() == least


@bad_rows("daily_wait", ("declared_wait", {"measure": "joy"}))
def test_a_wait_is_of_a_declared_measure(owner: Connection, rule: str, different: dict[str, object]) -> None:
    good = {
        "day": date(2026, 3, 1),
        "program_id": 1,
        "measure": "earned",
        "at_least_s": 0,
        "n": 1,
        "seconds": 1,
    }
    with refused(owner, rule):
        b.insert(owner, "daily_wait", good | different)
    b.insert(owner, "daily_wait", good)


@bad_rows("open_total", ("declared_open_kind", {"kind": "joy"}))
def test_an_open_total_is_of_a_declared_kind(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    good = {"program_id": 1, "day": date(2026, 3, 1), "kind": "open", "n": 1, "amount_minor": 1}
    with refused(owner, rule):
        b.insert(owner, "open_total", good | different)
    b.insert(owner, "open_total", good)
