from datetime import timedelta

import pytest
from sqlalchemy import text

from core.claiming import Claim, claim_payout
from core.holds import place_hold
from core.outcomes import Outcome, record_outcome
from core.providers import Absent, Declined, Succeeded
from tests.desk import HOUR, MIA, NOW, SILENCE, Balance, Desk, Rail, declined

RESERVED_25 = Balance(0, 75_00, 25_00, 0, 0)


def claim(desk: Desk, payout: int) -> Claim:
    with desk.engine.begin() as conn:
        claimed = claim_payout(conn, payout, Rail(), now=NOW)
    assert claimed is not None
    return claimed


def record(desk: Desk, claimed: Claim, outcome: Outcome, *, epoch: int = 1, after: timedelta = HOUR) -> bool:
    return desk.decide(
        lambda conn: record_outcome(
            conn, claimed.order, outcome, lease_epoch=epoch, what="send", duration_ms=7, now=NOW + after
        )
    )


def hold_earning(desk: Desk, payout: int) -> None:
    query = "SELECT min(earning_id) FROM payout_item WHERE payout_id = :id"
    earning, partner = desk.scalar(query, id=payout), desk.scalar("SELECT id FROM partner")
    assert isinstance(earning, int)
    assert isinstance(partner, int)
    desk.decide(lambda conn: place_hold(conn, partner, "dispute", actor=MIA, now=NOW, earning_id=earning))


class TestAnyOutcome:
    @pytest.mark.parametrize(
        "outcome", [Succeeded(provider_ref="tr_1"), declined("account_restricted"), SILENCE, Absent()]
    )
    def test_of_a_lease_that_is_somebody_elses_is_logged_and_decides_nothing(
        self, desk: Desk, outcome: Outcome
    ) -> None:
        payout = desk.approved()
        claimed = claim(desk, payout)
        attempt = desk.scalar("SELECT a::text FROM attempt a")

        assert record(desk, claimed, outcome, epoch=2) is False

        assert (desk.status(payout), desk.balance("AFF1")) == ("processing", RESERVED_25)
        assert desk.scalar("SELECT a::text FROM attempt a") == attempt
        assert desk.column("SELECT duration_ms FROM attempt_call") == [7]
        assert desk.faults() == []

    def test_keeps_what_the_provider_said_to_the_letter(self, desk: Desk) -> None:
        claimed = claim(desk, desk.approved())
        said = Declined(code="odd_code", error_class="account", message="No, {really}", request_id="req_1")

        assert record(desk, claimed, said) is True

        for table in ("attempt", "attempt_call"):
            query = f"SELECT concat_ws('|', code, message, request_id) FROM {table}"  # noqa: S608 - above
            assert desk.column(query) == ["odd_code|No, {really}|req_1"]
        assert desk.column("SELECT concat_ws('|', reason_code, reason) FROM payout") == [
            "odd_code|No, {really}"
        ]


class TestSucceeded:
    def test_without_a_fee_settles_the_whole_amount(self, desk: Desk) -> None:
        desk.partner("CR1", program="creator")
        desk.sale("CR1", "100.00", ref="b1", program="creator", kind="booking", at=NOW - timedelta(days=9))
        desk.release()
        payout = desk.request("CR1", "90.00")
        desk.approve(payout)

        assert record(desk, claim(desk, payout), Succeeded(provider_ref="tr_1")) is True

        assert desk.balance("CR1") == Balance(0, 0, 0, 90_00, 0)
        assert desk.column("SELECT kind FROM ledger_transfer WHERE payout_id IS NOT NULL ORDER BY id") == [
            "reserve",
            "settle",
        ]
        assert desk.scalar("SELECT processed_at FROM payout") == NOW + HOUR
        assert desk.faults() == []

    def test_pays_although_a_hold_came_while_it_was_under_way(self, desk: Desk) -> None:
        payout = desk.approved()
        claimed = claim(desk, payout)
        hold_earning(desk, payout)

        assert record(desk, claimed, Succeeded(provider_ref="tr_1")) is True

        assert (desk.status(payout), desk.balance("AFF1")) == ("paid", Balance(75_00, 0, 0, 24_75, 25))
        assert desk.faults() == []

    def test_is_written_into_the_trail_by_the_job_with_its_reference(self, desk: Desk) -> None:
        payout = desk.approved()
        record(desk, claim(desk, payout), Succeeded(provider_ref="tr_1"))

        query = text("SELECT actor, action, ids, details FROM audit ORDER BY seq DESC LIMIT 1")
        with desk.engine.connect() as conn:
            row = conn.execute(query).one()
        assert tuple(row) == ("job:send", "payout.paid", [payout], {"provider_ref": "tr_1"})


