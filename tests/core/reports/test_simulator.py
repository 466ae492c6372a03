"""Replaying the last weeks: today's terms come to what happened; other terms come to what their rules say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import partial
from random import Random

import pytest
from sqlalchemy import Connection, text

from core.access import Actor
from core.commission import Percent
from core.corrections import correct_earning
from core.decisions import Wanted
from core.ending import reject_payouts
from core.fees import Fee
from core.holds import lift_hold, place_hold
from core.policy import Approval, Hold, Policy
from core.refusals import Refusal
from core.reports.simulator import Simulation, simulate
from core.schedule import Daily, Monthly, OnRequest, Weekly
from tests import builders
from tests.desk import ABE, DAY, HOUR, MIA, NOW, Desk

WEEKLY = Policy(
    commission=Percent(pct=Decimal(80)),
    sale_kinds=("booking",),
    approval=Approval(dual_above_minor=10**9),
    hold=Hold(days=7),
    min_payout_minor=20_00,
    schedule=Weekly(weekday=5),
    fees={"stripe": Fee(pct=Decimal("0.25"), fixed_minor=25)},
)
DAYS = 60
OF_THE_DESK = frozenset({"maker", "approver"})
ASKING = WEEKLY.model_copy(update={"schedule": OnRequest(), "min_payout_minor": 0})


def program(desk: Desk, policy: Policy) -> None:
    with desk.engine.begin() as conn:
        builders.program(conn, "own", terms=policy.model_dump_json())


def live(desk: Desk, *, partners: int = 6, seed: int = 7) -> None:
    """Two months: sales every day, nights of jobs, refunds, holds, rejections; everything by the operations of core."""
    rng = Random(seed)
    begins = NOW - DAYS * DAY
    codes = [desk.partner(f"P{n}", program="own", account=f"acct_{n}", now=begins) for n in range(partners)]
    rail = Actor(name="user:rita", channel="cli", roles=OF_THE_DESK | {"operator"})
    sold: list[str] = []
    for n in range(DAYS + 1):
        night = begins.replace(hour=2, minute=0) + n * DAY
        desk.release(night)
        desk.queue(night + HOUR / 4, run_id=n + 1)
        waiting = [
            int(str(one)) for one in desk.column("SELECT id FROM payout WHERE status = 'pending' ORDER BY id")
        ]
        for payout in waiting:
            if rng.random() < 0.15:
                desk.decide(partial(_reject, payout=payout, now=night + 8 * HOUR))
            else:
                desk.approve(payout, now=night + 8 * HOUR)
        if n == DAYS:
            break
        noon = night + 7 * HOUR
        for code in codes:
            if rng.random() < 0.4:
                ref = f"s{n}-{code}"
                gross = f"{rng.randrange(500, 9000) / 100:.2f}"
                desk.sale(
                    code,
                    gross,
                    ref=ref,
                    program="own",
                    kind="booking",
                    at=noon - rng.randrange(4) * DAY,
                    now=noon,
                )
                sold.append(ref)
        if rng.random() < 0.3 and sold:
            _refund(desk, rng.choice(sold[-60:]), event=f"re_{n}", actor=rail, now=noon + HOUR)
        if n in (20, 33):
            who = _id(desk, "SELECT id FROM partner WHERE code = :c", c=codes[n % partners])
            desk.decide(partial(place_hold, partner_id=who, reason="manual", actor=MIA, now=noon))
        if n in (31, 36):
            hold = _id(desk, "SELECT max(id) FROM hold WHERE closed_at IS NULL AND earning_id IS NULL")
            desk.decide(partial(lift_hold, hold_id=hold, actor=MIA, now=noon, note="fine"))
    assert desk.faults() == []


def _id(desk: Desk, query: str, **values: object) -> int:
    return int(str(desk.scalar(query, **values)))


def _reject(conn: Connection, *, payout: int, now: datetime) -> None:
    reject_payouts(conn, [Wanted(id=payout)], actor=ABE, now=now, reason="look again")


def _refund(desk: Desk, ref: str, *, event: str, actor: Actor, now: datetime) -> None:
    earning = _id(desk, "SELECT id FROM earning WHERE source_ref = :r AND kind = 'booking'", r=ref)
    amount = _id(desk, "SELECT amount_minor FROM earning WHERE id = :id", id=earning)
    try:
        with desk.engine.begin() as conn:
            correct_earning(
                conn,
                earning,
                event_ref=event,
                amount_minor=amount,
                reason="refund",
                actor=actor,
                now=now,
            )
    except Refusal:
        return


def told(desk: Desk, policy: Policy, *, days: int = DAYS + 1) -> Simulation:
    with desk.engine.connect() as conn:
        return simulate(conn, "own", policy, now=NOW, days=days)


def columns(found: Simulation, *names: str) -> list[list[int]]:
    return [[int(minor) for minor in found.days[name]] for name in names]


@pytest.mark.parametrize("days", [DAYS + 1, 30])
def test_todays_terms_come_to_what_really_happened_day_by_day(desk: Desk, days: int) -> None:
    program(desk, WEEKLY)
    live(desk)
    made = desk.column("SELECT amount_minor FROM payout WHERE live AND queued_at > :s", s=NOW - days * DAY)
    assert len(made) > 10

    found = told(desk, WEEKLY, days=days)

    actual, today, changed = columns(found, "actual_minor", "today_minor", "changed_minor")
    assert actual == today == changed
    assert actual[-1] > 0
    assert (found.today.payouts, found.today.amount_minor) == (
        found.actual.payouts,
        found.actual.amount_minor,
    )
    assert found.today.partner_fee_minor == found.actual.partner_fee_minor
    available = desk.scalar("SELECT sum(available) FROM partner_balance")
    assert found.actual.left_minor == found.today.left_minor == available


def test_what_happened_is_what_the_ledger_says(desk: Desk) -> None:
    program(desk, WEEKLY)
    live(desk)
    found = told(desk, WEEKLY)
    query = """SELECT {} FROM ledger_transfer t JOIN payout p ON p.id = t.payout_id
                WHERE t.kind = 'reserve' AND p.live"""
    assert found.actual.amount_minor == desk.scalar(query.format("sum(t.amount_minor)"))
    assert found.actual.payouts == desk.scalar(query.format("count(*)"))
    corrections = desk.scalar("SELECT count(*) FROM earning WHERE kind IN ('void', 'clawback')")
    assert found.today.caught + found.today.missed == corrections
    assert found.today.caught > 0


def test_requests_are_asked_again_and_paid_as_they_were(desk: Desk) -> None:
    program(desk, ASKING)
    desk.partner("P1", program="own", now=NOW - 40 * DAY)
    for n in range(40, 0, -1):
        at = NOW - n * DAY
        desk.sale("P1", "50.00", ref=f"s{n}", program="own", kind="booking", at=at, now=at)
        desk.release(at)
        if n in (25, 20, 19, 7):
            for amount in ("30.00", "12.50"):
                desk.approve(desk.request("P1", amount, now=at + HOUR), now=at + HOUR)

    found = told(desk, ASKING, days=45)

    assert found.actual.payouts == found.today.payouts == 8
    assert columns(found, "actual_minor")[0] == columns(found, "today_minor")[0]
    assert found.today.partner_fee_minor == found.actual.partner_fee_minor


def test_a_longer_hold_pays_later_and_catches_more(desk: Desk) -> None:
    program(desk, WEEKLY)
    live(desk)
    longer = WEEKLY.model_copy(update={"hold": Hold(days=21)})

    found = told(desk, longer)

    today, changed = columns(found, "today_minor", "changed_minor")
    assert all(late <= soon for soon, late in zip(today, changed, strict=True))
    assert changed[-1] < today[-1]
    assert found.changed.caught > found.today.caught
    assert found.changed.caught + found.changed.missed == found.today.caught + found.today.missed


def test_no_hold_pays_sooner_and_catches_less(desk: Desk) -> None:
    program(desk, WEEKLY)
    live(desk)

    found = told(desk, WEEKLY.model_copy(update={"hold": Hold(days=0)}))

    today, changed = columns(found, "today_minor", "changed_minor")
    assert sum(changed) > sum(today)
    assert found.changed.missed > found.today.missed


def test_a_monthly_schedule_makes_fewer_payouts_and_spares_their_fixed_fees(desk: Desk) -> None:
    program(desk, WEEKLY)
    live(desk)

    found = told(desk, WEEKLY.model_copy(update={"schedule": Monthly(day=1)}))

    assert 0 < found.changed.payouts < found.today.payouts
    assert found.changed.partner_fee_minor < found.today.partner_fee_minor


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"hold": Hold(days=21)},
        {"hold": Hold(days=60)},
        {"hold": Hold(days=0)},
        {"min_payout_minor": 300_00, "schedule": Monthly(day=1)},
    ],
)
@pytest.mark.parametrize("days", [DAYS + 1, 30])
def test_put_into_payouts_left_and_still_held_come_to_the_same_under_any_terms(
    desk: Desk, change: dict[str, object], days: int
) -> None:
    program(desk, WEEKLY)
    live(desk)
    desk.partner("NEW", program="own", now=NOW - DAY)  # all that they have is held
    desk.sale("NEW", "50.00", ref="new", program="own", kind="booking", at=NOW - DAY, now=NOW - HOUR)

    found = told(desk, WEEKLY.model_copy(update=change), days=days)

    assert found.actual.held_minor == desk.scalar("SELECT sum(held) FROM partner_balance")
    there = desk.scalar("SELECT sum(held + available) FROM partner_balance")
    assert found.actual.owed_minor == int(str(there)) + found.actual.amount_minor
    assert found.actual.owed_minor == found.today.owed_minor == found.changed.owed_minor
    assert min(one.held_minor for one in (found.actual, found.today, found.changed)) >= 0
    if "hold" in change:
        assert found.changed.held_minor != found.today.held_minor


def test_who_only_has_held_money_is_paid_where_nothing_is_held(desk: Desk) -> None:
    program(desk, WEEKLY.model_copy(update={"schedule": Daily()}))
    desk.partner("NEW", program="own", now=NOW - 3 * DAY)
    desk.sale("NEW", "50.00", ref="new", program="own", kind="booking", at=NOW - 2 * DAY, now=NOW - 2 * DAY)

    found = told(desk, WEEKLY.model_copy(update={"schedule": Daily(), "hold": Hold(days=0)}), days=10)

    assert (found.today.amount_minor, found.today.held_minor) == (0, 40_00)
    assert (found.changed.amount_minor, found.changed.held_minor) == (40_00, 0)


def one_partner(desk: Desk, policy: Policy) -> None:
    """40.00 released on each of the last three Fridays' eves."""
    program(desk, policy)
    desk.partner("P1", program="own", now=NOW - 30 * DAY)
    friday = NOW.replace(hour=2, minute=15)
    assert friday.isoweekday() == 5
    for n in (3, 2, 1):
        at = friday - n * 7 * DAY - DAY
        desk.sale("P1", "50.00", ref=f"s{n}", program="own", kind="booking", at=at - 7 * DAY, now=at)
        desk.release(at + HOUR)
        desk.queue(friday - n * 7 * DAY, run_id=n)


