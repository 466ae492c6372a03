"""The eligibility block: one decision with a reason, seen wherever a payout of the partner stands, lifted by another."""

from __future__ import annotations

import pytest

from core.access import Actor, NotAllowed
from core.drafting import OnHold
from core.eligibility import AlreadyIneligible, NotIneligible, SayWhyBlocked, allow_again, mark_ineligible
from core.guards import blocking_reasons
from core.programs import UnknownPartner
from tests.desk import ADA, MIA, NOW, OLA, Balance, Desk


def block(desk: Desk, code: str = "AFF1", reason: str = "fake sales", actor: Actor = MIA) -> int:
    return desk.decide(lambda conn: mark_ineligible(conn, code, reason=reason, actor=actor, now=NOW))


def allow(desk: Desk, code: str = "AFF1", reason: str = "proved real", actor: Actor = ADA) -> list[int]:
    return desk.decide(lambda conn: allow_again(conn, code, reason=reason, actor=actor, now=NOW))


def test_nothing_is_asked_for_approved_or_sent_until_they_are_allowed_again(desk: Desk) -> None:
    desk.funded()
    payout = desk.request("AFF1", "25.00")

    hold = block(desk)

    with pytest.raises(OnHold) as caught:
        desk.request("AFF1", "25.00")
    assert caught.value.figures["reason"] == "ineligible"
    assert [one.code for one in desk.approve(payout).refused] == ["on_hold"]
    with desk.engine.connect() as conn:
        sentences = [one.sentence for one in blocking_reasons(conn, [payout], now=NOW)[payout]]
    assert "On hold: the partner is not eligible" in sentences
    assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)

    assert allow(desk) == [hold]

    assert desk.approve(payout).done == [payout]
    acts = (
        "SELECT ARRAY[action, actor, details ->> 'note'] FROM audit WHERE action LIKE 'hold.%' ORDER BY seq"
    )
    assert desk.column(acts) == [
        ["hold.placed", "user:mia", "fake sales"],
        ["hold.lifted", "user:ada", "proved real"],
    ]


def test_refuses_by_name(desk: Desk) -> None:
    desk.funded()
    with pytest.raises(SayWhyBlocked):
        block(desk, reason=" ")
    with pytest.raises(UnknownPartner):
        block(desk, "NOBODY")
    with pytest.raises(NotAllowed):
        block(desk, actor=OLA)
    with pytest.raises(NotIneligible):
        allow(desk)
    block(desk)
    with pytest.raises(AlreadyIneligible):
        block(desk)
    assert desk.scalar("SELECT count(*) FROM hold") == 1
