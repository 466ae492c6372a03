"""A world taken step by step under the laws, as chosen schedules take it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from core.access import Actor
from tests.desk import ABE, ADA, MIA
from tests.drill import people, rounds
from tests.drill.laws import watched
from tests.drill.world import World

MINUTE = timedelta(minutes=1)


class Steps:
    """A world in which every step is taken under the laws."""

    def __init__(self, world: World) -> None:
        self.world = world

    def take(self, step: Callable[..., str], *args: object, **values: object) -> str:
        """Take one step and return what came of it."""
        with watched(self.world):
            return step(self.world, *args, **values)

    def sold(self, who: int = 0, minor: int = 100_05) -> None:
        """A partner with so much sold, and their share of it released."""
        assert self.take(people.sell, who, minor) == "sold"
        self.take(rounds.release)

    def approved(self, who: int = 0, minor: int = 50_20, maker: Actor = MIA) -> int:
        """One payout of that partner, approved."""
        self.sold(who, max(2 * minor, 100_05))
        assert self.take(people.request, who, minor, maker) == "asked"
        self.take(people.approve, -1, ADA)
        if self.world.payouts()[-1].status == "pending":
            assert self.take(people.approve, -1, ABE) == "done"
        payout = self.world.payouts()[-1]
        assert payout.status == "approved"
        return payout.id

    def after(self, by: timedelta) -> None:
        """Let time pass."""
        self.take(rounds.pass_time, by)

    def status(self, payout_id: int) -> str:
        """The payout's status."""
        return next(one.status for one in self.world.payouts() if one.id == payout_id)

    def left(self) -> list[int]:
        """What left at Stripe, but for what was made there by hand."""
        books = self.world.fake.books()
        return [one.amount for one in books if one.kind == "transfer" and one.id not in self.world.by_hand]


Schedule = Callable[[Steps], None]
