"""What two people decide, brought to where the second one is asked."""

from __future__ import annotations

from core.access import Actor
from core.proposals import confirm, propose
from core.resolving import resolve_due
from core.second_person import Proposal
from core.stops import Stop, stop_sending
from tests.desk import ADA, HOUR, NOW, OLA, SILENCE, Desk, Rail

ODA = Actor(name="user:oda", channel="page", roles=frozenset({"operator"}))


def stopped(desk: Desk, why: str = "two transfers look wrong") -> Stop:
    """Sending stopped by ola."""
    return desk.decide(lambda conn: stop_sending(conn, why=why, actor=OLA, now=NOW))


def proposed(desk: Desk, kind: str, subject_id: int, *, actor: Actor = OLA) -> int:
    """A proposal about one thing."""
    return desk.decide(
        lambda conn: propose(conn, kind, ids=[subject_id], why="looked at it", actor=actor, now=NOW)
    )


def confirmed(desk: Desk, proposal_id: int, *, actor: Actor = ADA) -> Proposal:
    """The proposal, confirmed."""
    return desk.decide(lambda conn: confirm(conn, proposal_id, actor=actor, now=NOW))


def started_again(desk: Desk, stop: Stop) -> None:
    """Sending started by two people."""
    confirmed(desk, proposed(desk, "start_sending", stop.id))


def waits_for_people(desk: Desk, code: str = "AFF1") -> int:
    """A payout of 25.00 whose transfer got no answer and was absent on three looks over an hour."""
    payout = desk.approved(code)
    rail = Rail(SILENCE)
    desk.send(rail)
    for hours in (24, 25, 26):
        resolve_due(desk.engine, rail, now=NOW + hours * HOUR)
    assert desk.column("SELECT next_look_at FROM attempt WHERE payout_id = :id", id=payout) == [None]
    return payout
