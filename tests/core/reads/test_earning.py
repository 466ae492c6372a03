"""Why an earning is this much: its lines add up to it, whatever kind it is, and lead back to the sale."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.reads.earning import EarningStory, UnknownEarning, earning_story
from tests.desk import DAY, NOW, Desk

OCTOBER = datetime(2026, 10, 10, 12, tzinfo=UTC)


def story(desk: Desk, kind: str = "%", *, masked: bool = False) -> EarningStory:
    earning_id = desk.scalar("SELECT max(id) FROM earning WHERE kind LIKE :kind", kind=kind)
    assert isinstance(earning_id, int)
    with desk.engine.connect() as conn:
        return earning_story(conn, earning_id, now=NOW, masked=masked)


def every(desk: Desk) -> list[EarningStory]:
    with desk.engine.connect() as conn:
        return [
            earning_story(conn, int(str(id_)), now=NOW, masked=False)
            for id_ in desk.column("SELECT id FROM earning ORDER BY id")
        ]


def lines(told: EarningStory) -> list[tuple[str, str, int]]:
    return [(str(line), str(how), int(minor)) for line, how, minor in told.lines.to_numpy().tolist()]


def test_a_booking_says_its_share_and_what_the_platform_keeps(desk: Desk) -> None:
    desk.partner("CRE1", program="creator")
    desk.sale("CRE1", "70.00", ref="b-1", program="creator", kind="booking")
    told = story(desk)

    assert lines(told) == [("Booking", "90% of €70.00; the platform keeps €7.00", 63_00)]
    assert (told.header.sale_ref, told.header.policy_version) == ("b-1", 1)
    assert told.header.state == "held"


def test_a_commission_is_as_it_arrived(desk: Desk) -> None:
    desk.partner("AFF1")
    desk.sale("AFF1", "25.00", ref="s-1")
    assert lines(story(desk)) == [("Commission", "as it arrived with the sale", 25_00)]


def test_a_bounty_says_when_its_customer_signed_up_and_until_when_they_stayed(desk: Desk) -> None:
    desk.partner("BRK1", program="broker-bounty")
    desk.customer("cleo", "BRK1", signed_up=datetime(2026, 8, 1, 9, 30, tzinfo=UTC))
    desk.accrue()
    told = story(desk, "bounty")

    assert lines(told) == [("Bounty", "signed up 1 Aug 2026 09:30, still active 30 Sep 2026 09:30", 500_00)]
    assert told.header.commission == "$500.00 once per customer active for 60 days"


def test_a_deduction_of_a_file_is_nobodys_entry(desk: Desk) -> None:
    desk.partner("BAR1", program="barber")
    desk.sale("BAR1", "-50.00", ref="rent", program="barber", kind="deduction")
    assert lines(story(desk)) == [("Deduction", "as it arrived with the sale", -50_00)]


def test_a_month_says_services_rate_and_bonus(desk: Desk) -> None:
    desk.partner("BAR1", program="barber")
    for n in range(51):
        desk.sale("BAR1", "200.00", ref=f"v-{n}", program="barber", kind="service", at=OCTOBER)
    desk.accrue()
    told = story(desk, "period")

    assert lines(told) == [
        ("51 services in October 2026", "72% of $10,200.00", 7_344_00),
        ("Bonus on the gross of October 2026", "2 points on $10,200.00", 204_00),
    ]


def test_a_split_leads_to_its_earning_and_its_parts_to_each_other(desk: Desk) -> None:
    desk.partner("AFF1")
    desk.sale("AFF1", "25.00", ref="s-1")
    desk.release()
    payout_id = desk.request("AFF1", "10.00")
    told = story(desk, "commission")

    assert {str(kind) for kind in told.relatives["kind"]} == {"carry_out", "carry_in"}
    assert list(told.payouts["id"]) == [payout_id]
    assert (told.header.state, told.header.payout_id) == ("reserved", payout_id)
    for one in every(desk):
        assert sum(minor for _, _, minor in lines(one)) == one.header.amount_minor, one.header.kind


def test_names_are_left_out_when_masked_and_nothing_is_refused_by_name(desk: Desk) -> None:
    desk.partner("AFF1")
    desk.sale("AFF1", "25.00", ref="s-1", at=NOW - DAY)
    assert story(desk).header.partner_name == "Ana Silva"
    assert story(desk, masked=True).header.partner_name is None
    with pytest.raises(UnknownEarning), desk.engine.connect() as conn:
        earning_story(conn, 999_999, now=NOW, masked=False)
