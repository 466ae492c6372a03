"""What the desk's jobs, its workers and Stripe do in the drill's world: rounds with faults, deaths, and other people's hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from core.claiming import claim_payout
from core.outcomes import record_outcome
from core.providers.stripe_answers import StripeRefused
from core.reconciling import reconcile
from core.resolving import resolve_due
from core.sending import SendResult, send_due
from tests.drill.people import pick, step
from tests.drill.world import KEY_LIVES, Worker, World
from tests.stripe.faults import Fault, Gate
from tests.stripe.parts import Body
from tests.stripe.platform import Platform

INVALID = {"type": "invalid_request_error"}
# By the name a schedule draws it by; `delay_before` hangs in the network until time passes.
FAULTS: dict[str, dict[str, object]] = {
    "refuse": {},
    "drop_before": {},
    "drop_after": {},
    "delay_before": {},
    "delay_after": {"seconds": 0.6},
    "half_body": {},
    "html": {},
    "empty": {},
    "wrong_amount": {"kind": "edit", "values": {"amount": 1}},
    "wrong_account": {"kind": "edit", "values": {"destination": "acct_else"}},
    "no_id": {"kind": "edit", "without": ("id",)},
    "altered": {"kind": "alter", "values": {"amount": "101"}},
    "bad_request": {"kind": "error", "status": 400, **INVALID},
    "no_account": {"kind": "error", "status": 400, "code": "resource_missing", **INVALID},
    "limit": {"kind": "error", "status": 400, "code": "payouts_limit_exceeded", **INVALID},
    "no_money": {"kind": "error", "status": 400, "code": "balance_insufficient", **INVALID},
    "no_money_once": {
        "kind": "error",
        "status": 400,
        "code": "balance_insufficient",
        "kept": False,
        **INVALID,
    },
    "key_refused": {"kind": "error", "status": 401, "kept": False, **INVALID},
    "in_use": {"kind": "error", "status": 409, "code": "idempotency_key_in_use", "kept": False, **INVALID},
    "dependency": {"kind": "error", "status": 424, "kept": False},
    "too_many": {"kind": "error", "status": 429, "code": "rate_limit", "kept": False, "times": 9, **INVALID},
    "broken": {"kind": "error", "status": 500},
    "broken_for_now": {"kind": "error", "status": 503, "kept": False},
    "broken_after": {"kind": "error_after", "status": 500},
    "page": {"status": 502},
}
SLOW = frozenset({"delay_before", "delay_after"})


def _faulty(
    world: World, name: str, key: str | None, *, sticky: bool = False, path: str | None = None
) -> None:
    how: dict[str, object] = {"kind": name, "times": None if sticky or key is None else 1} | FAULTS[name]
    if path is not None:
        how["path"] = path
    if name == "delay_before":
        gate = Gate()
        world.gates.append(gate)
        how["gate"] = gate
    if name == "altered" and key is not None:
        world.altered.add(key)
    world.fake.service.faults.add(Fault(key=key, **how))  # type: ignore[arg-type]


def job_round(
    world: World,
    work: Callable[..., SendResult],
    fault: str | None,
    keys: list[str],
    which: int,
    *,
    sticky: bool = False,
    path: str | None = None,
    **how: object,
) -> str:
    """One run of a job, with a fault for one of its keys or, where `which` runs past them, for every request."""
    if fault is not None:
        if fault == "altered":
            which %= max(len(keys), 1)
        key = keys[which] if which < len(keys) else None
        if key is not None or fault != "altered":
            _faulty(world, fault, key, sticky=sticky, path=path)
    rail = world.hasty if fault in SLOW else world.rail
    world.seconds.now_s += 61
    try:
        result = work(world.desk.engine, rail, now=world.now, **how)
    except StripeRefused:
        return "stripe was away"
    finally:
        if not sticky:
            world.fake.service.faults.clear()
    world.figures["succeeded"] += result.succeeded
    world.figures["declined"] += result.declined
    world.figures["unknown"] += result.unknown
    return "done" if result.count else "nothing due"


@step
def send(
    world: World, fault: str | None = None, which: int = 0, *, sticky: bool = False, retrying: bool = False
) -> str:
    tries = world.attempts()
    keys = [
        f"po_{payout.ref}_{1 + sum(one.payout_id == payout.id for one in tries)}"
        for payout in world.payouts("approved", "retrying")
    ]
    keys += [one.key for one in tries if one.state == "started"]
    return job_round(
        world, send_due, fault, keys, which, sticky=sticky, gate=world.gate, retrying_only=retrying
    )


@step
def resolve(world: World, fault: str | None = None, which: int = 0, *, sticky: bool = False) -> str:
    keys = [one.key for one in world.attempts("unknown")]
    return job_round(world, resolve_due, fault, keys, which, sticky=sticky, gate=world.gate)


@step
def calm(world: World) -> str:
    """Nothing goes wrong any more, but for what already has."""
    world.fake.service.faults.clear()
    world.fake.platform.list_lag = timedelta()
    return "calm"


@step
def restart(world: World) -> str:
    """The desk's process is started anew: its way to Stripe is shut until both books have been looked at."""
    world.start_process()
    return "restarted"


