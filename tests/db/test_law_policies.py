"""Policies: a version after the other, each by two people."""

import pytest
from sqlalchemy import Connection

from tests import builders as b
from tests.db.law import proves, refused


@proves("policy.policy_changes_by_two_people", "policy_changes_by_two_people")
@pytest.mark.parametrize("proposal", ["none", "refused", "of another program", "of other terms"])
def test_a_later_version_takes_a_second_person_who_confirmed_just_these_terms(
    owner: Connection, proposal: str
) -> None:
    program, other, terms = b.program(owner), b.program(owner), '{"one_open_request": true}'
    agreed: dict[str, int | None] = {
        "none": None,
        "refused": b.policy_agreed(owner, program, terms, decision="refuse"),
        "of another program": b.policy_agreed(owner, other, terms),
        "of other terms": b.policy_agreed(owner, program, "{}"),
    }
    with refused(owner, "policy_changes_by_two_people"):
        b.policy(owner, program, version=2, terms=terms, proposal_id=agreed[proposal])
    b.policy(owner, program, version=2, terms=terms)


@proves("policy_versions_follow")
def test_versions_are_counted_without_a_gap(owner: Connection) -> None:
    program = b.program(owner)
    with refused(owner, "policy_versions_follow"):
        b.policy(owner, program, version=3)
    b.policy(owner, program, version=2)
    b.policy(owner, program, version=3)


@proves("policy_takes_effect_in_order")
def test_a_later_version_never_takes_effect_before_the_one_it_follows(owner: Connection) -> None:
    program = b.program(owner)
    b.policy(owner, program, version=2, effective_at=b.NOW)
    with refused(owner, "policy_takes_effect_in_order"):
        b.policy(owner, program, version=3, effective_at=b.NOW - b.DAY)
    b.policy(owner, program, version=3, effective_at=b.NOW)
