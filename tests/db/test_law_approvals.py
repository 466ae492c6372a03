"""Approvals: who may, of what."""

import pytest
from sqlalchemy import Connection

from tests import builders as b
from tests.db.law import bad_rows, proves, refused


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


@pytest.fixture
def payout(owner: Connection, ana: int) -> int:
    return b.payout(owner, ana, [b.earning(owner, ana, 100_00)])


@bad_rows(
    "approval",
    ("declared_decision", {"decision": "perhaps"}),
    ("reject_has_a_reason", {"decision": "reject"}),
    ("reject_has_a_reason", {"decision": "reject", "reason": ""}),
)
def test_a_decision_is_yes_or_no_with_a_reason(
    owner: Connection, payout: int, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        b.decision(owner, payout, **different)  # type: ignore[arg-type]
    b.decision(owner, payout)
    b.decision(owner, payout, "user:bob", decision="reject", reason="wrong month")


@proves("approval.one_decision_per_person")
def test_a_person_decides_the_same_once_on_one_content(owner: Connection, payout: int) -> None:
    b.decision(owner, payout, "user:ann")
    with refused(owner, "one_decision_per_person"):
        b.decision(owner, payout, "user:ann", reason="twice")
    b.decision(owner, payout, "user:ann", decision="reject", reason="on second thought")
    b.decision(owner, payout, "user:bob")


@proves("approval.approval_is_fair", "makers_never_approve")
def test_who_made_a_payout_never_approves_it(owner: Connection, ana: int) -> None:
    b.destination(owner, ana, made_by="user:dora")
    bonus = b.earning(owner, ana, 50_00, kind="bonus", made_by="user:bea")
    imported = b.insert_returning_id(
        owner,
        "import_file",
        {
            "kind": "sales",
            "file_name": "f",
            "sha256": b"x",
            "counts": "{}",
            "made_by": "user:ian",
            "at": b.NOW,
        },
    )
    sold = b.earning(owner, ana, 10_00, made_by="user:ian", import_id=imported)
    payout = b.payout(owner, ana, [bonus, sold], made_by="user:max")
    for maker in ("user:max", "user:bea", "user:dora"):
        with refused(owner, "makers_never_approve"):
            b.decision(owner, payout, maker)
        step = owner.begin_nested()
        b.decision(owner, payout, maker, decision="reject", reason="mine, and wrong")
        step.rollback()
    b.decision(owner, payout, "user:ian")  # who brought a file made none of its rows
    b.decision(owner, payout, "user:ann")


@proves("approval_binds_the_content")
def test_an_approval_binds_the_content_the_payout_has(owner: Connection, ana: int, payout: int) -> None:
    other = b.payout(owner, ana, [b.earning(owner, ana, 200_00)])
    with refused(owner, "approval_binds_the_content"):
        b.decision(owner, payout, content_hash=b.content_hash(owner, other))
    with refused(owner, "approval_binds_the_content"):
        b.decision(owner, payout, content_hash=b"")
    b.decision(owner, payout)


def test_priority_and_retry_are_no_part_of_what_is_approved(owner: Connection, payout: int) -> None:
    before = b.content_hash(owner, payout)
    b.set_status(
        owner, payout, "pending", priority="urgent", aside_until=b.NOW, aside_reason="x", aside_by="user:ann"
    )
    assert b.content_hash(owner, payout) == before
