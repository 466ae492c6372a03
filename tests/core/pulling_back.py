"""Money pulled back by two people, for tests."""

from __future__ import annotations

from datetime import datetime

from core.access import Actor
from core.proposals import confirm, propose
from core.reversals import reversal_content
from tests.desk import ADA, MIA, NOW, Desk


def asked_back(
    desk: Desk, payout: int, amount: str | None = None, *, actor: Actor = MIA, now: datetime = NOW
) -> int:
    """A proposal to pull so much of a payout back, or all that is still out."""
    return desk.decide(
        lambda conn: propose(
            conn,
            "reverse_payout",
            ids=[payout],
            why="paid to the wrong one",
            content=reversal_content(amount),
            actor=actor,
            now=now,
        )
    )


def agreed_back(desk: Desk, payout: int, amount: str | None = None, *, now: datetime = NOW) -> None:
    """A reversal that mia proposed and ada confirmed; nobody has asked the provider yet."""
    proposal = asked_back(desk, payout, amount, now=now)
    desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=now))
