"""What a run of the sender asks before each claim: whether the books hold for what is next, and whether the provider answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.breaker import OPENS_AFTER
from core.proposals import confirm
from core.providers import Order, Succeeded
from core.resolving import resolve_due
from core.sending import WORKERS, send_due
from core.stops import BooksBroken, current_stop, stop_sending
from core.verify_due import LAWS
from db.engine import make_engine
from tests.core.agreeing import proposed, stopped
from tests.desk import ADA, DAY, HOUR, NOW, OLA, SILENCE, Answer, Desk, Rail, declined

MINUTE = timedelta(minutes=1)
BREAK = {
    "reserved equals the live unpaid payouts": "UPDATE partner_balance SET reserved = reserved + 1",
    "a payout is the sum of its items": "UPDATE payout_item SET amount_minor = amount_minor + 1",
    "every earning is in one live payout": "INSERT INTO open_item (earning_id, partner_id, amount_minor, release_at)"
    " SELECT earning_id, 1, 1, now() FROM payout_item LIMIT 1",
    "a reservation ends exactly once": "DELETE FROM ledger_transfer WHERE kind = 'reserve'",
    "enough others approved": "UPDATE approval SET actor = (SELECT made_by FROM payout)",
    "a new key only after a definite no": "INSERT INTO attempt (payout_id, n, idem_key, provider, params, params_hash,"
    " approved_hash, started_at, lease_until, state) SELECT id, 1, 'k', 'rail', '{}', '', '', now(), now(), 'unknown'"
    " FROM payout",
}


def spoil(database: str, statement: str) -> None:
    """Change what no operation changes, as the schema's owner, past all triggers."""
    owner = make_engine(database, application_name="spoiling", pool_size=1)
    with owner.begin() as conn:
        conn.execute(text("SET LOCAL session_replication_role = replica"))
        conn.execute(text(statement))
    owner.dispose()


class TestTheBooks:
    def test_every_law_of_what_is_due_has_something_that_breaks_it(self) -> None:
        assert set(BREAK) == set(LAWS)

    @pytest.mark.parametrize("law", BREAK)
    def test_that_do_not_hold_for_what_is_due_stop_sending_before_it_is_claimed(
        self, desk: Desk, database: str, law: str
    ) -> None:
        payout, rail = desk.approved(), Rail()
        spoil(database, BREAK[law])

        assert desk.send(rail).count == 0

        with desk.engine.connect() as conn:
            stop = current_stop(conn)
        assert stop is not None
        assert (stop.stopped_by, law in stop.why) == ("job:send", True)
        assert (rail.sent, desk.status(payout)) == ([], "approved")

    def test_of_partners_who_are_not_paid_now_keep_nobody_waiting(self, desk: Desk, database: str) -> None:
        payout = desk.approved("AFF1")
        desk.funded("AFF2")
        spoil(
            database,
            "UPDATE partner_balance SET reserved = 1 WHERE partner_id = (SELECT id FROM partner WHERE code = 'AFF2')",
        )

        assert desk.send(Rail()).succeeded == 1
        assert desk.status(payout) == "paid"

    def test_that_do_not_hold_keep_sending_from_being_started(self, desk: Desk, database: str) -> None:
        desk.approved()
        stop = stopped(desk)
        spoil(database, "UPDATE payout_item SET amount_minor = amount_minor + 1")
        with pytest.raises(BooksBroken) as caught:
            proposed(desk, "start_sending", stop.id)
        assert "a payout is the sum of its items (1)" in caught.value.sentence

        spoil(database, "UPDATE payout_item SET amount_minor = amount_minor - 1")
        proposed(desk, "start_sending", stop.id)

    def test_that_the_last_check_found_broken_keep_it_from_being_confirmed(
        self, desk: Desk, database: str
    ) -> None:
        stop = desk.decide(lambda conn: stop_sending(conn, why="looks wrong", actor=OLA, now=NOW))
        made = proposed(desk, "start_sending", stop.id)
        note = "The books do not hold: balances equal the ledger (3)."
        spoil(
            database,
            f"INSERT INTO heartbeat (job, beat_at, note) VALUES ('check', now(), '{note}')",  # noqa: S608
        )

        with pytest.raises(BooksBroken) as caught:
            desk.decide(lambda conn: confirm(conn, made, actor=ADA, now=NOW))

        assert note in caught.value.sentence
        with desk.engine.connect() as conn:
            assert current_stop(conn) == stop


