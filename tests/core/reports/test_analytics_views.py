"""Every view of the analytics equals what the ledger and the rows themselves say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial

import pandas as pd
import pytest
from sqlalchemy import text

from core.access import Actor
from core.commission import Percent
from core.corrections import correct_earning
from core.fees import Fee
from core.holds import lift_hold
from core.policy import Approval, Hold, Policy
from core.reports import analytics as analytics_report
from core.reports import by_partner as by_partner_report
from core.reports import cohorts as cohorts_report
from core.reports import fee_saving as fee_saving_report
from core.reports import owed, runway
from core.reports import speed as speed_report
from core.reports.analytics import analytics
from core.reports.by_partner import by_partner, one_partner
from core.reports.cohorts import cohorts
from core.reports.fee_saving import fee_saving
from core.reports.owed import owed_by_age, waiting_by_age
from core.reports.period import Period, between, last_days
from core.reports.speed import speed
from tests import builders
from tests.desk import DAY, HOUR, NOW, Desk, Rail, declined

OWN = Policy(
    commission=Percent(pct=Decimal(80)),
    sale_kinds=("booking",),
    approval=Approval(dual_above_minor=10**9),
    hold=Hold(days=7),
    fees={"stripe": Fee(fixed_minor=25)},
)
ROOT = Actor(name="user:rita", channel="cli", roles=frozenset({"maker", "approver"}))


@pytest.fixture
def lived(desk: Desk) -> Desk:
    """Thirty days of three partners: sales, payouts paid and failed, a refund of what was paid, one of what was not."""
    with desk.engine.begin() as conn:
        builders.program(conn, "own", terms=OWN.model_dump_json(), zone="America/New_York")
    for n in (1, 2, 3):
        desk.partner(f"P{n}", program="own", account=f"acct_{n}", now=NOW - 60 * DAY)
    for back in range(40, 0, -1):
        at = NOW - back * DAY
        for n in (1, 2, 3):
            if back % n == 0:
                ref = f"s{back}-{n}"
                desk.sale(
                    f"P{n}", f"{10 + n}.00", ref=ref, program="own", kind="booking", at=at - HOUR, now=at
                )
        desk.release(at)
        if back in (28, 21, 20, 6):
            payouts = [desk.request(code, "12.00", now=at) for code in ("P1", "P2")]
            desk.approve(*payouts, now=at + HOUR)
            answers = [declined("account_restricted")] if back == 21 else []
            desk.send(Rail(*answers), now=at + 2 * HOUR)
            for hold in desk.column("SELECT id FROM hold WHERE closed_at IS NULL"):
                desk.decide(
                    partial(lift_hold, hold_id=int(str(hold)), actor=ROOT, now=at + 3 * HOUR, note="mended")
                )
    for ref, event in (("s40-1", "re_paid"), ("s2-1", "re_held")):
        earning = int(str(desk.scalar("SELECT id FROM earning WHERE source_ref = :r", r=ref)))
        with desk.engine.begin() as conn:
            correct_earning(
                conn, earning, event_ref=event, amount_minor=880, reason="x", actor=ROOT, now=NOW - HOUR
            )
    desk.request("P3", "9.00", now=NOW - 3 * DAY)
    assert desk.faults() == []
    return desk


def span(desk: Desk, days: int = 30) -> Period:
    with desk.engine.connect() as conn:
        return last_days(conn, now=NOW, days=days, program="own")


def between_days(desk: Desk, since: date, until: date) -> Period:
    with desk.engine.connect() as conn:
        return between(conn, since, until, program="own")


def test_what_is_owed_by_age_adds_up_to_what_is_held_and_available(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        found = owed_by_age(conn, now=NOW, program="own")
        everywhere = owed_by_age(conn, now=NOW)
    balance = lived.scalar("SELECT sum(held + available) FROM partner_balance")
    assert found["amount_minor"].sum() == balance
    assert everywhere["amount_minor"].sum() == balance
    assert found["count"].sum() == lived.scalar("SELECT count(*) FROM open_item")
    by_age = found.set_index("age")["amount_minor"]
    debts = lived.scalar("SELECT sum(amount_minor) FROM open_item WHERE amount_minor < 0")
    assert by_age["Debts"] == debts == -880
    scanned = """SELECT coalesce(sum(amount_minor), 0) FROM open_item WHERE amount_minor > 0
                  AND (:now AT TIME ZONE 'America/New_York')::date - (release_at AT TIME ZONE 'America/New_York')::date
                      BETWEEN :least AND :most"""
    for age, least, most in (
        ("Today", 0, 0),
        ("1–7 days", 1, 7),
        ("8–14 days", 8, 14),
        ("15–30 days", 15, 30),
    ):
        assert by_age[age] == lived.scalar(scanned, now=NOW, least=least, most=most), age


def test_who_is_owed_longest_comes_first_with_what_keeps_it_and_nobody_who_owes_us(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        found = owed.owed_longest(conn, now=NOW, currency="USD", masked=False, program="own")
        masked = owed.owed_longest(conn, now=NOW, currency="USD", masked=True, rows=1)
        euros = owed.owed_longest(conn, now=NOW, currency="EUR", masked=False)
    balances = (
        """SELECT r.code FROM partner_balance b JOIN partner r ON r.id = b.partner_id WHERE b.available > 0"""
    )
    assert set(found["code"]) == set(lived.column(balances))
    assert found["amount_minor"].sum() == lived.scalar(
        "SELECT sum(available) FROM partner_balance WHERE available > 0"
    )
    oldest = """SELECT min(o.release_at) FROM open_item o JOIN partner_balance b USING (partner_id)
                  JOIN partner r ON r.id = o.partner_id
                 WHERE r.code = :code AND o.amount_minor > 0 AND o.release_at <= b.released_to"""
    assert [row.since for row in found.itertuples()] == [
        lived.scalar(oldest, code=code) for code in found["code"]
    ]
    assert found["since"].is_monotonic_increasing
    assert set(found["keeps"]) == {"Paid on request, and nobody has asked"}
    lived.partner("P1", program="own", account="acct_1", status="suspended")
    with lived.engine.connect() as conn:
        kept = owed.owed_longest(conn, now=NOW, currency="USD", masked=False).set_index("code").loc["P1"]
    assert (kept["keeps"], kept["clears"]) == ("The partner is suspended", "when somebody activates them")
    assert masked["name"].isna().all()
    assert (len(masked), len(euros)) == (1, 0)


def test_payouts_that_wait_are_told_by_age(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        found = waiting_by_age(conn, now=NOW, program="own")
        a_second_before = waiting_by_age(conn, now=NOW - builders.DAY / 86_400, program="own")
    assert found["amount_minor"].sum() == lived.scalar("SELECT sum(reserved) FROM partner_balance")
    assert found.set_index("age")["count"]["3–6 days"] == 1
    assert a_second_before.set_index("age")["count"]["1–2 days"] == 1


def test_success_counts_what_was_paid_and_what_failed_for_good(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        found = speed(conn, span(lived), currency="USD")
    statuses = pd.Series(lived.column("SELECT status FROM payout")).value_counts()
    this, before = found.success.to_dict("records")
    assert (this["paid"], this["failed"]) == (statuses["paid"], statuses["failed"]) == (7, 1)
    assert (before["paid"], before["failed"]) == (0, 0)
    [reason] = found.reasons.to_dict("records")
    assert (reason["code"], reason["refusals"], reason["payouts"]) == ("account_restricted", 1, 1)
    assert reason["amount_minor"] == 12_00


def test_time_to_pay_is_that_of_the_rows(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        found = speed(conn, span(lived), currency="USD")
        nothing = speed(conn, span(lived), currency="EUR")
    waits = """SELECT count(*), avg(extract(epoch FROM p.processed_at - e.occurred_at))
                 FROM payout p JOIN payout_item i ON i.payout_id = p.id JOIN earning e ON e.id = i.earning_id
                WHERE p.status = 'paid' AND e.amount_minor > 0"""
    with lived.engine.connect() as conn:
        count, average = conn.execute(text(waits)).one()
    assert found.earned.count == count == found.earned.classes["count"].sum()
    assert found.earned.average_s == pytest.approx(float(average), abs=1)
    assert (found.approved.count, found.approved.average_s) == (7, 3600.0)
    assert found.approved.classes.to_dict("records") == [{"wait": "1–4 hours", "count": 7}]
    assert (nothing.earned.count, nothing.earned.average_s) == (0, None)


SENTENCES = {
    **{f"money {name}": said for name, said in analytics_report.DEFINITIONS.items()},
    **{f"owed {name}": said for name, said in owed.DEFINITIONS.items()},
    **{f"speed {name}": said for name, said in speed_report.DEFINITIONS.items()},
    "partners": by_partner_report.DEFINITION,
    "customers": cohorts_report.DEFINITION,
    "fees": fee_saving_report.DEFINITION,
    "cash": runway.DEFINITION,
}


@pytest.mark.parametrize("name", SENTENCES)
def test_every_metric_says_by_which_date_it_goes_and_what_a_later_refund_does(name: str) -> None:
    said = SENTENCES[name]
    assert any(
        words in said
        for words in ("by the day", "by that day", "as of now", "As of now", "by the month", "last seen")
    )
    assert any(words in said for words in ("refund", "comes back later", "reversed later"))


def test_the_money_of_a_period_is_what_the_ledger_moved_in_it(lived: Desk) -> None:
    period = between_days(lived, date(2026, 10, 29), date(2026, 11, 20))
    with lived.engine.connect() as conn:
        found = analytics(conn, now=NOW, masked=False, program="own", period=period)
    figures = found.figures.set_index("metric")["amount_minor"]
    moved = """SELECT coalesce(sum(l.amount_minor), 0)::bigint FROM ledger_transfer l LEFT JOIN earning e ON e.id = l.earning_id
                WHERE l.kind = ANY(:kinds) AND (coalesce(e.occurred_at, l.effective_at) AT TIME ZONE 'America/New_York')::date
                      BETWEEN :since AND :until AND coalesce(e.kind, '') NOT IN ('carry_out', 'carry_in', 'return')"""

    def ledger(*kinds: str) -> int:
        return int(str(lived.scalar(moved, kinds=list(kinds), since=period.since, until=period.until)))

    assert figures["completed_payouts"] == ledger("settle", "fee") == found.over_time["paid_minor"].sum() > 0
    assert figures["completed_payouts"] == found.top_partners["paid_minor"].sum()
    assert figures["payout_fees"] == ledger("fee") > 0
    assert figures["partner_earnings"] == ledger("earn") - ledger("void", "debt")
    assert figures["revenue"] == lived.scalar(
        """SELECT sum(gross_minor) FROM sale
            WHERE (occurred_at AT TIME ZONE 'America/New_York')::date BETWEEN :since AND :until""",
        since=period.since,
        until=period.until,
    )
    for balance in ("held", "available", "reserved"):
        assert figures[balance] == lived.scalar(f"SELECT sum({balance}) FROM partner_balance"), balance  # noqa: S608
    assert figures["pending_payouts"] == figures["reserved"] > 0


def test_by_partner_adds_up_to_the_whole_and_one_partner_is_the_same_as_their_row(
    lived: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    period = span(lived)
    with lived.engine.connect() as conn:
        whole = analytics(conn, now=NOW, masked=False, program="own").figures.set_index("metric")
        found = by_partner(conn, period, currency="USD", masked=False)
        own = [one_partner(conn, code, period, masked=False, longest_daily=90) for code in ("P1", "P2", "P3")]
        nobody = one_partner(conn, "P9", period, masked=False, longest_daily=90)
        masked = by_partner(conn, period, currency="USD", masked=True)
        everyone = by_partner(conn, period, currency="USD", masked=False, page=None)
        monkeypatch.setattr(by_partner_report, "PAGE_ROWS", 1)
        second = by_partner(conn, period, currency="USD", masked=False, page=2)
    assert found.count == 2
    assert found.rows["paid_minor"].sum() == whole.loc["completed_payouts", "amount_minor"] == 84_00
    assert everyone.rows.equals(found.rows)
    assert (len(second.rows), second.rows["code"].iloc[0]) == (1, everyone.rows["code"].iloc[1])
    assert masked.rows["name"].isna().all()
    assert nobody is None
    for metric, measure in (
        ("revenue", "revenue"),
        ("platform_fees", "platform_fee"),
        ("partner_earnings", "earned"),
        ("completed_payouts", "paid"),
        ("payout_fees", "payout_fee"),
        ("failed_payouts", "failed"),
    ):
        each = [one.figures.set_index("metric").loc[measure] for one in own if one]
        assert sum(row["amount_minor"] for row in each) == whole.loc[metric, "amount_minor"], metric
        assert sum(row["before_minor"] for row in each) == whole.loc[metric, "previous_minor"], metric
    first = own[0]
    assert first is not None
    row = found.rows.set_index("code").loc["P1"]
    figures = first.figures.set_index("metric")
    assert row["paid_minor"] == figures.loc["paid", "amount_minor"] == first.over_time["paid_minor"].sum()
    assert (
        row["earned_minor"] == figures.loc["earned", "amount_minor"] == first.over_time["earned_minor"].sum()
    )
    assert len(first.over_time) == 30


def test_a_later_refund_is_taken_off_on_its_own_day(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        today = between(conn, NOW.date(), NOW.date(), program="own")
        found = one_partner(conn, "P1", today, masked=False, longest_daily=90)
    assert found is not None
    assert found.figures.set_index("metric").loc["earned", "amount_minor"] == -2 * 880
    assert found.figures.set_index("metric").loc["paid", "amount_minor"] == 0


def test_the_period_before_stands_beside_step_by_step(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        period = between(conn, date(2026, 11, 7), date(2026, 11, 20), program="own")
        found = analytics(conn, now=NOW, masked=False, program="own", period=period)
    assert (period.days, period.before.since, period.before.until) == (
        14,
        date(2026, 10, 24),
        date(2026, 11, 6),
    )
    figures = found.figures.set_index("metric")
    assert found.over_time["paid_minor"].sum() == figures.loc["completed_payouts", "amount_minor"] == 24_00
    assert (
        found.over_time["paid_before_minor"].sum()
        == figures.loc["completed_payouts", "previous_minor"]
        == 36_00
    )


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (date(2026, 3, 5), date(2026, 3, 1), (date(2026, 3, 1), date(2026, 3, 5))),
        (date(1900, 1, 1), date(2000, 1, 2), (date(2000, 1, 1), date(2000, 1, 2))),
        (date(2010, 1, 1), date(2026, 1, 1), (date(2020, 12, 29), date(2026, 1, 1))),
    ],
)
def test_a_period_begins_before_it_ends_and_is_no_longer_than_can_be_told(
    desk: Desk, since: date, until: date, expected: tuple[date, date]
) -> None:
    with desk.engine.connect() as conn:
        found = between(conn, since, until)
    assert (found.since, found.until) == expected


def test_who_stays_is_counted_by_whole_months_since_their_own_sign_up(desk: Desk) -> None:
    desk.partner("BRO1", program="broker-bounty")
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for n, (signed_up, cancelled) in enumerate(
        [
            (datetime(2026, 7, 31, tzinfo=UTC), None),
            (datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)),  # one whole month
            (datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 31, 23, tzinfo=UTC)),  # none
            (datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 6, tzinfo=UTC)),
        ]
    ):
        desk.customer(f"cus_{n}", "BRO1", signed_up=signed_up, cancelled=cancelled, now=now)
    with desk.engine.connect() as conn:
        found = cohorts(conn, now=now, program="broker-bounty").set_index("cohort")
        nobody = cohorts(conn, now=now, partner="NONE")
        theirs, dollars, euros = (
            cohorts(conn, now=now, **narrowed).set_index("cohort")
            for narrowed in ({"partner": "BRO1"}, {"currency": "USD"}, {"currency": "EUR"})
        )
    assert theirs.equals(found)
    assert dollars.equals(found)
    assert euros.empty
    july, october = found.loc["2026-07"], found.loc["2026-10"]
    assert (july["customers"], july["left_0"], july["left_1"], july["left_2"], july["left_3"]) == (
        3,
        3,
        2,
        1,
        1,
    )
    assert found["left_4"].isna().all()
    assert (october["customers"], october["left_0"]) == (1, 1)
    assert found["left_1"].isna().sum() == 1
    assert nobody.empty


def test_joining_payouts_spares_the_fixed_part_of_their_fee(lived: Desk) -> None:
    with lived.engine.connect() as conn:
        by_month = fee_saving(conn, span(lived), now=NOW, currency="USD", masked=False, cadence="month")
        by_week = fee_saving(conn, span(lived), now=NOW, currency="USD", masked=False, cadence="week")
        least = fee_saving(conn, span(lived), now=NOW, currency="USD", masked=False, minimum_minor=24_00)
        itself = fee_saving(conn, span(lived), now=NOW, currency="USD", masked=False, minimum_minor=12_00)
        everything = fee_saving(conn, span(lived), now=NOW, currency="USD", masked=True, minimum_minor=10**9)
    paid = int(str(lived.scalar("SELECT count(*) FROM payout WHERE status = 'paid'")))
    months = """SELECT count(DISTINCT (partner_id, date_trunc(:unit, processed_at AT TIME ZONE 'America/New_York')))
                  FROM payout WHERE status = 'paid'"""
    for found, unit in ((by_month, "month"), (by_week, "week")):
        assert (found.payouts, found.joined) == (paid, lived.scalar(months, unit=unit))
        assert found.saved_by_partners_minor == 25 * (found.payouts - found.joined)
        assert found.partners["saved_minor"].sum() == found.saved_by_partners_minor
        assert found.saved_by_us_minor == 0
    assert (itself.joined, itself.saved_by_partners_minor) == (paid, 0)
    assert least.saved_by_partners_minor == 25 * (paid - least.joined) > 0
    assert (everything.joined, everything.saved_by_partners_minor) == (0, 25 * paid)
    assert everything.partners["name"].isna().all()
