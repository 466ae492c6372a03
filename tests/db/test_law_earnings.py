"""Earnings, what is open of them, corrections, carries."""

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, commits, proves, refused


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


@bad_rows(
    "earning",
    ("earning_is_not_zero", {"amount_minor": 0}),
    ("declared_earning_kind", {"kind": "gift"}),
    ("only_corrections_are_negative", {"amount_minor": -100}),
    ("only_corrections_are_negative", {"amount_minor": -100, "kind": "bonus"}),
    ("correction_names_its_earning", {"amount_minor": -100, "kind": "clawback"}),
    ("correction_names_its_earning", {"kind": "reinstate"}),
    ("correction_names_its_earning", {"kind": "carry_in"}),
)
def test_an_earning_has_a_declared_kind_a_sign_and_a_cause(
    owner: Connection, ana: int, rule: str, different: dict[str, object]
) -> None:
    values = {"amount_minor": 100} | different
    with refused(owner, rule):
        b.fact(owner, ana, **values)  # type: ignore[arg-type]
    b.fact(owner, ana, 100)
    b.fact(owner, ana, -100, kind="deduction")


def test_only_a_correction_names_an_earning(owner: Connection, ana: int) -> None:
    sold = b.fact(owner, ana, 100)
    with refused(owner, "correction_names_its_earning"):
        b.fact(owner, ana, 100, corrects_id=sold)


@proves("earning.earned_once")
def test_the_same_event_is_earned_once(owner: Connection, ana: int) -> None:
    b.fact(owner, ana, 100, kind="recurring", source_ref="C1", period="2026-02")
    ben = b.partner(owner, b.program_of(owner, ana))
    with refused(owner, "earned_once"):
        b.fact(owner, ana, 100, kind="recurring", source_ref="C1", period="2026-02")
    with refused(owner, "earned_once"):  # a sale given to someone else is refused, not paid twice
        b.fact(owner, ben, 100, kind="recurring", source_ref="C1", period="2026-02")
    b.fact(owner, ana, 100, kind="recurring", source_ref="C1", period="2026-03")
    b.fact(owner, ana, 100, kind="bounty", source_ref="C1")
    with refused(owner, "earned_once"):
        b.fact(owner, ana, 100, kind="bounty", source_ref="C1")


@proves("earning.corrected_once_per_event")
def test_one_refund_takes_back_once_whatever_it_is_called(owner: Connection, ana: int) -> None:
    sold = b.fact(owner, ana, 100)
    b.fact(owner, ana, -40, kind="clawback", source_ref="refund:re_1", corrects_id=sold)
    with refused(owner, "corrected_once_per_event"):
        b.fact(owner, ana, -40, kind="void", source_ref="refund:re_1", corrects_id=sold)
    b.fact(owner, ana, -40, kind="void", source_ref="refund:re_2", corrects_id=sold)
    ben = b.partner(owner, b.program(owner))
    of_ben = b.fact(owner, ben, 100)
    with refused(owner, "corrected_once_per_event"):  # nor in another program
        b.fact(owner, ben, -40, kind="clawback", source_ref="refund:re_1", corrects_id=of_ben)


@proves("earning.corrections_stay_within", "corrections_never_exceed_the_earning")
def test_corrections_never_take_more_than_the_earning_nor_give_more_back(owner: Connection, ana: int) -> None:
    sold = b.fact(owner, ana, 100)
    rule = "corrections_never_exceed_the_earning"
    with refused(owner, rule):
        b.fact(owner, ana, -101, kind="clawback", corrects_id=sold)
    b.fact(owner, ana, -60, kind="clawback", source_ref="refund:re_1", corrects_id=sold)
    with refused(owner, rule):
        b.fact(owner, ana, -41, kind="void", corrects_id=sold)
    with refused(owner, "reinstate_puts_back_what_was_taken"):
        b.fact(owner, ana, 61, kind="reinstate", source_ref="refund:re_1", corrects_id=sold)
    b.fact(owner, ana, 60, kind="reinstate", source_ref="refund:re_1", corrects_id=sold)
    b.fact(owner, ana, -100, kind="void", corrects_id=sold)
    ben = b.partner(owner, b.program_of(owner, ana))
    of_ben = b.fact(owner, ben, 100)
    with refused(owner, rule):
        b.fact(owner, ana, -10, kind="clawback", corrects_id=of_ben)


@proves("earning.carry_moves_nothing", "carry_moves_nothing")
def test_splitting_an_earning_makes_no_money(owner: Connection, ana: int) -> None:
    sold = b.fact(owner, ana, 100)
    ben = b.partner(owner, b.program_of(owner, ana))
    with refused(owner, "carry_moves_nothing"):
        b.fact(owner, ana, 30, kind="carry_in", corrects_id=sold)
    with refused(owner, "carry_moves_nothing"):
        b.fact(owner, ana, -30, kind="carry_out", corrects_id=sold)
        b.fact(owner, ana, 31, kind="carry_in", corrects_id=sold)
    with refused(owner, "carry_moves_nothing"):
        b.fact(owner, ana, -30, kind="carry_out", corrects_id=sold)
        b.fact(owner, ben, 30, kind="carry_in", corrects_id=sold)
    b.fact(owner, ana, -30, kind="carry_out", corrects_id=sold)
    b.fact(owner, ana, 30, kind="carry_in", corrects_id=sold)
    commits(owner)