@step
def stand_still(world: World, which: int, *, sent: bool, fault: str | None = None) -> str:
    """A worker claims a payout and stands still there, or once it has sent: whether it died is seen later."""
    payout = pick(world.payouts("approved", "retrying"), which)
    if payout is None:
        return "nothing approved"
    claim = world.do(lambda c: claim_payout(c, payout.id, world.rail, now=world.now))
    if claim is None:
        return "may not leave"
    if fault in SLOW:
        fault = None
    if sent and fault is not None:
        _faulty(world, fault, claim.order.key, sticky=False)
    world.workers.append(Worker(claim, world.rail.send(claim.order) if sent else None))
    world.fake.service.faults.clear()
    return "stands"


@step
def wake(world: World, which: int) -> str:
    """The worker goes on, however much later, and writes only if the attempt is still its own."""
    if not world.workers:
        return "nobody stands"
    worker = world.workers.pop(which % len(world.workers))
    order = worker.claim.order
    began = next(one.started_at for one in world.attempts() if one.key == order.key)
    if worker.outcome is None and world.now - began >= KEY_LIVES:
        return "died"
    outcome = worker.outcome or world.rail.send(order)
    epoch = worker.claim.lease_epoch
    counted = world.do(
        lambda c: record_outcome(
            c, order, outcome, lease_epoch=epoch, what="send", duration_ms=1, now=world.now
        )
    )
    return "wrote" if counted else "too late"


@step
def release(world: World) -> str:
    return "released" if world.desk.release(now=world.now).count else "nothing due"


@step
def queue(world: World) -> str:
    return "queued" if world.desk.queue(now=world.now, run_id=world.new_number()).count else "nothing due"


@step
def look_at_books(world: World) -> str:
    """Reconcile: what was made by hand is found; what carries our group and is none of ours stops sending."""
    try:
        found = reconcile(world.desk.engine, world.rail, now=world.now).count
    except StripeRefused:
        return "stripe was away"
    return "differences" if found else "agreed"


@step
def pay_by_hand(world: World, minor: int, group_of: int | None = None, *, ref: str | None = None) -> str:
    """Somebody makes a transfer in Stripe's dashboard; some copy the group of a payout that is paid."""
    params: Body = {"amount": minor, "currency": "usd", "destination": "acct_by_hand"}
    paid = None if group_of is None else pick(world.payouts("paid", "reversed"), group_of)
    group = paid.ref if paid is not None else ref
    if group is not None:
        params["transfer_group"] = group
    world.fake.platform.funds["usd"] += minor
    # Past the witness, who asks for our attempt behind every other transfer.
    made = Platform.create_transfer(world.fake.platform, params, key=None)
    world.by_hand.add(made["id"])
    return "by hand"


@step
def reverse_by_hand(world: World, which: int, minor: int) -> str:
    """Somebody takes some of a transfer back in Stripe's dashboard."""
    paid = {one.ref for one in world.payouts("paid")}
    there = [
        one
        for one in world.fake.platform.transfers.values()
        if one["transfer_group"] in paid and one["id"] not in world.by_hand and not one["reversed"]
    ]
    if not there:
        return "nothing to take"
    one = there[which % len(there)]
    left = one["amount"] - one["amount_reversed"]
    world.fake.platform.reverse(one["id"], {"amount": min(minor, left)}, key=None)
    return "reversed"


@step
def change_account(world: World, who: int, *, able: bool) -> str:
    """An account loses or regains what it takes to be paid."""
    code = world.codes[who % len(world.codes)]
    for account in [one for one in world.fake.platform.accounts if one.startswith(f"acct_{code}")]:
        capabilities = {"transfers": "active" if able else "inactive"}
        world.fake.platform.change_account(account, capabilities=capabilities)
    return "able" if able else "unable"


@step
def run_dry(world: World, left: int) -> str:
    """The platform's balance is spent elsewhere, but for so much."""
    platform = world.fake.platform
    platform.funds["usd"] -= platform.available().get("usd", 0) - left
    return "dry"


@step
def top_up(world: World) -> str:
    world.fake.platform.funds["usd"] += 100_000_00
    return "topped up"


@step
def lag(world: World, minutes: int) -> str:
    world.fake.platform.list_lag = timedelta(minutes=minutes)
    return "lists lag"


@step
def pass_time(world: World, by: timedelta) -> str:
    world.pass_time(by)
    return "passed"


@step
def thaw(world: World) -> str:
    world.thaw()
    return "thawed"
