"""When approved payouts leave, in words."""

from __future__ import annotations

from datetime import time, timedelta

from core.send_terms import Hours, Sending

SHORT = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WHOLE_WEEK = len(SHORT)


def sending_words(sending: Sending) -> str:
    """Write when payouts leave: 2 h after the approval, Mon–Fri 09:00–17:00, never daily 12:00–13:00."""
    parts = [f"{delay_words(sending.delay)} after the approval" if sending.delay else "once approved"]
    parts += [hours_words(hours) for hours in sending.only]
    parts += [f"never {hours_words(hours)}" for hours in sending.never]
    if sending.has_hours and sending.urgent_passes:
        parts.append("urgent ones at any hour")
    return ", ".join(parts)


def hours_words(hours: Hours) -> str:
    """Write hours of weekdays: Mon–Fri 09:00–17:00, Sat, Sun all day, daily 22:00–06:00."""
    days = weekday_words(hours.weekdays)
    if hours.begins == hours.ends == time():
        return f"{days} all day"
    return f"{days} {hours.begins:%H:%M}–{hours.ends:%H:%M}"


def weekday_words(weekdays: tuple[int, ...]) -> str:
    """Write ISO weekdays, neighbours as a span: Mon–Wed, Fri."""
    if len(weekdays) == WHOLE_WEEK:
        return "daily"
    spans: list[list[int]] = []
    for weekday in sorted(weekdays):
        if spans and weekday == spans[-1][-1] + 1:
            spans[-1].append(weekday)
        else:
            spans.append([weekday])
    return ", ".join(
        f"{SHORT[span[0] - 1]}–{SHORT[span[-1] - 1]}"
        if len(span) > 2  # noqa: PLR2004 - two days are named both
        else ", ".join(SHORT[weekday - 1] for weekday in span)
        for span in spans
    )


def delay_words(delay: timedelta) -> str:
    """Write a length of time exactly: 1 d 2 h, 30 min."""
    minutes, seconds = divmod(round(delay.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 min"
