"""Accrual: what time itself earns, judged by dates, written once, priced by what held at its own instant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from core.accrual import accrue_due
from core.presets import PRESETS
from tests.builders import policy
from tests.desk import DAY, HOUR, NOW, Balance, Desk

SIXTY_DAYS = 60 * DAY
INSTANT = timedelta(microseconds=1)
NOTHING = Balance(0, 0, 0, 0, 0)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def earned(desk: Desk, code: str) -> list[tuple[object, ...]]:
    """Kind, reference, period and amount of a partner's earnings, in the order they were written."""
    query = text("""SELECT e.kind, e.source_ref, e.period, e.amount_minor FROM earning e
                      JOIN partner p ON p.id = e.partner_id WHERE p.code = :code ORDER BY e.id""")
    with desk.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(query, {"code": code})]


def amounts(desk: Desk, code: str) -> list[object]:
    return [amount for *_, amount in earned(desk, code)]


def move_to(desk: Desk, program: str, zone: str) -> None:
    """Put a program into another time zone."""
    with desk.engine.begin() as conn:
        conn.execute(
            text("UPDATE program SET zone = :zone WHERE code = :code"), {"zone": zone, "code": program}
        )


def reprice(
    desk: Desk, program: str, commission: dict[str, object], *, effective_at: datetime, **terms_too: object
) -> None:
    """Give a program a second version of its policy, with another commission or other terms."""
    (preset,) = [one for one in PRESETS if one.code == program]
    terms = preset.policy.model_dump(mode="json")
    terms["commission"] |= commission
    terms |= terms_too
    with desk.engine.begin() as conn:
        program_id = conn.execute(
            text("SELECT id FROM program WHERE code = :code"), {"code": program}
        ).scalar_one()
        policy(conn, program_id, version=2, terms=json.dumps(terms), effective_at=effective_at)


@pytest.fixture
def broker(desk: Desk) -> str:
    return desk.partner("BRK1", program="broker-bounty")


@pytest.fixture
def recurring(desk: Desk) -> str:
    return desk.partner("BRR1", program="broker-recurring")


@pytest.fixture
def barber(desk: Desk) -> str:
    return desk.partner("BAR1", program="barber", method="bank_transfer", account=None)


