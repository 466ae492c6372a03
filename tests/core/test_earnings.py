"""Recording earnings: each is written, opened and posted once, where its dates and its partner's mark put it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from core.access import Actor
from core.earnings import NewEarning, record_earnings
from core.ledger import lock_partners
from core.verify import CHECKS
from tests import builders as make
from tests.builders import DAY, NOW, Balance

MIA = Actor(name="user:mia", channel="cli", roles=frozenset({"maker"}))
INSTANT = timedelta(microseconds=1)
NOTHING = Balance(0, 0, 0, 0, 0)


@pytest.fixture
def partner_id(conn: Connection) -> int:
    """A partner whose release mark is NOW."""
    return make.partner(conn, make.program(conn), released_to=NOW)


@pytest.fixture
def commission(conn: Connection, partner_id: int) -> NewEarning:
    """A commission of 70.00 that was released yesterday."""
    return NewEarning(
        program_id=make.program_of(conn, partner_id),
        partner_id=partner_id,
        kind="commission",
        source_ref="s1",
        amount_minor=70_00,
        gross_minor=100_00,
        fee_minor=30_00,
        occurred_at=NOW - 2 * DAY,
        release_at=NOW - DAY,
    )


def record(conn: Connection, *earnings: NewEarning) -> list[int]:
    lock_partners(conn, [one.partner_id for one in earnings])
    return record_earnings(conn, earnings, actor=MIA, now=NOW)


def rows(conn: Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in conn.execute(text(query))]


def broken(conn: Connection) -> list[str]:
    return [name for name, query in CHECKS.items() if conn.execute(text(query)).first() is not None]


@pytest.mark.parametrize(
    ("release_at", "balance", "account"),
    [
        (NOW - DAY, Balance(0, 70_00, 0, 0, 0), "available"),
        (NOW, Balance(0, 70_00, 0, 0, 0), "available"),
        (NOW + INSTANT, Balance(70_00, 0, 0, 0, 0), "held"),
    ],
)
def test_an_earning_is_available_up_to_its_partners_mark_and_held_after_it(
    conn: Connection, commission: NewEarning, release_at: object, balance: Balance, account: str
):
    assert make.balance(conn, commission.partner_id) == NOTHING

    (earning_id,) = record(conn, replace(commission, release_at=release_at))  # type: ignore[arg-type]

    assert make.balance(conn, commission.partner_id) == balance
    assert rows(
        conn, "SELECT kind, from_account, to_account, amount_minor, earning_id FROM ledger_transfer"
    ) == [("earn", "earnings", account, 70_00, earning_id)]
    assert rows(conn, "SELECT earning_id, amount_minor, release_at, on_hold FROM open_item") == [
        (earning_id, 70_00, release_at, False)
    ]
    assert broken(conn) == []


def test_a_negative_earning_counts_at_once_however_far_its_release(conn: Connection, commission: NewEarning):
    rent = replace(commission, kind="deduction", amount_minor=-50_00, gross_minor=0, fee_minor=0)

    record(conn, replace(rent, release_at=NOW + 30 * DAY))

    assert make.balance(conn, rent.partner_id) == Balance(0, -50_00, 0, 0, 0)
    assert rows(conn, "SELECT kind, from_account, to_account, amount_minor FROM ledger_transfer") == [
        ("debt", "available", "earnings", 50_00)
    ]
    assert broken(conn) == []


def test_an_earning_born_on_hold_is_held_though_its_time_has_come(conn: Connection, commission: NewEarning):
    (earning_id,) = record(conn, replace(commission, on_hold="review"))

    assert make.balance(conn, commission.partner_id) == Balance(70_00, 0, 0, 0, 0)
    assert rows(conn, "SELECT earning_id, reason, made_by, opened_at, closed_at FROM hold") == [
        (earning_id, "review", "user:mia", NOW, None)
    ]
    assert broken(conn) == []


def test_an_earning_comes_in_once_by_its_key(conn: Connection, commission: NewEarning):
    assert len(record(conn, commission)) == 1

    assert record(conn, commission) == []
    assert record(conn, replace(commission, amount_minor=99_00)) == []

    assert make.balance(conn, commission.partner_id) == Balance(0, 70_00, 0, 0, 0)
    assert broken(conn) == []


def test_of_several_only_the_new_ones_are_written_and_returned(conn: Connection, commission: NewEarning):
    (first,) = record(conn, commission)

    ids = record(
        conn,
        commission,
        replace(commission, source_ref="s2"),
        replace(commission, kind="bonus"),
        replace(commission, period="2026-03"),
    )

    assert (len(ids), first in ids) == (3, False)
    assert make.balance(conn, commission.partner_id) == Balance(0, 280_00, 0, 0, 0)
    assert broken(conn) == []


def test_the_same_sale_is_never_owed_to_two_partners(conn: Connection, commission: NewEarning):
    other = make.partner(conn, commission.program_id)
    record(conn, commission)

    assert record(conn, replace(commission, partner_id=other)) == []

    assert make.balance(conn, other) == NOTHING


def test_another_program_may_use_the_same_reference(conn: Connection, commission: NewEarning):
    program_id = make.program(conn)
    other = make.partner(conn, program_id)
    record(conn, commission)

    assert len(record(conn, replace(commission, program_id=program_id, partner_id=other))) == 1

    assert make.balance(conn, other).available == 70_00


def test_one_refund_takes_back_once_whether_it_comes_as_clawback_or_void(
    conn: Connection, commission: NewEarning
):
    (earning_id,) = record(conn, commission)
    refund = replace(
        commission, kind="clawback", source_ref="refund:re_1", amount_minor=-10_00, corrects_id=earning_id
    )
    assert len(record(conn, refund)) == 1

    assert record(conn, refund) == []
    assert record(conn, replace(refund, kind="void")) == []

    assert make.balance(conn, commission.partner_id) == Balance(0, 60_00, 0, 0, 0)
    assert broken(conn) == []


def test_corrections_never_take_back_more_than_was_earned(conn: Connection, commission: NewEarning):
    (earning_id,) = record(conn, commission)
    refund = replace(
        commission, kind="clawback", source_ref="refund:re_1", amount_minor=-40_00, corrects_id=earning_id
    )
    record(conn, refund)

    with pytest.raises(IntegrityError, match="corrections sum to more"), conn.begin_nested():
        record(conn, replace(refund, source_ref="refund:re_2", amount_minor=-30_01))

    assert make.balance(conn, commission.partner_id) == Balance(0, 30_00, 0, 0, 0)
    assert len(record(conn, replace(refund, source_ref="refund:re_2", amount_minor=-30_00))) == 1
    assert make.balance(conn, commission.partner_id) == NOTHING


@pytest.mark.parametrize(
    ("different", "rule"),
    [
        ({"amount_minor": 0}, "earning_is_not_zero"),
        ({"amount_minor": -1}, "only_corrections_are_negative"),
        ({"kind": "gift"}, "declared_earning_kind"),
        ({"kind": "clawback", "amount_minor": -1}, "correction_names_its_earning"),
    ],
)
def test_the_table_refuses_what_is_no_earning(
    conn: Connection, commission: NewEarning, different: dict[str, object], rule: str
):
    with pytest.raises(IntegrityError, match=rule), conn.begin_nested():
        record(conn, replace(commission, **different))  # type: ignore[arg-type]

    assert make.balance(conn, commission.partner_id) == NOTHING


def test_what_was_recorded_keeps_its_figures_its_maker_and_its_breakdown(
    conn: Connection, commission: NewEarning
):
    policy_id = make.policy_of(conn, commission.program_id)
    record(conn, replace(commission, policy_id=policy_id, breakdown={"lines": [{"amount_minor": 70_00}]}))
    record(conn, replace(commission, source_ref="s2"))

    query = (
        "SELECT amount_minor, gross_minor, fee_minor, made_by, policy_id, breakdown FROM earning ORDER BY id"
    )
    assert rows(conn, query) == [
        (70_00, 100_00, 30_00, "user:mia", policy_id, {"lines": [{"amount_minor": 70_00}]}),
        (70_00, 100_00, 30_00, "user:mia", None, None),
    ]


def test_recording_nothing_writes_nothing(conn: Connection):
    assert record_earnings(conn, [], actor=MIA, now=NOW) == []
    assert rows(conn, "SELECT count(*) FROM earning") == [(0,)]
