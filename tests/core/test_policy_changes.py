"""Changing a policy: two people, a new version from an instant on, and what is queued keeps its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from core.access import Actor, NotAllowed
from core.drafting import BelowMinimum
from core.policy_changes import BadPolicy, SamePolicy, TooEarly, policy_content
from core.presets import PRESETS
from core.proposals import confirm, propose
from core.second_person import NothingToPropose, OutdatedProposal, OwnProposal
from tests.desk import ABE, ADA, DAY, HOUR, MIA, NOW, Desk

AMY = Actor(name="user:amy", channel="page", roles=frozenset({"admin"}))


def terms_of(code: str, **different: object) -> dict[str, Any]:
    preset = next(one for one in PRESETS if one.code == code)
    return preset.policy.model_dump(mode="json") | different


def asked(
    desk: Desk,
    terms: dict[str, Any],
    *,
    code: str = "affiliate",
    at: datetime | None = None,
    actor: Actor = AMY,
) -> int:
    program = desk.scalar("SELECT id FROM program WHERE code = :code", code=code)
    assert isinstance(program, int)
    return desk.decide(
        lambda conn: propose(
            conn,
            "change_policy",
            ids=[program],
            content=policy_content(terms, at),
            why="agreed with finance",
            actor=actor,
            now=NOW,
        )
    )


def confirmed(desk: Desk, proposal: int, *, actor: Actor = ADA, now: datetime = NOW + HOUR) -> None:
    desk.decide(lambda conn: confirm(conn, proposal, actor=actor, now=now))


def versions(desk: Desk, code: str = "affiliate") -> list[object]:
    query = """SELECT (version, to_char(effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), made_by)::text
                 FROM policy JOIN program g ON g.id = program_id WHERE g.code = :code AND version > 1 ORDER BY version"""
    return desk.column(query, code=code)


class TestTwoPeople:
    def test_a_new_version_stands_once_a_second_person_confirms_it(self, desk: Desk) -> None:
        proposal = asked(desk, terms_of("affiliate", min_payout_minor=50_00))
        assert versions(desk) == []

        with pytest.raises(OwnProposal):
            confirmed(desk, proposal, actor=AMY)
        confirmed(desk, proposal)

        assert versions(desk) == ['(2,"2026-11-20 13:00",user:amy)']
        desk.funded("AFF1", "40.00")
        with pytest.raises(BelowMinimum):
            desk.request("AFF1", "40.00", now=NOW + HOUR)

    def test_it_holds_from_its_date_on_and_never_for_the_past(self, desk: Desk) -> None:
        later = asked(desk, terms_of("affiliate", min_payout_minor=50_00), at=NOW + DAY)
        confirmed(desk, later)
        past = asked(desk, terms_of("creator", min_payout_minor=50_00), code="creator", at=NOW - DAY)
        confirmed(desk, past)

        assert versions(desk) == ['(2,"2026-11-21 12:00",user:amy)']
        assert versions(desk, "creator") == ['(2,"2026-11-20 13:00",user:amy)']
        desk.funded("AFF1", "40.00")
        assert desk.request("AFF1", "40.00", now=NOW + HOUR)

    def test_what_is_queued_keeps_the_version_it_was_made_under(self, desk: Desk) -> None:
        desk.funded("AFF1", "100.00")
        payout = desk.request("AFF1", "40.00")
        fees = {"stripe": {"fixed_minor": 300}}
        confirmed(desk, asked(desk, terms_of("affiliate", fees=fees)))

        dearer = desk.request("AFF1", "40.00", now=NOW + 2 * HOUR)

        query = "SELECT (l.version, p.fee_minor)::text FROM payout p JOIN policy l ON l.id = p.policy_id WHERE p.id = :id"
        assert desk.scalar(query, id=payout) == "(1,25)"
        assert desk.scalar(query, id=dearer) == "(2,300)"


class TestRefuses:
    def test_who_may_not_change_policies(self, desk: Desk) -> None:
        with pytest.raises(NotAllowed):
            asked(desk, terms_of("affiliate", min_payout_minor=1), actor=MIA)

    def test_terms_that_do_not_hold_and_names_every_one_of_them(self, desk: Desk) -> None:
        wrong = terms_of("affiliate", min_payout_minor=-1, accrues_from="someday", bonus=3)
        with pytest.raises(BadPolicy) as caught:
            asked(desk, wrong)
        assert "min payout minor: Input should be greater than or equal to 0" in caught.value.sentence
        assert "accrues from: " in caught.value.sentence
        assert "bonus: Extra inputs are not permitted" in caught.value.sentence

    def test_terms_that_are_in_force_already(self, desk: Desk) -> None:
        with pytest.raises(SamePolicy):
            asked(desk, terms_of("affiliate"))

    def test_a_version_that_would_take_effect_before_the_one_agreed_on(self, desk: Desk) -> None:
        confirmed(desk, asked(desk, terms_of("affiliate", min_payout_minor=1), at=NOW + 9 * DAY))
        with pytest.raises(TooEarly):
            asked(desk, terms_of("affiliate", min_payout_minor=2), at=NOW + 2 * DAY)

    def test_a_proposal_made_on_an_older_version(self, desk: Desk) -> None:
        first = asked(desk, terms_of("affiliate", min_payout_minor=1))
        second = asked(desk, terms_of("affiliate", min_payout_minor=2))
        confirmed(desk, first)
        with pytest.raises(OutdatedProposal):
            confirmed(desk, second, actor=ABE)
        assert len(versions(desk)) == 1

    def test_a_program_that_is_not_there(self, desk: Desk) -> None:
        with pytest.raises(NothingToPropose):
            desk.decide(
                lambda conn: propose(
                    conn,
                    "change_policy",
                    ids=[999],
                    content=policy_content({}, None),
                    why="?",
                    actor=AMY,
                    now=NOW,
                )
            )