class TestABounty:
    SIGNED_UP = utc(2026, 8, 31, 17, 45, 12)
    DUE = SIGNED_UP + SIXTY_DAYS

    def test_is_earned_at_sixty_times_24_hours_and_not_a_microsecond_before(
        self, desk: Desk, broker: str
    ) -> None:
        desk.customer("c1", broker, signed_up=self.SIGNED_UP)

        assert desk.accrue(self.DUE - INSTANT).count == 0
        assert desk.balance(broker) == NOTHING
        result = desk.accrue(self.DUE)

        assert (result.count, result.amounts) == (1, {"USD": 500_00})
        assert earned(desk, broker) == [("bounty", "c1", "", 500_00)]
        assert desk.column("SELECT release_at FROM earning") == [self.DUE]
        assert desk.balance(broker) == Balance(500_00, 0, 0, 0, 0)
        assert desk.faults() == []

    def test_counts_hours_not_calendar_days_when_the_clocks_change(self, desk: Desk, broker: str) -> None:
        move_to(desk, "broker-bounty", "Europe/Berlin")  # the clocks go back on 25 October
        desk.customer("c1", broker, signed_up=utc(2026, 9, 1, 10, 0))

        assert desk.accrue(utc(2026, 10, 31, 10, 0) - INSTANT).count == 0
        assert desk.accrue(utc(2026, 10, 31, 10, 0)).count == 1

    def test_is_never_earned_by_a_customer_who_cancelled_before_it(self, desk: Desk, broker: str) -> None:
        desk.customer("c1", broker, signed_up=self.SIGNED_UP, cancelled=self.DUE - timedelta(seconds=1))

        assert desk.accrue(self.DUE).count == 0
        assert desk.accrue(NOW + 400 * DAY).count == 0
        assert desk.balance(broker) == NOTHING

    @pytest.mark.parametrize("later", [timedelta(0), timedelta(seconds=1), 5 * DAY])
    def test_is_earned_by_one_who_cancelled_from_then_on_though_the_job_runs_after_that(
        self, desk: Desk, broker: str, later: timedelta
    ) -> None:
        desk.customer("c1", broker, signed_up=self.SIGNED_UP, cancelled=self.DUE + later)

        desk.accrue(NOW)

        assert desk.column("SELECT occurred_at FROM earning") == [self.DUE]
        assert desk.balance(broker).held == 500_00

    def test_that_became_known_late_is_judged_by_its_dates(self, desk: Desk, broker: str) -> None:
        desk.customer("c1", broker, signed_up=self.SIGNED_UP)
        desk.customer("c1", broker, signed_up=self.SIGNED_UP, cancelled=self.DUE - DAY)

        assert desk.accrue(NOW).count == 0

    def test_is_written_once_however_often_and_however_late_the_job_runs(
        self, desk: Desk, broker: str
    ) -> None:
        desk.customer("c1", broker, signed_up=self.SIGNED_UP)
        desk.customer("c2", broker, signed_up=self.SIGNED_UP)

        counts = [desk.accrue(now).count for now in (self.DUE, self.DUE, NOW, NOW + 400 * DAY, self.DUE)]

        assert counts == [2, 0, 0, 0, 0]
        assert desk.balance(broker) == Balance(1000_00, 0, 0, 0, 0)
        assert desk.faults() == []

    def test_is_kept_by_a_customer_who_cancels_after_it_was_written(self, desk: Desk, broker: str) -> None:
        desk.customer("c1", broker, signed_up=self.SIGNED_UP)
        desk.accrue(self.DUE)
        desk.customer("c1", broker, signed_up=self.SIGNED_UP, cancelled=self.DUE + HOUR)

        assert desk.accrue(NOW).count == 0
        assert amounts(desk, broker) == [500_00]

    def test_of_a_suspended_partner_accrues(self, desk: Desk, broker: str) -> None:
        desk.partner(broker, program="broker-bounty", status="suspended")
        desk.customer("c1", broker, signed_up=self.SIGNED_UP)

        desk.accrue(NOW)

        assert desk.balance(broker).held == 500_00

    def test_is_priced_by_the_policy_of_its_own_instant_however_late_the_job_runs(
        self, desk: Desk, broker: str
    ) -> None:
        desk.customer("c1", broker, signed_up=self.SIGNED_UP)
        desk.customer("c2", broker, signed_up=self.SIGNED_UP + DAY)
        reprice(desk, "broker-bounty", {"amount_minor": 600_00}, effective_at=self.DUE + HOUR)

        desk.accrue(NOW)

        assert earned(desk, broker) == [("bounty", "c1", "", 500_00), ("bounty", "c2", "", 600_00)]
        versions = "SELECT v.version FROM earning e JOIN policy v ON v.id = e.policy_id ORDER BY e.id"
        assert desk.column(versions) == [1, 2]


class TestRecurringMonths:
    def test_missed_in_an_outage_are_caught_up_and_none_is_doubled(self, desk: Desk, recurring: str) -> None:
        desk.customer("c1", recurring, signed_up=utc(2026, 6, 20))
        assert desk.accrue(utc(2026, 7, 1)).count == 1

        caught_up = desk.accrue(NOW)
        again = desk.accrue(NOW)

        assert (caught_up.count, caught_up.amounts, again.count) == (4, {"USD": 200_00}, 0)
        months = [f"2026-{month:02}" for month in range(7, 12)]
        assert earned(desk, recurring) == [("recurring", "c1", month, 50_00) for month in months]
        assert desk.balance(recurring) == Balance(250_00, 0, 0, 0, 0)
        assert desk.faults() == []

    def test_count_who_is_active_at_the_first_instant_in_the_programs_zone(
        self, desk: Desk, recurring: str
    ) -> None:
        move_to(desk, "broker-recurring", "America/New_York")
        november = utc(2026, 11, 1, 4, 0)  # midnight there, four hours later here
        before = november - 3 * DAY
        desk.customer("at-it", recurring, signed_up=november)
        desk.customer("after-it", recurring, signed_up=november + INSTANT)
        desk.customer("ends-at-it", recurring, signed_up=before, cancelled=november)
        desk.customer("ends-after-it", recurring, signed_up=before, cancelled=november + INSTANT)

        assert desk.accrue(november - INSTANT).count == 0
        desk.accrue(november)

        assert {row[1] for row in earned(desk, recurring)} == {"at-it", "ends-after-it"}
        assert amounts(desk, recurring) == [50_00, 50_00]
        assert set(desk.column("SELECT release_at FROM earning")) == {november}

    def test_of_a_late_run_are_priced_by_the_policy_of_their_first_instant(
        self, desk: Desk, recurring: str
    ) -> None:
        desk.customer("c1", recurring, signed_up=utc(2026, 9, 20))
        reprice(desk, "broker-recurring", {"amount_minor": 75_00}, effective_at=utc(2026, 11, 1))

        desk.accrue(NOW)

        assert amounts(desk, recurring) == [50_00, 75_00]


