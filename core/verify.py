"""The books prove themselves: each check is a query that must find nothing, at every commit.

A check that finds rows says how many; its query, run alone, names them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from core import audit

CHECKS: dict[str, str] = {
    "balances equal the ledger": """
        SELECT b.partner_id FROM partner_balance b
          LEFT JOIN (SELECT partner_id,
                            sum(amount_minor) FILTER (WHERE to_account = 'held')      AS held_in,
                            sum(amount_minor) FILTER (WHERE from_account = 'held')    AS held_out,
                            sum(amount_minor) FILTER (WHERE to_account = 'available')   AS available_in,
                            sum(amount_minor) FILTER (WHERE from_account = 'available') AS available_out,
                            sum(amount_minor) FILTER (WHERE to_account = 'reserved')   AS reserved_in,
                            sum(amount_minor) FILTER (WHERE from_account = 'reserved') AS reserved_out,
                            sum(amount_minor) FILTER (WHERE to_account = 'paid')   AS paid_in,
                            sum(amount_minor) FILTER (WHERE from_account = 'paid') AS paid_out,
                            sum(amount_minor) FILTER (WHERE to_account = 'fees')   AS fees_in
                       FROM ledger_transfer GROUP BY partner_id) l USING (partner_id)
         WHERE b.held      <> coalesce(held_in, 0) - coalesce(held_out, 0)
            OR b.available <> coalesce(available_in, 0) - coalesce(available_out, 0)
            OR b.reserved  <> coalesce(reserved_in, 0) - coalesce(reserved_out, 0)
            OR b.paid      <> coalesce(paid_in, 0) - coalesce(paid_out, 0)
            OR b.fees      <> coalesce(fees_in, 0)""",
    "held and available equal the open earnings": """
        SELECT b.partner_id FROM partner_balance b
          LEFT JOIN LATERAL (
               SELECT sum(amount_minor) FILTER (WHERE amount_minor > 0 AND (release_at > b.released_to OR on_hold)) AS held,
                      sum(amount_minor) FILTER (WHERE amount_minor < 0
                                                OR NOT (release_at > b.released_to OR on_hold)) AS available
                 FROM open_item o WHERE o.partner_id = b.partner_id) o ON true
         WHERE b.held <> coalesce(o.held, 0) OR b.available <> coalesce(o.available, 0)""",
    "reserved equals the live unpaid payouts": """
        SELECT b.partner_id FROM partner_balance b
          LEFT JOIN (SELECT partner_id, sum(amount_minor) AS amount FROM payout
                      WHERE status IN ('pending', 'approved', 'processing', 'retrying') GROUP BY 1) p USING (partner_id)
         WHERE b.reserved <> coalesce(p.amount, 0)""",
    "all a partner has equals all they earned": """
        SELECT b.partner_id FROM partner_balance b
          LEFT JOIN (SELECT partner_id, sum(amount_minor) AS amount FROM earning
                      WHERE kind <> 'return' GROUP BY 1) e USING (partner_id)
         WHERE b.held + b.available + b.reserved + b.paid + b.fees <> coalesce(e.amount, 0)""",
    # What is neither open nor in a payout cancels out among itself: a void with what it voids, a closed carry pair.
    "every earning is open, in one live payout, voided, or a closed carry": """
        SELECT e.id FROM earning e JOIN open_item o ON o.earning_id = e.id JOIN payout_item i ON i.earning_id = e.id AND i.live
         UNION
        SELECT coalesce(e.corrects_id, e.id) FROM earning e
          LEFT JOIN open_item o ON o.earning_id = e.id
          LEFT JOIN payout_item i ON i.earning_id = e.id AND i.live
         WHERE o.earning_id IS NULL AND i.earning_id IS NULL
         GROUP BY 1 HAVING sum(e.amount_minor) <> 0""",
    "closed carries come in pairs": """
        SELECT o.source_ref FROM earning o JOIN earning c
            ON c.program_id = o.program_id AND c.source_ref = o.source_ref AND c.kind = 'carry_in'
         WHERE o.kind = 'carry_out'
           AND (NOT EXISTS (SELECT 1 FROM open_item WHERE earning_id = o.id)
                AND NOT EXISTS (SELECT 1 FROM payout_item WHERE earning_id = o.id AND live))
            <> (NOT EXISTS (SELECT 1 FROM open_item WHERE earning_id = c.id)
                AND NOT EXISTS (SELECT 1 FROM payout_item WHERE earning_id = c.id AND live))""",
    "a payout is the sum of its items": """
        SELECT p.id FROM payout p
          LEFT JOIN (SELECT payout_id, sum(amount_minor) AS amount, bool_and(live) AS all_live, bool_or(live) AS any_live
                       FROM payout_item GROUP BY 1) i ON i.payout_id = p.id
         WHERE p.amount_minor IS DISTINCT FROM i.amount OR p.live <> i.all_live OR p.live <> i.any_live""",
    "a reservation ends exactly once": """
        SELECT p.id FROM payout p
          LEFT JOIN (SELECT payout_id, count(*) FILTER (WHERE kind = 'reserve') AS reserved,
                            count(*) FILTER (WHERE kind = 'settle') AS settled,
                            count(*) FILTER (WHERE kind = 'unreserve') AS undone
                       FROM ledger_transfer WHERE payout_id IS NOT NULL GROUP BY 1) l ON l.payout_id = p.id
         WHERE coalesce(l.reserved, 0) <> 1
            OR coalesce(l.settled, 0) <> (p.status IN ('paid', 'reversed'))::int
            OR coalesce(l.undone, 0) <> (NOT p.live)::int""",
    "a payout's status and its attempts agree": """
        SELECT p.id FROM payout p
          LEFT JOIN (SELECT payout_id, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
                            count(*) FILTER (WHERE state IN ('started', 'unknown')) AS open,
                            count(*) FILTER (WHERE state = 'absent') AS absent
                       FROM attempt GROUP BY 1) a ON a.payout_id = p.id
         WHERE (p.status IN ('paid', 'reversed')) <> (coalesce(a.succeeded, 0) = 1)
            OR (p.status = 'processing') <> (coalesce(a.open, 0) = 1
                                             OR (p.status = 'processing' AND coalesce(a.absent, 0) > 0))""",
    "nothing was sent unapproved": """
        SELECT t.payout_id FROM attempt t JOIN payout p ON p.id = t.payout_id
         WHERE p.approvals_needed > (SELECT count(DISTINCT actor) FROM approval a
                                      WHERE a.payout_id = t.payout_id AND a.decision = 'approve'
                                        AND a.content_hash = t.approved_hash)""",
    "no maker approved": """
        SELECT a.payout_id FROM approval a
         WHERE a.decision = 'approve' AND a.actor IN (SELECT payout_makers(a.payout_id))""",
    "policies approved what their versions allow": """
        SELECT a.payout_id FROM approval a
          JOIN payout p ON p.id = a.payout_id JOIN program g ON g.id = p.program_id JOIN policy l ON l.id = p.policy_id
         WHERE starts_with(a.actor, 'policy:')
           AND (a.decision = 'approve' AND a.actor = 'policy:' || g.code || ':' || l.version AND p.origin = 'schedule'
                AND p.approvals_needed = 1 AND (l.terms #>> '{approval,auto}')::boolean
                AND p.amount_minor <= (l.terms #>> '{approval,auto_up_to_minor}')::bigint) IS NOT TRUE""",
    "a policy's day is what it approved": """
        SELECT program_id FROM policy_day d
          FULL JOIN (SELECT p.program_id, (a.at AT TIME ZONE g.zone)::date AS day, count(*) AS n,
                            sum(p.amount_minor) AS amount
                       FROM approval a JOIN payout p ON p.id = a.payout_id JOIN program g ON g.id = p.program_id
                      WHERE starts_with(a.actor, 'policy:') GROUP BY 1, 2) a USING (program_id, day)
         WHERE coalesce(d.n, 0) <> coalesce(a.n, 0) OR coalesce(d.amount_minor, 0) <> coalesce(a.amount, 0)""",
    "a partner's own terms are the last two people agreed on": """
        SELECT p.id FROM partner p
          LEFT JOIN LATERAL (SELECT terms FROM own_terms o WHERE o.partner_id = p.id ORDER BY id DESC LIMIT 1) o ON true
         WHERE p.overrides <> coalesce(o.terms, '{}')""",
    "a new key only after a definite no": """
        SELECT later.payout_id FROM attempt later JOIN attempt earlier
            ON earlier.payout_id = later.payout_id AND earlier.n < later.n
         WHERE earlier.state NOT IN ('declined', 'absent')""",
    "corrections stay within their earning": """
        SELECT e.id FROM earning e JOIN earning c ON c.corrects_id = e.id AND c.kind IN ('void', 'clawback', 'reinstate')
         GROUP BY e.id, e.amount_minor HAVING e.amount_minor + sum(c.amount_minor) < 0 OR sum(c.amount_minor) > 0""",
    "a reinstatement puts back what its event took": """
        SELECT r.id FROM earning r
          LEFT JOIN earning t ON t.source_ref = r.source_ref AND t.kind IN ('void', 'clawback') AND t.corrects_id = r.corrects_id
         WHERE r.kind = 'reinstate' AND t.amount_minor IS DISTINCT FROM -r.amount_minor""",
    "refunds stay within their sale": """
        SELECT s.id FROM sale_refund r JOIN sale s ON s.id = r.sale_id
         GROUP BY s.id, s.gross_minor HAVING sum(r.gross_minor) NOT BETWEEN 0 AND s.gross_minor""",
    "what came back is an earning of its payout": """
        SELECT coalesce(e.id, t.earning_id)
          FROM (SELECT * FROM earning WHERE kind = 'return') e
          FULL JOIN (SELECT * FROM ledger_transfer WHERE kind = 'return') t ON t.earning_id = e.id
         WHERE e.amount_minor IS DISTINCT FROM t.amount_minor OR e.partner_id IS DISTINCT FROM t.partner_id""",
    "a payout is reversed when all of it came back": """
        SELECT p.id FROM payout p
          JOIN (SELECT payout_id, sum(amount_minor) AS amount FROM ledger_transfer WHERE kind = 'return' GROUP BY 1) t
            ON t.payout_id = p.id
         WHERE t.amount > p.net_minor OR (t.amount = p.net_minor) <> (p.status = 'reversed')
         UNION
        SELECT p.id FROM payout p
         WHERE p.status = 'reversed'
           AND NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.payout_id = p.id AND t.kind = 'return')""",
    "reversals stay within their payout": """
        SELECT r.payout_id FROM reversal r JOIN payout p ON p.id = r.payout_id
         WHERE r.state IN ('started', 'unknown', 'succeeded')
         GROUP BY r.payout_id, p.net_minor
        HAVING sum(r.amount_minor) > p.net_minor OR count(*) FILTER (WHERE r.state <> 'succeeded') > 1""",
    "a reversal that succeeded has its return, and the other way round": """
        SELECT r.provider_ref FROM reversal r
          LEFT JOIN earning e ON e.kind = 'return' AND e.source_ref = r.provider_ref
          LEFT JOIN ledger_transfer t ON t.earning_id = e.id AND t.kind = 'return'
         WHERE r.state = 'succeeded'
           AND (t.payout_id IS DISTINCT FROM r.payout_id OR t.amount_minor IS DISTINCT FROM r.amount_minor)
         UNION ALL
        SELECT e.source_ref FROM earning e
         WHERE e.kind = 'return' AND e.made_by = 'job:reversals'
           AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.provider_ref = e.source_ref AND r.state = 'succeeded')""",
    "nothing was pulled back by one person": """
        SELECT r.payout_id FROM reversal r LEFT JOIN proposal p ON p.id = r.proposal_id
         WHERE p.kind IS DISTINCT FROM 'reverse_payout' OR p.decision IS DISTINCT FROM 'confirm'
            OR p.ids <> ARRAY[r.payout_id] OR p.made_by = p.decided_by
            OR p.content -> 'amount_minor' IS DISTINCT FROM to_jsonb(r.amount_minor)""",
    "no rule was overridden by one person": """
        SELECT o.payout_id FROM payout_override o JOIN payout p ON p.id = o.payout_id LEFT JOIN proposal a ON a.id = o.proposal_id
         WHERE a.kind IS DISTINCT FROM 'override_request' OR a.decision IS DISTINCT FROM 'confirm' OR a.made_by = a.decided_by
            OR (a.made_by, a.decided_by) IS DISTINCT FROM (o.proposed_by, o.confirmed_by)
            OR a.ids <> ARRAY[p.partner_id] OR a.content -> 'rules' IS DISTINCT FROM o.rules
            OR a.content -> 'amount_minor' IS DISTINCT FROM to_jsonb(p.amount_minor)""",
    "the simulator took back what succeeded": """
        SELECT coalesce(s.reversal_ref, r.ref::text)
          FROM (SELECT reversal_ref, amount_minor FROM simulator_reversal WHERE provider_ref IS NOT NULL) s
          FULL JOIN (SELECT ref, amount_minor, state FROM reversal
                      WHERE provider = 'simulator' AND state IN ('started', 'unknown', 'succeeded')) r
            ON r.ref::text = s.reversal_ref
         WHERE r.ref IS NULL OR (r.state = 'succeeded' AND s.amount_minor IS DISTINCT FROM r.amount_minor)""",
    "a payment file is the sum of its attempts": """
        SELECT f.id FROM payment_file f
          LEFT JOIN (SELECT l.file_id, count(*) AS lines, sum(l.amount_minor) AS total,
                            sum((a.params ->> 'amount_minor')::bigint) AS sent,
                            bool_and(a.provider = 'file') AS by_file
                       FROM payment_file_line l JOIN attempt a USING (payout_id, n) GROUP BY 1) l ON l.file_id = f.id
         WHERE (f.payouts, f.total_minor, f.total_minor, true)
               IS DISTINCT FROM (l.lines, l.total::bigint, l.sent::bigint, l.by_file)""",
    "what left by file is in one file, and ended by its mark": """
        SELECT a.payout_id FROM attempt a
          LEFT JOIN payment_file_line l USING (payout_id, n)
          LEFT JOIN payment_file f ON f.id = l.file_id
          LEFT JOIN payment_mark m ON m.payout_id = a.payout_id AND m.n = a.n AND m.ends
         WHERE a.provider = 'file'
           AND (l.payout_id IS NULL
                OR a.state <> CASE WHEN m.outcome = 'paid' THEN 'succeeded'
                                   WHEN m.outcome IS NOT NULL OR f.state = 'cancelled' THEN 'declined' ELSE 'started' END)""",
    "nobody marked what they approved": """
        SELECT m.payout_id FROM payment_mark m JOIN approval a ON a.payout_id = m.payout_id AND a.decision = 'approve'
         WHERE a.actor = m.marked_by""",
    "counters equal the payouts": """
        SELECT * FROM (
            SELECT program_id, status, method, currency, sum(n) AS n, sum(amount) AS amount FROM (
                SELECT program_id, status, method, currency, n, amount_minor AS amount FROM payout_counter
                 UNION ALL SELECT program_id, status, method, currency, -1, -amount_minor FROM payout) all_rows
             GROUP BY 1, 2, 3, 4) difference
         WHERE n <> 0 OR amount <> 0""",
    "daily totals equal sales, earnings and payouts": """
        SELECT day, program_id, measure FROM (
            SELECT day, program_id, measure, n, amount_minor FROM daily_total
             UNION ALL
            SELECT (s.occurred_at AT TIME ZONE g.zone)::date, s.program_id, 'revenue', -1, -s.gross_minor
              FROM sale s JOIN program g ON g.id = s.program_id WHERE s.kind <> 'deduction'
             UNION ALL
            SELECT (e.occurred_at AT TIME ZONE g.zone)::date, e.program_id, m.measure, -1, -m.amount
              FROM earning e JOIN program g ON g.id = e.program_id
             CROSS JOIN LATERAL (VALUES ('earned', e.amount_minor, e.kind <> 'return'),
                                        ('platform_fee', e.fee_minor, e.kind <> 'return'),
                                        ('returned', e.amount_minor, e.kind = 'return')) AS m (measure, amount, wanted)
             WHERE e.kind NOT IN ('carry_out', 'carry_in') AND m.wanted
             UNION ALL
            SELECT (p.processed_at AT TIME ZONE g.zone)::date, p.program_id, m.measure, -1, -m.amount
              FROM payout p JOIN program g ON g.id = p.program_id
             CROSS JOIN LATERAL (VALUES ('paid', p.amount_minor, p.status IN ('paid', 'reversed')),
                                        ('payout_fee', p.fee_minor, p.status IN ('paid', 'reversed')),
                                        ('payout_cost', p.platform_cost_minor,
                                         p.status IN ('paid', 'reversed') AND p.platform_cost_minor > 0),
                                        ('failed', p.amount_minor, p.status = 'failed')) AS m (measure, amount, wanted)
             WHERE m.wanted) difference
         GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(amount_minor) <> 0""",
    # Without its day: that was told when the item was made, by the time zones known then.
    "what is open by age equals the open items": """
        SELECT program_id, kind FROM (
            SELECT program_id, kind, n, amount_minor FROM open_total
             UNION ALL
            SELECT r.program_id, CASE WHEN i.amount_minor < 0 THEN 'debt' WHEN i.on_hold THEN 'on_hold' ELSE 'open' END,
                   -1, -i.amount_minor
              FROM open_item i JOIN partner r ON r.id = i.partner_id) difference
         GROUP BY 1, 2 HAVING sum(n) <> 0 OR sum(amount_minor) <> 0""",
    "the simulator holds one transfer per paid payout": """
        SELECT coalesce(s.transfer_group, p.ref::text)
          FROM (SELECT transfer_group, count(*) AS n, sum(amount_minor) AS amount FROM simulator_transfer
                 WHERE provider_ref IS NOT NULL GROUP BY 1) s
          FULL JOIN (SELECT p.ref, p.net_minor FROM payout p JOIN attempt a ON a.payout_id = p.id
                      WHERE a.provider = 'simulator' AND a.state = 'succeeded') p ON p.ref::text = s.transfer_group
         WHERE (p.ref IS NULL AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.params ->> 'transfer_group' = s.transfer_group
                                                AND a.state IN ('started', 'unknown')))
            OR s.n > 1 OR (p.ref IS NOT NULL AND (s.transfer_group IS NULL OR s.amount <> p.net_minor))""",
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One law and how many rows break it."""

    name: str
    ok: bool
    found: int
    detail: str = ""


def verify(conn: Connection) -> tuple[list[Check], str]:
    """Run every check and the audit chain on one snapshot; return the checks and the head of the chain, in hex.

    The caller gives a connection in REPEATABLE READ, so that all checks see the same instant.
    """
    checks = []
    for name, query in CHECKS.items():
        found: int = conn.execute(text(f"SELECT count(*) FROM ({query}) broken")).scalar_one()  # noqa: S608 - our own constants
        checks.append(Check(name=name, ok=found == 0, found=found))
    chain = audit.verify_chain(conn)
    broken = chain.broken_at
    detail = "" if broken is None else f"row {broken} is not as it was written"
    checks.append(
        Check(name="the audit chain holds", ok=broken is None, found=int(broken is not None), detail=detail)
    )
    return checks, chain.head
