"""Proposals: propose, confirm, refuse. Adding something that needs two people is adding an entry to KINDS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from core import audit
from core.absence import PROVED_ABSENT
from core.access import Actor
from core.backups import SET_BACKUP
from core.overrides import OVERRIDE_REQUEST
from core.own_terms import CHANGE_TERMS
from core.paid_outside import PAID_OUTSIDE
from core.partner_edits import CHANGE_DESTINATION
from core.policy_changes import CHANGE_POLICY
from core.reversal_absence import REVERSAL_ABSENT
from core.reversals import REVERSE_PAYOUT
from core.second_person import (
    AlreadyProposed,
    Content,
    Kind,
    NothingToPropose,
    NoWhy,
    OutdatedProposal,
    OwnProposal,
    Proposal,
    ProposalDecided,
    ProposalExpired,
    UnknownProposal,
)
from core.stops import START_SENDING

KINDS: dict[str, Kind] = {
    "change_destination": CHANGE_DESTINATION,
    "change_policy": CHANGE_POLICY,
    "change_terms": CHANGE_TERMS,
    "override_request": OVERRIDE_REQUEST,
    "set_backup": SET_BACKUP,
    "start_sending": START_SENDING,
    "paid_outside": PAID_OUTSIDE,
    "proved_absent": PROVED_ABSENT,
    "reversal_absent": REVERSAL_ABSENT,
    "reverse_payout": REVERSE_PAYOUT,
}
EXPIRES_AFTER = timedelta(hours=24)

SAME = text("""
    SELECT min(id) FROM proposal
     WHERE kind = :kind AND ids = CAST(:ids AS bigint[]) AND content = CAST(:content AS jsonb)
       AND decision IS NULL AND expires_at > :now
""")
ADD = text("""
    INSERT INTO proposal (kind, subject, ids, content, why, made_by, made_at, expires_at)
    VALUES (:kind, :subject, :ids, CAST(:content AS jsonb), :why, :actor, :now, :expires_at)
    RETURNING id
""")


def propose(
    conn: Connection,
    kind: str,
    *,
    ids: Sequence[int],
    why: str,
    actor: Actor,
    now: datetime,
    content: Content | None = None,
    expires_at: datetime | None = None,
) -> int:
    """Ask for something that a second person confirms until `expires_at` (24 hours unless told otherwise); return its id.

    `content` is what the person asks for, as JSON; what the rows say of `ids` is added to it and bound with it. Refuses
    NotAllowed, NoWhy, AlreadyProposed, and NothingToPropose where there is nothing to decide any more.
    """
    known = KINDS[kind]
    actor.must(known.proposed_by or known.right)
    if not why.strip():
        raise NoWhy
    found = known.content_now(conn, ids, content or {})
    if found is None:
        raise NothingToPropose
    values = {
        "kind": kind,
        "subject": known.subject,
        "ids": sorted(ids),
        "content": json.dumps(found),
        "why": why.strip(),
        "actor": actor.name,
        "now": now,
        "expires_at": expires_at or now + EXPIRES_AFTER,
    }
    same = conn.execute(SAME, values).scalar()
    if same is not None:
        raise AlreadyProposed(id=same)
    proposal_id: int = conn.execute(ADD, values).scalar_one()
    _audit(
        conn, "proposal.made", proposal_id, actor, now, {"kind": kind, "ids": sorted(ids), "why": why.strip()}
    )
    return proposal_id


DECIDE = text("""
    UPDATE proposal SET decision = :decision, decided_by = :actor, decided_at = :now, decide_note = :note
     WHERE id = :id AND decision IS NULL AND made_by <> :actor AND expires_at > :now
       AND digest = proposal_digest(kind, subject, ids, content)
    RETURNING id
""")
# Compared in the database, where both are the same kind of JSON.
SAYS_THE_SAME = text("""
    SELECT proposal_digest(kind, subject, ids, CAST(:content AS jsonb)) = digest FROM proposal WHERE id = :id
