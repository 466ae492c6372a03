"""The moments in which a worker is killed: for each job of the desk, a desk with work for it, and how it is finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from core.claiming import claim_payout
from core.proposals import confirm, propose
from core.reversals import reversal_content
from core.reversing import reverse_due
from core.sending import send_due
from tests.desk import ADA, DAY, HOUR, MIA
from tests.drill.desks import Place, approved, asked_for, partners, sales

MINUTE = timedelta(minutes=1)
# When a fresh worker sends and asks again, in seconds after the kill: minutes, or until a silence is people's.
LATER = (0, 120, 600)
UNTIL_PEOPLE = (*LATER, 3_600, 7_200, 14_400, 21_600)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Work for these jobs; `prepare` returns the payouts that an "approve" among them decides on."""

    name: str
    jobs: Sequence[str]
    prepare: Callable[[Place], Sequence[int]]
    later_s: Sequence[float] = LATER


def to_send(place: Place) -> Sequence[int]:
    """One to be paid, one to an account that cannot be paid, and one whose process died before anything left."""
    *_, orphan = approved(place.desk, 3)
    place.fake.platform.add_account("acct_AFF1", capabilities={"transfers": "inactive"})
    assert place.desk.decide(lambda conn: claim_payout(conn, orphan, place.rail(), now=place.now)) is not None
    place.end_leases()
    return ()


def one_to_send(place: Place) -> Sequence[int]:
    """A single approved payout: the send protocol and nothing else."""
    approved(place.desk, 1)
    return ()


def two_to_send(place: Place) -> Sequence[int]:
    """Two approved payouts."""
    approved(place.desk, 2)
    return ()


def silent(place: Place) -> Sequence[int]:
    """Two answers lost under living keys, one made and one not, and the same two a day ago, when keys are forgotten."""
    payouts = approved(place.desk, 4)
    for payout, kind in zip(payouts, ("drop_after", "drop_before", "drop_after", "drop_before"), strict=True):
        if payout == payouts[2]:
            place.pass_time(25 * HOUR)
        place.fake.fault(kind)  # type: ignore[arg-type]
        send_due(place.desk.engine, place.rail(), now=place.now, only=payout)
    place.pass_time(2 * MINUTE)
    return ()


def refused_for_now(place: Place) -> Sequence[int]:
    """Two payouts that Stripe refused for a day, due again."""
    payouts = approved(place.desk, 2)
    place.fake.fault(
        "error", status=400, type="invalid_request_error", code="payouts_limit_exceeded", times=len(payouts)
    )
    send_due(place.desk.engine, place.rail(), now=place.now)
    assert [place.desk.status(payout) for payout in payouts] == ["retrying"] * 2
    place.pass_time(2 * DAY)
    return ()


def to_release(place: Place) -> Sequence[int]:
    """Sales that have matured, none released yet."""
    sales(place.desk, partners(place.desk, 3), ref="s")
    return ()


def to_queue(place: Place) -> Sequence[int]:
    """Partners with money available whose schedule comes round."""
    sales(place.desk, partners(place.desk, 3), ref="s")
    place.desk.release(now=place.now)
    place.pass_time(35 * DAY)
    return ()


def to_approve(place: Place) -> Sequence[int]:
    """Payouts that wait for a person."""
    return asked_for(place.desk, partners(place.desk, 2), ref="s", now=place.now)


def to_reconcile(place: Place) -> Sequence[int]:
    """Paid payouts, and one transfer that somebody made by hand at Stripe."""
    approved(place.desk, 2)
    send_due(place.desk.engine, place.rail(), now=place.now)
    by_hand = {"amount": "1234", "currency": "usd", "destination": "acct_AFF0"}
    place.fake.platform.create_transfer(by_hand, key=None)
    place.pass_time(DAY)
    return ()


def to_reverse(place: Place) -> Sequence[int]:
    """Two paid payouts of which two people agreed to pull some back, and one whose reversal got no answer."""
    payouts = approved(place.desk, 3)
    send_due(place.desk.engine, place.rail(), now=place.now)
    for payout in (payouts[2], *payouts[:2]):
        content = reversal_content("10.00")
        made = place.desk.decide(
            partial(
                propose,
                kind="reverse_payout",
                ids=[payout],
                why="paid too much",
                actor=MIA,
                now=place.now,
                content=content,
            )
        )
        place.desk.decide(partial(confirm, proposal_id=made, actor=ADA, now=place.now))
        if payout == payouts[2]:
            made_by = "SELECT provider_ref FROM attempt WHERE payout_id = :id AND state = 'succeeded'"
            transfer = place.desk.scalar(made_by, id=payout)
            place.fake.fault("drop_after", path=f"/v1/transfers/{transfer}/reversals")
            assert reverse_due(place.desk.engine, place.rail(), now=place.now).unknown == 1
            place.pass_time(2 * MINUTE)
    return ()


def told(place: Place) -> Sequence[int]:
    """News at Stripe that nobody here has heard: money that came back, a customer's payment and refund, an account."""
    approved(place.desk, 3)
    send_due(place.desk.engine, place.rail(), now=place.now)
    first, second, _ = place.fake.books()
    place.fake.platform.reverse(first.transfer, {"amount": "1000"}, key=None)
    place.fake.platform.reverse(second.transfer, {}, key=None)
    customers = place.fake.service.commerce
    customers.pay(70_00, "usd", metadata={"partner": "AFF0", "order": "o1"})
    customers.refund(customers.pay(50_00, "usd", metadata={"partner": "AFF1", "order": "o2"}))
    place.fake.platform.change_account("acct_AFF2", payouts_enabled=False)
    place.pass_time(MINUTE)
    return ()


STAGES = (
    Stage(name="send", jobs=["send"], prepare=to_send),
    Stage(name="resolve", jobs=["resolve"], prepare=silent, later_s=UNTIL_PEOPLE),
    Stage(name="retry", jobs=["retry"], prepare=refused_for_now),
    Stage(name="release", jobs=["release"], prepare=to_release),
    Stage(name="queue", jobs=["queue"], prepare=to_queue),
    Stage(name="approve", jobs=["approve", "send"], prepare=to_approve),
    Stage(name="reconcile", jobs=["reconcile"], prepare=to_reconcile),
    Stage(name="reversals", jobs=["reversals"], prepare=to_reverse),
    Stage(name="events", jobs=["events"], prepare=told),
)
QUICK = (Stage(name="send one", jobs=["send"], prepare=one_to_send, later_s=()),)
