"""What a policy approves by itself, and a partner's own terms."""

import json

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, proves, refused

APPROVAL: dict[str, object] = {
    "dual_above_minor": 1_000_00,
    "auto": True,
    "auto_up_to_minor": 50_00,
    "auto_per_day_minor": 80_00,
}
AUTO: dict[str, object] = {"approval": APPROVAL, "auto_payout_enabled": True}


def program(owner: Connection, **different: object) -> int:
    return b.program(owner, "auto", zone="America/New_York", terms=json.dumps(AUTO | different))


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, program(owner))


def payout(owner: Connection, partner: int, minor: int = 40_00, **different: object) -> int:
    return b.payout(owner, partner, [b.earning(owner, partner, minor, made_by="job:accrue")], **different)


def by_policy(owner: Connection, payout_id: int, version: int = 1, **different: object) -> None:
    b.decision(owner, payout_id, f"policy:auto:{version}", **different)


def counted(owner: Connection) -> list[tuple[str, int, int]]:
    rows = owner.execute(text("SELECT day::text, n, amount_minor FROM policy_day ORDER BY day"))
    return [(row.day, row.n, row.amount_minor) for row in rows]


AS_ITS_VERSION_SAYS = "policy_approves_as_its_version_says"


@proves("approval.policy_approves", AS_ITS_VERSION_SAYS)
@pytest.mark.parametrize(
    "terms",
    [
        {"approval": APPROVAL | {"auto": False}},
        {"approval": APPROVAL | {"auto_up_to_minor": 39_99}},
        {"approval": APPROVAL | {"dual_above_minor": 39_99}},
        {"approval": {"dual_above_minor": 1_000_00}},
        {"auto_payout_enabled": False},
        {"auto_payout_enabled": None},
    ],
    ids=json.dumps,
)
def test_a_policy_approves_only_what_its_version_allows(owner: Connection, terms: dict[str, object]) -> None:
    waits = payout(owner, b.partner(owner, program(owner, **terms)))
    with refused(owner, AS_ITS_VERSION_SAYS):
        by_policy(owner, waits)
    assert counted(owner) == []


def test_a_policy_approves_under_its_own_name_and_version_and_rejects_nothing(
    owner: Connection, ana: int
) -> None:
    waits = payout(owner, ana)
    for name in ("policy:auto:2", "policy:other:1", "policy:", "policy:auto"):
        with refused(owner, AS_ITS_VERSION_SAYS):
            b.decision(owner, waits, name)
    with refused(owner, AS_ITS_VERSION_SAYS):
        by_policy(owner, waits, decision="reject", reason="too small")
    by_policy(owner, waits)
    assert counted(owner) == [("2026-03-02", 1, 40_00)]


@pytest.mark.parametrize(("tier", "own", "answer"), [
    (None, {}, "no"), ("gold", {}, "yes"), ("gold", {"auto_payout_enabled": False}, "no"),
    (None, {"auto_payout_enabled": True}, "yes"), ("silver", {"auto_payout_enabled": True}, "yes"),
])  # fmt: skip
def test_the_partners_switch_stands_over_the_tiers_and_this_over_the_programs(
    owner: Connection, tier: str | None, own: dict[str, object], answer: str
) -> None:
    tiers = {"gold": {"auto_payout_enabled": True}, "silver": {"auto_payout_enabled": False}}
    made = program(owner, auto_payout_enabled=False, tiers=tiers)
    partner = b.partner(owner, made, tier=tier)
    if own:
        b.own_terms(owner, partner, own)
    waits = payout(owner, partner)
    if answer == "yes":
        by_policy(owner, waits)
        return
    with refused(owner, AS_ITS_VERSION_SAYS):
        by_policy(owner, waits)


