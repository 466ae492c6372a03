"""What people do in the drill's world, each as one step that says in a word what came of it.

A step may be refused by name and then has changed nothing. It keeps the bystander's books: who made, who approved, who
earned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from core.access import Actor
from core.corrections import correct_earning, correct_sale, reinstate_earning
from core.decisions import Decision, Wanted, approve_payouts
from core.differences import close_difference
from core.ending import cancel_payouts, reject_payouts
from core.holds import lift_hold, place_hold
from core.proposals import confirm, propose
from core.refusals import Refusal
from core.requests import request_payout
from core.returns import book_return
from core.steering import process_payouts, take_back_payouts
from core.stops import stop_sending
from tests.desk import ABE, ADA, HOUR, MIA, OLA
from tests.drill.world import DUO, PROGRAM, SHARE, Payout, World, share

P = ParamSpec("P")
Step = Callable[Concatenate[World, P], str]
APPROVERS = (ADA, ABE, DUO)


def step(work: Step[P]) -> Step[P]:
    """Let a refusal by name be an answer; anything else that breaks is a finding."""

    @wraps(work)
    def answered(world: World, /, *args: P.args, **values: P.kwargs) -> str:
        try:
            said = work(world, *args, **values)
        except Refusal as refusal:
            said = refusal.code
        world.figures[f"{work.__name__}: {said}"] += 1
        return said

    return answered


def money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def pick(payouts: list[Payout], which: int) -> Payout | None:
    """One of those there are."""
    return payouts[which % len(payouts)] if payouts else None


@step
def sell(world: World, who: int, minor: int) -> str:
    code, ref = world.codes[who % len(world.codes)], f"order-{world.new_number()}"
    world.desk.sale(
        code, money(minor), ref=ref, program=PROGRAM, kind="booking", at=world.now - HOUR, now=world.now
    )
    world.sold[ref] = (code, minor)
    world.earned[code] += share(minor, SHARE)
    return "sold"


@step
def sell_again(world: World, which: int) -> str:
    """The same sale in another file: nobody earns twice."""
    if not world.sold:
        return "nothing sold"
    ref, (code, minor) = list(world.sold.items())[which % len(world.sold)]
    head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
    at = world.rows("SELECT occurred_at FROM sale WHERE source_ref = %(ref)s", ref=ref)[0][0]
    row = f"{PROGRAM},{code},booking,{ref},{at:%Y-%m-%dT%H:%M:%S%z},{money(minor)},USD,Order"
    result = world.desk.take_in("sales", f"{head}\n{row}\n", now=world.now)
    assert result.added == 0, "a sale was taken in twice"
    return "known"


@step
def request(world: World, who: int, minor: int, actor: Actor = MIA) -> str:
    code = world.codes[who % len(world.codes)]
    world.do(lambda c: request_payout(c, code, money(minor), reason="asked", actor=actor, now=world.now))
    return "asked"


def _said(decision: Decision) -> str:
    if decision.refused:
        return decision.refused[0].code
    return "waiting" if decision.waiting else "done"


@step
def look(world: World, which: int) -> str:
    """Somebody opens a payout's page and stays on it."""
    if (payout := pick(world.payouts("pending", "approved", "retrying"), which)) is None:
        return "nothing to see"
    world.seen[payout.id] = payout.version
    return "seen"


@step
def approve(world: World, which: int, actor: Actor, *, as_seen: bool = False) -> str:
    payout = pick(world.payouts("pending"), which)
    if payout is None:
        return "nothing pending"
    version = world.seen.get(payout.id, payout.version) if as_seen else None
    wanted = [Wanted(id=payout.id, version=version)]
    decision = world.do(lambda c: approve_payouts(c, wanted, actor=actor, now=world.now))
    if decision.done or decision.waiting:
        assert version in {None, payout.version}, f"approved at version {version}, it is {payout.version}"
        assert actor.name != payout.made_by, f"{actor.name} approved a payout of their own: {payout}"
        world.approvers.setdefault(payout.id, set()).add(actor.name)
    return _said(decision)