@pytest.mark.parametrize(
    ("minimum", "payouts", "paid"), [(40_00, 3, 120_00), (40_01, 1, 80_00), (80_00, 1, 80_00), (120_01, 0, 0)]
)
def test_the_minimum_itself_is_paid_and_a_cent_below_it_waits(
    desk: Desk, minimum: int, payouts: int, paid: int
) -> None:
    one_partner(desk, WEEKLY)
    found = told(desk, WEEKLY.model_copy(update={"min_payout_minor": minimum}), days=28)
    assert (found.actual.payouts, found.actual.amount_minor) == (3, 120_00)
    assert (found.changed.payouts, found.changed.amount_minor) == (payouts, paid)
    assert found.changed.left_minor == 120_00 - paid


@pytest.mark.parametrize(
    ("fee", "of_each"),
    [
        (Fee(fixed_minor=25), 25),
        (Fee(pct=Decimal("0.0625")), 2),  # of 40.00 a half of a cent, to even
        (Fee(pct=Decimal("0.1875")), 8),
        (Fee(pct=Decimal(2), fixed_minor=1), 81),
    ],
)
def test_other_fees_are_worked_out_as_a_single_payouts(desk: Desk, fee: Fee, of_each: int) -> None:
    one_partner(desk, WEEKLY)
    found = told(desk, WEEKLY.model_copy(update={"fees": {"stripe": fee}}), days=28)
    assert found.changed.partner_fee_minor == 3 * of_each
    ours = told(
        desk,
        WEEKLY.model_copy(update={"fees": {"stripe": fee.model_copy(update={"payer": "platform"})}}),
        days=28,
    )
    assert (ours.changed.partner_fee_minor, ours.changed.platform_fee_minor) == (0, 3 * of_each)


