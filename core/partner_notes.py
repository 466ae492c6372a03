"""Notes on partners: added by whoever works with them, never changed. A text that names a person can be blanked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.programs import UnknownPartner
from core.refusals import Refusal

LONGEST = 2_000


class EmptyNote(Refusal):
    """A note says something."""

    code = "empty_note"


class LongNote(Refusal):
    """A note has at most {most:,} characters; this one has {length:,}."""

    code = "long_note"


class UnknownNote(Refusal):
    """There is no note {id} that still has its text."""

    code = "unknown_note"


FIND = text("SELECT id FROM partner WHERE code = :code")
ADD = text("""
    INSERT INTO partner_note (partner_id, note, made_by, at) VALUES (:partner_id, :note, :made_by, :now) RETURNING id
""")


def add_note(conn: Connection, code: str, note: str, *, actor: Actor, now: datetime) -> int:
    """Add a note to a partner and return its id; the audit keeps that it was added, not what it says.

    Refuses NotAllowed, EmptyNote, LongNote, UnknownPartner.
    """
    actor.must("write notes")
    said = note.strip()
    if not said:
        raise EmptyNote
    if len(said) > LONGEST:
        raise LongNote(most=LONGEST, length=len(said))
    partner_id = conn.execute(FIND, {"code": code}).scalar_one_or_none()
    if partner_id is None:
        raise UnknownPartner(partner=code)
    values = {"partner_id": partner_id, "note": said, "made_by": actor.name, "now": now}
    note_id: int = conn.execute(ADD, values).scalar_one()
    _record(conn, "partner.note_added", partner_id, {"note_id": note_id}, actor=actor, now=now)
    return note_id


BLANK = text("""
    UPDATE partner_note SET note = NULL, blanked_at = :now WHERE id = :id AND blanked_at IS NULL RETURNING partner_id
""")


def blank_note(conn: Connection, note_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Take the text of a note away for good; that there was one, by whom and when, stays.

    Refuses NotAllowed, EmptyNote without a reason, UnknownNote.
    """
    actor.must("manage people")
    if not reason.strip():
        raise EmptyNote("Say why the text is taken away: the reason is kept.")
    partner_id = conn.execute(BLANK, {"id": note_id, "now": now}).scalar_one_or_none()
    if partner_id is None:
        raise UnknownNote(id=note_id)
    details = {"note_id": note_id, "reason": reason.strip()}
    _record(conn, "partner.note_blanked", partner_id, details, actor=actor, now=now)


def _record(
    conn: Connection, action: str, partner_id: int, details: dict[str, object], *, actor: Actor, now: datetime
) -> None:
    audit.record(conn, action, subject="partner", ids=[partner_id], actor=actor, now=now, details=details)
