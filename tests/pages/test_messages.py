from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text
from streamlit.testing.v1 import AppTest

from core.outbox import NOT_SET_UP
from tests.building.outbox import message_in
from tests.pages.dialogs import choose, field
from tests.world import pending

Open = Callable[..., AppTest]
HOUR = timedelta(hours=1)


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def state(desk: Engine, message_id: int) -> tuple[str, str | None]:
    with desk.connect() as conn:
        row = conn.execute(text("SELECT state, error FROM message WHERE id = :id"), {"id": message_id}).one()
        return row.state, row.error


def code_of(desk: Engine) -> str:
    with desk.connect() as conn:
        return str(conn.execute(text("SELECT code FROM partner")).scalar_one())


def told(conn: Connection, became: str, *, now: datetime) -> int:
    """A message about a payout to a partner, in this state."""
    payout_id = pending(conn, [5_000], now=now)
    partner_id = conn.execute(
        text("SELECT partner_id FROM payout WHERE id = :id"), {"id": payout_id}
    ).scalar_one()
    about = f'{{"payout_id": {payout_id}}}'
    times = {"made_at": now - HOUR, "waiting_since": now - HOUR, "next_try_at": now}
    return message_in(
        conn, became, kind="payout_paid", partner_id=partner_id, about=about, once=f"payout_paid:{payout_id}", **times
    )  # fmt: skip


@pytest.fixture
def failed(desk: Engine, now: datetime) -> int:
    with desk.begin() as conn:
        return told(conn, "failed", now=now)


def test_an_outbox_without_trouble_is_one_calm_line(open_page: Open):
    app = open_page("max", "operations")
    assert not app.exception
    assert "nothing waits and nothing failed" in words(app)
    assert {key for key in keys(app) if "message" in key} == {"test-message"}


def test_mail_that_is_not_set_up_is_said_calmly(open_page: Open, desk: Engine, now: datetime):
    with desk.begin() as conn:
        told(conn, "waiting", now=now)
        conn.execute(
            text("INSERT INTO heartbeat (job, beat_at, note) VALUES ('notify', now(), :note)"),
            {"note": NOT_SET_UP},
        )
    shown = words(open_page("max", "operations"))
    assert "Mail is not set up" in shown
    assert "1 waiting, the oldest 1 h" in shown
    assert "Needs a person" not in shown


def test_a_failed_message_shows_why_and_is_sent_again_by_one_click(
    open_page: Open, desk: Engine, failed: int
):
    app = open_page("max", "operations")
    assert "550 unknown" in words(app)
    assert "Ana Silva" in words(app)
    app.button(key=f"message-again-{failed}").click().run()
    assert not app.exception
    assert "The message waits again." in words(app)
    assert state(desk, failed) == ("waiting", None)


def test_an_unclear_one_is_dropped_with_a_reason(open_page: Open, desk: Engine, now: datetime):
    with desk.begin() as conn:
        unclear = told(conn, "unclear", now=now)
    app = open_page("max", "operations")
    app.button(key=f"drop-message-{unclear}").click().run()
    field(app.text_input, "two-people-reason").input("told by phone")
    app.button(key="why-done").click().run()
    assert state(desk, unclear) == ("dropped", "told by phone")


def test_a_viewer_sees_it_without_the_name_and_decides_nothing(open_page: Open, failed: int):
    app = open_page("vera", "operations")
    assert "550 unknown" in words(app)
    assert "Ana Silva" not in words(app)
    assert not {key for key in keys(app) if f"-{failed}" in key and "message" in key}


def test_the_partners_page_shows_what_was_told(open_page: Open, desk: Engine, now: datetime):
    with desk.begin() as conn:
        told(conn, "sent", now=now)
    app = open_page("max", "partner", code=code_of(desk))
    assert not app.exception
    (table,) = [table.value for table in app.table if "About" in table.value.columns]
    assert list(table["What"]) == ["Payout paid"]
    assert "Sent" in table["State"].iloc[0]


@pytest.mark.parametrize(
    ("name", "provider", "offered"),
    [("max", "stripe", True), ("ben", "stripe", False), ("max", "simulator", False)],
)
def test_a_link_is_offered_to_whoever_may_ask_where_there_are_accounts(  # noqa: PLR0917 - fixtures
    open_page: Open,
    desk: Engine,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    provider: str,
    offered: bool,  # noqa: FBT001 - a case
):
    monkeypatch.setenv("PAYDESK_PROVIDER", provider)
    monkeypatch.setenv("STRIPE_ACCOUNT_ID", "acct_platform")
    monkeypatch.setenv("PAYDESK_PUBLIC_URL", "https://example.com/partners")
    with desk.begin() as conn:
        pending(conn, [5_000], now=now)
    app = open_page(name, "partner", code=code_of(desk))
    choose(app, "Mail an onboarding link")
    assert not app.exception
    assert ("onboarding" in keys(app)) == offered
    if offered:
        app.button(key="onboarding").click().run()
        assert "A link is asked for." in words(app)
    with desk.connect() as conn:
        made = [tuple(row) for row in conn.execute(text("SELECT kind, state FROM message"))]
    assert made == ([("onboarding_link", "waiting")] if offered else [])
