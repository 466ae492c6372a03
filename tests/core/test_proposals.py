from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from core.access import Actor, NotAllowed
from core.decisions import Wanted
from core.ending import cancel_payouts
from core.proposals import KINDS, confirm, open_proposals, propose, read_proposal, refuse_proposal
from core.providers import Succeeded, Unknown
from core.refusals import Refusal
from core.resolving import resolve_due
from core.second_person import (
    AlreadyProposed,
    NothingToPropose,
    NoWhy,
    OutdatedProposal,
    OwnProposal,
    ProposalDecided,
    ProposalExpired,
    UnknownProposal,
)
from core.stops import current_stop
from tests.core.agreeing import ODA, confirmed, proposed, stopped, waits_for_people
from tests.db.law import state
from tests.desk import ADA, DAY, HOST, HOUR, MIA, NOW, OLA, SILENCE, VIC, Balance, Desk, Rail

RESERVED_25 = Balance(0, 75_00, 25_00, 0, 0)


def refuses(
    desk: Desk, refusal: type[Refusal], act: Callable[..., object], *args: object, **kw: object
) -> None:
    """Expect a refusal by name with every table as it was."""
    with desk.engine.connect() as conn:
        before = state(conn)
        with pytest.raises(refusal) as caught, conn.begin_nested():
            act(conn, *args, **({"now": NOW} | kw))
        assert caught.value.sentence
        assert state(conn) == before


class TestPropose:
    def test_keeps_what_why_by_whom_and_until_when_and_does_nothing_yet(self, desk: Desk) -> None:
        stop = stopped(desk)

        made = proposed(desk, "start_sending", stop.id)

        with desk.engine.connect() as conn:
            (proposal,) = open_proposals(conn, now=NOW)
            assert current_stop(conn) == stop
        assert (proposal.id, proposal.kind, proposal.ids) == (made, "start_sending", (stop.id,))
        assert (proposal.made_by, proposal.why) == ("user:ola", "looked at it")
        assert (proposal.made_at, proposal.expires_at) == (NOW, NOW + DAY)
        assert proposal.content["stopped_because"] == "two transfers look wrong"
        assert (proposal.decision, len(proposal.digest)) == (None, 64)
        assert desk.column("SELECT action FROM audit ORDER BY seq DESC LIMIT 1") == ["proposal.made"]

    @pytest.mark.parametrize(
        ("kind", "actor"),
        [
            (name, actor)
            for name, kind in KINDS.items()
            for actor in (VIC, MIA, HOST)
            if not actor.may(kind.proposed_by or kind.right)
        ],
    )
    def test_takes_the_right(self, desk: Desk, kind: str, actor: Actor) -> None:
        refuses(desk, NotAllowed, propose, kind, ids=[1], why="because", actor=actor)

    def test_takes_a_reason(self, desk: Desk) -> None:
        stop = stopped(desk)

        refuses(desk, NoWhy, propose, "start_sending", ids=[stop.id], why="  ", actor=OLA)

    def test_of_what_is_asked_for_already_names_the_proposal(self, desk: Desk) -> None:
        stop = stopped(desk)
        proposed(desk, "start_sending", stop.id)

        refuses(desk, AlreadyProposed, propose, "start_sending", ids=[stop.id], why="me too", actor=ADA)

        later = NOW + DAY  # the first has expired
        desk.decide(
            lambda conn: propose(conn, "start_sending", ids=[stop.id], why="me too", actor=ADA, now=later)
        )

    def test_of_nothing_is_refused(self, desk: Desk) -> None:
        payout = desk.approved()

        refuses(desk, NothingToPropose, propose, "proved_absent", ids=[payout], why="because", actor=OLA)
        refuses(desk, NothingToPropose, propose, "start_sending", ids=[1], why="because", actor=OLA)


