"""Payments of customers on the pages: what waits is counted, decided once, and what was paid outside is shown apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.access import job_actor
from core.payments import SeenPayment, take_in_payment
from tests import builders
from tests.pages.dialogs import field

Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    tables = (one.value.to_string() for one in app.table)
    said = "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption), *tables])
    return said.replace("\\", "")


def take_in(
    desk: Engine, ref: str, *, at: datetime, destination: str | None = None, currency: str = "EUR"
) -> None:
    """A payment of 70.00 that names no partner."""
    seen = SeenPayment(
        provider="stripe",
        ref=ref,
        charge_ref=None,
        amount_minor=70_00,
        currency=currency,
        occurred_at=at,
        booking=f"booking of {ref}",
        destination=destination,
        transferred_minor=63_00 if destination else None,
    )
    with desk.begin() as conn:
        take_in_payment(conn, seen, actor=job_actor("events"), now=at)


def states(desk: Engine) -> list[tuple[str, str | None, str | None]]:
    query = text("SELECT state, decided_by, reason FROM payment ORDER BY id")
    with desk.connect() as conn:
        return [(row.state, row.decided_by, row.reason) for row in conn.execute(query)]


@pytest.fixture
def creator(desk: Engine) -> str:
    """A creator who is paid in euros, and their code."""
    with desk.begin() as conn:
        program = conn.execute(text("SELECT id FROM program WHERE code = 'creator'")).scalar_one()
        partner = builders.partner(conn, program)
        return str(
            conn.execute(text("SELECT code FROM partner WHERE id = :id"), {"id": partner}).scalar_one()
        )


def test_nothing_waits_and_nothing_is_said(open_page: Open, creator: str) -> None:
    del creator
    assert "Payments without a partner" not in words(open_page("max", "partners"))


def test_what_waits_is_counted_and_becomes_the_named_partners_sale(
    desk: Engine, open_page: Open, now: datetime, creator: str
) -> None:
    take_in(desk, "pi_1", at=now - timedelta(hours=2))
    overview = open_page("max", "overview")
    assert not overview.exception

    app = open_page("max", "partners")
    assert not app.exception
    assert "Payments without a partner" in words(app)
    assert "It names no partner. Booking booking of pi_1." in words(app)
    app.button(key="payment-1").click().run()
    field(app.text_input, "payment-partner").set_value(creator)
    app.button(key="payment-decide").click().run()

    assert f"The payment is a sale of {creator}." in words(app)
    assert states(desk) == [("sale", "user:max", "")]
    with desk.connect() as conn:
        assert conn.execute(text("SELECT amount_minor FROM earning")).scalars().all() == [63_00]
    assert "Payments without a partner" not in words(app)


def test_a_partner_nobody_knows_is_refused_and_it_goes_on_waiting(
    desk: Engine, open_page: Open, now: datetime, creator: str
) -> None:
    del creator
    take_in(desk, "pi_1", at=now - timedelta(hours=2))
    app = open_page("max", "partners")
    app.button(key="payment-1").click().run()
    field(app.text_input, "payment-partner").set_value("NOBODY")
    app.button(key="payment-decide").click().run()

    assert "There is no partner NOBODY." in words(app)
    assert states(desk) == [("waiting", None, None)]


@pytest.mark.parametrize(("currency", "amount"), [("JMD", "70.00"), ("ZZZ", "7,000 of the smallest unit")])
def test_a_payment_in_a_currency_of_no_program_is_shown_and_takes_no_page_away(
    desk: Engine, open_page: Open, now: datetime, currency: str, amount: str
) -> None:
    take_in(desk, "pi_1", at=now - timedelta(hours=2), currency=currency)
    assert not open_page("max", "audit").exception
    app = open_page("max", "partners")
    assert not app.exception
    assert amount in words(app)
    app.button(key="payment-1").click().run()
    assert not app.exception


def test_who_may_not_decide_sees_it_and_has_no_button(
    desk: Engine, open_page: Open, now: datetime, creator: str
) -> None:
    del creator
    take_in(desk, "pi_1", at=now - timedelta(hours=2))
    app = open_page("vera", "partners")
    assert "Payments without a partner" in words(app)
    assert "payment-1" not in {button.key for button in app.button}


def test_the_partners_page_shows_what_was_paid_outside(
    desk: Engine, open_page: Open, now: datetime, creator: str
) -> None:
    with desk.connect() as conn:
        account = conn.execute(text("SELECT account FROM destination")).scalar_one()
    take_in(desk, "pi_1", at=now - timedelta(hours=2), destination=account)

    app = open_page("max", "partner", code=creator)

    assert not app.exception
    assert "Paid outside" in words(app)
    assert "booking of pi_1" in words(app)
    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM earning")).scalar_one() == 0
