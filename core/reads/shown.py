"""What the queue shows of the payouts on one page: looked up for those rows only, whatever the queue holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

PERSONAL = ("partner_name", "partner_email", "account", "customer")

SHOW = text("""
    SELECT p.id, p.version, p.ref::text AS ref, p.partner_id, r.code AS partner_code, who.name AS partner_name,
           who.email AS partner_email, g.code AS program, g.name AS program_name,
           s.items, s.customers, s.customer, s.customer_ref, s.days_active_min, s.days_active_max,
           p.amount_minor, p.fee_minor, p.net_minor, p.currency, p.method, p.status, p.priority, p.origin,
           floor(extract(epoch FROM CASE p.status WHEN 'pending' THEN :now ELSE coalesce(p.decided_at, :now) END
                                    - p.queued_at) / 86400)::bigint AS days_pending,
           p.queued_at, b.available AS available_minor,
           coalesce(d.account, CASE p.method WHEN 'paypal' THEN who.email END) AS account,
           sent.provider_ref, p.retry_at, p.retry_class, p.reason_code, p.reason, p.processed_at, p.note,
           CASE WHEN p.aside_until > :today THEN p.aside_until END AS aside_until,
           CASE WHEN p.aside_until > :today THEN p.aside_reason END AS aside_reason,
           CASE WHEN p.status <> 'pending' THEN 0
                ELSE p.approvals_needed - (SELECT count(DISTINCT a.actor) FROM approval a
                                            WHERE a.payout_id = p.id AND a.decision = 'approve'
                                              AND a.content_hash = payout_content_hash(p.id)) END AS approvals_missing,
           p.approvals_needed, p.batch_id, earlier.paid_before, earlier.usual_minor,
           array_remove(ARRAY[
               CASE WHEN earlier.paid_before = 0 THEN 'first_payout' END,
               CASE WHEN earlier.paid_before >= 3 AND p.amount_minor > 3 * earlier.usual_minor THEN 'above_usual' END,
               CASE WHEN d.replaces_id IS NOT NULL AND NOT earlier.known_destination THEN 'new_destination' END,
               CASE WHEN p.status IN ('pending', 'approved', 'retrying') AND EXISTS (
                        SELECT 1 FROM destination o JOIN partner q ON q.destination_id = o.id
                         WHERE o.fingerprint = d.fingerprint AND o.partner_id <> p.partner_id)
                    THEN 'shared_destination' END,
               CASE WHEN p.approvals_needed > 1 THEN 'second_person' END,
               CASE WHEN p.aside_until > :today THEN 'set_aside' END,
               CASE WHEN EXISTS (SELECT 1 FROM payout_override v WHERE v.payout_id = p.id) THEN 'override' END,
               CASE WHEN EXISTS (SELECT 1 FROM early_payout y WHERE y.payout_id = p.id) THEN 'early' END,
               CASE WHEN p.status IN ('pending', 'approved', 'retrying') AND EXISTS (
                        SELECT 1 FROM hold h
                         WHERE h.partner_id = p.partner_id AND h.earning_id IS NULL AND h.payout_id IS NULL
                           AND h.closed_at IS NULL AND h.reason = 'ineligible' AND (h.until IS NULL OR h.until > :now))
                    THEN 'ineligible' END,
               CASE WHEN p.status <> 'pending' AND EXISTS (
                        SELECT 1 FROM approval a
                         WHERE a.payout_id = p.id AND a.decision = 'approve' AND starts_with(a.actor, 'policy:')
                           AND a.content_hash = payout_content_hash(p.id)) THEN 'by_policy' END,
               CASE WHEN p.status = 'pending' AND EXISTS (
                        SELECT 1 FROM left_to_person o WHERE o.payout_id = p.id) THEN 'left_to_person' END,
               CASE WHEN bank.status = 'failed' THEN 'sent_back' END], NULL) AS signals
      FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS wanted (id, place)
      JOIN payout p USING (id)
      JOIN partner r ON r.id = p.partner_id
      JOIN identity who ON who.id = r.identity_id
      JOIN program g ON g.id = p.program_id
      JOIN destination d ON d.id = p.destination_id
      JOIN partner_balance b ON b.partner_id = p.partner_id
      LEFT JOIN bank_arrival bank ON bank.payout_id = p.id
      LEFT JOIN attempt sent ON sent.payout_id = p.id AND sent.state = 'succeeded'
     CROSS JOIN LATERAL (
            SELECT sum(t.items)::bigint AS items, count(t.customer_id) AS customers,
                   CASE WHEN count(t.customer_id) = 1 THEN max(c.ref) END AS customer_ref,
                   CASE WHEN count(t.customer_id) = 1 THEN max(cw.name) END AS customer,
                   min(floor(extract(epoch FROM active.span) / 86400))::bigint AS days_active_min,
                   max(floor(extract(epoch FROM active.span) / 86400))::bigint AS days_active_max
              FROM (SELECT e.customer_id, count(*) AS items
                      FROM payout_item i JOIN earning e ON e.id = i.earning_id
                     WHERE i.payout_id = p.id GROUP BY e.customer_id) t
              LEFT JOIN customer c ON c.id = t.customer_id
              LEFT JOIN identity cw ON cw.id = c.identity_id
             CROSS JOIN LATERAL (SELECT least(coalesce(c.cancelled_at, :now), :now) - c.signed_up_at AS span) active
           ) s
     CROSS JOIN LATERAL (
            SELECT count(*) AS paid_before,
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY q.amount_minor) AS usual_minor,
                   coalesce(bool_or(q.destination_id = p.destination_id), false) AS known_destination
              FROM (SELECT amount_minor, destination_id FROM payout q
                     WHERE q.partner_id = p.partner_id AND q.status IN ('paid', 'reversed') AND q.id < p.id
                     ORDER BY q.id DESC LIMIT 24) q
           ) earlier
     ORDER BY wanted.place
""")


def show(conn: Connection, ids: Sequence[int], *, now: datetime, masked: bool) -> pd.DataFrame:
    """Return the payouts in the order of `ids`, one row each.

    Amounts are minor units of `currency`; `customer` and `customer_ref` are set for a single customer, else
    `customers` counts them; days are whole 24 h; `approvals_missing` counts the people still to approve;
    `usual_minor` is the median of up to 24 earlier paid payouts; `signals` is a list of first_payout, above_usual,
    new_destination, shared_destination (another partner is paid there too), second_person, set_aside, override (beyond
    a rule), early (before its slot), ineligible (the partner is), by_policy (approved by it), left_to_person (by the
    policy) and sent_back (by the bank).
    With `masked` the personal columns are empty.
    """
    found = to_frame(conn.execute(SHOW, {"ids": list(ids), "now": now, "today": now.date()}))
    return mask(found, PERSONAL) if masked else found


HIDDEN = "hidden from viewers"


def mask(frame: pd.DataFrame, personal: Sequence[str]) -> pd.DataFrame:
    """Return the frame with its personal columns emptied."""
    return frame.assign(**dict.fromkeys((name for name in personal if name in frame.columns), None))


def without_notes(holds: pd.DataFrame) -> pd.DataFrame:
    """Return holds that tell only whether something was said: the words may name a person."""
    said = [name for name in ("note", "close_note") if name in holds.columns]
    return holds.assign(**{name: holds[name].where(holds[name].fillna("") == "", HIDDEN) for name in said})
