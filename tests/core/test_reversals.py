"""Pulling a paid payout back takes two people, and what they agreed on is done once, on the simulator too."""

from datetime import timedelta

import pytest

from core.access import Actor, NotAllowed
from core.audit import verify_chain
from core.decisions import UnknownPayout
from core.proposals import confirm, refuse_proposal
from core.providers import Declined, Order, Succeeded, Unknown
from core.reconciling import reconcile
from core.refusals import Refusal
from core.reversals import (
    CannotBeReversed,
    MoreThanOut,
    NotAnAmount,
    NothingOut,
    ReversalUnderWay,
    what_is_out,
)
from core.reversing import reverse_due
from core.second_person import (
    AlreadyProposed,
    NoWhy,
    OutdatedProposal,
    OwnProposal,
    ProposalDecided,
    ProposalExpired,
)
from tests.core.agreeing import confirmed, proposed
from tests.core.pulling_back import agreed_back, asked_back
from tests.core.sending_back import come_back
from tests.desk import ABE, ADA, DAY, HOUR, MIA, NOW, OLA, VIC, Balance, Desk, Rail

MINUTE = timedelta(minutes=1)
PAID = Balance(0, 75_00, 0, 24_75, 25)
NOTHING_DONE = (0, PAID)


@pytest.fixture
def payout(desk: Desk) -> int:
    """24.75 net paid by the simulator, of 100.00 there."""
    payout = desk.approved("AFF1", "25.00")
    desk.send()
    assert desk.balance("AFF1") == PAID
    return payout


def nothing_done(desk: Desk) -> bool:
    return (desk.scalar("SELECT count(*) FROM reversal"), desk.balance("AFF1")) == NOTHING_DONE


def pull(desk: Desk, **settings: object) -> int:
    return reverse_due(desk.engine, desk.simulator(**settings), now=NOW).count


def states(desk: Desk) -> list[object]:
    return desk.column("SELECT state FROM reversal ORDER BY payout_id, n")


class TestProposing:
    def test_binds_how_much_of_what_and_asks_the_provider_nothing(self, desk: Desk, payout: int) -> None:
        proposal = asked_back(desk, payout, "10.00")

        content = desk.scalar("SELECT content FROM proposal WHERE id = :id", id=proposal)
        assert content == {
            "amount_minor": 10_00,
            "currency": "USD",
            "still_out_minor": 24_75,
            "partner_code": "AFF1",
            "provider": "simulator",
            "transfer": desk.scalar("SELECT provider_ref FROM attempt"),
        }
        assert nothing_done(desk)
        assert pull(desk) == 0
        assert desk.column("SELECT action FROM audit ORDER BY seq DESC LIMIT 1") == ["proposal.made"]

    def test_without_an_amount_is_all_that_is_still_out(self, desk: Desk, payout: int) -> None:
        come_back(desk, payout, 4_75)
        proposal = asked_back(desk, payout)
        amount = desk.scalar("SELECT content -> 'amount_minor' FROM proposal WHERE id = :id", id=proposal)
        assert amount == 20_00

    @pytest.mark.parametrize("actor", [MIA, ADA])
    def test_is_a_makers_or_an_approvers_right(self, desk: Desk, payout: int, actor: Actor) -> None:
        asked_back(desk, payout, actor=actor)

    @pytest.mark.parametrize("actor", [OLA, VIC])
    def test_is_nobody_elses(self, desk: Desk, payout: int, actor: Actor) -> None:
        with pytest.raises(NotAllowed):
            asked_back(desk, payout, actor=actor)
        assert desk.scalar("SELECT count(*) FROM proposal") == 0

    @pytest.mark.parametrize(
        ("amount", "refusal"),
        [
            ("24.76", MoreThanOut),
            ("0.00", NotAnAmount),
            ("-1.00", NotAnAmount),
            ("1,00", NotAnAmount),
            ("nan", NotAnAmount),
            ("1.001", NotAnAmount),
            ("1e1", NotAnAmount),
        ],
    )
    def test_refuses_what_is_no_amount_or_more_than_is_out(
        self, desk: Desk, payout: int, amount: str, refusal: type[Refusal]
    ) -> None:
        with pytest.raises(refusal):
            asked_back(desk, payout, amount)
        assert nothing_done(desk)

    def test_refuses_what_was_not_paid_came_back_or_does_not_exist(self, desk: Desk, payout: int) -> None:
        pending = desk.request(desk.funded("AFF2"), "25.00")
        with pytest.raises(NothingOut):
            asked_back(desk, pending)
        with pytest.raises(UnknownPayout):
            asked_back(desk, 999)
        come_back(desk, payout, 24_75)
        with pytest.raises(NothingOut):
            asked_back(desk, payout)

    def test_refuses_what_a_provider_paid_that_gives_nothing_back(self, desk: Desk) -> None:
        by_rail = desk.approved("AFF3")
        desk.send(Rail())
        assert desk.status(by_rail) == "paid"
        with pytest.raises(CannotBeReversed):
            asked_back(desk, by_rail)
        with desk.engine.connect() as conn:
            assert not what_is_out(conn, by_rail).can_be_reversed

    def test_refuses_a_second_one_while_the_first_has_no_outcome(self, desk: Desk, payout: int) -> None:
        agreed_back(desk, payout, "1.00")
        with pytest.raises(ReversalUnderWay):
            asked_back(desk, payout, "2.00")
        pull(desk)
        asked_back(desk, payout, "2.00")

    def test_refuses_the_same_again_and_one_without_a_reason(self, desk: Desk, payout: int) -> None:
        asked_back(desk, payout, "1.00")
        with pytest.raises(AlreadyProposed):
            asked_back(desk, payout, "1.00", actor=ABE)
        with pytest.raises(NoWhy):
            desk.decide(lambda conn: refuse_proposal(conn, 1, note=" ", actor=ADA, now=NOW))


