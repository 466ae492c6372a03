"""What the outbox holds: what waits, what went wrong, and what one partner was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.outbox import NOT_SET_UP
from core.reads.frames import to_frame
from core.reads.shown import mask


@dataclass(frozen=True, kw_only=True)
class OutboxState:
    """How many messages are open by state, since when the oldest waits, and whether mail is set up."""

    waiting: int
    failed: int
    unclear: int
    oldest: datetime | None
    set_up: bool


COUNTS = text("""
    SELECT count(*) FILTER (WHERE state IN ('waiting', 'sending')) AS waiting,
           count(*) FILTER (WHERE state = 'failed') AS failed, count(*) FILTER (WHERE state = 'unclear') AS unclear,
           min(waiting_since) FILTER (WHERE state IN ('waiting', 'sending')) AS oldest,
           NOT EXISTS (SELECT 1 FROM heartbeat WHERE job = 'notify' AND note = :not_set_up) AS set_up
      FROM message WHERE state IN ('waiting', 'sending', 'failed', 'unclear')
""")


def outbox_state(conn: Connection) -> OutboxState:
    """Return the outbox in figures."""
    return OutboxState(**conn.execute(COUNTS, {"not_set_up": NOT_SET_UP}).mappings().one())


LIST = """
    SELECT m.id, m.kind, m.state, m.partner_id, r.code AS partner_code, w.name AS partner_name, m.about, m.made_by,
           m.made_at, m.waiting_since, m.next_try_at, m.tries, m.sent_at, coalesce(m.error, '') AS error, m.channel,
           m.recipient, m.test
      FROM message m
      LEFT JOIN partner r ON r.id = m.partner_id
      LEFT JOIN identity w ON w.id = r.identity_id
"""
IN_STATES = text(f"{LIST} WHERE m.state = ANY(:states) ORDER BY m.id LIMIT :limit")
NEWEST = text(f"{LIST} ORDER BY m.id DESC LIMIT :limit")
OF_PARTNER = text(f"{LIST} WHERE m.partner_id = :partner_id ORDER BY m.id DESC LIMIT :limit")


def messages_in(conn: Connection, *states: str, masked: bool, limit: int = 50) -> pd.DataFrame:
    """Return the messages in these open states (waiting, sending, failed, unclear), the oldest first."""
    found = to_frame(conn.execute(IN_STATES, {"states": list(states), "limit": limit}))
    return mask(found, ("partner_name",)) if masked else found


def newest_messages(conn: Connection, *, masked: bool, limit: int = 50) -> pd.DataFrame:
    """Return the messages made last, whatever became of them, the newest first."""
    found = to_frame(conn.execute(NEWEST, {"limit": limit}))
    return mask(found, ("partner_name",)) if masked else found


def messages_of_partner(conn: Connection, partner_id: int, *, limit: int = 6) -> pd.DataFrame:
    """Return what this partner was told last, the newest first."""
    return to_frame(conn.execute(OF_PARTNER, {"partner_id": partner_id, "limit": limit}))


LOG = text("""
    SELECT d.at, d.message_id, m.kind, m.channel, m.recipient, m.test, m.about, m.partner_id, r.code AS partner_code,
           w.name AS partner_name, d.outcome, d.words, d.actor, m.state, m.tries, m.next_try_at
      FROM delivery d
      JOIN message m ON m.id = d.message_id
      LEFT JOIN partner r ON r.id = m.partner_id
      LEFT JOIN identity w ON w.id = r.identity_id
     ORDER BY d.at DESC, d.id DESC LIMIT :limit
""")
LOG_OF_PARTNER = text("""
    SELECT d.at, d.message_id, m.kind, m.channel, m.recipient, m.test, m.about, m.partner_id, r.code AS partner_code,
           w.name AS partner_name, d.outcome, d.words, d.actor, m.state, m.tries, m.next_try_at
      FROM partner r
      JOIN identity w ON w.id = r.identity_id
      JOIN message m ON m.partner_id = r.id
      JOIN delivery d ON d.message_id = m.id
     WHERE r.code = :code
     ORDER BY d.at DESC, d.id DESC LIMIT :limit
""")


def delivery_log(
    conn: Connection, *, masked: bool, partner_code: str | None = None, limit: int = 50
) -> pd.DataFrame:
    """Return every try and decision about messages, of one partner's or of all, the newest first."""
    if partner_code is None:
        found = to_frame(conn.execute(LOG, {"limit": limit}))
    else:
        found = to_frame(conn.execute(LOG_OF_PARTNER, {"code": partner_code, "limit": limit}))
    return mask(found, ("partner_name",)) if masked else found
