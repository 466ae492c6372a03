"""Money that goes back: corrections of one family, refunds within their sale, payouts that came back whole."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, commits, proves, refused


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


@proves("earning.corrections_keep_to_their_family", "correction_names_the_first_earning")
def test_a_correction_names_the_first_earning_not_a_part_of_it(owner: Connection, ana: int) -> None:
    sold = b.fact(owner, ana, 100)
    pair = {"source_ref": "payout:1", "corrects_id": sold}
    b.fact(owner, ana, -40, kind="carry_out", **pair)
    rest = b.fact(owner, ana, 40, kind="carry_in", **pair)
    for kind in ("clawback", "void"):
        with refused(owner, "correction_names_the_first_earning"):
            b.fact(owner, ana, -10, kind=kind, corrects_id=rest)
    b.fact(owner, ana, -10, kind="clawback", source_ref="refund:re_1", corrects_id=sold)
    with refused(owner, "correction_names_the_first_earning"):
        b.fact(owner, ana, 10, kind="reinstate", source_ref="refund:re_1", corrects_id=rest)
    b.fact(owner, ana, -20, kind="carry_out", source_ref="payout:2", corrects_id=rest)  # a part may be split
    b.fact(owner, ana, 20, kind="carry_in", source_ref="payout:2", corrects_id=rest)
    commits(owner)


@proves("reinstate_puts_back_what_was_taken")
def test_a_reinstatement_puts_back_what_its_event_took_and_no_other_sum(owner: Connection, ana: int) -> None:
    sold, other = b.fact(owner, ana, 100), b.fact(owner, ana, 100)
    for event in ("refund:re_1", "refund:re_2"):
        b.fact(owner, ana, -40, kind="clawback", source_ref=event, corrects_id=sold)
    b.fact(owner, ana, -40, kind="clawback", source_ref="refund:re_3", corrects_id=other)
    rule = "reinstate_puts_back_what_was_taken"
    wrong = [(39, "refund:re_1", sold), (41, "refund:re_1", sold), (40, "refund:re_9", sold)]
    for amount, event, corrects in [*wrong, (40, "refund:re_1", other)]:
        with refused(owner, rule):
            b.fact(owner, ana, amount, kind="reinstate", source_ref=event, corrects_id=corrects)
    b.fact(owner, ana, 40, kind="reinstate", source_ref="refund:re_1", corrects_id=sold)
    with refused(owner, "earned_once"):
        b.fact(owner, ana, 40, kind="reinstate", source_ref="refund:re_1", corrects_id=sold)


@proves("movement_fits_its_earning")
def test_a_void_and_what_came_back_move_as_such_and_nothing_else_does(owner: Connection, ana: int) -> None:
    sold, back = b.earning(owner, ana, 100), b.fact(owner, ana, 50, kind="return")
    void = b.fact(owner, ana, -100, kind="void", corrects_id=sold)
    debt = b.fact(owner, ana, -30, kind="deduction")
    rule = "movement_fits_its_earning"
    with refused(owner, rule):  # what came back would be there twice
        b.move(owner, ana, "earn", "earnings", "available", 50, earning_id=back)
    with refused(owner, rule):
        b.move(owner, ana, "debt", "available", "earnings", 100, earning_id=void)
    with refused(owner, rule):
        b.move(owner, ana, "void", "available", "earnings", 30, earning_id=debt)
    with refused(owner, "movement_equals_earning"):
        b.move(owner, ana, "void", "available", "earnings", 99, earning_id=void)
    payout = paid(owner, ana)
    with refused(owner, rule):
        b.move(
            owner,
            ana,
            "return",
            "paid",
            "available",
            100,
            payout_id=payout,
            earning_id=b.fact(owner, ana, 100),
        )
    b.move(owner, ana, "void", "available", "earnings", 100, earning_id=void)
    b.move(owner, ana, "debt", "available", "earnings", 30, earning_id=debt)
    b.move(owner, ana, "return", "paid", "available", 50, payout_id=payout, earning_id=back)
    assert b.balance(owner, ana) == b.Balance(held=0, available=20, reserved=0, paid=50, fees=0)


def paid(conn: Connection, partner_id: int, amount_minor: int = 100, **different: object) -> int:
    payout = b.payout(conn, partner_id, [b.earning(conn, partner_id, amount_minor)], **different)
    b.approve(conn, payout)
    b.claim(conn, payout)
    b.pay(conn, payout)
    return payout


@bad_rows(
    "sale_refund",
    ("refund_takes_or_undoes", {"gross_minor": 0}),
    ("refund_takes_or_undoes", {"gross_minor": -40}),
)
def test_a_refund_takes_or_undoes(
    owner: Connection, ana: int, rule: str, different: dict[str, object]
) -> None:
    sale = b.sale(owner, ana, 100)
    with refused(owner, rule):
        b.refund(owner, sale, **({"gross_minor": 40} | different))  # type: ignore[arg-type]
    taken = b.refund(owner, sale, 40)
    with refused(owner, "refund_takes_or_undoes"):
        b.refund(owner, sale, 40, undoes_id=taken)


@proves("sale_refund.refunded_once_per_event", "sale_refund.refund_undone_once")
def test_one_event_refunds_once_and_is_undone_once(owner: Connection, ana: int) -> None:
    sale, other = b.sale(owner, ana, 100), b.sale(owner, ana, 100)
    taken = b.refund(owner, sale, 40, event_ref="refund:re_1")
    for sold in (sale, other):
        with refused(owner, "refunded_once_per_event"):
            b.refund(owner, sold, 10, event_ref="refund:re_1")
    b.refund(owner, sale, 40)
    b.refund(owner, sale, -40, undoes_id=taken)
    with refused(owner, "refund_undone_once"):
        b.refund(owner, sale, -40, undoes_id=taken)


@proves(
    "sale_refund.refunds_stay_within",
    "sale_refund.history",
    "refunds_never_exceed_the_sale",
    "undoing_puts_back_what_was_refunded",
)
def test_no_more_of_a_sale_goes_back_than_was_sold(owner: Connection, ana: int) -> None:
    sale, other = b.sale(owner, ana, 100), b.sale(owner, ana, 100)
    ben = b.partner(owner, b.program_of(owner, ana))
    rule = "refunds_never_exceed_the_sale"
    with refused(owner, rule):
        b.refund(owner, sale, 101)
    with refused(owner, rule):
        b.refund(owner, sale, 10, partner_id=ben)
    rent = b.sale(owner, ana, -50, kind="deduction")
    with refused(owner, rule):
        b.refund(owner, rent, 10)
    taken = b.refund(owner, sale, 60)
    with refused(owner, rule):
        b.refund(owner, sale, 41)
    b.refund(owner, other, 60)
    for wrong in ({"gross_minor": -59}, {"sale_id": other}):
        with refused(owner, "undoing_puts_back_what_was_refunded"):
            b.refund(owner, **({"sale_id": sale, "gross_minor": -60, "undoes_id": taken} | wrong))
    b.refund(owner, sale, -60, undoes_id=taken)
    b.refund(owner, sale, 100)


@proves("payout.reversed_when_all_came_back", "reversed_when_all_came_back")
def test_a_payout_is_reversed_only_when_all_of_its_net_came_back(owner: Connection, ana: int) -> None:
    payout = paid(owner, ana, fee_minor=10)
    back = ("return", "paid", "available")
    with refused(owner, "reversed_when_all_came_back"):
        b.set_status(owner, payout, "reversed")
    b.move(owner, ana, *back, 89, payout_id=payout, earning_id=b.fact(owner, ana, 89, kind="return"))
    with refused(owner, "reversed_when_all_came_back"):
        b.set_status(owner, payout, "reversed")
    b.move(owner, ana, *back, 1, payout_id=payout, earning_id=b.fact(owner, ana, 1, kind="return"))
    b.set_status(owner, payout, "reversed")
    commits(owner)
    assert b.balance(owner, ana) == b.Balance(held=0, available=90, reserved=0, paid=0, fees=10)


def test_what_came_back_has_a_total_of_its_own_by_the_day_it_did(owner: Connection) -> None:
    program = b.program(owner, zone="Asia/Tokyo")
    ana = b.partner(owner, program)
    late_evening = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)  # already 3 March in Tokyo
    b.fact(owner, ana, 99, kind="return", occurred_at=late_evening)
    found = text("SELECT measure, day::text, n, amount_minor FROM daily_total WHERE program_id = :id")
    assert [tuple(row) for row in owner.execute(found, {"id": program})] == [
        ("returned", "2026-03-03", 1, 99)
    ]
