from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event

import psycopg
import pytest
from sqlalchemy import Connection, event, text

from core.access import Actor, NotAllowed, job_actor
from core.claiming import StoppedMeanwhile, claim_payout, take_up
from core.guards import blocking_reasons
from core.providers import Order, Succeeded
from core.resolving import resolve_due
from core.second_person import NoWhy
from core.sending import send_due
from core.stops import SendingStopped, Stop, current_stop, stop_sending
from tests.core.agreeing import started_again, stopped
from tests.desk import ADA, HOST, HOUR, MIA, NOW, OLA, SILENCE, VIC, Balance, Desk, Rail

RESERVED_25 = Balance(0, 75_00, 25_00, 0, 0)


@contextmanager
def stopping(desk: Desk, moment: str, statement: str = "") -> Iterator[None]:
    """Sending is stopped by another session, once, at this moment of the desk's own."""
    done = Event()

    def look(_conn: Connection, *about: object) -> None:
        if not done.is_set() and (not statement or statement in str(about[1])):
            done.set()
            stopped(desk)

    event.listen(desk.engine, moment, look)
    try:
        yield
    finally:
        event.remove(desk.engine, moment, look)
    assert done.is_set()


class TestStopSending:
    @pytest.mark.parametrize("actor", [OLA, MIA, ADA, job_actor("check")])
    def test_takes_one_person_or_the_desk_itself(self, desk: Desk, actor: Actor) -> None:
        made = desk.decide(lambda conn: stop_sending(conn, why="looks wrong", actor=actor, now=NOW))

        with desk.engine.connect() as conn:
            assert current_stop(conn) == made
        assert made == Stop(id=made.id, stopped_at=NOW, stopped_by=actor.name, why="looks wrong")
        assert desk.column("SELECT actor FROM audit WHERE action = 'sending.stopped'") == [actor.name]

    @pytest.mark.parametrize("actor", [VIC, HOST])
    def test_takes_the_right(self, desk: Desk, actor: Actor) -> None:
        with pytest.raises(NotAllowed):
            desk.decide(lambda conn: stop_sending(conn, why="because", actor=actor, now=NOW))
        assert desk.scalar("SELECT count(*) FROM sending_stop") == 0

    def test_takes_a_reason(self, desk: Desk) -> None:
        with pytest.raises(NoWhy):
            desk.decide(lambda conn: stop_sending(conn, why=" ", actor=OLA, now=NOW))
        assert desk.scalar("SELECT count(*) FROM sending_stop") == 0

    def test_a_second_time_answers_with_the_stop_that_stands(self, desk: Desk) -> None:
        first = stopped(desk)

        again = desk.decide(lambda conn: stop_sending(conn, why="me too", actor=ADA, now=NOW + HOUR))

        assert again == first
        assert desk.scalar("SELECT count(*) FROM sending_stop") == 1

    def test_stops_again_after_it_was_started_again(self, desk: Desk) -> None:
        started_again(desk, stopped(desk))

        second = stopped(desk, "once more")

        with desk.engine.connect() as conn:
            assert current_stop(conn) == second

    def test_the_start_wakes_the_sender_when_it_is_committed(self, desk: Desk, database: str) -> None:
        stop = stopped(desk)
        with psycopg.connect(database, autocommit=True) as listener:
            listener.execute("LISTEN paydesk_send")

            started_again(desk, stop)

            woken = [note.channel for note in listener.notifies(timeout=60, stop_after=1)]
        assert woken == ["paydesk_send"]


