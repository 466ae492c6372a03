from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commission import Tiered
from core.days import first_instant, month_bounds
from core.fees import fee_minor
from core.presets import PRESETS
from core.pricing import (
    Split,
    bounty_earned,
    bounty_instant,
    price_month,
    price_sale,
    recurring_months,
    split_percent,
)

POLICIES = {preset.code: preset.policy for preset in PRESETS}

amounts = st.integers(-(10**12), 10**12)
percentages = st.decimals(0, 100, places=4)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def barber() -> Tiered:
    commission = POLICIES["barber"].commission
    assert isinstance(commission, Tiered)
    return commission


class TestSplitPercent:
    def test_gives_a_creator_63_of_70_and_keeps_7(self) -> None:
        assert split_percent(7000, Decimal(90)) == Split(gross_minor=7000, fee_minor=700, net_minor=6300)

    @pytest.mark.parametrize(("gross_minor", "net_minor"), [(5, 4), (15, 14), (1235, 1112), (-5, -4), (0, 0)])
    def test_rounds_the_partners_half_cents_to_even(self, gross_minor: int, net_minor: int) -> None:
        assert split_percent(gross_minor, Decimal(90)).net_minor == net_minor

    @given(amounts, percentages)
    def test_loses_nothing(self, gross_minor: int, pct: Decimal) -> None:
        split = split_percent(gross_minor, pct)

        assert split.fee_minor + split.net_minor == split.gross_minor == gross_minor
        assert abs(split.net_minor) <= abs(gross_minor)
        assert abs(split.fee_minor) <= abs(gross_minor)

    @given(amounts, percentages)
    def test_a_full_refund_takes_back_exactly_what_the_sale_gave(
        self, gross_minor: int, pct: Decimal
    ) -> None:
        assert split_percent(gross_minor, pct).net_minor + split_percent(-gross_minor, pct).net_minor == 0


class TestPriceSale:
    @pytest.mark.parametrize(
        ("program", "kind", "gross_minor", "expected"),
        [
            ("creator", "booking", 7000, Split(gross_minor=7000, fee_minor=700, net_minor=6300)),
            ("reseller", "commission", 1235, Split(gross_minor=1235, fee_minor=0, net_minor=1235)),
            ("affiliate", "commission", 2500, Split(gross_minor=2500, fee_minor=0, net_minor=2500)),
            ("barber", "deduction", -5000, Split(gross_minor=0, fee_minor=0, net_minor=-5000)),
            ("barber", "service", 8500, None),
        ],
    )
    def test_prices_each_kind_as_its_program_does(
        self, program: str, kind: str, gross_minor: int, expected: Split | None
    ) -> None:
        assert price_sale(POLICIES[program], kind=kind, gross_minor=gross_minor) == expected


class TestPriceMonth:
    @pytest.mark.parametrize(
        ("services", "rate_pct"), [(0, 70), (50, 70), (51, 72), (100, 72), (101, 75), (5000, 75)]
    )
    def test_raises_the_rate_only_above_a_threshold(self, services: int, rate_pct: int) -> None:
        price = price_month(barber(), services=services, gross_minor=100_000)

        assert price.rate_pct == rate_pct
        assert price.amount_minor == 1_000 * rate_pct
        assert price.fee_minor == 100_000 - price.amount_minor

    @pytest.mark.parametrize(
        ("gross_minor", "bonus_points", "amount_minor"),
        [(1_000_000, 0, 700_000), (1_000_001, 2, 720_001), (2_000_000, 2, 1_440_000)],
    )
    def test_adds_two_points_on_the_whole_gross_only_above_ten_thousand(
        self, gross_minor: int, bonus_points: int, amount_minor: int
    ) -> None:
        price = price_month(barber(), services=50, gross_minor=gross_minor)

        assert price.bonus_points == bonus_points
        assert price.amount_minor == amount_minor

    def test_tells_its_lines(self) -> None:
        assert price_month(barber(), services=101, gross_minor=1_200_000).breakdown() == {
            "services": 101,
            "gross_minor": 1_200_000,
            "rate_pct": "75",
            "bonus_points": "2",
            "lines": [
                {"label": "share", "pct": "75", "base_minor": 1_200_000, "amount_minor": 900_000},
                {"label": "bonus", "pct": "2", "base_minor": 1_200_000, "amount_minor": 24_000},
            ],
        }

    def test_rounds_rate_and_bonus_together(self) -> None:
        # 77 % is 7,700.1155 exactly; 75 % and 2 % rounded each by itself would lose the cent.
        price = price_month(barber(), services=101, gross_minor=1_000_015)

        assert [line.amount_minor for line in price.lines] == [750_011, 20_001]
        assert price.amount_minor == 770_012

    @given(st.integers(0, 300), amounts)
    def test_lines_add_up_to_the_amount_which_is_rounded_once(self, services: int, gross_minor: int) -> None:
        price = price_month(barber(), services=services, gross_minor=gross_minor)

        exact = Decimal(gross_minor) * (price.rate_pct + price.bonus_points) / 100
        assert sum(line.amount_minor for line in price.lines) == price.amount_minor
        assert abs(price.amount_minor - exact) <= Decimal("0.5")
        assert price.amount_minor + price.fee_minor == gross_minor

    def test_a_thousand_of_gross_leaves_667_25_after_rent_and_fee(self) -> None:
        policy = POLICIES["barber"]
        month = price_month(barber(), services=60, gross_minor=100_000)
        rent = price_sale(policy, kind="deduction", gross_minor=-5_000)
        assert rent is not None

        amount_minor = month.amount_minor + rent.net_minor
        gross_minor = month.gross_minor + rent.gross_minor
        fee = fee_minor(policy.fee("stripe"), gross_minor=gross_minor, amount_minor=amount_minor)

        assert (month.amount_minor, amount_minor, fee) == (72_000, 67_000, 275)
        assert amount_minor - fee == 66_725


