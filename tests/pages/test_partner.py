from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from pages.shared.partner_actions import HOLD, LIFT, MENU, REQUEST
from tests import builders
from tests.builders import Balance, balance
from tests.pages.dialogs import choose, field
from tests.world import pending

Open = Callable[..., AppTest]


class Partner:
    """A partner of the affiliate program with €0 held at first, and what a test asks of it."""

    def __init__(self, engine: Engine, partner_id: int, code: str) -> None:
        self.engine, self.id, self.code = engine, partner_id, code

    @property
    def balance(self) -> Balance:
        with self.engine.connect() as conn:
            return balance(conn, self.id)

    def holds(self) -> list[tuple[str, bool, str | None]]:
        with self.engine.connect() as conn:
            found = conn.execute(
                text(
                    "SELECT reason, closed_at IS NULL, close_note FROM hold WHERE partner_id = :id ORDER BY id"
                ),
                {"id": self.id},
            )
            return [(row[0], row[1], row[2]) for row in found]


@pytest.fixture
def partner(desk: Engine, now: datetime) -> Partner:
    """$120.00 available in two earnings, $30.00 held for three days."""
    with desk.begin() as conn:
        program = conn.execute(text("SELECT id FROM program WHERE code = 'affiliate'")).scalar_one()
        partner_id = builders.partner(conn, program, "AF-1", name="Mara Lindqvist", released_to=now)
        for minor in (8_000, 4_000):
            builders.earning(
                conn,
                partner_id,
                minor,
                occurred_at=now - timedelta(days=9),
                release_at=now - timedelta(days=2),
            )
        builders.earning(conn, partner_id, 3_000, is_held=True, release_at=now + timedelta(days=3, hours=1))
    return Partner(desk, partner_id, "AF-1")


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def cells(app: AppTest) -> str:
    return "\n".join(table.value.to_string() for table in app.table)


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.warning]
    return "\n".join(one.value for one in shown)


@contextmanager
def chosen(app: AppTest, action: str) -> Iterator[AppTest]:
    yield choose(app, action)


def test_what_was_chosen_for_one_partner_opens_no_dialog_about_the_next(
    desk: Engine, open_page: Open, partner: Partner
):
    del partner
    with desk.begin() as conn:
        program = conn.execute(text("SELECT id FROM program LIMIT 1")).scalar_one()
        builders.partner(conn, program, "AF-2", name="Somebody else")
    app = open_page("max", "partner", code="AF-1")
    app.query_params["code"] = "AF-2"  # as Back does while the page of the one before still stands
    app.menu_button(key=MENU).click(HOLD).run()
    assert not app.exception
    assert "Somebody else" in words(app)
    assert "partner-hold" not in {one.key for one in app.button}

    app.menu_button(key=MENU).click(HOLD).run()
    assert "partner-hold" in {one.key for one in app.button}


@pytest.mark.usefixtures("partner")
def test_a_partner_shows_what_is_available_held_reserved_and_paid(open_page: Open):
    app = open_page("ada", "partner", code="AF-1")

    assert not app.exception
    assert figures(app) == {"Available": "$120.00", "Held": "$30.00", "Reserved": "$0.00", "Paid": "$0.00"}
    assert "in 3 d" in cells(app)
    assert "Mara Lindqvist" in words(app)


@pytest.mark.parametrize(("figure", "rows"), [("available", 2), ("held", 1), ("all", 3)])
@pytest.mark.usefixtures("partner")
def test_each_figure_has_its_earnings_behind_it(open_page: Open, figure: str, rows: int):
    app = open_page("ada", "partner", code="AF-1", show=figure)

    (table,) = [table.value for table in app.table if "Source" in table.value.columns]
    assert len(table) == rows


@pytest.mark.usefixtures("partner")
def test_what_comes_next_is_told_with_its_fee_and_the_policy_that_says_so(open_page: Open):
    app = open_page("ada", "partner", code="AF-1")

    assert "**$120.00** with a fee of $0.25 could be requested now" in words(app)
    assert "by version 1 of the policy" in words(app)


def test_what_keeps_the_money_is_told_with_what_is_short_and_the_day_it_clears(
    partner: Partner, open_page: Open, now: datetime
):
    with partner.engine.begin() as conn:
        builders.own_terms(conn, partner.id, {"min_payout_minor": 15_000})
        builders.hold(conn, partner.id, "dispute", until=now + timedelta(days=5, hours=1))

    app = open_page("ada", "partner", code="AF-1")

    assert "Nothing would be paid now" in words(app)
    (table,) = [table.value for table in app.table if "What keeps it" in table.value.columns]
    kept = [list(row) for row in table.itertuples(index=False)]
    assert [("in 5 d" in row[2], "in 3 d" in row[2]) for row in kept] == [(True, False), (False, True)]
    assert "Below the minimum by" in kept[1][0]


