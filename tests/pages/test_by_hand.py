from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from tests.desk import DAY, Balance, Desk, open_desk
from tests.pages.dialogs import field
from tests.pages.test_partner_edit import choose, words

Open = Callable[..., AppTest]


@pytest.fixture
def books(desk: Engine, now: datetime, tmp_path: Path) -> Desk:
    """Two affiliates, the first with 100.00 available of one sale."""
    books = open_desk(desk, tmp_path)
    for code in ("AFF1", "AFF2"):
        books.partner(code, account=f"acct_{code}", now=now - 3 * DAY)
    books.sale("AFF1", "100.00", ref="o-1", at=now - 2 * DAY, now=now - DAY)
    books.release(now - DAY)
    return books


def fill(app: AppTest, button: str, **typed: str) -> AppTest:
    for name, value in typed.items():
        field(app.text_input, f"by-hand-{name}").set_value(value)
    app.button(key=f"by-hand-{button}").click().run()
    return app


class TestByHand:
    def test_a_deduction_counts_once_and_what_cannot_be_is_said_in_the_dialog(
        self, books: Desk, open_page: Open
    ) -> None:
        app = choose(open_page("max", "partner", code="AFF1"), "Enter an amount")
        field(app.radio, "by-hand-kind").set_value("deduction")
        assert "Say why" in words(fill(app, "enter", amount="30.00", ref="chair"))
        assert books.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)

        for said in ("−$30.00 is entered.", "was entered before; nothing changed."):
            app = choose(open_page("max", "partner", code="AFF1"), "Enter an amount")
            field(app.radio, "by-hand-kind").set_value("deduction")
            fill(app, "enter", amount="30.00", ref="chair", why="a broken chair")
            assert not app.exception
            assert said in words(app)
            assert books.balance("AFF1") == Balance(0, 70_00, 0, 0, 0)

    def test_a_sale_is_refunded_from_its_own_partners_page_only(self, books: Desk, open_page: Open) -> None:
        other = choose(open_page("max", "partner", code="AFF2"), "Refund a sale")
        assert "There is no sale o-1" in words(fill(other, "refund", sale="o-1", ref="r-1", why="sent back"))

        app = choose(open_page("max", "partner", code="AFF1"), "Refund a sale")
        fill(app, "refund", sale="o-1", amount="", ref="r-1", why="sent back")

        assert not app.exception
        assert "$100.00 of the sale went back." in words(app)
        assert books.balance("AFF1") == Balance(0, 0, 0, 0, 0)
        assert books.faults() == []

    def test_who_may_not_is_offered_neither(self, books: Desk, open_page: Open) -> None:
        assert books.balance("AFF1").available == 100_00
        lines = open_page("ben", "partner", code="AFF1").menu_button(key="partner-menu").options
        assert not {"Enter an amount", "Refund a sale"} & set(lines)
