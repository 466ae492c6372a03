"""On the partner page, money that waits for its release day and money that a hold blocks are told apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.holds import place_hold
from tests.desk import MIA, Desk

Open = Callable[..., AppTest]
DAY = timedelta(days=1)


@pytest.fixture
def life(desk: Engine, tmp_path: Path) -> Desk:
    return Desk(desk, tmp_path)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("waiting", "until its release day, next in "),
        ("blocked", "blocked by a hold"),
        ("none", "nothing waits for its release day"),
    ],
)
def test_held_says_whether_it_waits_for_its_day_or_is_blocked(
    life: Desk, open_page: Open, now: datetime, state: str, said: str
) -> None:
    life.partner("CR-1", program="creator", now=now - 9 * DAY)
    if state != "none":
        life.sale("CR-1", "50.00", ref="s1", program="creator", kind="booking", at=now - DAY, now=now - DAY)
    if state == "blocked":
        with life.engine.connect() as conn:
            earning, partner = conn.execute(text("SELECT id, partner_id FROM earning")).one()
        life.decide(
            partial(place_hold, partner_id=partner, earning_id=earning, reason="manual", actor=MIA, now=now)
        )

    app = open_page("ada", "partner", code="CR-1")

    assert not app.exception
    held = next(one for one in app.metric if one.label == "Held")
    assert held.value == ("€0.00" if state == "none" else "€45.00")
    assert said in held.proto.delta_description
