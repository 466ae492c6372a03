"""What one run of the sender asks before each claim: whether the provider answers, and whether the books hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from sqlalchemy import Engine

from core.access import job_actor
from core.breaker import OPENS_AFTER, unanswered
from core.providers import Declined, Succeeded, Unknown
from core.stops import stop_sending
from core.verify_due import SLICE, broken_for


class Caution:
    """The caution of one run; its methods are called one at a time. `tries` is what may be claimed before an answer comes;
    None: all.
    """

    def __init__(self, engine: Engine, *, tries: int | None, now: datetime) -> None:
        self._engine, self._tries, self._now = engine, tries, now
        self._silent = 0
        self._proven: frozenset[int] = frozenset()
        self._broken = False

    @property
    def says_stop(self) -> bool:
        """Nothing more is claimed or sent by this run: the provider is silent, or the books do not hold."""
        return self._broken or self._silent >= OPENS_AFTER

    def heard(self, outcome: Succeeded | Declined | Unknown) -> None:
        """Count how long the provider has been silent; an answer lets the run go on."""
        if unanswered(outcome):
            self._silent += 1
        else:
            self._silent, self._tries = 0, None

    def may_claim(self, due: Iterable[int]) -> bool:
        """Tell whether the first of these payouts may be claimed; the books are asked about it and some after it at once.

        Books that do not hold stop all sending.
        """
        if self.says_stop or self._tries == 0:
            return False
        following = iter(due)
        first = next(following)
        if first not in self._proven:
            self._prove([first, *islice(following, SLICE - 1)])
        return not self._broken

    def claimed(self) -> None:
        """Count a claim against what may be tried."""
        if self._tries is not None:
            self._tries -= 1

    def not_claimed(self) -> None:
        """Take such a count back: nothing left."""
        if self._tries is not None:
            self._tries += 1

    def _prove(self, payout_ids: list[int]) -> None:
        with self._engine.begin() as conn:
            broken = broken_for(conn, payout_ids)
            if broken:
                stop_sending(conn, why=broken, actor=job_actor("send"), now=self._now)
        self._broken, self._proven = bool(broken), frozenset(payout_ids)
