"""Partners: balances that agree with everything behind them."""

import pytest
from sqlalchemy import Connection, text

from core.programs import UnknownPartner
from core.reads.partner import partner_story
from core.reads.partners import SORTS, PartnerFilter, list_partners, partner_totals
from core.reads.summary import summary
from tests.builders import DAY, NOW, balance, earning, hold, insert, own_terms, partner, payout
from tests.core.reads.desk import one_of_each, preset, queued, rows_by


def test_the_summary_keeps_its_identity_in_every_state_of_money(conn: Connection):
    for code in one_of_each(conn):
        who = conn.execute(text("SELECT id FROM partner WHERE code = :code"), {"code": code}).scalar_one()
        earning(conn, who, 700)
        earning(conn, who, 90, is_held=True)
        earning(conn, who, -40, kind="deduction")
        told = summary(conn, code, now=NOW)
        earned = conn.execute(
            text("SELECT sum(amount_minor) FROM earning WHERE partner_id = :who AND kind <> 'return'"),
            {"who": who},
        ).scalar_one()
        assert told["total_earnings_minor"] == earned
        parts = ("total_paid_out", "pending_payouts", "available_balance", "held_balance")
        assert sum(int(str(told[f"{part}_minor"])) for part in parts) == earned
        assert told["payout_count"] == 1


def test_the_summary_of_a_paid_partner_is_gross_and_exact(conn: Connection):
    made = one_of_each(conn)
    assert summary(conn, "paid", now=NOW) == {
        "partner_code": "paid",
        "tier": None,
        "currency": "USD",
        "total_earnings_minor": 10_000,
        "total_paid_out_minor": 10_000,
        "pending_payouts_minor": 0,
        "available_balance_minor": 0,
        "held_balance_minor": 0,
        "minimum_payout_minor": 0,
        "payout_count": 1,
        "last_payout": {"id": made["paid"], "amount_minor": 10_000, "status": "paid", "processed_at": NOW},
    }


def test_the_summary_takes_the_minimum_of_the_tier_and_refuses_a_stranger(conn: Connection):
    program_id = preset(conn, "reseller")
    tiers = conn.execute(
        text("SELECT jsonb_object_keys(terms -> 'tiers') FROM policy WHERE program_id = :id"),
        {"id": program_id},
    ).scalars()
    minimums = set()
    for number, tier in enumerate(tiers):
        partner(conn, program_id, f"T{number}", tier=tier)
        told = summary(conn, f"T{number}", now=NOW)
        assert told["last_payout"] is None
        minimums.add(told["minimum_payout_minor"])
    assert minimums == {5_000, 10_000, 100_000, 20_000}
    with pytest.raises(UnknownPartner):
        summary(conn, "nobody", now=NOW)


def test_a_partners_tables_add_up_to_the_balance(conn: Connection):
    who = partner(conn, preset(conn), "SUMS")
    earning(conn, who, 100, is_held=True)
    earning(conn, who, 50, is_held=True, release_at=NOW + 6 * DAY)
    earning(conn, who, 700)
    earning(conn, who, -30, kind="deduction")
    payout(conn, who, [earning(conn, who, 400)])
    told = partner_story(conn, "SUMS", now=NOW, masked=False)
    assert told is not None
    now = balance(conn, who)
    assert (told.balance.held_minor, told.balance.available_minor, told.balance.reserved_minor) == (
        150,
        670,
        400,
    )
    assert told.held["amount_minor"].sum() == now.held
    assert told.held[["days_left", "held_by", "amount_minor"]].to_numpy().tolist() == [
        [1, "maturity", 100],
        [6, "maturity", 50],
    ]
    by_state = told.earnings.groupby("state")["amount_minor"].sum().to_dict()
    assert by_state == {"held": now.held, "available": now.available, "reserved": now.reserved}
    assert told.open_items.groupby("state")["amount_minor"].sum().to_dict() == {"held": 150, "available": 670}
    assert told.statement["balance_minor"].iloc[0] == now.held + now.available
    assert told.balance.next_release_at == NOW + DAY
    assert told.payouts["amount_minor"].tolist() == [400]


def test_the_statement_names_the_source_of_a_part_and_not_its_key(conn: Connection):
    who = partner(conn, preset(conn), "PARTS")
    whole = earning(conn, who, 500, source_ref="order-7")
    earning(conn, who, -200, kind="carry_out", corrects_id=whole, source_ref="payout:b1cdb4c5")
    told = partner_story(conn, "PARTS", now=NOW, masked=True)
    assert told is not None
    assert told.statement[["earning_kind", "reference", "amount_minor"]].to_numpy().tolist() == [
        ["carry_out", "order-7", -200],
        ["commission", "order-7", 500],
    ]


def test_terms_name_the_level_that_supplied_them(conn: Connection):
    own_terms(conn, partner(conn, preset(conn, "reseller"), "TERMS", tier="2"), {"hold_days": 3})
    told = partner_story(conn, "TERMS", now=NOW, masked=True)
    assert told is not None
    terms = rows_by(told.terms, "term")
    held = terms["Held after the event"]
    assert (held["value"], held["level"]) == ("3 days", "partner")
    assert terms["Held after a new destination"]["value"] == "7 days"
    assert (told.schedule, told.next_slot) == ("on request", None)
    assert (told.header.name, told.header.email, told.header.account) == (None, None, None)


def test_the_list_says_why_someone_is_not_paid(conn: Connection):
    held = queued(conn, "HOLD", 100)
    assert held
    hold(conn, conn.execute(text("SELECT id FROM partner WHERE code = 'HOLD'")).scalar_one(), "kyc")
    poor = partner(conn, preset(conn), "POOR")
    insert(
        conn,
        "skip",
        {
            "run_id": 1,
            "partner_id": poor,
            "slot": NOW,
            "reason": "below_minimum",
            "figures": '{"amount": "37.60", "short": "12.40", "minimum": "50.00", "sentence": "said"}',
            "at": NOW,
        },
    )
    partner(conn, preset(conn), "NOWHERE", has_destination=False)
    partner(conn, preset(conn), "FINE")
    rows = list_partners(conn, PartnerFilter(), now=NOW, masked=True).frame.set_index("code")
    assert rows["why_not_code"].to_dict() == {
        "FINE": None,
        "HOLD": "kyc",
        "NOWHERE": "no_destination",
        "POOR": "below_minimum",
    }
    assert rows.loc["HOLD", "why_not"] == "On hold: the partner's identity is not verified"
    assert rows.loc["POOR", "why_not"] == "Below the minimum by $12.40: $37.60 of $50.00"


@pytest.mark.parametrize("sort", SORTS)
def test_pages_of_partners_visit_everyone_once_and_totals_are_their_sums(conn: Connection, sort: str):
    for number in range(11):
        who = partner(conn, preset(conn), f"N{number:02}", name=f"Name {number % 3}")
        earning(conn, who, 100 * (number % 4) + 1)
    seen, cursor = [], None
    frames = []
    while True:
        page = list_partners(
            conn, PartnerFilter(search="n"), now=NOW, masked=False, sort=sort, cursor=cursor, limit=4
        )
        frames.append(page.frame)
        seen += list(page.frame["code"])
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == [f"N{number:02}" for number in range(11)]
    (row,) = partner_totals(conn, PartnerFilter(search="n"), masked=False).to_dict("records")
    assert (row["currency"], row["count"]) == ("USD", 11)
    assert row["available_minor"] == sum(int(frame["available_minor"].sum()) for frame in frames)
