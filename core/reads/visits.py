"""When a person was last at the desk, as the audit trail tells."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

LAST_ACT_BEFORE_SIGN_IN = text("""
    SELECT at FROM audit
     WHERE actor = :actor
       AND seq < (SELECT max(seq) FROM audit WHERE actor = :actor AND action = 'user.signed_in')
     ORDER BY seq DESC LIMIT 1
""")


def last_visit(conn: Connection, username: str) -> datetime | None:
    """Return when the person last did anything before they signed in this time; None on the first visit."""
    return conn.execute(LAST_ACT_BEFORE_SIGN_IN, {"actor": f"user:{username}"}).scalar_one_or_none()
