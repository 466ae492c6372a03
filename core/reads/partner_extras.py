"""What is known of a partner beside the money: notes, the backup, and the proposals that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.backups import Backup, backup_of
from core.proposals import open_proposals
from core.reads.frames import to_frame
from core.second_person import Proposal


@dataclass(frozen=True, kw_only=True)
class PartnerExtras:
    """Notes (id, note, made_by, at, blanked_at; the newest first), the backup, its address where it has one and is not
    masked, whether the present destination has failed, and what waits for a second person about this partner.
    """

    notes: pd.DataFrame
    backup: Backup | None
    backup_email: str | None
    destination_failed: bool
    waiting: Sequence[Proposal]


NOTES = text("""
    SELECT id, note, made_by, at, blanked_at FROM partner_note WHERE partner_id = :id ORDER BY id DESC LIMIT :rows
""")
EMAIL = text("SELECT email FROM identity WHERE id = :id")
FAILED = text("""
    SELECT EXISTS (SELECT 1 FROM hold WHERE partner_id = :id AND reason = 'destination_failed' AND earning_id IS NULL
                      AND payout_id IS NULL AND closed_at IS NULL AND (until IS NULL OR until > :now))
""")


def partner_extras(
    conn: Connection, partner_id: int, *, now: datetime, masked: bool, rows: int = 50
) -> PartnerExtras:
    """Return what is known of a partner beside the money; masked, notes have no text: they may name a person."""
    notes = to_frame(conn.execute(NOTES, {"id": partner_id, "rows": rows}))
    backup = backup_of(conn, partner_id)
    identity_id = backup.asked.get("identity_id") if backup and not masked else None
    return PartnerExtras(
        notes=notes.assign(note=None) if masked else notes,
        backup=backup,
        backup_email=conn.execute(EMAIL, {"id": identity_id}).scalar() if identity_id else None,
        destination_failed=conn.execute(FAILED, {"id": partner_id, "now": now}).scalar_one(),
        waiting=[
            one for one in open_proposals(conn, now=now) if one.subject == "partner" and partner_id in one.ids
        ],
    )
