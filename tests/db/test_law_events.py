"""Events: written down once, ended once with what was done, and never told otherwise afterwards."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building.events import end_event, gap, told
from tests.db.law import bad_rows, proves, refused, state

LONG = "x" * 256


@bad_rows(
    "provider_event",
    ("event_has_a_ref", {"ref": ""}),
    ("event_has_a_ref", {"ref": LONG}),
    ("event_has_a_kind", {"kind": "reversed"}),
    ("event_has_a_kind", {"kind": "Transfer.reversed"}),
    ("event_has_a_kind", {"kind": f"transfer.{LONG}"}),
    ("event_names_its_object", {"object_ref": ""}),
    ("event_names_its_object", {"object_ref": LONG}),
    ("event_names_an_account", {"account": ""}),
    ("event_names_an_account", {"account": LONG}),
    ("declared_event_way", {"came_by": "fax"}),
    ("waiting_event_has_its_turn", {"next_try_at": None}),
    ("event_ends_at_an_instant", {"ended_at": b.NOW}),
)
def test_an_event_says_what_it_is_about(owner: Connection, rule: str, different: dict[str, object]) -> None:
    with refused(owner, rule):
        told(owner, **different)
    told(owner)


@proves("event_begins_waiting")
@pytest.mark.parametrize(
    "different",
    [
        {"tries": 1},
        {"state": "applied", "next_try_at": None, "ended_at": b.NOW, "outcome": "done"},
    ],
)
def test_an_event_begins_waiting_and_untried(owner: Connection, different: dict[str, object]) -> None:
    with refused(owner, "event_begins_waiting"):
        told(owner, **different)
    told(owner)


@proves("provider_event.provider_event_pkey")
def test_an_event_is_written_down_once_per_provider(owner: Connection) -> None:
    told(owner)
    with refused(owner, "provider_event_pkey"):
        told(owner, came_by="poll")
    told(owner, provider="other")


@bad_rows(
    "provider_event",
    ("declared_event_state", {"state": "odd"}),
    ("event_tries_are_counted", {"tries": -1}),
    ("waiting_event_has_its_turn", {"next_try_at": b.NOW}),
    ("event_ends_at_an_instant", {"ended_at": None}),
    ("event_end_says_what_was_done", {"outcome": ""}),
    ("event_end_says_what_was_done", {"state": "ignored", "outcome": ""}),
    ("stuck_event_says_why", {"state": "stuck", "outcome": "", "error": ""}),
)
def test_an_event_ends_with_what_was_done_or_why_not(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    told(owner)
    with refused(owner, rule):
        end_event(owner, **different)
    end_event(owner)


@proves("provider_event.event_is_applied_once", "event_is_applied_once")
@pytest.mark.parametrize("ended", ["applied", "ignored"])
@pytest.mark.parametrize(
    "act",
    [
        "state = 'waiting', next_try_at = now(), ended_at = NULL",
        "state = 'stuck', error = 'no'",
        "outcome = 'something else'",
        "tries = 9",
    ],
)
def test_an_event_that_was_applied_never_changes_again(owner: Connection, ended: str, act: str) -> None:
    told(owner)
    end_event(owner, state=ended)
    with refused(owner, "event_is_applied_once"):
        owner.execute(text(f"UPDATE provider_event SET {act}"))  # noqa: S608


@proves("event_is_frozen")
@pytest.mark.parametrize(
    "change",
    [
        "provider = 'other'",
        "ref = 'evt_2'",
        "kind = 'transfer.created'",
        "object_ref = 'tr_2'",
        "account = 'acct_2'",
        "created_at = now()",
        "received_at = now()",
        "came_by = 'poll'",
    ],
)
def test_what_was_told_never_changes(owner: Connection, change: str) -> None:
    told(owner)
    with refused(owner, "event_is_frozen"):
        owner.execute(text(f"UPDATE provider_event SET {change}"))  # noqa: S608


@proves("stuck_event_waits_again_first")
def test_a_stuck_event_waits_again_before_it_is_applied(owner: Connection) -> None:
    told(owner)
    end_event(owner, state="stuck", outcome="", error="no such payout")
    with refused(owner, "stuck_event_waits_again_first"):
        end_event(owner)
    again = "UPDATE provider_event SET state = 'waiting', next_try_at = now(), ended_at = NULL"
    owner.execute(text(again))
    end_event(owner)


@proves("provider_event.event_is_kept", "event_gap.history")
@pytest.mark.parametrize(
    "act",
    [
        "DELETE FROM provider_event",
        "TRUNCATE provider_event",
        "UPDATE event_gap SET until = until + interval '1 day'",
        "DELETE FROM event_gap",
        "TRUNCATE event_gap",
    ],
)
def test_what_was_told_and_what_was_missed_is_kept(owner: Connection, act: str) -> None:
    told(owner)
    gap(owner)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))


@bad_rows("event_gap", ("gap_of_some_time", {"since": b.NOW}))
def test_a_gap_is_of_some_time(owner: Connection, rule: str, different: dict[str, object]) -> None:
    with refused(owner, rule):
        gap(owner, **different)
    gap(owner)


@proves("event_watermark.event_watermark_pkey")
def test_there_is_one_watermark_per_account(owner: Connection) -> None:
    mark = {"provider": "stripe", "account": "", "until": b.NOW, "polled_at": b.NOW}
    b.insert(owner, "event_watermark", mark)
    with refused(owner, "event_watermark_pkey"):
        b.insert(owner, "event_watermark", mark)
    b.insert(owner, "event_watermark", mark | {"account": "acct_1"})


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE provider_event SET kind = 'transfer.created'",
        "UPDATE provider_event SET received_at = now()",
        "DELETE FROM provider_event",
        "DELETE FROM event_watermark",
        "UPDATE event_gap SET since = since",
        "ALTER TABLE provider_event DISABLE TRIGGER USER",
    ],
)
def test_the_app_cannot_rewrite_what_was_told(owner: Connection, act: str) -> None:
    told(owner)
    gap(owner)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
    assert state(owner) == before
