from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.providers.simulator import Simulator
from core.reconciling import reconcile
from core.sending import send_due
from tests import builders
from tests.pages.dialogs import field
from tests.world import pending

Open = Callable[..., AppTest]
BY_HAND = text("""
    INSERT INTO simulator_transfer (idem_key, params_hash, transfer_group, amount_minor, currency, destination, provider_ref, at)
    VALUES (:ref, '', :group, :amount_minor, 'USD', 'acct_hand', :ref, :at)
""")

# What a later comparison writes of an open row.
MOVED = text("""
    UPDATE difference SET amount_minor = 7700000, figures = jsonb_set(figures, '{theirs_minor}', '7700000')
""")


def by_hand(
    desk: Engine, ref: str, *, at: datetime, group: str = "summer party", amount_minor: int = 77_00
) -> None:
    with desk.begin() as conn:
        conn.execute(BY_HAND, {"ref": ref, "group": group, "amount_minor": amount_minor, "at": at})


def words(app: AppTest) -> str:
    return "\n".join([*(one.value for one in app.markdown), *(one.value for one in app.caption)])


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def open_rows(desk: Engine) -> list[tuple[str, str | None, str | None]]:
    query = text("SELECT kind, closed_by, close_reason FROM difference ORDER BY id")
    with desk.connect() as conn:
        return [(row.kind, row.closed_by, row.close_reason) for row in conn.execute(query)]


@pytest.fixture
def paid(desk: Engine, now: datetime) -> int:
    """A payout of 50.00 less its fee, paid by the simulator an hour ago."""
    with desk.begin() as conn:
        payout = pending(conn, [50_00], now=now)
        builders.approve(conn, payout)
    rail = Simulator(engine=desk, success={"stripe": 1})  # type: ignore[dict-item]
    assert send_due(desk, rail, now=now - timedelta(hours=1)).succeeded == 1
    return payout


def test_before_the_first_run_it_says_when_that_is(open_page: Open):
    app = open_page("ada", "reconciliation")

    assert not app.exception
    assert "Not compared yet" in words(app)
    assert "06:00 UTC" in words(app)
    assert "python -m jobs reconcile" in words(app)


def test_books_that_agree_show_the_proof_and_the_next_time(
    desk: Engine, open_page: Open, now: datetime, paid: int
):
    reconcile(desk, Simulator(engine=desk), now=now)

    app = open_page("ada", "reconciliation")

    assert paid
    assert "Nothing to reconcile" in words(app)
    assert (
        "match the simulator to the cent: 1 transfer, $49.75. The next comparison runs at 06:00 UTC"
        in words(app)
    )
    assert not app.table
    app.button(key="matched-days").click().run()
    (table,) = [table.value for table in app.table]
    assert [table["Our books"].iloc[0], "Agrees" in table["State"].iloc[0]] == [0, True]
    app.button(key="matched-days").click().run()
    assert not app.table


def test_a_difference_stands_with_its_evidence_and_is_closed_with_a_reason(
    desk: Engine, open_page: Open, now: datetime, paid: int
):
    by_hand(desk, "po_hand", at=now - timedelta(hours=2))
    reconcile(desk, Simulator(engine=desk), now=now)
    assert paid

    app = open_page("max", "reconciliation")

    assert figures(app)["Open differences"] == "1"
    assert figures(app)["In question, USD"] == "$77.00"
    assert "po\\_hand to acct\\_hand" in words(app)
    assert any("Differs" in table.value.to_string() for table in app.table)

    app.button(key="close-1").click().run()
    field(app.text_input, "difference-reason").set_value("The landlord, by hand")
    app.button(key="difference-close").click().run()

    assert not app.exception
    assert open_rows(desk) == [("missing_here", "user:max", "The landlord, by hand")]
    assert "The difference is closed." in words(app)
    assert "Nothing to reconcile" in words(app)
    assert "but for what was closed with a reason" in words(app)


def test_a_difference_whose_figures_another_comparison_moved_is_not_closed_by_who_saw_others(
    desk: Engine, open_page: Open, now: datetime
):
    by_hand(desk, "po_hand", at=now - timedelta(hours=2))
    reconcile(desk, Simulator(engine=desk), now=now)
    app = open_page("ada", "reconciliation").button(key="close-1").click().run()
    with desk.begin() as conn:
        conn.execute(MOVED)
    field(app.text_input, "difference-reason").set_value("rounding")
    app.button(key="difference-close").click().run()

    assert open_rows(desk) == [("missing_here", None, None)]
    assert "other figures for this difference since you looked" in words(app)


def test_closing_without_a_reason_is_refused_and_changes_nothing(
    desk: Engine, open_page: Open, now: datetime
):
    by_hand(desk, "po_hand", at=now - timedelta(hours=2))
    reconcile(desk, Simulator(engine=desk), now=now)
    app = open_page("ada", "reconciliation")

    app.button(key="close-1").click().run()
    app.button(key="difference-close").click().run()

    assert open_rows(desk) == [("missing_here", None, None)]
    assert "needs a reason" in words(app)
    assert figures(app)["Open differences"] == "1"


def test_a_viewer_sees_the_difference_and_no_action_and_no_account(
    desk: Engine, open_page: Open, now: datetime
):
    by_hand(desk, "po_hand", at=now - timedelta(hours=2))
    reconcile(desk, Simulator(engine=desk), now=now)

    app = open_page("vera", "reconciliation")

    assert not app.exception
    assert figures(app)["Open differences"] == "1"
    assert "acct" not in words(app)
    assert not [button for button in app.button if str(button.key).startswith("close-")]