@proves("earning.earning_in_its_partners_program", "earning.priced_by_its_program")
def test_an_earning_stands_in_its_partners_program_and_is_priced_by_it(owner: Connection, ana: int) -> None:
    other = b.program(owner, currency="EUR")
    with refused(owner, "earning_in_its_partners_program"):
        b.fact(owner, ana, 100, program_id=other)
    with refused(owner, "priced_by_its_program"):
        b.fact(owner, ana, 100, policy_id=b.policy_of(owner, other))
    b.fact(owner, ana, 100, policy_id=b.policy_of(owner, b.program_of(owner, ana)))


@proves("open_item.open_item_pkey")
def test_an_earning_is_open_once(owner: Connection, ana: int) -> None:
    sold = b.earning(owner, ana, 100)
    with refused(owner, "open_item_pkey"):
        b.open_item(owner, sold)


@proves("open_item.open_items_are_whole", "open_item_is_a_whole_earning", "open_item_is_in_no_live_payout")
def test_what_is_open_is_a_whole_earning_in_no_live_payout(owner: Connection, ana: int) -> None:
    sold = b.fact(owner, ana, 100)
    ben = b.partner(owner, b.program_of(owner, ana))
    right: dict[str, object] = {
        "earning_id": sold,
        "partner_id": ana,
        "amount_minor": 100,
        "release_at": b.NOW,
    }
    for wrong in ({"earning_id": 0}, {"partner_id": ben}, {"amount_minor": 101}):
        with refused(owner, "open_item_is_a_whole_earning"):
            b.insert(owner, "open_item", right | wrong)
    b.insert(owner, "open_item", right)
    b.move(owner, ana, "earn", "earnings", "available", 100, earning_id=sold)
    payout = b.payout(owner, ana, [sold])
    with refused(owner, "open_item_is_in_no_live_payout"):
        b.insert(owner, "open_item", right)
    b.end(owner, payout, "rejected")
    assert owner.execute(text("SELECT earning_id FROM open_item")).scalars().all() == [sold]
    assert b.balance(owner, ana) == b.Balance(held=0, available=100, reserved=0, paid=0, fees=0)


@proves(
    "partner_balance.balance_begins_at_zero", "balance_begins_at_zero", "partner_balance.partner_balance_pkey"
)
@pytest.mark.parametrize("account", ["held", "available", "reserved", "paid", "fees"])
def test_no_partner_begins_with_money(owner: Connection, ana: int, account: str) -> None:
    owner.execute(text("ALTER TABLE partner_balance DISABLE TRIGGER balance_is_kept"))
    owner.execute(text("DELETE FROM partner_balance WHERE partner_id = :id"), {"id": ana})
    with refused(owner, "balance_begins_at_zero"):
        b.insert(owner, "partner_balance", {"partner_id": ana, "released_to": b.NOW, account: 1})
    b.insert(owner, "partner_balance", {"partner_id": ana, "released_to": b.NOW})
    with refused(owner, "partner_balance_pkey"):
        b.insert(owner, "partner_balance", {"partner_id": ana, "released_to": b.NOW})
    assert b.balance(owner, ana) == b.Balance(0, 0, 0, 0, 0)


@bad_rows(
    "hold",
    ("declared_hold_reason", {"reason": "because"}),
    ("hold_is_on_one_thing", {"earning_id": 1, "payout_id": 1}),
    ("closed_by_someone", {"closed_at": b.NOW}),
    ("closed_by_someone", {"closed_by": "user:maker"}),
)
def test_a_hold_has_a_declared_reason_one_subject_and_an_author(
    owner: Connection, ana: int, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        b.hold(owner, ana, **different)  # type: ignore[arg-type]
    b.hold(owner, ana)
    b.hold(owner, ana, closed_at=b.NOW, closed_by="user:maker")


@proves("hold.holds_keep_to_their_partner", "hold_is_of_its_partner")
def test_a_hold_is_on_its_own_partners_money(owner: Connection, ana: int) -> None:
    ben = b.partner(owner, b.program_of(owner, ana))
    sold = b.earning(owner, ana, 100)
    with refused(owner, "hold_is_of_its_partner"):
        b.hold(owner, ben, earning_id=sold)
    with refused(owner, "hold_is_of_its_partner"):
        b.hold(owner, ana, earning_id=0)
    b.hold(owner, ana, earning_id=sold)
    payout = b.payout(owner, ana, [sold])
    with refused(owner, "hold_is_of_its_partner"):
        b.hold(owner, ben, payout_id=payout)
    b.hold(owner, ana, payout_id=payout)


LIFT = text("UPDATE hold SET closed_at = :now, closed_by = 'user:maker' WHERE id = :id")


@proves("hold.hold_is_closed_once", "hold_is_closed_once", "hold.hold_is_kept")
def test_a_hold_is_lifted_once_and_stays_what_it_was(owner: Connection, ana: int) -> None:
    hold = b.hold(owner, ana, "dispute")
    with refused(owner, "hold_is_closed_once"):
        owner.execute(text("UPDATE hold SET reason = 'review' WHERE id = :id"), {"id": hold})
    owner.execute(text("UPDATE hold SET until = :until WHERE id = :id"), {"until": b.NOW + b.DAY, "id": hold})
    owner.execute(LIFT, {"now": b.NOW, "id": hold})
    with refused(owner, "hold_is_closed_once"):
        owner.execute(text("UPDATE hold SET closed_at = NULL, closed_by = NULL WHERE id = :id"), {"id": hold})
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text("DELETE FROM hold WHERE id = :id"), {"id": hold})
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text("TRUNCATE hold"))