class TestABarbersMonth:
    CLOSE = utc(2026, 11, 1)

    def services(self, desk: Desk, code: str, n: int, gross: str, *, first: int = 1, day: int = 10) -> None:
        head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description\n"
        rows = [
            f"barber,{code},service,s{number},2026-10-{day:02}T12:00:00Z,{gross},USD,Cut\n"
            for number in range(first, first + n)
        ]
        assert desk.take_in("sales", head + "".join(rows)).added == n

    def test_is_priced_at_its_close_and_not_before(self, desk: Desk, barber: str) -> None:
        self.services(desk, barber, 1, "1000.00")

        assert desk.accrue(self.CLOSE - INSTANT).count == 0
        assert desk.balance(barber) == NOTHING
        desk.accrue(self.CLOSE)

        assert earned(desk, barber) == [("period", barber, "2026-10", 700_00)]
        assert desk.column("SELECT ARRAY[gross_minor, fee_minor] FROM earning") == [[1000_00, 300_00]]
        assert desk.column("SELECT release_at FROM earning") == [self.CLOSE]
        assert desk.balance(barber) == Balance(700_00, 0, 0, 0, 0)
        assert desk.accrue(NOW).count == 0
        assert desk.faults() == []

    def test_closes_in_the_programs_zone(self, desk: Desk, barber: str) -> None:
        move_to(desk, "barber", "America/New_York")
        desk.sale(
            barber, "100.00", ref="s1", program="barber", kind="service", at=utc(2026, 11, 1, 3, 59, 59)
        )
        desk.sale(barber, "100.00", ref="s2", program="barber", kind="service", at=utc(2026, 11, 1, 4, 0))

        assert desk.accrue(utc(2026, 11, 1, 4, 0) - INSTANT).count == 0
        desk.accrue(NOW)

        assert earned(desk, barber) == [("period", barber, "2026-10", 70_00)]

    @pytest.mark.parametrize(
        ("services", "amount_minor"),
        [(50, 350_00), (51, 367_20), (100, 720_00), (101, 757_50)],
    )
    def test_has_one_rate_for_all_its_services_by_their_number(
        self, desk: Desk, barber: str, services: int, amount_minor: int
    ) -> None:
        self.services(desk, barber, services, "10.00")

        desk.accrue(NOW)

        assert amounts(desk, barber) == [amount_minor]

    def test_has_its_bonus_only_above_ten_thousand_on_the_whole_gross(self, desk: Desk, barber: str) -> None:
        other = desk.partner("BAR2", program="barber", method="bank_transfer", account=None)
        self.services(desk, barber, 1, "10000.00")
        self.services(desk, other, 1, "10000.01", first=2)

        desk.accrue(NOW)

        assert amounts(desk, barber) == [7000_00]
        assert amounts(desk, other) == [7200_01]  # 72 % of 10,000.01 is 7,200.0072
        lines = "SELECT sum((l ->> 'amount_minor')::bigint) FROM earning, jsonb_array_elements(breakdown -> 'lines') l"
        assert desk.column(f"{lines} GROUP BY id ORDER BY id") == [7000_00, 7200_01]

    def test_is_priced_anew_by_a_late_sale_that_crosses_a_threshold(self, desk: Desk, barber: str) -> None:
        self.services(desk, barber, 50, "10.00")
        desk.accrue(self.CLOSE)
        desk.release(self.CLOSE)
        assert desk.balance(barber) == Balance(0, 350_00, 0, 0, 0)

        self.services(desk, barber, 1, "10.00", first=51, day=31)
        late = desk.accrue(NOW)

        assert (late.count, late.amounts) == (1, {"USD": 17_20})  # 72 % of 510 less 350
        assert earned(desk, barber)[1] == ("true_up", f"period:{barber}:2026-10:1", "2026-10", 17_20)
        assert desk.balance(barber) == Balance(0, 367_20, 0, 0, 0)
        assert desk.accrue(NOW + 40 * DAY).count == 0
        assert desk.scalar("SELECT sum(gross_minor) FROM earning") == 510_00
        assert desk.faults() == []

    def test_is_priced_anew_as_often_as_something_arrives(self, desk: Desk, barber: str) -> None:
        for number in (1, 2, 3):
            self.services(desk, barber, 1, "10.00", first=number)
            desk.accrue(NOW)

        assert amounts(desk, barber) == [7_00, 7_00, 7_00]
        assert [row[0] for row in earned(desk, barber)] == ["period", "true_up", "true_up"]
        assert desk.faults() == []

    def test_is_given_its_bonus_by_a_late_sale_that_lifts_the_gross_above_ten_thousand(
        self, desk: Desk, barber: str
    ) -> None:
        self.services(desk, barber, 1, "10000.00")
        desk.accrue(self.CLOSE)
        assert amounts(desk, barber) == [7000_00]

        self.services(desk, barber, 1, "100.00", first=2)
        desk.accrue(NOW)

        assert amounts(desk, barber) == [7000_00, 272_00]  # 72 % of 10,100 less 7,000
        assert desk.faults() == []

    def test_leaves_deductions_negative_at_once_whatever_the_month_does(
        self, desk: Desk, barber: str
    ) -> None:
        desk.sale(barber, "-50.00", ref="rent", program="barber", kind="deduction")

        assert desk.balance(barber) == Balance(0, -50_00, 0, 0, 0)
        assert desk.accrue(NOW + 40 * DAY).count == 0
        assert desk.balance(barber) == Balance(0, -50_00, 0, 0, 0)
        assert desk.faults() == []