class TestConfirming:
    def test_is_another_approvers(self, desk: Desk, payout: int) -> None:
        proposal = asked_back(desk, payout, actor=ADA)
        for actor, refusal in ((ADA, OwnProposal), (MIA, NotAllowed), (OLA, NotAllowed), (VIC, NotAllowed)):
            with pytest.raises(refusal):
                confirmed(desk, proposal, actor=actor)
        assert nothing_done(desk)

        confirmed(desk, proposal, actor=ABE)

        assert desk.balance("AFF1") == PAID  # the provider has not been asked yet
        assert states(desk) == ["started"]
        assert desk.scalar("SELECT idem_key = 'rv_' || ref || '_' || n FROM reversal") is True

    def test_happens_once(self, desk: Desk, payout: int) -> None:
        proposal = asked_back(desk, payout, "1.00")
        confirmed(desk, proposal)
        with pytest.raises(ProposalDecided):
            confirmed(desk, proposal, actor=ABE)
        assert desk.scalar("SELECT count(*) FROM reversal") == 1

    def test_too_late_or_refused_changes_nothing(self, desk: Desk, payout: int) -> None:
        proposal = asked_back(desk, payout)
        with pytest.raises(ProposalExpired):
            desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW + DAY))
        desk.decide(lambda conn: refuse_proposal(conn, proposal, note="no", actor=ADA, now=NOW))
        assert nothing_done(desk)

    def test_is_refused_when_money_came_back_meanwhile(self, desk: Desk, payout: int) -> None:
        proposal = asked_back(desk, payout, "1.00")
        come_back(desk, payout, 1_00)
        with pytest.raises(OutdatedProposal):
            confirmed(desk, proposal)
        assert states(desk) == []

    def test_of_two_proposals_counts_once_and_never_above_what_was_paid(
        self, desk: Desk, payout: int
    ) -> None:
        first, second = asked_back(desk, payout, "24.00"), asked_back(desk, payout, "1.00")
        confirmed(desk, first)
        with pytest.raises(OutdatedProposal):
            confirmed(desk, second)
        pull(desk)
        with pytest.raises(OutdatedProposal):
            confirmed(desk, second)
        assert desk.column("SELECT amount_minor FROM reversal") == [24_00]
        assert desk.faults() == []


