"""The stop switch: one person, or the desk itself, stops all sending; two people start it again.

While it is stopped no attempt begins and nothing is sent, not even again under the same key. Calls in flight are
finished, and what left before is looked up. Approving goes on. It is not started again while the books do not hold, or
while the provider shows transfers of ours that nobody has explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.outbox import tell
from core.refusals import Refusal
from core.second_person import Content, Kind, NoWhy, OutdatedProposal, Proposal
from core.verify_due import broken_before_start


class SendingStopped(Refusal):
    """All sending is stopped by {who}: {why}. Two people start it again."""

    code = "sending_stopped"


class BooksBroken(Refusal):
    """Sending cannot start: {what} Mend the books first; `python -m jobs check` looks at all of them again."""

    code = "books_broken"


class TransfersUnexplained(Refusal):
    """Sending cannot start: the provider holds {n} of our transfers that no attempt here made, {first} the oldest. On
    Reconciliation each is booked as paid outside, or closed with its reason.
    """

    code = "transfers_unexplained"


class NotStopped(Refusal):
    """Sending is not stopped."""

    code = "not_stopped"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The stop that stands: since when, by whom (`user:ada`, `job:check`) and why."""

    id: int
    stopped_at: datetime
    stopped_by: str
    why: str

    @property
    def who(self) -> str:
        """Whoever stopped it, as a person reads it."""
        return who_stopped(self.stopped_by)


def who_stopped(name: str) -> str:
    """Return the name of an actor as a person reads it: `ada`, or the desk itself."""
    return name.removeprefix("user:") if name.startswith("user:") else "the desk itself"


CURRENT = text("SELECT id, stopped_at, stopped_by, why FROM sending_stop WHERE started_at IS NULL")


def current_stop(conn: Connection) -> Stop | None:
    """Return the stop that stands now; None: sending goes on. It takes no lock."""
    row = conn.execute(CURRENT).one_or_none()
    if row is None:
        return None
    return Stop(id=row.id, stopped_at=row.stopped_at, stopped_by=row.stopped_by, why=row.why)


STOP = text("""
    INSERT INTO sending_stop (stopped_at, stopped_by, why) VALUES (:now, :actor, :why)
    ON CONFLICT ((true)) WHERE started_at IS NULL DO NOTHING
    RETURNING id
""")


def stop_sending(conn: Connection, *, why: str, actor: Actor, now: datetime) -> Stop:
    """Stop all sending and return the stop that stands: this one, or the one that stood before.

    Refuses NotAllowed, and an empty reason with NoWhy.
    """
    actor.must("stop sending")
    why = why.strip()
    if not why:
        raise NoWhy
    while (stop_id := conn.execute(STOP, {"now": now, "actor": actor.name, "why": why}).scalar()) is None:
        standing = current_stop(conn)
        if standing is not None:  # else it was ended in between, and this one is wanted
            return standing
    about = {"stop_id": stop_id}
    tell(conn, "sending_stopped", about=about, once=str(stop_id), made_by=actor.name, now=now)
    audit.record(
        conn, "sending.stopped", subject="sending_stop", ids=[stop_id], actor=actor, now=now, details={"why": why}
    )  # fmt: skip
    return Stop(id=stop_id, stopped_at=now, stopped_by=actor.name, why=why)


LOCK_STOP = text("""
    SELECT stopped_at, stopped_by, why FROM sending_stop WHERE id = ANY(:ids) AND started_at IS NULL FOR UPDATE
""")


def _content_now(conn: Connection, ids: Sequence[int], _asked: Content) -> Content | None:
    stop = conn.execute(LOCK_STOP, {"ids": list(ids)}).one_or_none()
    if stop is None:
        return None
    _may_start(conn)
    stopped_at = stop.stopped_at.astimezone(UTC).isoformat()
    return {"stopped_at": stopped_at, "stopped_by": stop.stopped_by, "stopped_because": stop.why}


# Ours by their group, and still there: a difference that is gone was booked here meanwhile.
UNEXPLAINED = text("""
    SELECT count(*) AS n, (array_agg(d.thing ORDER BY d.at, d.id))[1] AS first
      FROM difference d JOIN provider_transfer m ON m.provider = d.provider AND m.provider_ref = d.provider_ref
     WHERE d.closed_at IS NULL AND d.gone_at IS NULL AND d.kind IN ('missing_here', 'duplicate')
       AND m.payout_ref IS NOT NULL
""")


def _may_start(conn: Connection) -> None:
    broken = broken_before_start(conn)
    if broken:
        raise BooksBroken(what=broken)
    unexplained = conn.execute(UNEXPLAINED).one()
    if unexplained.n:
        raise TransfersUnexplained(n=unexplained.n, first=unexplained.first)


START = text("""
    UPDATE sending_stop SET started_at = :now, started_by = :actor, proposal_id = :proposal_id
     WHERE id = ANY(:ids) AND started_at IS NULL
    RETURNING id
""")
WAKE_SENDER = text("SELECT pg_notify('paydesk_send', '')")


def _start(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    values = {"now": now, "actor": actor.name, "proposal_id": proposal.id, "ids": list(proposal.ids)}
    started = list(conn.execute(START, values).scalars())
    if not started:
        raise OutdatedProposal(id=proposal.id)
    conn.execute(WAKE_SENDER)
    details = {"proposal": proposal.id, "proposed_by": proposal.made_by, "why": proposal.why}
    audit.record(
        conn, "sending.started", subject="sending_stop", ids=started, actor=actor, now=now, details=details
    )


START_SENDING = Kind(
    right="start sending",
    subject="sending_stop",
    sentence="Start sending again",
    content_now=_content_now,
    carry_out=_start,
)