@proves("policy_leaves_people_what_is_theirs")
@pytest.mark.parametrize(
    "what",
    ["asked for", "by a person", "two people", "new destination", "by hand", "on hold", "item on hold"],
)
def test_a_policy_never_approves_what_a_person_must_look_at(owner: Connection, ana: int, what: str) -> None:
    by_what: dict[str, dict[str, object]] = {
        "asked for": {"origin": "request", "made_by": "user:max"},
        "by a person": {"made_by": "user:max"},
        "two people": {"approvals_needed": 2},
    }
    different = by_what.get(what, {})
    if what == "new destination":
        old = owner.execute(
            text("SELECT destination_id FROM partner WHERE id = :id"), {"id": ana}
        ).scalar_one()
        values = {"partner_id": ana, "method": "stripe", "account": "acct_new", "fingerprint": b"new"}
        values |= {"made_by": "user:dora", "opened_at": b.NOW, "replaces_id": old}
        different["destination_id"] = b.insert_returning_id(owner, "destination", values)
    writer = "user:bea" if what == "by hand" else "job:accrue"
    earned = b.earning(owner, ana, 40_00, made_by=writer)
    waits = b.payout(owner, ana, [earned], **different)
    if what == "on hold":
        b.hold(owner, ana)
    if what == "item on hold":
        b.hold(owner, ana, earning_id=earned)
    with refused(owner, "policy_leaves_people_what_is_theirs"):
        by_policy(owner, waits)
    assert counted(owner) == []


@proves("approval.policy_never_overrules", "policy_never_overrules")
@pytest.mark.parametrize(
    ("status", "code", "answer"),
    [("rejected", "person", "no"), ("cancelled", "person", "no"), ("cancelled", "earning_on_hold", "yes")],
)
def test_a_policy_never_approves_again_what_a_person_ended(
    owner: Connection, ana: int, status: str, code: str, answer: str
) -> None:
    earned = b.earning(owner, ana, 40_00, made_by="job:accrue")
    ended = b.payout(owner, ana, [earned])
    b.set_status(owner, ended, status, reason="no", reason_code=code)
    b.move(owner, ana, "unreserve", "reserved", "available", 40_00, payout_id=ended)
    b.open_item(owner, earned)
    again = b.payout(owner, ana, [earned])
    if answer == "yes":
        by_policy(owner, again)
        return
    with refused(owner, "policy_never_overrules"):
        by_policy(owner, again)
    b.decision(owner, again, "user:ann")


@proves("policy_approves_within_its_day")
def test_a_policy_approves_no_more_a_day_than_its_version_says_by_the_programs_own_day(
    owner: Connection, ana: int
) -> None:
    first, second, third = (payout(owner, ana) for _ in range(3))
    by_policy(owner, first)
    by_policy(owner, second)
    with refused(owner, "policy_approves_within_its_day"):
        by_policy(owner, third, at=b.NOW.replace(hour=23))
    # 04:59 UTC is still the second of March in New York; 05:00 is the third.
    next_day = b.NOW.replace(day=3, hour=4, minute=59)
    with refused(owner, "policy_approves_within_its_day"):
        by_policy(owner, third, at=next_day)
    by_policy(owner, third, at=next_day.replace(hour=5, minute=0))
    assert counted(owner) == [("2026-03-02", 2, 80_00), ("2026-03-03", 1, 40_00)]


def test_several_at_once_count_together(owner: Connection, ana: int) -> None:
    ids = [payout(owner, ana) for _ in range(3)]
    add = text("""
        INSERT INTO approval (payout_id, content_hash, actor, decision, at)
        SELECT id, payout_content_hash(id), 'policy:auto:1', 'approve', :now FROM unnest(CAST(:ids AS bigint[])) AS id
    """)
    with refused(owner, "policy_approves_within_its_day"):
        owner.execute(add, {"ids": ids, "now": b.NOW})
    owner.execute(add, {"ids": ids[:2], "now": b.NOW})
    assert counted(owner) == [("2026-03-02", 2, 80_00)]


@proves("policy_day.one_count_per_day")
def test_a_day_is_counted_once(owner: Connection, ana: int) -> None:
    by_policy(owner, payout(owner, ana))
    of = owner.execute(text("SELECT program_id FROM partner WHERE id = :id"), {"id": ana}).scalar_one()
    with refused(owner, "one_count_per_day"):
        b.insert(owner, "policy_day", {"program_id": of, "day": b.NOW.date()})


def test_the_desks_processes_never_write_the_count_themselves(owner: Connection, ana: int) -> None:
    by_policy(owner, payout(owner, ana))
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    granted = text("SELECT has_table_privilege('paydesk_app', 'policy_day', :act)")
    acts = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    assert [owner.execute(granted, {"act": act}).scalar_one() for act in acts] == [True, *[False] * 4]
    count_alone = text("SELECT has_function_privilege('paydesk_app', 'policy_approves()', 'EXECUTE')")
    assert owner.execute(count_alone).scalar_one() is False