""")


def confirm(conn: Connection, proposal_id: int, *, actor: Actor, now: datetime, note: str = "") -> Proposal:
    """Confirm another person's proposal and carry it out, in this transaction; return it as it then stands.

    Refuses UnknownProposal, NotAllowed, OwnProposal, ProposalDecided, ProposalExpired, and OutdatedProposal when what it
    is about is not what was proposed any more.
    """
    proposal, kind = _to_decide(conn, proposal_id, actor=actor, now=now)
    found = kind.content_now(conn, proposal.ids, proposal.content)
    values = {"id": proposal_id, "content": json.dumps(found)}
    if found is None or not conn.execute(SAYS_THE_SAME, values).scalar_one():
        # Whoever confirmed it first has changed it too: that is the truer answer.
        _to_decide(conn, proposal_id, actor=actor, now=now)
        raise OutdatedProposal(id=proposal_id)
    _decide(conn, proposal, "confirm", actor=actor, now=now, note=note)
    kind.carry_out(conn, proposal, actor, now)
    _audit(conn, "proposal.confirmed", proposal_id, actor, now, _told(proposal, note))
    return read_proposal(conn, proposal_id)


def refuse_proposal(
    conn: Connection, proposal_id: int, *, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Refuse another person's proposal with a reason; nothing else changes. Refuses what `confirm` refuses, and NoWhy."""
    if not note.strip():
        raise NoWhy
    proposal, _ = _to_decide(conn, proposal_id, actor=actor, now=now)
    _decide(conn, proposal, "refuse", actor=actor, now=now, note=note)
    _audit(conn, "proposal.refused", proposal_id, actor, now, _told(proposal, note))
    return read_proposal(conn, proposal_id)


def _to_decide(conn: Connection, proposal_id: int, *, actor: Actor, now: datetime) -> tuple[Proposal, Kind]:
    proposal = read_proposal(conn, proposal_id)
    kind = KINDS[proposal.kind]
    actor.must(kind.right)
    if proposal.decision is not None:
        raise ProposalDecided(id=proposal_id)
    if proposal.made_by == actor.name:
        raise OwnProposal(id=proposal_id)
    if proposal.expires_at <= now:
        raise ProposalExpired(id=proposal_id, expires_at=proposal.expires_at)
    return proposal, kind


def _decide(
    conn: Connection, proposal: Proposal, decision: str, *, actor: Actor, now: datetime, note: str
) -> None:
    values = {"id": proposal.id, "decision": decision, "actor": actor.name, "now": now, "note": note.strip()}
    if conn.execute(DECIDE, values).first() is None:
        _to_decide(conn, proposal.id, actor=actor, now=now)  # somebody else was faster, and says how it ended
        raise OutdatedProposal(id=proposal.id)


def _told(proposal: Proposal, note: str) -> dict[str, object]:
    return {
        "kind": proposal.kind,
        "ids": list(proposal.ids),
        "digest": proposal.digest,
        "made_by": proposal.made_by,
        "note": note.strip(),
    }


def _audit(  # noqa: PLR0917 - who did what to which, when
    conn: Connection, action: str, proposal_id: int, actor: Actor, now: datetime, details: dict[str, object]
) -> None:
    audit.record(conn, action, subject="proposal", ids=[proposal_id], actor=actor, now=now, details=details)


READ = "SELECT *, encode(digest, 'hex') AS hex FROM proposal"
READ_ONE = text(f"{READ} WHERE id = :id")
READ_OPEN = text(f"{READ} WHERE decision IS NULL AND expires_at > :now ORDER BY id")


def read_proposal(conn: Connection, proposal_id: int) -> Proposal:
    """Return one proposal, whatever became of it; refuses UnknownProposal."""
    row = conn.execute(READ_ONE, {"id": proposal_id}).one_or_none()
    if row is None:
        raise UnknownProposal(id=proposal_id)
    return _of(row)


def open_proposals(conn: Connection, *, now: datetime) -> list[Proposal]:
    """Return the proposals that wait for a second person, the oldest first."""
    return [_of(row) for row in conn.execute(READ_OPEN, {"now": now})]


def _of(row: Row[Any]) -> Proposal:
    return Proposal(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        ids=tuple(row.ids),
        content=row.content,
        digest=row.hex,
        why=row.why,
        made_by=row.made_by,
        made_at=row.made_at,
        expires_at=row.expires_at,
        decision=row.decision,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        decide_note=row.decide_note,
    )
