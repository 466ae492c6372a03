"""What the books must say about payouts right before they are sent: the part of `verify` that concerns them and their partners.

Each law is one of `verify`'s own, asked about few rows; all of them are one statement, so they see one instant. They join
row by row (LATERAL), so that every one goes by an index however large the desk is.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

# How many are asked about at once: about a millisecond each, whatever the desk holds beside them.
SLICE = 50

LAWS: dict[str, str] = {
    "reserved equals the live unpaid payouts": """
        SELECT b.partner_id
          FROM (SELECT DISTINCT partner_id FROM due) d
         CROSS JOIN LATERAL (SELECT partner_id, reserved FROM partner_balance WHERE partner_id = d.partner_id OFFSET 0) b
         CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS amount FROM payout
                              WHERE partner_id = d.partner_id
                                AND status IN ('pending', 'approved', 'processing', 'retrying')) p
         WHERE b.reserved <> p.amount""",
    "a payout is the sum of its items": """
        SELECT d.id FROM due d
         CROSS JOIN LATERAL (SELECT sum(amount_minor) AS amount, bool_and(live) AS live
                               FROM payout_item WHERE payout_id = d.id) i
         WHERE i.amount IS DISTINCT FROM d.amount_minor OR i.live IS NOT TRUE""",
    "every earning is in one live payout": """
        SELECT i.earning_id FROM due d
         CROSS JOIN LATERAL (SELECT earning_id FROM payout_item WHERE payout_id = d.id OFFSET 0) i
         CROSS JOIN LATERAL (SELECT 1 FROM payout_item
                              WHERE earning_id = i.earning_id AND live AND payout_id <> d.id LIMIT 1) other
         UNION ALL
        SELECT i.earning_id FROM due d
         CROSS JOIN LATERAL (SELECT earning_id FROM payout_item WHERE payout_id = d.id OFFSET 0) i
         CROSS JOIN LATERAL (SELECT 1 FROM open_item WHERE earning_id = i.earning_id LIMIT 1) still_open""",
    "a reservation ends exactly once": """
        SELECT d.id FROM due d
         CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE kind = 'reserve') AS reserved,
                                    coalesce(sum(amount_minor) FILTER (WHERE kind = 'reserve'), 0) AS amount,
                                    count(*) FILTER (WHERE kind IN ('settle', 'unreserve')) AS ended
                               FROM ledger_transfer WHERE payout_id = d.id) l
         WHERE l.reserved <> 1 OR l.ended <> 0 OR l.amount <> d.amount_minor""",
    "enough others approved": """
        SELECT d.id FROM due d
         CROSS JOIN LATERAL (SELECT count(DISTINCT actor) AS n FROM approval
                              WHERE payout_id = d.id AND decision = 'approve' AND actor <> d.made_by) a
         WHERE a.n < d.approvals_needed""",
    "a new key only after a definite no": """
        SELECT d.id FROM due d
         CROSS JOIN LATERAL (SELECT state FROM attempt WHERE payout_id = d.id OFFSET 0) a
         WHERE a.state NOT IN ('declined', 'absent')""",
}
DUE_ONES = """
    WITH due AS MATERIALIZED (
        SELECT id, partner_id, amount_minor, made_by, approvals_needed FROM payout
         WHERE id = ANY(:payout_ids) AND status IN ('approved', 'retrying'))
"""
COUNTED = [f"SELECT '{name}' AS name, count(*) AS found FROM ({law}) broken" for name, law in LAWS.items()]  # noqa: S608
BROKEN = text(DUE_ONES + " UNION ALL ".join(COUNTED))


def broken_for(conn: Connection, payout_ids: Sequence[int]) -> str:
    """Return, as one sentence, which laws do not hold for these payouts and their partners; "": all hold.

    Those that are no longer due are passed over. Asked in slices.
    """
    found: dict[str, int] = {}
    for start in range(0, len(payout_ids), SLICE):
        for row in conn.execute(BROKEN, {"payout_ids": list(payout_ids[start : start + SLICE])}):
            found[row.name] = found.get(row.name, 0) + row.found
    return sentence({name: count for name, count in found.items() if count})


def sentence(broken: dict[str, int]) -> str:
    """Name broken laws as people read them; "" where there is none."""
    if not broken:
        return ""
    return f"The books do not hold: {', '.join(f'{name} ({count})' for name, count in broken.items())}."


DUE = text("""
    SELECT id FROM payout WHERE status IN ('approved', 'retrying') ORDER BY priority_rank DESC, queued_at, id LIMIT :most
""")
LAST_CHECK = text("SELECT note FROM heartbeat WHERE job = 'check' AND starts_with(note, 'The books')")
MOST_BEFORE_A_START = 2_000


def broken_before_start(conn: Connection) -> str:
    """Return what speaks against sending at all: what the last full check found, or what is due first; "": nothing."""
    note: str | None = conn.execute(LAST_CHECK).scalar()
    if note:
        return note
    due = list(conn.execute(DUE, {"most": MOST_BEFORE_A_START}).scalars())
    return broken_for(conn, due)
