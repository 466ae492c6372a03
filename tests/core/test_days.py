from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.days import BadPeriod, day_of, first_instant, month_bounds, month_closed, month_of, next_month

ZONES = ["UTC", "America/Havana", "America/Santiago", "America/St_Johns", "Asia/Beirut", "Asia/Pyongyang"]
ZONES += ["Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia"]
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(1995, 1, 1), date(2035, 12, 31))
instants = st.datetimes(datetime(1995, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestFirstInstant:
    @pytest.mark.parametrize(
        ("day", "zone", "instant"),
        [
            ("2026-10-01", "UTC", "2026-10-01T00:00"),
            ("2026-07-01", "Europe/Berlin", "2026-06-30T22:00"),
            ("2026-12-01", "Europe/Berlin", "2026-11-30T23:00"),
            (
                "2026-09-06",
                "America/Santiago",
                "2026-09-06T04:00",
            ),  # midnight is jumped over: 01:00 comes first
            ("2026-11-01", "America/Havana", "2026-11-01T04:00"),  # midnight comes twice: the first counts
            ("2018-05-05", "Asia/Pyongyang", "2018-05-04T15:00"),  # 23:30 jumps to midnight itself
            ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00"),  # a day left out begins with the next
            ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00"),
            (
                "1919-03-31",
                "America/Toronto",
                "1919-03-31T04:30",
            ),  # 23:30 jumped to 00:30, the first there is
        ],
    )
    def test_is_midnight_or_the_first_instant_after_a_jump(self, day: str, zone: str, instant: str) -> None:
        assert first_instant(date.fromisoformat(day), ZoneInfo(zone)) == utc(instant)

    @given(days, zones)
    def test_comes_just_after_the_day_before(self, day: date, zone: ZoneInfo) -> None:
        begins = first_instant(day, zone)

        assert begins.utcoffset() == timedelta(0)
        assert begins.astimezone(zone).date() >= day
        assert (begins - timedelta(microseconds=1)).astimezone(zone).date() < day


class TestDayOf:
    @given(instants, zones)
    def test_puts_every_instant_in_the_one_day_that_has_begun_and_not_ended(
        self, instant: datetime, zone: ZoneInfo
    ) -> None:
        day = day_of(instant, zone)

        assert first_instant(day, zone) <= instant < first_instant(day + timedelta(days=1), zone)

    def test_stays_in_the_new_day_when_the_clocks_go_back_across_midnight(self) -> None:
        st_johns = ZoneInfo("America/St_Johns")

        # At 00:01 on 7 November 2010 the clocks went back to 23:01 of the sixth.
        assert day_of(utc("2010-11-07T02:30"), st_johns) == date(2010, 11, 7)
        assert day_of(utc("2010-11-07T02:45"), st_johns) == date(2010, 11, 7)
        assert day_of(utc("2010-11-07T02:29:59"), st_johns) == date(2010, 11, 6)


class TestMonths:
    @pytest.mark.parametrize(
        ("instant", "zone", "period"),
        [
            ("2026-10-31T23:59:59.999999", "UTC", "2026-10"),
            ("2026-11-01T00:00", "UTC", "2026-11"),
            ("2026-10-31T23:00", "Europe/Berlin", "2026-11"),
            ("2026-11-01T03:59", "America/New_York", "2026-10"),
        ],
    )
    def test_an_instant_is_in_the_month_of_the_zone(self, instant: str, zone: str, period: str) -> None:
        assert month_of(utc(instant), ZoneInfo(zone)) == period

    def test_bounds_are_the_first_instants_of_the_month_and_the_next(self) -> None:
        assert month_bounds("2026-12", ZoneInfo("UTC")) == (utc("2026-12-01"), utc("2027-01-01"))
        assert month_bounds("2026-10", ZoneInfo("Europe/Berlin")) == (
            utc("2026-09-30T22:00"),
            utc("2026-10-31T23:00"),
        )

    @given(instants, zones)
    def test_every_instant_is_inside_the_bounds_of_its_month(self, instant: datetime, zone: ZoneInfo) -> None:
        begins, ends = month_bounds(month_of(instant, zone), zone)

        assert begins <= instant < ends

    def test_is_closed_from_the_first_instant_of_the_next(self) -> None:
        berlin = ZoneInfo("Europe/Berlin")

        assert not month_closed("2026-10", berlin, now=utc("2026-10-31T22:59:59.999999"))
        assert month_closed("2026-10", berlin, now=utc("2026-10-31T23:00"))

    @pytest.mark.parametrize(
        "period", ["", "2026", "2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "0000-01"]
    )
    def test_refuses_what_is_no_month(self, period: str) -> None:
        with pytest.raises(BadPeriod, match="is not a month: write it like 2026-10"):
            month_bounds(period, ZoneInfo("UTC"))

    @given(days)
    def test_the_next_month_begins_after_this_one(self, day: date) -> None:
        following = next_month(day)

        assert following.day == 1
        assert (following - timedelta(days=1)).month == day.month
        assert (following - timedelta(days=1)).year == day.year