def test_every_kind_tells_what_both_books_say(desk: Engine, open_page: Open, now: datetime, paid: int):
    with desk.begin() as conn:
        group, ref = conn.execute(
            text("SELECT p.ref::text, a.provider_ref FROM payout p JOIN attempt a ON a.payout_id = p.id")
        ).one()
        lost = pending(conn, [40_00], now=now)
        builders.approve(conn, lost)
        builders.claim(conn, lost)
        builders.pay(conn, lost)
        run = conn.execute(
            text("""INSERT INTO reconciliation (provider, since, until, transfers)
                    VALUES ('simulator', :now - interval '1 day', :now, 1) RETURNING id"""),
            {"now": now},
        ).scalar_one()
        for kind, payout, figures_ in (
            ("missing_there", lost, '{"ours_minor": 3975, "ours_destination": "acct_1"}'),
            ("wrong_amount", paid, '{"ours_minor": 4975, "ours_currency": "USD", "theirs_minor": 4976}'),
            ("wrong_destination", paid, '{"ours_destination": "acct_1", "theirs_destination": "acct_2"}'),
            ("total", None, '{"ours_minor": 100, "theirs_minor": 200, "theirs_destination": "acct_1"}'),
        ):
            values = {
                "provider": "simulator",
                "kind": kind,
                "thing": kind,
                "payout_id": payout,
                "run_id": run,
            }
            values |= {"provider_ref": None if kind == "total" else ref, "amount_minor": 1, "currency": "USD"}
            builders.insert(conn, "difference", values | {"at": now, "found_at": now, "figures": figures_})
    by_hand(desk, "po_again", at=now - timedelta(minutes=5), group=group)
    by_hand(desk, "po_lost", at=now - timedelta(minutes=5), group=str(uuid4()))
    reconcile(desk, Simulator(engine=desk), now=now)

    told = words(open_page("ada", "reconciliation"))

    for part in (
        "the provider holds no such transfer",
        f"Payout [{paid}](/payout?id={paid}) pays $49.75",
        "moved $49.76",
        "went to acct\\_2",
        "our books hold $1.00 for acct\\_1, the provider $2.00",
        f"is a second one for payout [{paid}](/payout?id={paid})",
        "was made by no attempt of ours. Its group:",
    ):
        assert part in told


def requests(desk: Engine) -> list[str]:
    with desk.connect() as conn:
        return list(conn.execute(text("SELECT asked_by FROM reconcile_request ORDER BY id")).scalars())


def test_a_click_asks_the_scheduler_and_the_page_says_so(open_page: Open, desk: Engine):
    app = open_page("ada", "reconciliation")

    app.button(key="refresh-books").click().run()

    assert not app.exception
    assert requests(desk) == ["user:ada"]
    assert "by ada" in words(app)
    assert not [one for one in app.button if one.key == "refresh-books"]


def test_somebody_elses_request_is_not_asked_again(open_page: Open, desk: Engine):
    first, second = open_page("ada", "reconciliation"), open_page("ben", "reconciliation")
    first.button(key="refresh-books").click().run()

    second.button(key="refresh-books").click().run()

    assert requests(desk) == ["user:ada"]
    assert "has asked already" in words(second)


def test_a_comparison_that_failed_says_why(open_page: Open, desk: Engine, now: datetime):
    fault = "Stripe could not be asked"
    query = text("""INSERT INTO reconcile_request (asked_at, asked_by, began_at, ended_at, fault)
                    VALUES (:now, 'user:ada', :now, :now, :fault)""")
    with desk.begin() as conn:
        conn.execute(query, {"now": now, "fault": fault})

    app = open_page("ada", "reconciliation")

    assert fault in words(app)
    assert app.button(key="refresh-books").label == "Refresh from the simulator"


def test_a_viewer_cannot_ask(open_page: Open):
    app = open_page("vera", "reconciliation")
    assert "Not compared yet" in words(app)
    assert not [one for one in app.button if one.key == "refresh-books"]


def test_a_transfer_nobody_here_made_is_proposed_as_paid_outside(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        program = builders.program(conn)
        builders.destination(conn, builders.partner(conn, program), account="acct_hand")
    by_hand(desk, "po_lost", at=now - timedelta(minutes=5), group=str(uuid4()))
    reconcile(desk, Simulator(engine=desk), now=now)
    app = open_page("ada", "reconciliation")
    (outside,) = (button for button in app.button if str(button.key).startswith("outside-"))

    outside.click().run()
    field(app.text_input, "two-people-reason").input("Paid before the restore")
    app.button(key="why-done").click().run()

    assert not app.exception
    with desk.connect() as conn:
        made = conn.execute(text("SELECT kind, made_by, content ->> 'amount_minor' FROM proposal")).one()
    assert tuple(made) == ("paid_outside", "user:ada", "7700")
    assert open_rows(desk) == [("missing_here", None, None)]


def test_every_day_opens_with_the_payouts_that_make_our_side(desk: Engine, open_page: Open, paid: int):
    with desk.connect() as conn:  # by the database's own clock, which is not an hour back
        sent = conn.execute(text("SELECT to_char(first_sent_at, 'YYYY-MM-DD') FROM attempt")).scalar_one()
    app = open_page("ada", "reconciliation", day=sent)
    assert not app.exception
    assert f"[{paid}](/payout?id={paid})" in app.table[0].value.to_string()
    assert "Ana Silva" in app.table[0].value.to_string()
    assert "Ana Silva" not in open_page("vera", "reconciliation", day=sent).table[0].value.to_string()
    assert "Nothing was sent that day" in words(open_page("ada", "reconciliation", day="2020-01-01"))