class TestDeclined:
    def test_for_good_gives_money_under_a_hold_back_into_the_hold(self, desk: Desk) -> None:
        payout = desk.approved()
        claimed = claim(desk, payout)
        hold_earning(desk, payout)
        assert desk.balance("AFF1") == Balance(75_00, 0, 25_00, 0, 0)

        record(desk, claimed, declined("invalid_bank_account"))

        assert (desk.status(payout), desk.balance("AFF1")) == ("failed", Balance(100_00, 0, 0, 0, 0))
        assert desk.faults() == []

    def test_for_good_twice_leaves_one_hold_on_the_destination(self, desk: Desk) -> None:
        desk.funded("AFF1")
        claims = []
        for _ in range(2):
            payout = desk.request("AFF1", "25.00")
            desk.approve(payout)
            claims.append(claim(desk, payout))

        for claimed in claims:
            record(desk, claimed, declined("account_restricted"))

        assert desk.column("SELECT reason FROM hold WHERE closed_at IS NULL") == ["destination_failed"]
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)
        assert desk.faults() == []

    def test_after_the_last_retry_of_what_time_cures_blames_no_destination(self, desk: Desk) -> None:
        desk.approved()
        now = NOW
        for _ in range(4):
            desk.send(Rail(declined("network_timeout")), now)
            now += 2 * HOUR

        assert desk.column("SELECT status FROM payout") == ["failed"]
        assert desk.column("SELECT reason FROM hold") == []

    def test_for_want_of_funds_counts_as_no_try_of_the_ladder(self, desk: Desk) -> None:
        payout = desk.approved()
        for _ in range(5):
            desk.send(Rail(declined("balance_insufficient")))
        assert desk.status(payout) == "approved"

        desk.send(Rail(declined("network_timeout")))

        assert desk.scalar("SELECT retry_at FROM payout") == NOW + timedelta(minutes=5)
        assert desk.scalar("SELECT count(*) FROM attempt") == 6
        assert desk.faults() == []


class TestNoAnswer:
    def test_is_asked_about_ever_less_often(self, desk: Desk) -> None:
        claimed = claim(desk, desk.approved())
        waits = []
        for _ in range(6):
            record(desk, claimed, SILENCE)
            waits.append(desk.scalar("SELECT next_look_at FROM attempt"))

        minutes = (1, 5, 15, 60, 60, 60)
        assert waits == [NOW + HOUR + timedelta(minutes=each) for each in minutes]

    def test_between_two_looks_that_found_nothing_starts_the_proof_of_absence_anew(self, desk: Desk) -> None:
        payout = desk.approved()
        claimed = claim(desk, payout)
        record(desk, claimed, SILENCE)
        looks: list[Outcome] = [Absent(), Absent(), SILENCE, Absent(), Absent()]
        for hours, outcome in enumerate(looks):
            record(desk, claimed, outcome, after=hours * HOUR)

        assert desk.scalar("SELECT absent_looks FROM attempt") == 2
        assert desk.scalar("SELECT next_look_at FROM attempt") is not None

        record(desk, claimed, Absent(), after=5 * HOUR)
        assert desk.scalar("SELECT next_look_at FROM attempt") is None
        assert (desk.status(payout), desk.balance("AFF1")) == ("processing", RESERVED_25)

    def test_of_three_quick_looks_proves_no_absence(self, desk: Desk) -> None:
        claimed = claim(desk, desk.approved())
        record(desk, claimed, SILENCE)
        for seconds in (0, 1, 3599):
            record(desk, claimed, Absent(), after=timedelta(seconds=seconds))
        assert desk.scalar("SELECT next_look_at FROM attempt") is not None

        record(desk, claimed, Absent(), after=HOUR)

        assert desk.scalar("SELECT next_look_at FROM attempt") is None

    def test_is_ended_by_a_late_yes_or_no(self, desk: Desk) -> None:
        answers: dict[str, Succeeded | Declined] = {
            "paid": Succeeded(provider_ref="tr_1"),
            "failed": declined("account_restricted"),
        }
        for code, (status, answer) in zip(("AFF1", "AFF2"), answers.items(), strict=True):
            payout = desk.approved(code)
            claimed = claim(desk, payout)
            record(desk, claimed, SILENCE)

            assert record(desk, claimed, answer) is True

            assert desk.status(payout) == status
            assert desk.scalar("SELECT next_look_at FROM attempt WHERE payout_id = :id", id=payout) is None
        assert desk.faults() == []
