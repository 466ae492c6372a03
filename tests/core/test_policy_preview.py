"""A preview says what the same money would become under other terms, by the rules the queue itself asks."""

from __future__ import annotations

from decimal import Decimal

from core.fees import Fee
from core.policy import Approval, Policy
from core.policy_preview import Moved, Preview, preview_policy
from core.presets import PRESETS
from tests.desk import NOW, Desk

AFFILIATE = next(one.policy for one in PRESETS if one.code == "affiliate")


def previewed(desk: Desk, after: Policy) -> Preview:
    with desk.engine.connect() as conn:
        program = desk.scalar("SELECT id FROM program WHERE code = 'affiliate'")
        assert isinstance(program, int)
        return preview_policy(conn, program, AFFILIATE, after, now=NOW)


def test_a_minimum_and_a_fee_show_who_is_not_paid_any_more_and_what_it_costs_the_rest(desk: Desk) -> None:
    desk.funded("AFF1", "40.00")
    desk.funded("AFF2", "2000.00", account="acct_2")
    dearer = AFFILIATE.model_copy(
        update={"min_payout_minor": 50_00, "fees": {"stripe": Fee(pct=Decimal(1), fixed_minor=25)}}
    )

    seen = previewed(desk, dearer)

    assert (seen.before.payouts, seen.before.amount_minor, seen.before.fee_minor) == (2, 2040_00, 50)
    assert (seen.after.payouts, seen.after.amount_minor, seen.after.fee_minor) == (1, 2000_00, 20_25)
    assert (seen.before.second_person, seen.after.second_person) == (1, 1)
    assert seen.after.not_paid == {"below_minimum": 1}
    assert seen.changed == 2
    assert seen.moved == [
        Moved(
            code="AFF1", before_minor=39_75, after_minor=None, why="$40.00 is $10.00 below the minimum of $50.00."
        ),
        Moved(code="AFF2", before_minor=1999_75, after_minor=1979_75, why=""),
    ]  # fmt: skip


def test_a_cap_cuts_what_is_over_it_and_the_same_terms_change_nothing(desk: Desk) -> None:
    desk.funded("AFF1", "100.00")
    capped = AFFILIATE.model_copy(update={"max_per_partner_month_minor": 30_00})

    assert previewed(desk, capped).after.amount_minor == 30_00
    assert previewed(desk, AFFILIATE).changed == 0
    assert desk.balance("AFF1").available == 100_00


def test_what_the_policy_would_approve_by_itself_stays_within_its_amount_and_its_day(desk: Desk) -> None:
    for place, amount in enumerate(("40.00", "50.00", "50.01", "30.00", "2000.00")):
        desk.funded(f"AFF{place}", amount, account=f"acct_{place}")
    approval = Approval(dual_above_minor=100_000, auto=True, auto_up_to_minor=50_00, auto_per_day_minor=80_00)
    automatic = AFFILIATE.model_copy(update={"approval": approval, "auto_payout_enabled": True})

    seen = previewed(desk, automatic)

    assert (seen.before.by_policy, seen.before.by_policy_minor) == (0, 0)
    assert (seen.after.by_policy, seen.after.by_policy_minor) == (2, 70_00)
    assert seen.changed == 0
