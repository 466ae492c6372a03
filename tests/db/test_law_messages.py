"""What is told by which channel to whom: choices, own addresses, alerts told once, and days told once."""

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.building.outbox import message, message_in, move
from tests.building.rows import insert, insert_returning_id
from tests.db.law import bad_rows, proves, refused


def given(owner: Connection, **different: object) -> dict[str, object]:
    """A test message goes to an address of its own."""
    to = insert_returning_id(owner, "identity", {"email": "try@example.com"})
    return {"test": True, "recipient": "given", "to_identity_id": to} | different


@bad_rows(
    "message",
    ("declared_message_channel", {"channel": "pigeon"}),
    ("declared_message_language", {"language": "pt"}),
    ("own_address_unless_the_reader", {"recipient": "former"}),
    ("test_goes_to_a_given_address", {"test": True}),
)
def test_a_message_goes_a_known_way(owner: Connection, rule: str, different: dict[str, object]) -> None:
    with refused(owner, rule):
        message(owner, **different)
    message(owner)


@proves("message.declared_recipient")
def test_a_recipient_is_the_reader_or_has_an_address_of_its_own(owner: Connection) -> None:
    with refused(owner, "declared_recipient"):
        message(owner, **given(owner, test=False, recipient="anybody"))
    message(owner, **given(owner))
    with refused(owner, "test_goes_to_a_given_address"):
        message(owner, **given(owner, recipient="former"))
    message(owner, **given(owner, test=False, recipient="former"))


def test_the_same_is_told_once_by_each_channel_to_each_recipient(owner: Connection) -> None:
    same = {"once": "contact_changed:1"}
    message(owner, **same)
    message(owner, **same, channel="sms")
    message(owner, **same, **given(owner, test=False, recipient="former"))
    for again in ({}, {"channel": "sms"}, given(owner, test=False, recipient="former")):
        with refused(owner, "told_once"):
            message(owner, **same, **again)


@pytest.mark.parametrize("change", ["channel = 'sms'", "language = 'fr'", "to_identity_id = NULL"])
def test_the_way_of_a_message_never_changes(owner: Connection, change: str) -> None:
    told = message(owner, **given(owner))
    with refused(owner, "message_is_frozen"):
        owner.execute(text(f"UPDATE message SET {change}"))  # noqa: S608 - a case
    move(owner, told, "sending")


@bad_rows(
    "message_choice",
    ("choice_is_of_a_kind", {"kind": "Payout paid"}),
    ("declared_choice_channel", {"channel": "chat"}),
    ("security_notices_stay_on", {"kind": "destination_changed", "wanted": False}),
    ("security_notices_stay_on", {"kind": "contact_changed", "wanted": False}),
)
def test_a_partner_chooses_but_never_away_from_a_security_notice(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    partner_id = b.partner(owner, b.program(owner))
    chosen = {"partner_id": partner_id, "kind": "payout_paid", "channel": "email", "wanted": False}
    with refused(owner, rule):
        insert(owner, "message_choice", chosen | different)
    insert(owner, "message_choice", chosen)


@proves("message_choice.message_choice_pkey")
def test_a_partner_chooses_once_for_each_kind_and_channel(owner: Connection) -> None:
    chosen = {"kind": "payout_paid", "channel": "email", "wanted": False}
    chosen |= {"partner_id": b.partner(owner, b.program(owner))}
    insert(owner, "message_choice", chosen)
    with refused(owner, "message_choice_pkey"):
        insert(owner, "message_choice", chosen)


@bad_rows(
    "identity",
    ("phone_is_international", {"phone": "0912 345 678"}),
    ("phone_is_international", {"phone": "+0912345678"}),
    ("blanked_has_no_phone", {"phone": "+351912345678", "blanked_at": b.NOW}),
)
def test_a_number_is_international_and_blanked_with_the_rest(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        insert(owner, "identity", different)
    insert(owner, "identity", {"phone": "+351912345678"})


@proves("partner.declared_language", "partner.notice_days_are_few")
def test_a_partner_has_a_known_language_and_a_few_days_notice(owner: Connection) -> None:
    b.partner(owner, b.program(owner))
    with refused(owner, "declared_language"):
        owner.execute(text("UPDATE partner SET language = 'pt'"))
    with refused(owner, "notice_days_are_few"):
        owner.execute(text("UPDATE partner SET notice_days = 31"))
    owner.execute(text("UPDATE partner SET language = 'fr', notice_days = 3"))


@bad_rows(
    "alert",
    ("alert_has_a_name", {"name": "Failure rate"}),
    ("alert_ends_later", {"ended_at": "2026-03-02 08:00+00"}),
)
def test_an_alert_has_a_name_and_an_end_after_its_beginning(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    alert = {"name": "failure_rate", "began_at": b.NOW}
    with refused(owner, rule):
        insert(owner, "alert", alert | different)
    insert(owner, "alert", alert)


@proves("alert.one_alert_at_a_time", "alert.alert_ends_once", "alert_ends_once", "alert.alert_is_kept")
def test_an_alert_stands_once_ends_once_and_is_kept(owner: Connection) -> None:
    alert = {"name": "failure_rate", "began_at": b.NOW}
    insert(owner, "alert", alert)
    with refused(owner, "one_alert_at_a_time"):
        insert(owner, "alert", alert)
    with refused(owner, "alert_ends_once"):
        owner.execute(text("UPDATE alert SET name = 'x'"))
    owner.execute(text("UPDATE alert SET ended_at = began_at"))
    with refused(owner, "alert_ends_once"):
        owner.execute(text("UPDATE alert SET ended_at = NULL"))
    for act in ("DELETE FROM alert", "TRUNCATE alert"):
        with refused(owner, "history_is_added_to_never_edited"):
            owner.execute(text(act))
    insert(owner, "alert", alert)


@proves("told_day.told_once_a_day", "told_day.history")
def test_a_day_is_told_once_and_stays_told(owner: Connection) -> None:
    day = {"what": "daily_summary", "day": "2026-03-01", "at": b.NOW}
    insert(owner, "told_day", day)
    with refused(owner, "told_once_a_day"):
        insert(owner, "told_day", day)
    for act in ("DELETE FROM told_day", "UPDATE told_day SET what = 'x'", "TRUNCATE told_day"):
        with refused(owner, "history_is_added_to_never_edited"):
            owner.execute(text(act))


def test_an_address_of_its_own_waits_with_its_message(owner: Connection) -> None:
    told = message_in(owner, "unclear", **given(owner))
    email = "SELECT email FROM identity i JOIN message m ON m.to_identity_id = i.id WHERE m.id = :id"
    assert owner.execute(text(email), {"id": told}).scalar_one() == "try@example.com"
