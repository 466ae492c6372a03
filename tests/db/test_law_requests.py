"""Overrides, early payouts, backups and notes: as two people agreed, said when it is made, and kept."""

import json
from collections.abc import Callable, Mapping

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.building import requests as r
from tests.db.law import bad_rows, commits, proves, refused


def asked_for(owner: Connection, **different: object) -> int:
    """A request of 100.00 that nobody has decided on."""
    ana = b.partner(owner, b.program(owner))
    payout = b.payout(
        owner,
        ana,
        [b.earning(owner, ana, 100_00)],
        **({"origin": "request", "made_by": "user:mia"} | different),
    )
    commits(owner)
    return payout


@pytest.fixture
def request_(owner: Connection) -> int:
    return asked_for(owner)


def earning_of(owner: Connection, payout: int) -> int:
    return int(
        owner.execute(
            text("SELECT earning_id FROM payout_item WHERE payout_id = :id"), {"id": payout}
        ).scalar_one()
    )


@proves("payout_override.overridden_by_two_people", "overridden_by_two_people")
@pytest.mark.parametrize(
    "different",
    [
        {"kind": "reverse_payout"},
        {"subject": "payout"},
        {"content": json.dumps({"amount_minor": 100_01, "currency": "USD", "rules": [r.BELOW]})},
        {"content": json.dumps({"amount_minor": 100_00, "currency": "EUR", "rules": [r.BELOW]})},
        {"content": json.dumps({"amount_minor": 100_00, "currency": "USD", "rules": []})},
        {"made_by": "user:max"},
    ],
)
def test_a_rule_is_overridden_only_as_two_people_agreed(
    owner: Connection, request_: int, different: Mapping[str, object]
) -> None:
    agreed = r.agree_override(owner, request_, **different)  # type: ignore[arg-type]
    with refused(owner, "overridden_by_two_people"):
        r.override(owner, request_, proposal_id=agreed)
    r.override(owner, request_)


@pytest.mark.parametrize("decision", [None, "refuse"])
def test_what_nobody_confirmed_overrides_nothing(
    owner: Connection, request_: int, decision: str | None
) -> None:
    confirmed = r.agree_override(owner, request_)
    asked = owner.execute(
        text("SELECT ids, content::text FROM proposal WHERE id = :id"), {"id": confirmed}
    ).one()
    open_one = b.proposal(
        owner, kind="override_request", subject="partner", ids=asked.ids, content=asked.content
    )
    if decision is not None:
        b.decide_proposal(owner, open_one, decision)
    with refused(owner, "overridden_by_two_people"):
        r.override(owner, request_, proposal_id=open_one)
    with refused(owner, "overridden_by_two_people"):
        r.override(owner, asked_for(owner), proposal_id=confirmed)  # of another partner


@proves("payout_override.one_payout_per_override", "payout_override.payout_override_pkey")
def test_what_was_agreed_once_makes_one_payout(owner: Connection) -> None:
    ana = b.partner(owner, b.program(owner))
    one, two = (
        b.payout(owner, ana, [b.earning(owner, ana, 100_00)], origin="request", made_by="user:mia")
        for _ in (1, 2)
    )
    agreed = r.agree_override(owner, one)
    r.override(owner, one, proposal_id=agreed)
    with refused(owner, "one_payout_per_override"):
        r.override(owner, two, proposal_id=agreed)
    with refused(owner, "payout_override_pkey"):
        r.override(owner, one, proposal_id=r.agree_override(owner, one, why="again"))


@proves("payout_override.said_when_it_is_made", "early_payout.said_when_it_is_made", "said_when_it_is_made")
@pytest.mark.parametrize("say", [r.override, r.early_payout])
def test_what_is_unusual_is_said_of_a_request_before_anybody_decides(
    owner: Connection, say: Callable[[Connection, int], None]
) -> None:
    scheduled, begun, ended = asked_for(owner, origin="schedule"), asked_for(owner), asked_for(owner)
    b.decision(owner, begun)
    b.end(owner, ended, "cancelled")
    for payout in (scheduled, begun, ended):
        with refused(owner, "said_when_it_is_made"):
            say(owner, payout)
    say(owner, asked_for(owner))


@proves("makers_never_approve")
@pytest.mark.parametrize("who", ["user:mia", "user:ann"])
def test_neither_of_the_two_approves_it(owner: Connection, who: str) -> None:
    payout = asked_for(owner, made_by="user:zoe")
    r.override(owner, payout)
    with refused(owner, "makers_never_approve"):
        b.decision(owner, payout, by=who)
    b.decision(owner, payout, by="user:ada")


def test_the_rules_are_part_of_what_is_approved(owner: Connection, request_: int) -> None:
    plain = b.content_hash(owner, request_)
    r.override(owner, request_)
    assert b.content_hash(owner, request_) != plain