@step
def take_back(world: World, which: int, actor: Actor = ADA) -> str:
    if (payout := pick(world.payouts("approved"), which)) is None:
        return "nothing approved"
    wanted = [Wanted(id=payout.id)]
    decision = world.do(lambda c: take_back_payouts(c, wanted, actor=actor, now=world.now))
    if decision.done:
        world.approvers[payout.id] = set()
    return _said(decision)


@step
def end(world: World, which: int, actor: Actor, *, reject: bool) -> str:
    payout = pick(world.payouts("pending", "approved", "processing", "retrying", "paid"), which)
    if payout is None:
        return "no payout"
    wanted, ending = [Wanted(id=payout.id)], reject_payouts if reject else cancel_payouts
    decision = world.do(lambda c: ending(c, wanted, actor=actor, now=world.now, reason="not now"))
    if decision.done:
        assert payout.status in {"pending", "approved", "retrying"}, f"{payout} was on its way"
    return _said(decision)


@step
def process_first(world: World, which: int) -> str:
    if (payout := pick(world.payouts("approved", "retrying"), which)) is None:
        return "nothing approved"
    wanted = [Wanted(id=payout.id)]
    return _said(world.do(lambda c: process_payouts(c, wanted, actor=OLA, now=world.now)))


PARTNER = "SELECT id FROM partner WHERE code = %(code)s"
EARNINGS = """
    SELECT e.id FROM earning e JOIN partner p ON p.id = e.partner_id LEFT JOIN sale s ON s.id = e.sale_id
     WHERE p.code = %(code)s AND e.amount_minor > 0 AND NOT starts_with(coalesce(s.source_ref, ''), 'pay-') ORDER BY e.id
"""


@step
def hold(world: World, who: int, what: str, which: int) -> str:
    """Put a partner, an earning or a payout on hold."""
    code = world.codes[who % len(world.codes)]
    partner_id = world.rows(PARTNER, code=code)[0][0]
    earning_id = payout_id = None
    if what == "earning":
        earnings = world.rows(EARNINGS, code=code)
        if not earnings:
            return "nothing earned"
        earning_id = earnings[which % len(earnings)][0]
    if what == "payout":
        payout = pick(
            [one for one in world.payouts("pending", "approved", "retrying") if one.partner == code], which
        )
        if payout is None:
            return "no payout"
        payout_id = payout.id
    where = {"earning_id": earning_id, "payout_id": payout_id}
    world.do(lambda c: place_hold(c, partner_id, "manual", actor=MIA, now=world.now, **where))  # type: ignore[arg-type]
    return "held"


@step
def lift(world: World, which: int = 0) -> str:
    holds = world.rows("SELECT id FROM hold WHERE closed_at IS NULL ORDER BY id")
    if not holds:
        return "no hold"
    hold_id = int(str(holds[which % len(holds)][0]))
    world.do(lambda c: lift_hold(c, hold_id, actor=MIA, now=world.now, note="looked at"))
    return "lifted"


@step
def move_destination(world: World, who: int) -> str:
    """A partner's money goes elsewhere from now on."""
    code = world.codes[who % len(world.codes)]
    world.moved_to[code] = world.moved_to.get(code, 0) + 1
    account = f"acct_{code}_{world.moved_to[code]}"
    world.fake.platform.add_account(account)
    world.desk.partner(code, program=PROGRAM, account=account, now=world.now)
    return "moved"


@step
def suspend(world: World, who: int, *, back: bool) -> str:
    code = world.codes[who % len(world.codes)]
    account = str(
        world.rows(
            "SELECT d.account FROM partner p JOIN destination d ON d.id = p.destination_id WHERE p.code = %(code)s",
            code=code,
        )[0][0]
    )
    status = "active" if back else "suspended"
    world.desk.partner(code, program=PROGRAM, account=account, status=status, now=world.now)
    return status


@step
def correct(world: World, who: int, which: int, minor: int, *, again: bool = False) -> str:
    """Take back some of an earning for a refund, which may be told twice."""
    code = world.codes[who % len(world.codes)]
    earnings = world.rows(EARNINGS, code=code)
    if not earnings:
        return "nothing earned"
    event = world.events[-1] if again and world.events else f"refund-{world.new_number()}"
    earning_id = int(str(earnings[which % len(earnings)][0]))
    done = world.do(
        lambda c: correct_earning(
            c, earning_id, event_ref=event, amount_minor=minor, reason="refunded", actor=MIA, now=world.now
        )
    )
    return _took(world, code, event, done.amount_minor, minor, again=done.again)


