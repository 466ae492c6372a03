from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from core import audit
from core.access import Actor
from tests.world import PEOPLE

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join(said).replace("\\", "")


def cells(app: AppTest) -> str:
    return app.table[0].value.to_string().replace("\\", "") if app.table else ""


@pytest.fixture
def trail(desk: Engine, now: datetime) -> None:
    """An approval by ada an hour ago, and a hold by max forty days ago."""
    for name, action, subject, ids, at in (
        ("max", "hold.placed", "partner", [7], now - timedelta(days=40)),
        ("ada", "payout.approved", "payout", [12, 13], now - timedelta(hours=1)),
    ):
        actor = Actor(name=f"user:{name}", channel="page", roles=frozenset(PEOPLE[name][1]))
        with desk.begin() as conn:
            audit.record(
                conn, action, subject=subject, ids=ids, actor=actor, now=at, details={"reason": "looked at"}
            )


@pytest.mark.usefixtures("trail")
class TestAudit:
    def test_every_act_is_listed_and_the_chain_is_proven_on_the_page(self, open_page: Open) -> None:
        app = open_page("vera", "audit")

        assert not app.exception
        assert "Every one of" in words(app)
        assert "Payout: approved" in cells(app)
        assert "[12](payout?id=12), [13](payout?id=13)" in cells(app)
        assert "reason looked at" in cells(app)

    @pytest.mark.parametrize(
        ("query", "there", "gone"),
        [
            ({"who": "user:ada"}, "Payout: approved", "Hold: placed"),
            ({"what": "hold.placed"}, "Hold: placed", "Payout: approved"),
            ({"days": "7"}, "Payout: approved", "Hold: placed"),
            ({"of": "payout 13"}, "Payout: approved", "Hold: placed"),
        ],
    )
    def test_it_is_looked_through_by_who_what_when_and_which(
        self, open_page: Open, query: dict[str, str], there: str, gone: str
    ) -> None:
        shown = cells(open_page("vera", "audit", **query))
        assert there in shown
        assert gone not in shown

    def test_a_row_that_was_changed_breaks_the_chain_on_the_page(
        self, database: str, open_page: Open
    ) -> None:
        with psycopg.connect(database) as owner:  # the app's own role could not
            owner.execute("SET LOCAL session_replication_role = replica")
            owner.execute("UPDATE audit SET actor = 'user:eve' WHERE seq = (SELECT max(seq) FROM audit)")
        assert "The chain is broken" in words(open_page("vera", "audit"))

    def test_what_nobody_did_says_so(self, open_page: Open) -> None:
        assert "Nothing matches" in words(open_page("vera", "audit", of="payout 999"))