@proves(
    "early_release.released_early_as_agreed", "released_early_as_agreed", "early_release.early_release_pkey"
)
def test_only_what_two_people_named_is_released_early(owner: Connection) -> None:
    payout, other = asked_for(owner), asked_for(owner)
    earning, stranger = earning_of(owner, payout), earning_of(owner, other)
    r.override(owner, payout, [r.before_release(earning, 100_00)])
    r.override(owner, other)
    wrong: list[tuple[int, int, int, dict[str, object]]] = [
        (payout, stranger, 100_00, {}),
        (payout, earning, 99_99, {}),
        (payout, earning, 100_00, {"release_at": b.NOW}),
        (other, stranger, 100_00, {}),  # overridden, but not its day
    ]
    for payout_id, earning_id, amount, different in wrong:
        with refused(owner, "released_early_as_agreed"):
            r.early_release(owner, payout_id, earning_id, amount, **different)
    r.early_release(owner, payout, earning, 100_00)
    with refused(owner, "early_release_pkey"):
        r.early_release(owner, payout, earning, 100_00)


@bad_rows("early_payout", ("early_is_before_its_slot", {"before_slot": b.NOW}))
def test_an_early_payout_is_before_its_slot(
    owner: Connection, request_: int, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        r.early_payout(owner, request_, **different)
    r.early_payout(owner, request_)


@proves("early_payout.early_payout_pkey")
def test_a_payout_is_early_for_one_slot(owner: Connection, request_: int) -> None:
    r.early_payout(owner, request_)
    with refused(owner, "early_payout_pkey"):
        r.early_payout(owner, request_, before_slot=b.NOW + 2 * b.DAY)


@bad_rows("backup_method", ("backup_is_what_was_asked", {"method": "check"}))
def test_a_backup_is_as_declared(owner: Connection, rule: str, different: dict[str, object]) -> None:
    ana = b.partner(owner, b.program(owner))
    with refused(owner, rule):
        r.backup(owner, ana, **different)
    r.backup(owner, ana)


@proves("backup_method.backup_by_two_people", "backup_by_two_people", "backup_method.one_backup_per_proposal")
def test_a_backup_is_kept_only_as_two_people_agreed(owner: Connection) -> None:
    ana = b.partner(owner, b.program(owner))
    other = b.partner(owner, b.program(owner))
    for different in (
        {"kind": "change_destination"},
        {"subject": "payout"},
        {"ids": [other]},
        {"asked": r.PAYPAL | {"identity_id": 7}},
        {"made_by": "user:max"},
    ):
        agreed = r.agree_backup(owner, ana, **different)
        with refused(owner, "backup_by_two_people"):
            r.backup(owner, ana, proposal_id=agreed)
    waits = b.proposal(owner, kind="set_backup", subject="partner", ids=[ana], content="{}")
    with refused(owner, "backup_by_two_people"):
        r.backup(owner, ana, proposal_id=waits)
    agreed = r.agree_backup(owner, ana)
    r.backup(owner, ana, proposal_id=agreed)
    with refused(owner, "one_backup_per_proposal"):
        r.backup(owner, ana, proposal_id=agreed)


@bad_rows(
    "partner_note",
    ("note_says_something", {"note": ""}),
    ("blanked_note_is_blank", {"note": None}),
    ("blanked_note_is_blank", {"blanked_at": b.NOW}),
)
def test_a_note_says_something(owner: Connection, rule: str, different: dict[str, object]) -> None:
    ana = b.partner(owner, b.program(owner))
    with refused(owner, rule):
        r.note(owner, ana, **different)


@proves("partner_note.note_is_only_blanked", "note_is_only_blanked", "partner_note.note_is_kept")
def test_a_note_stays_as_it_was_written_or_is_blanked_once(owner: Connection) -> None:
    note = r.note(owner, b.partner(owner, b.program(owner)))
    blank = "note = NULL, blanked_at = now()"
    for change in ("note = 'other'", "made_by = 'user:max'", f"{blank}, at = now()"):
        with refused(owner, "note_is_only_blanked"):
            owner.execute(text(f"UPDATE partner_note SET {change} WHERE id = :id"), {"id": note})  # noqa: S608
    for act in ("DELETE FROM partner_note", "TRUNCATE partner_note"):
        with refused(owner, "history_is_added_to_never_edited"):
            owner.execute(text(act))
    owner.execute(text(f"UPDATE partner_note SET {blank} WHERE id = :id"), {"id": note})  # noqa: S608
    with refused(owner, "note_is_only_blanked"):
        owner.execute(text(f"UPDATE partner_note SET {blank} WHERE id = :id"), {"id": note})  # noqa: S608


@proves(
    *(f"{table}.history" for table in ("payout_override", "early_release", "early_payout", "backup_method"))
)
def test_what_was_agreed_is_kept(owner: Connection) -> None:
    payout = asked_for(owner)
    earning = earning_of(owner, payout)
    r.override(owner, payout, [r.before_release(earning, 100_00)])
    r.early_release(owner, payout, earning, 100_00)
    r.early_payout(owner, asked_for(owner))
    r.backup(owner, b.partner(owner, b.program(owner)))
    for table, column in (
        ("early_release", "amount_minor"),
        ("payout_override", "rules"),
        ("early_payout", "at"),
        ("backup_method", "asked"),
    ):
        changes = (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}")  # noqa: S608
        for act in (*changes, f"TRUNCATE {table} CASCADE"):
            with refused(owner, "history_is_added_to_never_edited"):
                owner.execute(text(act))
