"""What was asked about transfers whose outcome is open, and what was answered."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

CALLS = text("""
    SELECT c.at, c.what, c.outcome, c.code, c.message, c.request_id, c.duration_ms
      FROM attempt_call c WHERE c.payout_id = :payout_id AND c.n = :n ORDER BY c.id
""")


def calls_of_attempt(conn: Connection, payout_id: int, n: int) -> pd.DataFrame:
    """Return every call of one attempt, the oldest first; `duration_ms` in milliseconds."""
    return to_frame(conn.execute(CALLS, {"payout_id": payout_id, "n": n}))
