"""The outbox: a message names nobody, is told once, moves on by declared steps, ends once, and its tries are kept."""

import itertools

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building.outbox import STATES, delivery, message, message_in, move
from tests.db.law import bad_rows, proves, refused, state

STEPS = {
    ("waiting", "sending"),
    ("waiting", "dropped"),
    *itertools.product(["sending", "unclear"], ["sent", "waiting", "failed", "dropped"]),
    ("sending", "unclear"),
    ("failed", "waiting"),
    ("failed", "dropped"),
}


@bad_rows(
    "message",
    ("message_kind_is_a_name", {"kind": "Payout paid"}),
    ("message_kind_is_a_name", {"kind": "../en/payout"}),
    ("message_is_ids_and_figures", {"about": '{"name": "Ana Silva"}'}),
    ("message_is_ids_and_figures", {"about": '{"ids": [1, "ana@example.com"]}'}),
    ("message_is_ids_and_figures", {"about": "[1]"}),
    ("message_is_told_once_by_a_key", {"once": ""}),
    ("message_is_told_once_by_a_key", {"once": "to:ana@example.com"}),
    ("message_tries_are_counted", {"tries": -1}),
    ("message_tries_are_counted", {"tries": 1}),
    ("waiting_has_a_next_try", {"next_try_at": None}),
)
def test_a_message_is_ids_and_figures_that_wait(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        message(owner, **different)
    message(owner)


@bad_rows(
    "message",
    ("declared_message_state", {"state": "lost"}),
    ("waiting_has_a_next_try", {"next_try_at": b.NOW}),
    ("sending_has_a_lease", {"lease_until": None}),
    ("sending_has_a_lease", {"state": "failed", "error": "550 unknown"}),
    ("sent_has_its_instant", {"state": "sent", "lease_until": None}),
    ("sent_has_its_instant", {"sent_at": b.NOW}),
    ("not_sent_says_why", {"state": "failed", "lease_until": None, "error": ""}),
    ("message_error_names_nobody", {"error": "550 ana@example.com is unknown"}),
    ("message_error_names_nobody", {"error": "see https://connect.stripe.com/setup/x"}),
)
def test_a_state_has_what_belongs_to_it_and_names_nobody(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    sending = message_in(owner, "sending")
    owner.execute(text("ALTER TABLE message DISABLE TRIGGER message_moves_on"))  # it would speak first
    with refused(owner, rule):
        move(owner, sending, "sending", **different)


@proves("message.told_once", "message.message_ref_once")
def test_nothing_is_told_twice(owner: Connection) -> None:
    message(owner, once="payout_paid:1", ref="7d1b2c64-9f3f-4a5e-8c52-0a6f8e1d2b3c")
    with refused(owner, "told_once"):
        message(owner, once="payout_paid:1")
    with refused(owner, "message_ref_once"):
        message(owner, ref="7d1b2c64-9f3f-4a5e-8c52-0a6f8e1d2b3c")


@proves("message.one_onboarding_link_on_its_way")
def test_one_onboarding_link_to_a_partner_is_on_its_way(owner: Connection) -> None:
    link = {"kind": "onboarding_link", "partner_id": b.partner(owner, b.program(owner)), "about": "{}"}
    first = message(owner, **link)
    with refused(owner, "one_onboarding_link_on_its_way"):
        message(owner, **link)
    move(owner, first, "sending")
    with refused(owner, "one_onboarding_link_on_its_way"):
        message(owner, **link)
    move(owner, first, "sent")
    message(owner, **link)


@proves("message.message_moves_on", "message_moves_on", "message_ends_once", "message_begins_waiting")
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(STATES, 2)))
def test_a_message_goes_by_declared_steps_and_stays_as_it_ended(
    owner: Connection, before: str, after: str
) -> None:
    told = message_in(owner, before)
    step = {"lease_epoch": 2} if after == "sending" else {}
    if (before, after) in STEPS:
        move(owner, told, after, **step)
        return
    rule = "message_ends_once" if before in {"sent", "dropped"} else "message_moves_on"
    with refused(owner, rule):
        move(owner, told, after, **step)


def test_a_message_begins_waiting(owner: Connection) -> None:
    for began in ("sending", "sent", "failed", "unclear", "dropped"):
        with refused(owner, "message_begins_waiting"):
            message(owner, **STATES[began])
    with refused(owner, "message_begins_waiting"):
        message(owner, lease_epoch=1)


@proves("message_is_sent_under_a_claim")
def test_a_message_is_sent_under_a_claim_of_its_own(owner: Connection) -> None:
    told = message_in(owner, "failed")
    move(owner, told, "waiting")
    with refused(owner, "message_is_sent_under_a_claim"):
        move(owner, told, "sending")
    move(owner, told, "sending", lease_epoch=2)
    with refused(owner, "message_ends_once"):
        move(owner, told, "failed", lease_epoch=1)


@proves("message_is_frozen")
@pytest.mark.parametrize(
    "change",
    ["kind = 'payout_paid'", "about = '{}'", "once = 'x'", "made_by = 'x'", "ref = gen_random_uuid()"],
)
def test_what_is_told_never_changes(owner: Connection, change: str) -> None:
    message(owner)
    with refused(owner, "message_is_frozen"):
        owner.execute(text(f"UPDATE message SET {change}"))  # noqa: S608


@bad_rows(
    "delivery",
    ("declared_delivery", {"outcome": "lost"}),
    ("delivery_says_what", {"words": ""}),
    ("delivery_names_nobody", {"words": "550 ana@example.com is unknown"}),
    ("delivery_names_nobody", {"words": "see https://connect.stripe.com/setup/x"}),
)
def test_a_try_says_what_came_of_it_and_names_nobody(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    told = message(owner)
    with refused(owner, rule):
        delivery(owner, told, **different)
    delivery(owner, told)


@proves("message.message_is_kept", "delivery.history", "history_is_added_to_never_edited")
@pytest.mark.parametrize(
    "act",
    [
        "DELETE FROM message",
        "TRUNCATE message CASCADE",
        "DELETE FROM delivery",
        "UPDATE delivery SET words = 'x'",
        "TRUNCATE delivery",
    ],
)
def test_what_was_told_is_kept(owner: Connection, act: str) -> None:
    delivery(owner, message(owner))
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE message SET about = '{}'",
        "UPDATE message SET made_by = 'x'",
        "DELETE FROM message",
        "UPDATE delivery SET words = 'x'",
        "ALTER TABLE message DISABLE TRIGGER USER",
    ],
)
def test_the_app_cannot_rewrite_what_was_told(owner: Connection, act: str) -> None:
    delivery(owner, message(owner))
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
    assert state(owner) == before