class TestAProgramThatAccruesFromADay:
    def test_leaves_out_who_signed_up_and_the_months_that_began_before_it(
        self, desk: Desk, broker: str, recurring: str
    ) -> None:
        desk.customer("before", broker, signed_up=utc(2026, 9, 1) - INSTANT)
        desk.customer("since", broker, signed_up=utc(2026, 9, 1))
        desk.customer("m1", recurring, signed_up=utc(2026, 7, 20))
        for program in ("broker-bounty", "broker-recurring"):
            reprice(desk, program, {}, effective_at=utc(2026, 1, 1), accrues_from="2026-09-01")

        desk.accrue(NOW)

        assert [row[1] for row in earned(desk, broker)] == ["since"]
        assert [row[2] for row in earned(desk, recurring)] == ["2026-09", "2026-10", "2026-11"]


class TestADryRun:
    def test_tells_the_figures_and_changes_nothing(self, desk: Desk, broker: str, barber: str) -> None:
        desk.customer("c1", broker, signed_up=NOW - SIXTY_DAYS)
        desk.sale(barber, "100.00", ref="s1", program="barber", kind="service", at=utc(2026, 10, 3))
        before = desk.scalar("SELECT seq FROM audit_head")

        dry = accrue_due(desk.engine, now=NOW, dry_run=True)

        assert desk.scalar("SELECT count(*) FROM earning") == 0
        assert desk.scalar("SELECT seq FROM audit_head") == before
        assert desk.balance(broker) == desk.balance(barber) == NOTHING
        real = desk.accrue()
        assert (dry.count, dry.amounts) == (real.count, real.amounts) == (2, {"USD": 570_00})

    def test_and_a_real_run_keep_to_the_program_partner_and_number_asked_for(
        self, desk: Desk, broker: str, recurring: str
    ) -> None:
        other = desk.partner("BRK2", program="broker-bounty")
        for number, code in enumerate((broker, other)):
            desk.customer(f"c{number}", code, signed_up=NOW - SIXTY_DAYS)
        desk.customer("m1", recurring, signed_up=utc(2026, 10, 20))

        assert accrue_due(desk.engine, now=NOW, partner=other).count == 1
        assert amounts(desk, broker) == []
        assert accrue_due(desk.engine, now=NOW, limit=1).count == 1
        assert amounts(desk, broker) == [500_00]
        assert amounts(desk, recurring) == []
        assert accrue_due(desk.engine, now=NOW, program="broker-recurring").count == 1
        assert amounts(desk, recurring) == [50_00]
