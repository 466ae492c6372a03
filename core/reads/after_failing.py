"""What became of the money of a payout that failed, and what keeps it from leaving with another one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core.reads.timeline import Event

STANDS = text("""
    SELECT (SELECT min(j.payout_id) FROM payout_item i JOIN payout_item j USING (earning_id)
             WHERE i.payout_id = p.id AND j.payout_id > p.id AND j.live) AS later_id,
           EXISTS (SELECT 1 FROM hold h WHERE h.partner_id = p.partner_id AND h.reason = 'destination_failed'
                      AND h.earning_id IS NULL AND h.payout_id IS NULL AND h.closed_at IS NULL
                      AND (h.until IS NULL OR h.until > :now)) AS held
      FROM payout p WHERE p.id = :id AND p.status = 'failed'
""")


def after_failing(conn: Connection, payout_id: int, *, now: datetime) -> list[Event]:
    """Return the lines that follow the failure of a payout: where its money is, and whose move it is; none if it did not fail."""
    row = conn.execute(STANDS, {"id": payout_id, "now": now}).one_or_none()
    if row is None:
        return []
    if row.later_id is not None:
        return [Event(at=None, what=f"Its money went into payout {row.later_id}", kind="queued", state="now")]
    back = Event(at=None, what="Its money is back in the partner's balance", kind="reversal", state="now")
    again = Event(
        at=None, what="Queued anew by the next run, or when asked for", kind="queued", state="future"
    )
    if not row.held:
        return [back, again]
    why = "The partner is on hold until their details are right: they mend them, then the hold is lifted on their page"
    return [back, Event(at=None, what=why, kind="stopped", state="now"), again]
