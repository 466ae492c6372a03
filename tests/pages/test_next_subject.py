"""What was typed for one subject is never decided about another: a dismissed dialog makes no run, and the next begins empty."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.decisions import Wanted, approve_payouts
from core.overrides import override_content
from core.proposals import propose
from core.providers.simulator import Simulator
from core.reconciling import reconcile
from core.sending import send_due
from core.users import add_user, read_user
from pages.shared.partner_actions import ALLOW, ANSWER, BLANK, BLOCK, LIFT, LINES, ONBOARD
from tests import builders
from tests.pages.dialogs import choose, field
from tests.pages.test_payments import states, take_in
from tests.pages.test_reconciliation import by_hand
from tests.pages.test_reversals import actor, simulator
from tests.world import HOST, PASSWORD, pending

Open = Callable[..., AppTest]
DAY = timedelta(days=1)
HAS_NO_FIELDS = {ANSWER, ONBOARD}
NOT_FOR_BOTH = {ALLOW, LIFT, BLANK}  # each is about one hold or note, which names it


def press(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def labelled(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def earned(desk: Engine, code: str, now: datetime, minor: int = 90_00) -> int:
    """A partner with money available, and who may be paid early."""
    with desk.begin() as conn:
        program = conn.execute(text("SELECT id FROM program WHERE code = 'barber'")).scalar_one()
        partner = builders.partner(conn, program, code, name=f"Partner {code}", released_to=now)
        builders.earning(conn, partner, minor, occurred_at=now - 9 * DAY, release_at=now - 2 * DAY)
    return partner


def opened(app: AppTest, line: str) -> list[Any]:
    """Open a dialog of the partner's menu, and return its widgets that keep what is typed or chosen."""
    before = {one.key for one in widgets(app)}
    choose(app, line)
    assert not app.exception
    return [one for one in widgets(app) if one.key not in before]


def widgets(app: AppTest) -> list[Any]:
    kinds = ("text_input", "text_area", "selectbox", "radio", "date_input", "button_group")
    return [one for kind in kinds for one in getattr(app, kind)]


def begins(among: list[Any]) -> list[tuple[str, Any]]:
    return [(one.label, one.value) for one in among]


def fill(among: list[Any], now: datetime) -> None:
    """Type something else in every field, and choose another day."""
    for one in among:
        match one.type:
            case "text_input" | "text_area":
                one.set_value("7.77")
            case "date_input":
                one.set_value(now.date() + 3 * DAY)


def test_a_payment_is_never_the_sale_of_whom_was_typed_for_the_one_before(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    for number in (1, 2):
        take_in(desk, f"pi_{number}", at=now - timedelta(hours=2))
    app = press(open_page("max", "partners"), "payment-1")
    field(app.text_input, "payment-partner").set_value("AF-1")

    app = press(app, "payment-2")

    assert field(app.text_input, "payment-partner").value == ""
    press(app, "payment-decide")
    assert states(desk) == [("waiting", None, None)] * 2


def test_the_roles_and_the_password_of_a_new_person_are_never_given_to_a_colleague(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    with desk.begin() as conn:
        add_user(conn, "alma", PASSWORD, ["admin"], actor=HOST, now=now, rounds=4)
    app = labelled(open_page("alma", "people", person="vera"), "Add a person")
    field(app.multiselect, "people-roles").set_value(["admin", "approver"])
    field(app.text_input, "people-password").set_value("for the new one alone")

    app = labelled(app, "Roles")

    assert field(app.multiselect, "people-roles").value == ["viewer"]
    press(app, "people-go")
    with desk.connect() as conn:
        assert read_user(conn, "vera").roles == ("viewer",)

    app = labelled(open_page("alma", "people", person="vera"), "Add a person")
    field(app.text_input, "people-password").set_value("for the new one alone")
    app = labelled(app, "New password")
    assert field(app.text_input, "people-password").value not in ("", "for the new one alone")


def test_a_proposal_is_never_refused_for_the_reason_of_another(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    for partner in [earned(desk, code, now, 5_00) for code in ("AF-1", "AF-2")]:
        with desk.begin() as conn:
            content = override_content("1.00", now=now)
            propose(
                conn, "override_request", ids=[partner], why="asked", content=content, actor=actor("max"), now=now
            )  # fmt: skip
    app = open_page("ada", "operations")
    first, second = (str(one.key) for one in app.button if str(one.key).startswith("refuse-"))
    app = press(app, first)
    field(app.text_input, "two-people-reason").set_value("the first one lied to us")

    app = press(app, second)

    assert field(app.text_input, "two-people-reason").value == ""
    press(app, "why-done")
    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM proposal WHERE decision IS NOT NULL")).scalar() == 0


@pytest.mark.parametrize(
    "line", [line.name for line in LINES if line.name not in HAS_NO_FIELDS | NOT_FOR_BOTH | {BLOCK}]
)
def test_what_was_typed_for_one_partner_never_stands_in_the_dialog_of_the_next(
    desk: Engine, open_page: Open, now: datetime, line: str
) -> None:
    for code in ("AF-1", "AF-2"):
        earned(desk, code, now)
    fresh = begins(opened(open_page("max", "partner", code="AF-2"), line))
    assert fresh
    app = open_page("max", "partner", code="AF-1")
    standing = {one.key for one in widgets(app)}
    fill(opened(app, line), now)

    app.query_params["code"] = "AF-2"
    choose(app, line)

    typed = [one for one in widgets(app) if one.key not in standing]
    assert begins(typed) == fresh


def test_what_was_entered_never_stands_as_what_is_refunded(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    earned(desk, "AF-1", now)
    app = open_page("max", "partner", code="AF-1")
    choose(app, "Enter an amount")
    field(app.text_input, "by-hand-amount").set_value("250.00")
    field(app.text_input, "by-hand-ref").set_value("INV-1")

    choose(app, "Refund a sale")

    assert field(app.text_input, "by-hand-amount").value == ""
    assert field(app.text_input, "by-hand-ref").value == ""


def test_why_one_difference_was_closed_is_never_kept_with_another(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    for ref in ("po_1", "po_2"):
        by_hand(desk, ref, at=now - timedelta(hours=2))
    reconcile(desk, Simulator(engine=desk), now=now)
    app = press(open_page("max", "reconciliation"), "close-1")
    field(app.text_input, "difference-reason").set_value("The landlord, by hand")

    app = press(app, "close-2")

    assert field(app.text_input, "difference-reason").value == ""
    press(app, "difference-close")
    with desk.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM difference WHERE closed_at IS NOT NULL")).scalar() == 0


def test_how_much_of_one_payout_is_pulled_back_never_stands_for_the_next(
    desk: Engine, open_page: Open, now: datetime
) -> None:
    with desk.begin() as conn:
        payouts = [pending(conn, [minor], now=now) for minor in (25_00, 50_00)]
        approve_payouts(conn, [Wanted(id=payout) for payout in payouts], actor=actor("ada"), now=now)
    send_due(desk, simulator(desk), now=now)
    app = open_page("max", "payout", id=str(payouts[0]))
    app.menu_button(key="payout_more").click("Reverse…").run()
    field(app.text_input, "reversal-amount").set_value("10.00")
    field(app.text_input, "reversal-why").set_value("paid twice")

    app.query_params["id"] = str(payouts[1])
    app.menu_button(key="payout_more").click("Reverse…").run()

    assert field(app.text_input, "reversal-amount").value == "49.75"
    assert field(app.text_input, "reversal-why").value == ""
