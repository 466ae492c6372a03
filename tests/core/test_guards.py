"""What keeps a payout here, said once: the page shows the list, the approval and the sender obey it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from core.claiming import claim_payout
from core.guards import HOLD_WORDS, STOPS_APPROVAL, STOPS_SENDING, Blocking, blocking_reasons
from core.holds import REASONS
from tests import builders as b
from tests.core.deciding import bring_to
from tests.desk import Rail

UNTIL = b.NOW + timedelta(days=3)


@pytest.fixture
def ana(conn: Connection) -> int:
    return b.partner(conn, b.program(conn))


@pytest.fixture
def earning(conn: Connection, ana: int) -> int:
    return b.earning(conn, ana, 100_00)


@pytest.fixture
def payout(conn: Connection, ana: int, earning: int) -> int:
    return b.payout(conn, ana, [earning])


def why(conn: Connection, payout: int, now: datetime = b.NOW) -> list[Blocking]:
    return blocking_reasons(conn, [payout], now=now)[payout]


def suspend(conn: Connection, ana: int) -> None:
    conn.execute(text("UPDATE partner SET status = 'suspended' WHERE id = :id"), {"id": ana})


def lose_destination(conn: Connection, ana: int) -> None:
    conn.execute(text("UPDATE partner SET destination_id = NULL WHERE id = :id"), {"id": ana})


class TestBlockingReasons:
    def test_are_none_for_an_approved_payout_and_for_what_has_ended(
        self, conn: Connection, payout: int
    ) -> None:
        for status in ("approved", "paid", "rejected", "cancelled", "failed"):
            with conn.begin_nested() as savepoint:
                bring_to(conn, payout, status)
                assert why(conn, payout) == []
                savepoint.rollback()

    def test_answer_for_every_payout_asked_for(self, conn: Connection, payout: int) -> None:
        assert set(blocking_reasons(conn, [payout, 10**9], now=b.NOW)) == {payout, 10**9}
        assert blocking_reasons(conn, [], now=b.NOW) == {}

    def test_count_the_approvals_of_what_it_pays_now(self, conn: Connection, ana: int) -> None:
        payout = b.payout(conn, ana, [b.earning(conn, ana, 1)], approvals_needed=2)
        missing = Blocking(code="approvals_missing", sentence="0 of 2 approvals", whose="ours")
        assert why(conn, payout) == [missing]

        b.decision(conn, payout, "user:ann")
        assert [one.sentence for one in why(conn, payout)] == ["1 of 2 approvals"]
        b.set_status(conn, payout, "pending", review=2)

        assert why(conn, payout) == [missing]

    @pytest.mark.parametrize("status", ["suspended", "archived"])
    def test_name_a_partner_who_is_not_active(
        self, conn: Connection, ana: int, payout: int, status: str
    ) -> None:
        bring_to(conn, payout, "approved")
        conn.execute(
            text("UPDATE partner SET status = :status WHERE id = :id"), {"status": status, "id": ana}
        )

        assert why(conn, payout) == [
            Blocking(code="partner_suspended", sentence=f"The partner is {status}", whose="ours")
        ]

    @pytest.mark.parametrize("on", ["partner", "payout", "earning"])
    def test_name_a_hold_and_when_it_clears(
        self, conn: Connection, ana: int, payout: int, earning: int, on: str
    ) -> None:
        bring_to(conn, payout, "approved")
        held = {"partner": {}, "payout": {"payout_id": payout}, "earning": {"earning_id": earning}}[on]
        b.hold(conn, ana, "dispute", until=UNTIL, **held)

        sentence = "On hold: a sale is disputed"
        assert why(conn, payout) == [
            Blocking(code="on_hold", sentence=sentence, whose="ours", clears_at=UNTIL)
        ]
        assert why(conn, payout, UNTIL) == []

    @pytest.mark.parametrize("reason", sorted(REASONS))
    def test_have_words_for_every_reason_of_a_hold_and_say_whose_move_it_is(
        self, conn: Connection, ana: int, payout: int, reason: str
    ) -> None:
        bring_to(conn, payout, "approved")
        b.hold(conn, ana, reason)

        (one,) = why(conn, payout)
        assert one.sentence == f"On hold: {HOLD_WORDS[reason]}"
        assert one.whose == ("partner" if reason in {"destination_failed", "kyc"} else "ours")

    def test_leave_out_holds_that_ended_or_are_on_something_else(
        self, conn: Connection, ana: int, payout: int
    ) -> None:
        bring_to(conn, payout, "approved")
        b.hold(conn, ana, closed_at=b.NOW, closed_by="user:mia")
        b.hold(conn, ana, earning_id=b.earning(conn, ana, 1))
        b.hold(conn, ana, payout_id=b.payout(conn, ana, [b.earning(conn, ana, 2)]))

        assert why(conn, payout) == []

    def test_tell_a_missing_destination_from_another_one(
        self, conn: Connection, ana: int, payout: int
    ) -> None:
        bring_to(conn, payout, "approved")
        b.destination(conn, ana)
        assert [(one.code, one.whose) for one in why(conn, payout)] == [("changed_since", "ours")]

        lose_destination(conn, ana)
        assert [(one.code, one.whose) for one in why(conn, payout)] == [("no_destination", "partner")]

    def test_say_until_when_it_was_set_aside_and_why(self, conn: Connection, payout: int) -> None:
        day = b.NOW.date() + timedelta(days=1)
        b.set_status(conn, payout, "pending", aside_until=day, aside_reason="ask Ana", aside_by="user:ola")

        one = why(conn, payout)[1]
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        assert (one.code, one.sentence, one.clears_at) == (
            "set_aside",
            "Taken out of the review: ask Ana",
            midnight,
        )
        assert [one.code for one in why(conn, payout, midnight)] == ["approvals_missing"]

    def test_say_when_a_refused_payout_is_tried_again(self, conn: Connection, payout: int) -> None:
        bring_to(conn, payout, "retrying")
        b.set_status(conn, payout, "retrying", retry_at=UNTIL, retry_class="limits")

        assert why(conn, payout) == [
            Blocking(
                code="waits_for_retry",
                sentence="Refused for now (limits); tried again by itself",
                whose="provider",
                clears_at=UNTIL,
            )
        ]
        assert why(conn, payout, UNTIL) == []

    def test_of_what_is_on_its_way_are_the_providers_alone(
        self, conn: Connection, ana: int, payout: int
    ) -> None:
        bring_to(conn, payout, "processing")
        b.hold(conn, ana)
        suspend(conn, ana)
        assert [(one.code, one.sentence, one.whose) for one in why(conn, payout)] == [
            ("outcome_open", "Being sent", "provider")
        ]

        b.end_attempt(conn, payout, "unknown", next_look_at=UNTIL)
        (one,) = why(conn, payout)
        assert one.sentence == "The provider gave no answer; the same request is asked for again"
        assert (one.whose, one.clears_at) == ("provider", UNTIL)

    def test_come_all_at_once_the_approvals_first(self, conn: Connection, ana: int, payout: int) -> None:
        suspend(conn, ana)
        b.hold(conn, ana, "kyc")
        b.hold(conn, ana, "manual")
        b.destination(conn, ana)

        codes = [one.code for one in why(conn, payout)]
        assert codes == ["approvals_missing", "partner_suspended", "on_hold", "on_hold", "changed_since"]


class TestTheSender:
    @pytest.mark.parametrize(
        ("code", "block"),
        [
            ("partner_suspended", suspend),
            ("on_hold", b.hold),
            ("no_destination", lose_destination),
            ("changed_since", b.destination),
        ],
    )
    def test_leaves_what_the_list_stops(
        self, conn: Connection, ana: int, payout: int, code: str, block: Callable[[Connection, int], object]
    ) -> None:
        bring_to(conn, payout, "approved")
        block(conn, ana)

        assert [one.code for one in why(conn, payout)] == [code]
        assert code in STOPS_SENDING & STOPS_APPROVAL
        assert claim_payout(conn, payout, Rail(), now=b.NOW) is None
        assert b.status_of(conn, payout) == "approved"

    def test_takes_what_the_list_lets_go(self, conn: Connection, payout: int) -> None:
        bring_to(conn, payout, "approved")

        assert why(conn, payout) == []
        assert claim_payout(conn, payout, Rail(), now=b.NOW) is not None
        assert b.status_of(conn, payout) == "processing"

    def test_obeys_what_stops_an_approval_but_for_the_review_that_is_over_by_then(self) -> None:
        assert STOPS_APPROVAL - {"set_aside"} <= STOPS_SENDING
        assert "set_aside" not in STOPS_SENDING
        assert "approvals_missing" in STOPS_SENDING - STOPS_APPROVAL
