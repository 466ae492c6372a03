"""An account that changed against the sender, itself and a person, in both orders: no payout leaves to what nobody approved."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from core.access import job_actor
from core.accounts import note_account
from core.providers.readiness import GONE, Readiness
from core.returns import book_return
from tests.desk import NOW, Balance, Desk, Rail
from tests.faults import sides
from tests.faults.racing import Side, meet

WHOLE, RESERVED_25 = Balance(0, 100_00, 0, 0, 0), Balance(0, 75_00, 25_00, 0, 0)
OTHER_BANK = Readiness(banks=("another bank",))


@pytest.fixture(autouse=True)
def the_books_balance_in_the_end(desk: Desk):
    yield
    assert desk.faults() == []


@pytest.fixture
def payout(desk: Desk) -> int:
    """25.00 approved of 100.00, to an account whose bank is known."""
    payout = desk.approved()
    see(Readiness(banks=("the bank",)))(desk.engine)
    return payout


def see(seen: Readiness) -> Side:
    """Somebody keeps what the provider showed of the account."""

    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            return note_account(
                conn, "stripe", "acct_1", seen, asked_ago_s=0, actor=job_actor("events"), now=NOW
            )

    return side


@pytest.mark.parametrize(
    ("seen", "reason"), [(OTHER_BANK, "destination_changed"), (GONE, "destination_failed")]
)
class TestAnAccountThatChanged:
    def test_first_keeps_the_payout_here(
        self, desk: Desk, database: str, payout: int, seen: Readiness, reason: str
    ) -> None:
        first, second = meet(database, see(seen), sides.claim(payout), at=None)

        assert ("1 payouts pulled back" in first, second) == (True, "passed over")
        assert desk.send(Rail()).count == 0
        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", WHOLE)
        assert desk.column("SELECT reason FROM hold") == [reason]

    def test_after_the_claim_holds_what_comes_next_and_lets_it_end(
        self, desk: Desk, database: str, payout: int, seen: Readiness, reason: str
    ) -> None:
        first, second = meet(database, sides.claim(payout), see(seen))

        assert (first, "0 payouts pulled back" in second) == ("claimed", True)
        assert (desk.status(payout), desk.balance("AFF1")) == ("processing", RESERVED_25)
        assert desk.column("SELECT reason FROM hold") == [reason]

    def test_is_acted_on_once_by_two_who_see_it_at_once(
        self, desk: Desk, database: str, payout: int, seen: Readiness, reason: str
    ) -> None:
        first, second = meet(database, see(seen), see(seen))

        assert ("pulled back" in first, "pulled back" in second) == (True, False)
        assert desk.column("SELECT reason FROM hold") == [reason]
        assert (desk.status(payout), desk.balance("AFF1")) == ("cancelled", WHOLE)

    def test_against_an_approval_leaves_nothing_approved(
        self, desk: Desk, database: str, payout: int, seen: Readiness, reason: str
    ) -> None:
        desk.funded("AFF2")
        pending = desk.request("AFF2", "25.00")

        assert meet(database, sides.approve(pending), see(seen))[0] == "done"

        assert [desk.status(each) for each in (payout, pending)] == ["cancelled", "cancelled"]
        assert desk.column("SELECT reason FROM hold ORDER BY id") == [reason] * 2


def test_a_reversal_told_by_an_event_and_by_our_own_answer_at_once_is_booked_once(
    desk: Desk, database: str
) -> None:
    payout = desk.approved()
    assert desk.send(Rail()).succeeded == 1
    assert desk.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)

    def back(by: str) -> Side:
        def side(engine: Engine) -> str:
            with engine.begin() as conn:
                booked = book_return(
                    conn, payout, amount_minor=10_00, event_ref="trr_1", reason="came back",
                    actor=job_actor(by), now=NOW,
                )  # fmt: skip
            return "known" if booked.again else "booked"

        return side

    assert meet(database, back("events"), back("reverse")) == ("booked", "known")

    assert desk.balance("AFF1") == Balance(10_00, 75_00, 0, 14_75, 25)
