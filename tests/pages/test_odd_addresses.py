"""Addresses that nobody writes by hand: cut off, glued together, made up. A page tells what it can, and never breaks."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine, text

from pages.shared.nav import PAGES
from tests.pages.conftest import Open
from tests.world import pending

# Whatever any page reads of its address.
NAMES = (
    "at", "before", "code", "columns", "currency", "cursor", "customer", "day", "days", "edit", "ended_after", "from", "hold",
    "id", "job", "method", "minimum", "month", "of", "only", "partner", "person", "priority", "program", "q", "queued_after",
    "row", "run", "schedule", "search", "since", "skipped", "sort", "status", "step", "to", "until", "view", "what", "who",
    "why", "without",
)  # fmt: skip
ODD = {
    "a NUL": "a\x00b",
    "below zero": "-1",
    "the last id": "9" * 18,
    "beyond ids": "9" * 30,
    "the last day": "9999-12-31",
    "the first day": "0001-01-01",
    "a script": "<script>alert(1)</script>",
}
# What one page is about has to be there for the rest of its address to be read.
ABOUT = {
    "partner": ("code",),
    "payout": ("id",),
    "programs": ("program",),
    "audit": ("row", "days"),
    "imports": ("run",),
}


@pytest.mark.parametrize("page", [place.path for place in PAGES])
def test_no_address_breaks_a_page(page: str, desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        payout = pending(conn, [2500], now=now)
        code = str(conn.execute(text("SELECT code FROM partner")).scalar_one())
    there = {"code": code, "id": str(payout), "program": "affiliate", "row": "", "run": "", "days": "span"}
    broken = []
    for odd, value in ODD.items():
        asked = dict.fromkeys(NAMES, value) | {"of": f"payout {value}"}
        if open_page("ada", page, **asked).exception:
            broken.append(odd)
        if (
            page in ABOUT
            and open_page("ada", page, **(asked | {name: there[name] for name in ABOUT[page]})).exception
        ):
            broken.append(f"{odd} besides")
    assert not broken
