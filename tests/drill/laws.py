"""What must hold after every step, whatever went wrong in it, and what must come of everything once nothing goes wrong.

The desk's own proofs (`core/verify.py`) are asked at the end as well; these laws know nothing of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from tests.drill import people, rounds, telling
from tests.drill.agreeing import agree, drained
from tests.drill.world import (
    CAP,
    FEE_FIXED,
    FEE_PCT,
    KEY_LIVES,
    MINIMUM,
    RETRIES,
    TWO_PEOPLE_ABOVE,
    Attempt,
    Payout,
    World,
    share,
)

AVAILABLE = """
    SELECT b.available FROM partner_balance b JOIN partner p ON p.id = b.partner_id WHERE p.code = %(code)s
"""
# What customers paid for at Stripe is counted when all of it was told; until then it is what the desk has heard.
BALANCES = """
    SELECT p.code, b.held + b.available + b.reserved + b.paid + b.fees, b.reserved,
           (SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM earning e JOIN sale s ON s.id = e.sale_id
             WHERE e.partner_id = p.id AND starts_with(s.source_ref, 'pay-')
               AND e.kind IN ('booking', 'void', 'clawback', 'reinstate'))
      FROM partner_balance b JOIN partner p ON p.id = b.partner_id
"""
# A payout to a destination that replaced another takes two people, until one has been paid there.
MOVED = """
    SELECT d.replaces_id IS NOT NULL AND NOT EXISTS (
               SELECT 1 FROM payout x WHERE x.destination_id = d.id AND x.partner_id = p.partner_id
                  AND x.status = 'paid' AND x.processed_at <= p.queued_at)
      FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = %(id)s
"""
# What no round may begin to send, read from the rows alone.
MAY_NOT_LEAVE = """
    SELECT p.id FROM payout p JOIN partner t ON t.id = p.partner_id
     WHERE t.status <> 'active' OR t.destination_id IS DISTINCT FROM p.destination_id
        OR (p.status = 'retrying' AND p.retry_at > %(now)s)
        OR EXISTS (SELECT 1 FROM sending_stop WHERE started_at IS NULL)
        OR EXISTS (SELECT 1 FROM hold h WHERE h.partner_id = p.partner_id AND h.closed_at IS NULL
                      AND (h.until IS NULL OR h.until > %(now)s)
                      AND (h.payout_id = p.id OR (h.payout_id IS NULL AND h.earning_id IS NULL)
                           OR h.earning_id IN (SELECT earning_id FROM payout_item WHERE payout_id = p.id)))