def _took(world: World, code: str, event: str, took_minor: int, told_minor: int, *, again: bool) -> str:
    assert again == (event in world.events), f"{event} was applied {'not at all' if again else 'twice'}"
    if again:
        return "again"
    assert abs(took_minor) == told_minor, f"{event} took {took_minor} instead of {told_minor}"
    world.events.append(event)
    world.earned[code] -= told_minor
    return "taken back"


@step
def refund(world: World, which: int, minor: int) -> str:
    """Refund some of a sale: the partner's share of it goes back."""
    if not world.sold:
        return "nothing sold"
    ref, (code, gross) = list(world.sold.items())[which % len(world.sold)]
    event = f"refund-{world.new_number()}"
    program_id = int(str(world.rows("SELECT id FROM program WHERE code = %(code)s", code=PROGRAM)[0][0]))
    done = world.do(
        lambda c: correct_sale(
            c,
            program_id,
            ref,
            gross_minor=min(minor, gross),
            event_ref=event,
            reason="refunded",
            actor=MIA,
            now=world.now,
        )
    )
    if done.kind == "nothing":
        return "nothing"
    return _took(world, code, event, done.amount_minor, abs(done.amount_minor), again=done.again)


@step
def reinstate(world: World, which: int) -> str:
    """The refund failed: what it took is put back, once."""
    if not world.events:
        return "nothing taken"
    event = world.events[which % len(world.events)]
    done = world.do(
        lambda c: reinstate_earning(
            c, event, by_event_ref=f"{event}-failed", reason="failed", actor=MIA, now=world.now
        )
    )
    if done.again:
        return "again"
    taken = world.rows(
        """SELECT p.code, -e.amount_minor FROM earning e JOIN partner p ON p.id = e.partner_id
            WHERE e.source_ref = %(event)s AND e.kind IN ('void', 'clawback')""",
        event=event,
    )
    world.earned[str(taken[0][0])] += int(str(taken[0][1]))
    return "put back"


@step
def stop(world: World) -> str:
    world.do(lambda c: stop_sending(c, why="something looks wrong", actor=OLA, now=world.now))
    return "stopped"


STANDING = "SELECT id FROM sending_stop WHERE started_at IS NULL"


@step
def close(world: World, difference: int) -> str:
    """A person closes a difference with what it was."""
    world.do(lambda c: close_difference(c, difference, reason="made by hand", actor=ADA, now=world.now))
    return "closed"


@step
def start(world: World) -> str:
    """Two people start sending again, once they have looked at what differs."""
    standing = world.rows(STANDING)
    if not standing:
        return "not stopped"
    for (difference,) in world.rows("SELECT id FROM difference WHERE closed_at IS NULL ORDER BY id"):
        close(world, int(str(difference)))
    ids = [int(str(standing[0][0]))]
    return by_two(world, "start_sending", ids)


@step
def prove_absent(world: World, which: int) -> str:
    """Two people agree that a transfer without an answer was never made."""
    unknown = world.attempts("unknown")
    if not unknown:
        return "nothing unknown"
    return by_two(world, "proved_absent", [unknown[which % len(unknown)].payout_id])


def by_two(world: World, kind: str, ids: list[int]) -> str:
    """One person proposes it and another confirms."""
    proposal = world.do(lambda c: propose(c, kind, ids=ids, why="looked at it", actor=OLA, now=world.now))
    world.do(lambda c: confirm(c, proposal, actor=ADA, now=world.now))
    return "agreed"


@step
def book_reversal(world: World, which: int) -> str:
    """Book what came back of a payout at Stripe."""
    back = [one for one in world.fake.books() if one.kind == "reversal" and one.transfer not in world.by_hand]
    if not back:
        return "nothing came back"
    one = back[which % len(back)]
    payout = next(each for each in world.payouts() if each.ref == one.transfer_group)
    returned = world.do(
        lambda c: book_return(
            c,
            payout.id,
            amount_minor=one.amount,
            event_ref=one.id,
            reason="reversed",
            actor=MIA,
            now=world.now,
        )
    )
    return "again" if returned.again else "booked"
