"""What the policy approves by itself: what is small and usual, up to its day, and by nobody else's name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from core.decisions import Decision, Wanted
from core.ending import cancel_payouts, reject_payouts
from core.holds import place_hold
from core.policy import Approval
from core.reads.automatic import approved_by_policy_today
from core.reads.payout import story
from core.stops import stop_sending
from tests.core.allowing import allow, creator, sell
from tests.core.paying_by_file import by_bank, with_files
from tests.desk import ADA, DAY, HOUR, MIA, NOW, OLA, Balance, Desk


def payouts(desk: Desk) -> list[tuple[str, str, int]]:
    query = text("""SELECT r.code, p.status, p.amount_minor FROM payout p JOIN partner r ON r.id = p.partner_id
                     ORDER BY p.id""")
    with desk.engine.connect() as conn:
        return [(row.code, row.status, row.amount_minor) for row in conn.execute(query)]


def left(desk: Desk) -> list[object]:
    return desk.column("SELECT reason FROM left_to_person ORDER BY payout_id")


def today(desk: Desk) -> list[tuple[int, int]]:
    with desk.engine.connect() as conn:
        rows = conn.execute(text("SELECT n, amount_minor FROM policy_day ORDER BY day"))
        return [(row.n, row.amount_minor) for row in rows]


def test_a_small_scheduled_payout_is_approved_by_the_policy_and_leaves(desk: Desk) -> None:
    allow(desk)
    creator(desk, "CR1", "40.00")
    run = desk.queue()

    assert payouts(desk) == [("CR1", "approved", 40_00)]
    assert run.details["approved_by_policy"] == 1
    assert desk.column("SELECT actor FROM approval") == ["policy:creator:2"]
    assert desk.column("SELECT reason FROM approval") == [
        "The policy approves up to €50.00 each and €80.00 a day"
    ]
    assert today(desk) == [(1, 40_00)]
    acts = desk.column("SELECT action FROM audit WHERE actor = 'policy:creator:2'")
    assert acts == ["payout.approved"]

    desk.send()
    assert desk.balance("CR1") == Balance(0, 0, 0, 40_00, 0)
    assert desk.faults() == []


def test_what_goes_beyond_the_day_waits_for_a_person_with_the_reason_and_a_smaller_one_still_fits(
    desk: Desk,
) -> None:
    allow(desk)
    for code, gross in (("CR1", "50.00"), ("CR2", "40.00"), ("CR3", "30.00"), ("CR4", "0.01")):
        creator(desk, code, gross)
    desk.queue()

    assert payouts(desk) == [
        ("CR1", "approved", 50_00),
        ("CR2", "pending", 40_00),
        ("CR3", "approved", 30_00),
        ("CR4", "pending", 1),
    ]
    assert left(desk) == ["day_full", "day_full"]
    assert desk.column("SELECT sentence FROM left_to_person ORDER BY sentence") == [
        "The policy has approved €50.00 of the €80.00 it may today",
        "The policy has approved €80.00 of the €80.00 it may today",
    ]
    assert today(desk) == [(2, 80_00)]
    waits = desk.scalar("SELECT id FROM payout WHERE status = 'pending' ORDER BY id LIMIT 1")
    assert isinstance(waits, int)
    assert desk.approve(waits).done == [waits]
    assert today(desk) == [(2, 80_00)]  # a person's approval takes nothing of the policy's day
    assert desk.faults() == []


def test_a_later_run_of_the_day_counts_on_from_the_first_and_the_next_day_begins_anew(desk: Desk) -> None:
    allow(desk)
    creator(desk, "CR1", "50.00")
    desk.queue()
    creator(desk, "CR2", "40.00")
    desk.queue(now=NOW + HOUR)
    assert [status for _, status, _ in payouts(desk)] == ["approved", "pending"]

    creator(desk, "CR3", "40.00", now=NOW + DAY)
    desk.queue(now=NOW + DAY)
    assert [status for _, status, _ in payouts(desk)] == ["approved", "pending", "approved"]
    assert today(desk) == [(1, 50_00), (1, 40_00)]


def test_a_cancelled_payout_gives_the_day_nothing_back(desk: Desk) -> None:
    allow(desk)
    creator(desk, "CR1", "50.00")
    desk.queue()
    payout = desk.scalar("SELECT id FROM payout")
    assert isinstance(payout, int)
    desk.decide(lambda conn: cancel_payouts(conn, [Wanted(id=payout)], actor=ADA, now=NOW, reason="twice"))
    creator(desk, "CR2", "40.00")
    desk.queue(now=NOW + HOUR)
    assert left(desk) == ["day_full"]


@pytest.mark.parametrize(
    ("terms", "own"),
    [
        ({"approval": Approval(dual_above_minor=100_00)}, {}),
        ({"approval": Approval(dual_above_minor=100_00, auto=True)}, {}),
        ({"auto_payout_enabled": False}, {}),
        ({}, {"auto_payout_enabled": False}),
        ({"approval": Approval(dual_above_minor=100_00)}, {"auto_payout_enabled": True}),
    ],
)
def test_both_the_policy_and_the_switch_must_allow_it(
    desk: Desk, terms: dict[str, object], own: dict[str, object]
) -> None:
    allow(desk, **terms)
    creator(desk, "CR1", "40.00")
    if own:
        desk.own_terms("CR1", **own)
    desk.queue()
    assert payouts(desk) == [("CR1", "pending", 40_00)]
    assert (left(desk), today(desk)) == ([], [])


def test_one_partner_is_switched_on_by_their_own_terms_and_nobody_else(desk: Desk) -> None:
    allow(desk, auto_payout_enabled=False)
    creator(desk, "CR1", "40.00")
    creator(desk, "CR2", "40.00")
    desk.own_terms("CR1", auto_payout_enabled=True)
    desk.queue()
    assert [status for _, status, _ in payouts(desk)] == ["approved", "pending"]


class TestPeopleLook:
    def test_above_the_amount(self, desk: Desk) -> None:
        allow(desk)
        creator(desk, "CR1", "50.01")
        desk.queue()
        assert (payouts(desk), left(desk)) == ([("CR1", "pending", 50_01)], ["above_amount"])

    def test_never_for_a_request(self, desk: Desk) -> None:
        allow(desk)
        creator(desk, "CR1", "40.00")
        payout = desk.request("CR1", "40.00")
        assert (desk.status(payout), left(desk), today(desk)) == ("pending", [], [])

    def test_a_changed_destination(self, desk: Desk) -> None:
        allow(desk)
        creator(desk, "CR1", "40.00")
        desk.partner("CR1", program="creator", account="acct_new")
        later = NOW + 8 * DAY
        desk.queue(now=later)
        assert (payouts(desk), left(desk)) == ([("CR1", "pending", 40_00)], ["new_destination"])

    def test_more_than_three_times_what_is_usual(self, desk: Desk) -> None:
        allow(desk)
        creator(desk, "CR1", "10.00", at=NOW - 2 * DAY)
        for day in range(4):
            now = NOW + day * DAY
            if day:
                sell(desk, "CR1", "10.00" if day < 3 else "30.01", ref=f"more-{day}", at=now - HOUR, now=now)
            desk.queue(now=now)
            desk.send(now=now)
        assert [status for _, status, _ in payouts(desk)] == ["paid", "paid", "paid", "pending"]
        assert left(desk) == ["above_usual"]

    def test_an_earning_written_by_hand(self, desk: Desk) -> None:
        allow(desk)
        creator(desk, "CR1", "40.00")
        with desk.engine.begin() as conn:
            from tests import builders as b

            partner = conn.execute(text("SELECT id FROM partner WHERE code = 'CR1'")).scalar_one()
            b.earning(conn, partner, 5_00, kind="bonus", made_by="user:mia", release_at=NOW - DAY)
        desk.queue()
        assert (payouts(desk), left(desk)) == ([("CR1", "pending", 45_00)], ["written_by_hand"])

    @pytest.mark.parametrize(("end", "word"), [(reject_payouts, "rejected"), (cancel_payouts, "cancelled")])
    def test_what_a_person_ended_before(self, desk: Desk, end: Callable[..., Decision], word: str) -> None:
        allow(
            desk,
            approval=Approval(
                dual_above_minor=100_00, auto=True, auto_up_to_minor=60_00, auto_per_day_minor=80_00
            ),
        )
        creator(desk, "CR0", "60.00")
        creator(desk, "CR1", "40.00")
        desk.queue()
        assert payouts(desk) == [("CR0", "approved", 60_00), ("CR1", "pending", 40_00)]
        waits = desk.scalar("SELECT id FROM payout WHERE status = 'pending'")
        assert isinstance(waits, int)
        desk.decide(lambda conn: end(conn, [Wanted(id=waits)], actor=ADA, now=NOW, reason="no such sale"))

        desk.queue(now=NOW + DAY)

        assert payouts(desk)[1:] == [("CR1", word, 40_00), ("CR1", "pending", 40_00)]
        assert left(desk) == ["day_full", "paid_again"]
        sentence = desk.scalar("SELECT sentence FROM left_to_person WHERE reason = 'paid_again'")
        assert sentence == f"It pays again what payout {waits} did not: that one was {word}"
        assert desk.faults() == []

    def test_what_leaves_in_a_payment_file(self, desk: Desk) -> None:
        allow(desk)
        with_files(desk)
        by_bank(desk, "CR1")
        sell(desk, "CR1", "5.00", ref="more")
        desk.own_terms("CR1", max_per_partner_month_minor=40_00)
        desk.queue()
        assert (payouts(desk), left(desk)) == ([("CR1", "pending", 40_00)], ["blocked"])
        assert desk.column("SELECT sentence FROM left_to_person") == [
            "Paid by bank transfer: it leaves with the next payment file"
        ]

    def test_a_partner_on_hold_is_not_even_queued(self, desk: Desk) -> None:
        allow(desk)
        creator(desk, "CR1", "40.00")
        partner = desk.scalar("SELECT id FROM partner")
        assert isinstance(partner, int)
        desk.decide(lambda conn: place_hold(conn, partner, "review", actor=MIA, now=NOW, note="look"))
        desk.queue()
        assert (payouts(desk), today(desk)) == ([], [])


def test_what_the_policy_approved_obeys_the_stop_and_a_hold_placed_later(desk: Desk) -> None:
    allow(desk)
    creator(desk, "CR1", "30.00")
    creator(desk, "CR2", "30.00")
    desk.queue()
    partner = desk.scalar("SELECT id FROM partner WHERE code = 'CR2'")
    assert isinstance(partner, int)
    desk.decide(lambda conn: place_hold(conn, partner, "review", actor=MIA, now=NOW, note="look"))
    desk.send()
    assert [status for _, status, _ in payouts(desk)] == ["paid", "approved"]

    desk.decide(lambda conn: stop_sending(conn, why="looks wrong", actor=OLA, now=NOW))
    creator(desk, "CR3", "20.00")
    desk.queue(now=NOW + HOUR)
    desk.send(now=NOW + HOUR)
    assert payouts(desk)[2] == ("CR3", "approved", 20_00)


def test_the_pages_say_what_the_policy_approved_of_its_day_and_why_it_left_the_rest(desk: Desk) -> None:
    allow(desk)
    creator(desk, "CR1", "50.00")
    creator(desk, "CR2", "40.00")
    desk.queue()
    first, second = desk.column("SELECT id FROM payout ORDER BY id")
    assert isinstance(first, int)
    assert isinstance(second, int)
    with desk.engine.connect() as conn:
        (day,) = approved_by_policy_today(conn, now=NOW)
        approved, waits = (story(conn, one, now=NOW, masked=False) for one in (first, second))
    assert (day.program, day.count, day.amount_minor, day.per_day_minor, day.left) == (
        "creator",
        1,
        50_00,
        80_00,
        1,
    )
    assert approved is not None
    assert waits is not None
    assert "by_policy" in approved.header.signals
    assert "left_to_person" in waits.header.signals
    told = "Approved by the policy, version 2: The policy approves up to €50.00 each and €80.00 a day"
    assert told in list(approved.timeline["what"])
    left_words = "Left to a person by the policy: The policy has approved €50.00 of the €80.00 it may today"
    assert left_words in list(waits.timeline["what"])

    with desk.engine.connect() as conn:
        (tomorrow,) = approved_by_policy_today(conn, now=NOW + DAY)
    assert (tomorrow.count, tomorrow.amount_minor, tomorrow.left) == (0, 0, 0)


def test_queued_payouts_are_under_the_version_that_approved_them(desk: Desk) -> None:
    allow(desk)
    allow(
        desk,
        approval=Approval(
            dual_above_minor=100_00, auto=True, auto_up_to_minor=20_00, auto_per_day_minor=20_00
        ),
    )
    creator(desk, "CR1", "20.00")
    creator(desk, "CR2", "20.01")
    desk.queue()
    assert desk.column("SELECT actor FROM approval") == ["policy:creator:3"]
    assert left(desk) == ["above_amount"]


def test_a_dry_run_says_what_it_would_approve_and_leaves_nothing(desk: Desk) -> None:
    from core.queueing import queue_due

    allow(desk)
    creator(desk, "CR1", "40.00")
    run = queue_due(desk.engine, now=NOW, run_id=1, dry_run=True)
    assert run.details["approved_by_policy"] == 1
    assert (payouts(desk), today(desk)) == ([], [])


@pytest.mark.parametrize(
    "limits",
    [
        {"dual_above_minor": 100, "auto": True, "auto_up_to_minor": 101, "auto_per_day_minor": 500},
        {"dual_above_minor": 100, "auto": True, "auto_up_to_minor": 100, "auto_per_day_minor": 99},
    ],
)
def test_limits_that_do_not_hold_together_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Approval.model_validate(limits)
