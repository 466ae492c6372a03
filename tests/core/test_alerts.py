"""Rates over their limit: each from enough cases, and none a hair below it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from core.alerts import ENOUGH_A_DAY, ENOUGH_EVENTS, ENOUGH_PAYOUTS, rates_over_limit
from jobs.health import find_faults, standing_alerts
from tests import builders as b
from tests.building.rows import insert
from tests.desk import DAY, NOW


def names(conn: Connection) -> list[str]:
    return [rate.name for rate in rates_over_limit(conn, now=NOW)]


def events(conn: Connection, n: int, *, stuck: int) -> None:
    for ref in range(n):
        ended = (
            {"state": "stuck", "error": "no such charge"}
            if ref < stuck
            else {"state": "applied", "outcome": "done"}
        )
        values = {
            "provider": "stripe",
            "ref": f"evt_{ref}",
            "kind": "charge.refunded",
            "object_ref": "ch_1",
            "created_at": NOW,
            "received_at": NOW - timedelta(hours=1),
            "came_by": "webhook",
        }
        insert(conn, "provider_event", values | {"next_try_at": NOW})
        conn.execute(
            text(
                "UPDATE provider_event SET state = :state, next_try_at = NULL, ended_at = :now, error = :error,"
                " outcome = :outcome WHERE ref = :ref"
            ),
            {"error": "", "outcome": ""} | ended | {"now": NOW, "ref": f"evt_{ref}"},
        )


def paid_on(conn: Connection, program: int, days_ago: int, n: int) -> None:
    values = {"day": NOW.date() - timedelta(days=days_ago), "program_id": program, "measure": "paid"}
    insert(conn, "daily_total", values | {"n": n, "amount_minor": n * 100})


def test_a_calm_desk_has_no_rate_over_its_limit(owner: Connection) -> None:
    assert names(owner) == []


@pytest.mark.parametrize(
    ("n", "stuck", "found"),
    [(100, 2, []), (100, 3, ["webhook_failures"]), (ENOUGH_EVENTS - 1, ENOUGH_EVENTS - 1, [])],
)
def test_events_that_are_not_applied_are_over_two_per_cent_of_enough(
    owner: Connection, n: int, stuck: int, found: list[str]
) -> None:
    events(owner, n, stuck=stuck)
    assert names(owner) == found


@pytest.mark.parametrize(("yesterday", "found"), [(10, []), (9, ["volume_drop"]), (0, ["volume_drop"])])
def test_fewer_payouts_than_half_of_that_weekdays_are_a_drop(
    owner: Connection, yesterday: int, found: list[str]
) -> None:
    program = b.program(owner)
    for weeks in range(1, 5):
        paid_on(owner, program, 1 + 7 * weeks, 20)
    paid_on(owner, program, 2, 500)  # another weekday is no measure
    if yesterday:
        paid_on(owner, program, 1, yesterday)
    assert names(owner) == found


def test_a_desk_that_pays_a_few_has_no_volume_to_drop(owner: Connection) -> None:
    program = b.program(owner)
    for weeks in range(1, 5):
        paid_on(owner, program, 1 + 7 * weeks, ENOUGH_A_DAY - 1)
    assert names(owner) == []


@pytest.mark.parametrize(
    ("failed", "seconds", "found"), [(1, 20, []), (2, 20, ["failure_rate"]), (1, 31, ["slow_processing"])]
)
def test_failures_and_slowness_are_judged_by_the_payouts_that_ended(
    owner: Connection, failed: int, seconds: int, found: list[str]
) -> None:
    """Of twenty payouts one failed is 5 %, which is the limit; two are over it."""
    ended(owner, ENOUGH_PAYOUTS, failed=failed, seconds=seconds)
    assert names(owner) == found


def ended(conn: Connection, n: int, *, failed: int, seconds: int) -> None:
    """Payouts that ended half an hour ago, so many seconds after they were sent: rows alone, without their ledger."""
    program = b.program(conn)
    partner = b.partner(conn, program)
    for table in ("payout", "attempt"):
        conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    for one in range(n):
        payout = b.payout_row(conn, partner, 100)
        at = NOW - timedelta(minutes=30)
        conn.execute(
            text(
                "UPDATE payout SET status = :status, processed_at = :at, reason_code = 'x', reason = 'x' WHERE id = :id"
            ),
            {"status": "failed" if one < failed else "paid", "at": at, "id": payout},
        )
        b.attempt(conn, payout, first_sent_at=at - timedelta(seconds=seconds))


def test_a_rate_over_its_limit_is_a_fault_and_an_alert_with_its_figures(owner: Connection) -> None:
    events(owner, 100, stuck=10)
    assert "webhook_failures" in [fault.name for fault in find_faults(owner, now=NOW, books_note="")]
    standing = standing_alerts(owner, now=NOW)
    assert standing["webhook_failures"] == {"found": 10.0, "limit": 2}
    assert "scheduler_silent" not in standing
    assert names(owner) == ["webhook_failures"]
    assert [rate.name for rate in rates_over_limit(owner, now=NOW + 2 * DAY)] == []
