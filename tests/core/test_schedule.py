from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.days import day_of, first_instant
from core.schedule import (
    Custom,
    Daily,
    EveryTwoWeeks,
    Monthly,
    OnRequest,
    Schedule,
    Weekly,
    latest_slot,
    next_slot,
)

# Clocks that jump over midnight (Beirut, Santiago), by half an hour (Lord Howe), over a whole day (Apia), back
# across midnight (St John's), and those that never do.
ZONES = ["UTC", "America/New_York", "America/Santiago", "America/St_Johns", "Asia/Beirut", "Asia/Kolkata"]
ZONES += ["Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "Pacific/Kiritimati"]
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(2010, 1, 1), date(2035, 12, 31))
weekdays = st.integers(1, 7)
schedules = st.one_of(
    st.just(Daily()),
    st.builds(Weekly, weekday=weekdays),
    st.builds(EveryTwoWeeks, weekday=weekdays, anchor=days),
    st.builds(Monthly, day=st.integers(1, 31)),
    st.builds(Custom, every_days=st.integers(1, 366), anchor=days),
)
instants = st.datetimes(datetime(2010, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001

UTC_ZONE = ZoneInfo("UTC")
LONG_AGO = date(2000, 1, 1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots_of_ten_years(schedule: Schedule, zone: ZoneInfo) -> list[datetime]:
    """Every slot of 2009 to 2018, as a desk finds them that is asked for the next one after each."""
    slots, now = [], utc("2008-12-31T00:00")
    while (slot := next_slot(schedule, zone=zone, now=now)) is not None and slot < utc("2018-12-31T00:00"):
        if slot >= utc("2009-01-02T00:00"):
            slots.append(slot)
        now = slot
    return slots


class TestLatestSlot:
    @pytest.mark.parametrize(
        ("schedule", "now", "slot"),
        [
            (Daily(), "2026-11-20T00:00", "2026-11-20"),
            (Daily(), "2026-11-20T23:59:59.999999", "2026-11-20"),
            (Weekly(weekday=5), "2026-11-20T00:00", "2026-11-20"),
            (Weekly(weekday=5), "2026-11-19T23:59", "2026-11-13"),
            (Weekly(weekday=1), "2026-11-22T12:00", "2026-11-16"),
            (Weekly(weekday=7), "2026-11-22T12:00", "2026-11-22"),
            (EveryTwoWeeks(weekday=5, anchor=date(2026, 11, 2)), "2026-11-19T12:00", "2026-11-06"),
            (EveryTwoWeeks(weekday=5, anchor=date(2026, 11, 2)), "2026-11-20T12:00", "2026-11-20"),
            (Monthly(day=1), "2026-11-20T12:00", "2026-11-01"),
            (Monthly(day=31), "2026-11-29T12:00", "2026-10-31"),
            (Monthly(day=31), "2026-11-30T12:00", "2026-11-30"),
            (Monthly(day=29), "2026-03-01T12:00", "2026-02-28"),
            (Monthly(day=30), "2028-02-29T12:00", "2028-02-29"),
            (Custom(every_days=10, anchor=date(2026, 11, 1)), "2026-11-20T12:00", "2026-11-11"),
            (Custom(every_days=10, anchor=date(2026, 11, 1)), "2026-11-01T00:00", "2026-11-01"),
        ],
    )
    def test_is_the_last_scheduled_midnight_at_or_before_now(
        self, schedule: Schedule, now: str, slot: str
    ) -> None:
        assert latest_slot(schedule, zone=UTC_ZONE, since=LONG_AGO, now=utc(now)) == utc(slot)

    def test_friday_is_weekday_five(self) -> None:
        slot = latest_slot(Weekly(weekday=5), zone=UTC_ZONE, since=LONG_AGO, now=utc("2026-11-21T12:00"))

        assert slot is not None
        assert f"{slot:%A}" == "Friday"

    def test_is_none_on_request(self) -> None:
        assert latest_slot(OnRequest(), zone=UTC_ZONE, since=LONG_AGO, now=utc("2026-11-20")) is None

    def test_counts_the_day_since_but_none_before_it(self) -> None:
        now = utc("2026-11-20T12:00")

        assert latest_slot(Monthly(day=1), zone=UTC_ZONE, since=date(2026, 11, 1), now=now) == utc(
            "2026-11-01"
        )
        assert latest_slot(Monthly(day=1), zone=UTC_ZONE, since=date(2026, 11, 2), now=now) is None

    def test_has_nothing_before_its_anchor(self) -> None:
        future = date(2026, 12, 1)
        now = utc("2026-11-20T12:00")

        assert (
            latest_slot(Custom(every_days=3, anchor=future), zone=UTC_ZONE, since=LONG_AGO, now=now) is None
        )
        assert (
            latest_slot(EveryTwoWeeks(weekday=2, anchor=future), zone=UTC_ZONE, since=LONG_AGO, now=now)
            is None
        )

    def test_is_the_midnight_of_the_zone_in_summer_and_winter(self) -> None:
        berlin = ZoneInfo("Europe/Berlin")

        summer = latest_slot(Daily(), zone=berlin, since=LONG_AGO, now=utc("2026-10-25T00:30"))
        winter = latest_slot(Daily(), zone=berlin, since=LONG_AGO, now=utc("2026-10-25T23:30"))

        assert summer == utc("2026-10-24T22:00")
        assert winter == utc("2026-10-25T23:00")

    @given(schedules, zones, days, instants)
    def test_is_one_of_the_slots_and_the_next_one_is_still_to_come(
        self, schedule: Schedule, zone: ZoneInfo, since: date, now: datetime
    ) -> None:
        upcoming = next_slot(schedule, zone=zone, now=now)
        latest = latest_slot(schedule, zone=zone, since=since, now=now)

        assert upcoming is not None
        assert upcoming > now
        if latest is not None:
            assert first_instant(since, zone) <= latest <= now
            assert latest_slot(schedule, zone=zone, since=since, now=latest) == latest
            assert next_slot(schedule, zone=zone, now=latest) == upcoming
            assert latest_slot(schedule, zone=zone, since=since, now=upcoming) == upcoming


PERIODS: list[tuple[Schedule, Callable[[date], object]]] = [
    (Daily(), lambda day: day),
    (Weekly(weekday=5), lambda day: day.isocalendar()[:2]),
    (Weekly(weekday=1), lambda day: day.isocalendar()[:2]),
    (
        EveryTwoWeeks(weekday=3, anchor=date(2009, 1, 1)),
        lambda day: (day - date(2008, 12, 29)) // timedelta(days=14),
    ),
    (Monthly(day=1), lambda day: (day.year, day.month)),
    (Monthly(day=31), lambda day: (day.year, day.month)),
    (
        Custom(every_days=10, anchor=date(2009, 1, 3)),
        lambda day: (day - date(2009, 1, 3)) // timedelta(days=10),
    ),
]


class TestTenYearsOfSlots:
    @pytest.mark.parametrize("zone", ZONES)
    @pytest.mark.parametrize(("schedule", "period_of"), PERIODS, ids=lambda value: getattr(value, "kind", ""))
    def test_have_each_period_exactly_once(
        self, schedule: Schedule, period_of: Callable[[date], object], zone: str
    ) -> None:
        its_zone = ZoneInfo(zone)
        served = [period_of(day_of(slot, its_zone)) for slot in slots_of_ten_years(schedule, its_zone)]
        covered = (date(2009, 1, 4) + timedelta(days=n) for n in range(3640))
        # Samoa had no 30 December 2011: it went straight from the 29th to the 31st.
        skipped = {date(2011, 12, 30)} if zone == "Pacific/Apia" and schedule.kind == "daily" else set()
        expected = {period_of(day) for day in covered if day not in skipped}

        assert len(served) == len(set(served))
        # Ten years begin and end within a period, whose slot may lie outside.
        assert expected - set(served) <= {min(expected), max(expected)}  # type: ignore[type-var]  # of one type each

    @pytest.mark.parametrize("zone", ZONES)
    def test_are_the_same_when_looked_for_backwards(self, zone: str) -> None:
        its_zone = ZoneInfo(zone)
        forwards = slots_of_ten_years(Weekly(weekday=6), its_zone)
        backwards, now = [], forwards[-1]
        while slot := latest_slot(Weekly(weekday=6), zone=its_zone, since=date(2009, 1, 2), now=now):
            backwards.append(slot)
            now = slot - timedelta(microseconds=1)

        assert backwards[::-1] == forwards


class TestDeclaringASchedule:
    @pytest.mark.parametrize(
        "written",
        [
            {"kind": "fortnightly"},
            {"kind": "weekly"},
            {"kind": "weekly", "weekday": 0},
            {"kind": "weekly", "weekday": 8},
            {"kind": "weekly", "weekday": "5"},
            {"kind": "monthly", "day": 32},
            {"kind": "custom", "every_days": 0, "anchor": "2026-01-01"},
            {"kind": "every_two_weeks", "weekday": 5},
            {"kind": "daily", "weekday": 5},
        ],
    )
    def test_refuses_what_names_no_days(self, written: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter[Schedule](Schedule).validate_python(written)

    @given(schedules)
    def test_is_read_back_as_it_was_written(self, schedule: Schedule) -> None:
        kept = TypeAdapter[Schedule](Schedule)

        assert kept.validate_json(kept.dump_json(schedule)) == schedule