class TestSilence:
    """Twenty payouts, and a provider that says nothing."""

    @pytest.fixture
    def payouts(self, desk: Desk) -> list[int]:
        return [desk.approved(f"AFF{number}") for number in range(20)]

    def statuses(self, desk: Desk, status: str) -> int:
        found = desk.scalar("SELECT count(*) FROM payout WHERE status = :s", s=status)
        assert isinstance(found, int)
        return found

    def test_again_and_again_ends_the_run_with_a_handful_unknown(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        rail = Rail(*[SILENCE] * 20)

        result = desk.send(rail)

        assert OPENS_AFTER <= result.unknown < OPENS_AFTER + WORKERS
        assert self.statuses(desk, "approved") == len(payouts) - result.unknown

    def test_of_a_day_releases_nothing_and_claims_nothing_more(self, desk: Desk, payouts: list[int]) -> None:
        rail = Rail(*[SILENCE] * 400, found=SILENCE)
        silent = desk.send(rail).unknown
        now = NOW
        while now < NOW + DAY:
            now += 5 * MINUTE
            desk.send(rail, now=now)
            resolve_due(desk.engine, rail, now=now)

        assert len({order.key for order in rail.sent}) == silent
        assert self.statuses(desk, "processing") == silent
        assert self.statuses(desk, "approved") == len(payouts) - silent
        assert desk.scalar("SELECT sum(reserved) FROM partner_balance") == 20 * 25_00
        assert desk.scalar("SELECT max(n) FROM attempt") == 1

    def test_that_ends_is_noticed_within_a_quarter_of_an_hour_and_the_backlog_drains(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        quiet = Rail(*[SILENCE] * 400)
        desk.send(quiet)
        for minutes in (1, 6, 21, 81, 141):
            resolve_due(desk.engine, quiet, now=NOW + minutes * MINUTE)
        assert desk.send(quiet, now=NOW + 141 * MINUTE).count == 0

        well = Rail()
        resolve_due(desk.engine, well, now=NOW + 157 * MINUTE)  # asked before its time, to try the provider
        assert self.statuses(desk, "paid") >= 1
        desk.send(well, now=NOW + 157 * MINUTE)
        resolve_due(desk.engine, well, now=NOW + 4 * HOUR)

        assert self.statuses(desk, "paid") == len(payouts)
        assert len({order.key for order in well.sent}) == len(well.sent) == len(payouts)
        assert desk.faults() == []

    def test_where_nothing_is_open_one_payout_is_tried_first_and_later_each_time(
        self, desk: Desk, payouts: list[int]
    ) -> None:
        refused = declined("network_timeout")
        rail = Rail(*[refused] * 400)
        first = desk.send(rail).declined
        assert OPENS_AFTER <= first < OPENS_AFTER + WORKERS

        assert desk.send(rail, now=NOW).count == 0
        assert desk.send(rail, now=NOW + 15 * MINUTE).count == 1
        assert desk.send(rail, now=NOW + 16 * MINUTE).count == 0
        well = Rail()
        assert desk.send(well, now=NOW + 2 * HOUR).succeeded == len(payouts)
        assert self.statuses(desk, "paid") == len(payouts)

    def test_with_an_answer_in_between_is_no_outage(self, desk: Desk, payouts: list[int]) -> None:
        def paid(order: Order) -> Succeeded:
            return Succeeded(provider_ref=f"tr_{order.key}")

        answers: list[Answer | Callable[[Order], Answer]] = [SILENCE, SILENCE, paid]
        rail = Rail(*answers * 10)

        result = send_due(desk.engine, rail, now=NOW)

        assert result.count == len(payouts)

    def test_does_not_keep_a_person_from_trying_one_payout(self, desk: Desk, payouts: list[int]) -> None:
        assert desk.send(Rail(*[SILENCE] * 20)).unknown < len(payouts)
        waiting = desk.scalar("SELECT max(id) FROM payout WHERE status = 'approved'")
        assert isinstance(waiting, int)

        assert send_due(desk.engine, Rail(), now=NOW, only=waiting).succeeded == 1
