"""What a person asks of the scheduler: one run at a time, told once how it ended; a pause with a reason and an end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from tests.building.jobs import job_order, job_pause
from tests.building.rows import DAY, NOW, change
from tests.db.law import bad_rows, proves, refused

ENDED = {"began_at": NOW, "ended_at": NOW}


@bad_rows(
    "job_order",
    ("order_begins_before_it_ends", {"ended_at": NOW, "count": 0}),
    ("order_ends_with_a_count_or_a_fault", ENDED),
    ("order_ends_with_a_count_or_a_fault", {"count": 0}),
    ("order_fails_or_counts", ENDED | {"count": 0, "fault": "the disk is full"}),
)
def test_an_order_that_contradicts_itself_is_refused(
    owner: Connection, rule: str, different: Mapping[str, object]
) -> None:
    with refused(owner, rule):
        job_order(owner, **different)


@proves("job_order.one_open_order_per_job")
def test_one_run_of_a_job_is_asked_for_at_a_time(owner: Connection) -> None:
    first = job_order(owner)
    job_order(owner, job="queue")
    with refused(owner, "one_open_order_per_job"):
        job_order(owner, dry_run=True)
    change(owner, "job_order", ENDED | {"count": 0}, "id = :id", id=first)
    job_order(owner)


@proves("job_order.order_ends_once", "order_ends_once")
@pytest.mark.parametrize("different", [{"count": 5}, {"fault": "late"}, {"ended_at": NOW + DAY}])
def test_how_a_run_ended_is_never_written_over(owner: Connection, different: dict[str, object]) -> None:
    made = job_order(owner, **ENDED, count=1)
    with refused(owner, "order_ends_once"):
        change(owner, "job_order", different, "id = :id", id=made)


@pytest.mark.parametrize("different", [{"job": "queue"}, {"dry_run": True}, {"asked_by": "user:eve"}])
def test_what_was_asked_for_stays(owner: Connection, different: dict[str, object]) -> None:
    made = job_order(owner)
    with refused(owner, "order_ends_once"):
        change(owner, "job_order", different, "id = :id", id=made)


@bad_rows(
    "job_pause",
    ("pause_has_a_reason", {"reason": "  "}),
    ("pause_has_an_end_within_a_week", {"until": NOW}),
    ("pause_has_an_end_within_a_week", {"until": NOW + timedelta(days=7, seconds=1)}),
    ("some_jobs_are_never_paused", {"job": "send"}),
    ("some_jobs_are_never_paused", {"job": "retry"}),
    ("some_jobs_are_never_paused", {"job": "resolve"}),
    ("some_jobs_are_never_paused", {"job": "reversals"}),
    ("some_jobs_are_never_paused", {"job": "check"}),
    ("pause_is_ended_by_somebody", {"ended_at": NOW}),
    ("pause_is_ended_by_somebody", {"ended_by": "user:ola"}),
)
def test_a_pause_without_reason_end_or_author_is_refused(
    owner: Connection, rule: str, different: Mapping[str, object]
) -> None:
    with refused(owner, rule):
        job_pause(owner, **different)


@proves("job_pause.one_open_pause_per_job")
def test_a_job_is_paused_once_at_a_time(owner: Connection) -> None:
    first = job_pause(owner)
    with refused(owner, "one_open_pause_per_job"):
        job_pause(owner)
    change(owner, "job_pause", {"ended_at": NOW, "ended_by": "user:ola"}, "id = :id", id=first)
    job_pause(owner)


@proves("job_pause.pause_ends_once", "pause_ends_once")
def test_a_pause_is_not_made_longer_and_its_end_is_not_taken_back(owner: Connection) -> None:
    made = job_pause(owner)
    with refused(owner, "pause_ends_once"):
        change(owner, "job_pause", {"until": NOW + 2 * DAY}, "id = :id", id=made)
    change(owner, "job_pause", {"ended_at": NOW, "ended_by": "user:ola"}, "id = :id", id=made)
    with refused(owner, "pause_ends_once"):
        change(owner, "job_pause", {"ended_at": None, "ended_by": None}, "id = :id", id=made)


@proves("job_order.job_order_is_kept", "job_pause.job_pause_is_kept")
@pytest.mark.parametrize("table", ["job_order", "job_pause"])
@pytest.mark.parametrize("act", ["DELETE FROM", "TRUNCATE"])
def test_what_was_asked_and_paused_is_kept(owner: Connection, act: str, table: str) -> None:
    job_order(owner)
    job_pause(owner)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(f"{act} {table}"))