class TestDeciding:
    @pytest.fixture
    def proposal(self, desk: Desk) -> int:
        return proposed(desk, "start_sending", stopped(desk).id)

    def test_confirms_once_and_carries_it_out_in_the_same_transaction(
        self, desk: Desk, proposal: int
    ) -> None:
        done = confirmed(desk, proposal)

        assert (done.decision, done.decided_by, done.decided_at) == ("confirm", "user:ada", NOW)
        with desk.engine.connect() as conn:
            assert current_stop(conn) is None
            assert open_proposals(conn, now=NOW) == []
        refuses(desk, ProposalDecided, confirm, proposal, actor=ODA)
        refuses(desk, ProposalDecided, refuse_proposal, proposal, note="no", actor=ODA)

    def test_refuses_once_with_a_reason_and_changes_nothing_else(self, desk: Desk, proposal: int) -> None:
        refuses(desk, NoWhy, refuse_proposal, proposal, note=" ", actor=ADA)

        done = desk.decide(lambda conn: refuse_proposal(conn, proposal, note="not yet", actor=ADA, now=NOW))

        assert (done.decision, done.decided_by, done.decide_note) == ("refuse", "user:ada", "not yet")
        with desk.engine.connect() as conn:
            assert current_stop(conn) is not None
        refuses(desk, ProposalDecided, confirm, proposal, actor=ODA)

    def test_is_never_its_makers(self, desk: Desk, proposal: int) -> None:
        also_approver = Actor(name=OLA.name, channel="page", roles=frozenset({"approver", "admin"}))

        for actor in (OLA, also_approver):
            refuses(desk, OwnProposal, confirm, proposal, actor=actor)
            refuses(desk, OwnProposal, refuse_proposal, proposal, note="no", actor=actor)

    @pytest.mark.parametrize("actor", [VIC, MIA, HOST])
    def test_takes_the_right(self, desk: Desk, proposal: int, actor: Actor) -> None:
        refuses(desk, NotAllowed, confirm, proposal, actor=actor)
        refuses(desk, NotAllowed, refuse_proposal, proposal, note="no", actor=actor)

    def test_comes_too_late_from_the_instant_it_expires(self, desk: Desk, proposal: int) -> None:
        refuses(desk, ProposalExpired, confirm, proposal, actor=ADA, now=NOW + DAY)
        refuses(desk, ProposalExpired, refuse_proposal, proposal, note="no", actor=ADA, now=NOW + DAY)

        with desk.engine.connect() as conn:
            assert open_proposals(conn, now=NOW + DAY) == []
        just_in_time = NOW + DAY - timedelta(microseconds=1)
        desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=just_in_time))

    def test_of_an_unknown_one_is_refused(self, desk: Desk) -> None:
        refuses(desk, UnknownProposal, confirm, 77, actor=ADA)

    def test_what_it_is_about_having_changed_is_refused_by_name(self, desk: Desk, proposal: int) -> None:
        other = desk.decide(
            lambda conn: propose(
                conn,
                "start_sending",
                ids=[1],
                why="me too",
                actor=ODA,
                now=NOW + DAY,
                expires_at=NOW + 3 * DAY,
            )
        )
        confirmed(desk, proposal)
        again = stopped(desk, "and again")

        refuses(desk, OutdatedProposal, confirm, other, actor=ADA)

        with desk.engine.connect() as conn:
            assert current_stop(conn) == again

    def test_of_a_proposal_that_was_tampered_with_does_nothing(
        self, desk: Desk, database: str, proposal: int
    ) -> None:
        with psycopg.connect(database) as owner:
            owner.execute("ALTER TABLE proposal DISABLE TRIGGER USER")
            owner.execute("ALTER TABLE proposal ALTER digest DROP EXPRESSION")
            owner.execute('UPDATE proposal SET content = content || \'{"stopped_by": "user:eve"}\'')

        refuses(desk, OutdatedProposal, confirm, proposal, actor=ADA)
        refuses(desk, OutdatedProposal, refuse_proposal, proposal, note="no", actor=ADA)

    def test_is_told_to_the_audit_with_the_digest_both_saw(self, desk: Desk, proposal: int) -> None:
        digest = desk.scalar("SELECT encode(digest, 'hex') FROM proposal")

        confirmed(desk, proposal)

        assert desk.column("SELECT action FROM audit ORDER BY seq DESC LIMIT 2") == [
            "proposal.confirmed",
            "sending.started",
        ]
        last = "SELECT details ->> 'digest' FROM audit ORDER BY seq DESC LIMIT 1"
        assert desk.scalar(last) == digest
        assert desk.faults() == []


