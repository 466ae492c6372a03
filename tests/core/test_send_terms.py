"""When payouts may leave: the edges of hours, midnight, the days on which the clocks change, and what is no term."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from core.send_terms import Hours, Sending

BERLIN, NEW_YORK, KATHMANDU = (
    ZoneInfo("Europe/Berlin"),
    ZoneInfo("America/New_York"),
    ZoneInfo("Asia/Kathmandu"),
)
WORKDAYS = (1, 2, 3, 4, 5)
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
MICROSECOND = timedelta(microseconds=1)


def hours(begins: str, ends: str, weekdays: tuple[int, ...] = EVERY_DAY) -> Hours:
    return Hours(weekdays=weekdays, begins=time.fromisoformat(begins), ends=time.fromisoformat(ends))


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


class TestHours:
    # 2026-11-20 is a Friday; New York is five hours behind.
    @pytest.mark.parametrize(
        ("at", "is_open"),
        [
            (utc("2026-11-20 14:00") - MICROSECOND, False),
            (utc("2026-11-20 14:00"), True),
            (utc("2026-11-20 22:00") - MICROSECOND, True),
            (utc("2026-11-20 22:00"), False),
            (utc("2026-11-21 15:00"), False),  # a Saturday
            (utc("2026-11-23 15:00"), True),
        ],
    )
    def test_begin_with_their_first_instant_and_end_before_their_last(
        self, at: datetime, *, is_open: bool
    ) -> None:
        office = Sending(only=(hours("09:00", "17:00", WORKDAYS),))
        assert office.is_open(at, NEW_YORK) is is_open
        assert Sending(never=office.only).is_open(at, NEW_YORK) is not is_open

    @pytest.mark.parametrize(
        ("at", "is_open"),
        [
            ("2026-11-20 21:59", False),
            ("2026-11-20 22:00", True),
            ("2026-11-21 00:00", True),
            ("2026-11-21 05:59", True),  # Saturday morning belongs to Friday's night
            ("2026-11-21 06:00", False),
            ("2026-11-21 23:00", False),
            ("2026-11-20 05:59", False),  # Friday morning belongs to Thursday's
        ],
    )
    def test_that_end_before_they_begin_run_past_midnight_from_the_weekday_they_begin_on(
        self, at: str, *, is_open: bool
    ) -> None:
        night = Sending(only=(hours("22:00", "06:00", (5,)),))
        assert night.is_open(utc(at), ZoneInfo("UTC")) is is_open

    def test_until_midnight_end_with_the_day_and_midnight_to_midnight_is_the_whole_of_it(self) -> None:
        late = Sending(only=(hours("18:00", "00:00", (5,)),))
        assert late.is_open(utc("2026-11-20 23:59"), ZoneInfo("UTC"))
        assert not late.is_open(utc("2026-11-21 00:00"), ZoneInfo("UTC"))
        weekend = Sending(never=(hours("00:00", "00:00", (6, 7)),))
        assert weekend.opens_at(utc("2026-11-21 00:00"), NEW_YORK) == utc(
            "2026-11-21 00:00"
        )  # Friday evening
        assert weekend.opens_at(utc("2026-11-21 05:00"), NEW_YORK) == utc("2026-11-23 05:00")

    def test_peak_hours_are_kept_free_within_the_others(self) -> None:
        both = Sending(only=(hours("08:00", "18:00"),), never=(hours("12:00", "13:30"),))
        assert both.is_open(utc("2026-11-20 11:59"), ZoneInfo("UTC"))
        assert both.opens_at(utc("2026-11-20 12:00"), ZoneInfo("UTC")) == utc("2026-11-20 13:30")
        assert both.opens_at(utc("2026-11-20 18:00"), ZoneInfo("UTC")) == utc("2026-11-21 08:00")

    def test_are_the_ones_of_the_programs_clock(self) -> None:
        office = Sending(only=(hours("09:00", "17:00"),))
        assert office.opens_at(utc("2026-11-20 00:00"), KATHMANDU) == utc("2026-11-20 03:15")
        assert office.opens_at(utc("2026-11-20 00:00"), BERLIN) == utc("2026-11-20 08:00")


class TestTheClocksChange:
    def test_hours_keep_to_the_clock_on_the_wall_before_and_after(self) -> None:
        office = Sending(only=(hours("09:00", "17:00"),))
        # Berlin: summer until 2026-10-25, then winter; New York's clocks go on at 2027-03-14.
        assert office.opens_at(utc("2026-10-24 16:00"), BERLIN) == utc("2026-10-25 08:00")
        assert office.opens_at(utc("2026-10-23 16:00"), BERLIN) == utc("2026-10-24 07:00")
        assert office.opens_at(utc("2027-03-13 23:00"), NEW_YORK) == utc("2027-03-14 13:00")

    def test_an_hour_that_is_left_out_is_waited_for_until_its_next_day(self) -> None:
        # 02:00 to 03:00 of 2027-03-28 is not there in Berlin.
        gone = Sending(only=(hours("02:00", "03:00", (7,)),))
        assert gone.opens_at(utc("2027-03-27 12:00"), BERLIN) == utc("2027-04-04 00:00")

    def test_hours_that_begin_within_what_is_left_out_begin_with_what_follows(self) -> None:
        early = Sending(only=(hours("02:30", "05:00"),))
        assert early.opens_at(utc("2027-03-28 00:00"), BERLIN) == utc("2027-03-28 01:00")  # 03:00 in summer

    def test_an_hour_that_comes_twice_is_open_twice(self) -> None:
        twice = Sending(only=(hours("02:00", "03:00"),))
        for at in ("2026-10-25 00:00", "2026-10-25 00:59", "2026-10-25 01:00", "2026-10-25 01:59"):
            assert twice.is_open(utc(at), BERLIN)
        assert not twice.is_open(utc("2026-10-25 02:00"), BERLIN)
        assert not twice.is_open(utc("2026-10-24 23:59"), BERLIN)

    @pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, KATHMANDU, ZoneInfo("Australia/Lord_Howe")])
    def test_what_opens_is_open_then_and_shut_right_before(self, zone: ZoneInfo) -> None:
        sending = Sending(
            only=(hours("06:15", "09:45", WORKDAYS), hours("22:30", "01:00")),
            never=(hours("07:00", "07:30"),),
        )
        at = utc("2026-10-01 00:07")
        while at < utc("2027-05-01 00:00"):
            opens = sending.opens_at(at, zone)
            assert opens >= at
            assert sending.is_open(opens, zone)
            assert opens == at or not sending.is_open(opens - MICROSECOND, zone)
            at += timedelta(hours=5, minutes=23)


class TestWhatIsNoTerm:
    @pytest.mark.parametrize(
        ("terms", "why"),
        [
            ({"delay": -1}, "greater than or equal"),
            ({"delay": "P8D"}, "less than or equal"),
            ({"only": [{"weekdays": [], "begins": "09:00", "ends": "17:00"}]}, "at least 1"),
            ({"only": [{"weekdays": [0], "begins": "09:00", "ends": "17:00"}]}, "greater than or equal to 1"),
            ({"only": [{"weekdays": [8], "begins": "09:00", "ends": "17:00"}]}, "less than or equal to 7"),
            ({"only": [{"weekdays": [1, 1], "begins": "09:00", "ends": "17:00"}]}, "each weekday once"),
            ({"only": [{"weekdays": [1], "begins": "09:10", "ends": "17:00"}]}, "quarters"),
            ({"only": [{"weekdays": [1], "begins": "09:00Z", "ends": "17:00"}]}, "quarters"),
            (
                {"never": [{"weekdays": list(EVERY_DAY), "begins": "00:00", "ends": "00:00"}]},
                "no hour of the week",
            ),
            (
                {
                    "only": [{"weekdays": [1], "begins": "09:00", "ends": "17:00"}],
                    "never": [{"weekdays": [1], "begins": "08:00", "ends": "17:00"}],
                },
                "no hour of the week",
            ),
            ({"sometimes": True}, "not permitted"),
        ],
    )
    def test_is_refused_and_says_why(self, terms: dict[str, Any], why: str) -> None:
        with pytest.raises(ValidationError, match=why):
            Sending.model_validate(terms)

    def test_one_quarter_of_the_week_is_enough(self) -> None:
        rare = Sending(only=(hours("23:45", "00:00", (7,)),))
        assert rare.opens_at(utc("2026-11-23 00:00"), ZoneInfo("UTC")) == utc("2026-11-29 23:45")

    def test_without_terms_everything_leaves_at_once(self) -> None:
        assert Sending() == Sending(delay=timedelta(0), only=(), never=(), urgent_passes=False)
        assert not Sending().has_hours
        assert Sending().opens_at(utc("2026-11-21 03:07"), BERLIN) == utc("2026-11-21 03:07")

    def test_terms_are_the_same_once_written_and_read(self) -> None:
        sending = Sending(
            delay=timedelta(days=1, hours=2), only=(hours("22:00", "06:00", (5, 1)),), urgent_passes=True
        )
        assert Sending.model_validate(sending.model_dump(mode="json")) == sending