class TestBounty:
    SIGNED_UP = utc("2026-03-01T12:00")
    INSTANT = utc("2026-04-30T12:00")

    def test_is_decided_sixty_times_24_hours_after_sign_up(self) -> None:
        assert bounty_instant(self.SIGNED_UP, active_days=60) == self.INSTANT

    @pytest.mark.parametrize(
        ("cancelled_at", "now", "earned"),
        [
            (None, INSTANT, True),
            (None, INSTANT - timedelta(microseconds=1), False),
            (INSTANT, INSTANT, True),
            (INSTANT + timedelta(days=1), INSTANT + timedelta(days=90), True),
            (INSTANT - timedelta(microseconds=1), INSTANT, False),
            (INSTANT - timedelta(microseconds=1), INSTANT + timedelta(days=900), False),
            (SIGNED_UP, INSTANT, False),
        ],
    )
    def test_is_earned_from_its_instant_by_who_was_active_until_then(
        self, cancelled_at: datetime | None, now: datetime, *, earned: bool
    ) -> None:
        assert bounty_earned(self.SIGNED_UP, cancelled_at, active_days=60, now=now) is earned

    @given(instants, instants | st.none(), instants, st.timedeltas(timedelta(0), timedelta(days=900)))
    def test_once_earned_stays_earned_however_late_the_job_runs(
        self, signed_up_at: datetime, cancelled_at: datetime | None, now: datetime, late: timedelta
    ) -> None:
        if bounty_earned(signed_up_at, cancelled_at, active_days=60, now=now):
            assert bounty_earned(signed_up_at, cancelled_at, active_days=60, now=now + late)


class TestRecurringMonths:
    @staticmethod
    def periods(
        signed_up_at: str,
        cancelled_at: str | None,
        now: str,
        accrues_from: date | None = None,
        zone: str = "UTC",
    ) -> list[str]:
        months = recurring_months(
            utc(signed_up_at),
            utc(cancelled_at) if cancelled_at else None,
            zone=ZoneInfo(zone),
            accrues_from=accrues_from,
            now=utc(now),
        )
        return [month.period for month in months]

    def test_are_those_whose_first_instant_found_the_customer_active(self) -> None:
        assert self.periods("2026-08-15", None, "2026-11-20") == ["2026-09", "2026-10", "2026-11"]

    def test_count_a_sign_up_on_the_first_instant_and_not_a_cancellation_on_it(self) -> None:
        assert self.periods("2026-09-01", "2026-11-01", "2026-11-20") == ["2026-09", "2026-10"]
        assert self.periods("2026-09-01T00:00:00.000001", "2026-11-01T00:00:00.000001", "2026-11-20") == [
            "2026-10",
            "2026-11",
        ]

    def test_have_none_for_a_customer_who_came_and_went_within_a_month(self) -> None:
        assert self.periods("2026-09-02", "2026-09-30", "2026-11-20") == []

    def test_begin_with_their_first_instant_in_the_zone(self) -> None:
        assert self.periods("2026-08-15", None, "2026-08-31T21:59", zone="Europe/Berlin") == []
        assert self.periods("2026-08-15", None, "2026-08-31T22:00", zone="Europe/Berlin") == ["2026-09"]

    def test_leave_out_what_began_before_accruals_did(self) -> None:
        assert self.periods("2026-01-15", None, "2026-11-20", date(2026, 10, 1)) == ["2026-10", "2026-11"]
        assert self.periods("2026-01-15", None, "2026-11-20", date(2026, 10, 2)) == ["2026-11"]

    def test_have_none_for_a_customer_still_to_come(self) -> None:
        assert self.periods("2026-12-15", None, "2026-11-20") == []

    @given(
        instants,
        instants | st.none(),
        instants,
        st.dates(date(2020, 1, 1), date(2027, 12, 31)) | st.none(),
        st.sampled_from(["UTC", "America/Santiago", "Asia/Kolkata", "Europe/Berlin"]).map(ZoneInfo),
    )
    def test_are_every_month_that_qualifies_once_and_no_other(
        self,
        signed_up_at: datetime,
        cancelled_at: datetime | None,
        now: datetime,
        accrues_from: date | None,
        zone: ZoneInfo,
    ) -> None:
        months = recurring_months(signed_up_at, cancelled_at, zone=zone, accrues_from=accrues_from, now=now)

        every = [f"{year}-{month:02}" for year in range(2019, 2029) for month in range(1, 13)]
        qualifying = [
            (period, begins)
            for period, (begins, _) in ((period, month_bounds(period, zone)) for period in every)
            if signed_up_at <= begins <= now
            and (cancelled_at is None or begins < cancelled_at)
            and (accrues_from is None or begins >= first_instant(accrues_from, zone))
        ]
        assert [(month.period, month.first_instant) for month in months] == qualifying
