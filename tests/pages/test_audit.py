from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from streamlit.testing.v1 import AppTest

from core import audit
from core.access import Actor
from core.reads.audit import AuditFilter, audit_trail
from pages.shared.audit_rows import details, row_link
from tests.world import HOST, PEOPLE, pending

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join(said).replace("\\", "")


def cells(app: AppTest) -> str:
    return app.table[0].value.to_string().replace("\\", "") if app.table else ""


def payee_of(conn: Connection, payout_id: int) -> int:
    return int(
        conn.execute(text("SELECT partner_id FROM payout WHERE id = :id"), {"id": payout_id}).scalar_one()
    )


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
        assert "[12](/payout?id=12), [13](/payout?id=13)" in cells(app)
        assert "reason: looked at" in cells(app)

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

    def test_the_days_of_a_span_are_both_in_it(self, open_page: Open, now: datetime) -> None:
        held, today = (now - timedelta(days=40)).date().isoformat(), now.date().isoformat()
        shown = cells(open_page("vera", "audit", **{"days": "span", "from": held, "to": held}))
        assert "Hold: placed" in shown
        assert "Payout: approved" not in shown
        shown = cells(open_page("vera", "audit", **{"days": "span", "from": held, "to": today}))
        assert "Hold: placed" in shown
        assert "User: added" in shown

    def test_every_row_opens_and_leads_to_who_and_what(self, desk: Engine, open_page: Open) -> None:
        with desk.connect() as conn:
            rows = audit_trail(conn, AuditFilter(), masked=True)
        found = open_page("vera", "audit").table[0].value
        assert (
            row_link(7) == "[7](/audit?row=7)"
        )  # the column of it is aligned right, so its texts stand elsewhere
        assert all("](/" in who for who in found["Who"] if "system" not in who)
        assert all("](/" in of for of in found["Of"])
        seq = int(rows["seq"][rows["action"] == "payout.approved"].iloc[0])
        app = open_page("vera", "audit", row=str(seq))
        assert not app.exception
        shown = "".join(table.proto.SerializeToString().decode(errors="ignore") for table in app.table)
        assert "[12](/payout?id=12), [13](/payout?id=13)" in shown
        assert "looked at" in shown
        assert str(rows["hash"][rows["seq"] == seq].iloc[0]) in shown

    def test_a_partner_is_called_by_its_code_and_what_has_no_page_leads_to_all_its_acts(
        self, desk: Engine, open_page: Open, now: datetime
    ) -> None:
        with desk.begin() as conn:
            partner = payee_of(conn, pending(conn, [2500], now=now))
            for subject, one in (("partner", partner), ("job_pause", 7)):
                audit.record(conn, "looked.at", subject=subject, ids=[one], actor=HOST, now=now)
            code = conn.execute(text("SELECT code FROM partner WHERE id = :id"), {"id": partner}).scalar_one()
        shown = cells(open_page("vera", "audit"))
        assert f"(/partner?code={code})" in shown
        assert "[7](/audit?of=job_pause+7)" in shown

    def test_a_row_that_was_changed_breaks_the_chain_on_the_page(
        self, database: str, open_page: Open
    ) -> None:
        with psycopg.connect(database) as owner:  # the app's own role could not
            owner.execute("SET LOCAL session_replication_role = replica")
            owner.execute("UPDATE audit SET actor = 'user:eve' WHERE seq = (SELECT max(seq) FROM audit)")
        assert "The chain is broken" in words(open_page("vera", "audit"))

    def test_what_nobody_did_says_so(self, open_page: Open) -> None:
        assert "Nothing matches" in words(open_page("vera", "audit", of="payout 999"))


def test_what_a_row_says_besides_is_in_words_money_and_the_time_of_the_page():
    berlin, now = ZoneInfo("Europe/Berlin"), datetime(2026, 11, 21, 12, tzinfo=UTC)
    given = {
        "kind": "change_terms",
        "amounts": {"EUR": 23625, "USD": -400},
        "amount_minor": 21500,
        "currency": "USD",
        "early": True,
        "retry_at": "2026-11-21 17:00:28.012228+00:00",
        "waiting": [7, 8],
        "made_by": "user:mia",
        "digest": "563876228278b6a2",
        "earning_id": 5299,
        "ids": [54],
        "reason": "Best of the month: half_price",
    }
    assert details(given, berlin, now) == (
        "kind: change terms · amounts: €236.25 and −$4.00 · amount: $215.00 · early: yes · retry at: 21 Nov 18:00"
        " · waiting: 7, 8 · made by: mia · reason: Best of the mo…"
    )
    odd = {"amount_minor": 21500, "codes": {"ABC": "paid"}, "reason": "on 2026-11-21", "currency": "JPY"}
    assert details(odd, berlin, now) == "amount: ¥21,500 · codes: ABC paid · reason: on 2026-11-21"
    assert details({"currency": "USD", "method": "check"}, berlin, now) == "currency: USD · method: check"
