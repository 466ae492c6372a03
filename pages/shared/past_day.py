"""The past day, or instant, that a page looks at: in the address, in words, and in the field that asks for it.

A day alone is the end of that day, which is what a person means by what stood on it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import streamlit as st

from core.days import first_instant
from pages.shared import address
from pages.shared import format as fmt

KEY, FAULT_KEY = "as-of-at", "as-of-fault"
DAYS_OFFERED, MONTHS_OFFERED = 14, 24
READERS: tuple[Callable[[str], date], ...] = (
    date.fromisoformat,
    datetime.fromisoformat,
    lambda text: datetime.strptime(text, "%d %b %Y").date(),  # noqa: DTZ007 - a day has no zone
    lambda text: datetime.strptime(text, "%a %d %b %Y").date(),  # noqa: DTZ007
)
LAST = timedelta(microseconds=1)  # before the next day's first instant


class Chosen(NamedTuple):
    """An instant; where a whole day was chosen, that day, at whose end the instant is."""

    at: datetime
    day: date | None

    @property
    def written(self) -> str:
        """As it stands in the field and may be typed again."""
        return f"{self.day or self.at.replace(tzinfo=None).isoformat(' ', 'minutes')}"


def chosen(given: str, now: datetime, zone: ZoneInfo) -> Chosen:
    """The end of the day that is given, or the very instant; the end of yesterday without one, never an instant to come."""
    today = now.astimezone(zone).date()
    asked = told(given) or today - timedelta(days=1)
    try:
        if not isinstance(asked, datetime):
            end = first_instant(asked + timedelta(days=1), zone) - LAST if asked < today else now
            return Chosen(end.astimezone(zone), asked if asked < today else None)
        at = asked if asked.tzinfo else asked.replace(tzinfo=zone)
        return Chosen(min(at, now).astimezone(zone), None)
    except OverflowError:
        return chosen("", now, zone)


def told(given: str) -> date | None:
    """A day like 2026-10-31 or 31 Oct 2026, or an instant like 2026-10-31 14:30; None for anything else."""
    text = given.strip().removeprefix("End of ")
    for read in READERS:
        with suppress(ValueError):
            return read(text)
    return None


def in_words(chosen: Chosen, zone: ZoneInfo) -> str:
    """The instant as it stands behind `As it stood`."""
    if chosen.day is None:
        return f"on {fmt.as_of(chosen.at, zone)}"
    return f"at the end of {_long(chosen.day)}, {chosen.at:%Z}, the whole day included"


def _long(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"


def field(chosen: Chosen, today: date) -> None:
    """Draw the field, and at its left the way to the end of last month."""
    month_end = today.replace(day=1) - timedelta(days=1)
    st.button(
        "End of last month",
        icon=":material/event_available:",
        type="tertiary",
        key="as-of-month",
        on_click=lambda: address.put(at=month_end.isoformat()),
    )
    # Nothing typed here stays without its figures: a date field keeps what is typed until the focus is two fields on.
    st.session_state[KEY] = chosen.written
    st.selectbox(
        "Day, or day and time",
        _offered(today, month_end, chosen.written),
        format_func=_named,
        accept_new_options=True,
        key=KEY,
        label_visibility="collapsed",
        help="Choose a day, or type any: 2026-10-31 is the end of that day, 2026-10-31 14:30 that minute",
        width=190,
        on_change=_go,
    )


def _offered(today: date, month_end: date, chosen: str) -> list[str]:
    """The last days and the ends of the last months, the latest first, and what is chosen."""
    days = {today - timedelta(days=n) for n in range(1, DAYS_OFFERED + 1)}
    for _ in range(MONTHS_OFFERED):
        days.add(month_end)
        month_end = month_end.replace(day=1) - timedelta(days=1)
    return sorted({chosen, *(day.isoformat() for day in days)}, reverse=True)


def _named(written: str) -> str:
    asked = told(written)
    return written if asked is None or isinstance(asked, datetime) else f"End of {_long(asked)}"


def _go() -> None:
    written = str(st.session_state[KEY] or "")
    asked = told(written)
    if asked is None:
        st.session_state[FAULT_KEY] = written
    else:
        address.put(at=asked.isoformat())


def fault() -> str:
    """What was typed last and is no day, as a sentence; told once."""
    written = st.session_state.pop(FAULT_KEY, "")
    return f"{fmt.plain(written)} is no day: write it like 2026-10-31." if written else ""