class TestOnTheSimulator:
    def test_what_was_agreed_on_comes_back_once_on_hold_and_every_act_is_in_the_trail(
        self, desk: Desk, payout: int
    ) -> None:
        agreed_back(desk, payout, "10.00")

        assert [pull(desk) for _ in range(3)] == [1, 0, 0]

        assert desk.balance("AFF1") == Balance(10_00, 75_00, 0, 14_75, 25)
        assert desk.column("SELECT amount_minor FROM simulator_reversal") == [10_00]
        note = desk.scalar("SELECT note FROM hold WHERE reason = 'review' AND closed_at IS NULL")
        assert note == f"Payout {payout} came back: pulled back by mia and ada: paid to the wrong one"
        trail = desk.column("SELECT action FROM audit ORDER BY seq DESC LIMIT 5")
        assert trail[::-1] == [
            "proposal.made",
            "payout.reversal_agreed",
            "proposal.confirmed",
            "payout.returned",
            "payout.reversal_succeeded",
        ]
        with desk.engine.connect() as conn:
            assert verify_chain(conn).broken_at is None
        assert desk.faults() == []

    def test_whole_in_parts_makes_it_reversed_and_its_books_show_it(self, desk: Desk, payout: int) -> None:
        for amount in ("10.00", "14.00", "0.75"):
            agreed_back(desk, payout, amount)
            pull(desk)

        assert desk.status(payout) == "reversed"
        assert states(desk) == ["succeeded"] * 3
        (shown,) = desk.simulator().list_transfers(NOW - DAY, NOW + DAY)
        assert (shown.amount_minor, shown.reversed_minor) == (24_75, 24_75)
        assert desk.simulator(balance={"USD": 100_00}).balance_minor("USD") == 100_00
        assert reconcile(desk.engine, desk.simulator(), now=NOW + HOUR).count == 0
        assert desk.faults() == []

    def test_without_an_answer_is_asked_again_and_done_once(self, desk: Desk) -> None:
        payouts = [desk.approved(f"AFF{number}") for number in range(8)]
        desk.send()
        for payout in payouts:
            agreed_back(desk, payout)
        silent = desk.simulator(silence=1)

        assert reverse_due(desk.engine, silent, now=NOW).unknown == 8
        done = desk.scalar("SELECT count(*) FROM simulator_reversal")
        assert isinstance(done, int)
        assert 0 < done < 8  # some of it happened before the silence
        assert desk.faults() == []
        assert reverse_due(desk.engine, silent, now=NOW + MINUTE).succeeded == 8

        assert desk.scalar("SELECT count(*) FROM simulator_reversal") == 8
        assert desk.scalar("SELECT sum(amount_minor) FROM ledger_transfer WHERE kind = 'return'") == 8 * 24_75
        assert desk.faults() == []

    def test_what_its_books_do_not_hold_is_proved_absent_by_two_people_only(
        self, desk: Desk, payout: int
    ) -> None:
        agreed_back(desk, payout)
        broken = Mute()
        for hours in (0, 24, 25):
            reverse_due(desk.engine, broken, now=NOW + hours * HOUR)
        with pytest.raises(Refusal):
            proposed(desk, "reversal_absent", payout)
        reverse_due(desk.engine, broken, now=NOW + 26 * HOUR)

        proposal = proposed(desk, "reversal_absent", payout)
        with pytest.raises(OwnProposal):
            confirmed(desk, proposal, actor=OLA)
        assert states(desk) == ["unknown"]
        confirmed(desk, proposal)

        assert states(desk) == ["absent"]
        assert desk.balance("AFF1") == PAID
        assert pull(desk) == 0
        agreed_back(desk, payout)
        assert pull(desk) == 1
        assert desk.status(payout) == "reversed"
        assert desk.faults() == []

    def test_only_counted_changes_nothing(self, desk: Desk, payout: int) -> None:
        agreed_back(desk, payout, "10.00")
        counted = reverse_due(desk.engine, desk.simulator(), now=NOW, dry_run=True)
        assert (counted.count, dict(counted.amounts)) == (1, {"USD": 10_00})
        assert states(desk) == ["started"]

    def test_a_cleared_limit_and_a_stop_of_the_process_are_kept_to(self, desk: Desk) -> None:
        for number in range(3):
            payout = desk.approved(f"AFF{number}")
            desk.send()
            agreed_back(desk, payout)
        assert reverse_due(desk.engine, desk.simulator(), now=NOW, limit=1).count == 1
        assert reverse_due(desk.engine, desk.simulator(), now=NOW, stopping=lambda: True).count == 0
        assert states(desk).count("succeeded") == 1


class Mute(Rail):
    """The simulator's name, and no answer ever: what is asked of it never arrives."""

    name = "simulator"

    def send(self, order: Order) -> Succeeded | Declined | Unknown:
        raise TimeoutError(order.key)
