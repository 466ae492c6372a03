import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.claiming import ParamsDrifted, claim_payout, take_up
from core.decisions import Wanted
from core.due import due_payouts
from core.ending import cancel_payouts
from core.guards import blocking_reasons
from core.providers import Order, Succeeded
from core.resolving import resolve_due
from core.sending import Run, send_due, send_one
from core.steering import retry_payouts
from tests.desk import ADA, DAY, HOUR, NOW, OLA, SILENCE, Balance, Desk, Rail, declined


class TestSendDue:
    def test_pays_25_by_stripe_as_24_75_and_moves_exactly_that(self, desk: Desk) -> None:
        payout = desk.approved("AFF1", "25.00")
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)

        result = desk.send()

        assert (result.count, result.succeeded, result.amounts) == (1, 1, {"USD": 24_75})
        assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)
        assert desk.status(payout) == "paid"
        assert desk.scalar("SELECT sum(amount_minor) FROM simulator_transfer") == 24_75
        assert desk.faults() == []

    def test_sends_nothing_that_is_not_approved(self, desk: Desk) -> None:
        desk.funded("AFF1")
        payout = desk.request("AFF1", "25.00")
        rail = Rail()

        result = desk.send(rail)

        assert (result.count, rail.sent) == (0, [])
        assert desk.status(payout) == "pending"

    def test_sends_a_payout_once_however_often_it_runs(self, desk: Desk) -> None:
        desk.approved()
        rail = Rail()

        for _ in range(3):
            desk.send(rail)

        assert len(rail.sent) == 1

    def test_passes_over_a_payout_that_was_put_on_hold_after_its_approval(self, desk: Desk) -> None:
        payout = desk.approved()
        hold = text(
            "INSERT INTO hold (partner_id, reason, made_by, opened_at) SELECT partner_id, 'manual', 'user:mia', now() FROM payout"
        )
        with desk.engine.begin() as conn:
            conn.execute(hold)
        rail = Rail()

        desk.send(rail)

        assert rail.sent == []
        assert desk.status(payout) == "approved"
        assert desk.balance("AFF1").reserved == 25_00

    def test_carries_the_random_reference_in_key_and_group_never_the_serial_number(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail()

        desk.send(rail)

        ref = desk.scalar("SELECT ref::text FROM payout WHERE id = :id", id=payout)
        assert rail.sent[0].key == f"po_{ref}_1"
        assert rail.sent[0].params["transfer_group"] == ref

    def test_sends_urgent_ones_first_then_the_oldest(self, desk: Desk) -> None:
        first, second = desk.approved("AFF1"), desk.approved("AFF2")
        with desk.engine.begin() as conn:
            conn.execute(text("UPDATE payout SET priority = 'urgent' WHERE id = :id"), {"id": second})
        rail = Rail()

        send_due(desk.engine, rail, now=NOW, limit=1)

        assert [order.payout_id for order in rail.sent] == [second]
        assert desk.status(first) == "approved"

    def test_a_dry_run_counts_what_would_leave_and_changes_nothing(self, desk: Desk) -> None:
        payout = desk.approved()

        result = send_due(desk.engine, Rail(), now=NOW, dry_run=True)

        assert (result.count, result.amounts) == (1, {"USD": 24_75})
        assert desk.status(payout) == "approved"
        assert desk.scalar("SELECT count(*) FROM attempt") == 0

    def test_claims_nothing_more_once_it_is_stopping(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail()

        send_due(desk.engine, rail, now=NOW, stopping=lambda: True)

        assert rail.sent == []
        assert desk.status(payout) == "approved"

    def test_keeps_the_email_of_a_paypal_partner_out_of_what_is_frozen(self, desk: Desk) -> None:
        desk.partner("AFF1", method="paypal", account=None)
        desk.sale("AFF1", "100.00", ref="s1")
        desk.release()
        desk.approve(desk.request("AFF1", "50.00"))
        rail = Rail()

        desk.send(rail)

        assert rail.sent[0].params["amount_minor"] == 49_00
        assert "@" not in json.dumps(rail.sent[0].params)

    def test_leaves_a_payout_alone_whose_method_the_provider_does_not_serve(self, desk: Desk) -> None:
        by_stripe = desk.approved("AFF1")
        desk.funded("AFF2", method="paypal", account="")
        by_paypal = desk.request("AFF2", "25.00")
        desk.approve(by_paypal)
        rail = Rail()
        rail.methods = frozenset({"stripe"})

        assert send_due(desk.engine, rail, now=NOW, dry_run=True).count == 1
        desk.send(rail)

        assert [order.payout_id for order in rail.sent] == [by_stripe]
        assert desk.status(by_paypal) == "approved"


class TestADefiniteNo:
    @pytest.mark.parametrize(
        ("code", "waits"),
        [
            ("network_timeout", [timedelta(minutes=5), timedelta(minutes=15), HOUR]),
            ("daily_transfer_limit", [HOUR, DAY, 7 * DAY]),
        ],
    )
    def test_climbs_the_ladder_of_its_class_three_times_and_then_fails(
        self, desk: Desk, code: str, waits: list[timedelta]
    ) -> None:
        payout = desk.approved()
        rail, now = Rail(*[declined(code)] * 4), NOW

        for wait in waits:
            desk.send(rail, now)
            assert desk.status(payout) == "retrying"
            assert desk.scalar("SELECT retry_at FROM payout") == now + wait
            desk.send(rail, now + wait - timedelta(seconds=1))
            now += wait
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)
        desk.send(rail, now)

        assert desk.status(payout) == "failed"
        assert [order.n for order in rail.sent] == [1, 2, 3, 4]
        assert len({order.key for order in rail.sent}) == 4
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)
        assert desk.faults() == []

    @pytest.mark.parametrize("code", ["invalid_bank_account", "account_restricted"])
    def test_that_time_does_not_cure_fails_at_once_and_holds_the_destination(
        self, desk: Desk, code: str
    ) -> None:
        payout = desk.approved()

        desk.send(Rail(declined(code)))

        assert desk.status(payout) == "failed"
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)
        assert desk.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_failed"]
        assert desk.faults() == []

    def test_of_an_empty_platform_balance_spends_no_retry_and_leaves_when_it_is_covered(
        self, desk: Desk
    ) -> None:
        payout = desk.approved()
        short = desk.simulator(balance={"USD": 10_00})

        desk.send(short)
        desk.send(Rail(declined("balance_insufficient")), NOW + HOUR)

        assert desk.status(payout) == "approved"
        assert desk.balance("AFF1").reserved == 25_00
        covered = desk.simulator(balance={"USD": 24_75})
        desk.send(covered, NOW + 2 * HOUR)
        assert desk.status(payout) == "paid"
        assert covered.balance_minor("USD") == 0
        assert desk.faults() == []

    def test_leaves_a_failed_payout_failed_for_ever(self, desk: Desk) -> None:
        payout = desk.approved()
        desk.send(Rail(declined("invalid_bank_account")))

        decision = desk.decide(lambda conn: retry_payouts(conn, [Wanted(id=payout)], actor=OLA, now=NOW))

        assert [one.code for one in decision.refused] == ["final"]
        assert desk.send(Rail(), NOW + DAY).count == 0

    def test_waits_for_the_retry_unless_a_person_makes_it_due(self, desk: Desk) -> None:
        payout = desk.approved()
        desk.send(Rail(declined("daily_transfer_limit")))

        desk.decide(lambda conn: retry_payouts(conn, [Wanted(id=payout)], actor=OLA, now=NOW))
        desk.send(Rail())

        assert desk.status(payout) == "paid"

    def test_is_not_overtaken_by_a_run_whose_list_was_made_before_the_refusal(self, desk: Desk) -> None:
        first = desk.approved("AFF1")
        second = desk.approved("AFF2")
        theirs = Rail(declined("network_timeout"))

        def meanwhile(_order: Order) -> Succeeded:
            send_due(desk.engine, theirs, now=NOW, only=second)
            return Succeeded(provider_ref="tr_first")

        ours = Rail(meanwhile)
        with desk.engine.connect() as conn:
            due = due_payouts(conn, methods=Rail.methods, now=NOW)
        run = Run(desk.engine, ours, due, now=NOW, limit=None, at_once=False, stopping=lambda: False)
        run.work()  # one worker: held at the first payout while they send the second

        assert [order.payout_id for order in theirs.sent] == [second]
        assert [order.payout_id for order in ours.sent] == [first]
        assert desk.status(second) == "retrying"


