"""This morning: every kind of payout there is, and a queue that waits for the person who opens the desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import text

from core.access import Actor
from core.decisions import Decision, Wanted, approve_payouts
from core.ending import cancel_payouts, reject_payouts
from core.guards import STOPS_APPROVAL, blocking_reasons
from core.holds import place_hold
from core.providers import Order
from core.providers.simulator import RANDOM_REFUSALS, dice
from core.steering import set_aside, set_priority
from db.demo.desk import Desk
from db.demo.people import Partner

READ = text("""
    SELECT p.id, p.partner_id, t.code, p.approvals_needed, t.method, g.code AS program
      FROM payout p JOIN partner t ON t.id = p.partner_id JOIN program g ON g.id = p.program_id
     WHERE p.status = 'pending' AND p.aside_until IS NULL ORDER BY p.id DESC
""")


@dataclass(frozen=True)
class Candidate:
    """A pending payout that nothing blocks."""

    id: int
    partner_id: int
    partner_code: str
    approvals_needed: int
    method: str
    program: str

    def refusal(self) -> str:
        """The code the simulator would refuse its first attempt with."""
        order = Order(key="", params={}, payout_id=self.id, n=1, at=None)  # type: ignore[arg-type]  # dice look at ids only
        return RANDOM_REFUSALS[int(dice(order, "refusal") * len(RANDOM_REFUSALS))]


class Pile:
    """Candidates of this morning, each dealt once; one per partner, so that no act undoes another."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._left = list({one.partner_id: one for one in candidates}.values())

    def take(
        self, n: int, fits: Callable[[Candidate], bool] = lambda one: one.approvals_needed == 1
    ) -> list[Candidate]:
        """Deal up to `n` that fit, newest first."""
        taken = [one for one in self._left if fits(one)][:n]
        self._left = [one for one in self._left if one not in taken]
        return taken


def leave_work(desk: Desk, partners: list[Partner]) -> None:
    """Decide a few of today's payouts every way there is and leave the rest."""
    desk.now = desk.ends_at
    with desk.engine.connect() as conn:
        rows = [Candidate(*row) for row in conn.execute(READ)]
        reasons = blocking_reasons(conn, [one.id for one in rows], now=desk.now)
    free = [one for one in rows if not any(reason.code in STOPS_APPROVAL for reason in reasons[one.id])]
    pile = Pile(free)
    _send_some(desk, pile)
    _decide_some(desk, pile)
    _block_some(desk, pile, partners)


def _send_some(desk: Desk, pile: Pile) -> None:
    """Some leave: paid, unanswered, refused for now, refused for good."""
    declined = {
        code: pile.take(1, lambda one, code=code: one.approvals_needed == 1 and one.refusal() == code)  # type: ignore[misc]
        for code in RANDOM_REFUSALS
    }
    paid, silent, approved, blocked = pile.take(6), pile.take(1), pile.take(3), pile.take(1)
    refused = [one for found in declined.values() for one in found]
    _approve(desk, "ada", [*refused, *paid, *silent, *approved, *blocked])
    for one in paid:
        desk.send(only=one.id, success=1)
    for one in silent:
        desk.send(only=one.id, success=1, silence=Decimal(1))
    for one in refused:
        desk.send(only=one.id, success=0)
    for one in blocked:
        note = "Approved, then a chargeback came in: sending waits"
        _hold(desk, one.partner_id, "review", note)


def _decide_some(desk: Desk, pile: Pile) -> None:
    """Some are half approved, rejected, cancelled, ordered, put off."""
    for one in pile.take(2, lambda one: one.approvals_needed > 1):
        _approve(desk, "ada", [one])
    _decide(desk, "ben", pile.take(2), reject_payouts, "The invoice names another company")
    _decide(desk, "mia", pile.take(1), cancel_payouts, "Asked for twice by mistake")
    with desk.engine.begin() as conn:
        ada, mia = desk.actor(conn, "ada"), desk.actor(conn, "mia")
        for priority, n in (("urgent", 2), ("high", 3), ("low", 1)):
            wanted = [Wanted(id=one.id) for one in pile.take(n)]
            set_priority(conn, wanted, priority=priority, actor=mia, now=desk.now)
        later = desk.now.date() + timedelta(days=5)
        aside = [Wanted(id=one.id) for one in pile.take(2)]
        set_aside(
            conn, aside, until=later, reason="Partner sends a new invoice on Friday", actor=ada, now=desk.now
        )


def _block_some(desk: Desk, pile: Pile, partners: list[Partner]) -> None:
    """Some wait because of a hold, a suspension, another account."""
    by_code = {partner.code: partner for partner in partners}
    for one in pile.take(1):
        _hold(desk, one.partner_id, "kyc", "Passport expired; a new copy is asked for")
    for one in pile.take(1):
        _hold(desk, one.partner_id, "manual", "Waits for the signed contract", payout_id=one.id)
    suspended = [by_code[one.partner_code].suspended() for one in pile.take(1)]
    moved = [
        by_code[one.partner_code].moved(desk.rng)
        for one in pile.take(1, lambda one: bool(by_code[one.partner_code].account))
    ]
    desk.take_in(
        "partners",
        [partner.row() for partner in suspended + moved],
        f"partners-changed-{desk.now.date()}.csv",
    )


def _approve(desk: Desk, name: str, payouts: Sequence[Candidate]) -> None:
    with desk.engine.begin() as conn:
        wanted = [Wanted(id=one.id) for one in payouts]
        approve_payouts(conn, wanted, actor=desk.actor(conn, name), now=desk.now)


def _decide(
    desk: Desk, name: str, payouts: Sequence[Candidate], decide: Callable[..., Decision], reason: str
) -> None:
    with desk.engine.begin() as conn:
        actor: Actor = desk.actor(conn, name)
        decide(conn, [Wanted(id=one.id) for one in payouts], actor=actor, now=desk.now, reason=reason)


def _hold(desk: Desk, partner_id: int, reason: str, note: str, *, payout_id: int | None = None) -> None:
    with desk.engine.begin() as conn:
        mia = desk.actor(conn, "mia")
        place_hold(conn, partner_id, reason, actor=mia, now=desk.now, note=note, payout_id=payout_id)
