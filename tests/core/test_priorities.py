"""The priority that is proposed: its reasons at their edges, what they come to, and that it is only proposed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.holds import lift_hold
from core.priorities import Facts, propose_priority
from core.reads.priorities import proposed_priorities
from tests.core.giving import earn
from tests.desk import DAY, HOUR, MIA, NOW, Desk, Rail, declined

MOMENT = timedelta(microseconds=1)
USUAL = 100_00


def facts(**different: object) -> Facts:
    """A payout without anything about it: queued now, the usual amount, of a partner paid a few times."""
    given: dict[str, object] = {
        "queued_at": NOW,
        "amount_minor": USUAL,
        "currency": "USD",
        "joined_at": NOW - 100 * DAY,
        "usual_minor": USUAL,
        "usual_in_program_minor": USUAL,
        "paid_before": 5,
    }
    return Facts(**(given | different))  # type: ignore[arg-type]


def proposed(**different: object) -> tuple[str, list[str]]:
    told = propose_priority(facts(**different), now=NOW)
    return told.priority, told.reasons


def test_nothing_about_it_is_normal_and_gives_no_reason() -> None:
    assert proposed() == ("normal", [])


class TestReasons:
    @pytest.mark.parametrize(
        ("different", "begins_at"),
        [
            ({"queued_at": NOW - 3 * DAY}, {"queued_at": NOW - 3 * DAY + MOMENT}),
            ({"promised_at": NOW - DAY}, {"promised_at": NOW - DAY + MOMENT}),
            ({"matured_at": NOW - 30 * DAY}, {"matured_at": NOW - 30 * DAY + MOMENT}),
            ({"amount_minor": 3 * USUAL}, {"amount_minor": 3 * USUAL - 1}),
            ({"amount_minor": USUAL // 4}, {"amount_minor": USUAL // 4 + 1}),
            ({"paid_before": 0}, {"paid_before": 1}),
            (
                {"paid_before": 12, "joined_at": NOW - 365 * DAY},
                {"paid_before": 12, "joined_at": NOW - 365 * DAY + MOMENT},
            ),
            (
                {"paid_before": 12, "joined_at": NOW - 365 * DAY},
                {"paid_before": 11, "joined_at": NOW - 365 * DAY},
            ),
        ],
    )
    def test_begin_at_their_edge_and_not_before(
        self, different: dict[str, object], begins_at: dict[str, object]
    ) -> None:
        assert len(proposed(**different)[1]) == 1
        assert proposed(**begins_at) == ("normal", [])

    @pytest.mark.parametrize(
        ("different", "words"),
        [
            ({"queued_at": NOW - 9 * DAY}, "it has waited for 9 days"),
            ({"promised_at": NOW - DAY}, "its schedule promised it a day ago"),
            ({"promised_at": NOW - 4 * DAY}, "its schedule promised it 4 days ago"),
            ({"matured_at": NOW - 41 * DAY}, "its oldest earning was released 41 days ago"),
            ({"amount_minor": 340_00}, "it is 3.4 times what this partner is usually paid, $100.00"),
            (
                {"amount_minor": 20_00, "paid_before": 2},
                "it is 20% of what is usual in the program, $100.00",
            ),
            ({"last_failed": True}, "the partner's last payout failed"),
            ({"paid_before": 0}, "the partner has never been paid"),
            (
                {"paid_before": 24, "joined_at": NOW - 800 * DAY},
                "a partner since September 2024, paid regularly",
            ),
        ],
    )
    def test_say_their_figures(self, different: dict[str, object], words: str) -> None:
        assert proposed(**different)[1] == [words]

    def test_weigh_the_amount_against_the_partners_own_from_the_third_payout_on(self) -> None:
        mine = {"amount_minor": 300_00, "usual_minor": 300_00}
        assert proposed(**mine, paid_before=3) == ("normal", [])
        assert len(proposed(**mine, paid_before=2)[1]) == 1
        assert proposed(amount_minor=900_00, usual_in_program_minor=None, paid_before=2) == ("normal", [])


class TestPriority:
    @pytest.mark.parametrize(
        ("different", "priority"),
        [
            ({"queued_at": NOW - 3 * DAY}, "normal"),  # one reason alone
            ({"queued_at": NOW - 7 * DAY + MOMENT}, "normal"),
            ({"queued_at": NOW - 7 * DAY}, "high"),
            ({"promised_at": NOW - 3 * DAY + MOMENT}, "normal"),
            ({"promised_at": NOW - 3 * DAY}, "high"),
            ({"queued_at": NOW - 3 * DAY, "matured_at": NOW - 30 * DAY}, "high"),
            ({"amount_minor": 300_00, "last_failed": True}, "high"),
            ({"queued_at": NOW - 7 * DAY, "promised_at": NOW - 7 * DAY}, "urgent"),
            ({"queued_at": NOW - 7 * DAY, "last_failed": True}, "high"),
            ({"queued_at": NOW - 7 * DAY, "last_failed": True, "amount_minor": 300_00}, "urgent"),
            # As many points, and nothing that is late indeed.
            (
                {
                    "queued_at": NOW - 3 * DAY,
                    "matured_at": NOW - 30 * DAY,
                    "amount_minor": 300_00,
                    "last_failed": True,
                },
                "high",
            ),
            ({"amount_minor": 20_00}, "low"),
            ({"amount_minor": 20_00, "last_failed": True}, "normal"),
            ({"amount_minor": 20_00, "queued_at": NOW - 7 * DAY}, "normal"),
            ({"amount_minor": 20_00, "queued_at": NOW - 3 * DAY}, "normal"),
        ],
    )
    def test_comes_of_all_reasons_together(self, different: dict[str, object], priority: str) -> None:
        assert proposed(**different)[0] == priority


class TestTheDesk:
    def test_proposes_from_what_it_knows_and_changes_nothing(self, desk: Desk) -> None:
        desk.partner("AFF1")
        earn(desk, "AFF1", 40_00, at=NOW - 60 * DAY)
        desk.release()
        payout = desk.request("AFF1", "40.00", now=NOW - 8 * DAY)
        with desk.engine.connect() as conn:
            told = proposed_priorities(conn, [payout], now=NOW)[payout]

        assert told.priority == "urgent"
        assert told.reasons == [
            "it has waited for 8 days",
            "its oldest earning was released 60 days ago",
            "the partner has never been paid",
        ]
        assert desk.scalar("SELECT priority FROM payout") == "normal"

    def test_knows_that_the_last_one_failed_and_says_nothing_of_what_has_left(self, desk: Desk) -> None:
        failed = desk.approved()
        desk.send(Rail(declined("invalid_bank_account")))
        assert desk.status(failed) == "failed"
        hold = desk.scalar("SELECT id FROM hold WHERE closed_at IS NULL")
        assert isinstance(hold, int)
        desk.decide(lambda conn: lift_hold(conn, hold, actor=MIA, now=NOW, note="mended"))
        again = desk.request("AFF1", "30.00", now=NOW + HOUR)
        with desk.engine.connect() as conn:
            told = proposed_priorities(conn, [failed, again], now=NOW + HOUR)

        assert set(told) == {again}
        assert "the partner's last payout failed" in told[again].reasons