class TestSilence:
    def test_leaves_the_payout_processing_and_its_money_reserved(self, desk: Desk) -> None:
        payout = desk.approved()

        result = desk.send(Rail(SILENCE))

        assert result.unknown == 1
        assert desk.status(payout) == "processing"
        assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)
        assert desk.scalar("SELECT next_look_at FROM attempt") == NOW + timedelta(minutes=1)

    def test_is_what_any_exception_of_the_provider_counts_as(self, desk: Desk) -> None:
        def broken(_order: Order) -> Succeeded:
            raise ConnectionResetError("reset")

        payout = desk.approved()

        desk.send(Rail(broken))

        assert desk.status(payout) == "processing"
        assert desk.column("SELECT state FROM attempt") == ["unknown"]

    def test_is_asked_about_with_the_same_key_and_the_same_bytes(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail(SILENCE, SILENCE)
        desk.send(rail)

        for minutes in (1, 6):
            resolve_due(desk.engine, rail, now=NOW + timedelta(minutes=minutes))

        assert len(rail.sent) == 3
        assert len({(order.key, json.dumps(order.params)) for order in rail.sent}) == 1
        assert desk.status(payout) == "paid"
        assert desk.faults() == []

    def test_is_never_sent_again_after_23_hours_but_looked_up_and_adopted(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail(SILENCE, found=Succeeded(provider_ref="tr_found"))
        desk.send(rail)

        resolve_due(desk.engine, rail, now=NOW + 23 * HOUR)

        assert (len(rail.sent), len(rail.looked_up)) == (1, 1)
        assert desk.status(payout) == "paid"
        assert desk.scalar("SELECT provider_ref FROM attempt") == "tr_found"
        assert desk.faults() == []

    def test_absent_on_three_looks_over_an_hour_waits_for_people_and_sends_nothing(self, desk: Desk) -> None:
        payout = desk.approved()
        rail = Rail(SILENCE)
        desk.send(rail)
        now = NOW + 24 * HOUR

        for _ in range(5):
            resolve_due(desk.engine, rail, now=now)
            now += HOUR

        assert (len(rail.sent), len(rail.looked_up)) == (1, 3)
        assert desk.status(payout) == "processing"
        assert desk.column("SELECT next_look_at FROM attempt") == [None]
        assert desk.balance("AFF1").reserved == 25_00

    @pytest.mark.parametrize("n", range(8))
    def test_of_the_simulator_with_or_without_the_money_moved_pays_once(self, desk: Desk, n: int) -> None:
        for number in range(n + 1):
            desk.approved(f"AFF{number}")
        silent = desk.simulator(silence=1)

        assert desk.send(silent).unknown == n + 1
        resolve_due(desk.engine, silent, now=NOW + HOUR)

        assert desk.scalar("SELECT count(*) FROM payout WHERE status = 'paid'") == n + 1
        assert desk.scalar("SELECT count(*) FROM simulator_transfer WHERE provider_ref IS NOT NULL") == n + 1
        assert desk.faults() == []


class TestACrash:
    def expire_leases(self, desk: Desk) -> None:
        with desk.engine.begin() as conn:
            conn.execute(text("UPDATE attempt SET lease_until = clock_timestamp()"))

    @pytest.mark.parametrize("provider_had_it", [False, True])
    def test_between_claim_and_outcome_is_taken_up_with_the_same_key_and_pays_once(
        self, desk: Desk, *, provider_had_it: bool
    ) -> None:
        payout = desk.approved()
        simulator = desk.simulator()
        with desk.engine.begin() as conn:
            claim = claim_payout(conn, payout, simulator, now=NOW)
        assert claim is not None
        if provider_had_it:
            simulator.send(claim.order)

        assert desk.send(simulator).count == 0  # the lease of the dead process still runs
        self.expire_leases(desk)
        result = desk.send(simulator)

        assert result.succeeded == 1
        assert desk.status(payout) == "paid"
        assert desk.scalar("SELECT count(*) FROM simulator_transfer") == 1
        assert desk.faults() == []

    def test_of_a_worker_that_wakes_after_its_lease_writes_nothing_but_its_call(self, desk: Desk) -> None:
        payout = desk.approved()
        simulator = desk.simulator()
        with desk.engine.begin() as conn:
            asleep = claim_payout(conn, payout, simulator, now=NOW)
        assert asleep is not None
        self.expire_leases(desk)
        with desk.engine.begin() as conn:
            (taken_over,) = take_up(conn, simulator, now=NOW)

        send_one(desk.engine, Rail(declined("invalid_bank_account")), asleep, now=NOW)
        assert desk.status(payout) == "processing"
        send_one(desk.engine, simulator, taken_over, now=NOW)

        assert desk.status(payout) == "paid"
        assert desk.column("SELECT outcome FROM attempt_call ORDER BY id") == ["declined", "succeeded"]
        assert desk.faults() == []

    def test_leaves_nothing_to_send_for_a_frozen_request_that_was_tampered_with(
        self, desk: Desk, database: str
    ) -> None:
        import psycopg

        payout = desk.approved()
        with desk.engine.begin() as conn:
            claim_payout(conn, payout, Rail(), now=NOW)
        self.expire_leases(desk)
        with psycopg.connect(database) as owner:
            owner.execute("ALTER TABLE attempt DISABLE TRIGGER attempt_is_frozen")
            owner.execute("UPDATE attempt SET params = jsonb_set(params, '{amount_minor}', '999999')")
        rail = Rail()

        with pytest.raises(ParamsDrifted):
            desk.send(rail)

        assert rail.sent == []


class TestClaimPayout:
    def test_is_refused_while_another_claim_holds_the_partner(self, desk: Desk) -> None:
        payout = desk.approved()
        with desk.engine.begin() as first, desk.engine.begin() as second:
            assert claim_payout(first, payout, Rail(), now=NOW) is not None
            assert claim_payout(second, payout, Rail(), now=NOW) is None

    def test_after_a_cancel_that_won_finds_nothing_to_claim(self, desk: Desk) -> None:
        payout = desk.approved()
        desk.decide(
            lambda conn: cancel_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="wrong")
        )

        with desk.engine.begin() as conn:
            assert claim_payout(conn, payout, Rail(), now=NOW) is None
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)

    def test_that_won_leaves_a_cancel_refused_by_name(self, desk: Desk) -> None:
        payout = desk.approved()
        with desk.engine.begin() as conn:
            claim_payout(conn, payout, Rail(), now=NOW)

        decision = desk.decide(
            lambda conn: cancel_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="wrong")
        )

        assert [one.code for one in decision.refused] == ["wrong_status"]
        assert desk.balance("AFF1").reserved == 25_00

    def test_obeys_the_list_the_page_shows(self, desk: Desk) -> None:
        payout = desk.approved()
        desk.partner("AFF1", status="suspended")

        with desk.engine.begin() as conn:
            reasons = blocking_reasons(conn, [payout], now=NOW)[payout]
            assert [reason.code for reason in reasons] == ["partner_suspended"]
            assert claim_payout(conn, payout, Rail(), now=NOW) is None