"""
STOPPED = "SELECT EXISTS (SELECT 1 FROM sending_stop WHERE started_at IS NULL)"
PATH = "/v1/transfers"


@contextmanager
def watched(world: World) -> Iterator[None]:
    """Hold one step against the laws: what it may not have begun, and how everything stands after it."""
    may_not = {int(str(row[0])) for row in world.rows(MAY_NOT_LEAVE, now=world.now)}
    before = {(one.payout_id, one.n): one for one in world.attempts()}
    stopped = bool(world.rows(STOPPED)[0][0])
    posts = _posts(world)
    woken = world.figures["wake: wrote"] + world.figures["wake: too late"]
    world.broken = True
    yield
    begun = {one.payout_id for one in world.attempts() if (one.payout_id, one.n) not in before}
    assert not begun & may_not, f"payouts {begun & may_not} were sent, and may not leave"
    if stopped and woken == world.figures["wake: wrote"] + world.figures["wake: too late"]:
        assert _posts(world) == posts, "something was sent while sending was stopped"
    check(world)
    world.broken = False


def _posts(world: World) -> int:
    return sum(one.method == "POST" for one in list(world.fake.service.asked))


def check(world: World) -> None:
    """Assert every law of an instant."""
    payouts = {one.id: one for one in world.payouts()}
    attempts = world.attempts()
    for payout in payouts.values():
        if payout.id not in world.known:
            world.known.add(payout.id)
            _new(world, payout)
    _requests(world, payouts, attempts)
    _transfers(world, payouts, attempts)
    _caps(payouts)
    _reversals(world)
    for code, has_minor, reserved_minor, paid_for_minor in world.rows(BALANCES):
        unpaid = [one for one in payouts.values() if one.partner == code]
        waiting = {"pending", "approved", "processing", "retrying"}
        promised = sum(one.amount_minor for one in unpaid if one.status in waiting)
        earned_minor = world.earned[str(code)] + int(str(paid_for_minor))
        assert has_minor == earned_minor, f"{code} has {has_minor}, and earned {earned_minor}"
        assert reserved_minor == promised, f"{code}: {reserved_minor} reserved for {promised} on the way"


def _new(world: World, payout: Payout) -> None:
    """A payout that was not there before: its fee, its minimum and how many people it takes."""
    fee = share(payout.amount_minor, FEE_PCT) + FEE_FIXED
    moved = bool(world.rows(MOVED, id=payout.id)[0][0])
    people_needed = 2 if moved or payout.amount_minor > TWO_PEOPLE_ABOVE else 1
    available = int(str(world.rows(AVAILABLE, code=payout.partner)[0][0]))
    assert available >= 0, f"{payout} is {-available} more than there was"
    assert payout.fee_minor == fee, f"{payout}: a fee of {fee} is due"
    assert payout.amount_minor >= MINIMUM, f"{payout} is below the minimum"
    assert payout.approvals_needed == people_needed, f"{payout} takes {people_needed} people"


def _requests(world: World, payouts: dict[int, Payout], attempts: list[Attempt]) -> None:
    """Everything that went out since the last look: under a key that is written down, young enough, and as ever."""
    asked = world.fake.asked("POST", PATH)
    new, world.posts_seen = asked[world.posts_seen :], len(asked)
    by_key = {one.key: one for one in attempts}
    for one in new:
        world.figures["posts"] += 1
        attempt = by_key.get(str(one.key))
        assert attempt is not None, f"sent under {one.key}, which no attempt has: {one.params}"
        payout = payouts[attempt.payout_id]
        wanted = (str(payout.net_minor), payout.currency.lower(), payout.account, payout.ref)
        told = tuple(one.params.get(name) for name in ("amount", "currency", "destination", "transfer_group"))
        assert told == wanted, f"asked for {told}, approved was {wanted}"
        bytes_before = world.sent_under.setdefault(attempt.key, str(sorted(one.params.items())))
        assert bytes_before == str(sorted(one.params.items())), (
            f"{attempt.key} went out with other parameters"
        )
        age = world.now - attempt.started_at
        assert age < KEY_LIVES, f"{attempt.key} was sent again after {age}"
    for payout_id in {one.payout_id for one in attempts}:
        spent = [one for one in attempts if one.payout_id == payout_id and one.state == "declined"]
        counted = [one for one in spent if one.error_class != "platform_balance"]
        assert len(counted) <= RETRIES + 1, (
            f"payout {payout_id} was refused {len(counted)} times and tried again"
        )


def _transfers(world: World, payouts: dict[int, Payout], attempts: list[Attempt]) -> None:
    """What left at Stripe: once per payout, its net, to where it was approved for, by enough people, not given back here."""
    by_ref = {one.ref: one for one in payouts.values()}
    keys = {one.key for one in attempts}
    left = defaultdict(list)
    for entry in world.fake.books():
        if entry.kind == "transfer" and entry.id not in world.by_hand:
            left[entry.transfer_group].append(entry)
    for group, entries in left.items():
        payout = by_ref.get(str(group))
        assert payout is not None, f"a transfer of nobody's payout: {entries}"
        assert len(entries) == 1, f"{payout} is paid {len(entries)} times: {entries}"
        [entry] = entries
        assert entry.key in keys, f"{payout} left under {entry.key}, which no attempt has"
        assert entry.amount <= payout.net_minor, f"{entry.amount} left for {payout}"
        if entry.key not in world.altered:
            assert entry.amount == payout.net_minor, f"{entry.amount} left for {payout}"
        assert entry.destination == payout.account, f"{payout} left to {entry.destination}"
        agreed = world.approvers.get(payout.id, set()) - {payout.made_by}
        assert len(agreed) >= payout.approvals_needed, f"{payout} left approved by {sorted(agreed)} alone"
        assert payout.status in {"processing", "paid", "reversed"}, (
            f"{payout} left and is {payout.status} here"
        )


REVERSALS = "SELECT idem_key, amount_minor, state FROM reversal"


def _reversals(world: World) -> None:
    """What was pulled back at Stripe under a key of ours: what two people agreed on, once."""
    agreed = {str(key): (amount_minor, state) for key, amount_minor, state in world.rows(REVERSALS)}
    done: set[str] = set()
    for entry in world.fake.books():
        if entry.kind == "reversal" and entry.key is not None:
            assert entry.key in agreed, f"{entry.amount} came back under {entry.key}, which nobody agreed on"
            assert entry.key not in done, f"{entry.key} pulled back twice"
            amount_minor, state = agreed[entry.key]
            assert entry.amount == amount_minor, f"{entry.amount} came back for {amount_minor}"
            assert state not in {"declined", "absent"}, f"{entry.amount} came back and is called {state} here"
            done.add(entry.key)


def _caps(payouts: dict[int, Payout]) -> None:
    months: dict[tuple[str, object], int] = defaultdict(int)
    for one in payouts.values():
        if one.status not in {"rejected", "cancelled", "failed"}:
            months[one.partner, one.cap_month] += one.amount_minor
    for who, sum_minor in months.items():
        assert sum_minor <= CAP, f"{who}: {sum_minor} of a cap of {CAP}"


HOUR = timedelta(hours=1)
ROUNDS = 80


def settle(world: World) -> dict[str, int]:
    """End all faults, let everybody do their work until nothing moves, and assert that both books agree to the cent."""
    _take(world, rounds.thaw)
    _take(world, rounds.calm)
    _take(world, rounds.top_up)
    for who in range(len(world.codes)):
        rounds.change_account(world, who, able=True)
    while _take(world, people.lift) == "lifted":
        pass
    for _ in range(ROUNDS):
        _take(world, telling.hear)
        if world.rows(STOPPED)[0][0]:
            _take(world, rounds.look_at_books)
            _take(world, people.start)
        for job in (rounds.send, rounds.resolve, telling.pull_back):
            _take(world, job)
        for which in range(len(world.attempts("unknown"))):
            _take(world, people.prove_absent, which)
        _take(world, telling.prove_reversal_absent, 0)
        by = _next(world)
        if by is None:
            break
        with watched(world):
            rounds.pass_time(world, by)
    while _take(world, rounds.wake, 0) != "nobody stands":
        pass
    _take(world, rounds.pass_time, HOUR)
    _take(world, telling.hear)
    _take(world, rounds.look_at_books)
    _payments_told(world)
    figures = agree(world.desk.engine, Booked(world), witness=world.at.witness)  # type: ignore[arg-type]
    return figures | drained(world.desk.engine, now=world.now)


class Booked:
    """The fake's books without what people made by hand there."""

    def __init__(self, world: World) -> None:
        self._world = world

    def books(self) -> list[object]:
        return [one for one in self._world.fake.books() if one.transfer not in self._world.by_hand]


