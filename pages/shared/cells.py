"""Cells of a frame as people read them in a table."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pandas as pd

from pages.shared import format as fmt
from pages.shared import tables
from pages.shared.lines import card_text


def instant(value: object) -> datetime | None:
    """An instant of a frame; None when there is none."""
    return value if isinstance(value, datetime) and not pd.isna(value) else None


def number(value: object) -> int:
    """A whole number of a frame; nothing counts as none."""
    return int(card_text(value) or 0)


def amount(value: object, currency: str, *, sign: bool = False) -> str:
    """An amount of a frame, minor units of the currency, as text."""
    return fmt.money(int(str(value)) if card_text(value) else None, currency, sign=sign)


def linked(text: str, address: str | None) -> str:
    """A text that leads to its page elsewhere; where there is none it is the text alone."""
    return fmt.plain(text) if address is None else f"[{fmt.plain(text)} :material/open_in_new:]({address})"


def linked_to(page: str, text: str, **query: str) -> str:
    """A text that leads to another page of the desk."""
    return f"[{fmt.plain(text)}](/{page}?{urlencode(query)})"


def day(when: datetime | None, zone: ZoneInfo, now: datetime) -> str:
    """A day that stays on one line; `no date` when there is none."""
    if when is None:
        return "no date"
    return fmt.day(when.astimezone(zone).date(), now.astimezone(zone).date()).replace(" ", tables.NBSP)