def test_corrections_stand_apart_and_every_movement_leads_to_why(
    partner: Partner, open_page: Open, now: datetime
):
    with partner.engine.begin() as conn:
        corrected = builders.earning(conn, partner.id, -500, kind="manual", occurred_at=now, release_at=now)

    app = open_page("ada", "partner", code="AF-1", show="corrections")

    (table,) = [table.value for table in app.table if "Source" in table.value.columns]
    assert len(table) == 1
    assert f"/earning?id={corrected})" in table.to_string()
    (moves,) = [table.value for table in app.table if "Balance" in table.value.columns]
    assert f"/earning?id={corrected})" in moves.to_string()
    assert moves["What"].str.contains("/earning?id=", regex=False).all()


def test_a_payout_stands_behind_the_reserved_figure(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        payout_id = pending(conn, [5_000], now=now)
        code = conn.execute(
            text("SELECT r.code FROM payout p JOIN partner r ON r.id = p.partner_id WHERE p.id = :id"),
            {"id": payout_id},
        ).scalar_one()

    app = open_page("ada", "partner", code=code, show="reserved")

    assert figures(app)["Reserved"] == "$50.00"
    labels = [link.proto.label for link in app.get("page_link")]
    assert [label for label in labels if label.startswith(f"Payout {payout_id} ")]


@pytest.mark.usefixtures("partner")
def test_a_viewer_sees_the_code_for_the_name_no_account_and_no_action(open_page: Open):
    app = open_page("vera", "partner", code="AF-1")

    shown = words(app) + cells(app)
    assert "Mara" not in shown
    assert "acct" not in shown
    assert "# AF\\-1" in words(app)
    assert not app.get("menu_button")


def test_a_partner_nobody_knows_says_so_and_where_to_look(open_page: Open):
    app = open_page("ada", "partner", code="nobody")

    assert "No such partner" in words(app)
    assert not app.metric


def test_a_maker_requests_a_payout_which_is_reserved_and_waits(partner: Partner, open_page: Open):
    assert partner.balance == Balance(held=3_000, available=12_000, reserved=0, paid=0, fees=0)
    with chosen(open_page("max", "partner", code="AF-1"), REQUEST) as app:
        field(app.text_input, "partner-amount").set_value("120.00")
        field(app.text_input, "partner-why").set_value("asked by mail")
        app.button(key="partner-request").click().run()

    assert "is requested" in words(app)
    assert partner.balance == Balance(held=3_000, available=0, reserved=12_000, paid=0, fees=0)
    assert figures(app)["Reserved"] == "$120.00"


def test_a_request_over_the_balance_is_refused_in_words_and_moves_nothing(partner: Partner, open_page: Open):
    before = partner.balance
    with chosen(open_page("max", "partner", code="AF-1"), REQUEST) as app:
        field(app.text_input, "partner-amount").set_value("120.01")
        field(app.text_input, "partner-why").set_value("asked by mail")
        app.button(key="partner-request").click().run()

    (refused,) = app.warning
    assert "is more than the" in refused.value
    assert partner.balance == before


def test_a_forged_action_of_a_viewer_is_refused_and_moves_nothing(partner: Partner, open_page: Open):
    before = partner.balance
    with chosen(open_page("vera", "partner", code="AF-1"), REQUEST) as app:
        field(app.text_input, "partner-why").set_value("for me")
        app.button(key="partner-request").click().run()

    assert "may not request payouts" in words(app)
    assert partner.balance == before


def test_a_hold_is_placed_with_its_reason_and_lifted_with_another(partner: Partner, open_page: Open):
    with chosen(open_page("ada", "partner", code="AF-1"), HOLD) as app:
        field(app.selectbox, "partner-reason").set_value("dispute")
        app.button(key="partner-hold").click().run()
    assert partner.holds() == [("dispute", True, None)]
    assert "A sale is disputed" in cells(app)

    with chosen(open_page("ada", "partner", code="AF-1"), LIFT) as app:
        field(app.text_input, "partner-lift-note").set_value("settled")
        app.button(key="partner-lift").click().run()
    assert partner.holds() == [("dispute", False, "settled")]


def test_lifting_without_a_reason_is_refused_and_the_hold_stays(partner: Partner, open_page: Open):
    with partner.engine.begin() as conn:
        builders.hold(conn, partner.id, "review")

    with chosen(open_page("ada", "partner", code="AF-1"), LIFT) as app:
        app.button(key="partner-lift").click().run()

    assert "Lifting a hold needs a reason" in words(app)
    assert partner.holds() == [("review", True, None)]


@pytest.mark.usefixtures("partner")
def test_the_terms_say_which_level_set_them(open_page: Open):
    app = open_page("ada", "partner", code="AF-1")

    (terms,) = [table.value for table in app.table if "Set by" in table.value.columns]
    assert {"Minimum payout", "Paid"} <= set(terms["Term"])
    assert set(terms["Set by"]) <= {"Program", "Tier", "Partner", "Default"}