def _take(world: World, step: Callable[..., str], *args: object) -> str:
    with watched(world):
        return step(world, *args)


REVERSAL_LOOKS = "SELECT next_look_at FROM reversal WHERE state = 'unknown'"


def _next(world: World) -> timedelta | None:
    """How long until something is due again; None when nothing will be."""
    times = [one.retry_at for one in world.payouts("retrying") if one.retry_at is not None]
    times += [at for (at,) in world.rows(REVERSAL_LOOKS) if isinstance(at, datetime)]
    times += [one.next_look_at for one in world.attempts("unknown") if one.next_look_at is not None]
    if world.attempts("started"):
        times.append(world.now + timedelta(minutes=2))
    stuck = {int(str(row[0])) for row in world.rows(MAY_NOT_LEAVE, now=world.now)}
    if any(one.id not in stuck for one in world.payouts("approved")):
        times.append(world.now + timedelta(minutes=2))
    return None if not times else max(min(times) - world.now, timedelta(minutes=1))


PAID_FOR = """
    SELECT p.code, sum(e.amount_minor)::bigint FROM earning e JOIN sale s ON s.id = e.sale_id
      JOIN partner p ON p.id = e.partner_id
     WHERE starts_with(s.source_ref, 'pay-') AND e.kind IN ('booking', 'void', 'clawback', 'reinstate') GROUP BY 1
"""


def _payments_told(world: World) -> None:
    """Every payment made its sale once, and every refund of it took its share once."""
    ours = dict.fromkeys(world.codes, 0) | {str(code): minor for code, minor in world.rows(PAID_FOR)}
    theirs = telling.earned_by_payments(world)
    assert ours == theirs, f"customers paid for {theirs}, and here it is {ours}"
