"""Transfers and reversals whose outcome is open: what was asked about them, and what was answered."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame
from core.reads.operations import unknown_attempts
from core.reads.shown import mask

CALLS = text("""
    SELECT c.at, c.what, c.outcome, c.code, c.message, c.request_id, c.duration_ms
      FROM attempt_call c WHERE c.payout_id = :payout_id AND c.n = :n ORDER BY c.id
""")


def calls_of_attempt(conn: Connection, payout_id: int, n: int) -> pd.DataFrame:
    """Return every call of one attempt, the oldest first; `duration_ms` in milliseconds."""
    return to_frame(conn.execute(CALLS, {"payout_id": payout_id, "n": n}))


# Like a transfer's: the same key again within 23 h of the first send, and only looked up after that.
UNKNOWN_REVERSALS = text("""
    SELECT v.payout_id, v.n, r.code AS partner_code, w.name AS partner_name, v.amount_minor AS net_minor, v.currency,
           v.provider, v.state, v.code, v.message, v.started_at, v.first_sent_at, v.next_look_at, v.looks, v.absent_looks,
           v.absent_since, left(v.idem_key, 12) AS key_begins,
           CASE WHEN now() < v.first_sent_at + interval '23 hours' THEN 'same_key' ELSE 'looking' END AS step,
           greatest(0, extract(epoch FROM v.first_sent_at + interval '23 hours' - now()))::bigint AS same_key_left_s
      FROM reversal v JOIN payout p ON p.id = v.payout_id JOIN partner r ON r.id = p.partner_id
      JOIN identity w ON w.id = r.identity_id
     WHERE v.state = 'unknown' ORDER BY v.first_sent_at, v.payout_id
""")


def unknown_reversals(conn: Connection, *, masked: bool) -> pd.DataFrame:
    """Return the reversals without an answer, oldest first, in the columns of `unknown_attempts`."""
    frame = to_frame(conn.execute(UNKNOWN_REVERSALS))
    return mask(frame, ("partner_name",)) if masked else frame


def open_outcomes(conn: Connection, *, masked: bool) -> pd.DataFrame:
    """Return transfers and reversals without an answer together, oldest first."""
    both = (unknown_attempts(conn, masked=masked), unknown_reversals(conn, masked=masked))
    some = [rows for rows in both if len(rows)]
    return pd.concat(some).sort_values("first_sent_at", ignore_index=True) if some else both[0]


REVERSAL_CALLS = text("""
    SELECT c.at, c.what, c.outcome, c.code, c.message, c.request_id, c.duration_ms
      FROM reversal_call c WHERE c.payout_id = :payout_id AND c.n = :n ORDER BY c.id
""")


def calls_of_reversal(conn: Connection, payout_id: int, n: int) -> pd.DataFrame:
    """Return every call of one reversal, the oldest first; `duration_ms` in milliseconds."""
    return to_frame(conn.execute(REVERSAL_CALLS, {"payout_id": payout_id, "n": n}))