class TestProvedAbsent:
    def test_by_two_people_lets_another_attempt_follow_under_a_new_key(self, desk: Desk) -> None:
        payout = waits_for_people(desk)

        confirmed(desk, proposed(desk, "proved_absent", payout))

        assert desk.status(payout) == "approved"
        assert desk.column("SELECT state FROM attempt") == ["absent"]
        assert desk.balance("AFF1") == RESERVED_25
        assert desk.faults() == []
        rail = Rail()
        desk.send(rail)
        assert [(order.n, order.key[-2:]) for order in rail.sent] == [(2, "_2")]
        assert desk.status(payout) == "paid"
        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)
        assert desk.faults() == []

    def test_carries_the_looks_as_its_evidence(self, desk: Desk) -> None:
        payout = waits_for_people(desk)

        made = proposed(desk, "proved_absent", payout)

        with desk.engine.connect() as conn:
            content = read_proposal(conn, made).content
        assert (content["attempt"], content["net_minor"], content["currency"]) == (1, 24_75, "USD")
        assert [(call["what"], call["outcome"]) for call in content["calls"]] == [
            ("send", "unknown"),
            ("find", "absent"),
            ("find", "absent"),
            ("find", "absent"),
        ]
        assert content["absent_since"] == (NOW + 24 * HOUR).isoformat()
        assert "Ana Silva" not in json.dumps(content)

    def test_by_one_person_or_refused_by_the_other_moves_nothing(self, desk: Desk) -> None:
        payout = waits_for_people(desk)
        made = proposed(desk, "proved_absent", payout)
        rail = Rail()
        desk.send(rail)

        desk.decide(lambda conn: refuse_proposal(conn, made, note="ask the bank", actor=ADA, now=NOW))
        desk.send(rail)

        assert rail.sent == []
        assert desk.status(payout) == "processing"
        assert desk.balance("AFF1") == RESERVED_25

    def test_is_not_offered_before_the_looks_are_done(self, desk: Desk) -> None:
        payout = desk.approved()
        silent = Rail(SILENCE)
        desk.send(silent)
        asked = {"ids": [payout], "why": "because", "actor": OLA}
        refuses(desk, NothingToPropose, propose, "proved_absent", **asked)
        for hours in (24, 25):
            resolve_due(desk.engine, silent, now=NOW + hours * HOUR)
            refuses(desk, NothingToPropose, propose, "proved_absent", **asked)

    def test_is_never_offered_for_an_answer_that_contradicts_the_order_since_money_may_have_moved(
        self, desk: Desk
    ) -> None:
        payout = desk.approved()
        desk.send(Rail(Unknown(message="Another amount was moved", code="wrong_amount", ask_again=False)))
        assert desk.column("SELECT next_look_at FROM attempt") == [None]
        with desk.engine.begin() as conn:
            conn.execute(text("UPDATE attempt SET lease_until = clock_timestamp()"))

        refuses(desk, NothingToPropose, propose, "proved_absent", ids=[payout], why="seems lost", actor=OLA)

        assert desk.status(payout) == "processing"
        assert desk.balance("AFF1").reserved == 25_00

    def test_is_outdated_once_the_transfer_was_found_after_all(self, desk: Desk) -> None:
        payout = waits_for_people(desk)
        made = proposed(desk, "proved_absent", payout)
        resolve_due(desk.engine, Rail(found=Succeeded(provider_ref="tr_1")), now=NOW + 30 * HOUR, only=payout)
        assert desk.status(payout) == "paid"

        refuses(desk, OutdatedProposal, confirm, made, actor=ADA)

        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)

    def test_is_outdated_once_somebody_looked_again(self, desk: Desk) -> None:
        payout = waits_for_people(desk)
        made = proposed(desk, "proved_absent", payout)
        resolve_due(desk.engine, Rail(), now=NOW + 30 * HOUR, only=payout)

        refuses(desk, OutdatedProposal, confirm, made, actor=ADA)

        confirmed(desk, proposed(desk, "proved_absent", payout, actor=ADA), actor=OLA)
        assert desk.status(payout) == "approved"

    def test_waits_for_a_look_that_is_under_way(self, desk: Desk) -> None:
        payout = waits_for_people(desk)
        made = proposed(desk, "proved_absent", payout)
        with desk.engine.begin() as conn:
            conn.execute(text("UPDATE attempt SET lease_until = clock_timestamp() + interval '1 minute'"))

        refuses(desk, OutdatedProposal, confirm, made, actor=ADA)

        assert desk.column("SELECT state FROM attempt") == ["unknown"]

    def test_leaves_a_payout_that_may_be_cancelled_instead_of_sent_again(self, desk: Desk) -> None:
        payout = waits_for_people(desk)
        confirmed(desk, proposed(desk, "proved_absent", payout))

        desk.decide(lambda conn: cancel_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="gone"))

        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)
        assert desk.faults() == []
