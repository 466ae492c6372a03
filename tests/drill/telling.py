"""What Stripe tells in the drill's world, and what is pulled back there: customers, refunds, events lost and told twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from core.events.applying import apply_due
from core.events.inbox import record_events
from core.events.polling import poll_platform
from core.proposals import confirm, propose
from core.providers.events import ProviderEvent
from core.providers.stripe_answers import StripeRefused
from core.providers.stripe_events import StripeEvents
from core.reversals import reversal_content
from core.reversing import reverse_due
from tests.desk import ABE, ADA
from tests.drill.people import by_two, money, pick, step
from tests.drill.rounds import job_round
from tests.drill.world import PROGRAM, SHARE, World, share
from tests.stripe.parts import Body

PAYMENT = "pay-"  # what the bookings that customers pay for are called


@step
def customer_pays(world: World, who: int, minor: int, *, outside: bool = False) -> str:
    """A customer pays at Stripe for what a partner sold; `outside`: Stripe passes it on to the partner at once."""
    code, booking = world.codes[who % len(world.codes)], f"{PAYMENT}{world.new_number()}"
    metadata = {"program": PROGRAM, "partner": code, "booking": booking, "kind": "booking"}
    destination = f"acct_{code}" if outside else None
    payment = world.fake.service.commerce.pay(minor, "usd", metadata=metadata, destination=destination)
    if not outside:
        world.payments[booking] = (code, payment)
    return "paid"


@step
def customer_gets_back(world: World, which: int, minor: int) -> str:
    """Some of a payment is refunded at Stripe."""
    if not world.payments:
        return "nothing paid"
    _, payment = list(world.payments.values())[which % len(world.payments)]
    gross_minor, gone_minor = paid_and_gone(world, payment)
    if gone_minor == gross_minor:
        return "all is back"
    world.fake.service.commerce.refund(payment, min(minor, gross_minor - gone_minor))
    return "refunded"


def paid_and_gone(world: World, payment: str) -> tuple[int, int]:
    """What a customer paid and what of it went back, as Stripe has it."""
    commerce = world.fake.service.commerce
    charge = commerce.kept["charges"][commerce.kept["payment_intents"][payment]["latest_charge"]]
    return int(charge["amount"]), int(charge["amount_refunded"])


def earned_by_payments(world: World) -> dict[str, int]:
    """What each partner must have of their customers' payments once everything was told, in cents."""
    earned = dict.fromkeys(world.codes, 0)
    for code, payment in world.payments.values():
        gross_minor, gone_minor = paid_and_gone(world, payment)
        whole_minor = share(gross_minor, SHARE)
        earned[code] += whole_minor - share(whole_minor * gone_minor, 100 * ONE / gross_minor)
    return earned


ONE = SHARE / SHARE


@step
def webhooks(world: World, which: Sequence[int]) -> str:
    """Some events arrive by webhook: in any order, some twice, some never."""
    told = world.fake.platform.events
    if not told:
        return "nothing told"
    events = [_event(told[place % len(told)]) for place in which]
    for event in events:
        world.do(lambda c, event=event: record_events(c, "stripe", [event], came_by="webhook", now=world.now))  # type: ignore[misc]
    return "came"


def _event(told: Body) -> ProviderEvent:
    return ProviderEvent(
        ref=told["id"],
        kind=told["type"],
        object_ref=told["data"]["object"]["id"],
        account=told.get("account"),
        created_at=datetime.fromtimestamp(told["created"], UTC),
    )


@step
def hear(world: World, *, poll: bool = True) -> str:
    """The job `events`: read Stripe's list or leave it, and apply what came."""
    source = StripeEvents(rail=world.rail)
    world.seconds.now_s += 61
    try:
        if poll:
            poll_platform(world.desk.engine, source, now=world.now)
        applied = apply_due(world.desk.engine, source, now=world.now)
    except StripeRefused:
        return "stripe was away"
    assert not applied.stuck, f"events are stuck: {applied}"
    return "applied" if applied.applied else "nothing to do"


@step
def agree_on_reversal(world: World, which: int, minor: int) -> str:
    """Two people agree to pull some of a payout back."""
    payout = pick(world.payouts("paid", "reversed"), which)
    if payout is None:
        return "nothing paid"
    proposal = world.do(
        lambda c: propose(
            c,
            "reverse_payout",
            ids=[payout.id],
            why="paid by mistake",
            actor=ADA,
            now=world.now,
            content=reversal_content(money(minor)),
        )
    )
    world.do(lambda c: confirm(c, proposal, actor=ABE, now=world.now))
    return "agreed"


OPEN = """
    SELECT r.idem_key, '/v1/transfers/' || a.provider_ref || '/reversals'
      FROM reversal r JOIN attempt a ON a.payout_id = r.payout_id AND a.state = 'succeeded'
     WHERE r.state IN ('started', 'unknown') ORDER BY r.payout_id, r.n
"""


@step
def pull_back(world: World, fault: str | None = None, which: int = 0) -> str:
    """The job `reversals`, with a fault for one of the calls it makes."""
    under_way = world.rows(OPEN)
    path = None
    if under_way:
        key, path = (str(part) for part in under_way[which % len(under_way)])
        return job_round(world, reverse_due, fault, [key], 0, path=path)
    return job_round(world, reverse_due, None, [], 0)


@step
def prove_reversal_absent(world: World, which: int) -> str:
    """Two people agree that a reversal without an answer was never made."""
    unknown = world.rows("SELECT payout_id FROM reversal WHERE state = 'unknown' ORDER BY payout_id")
    if not unknown:
        return "nothing unknown"
    return by_two(world, "reversal_absent", [int(str(unknown[which % len(unknown)][0]))])