def test_a_fee_that_eats_the_payout_keeps_it_and_the_slot_is_served(desk: Desk) -> None:
    one_partner(desk, WEEKLY)
    found = told(desk, WEEKLY.model_copy(update={"fees": {"stripe": Fee(fixed_minor=40_00)}}), days=28)
    assert (found.changed.payouts, found.changed.amount_minor) == (1, 80_00)


def test_what_was_priced_before_the_first_day_keeps_its_release(desk: Desk) -> None:
    one_partner(desk, WEEKLY)
    held = WEEKLY.model_copy(update={"hold": Hold(days=30)})
    found = told(desk, held, days=24)  # the first of the three sales was before
    assert (found.actual.payouts, found.changed.payouts) == (3, 1)


def test_a_cap_cuts_and_leaves_the_rest(desk: Desk) -> None:
    one_partner(desk, WEEKLY)
    found = told(desk, WEEKLY.model_copy(update={"max_per_partner_month_minor": 50_00}), days=28)
    assert found.changed.amount_minor + found.changed.left_minor == 120_00
    assert found.changed.amount_minor < 120_00


def test_a_partners_own_terms_stay_above_the_programs(desk: Desk) -> None:
    one_partner(desk, WEEKLY)
    with desk.engine.begin() as conn:
        partner = conn.execute(text("SELECT id FROM partner WHERE code = 'P1'")).scalar_one()
        builders.own_terms(conn, partner, {"min_payout_minor": 1})
    found = told(desk, WEEKLY.model_copy(update={"min_payout_minor": 500_00}), days=28)
    assert found.changed.payouts == 3


def test_a_program_without_money_or_partners_replays_to_nothing(desk: Desk) -> None:
    program(desk, WEEKLY)
    found = told(desk, WEEKLY.model_copy(update={"schedule": Daily()}))
    assert (found.partners, found.today.payouts, found.changed.amount_minor) == (0, 0, 0)
    assert len(found.days) == DAYS + 1


def test_a_replay_writes_nothing(desk: Desk) -> None:
    one_partner(desk, WEEKLY)
    count = "SELECT count(*) FROM {}"
    tables: Iterable[str] = ("payout", "ledger_transfer", "earning", "skip", "audit")
    before = [desk.scalar(count.format(table)) for table in tables]
    told(desk, WEEKLY.model_copy(update={"hold": Hold(days=1)}))
    assert [desk.scalar(count.format(table)) for table in tables] == before