LEFT = {
    "reason": "day_full",
    "sentence": "The policy has approved 80.00 of the 80.00 it may today",
    "at": b.NOW,
}


@bad_rows(
    "left_to_person",
    ("declared_reason_to_look", {"reason": "no mood"}),
    ("left_with_a_sentence", {"sentence": ""}),
)
def test_what_is_left_to_a_person_says_why(
    owner: Connection, ana: int, rule: str, different: dict[str, object]
) -> None:
    waits = payout(owner, ana)
    with refused(owner, rule):
        b.insert(owner, "left_to_person", LEFT | {"payout_id": waits} | different)
    b.insert(owner, "left_to_person", LEFT | {"payout_id": waits})


@proves("left_to_person.left_to_a_person_once", "left_to_person.history", "own_terms.history")
def test_it_is_left_once_and_kept(owner: Connection, ana: int) -> None:
    b.insert(owner, "left_to_person", LEFT | {"payout_id": (waits := payout(owner, ana))})
    b.own_terms(owner, ana, {"hold_days": 3})
    with refused(owner, "left_to_a_person_once"):
        b.insert(owner, "left_to_person", LEFT | {"payout_id": waits})
    for act in (
        "UPDATE left_to_person SET reason = reason",
        "DELETE FROM left_to_person",
        "TRUNCATE left_to_person",
        "UPDATE own_terms SET terms = terms",
        "DELETE FROM own_terms",
        "TRUNCATE own_terms",
    ):
        with refused(owner, "history_is_added_to_never_edited"):
            owner.execute(text(act))


@proves("own_terms.own_terms_by_two_people", "own_terms_by_two_people")
@pytest.mark.parametrize("proposal", ["refused", "of another partner", "of other terms", "of somebody else"])
def test_own_terms_take_a_second_person_who_confirmed_just_these(
    owner: Connection, ana: int, proposal: str
) -> None:
    terms = {"hold_days": 3}
    bob = b.partner(owner, b.program(owner))
    agreed = {
        "refused": lambda: b.terms_agreed(owner, ana, terms, decision="refuse"),
        "of another partner": lambda: b.terms_agreed(owner, bob, terms),
        "of other terms": lambda: b.terms_agreed(owner, ana, {"hold_days": 4}),
        "of somebody else": lambda: b.terms_agreed(owner, ana, terms, made_by="user:max"),
    }[proposal]()
    values = {"partner_id": ana, "terms": json.dumps(terms), "made_by": "user:mia", "at": b.NOW}
    with refused(owner, "own_terms_by_two_people"):
        b.insert(owner, "own_terms", values | {"proposal_id": agreed})
    b.own_terms(owner, ana, terms)


@proves("own_terms.proposed_terms_placed_once")
def test_what_two_people_agreed_on_is_placed_once(owner: Connection, ana: int) -> None:
    terms = {"hold_days": 3}
    agreed = b.own_terms(owner, ana, terms)
    again = {"partner_id": ana, "terms": json.dumps(terms), "proposal_id": agreed, "made_by": "user:mia"}
    with refused(owner, "proposed_terms_placed_once"):
        b.insert(owner, "own_terms", again | {"at": b.NOW})


@proves("partner.overrides_as_agreed", "partner.overrides_begin_empty", "overrides_as_agreed")
def test_a_partners_terms_are_the_ones_agreed_on_last(owner: Connection, ana: int) -> None:
    set_them = text("UPDATE partner SET overrides = CAST(:terms AS jsonb) WHERE id = :id")
    b.own_terms(owner, ana, {"hold_days": 3})
    b.own_terms(owner, ana, {"hold_days": 5})
    for terms in ('{"hold_days": 3}', '{"hold_days": 0}', "{}"):
        with refused(owner, "overrides_as_agreed"):
            owner.execute(set_them, {"terms": terms, "id": ana})
    owner.execute(set_them, {"terms": '{"hold_days": 5}', "id": ana})
    copy = text("""
        INSERT INTO partner (program_id, code, identity_id, method, joined_on, created_at, overrides)
        SELECT program_id, 'COPY', identity_id, method, joined_on, created_at, overrides FROM partner WHERE id = :id
    """)
    with refused(owner, "overrides_as_agreed"):
        owner.execute(copy, {"id": ana})
