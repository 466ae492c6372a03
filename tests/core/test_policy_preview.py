"""A preview says what the same money would become under other terms, by the rules the queue itself asks."""

from __future__ import annotations

from decimal import Decimal

from core.fees import Fee
from core.policy import Policy
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
            code="AFF1", before_minor=39_75, after_minor=None, why="40.00 is 10.00 below the minimum of 50.00."
        ),
        Moved(code="AFF2", before_minor=1999_75, after_minor=1979_75, why=""),
    ]  # fmt: skip


def test_a_cap_cuts_what_is_over_it_and_the_same_terms_change_nothing(desk: Desk) -> None:
    desk.funded("AFF1", "100.00")
    capped = AFFILIATE.model_copy(update={"max_per_partner_month_minor": 30_00})

    assert previewed(desk, capped).after.amount_minor == 30_00
    assert previewed(desk, AFFILIATE).changed == 0
    assert desk.balance("AFF1").available == 100_00