class TestWhileSendingIsStopped:
    def test_nothing_is_claimed_and_nothing_posted_and_the_money_stays_reserved(self, desk: Desk) -> None:
        payout = desk.approved()
        stop = stopped(desk)
        rail = Rail()

        assert desk.send(rail).count == 0
        with desk.engine.begin() as conn:
            assert claim_payout(conn, payout, rail, now=NOW) is None

        assert (rail.sent, desk.status(payout)) == ([], "approved")
        assert desk.scalar("SELECT count(*) FROM attempt") == 0
        assert desk.balance("AFF1") == RESERVED_25
        started_again(desk, stop)
        assert desk.send(rail).succeeded == 1
        assert desk.faults() == []

    def test_every_open_payout_says_so_with_who_and_why(self, desk: Desk) -> None:
        payout = desk.approved()
        desk.funded("AFF2")
        waiting = desk.request("AFF2", "25.00")
        stopped(desk)

        with desk.engine.connect() as conn:
            reasons = blocking_reasons(conn, [payout, waiting], now=NOW)

        for found in reasons.values():
            assert found[0].code == "sending_stopped"
            assert found[0].sentence == "All sending is stopped by ola: two transfers look wrong"
        assert [reason.code for reason in reasons[waiting]] == ["sending_stopped", "approvals_missing"]

    def test_approving_goes_on(self, desk: Desk) -> None:
        desk.funded("AFF1")
        payout = desk.request("AFF1", "25.00")
        stopped(desk)

        assert desk.approve(payout).done == [payout]
        assert desk.status(payout) == "approved"

    def test_one_payout_asked_for_by_a_person_is_refused_by_name(self, desk: Desk) -> None:
        payout = desk.approved()
        stopped(desk)
        rail = Rail()

        with pytest.raises(SendingStopped) as caught:
            send_due(desk.engine, rail, now=NOW, only=payout)

        assert "ola: two transfers look wrong" in caught.value.sentence
        assert rail.sent == []

    def test_a_dry_run_counts_nothing(self, desk: Desk) -> None:
        desk.approved()
        stopped(desk)

        assert send_due(desk.engine, Rail(), now=NOW, dry_run=True).count == 0

    def test_an_orphan_is_not_taken_up_but_after_the_start_under_the_same_key(self, desk: Desk) -> None:
        payout = desk.approved()
        with desk.engine.begin() as conn:
            claim = claim_payout(conn, payout, Rail(), now=NOW)
            assert claim is not None
            conn.execute(text("UPDATE attempt SET lease_until = clock_timestamp()"))
        stop = stopped(desk)
        rail = Rail()

        assert desk.send(rail).count == 0
        with desk.engine.begin() as conn:
            assert take_up(conn, rail, now=NOW) == []
        assert (rail.sent, desk.status(payout)) == ([], "processing")
        started_again(desk, stop)
        desk.send(rail)

        assert [order.key for order in rail.sent] == [claim.order.key]
        assert desk.status(payout) == "paid"

    def test_silence_is_only_looked_up_and_adopted_when_found(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail(SILENCE, found=Succeeded(provider_ref="tr_found"))
        desk.send(rail)
        stopped(desk)

        resolve_due(desk.engine, rail, now=NOW + timedelta(minutes=1))

        assert (len(rail.sent), len(rail.looked_up)) == (1, 1)
        assert desk.status(payout) == "paid"
        assert desk.faults() == []

    def test_looks_within_the_keys_life_prove_nothing_and_the_same_key_goes_out_after_the_start(
        self, desk: Desk
    ) -> None:
        payout = desk.approved()
        rail = Rail(SILENCE)
        desk.send(rail)
        stop = stopped(desk)
        for hours in (1, 3, 5, 7):
            resolve_due(desk.engine, rail, now=NOW + hours * HOUR)
        assert (len(rail.sent), len(rail.looked_up)) == (1, 4)
        assert desk.column("SELECT absent_looks FROM attempt") == [0]

        started_again(desk, stop)
        resolve_due(desk.engine, rail, now=NOW + 9 * HOUR)

        assert len({(order.key, json.dumps(order.params)) for order in rail.sent}) == 1
        assert len(rail.sent) == 2
        assert desk.status(payout) == "paid"
        assert desk.faults() == []


class TestAStopThatComesDuringARun:
    def test_lets_the_call_in_flight_finish_and_claims_nothing_more(self, desk: Desk) -> None:
        payouts = [desk.approved(f"AFF{n}") for n in range(4)]

        def stops_meanwhile(order: Order) -> Succeeded:
            stopped(desk)
            return Succeeded(provider_ref=f"tr_{order.key}")

        rail = Rail(stops_meanwhile)
        send_due(desk.engine, rail, now=NOW, limit=1)
        assert desk.send(rail).count == 0

        assert len(rail.sent) == 1
        assert sorted(desk.status(payout) for payout in payouts) == ["approved"] * 3 + ["paid"]
        assert desk.faults() == []

    def test_between_the_guards_and_the_attempt_undoes_the_claim(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail()

        with stopping(desk, "before_cursor_execute", "INSERT INTO attempt"):
            assert desk.send(rail).count == 0

        assert (rail.sent, desk.status(payout)) == ([], "approved")
        assert desk.scalar("SELECT count(*) FROM attempt") == 0
        assert desk.balance("AFF1") == RESERVED_25

    def test_is_named_to_whoever_claims(self, desk: Desk) -> None:
        payout = desk.approved()
        with (
            stopping(desk, "before_cursor_execute", "INSERT INTO attempt"),
            pytest.raises(StoppedMeanwhile),
            desk.engine.begin() as conn,
        ):
            claim_payout(conn, payout, Rail(), now=NOW)

    def test_leaves_orphans_that_were_just_taken_up_where_they_are(self, desk: Desk) -> None:
        payouts = [desk.approved(f"AFF{n}") for n in range(3)]
        with desk.engine.begin() as conn:
            for payout in payouts:
                claim_payout(conn, payout, Rail(), now=NOW)
            conn.execute(text("UPDATE attempt SET lease_until = clock_timestamp()"))
        rail = Rail()

        with stopping(desk, "commit"):
            assert desk.send(rail).count == 0

        assert rail.sent == []
        assert {desk.status(payout) for payout in payouts} == {"processing"}
