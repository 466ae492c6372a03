"""How old is what is owed, and how long do payouts wait: by age, as of now; out of totals kept with every change."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame
from core.reads.outlook import Outlook, partner_outlook

# The first day of each age, and its words; what is not released yet, on hold or a debt has no age.
AGES = (
    (0, "Today"),
    (1, "1–7 days"),
    (8, "8–14 days"),
    (15, "15–30 days"),
    (31, "31–60 days"),
    (61, "61–90 days"),
    (91, "Over 90 days"),
)
BESIDE = ("Not released yet", "On hold", "Debts")
WAITED = (
    (0, "Under a day"),
    (1, "1–2 days"),
    (3, "3–6 days"),
    (7, "7–13 days"),
    (14, "14–29 days"),
    (30, "30 days or more"),
)
DEFINITIONS = {
    "owed": "Earnings in no payout, by the days since they could be paid; as of now. A later refund takes its earning out,"
    " or stands as a debt. Together they are what is held and available.",
    "longest": "What is available to the partners whose oldest earning has waited longest since it could be paid, debts taken"
    " off; as of now. A later refund makes it smaller.",
    "waiting": "Gross of payouts that are pending, approved, processing or retrying, by the days since they were queued; as"
    " of now. A refund of what is inside ends one that has not left; beside one under way it stands as a debt.",
}
OWED = text("""
    SELECT CASE WHEN t.kind = 'debt' THEN -3 WHEN t.kind = 'on_hold' THEN -2 WHEN t.day > d.today THEN -1
                ELSE (SELECT max(a) FROM unnest(CAST(:ages AS int[])) a WHERE a <= d.today - t.day) END AS age,
           g.currency, sum(t.n)::bigint AS count, sum(t.amount_minor)::bigint AS amount_minor
      FROM open_total t JOIN program g ON g.id = t.program_id
     CROSS JOIN LATERAL (SELECT (CAST(:now AS timestamptz) AT TIME ZONE g.zone)::date AS today) d
     WHERE CAST(:program AS text) IS NULL OR g.code = :program
     GROUP BY 1, 2 HAVING sum(t.n) <> 0 OR sum(t.amount_minor) <> 0
""")
WAITING = text("""
    SELECT (SELECT max(a) FROM unnest(CAST(:ages AS int[])) a
             WHERE a <= greatest(extract(epoch FROM CAST(:now AS timestamptz) - p.queued_at) / 86400, 0)) AS age,
           g.currency, count(*) AS count, sum(p.amount_minor)::bigint AS amount_minor
      FROM payout p JOIN program g ON g.id = p.program_id
     WHERE p.status IN ('pending', 'approved', 'processing', 'retrying') AND (CAST(:program AS text) IS NULL OR g.code = :program)
     GROUP BY 1, 2
""")
# Who has nothing left beside a debt is owed nothing.
LONGEST = text("""
    SELECT o.partner_id AS id, min(o.release_at) AS since
      FROM open_item o JOIN partner_balance b USING (partner_id)
      JOIN partner r ON r.id = o.partner_id JOIN program g ON g.id = r.program_id
     WHERE o.amount_minor > 0 AND NOT o.on_hold AND o.release_at <= b.released_to AND b.available > 0
       AND g.currency = :currency AND (CAST(:program AS text) IS NULL OR g.code = :program)
     GROUP BY o.partner_id ORDER BY min(o.release_at), o.partner_id LIMIT :rows
""")
WHO = text("""
    SELECT r.id, r.code, CASE WHEN :personal THEN w.name END AS name, g.currency, b.available AS amount_minor
      FROM partner r JOIN identity w ON w.id = r.identity_id JOIN program g ON g.id = r.program_id
      JOIN partner_balance b ON b.partner_id = r.id WHERE r.id = ANY(:ids)
""")


def owed_longest(
    conn: Connection,
    *,
    now: datetime,
    currency: str,
    masked: bool,
    program: str | None = None,
    rows: int = 10,
) -> pd.DataFrame:
    """Return code, name (missing when masked), currency, since, amount_minor, keeps (why it is not paid, in words),
    clears_at, or clears in words where there is no date, of those who have been owed longest.
    """
    oldest = conn.execute(LONGEST, {"currency": currency, "program": program, "rows": rows}).all()
    who = conn.execute(WHO, {"ids": [row.id for row in oldest], "personal": not masked})
    known = {row.id: row for row in who}
    found = []
    for row in oldest:
        one, outlook = known[row.id], partner_outlook(conn, row.id, now=now)
        first = outlook.kept[0] if outlook.kept else None
        clears_at = first.clears_at if first else outlook.paid_at
        clears = first.clears if first and clears_at is None else ""
        told = (_keeps(outlook), clears_at, clears)
        found.append((one.code, one.name, one.currency, row.since, one.amount_minor, *told))
    columns = ["code", "name", "currency", "since", "amount_minor", "keeps", "clears_at", "clears"]
    return pd.DataFrame(found, columns=columns, dtype="object")


def _keeps(outlook: Outlook) -> str:
    if outlook.kept:
        return outlook.kept[0].rule
    if outlook.on_request:
        return "Paid on request, and nobody has asked"
    return "The next queue run pays it" if outlook.due else "Their next slot pays it"


def owed_by_age(conn: Connection, *, now: datetime, program: str | None = None) -> pd.DataFrame:
    """Return age (in words, youngest first, what has none last), currency, count of earnings, amount_minor.

    Ages are whole days of the program's zone since the day an earning could be paid from.
    """
    values = {"now": now, "program": program, "ages": [least for least, _ in AGES]}
    words = dict(AGES) | {-number: word for number, word in enumerate(BESIDE, start=1)}
    return _in_words(to_frame(conn.execute(OWED, values)), words)


def waiting_by_age(conn: Connection, *, now: datetime, program: str | None = None) -> pd.DataFrame:
    """Return age (in words, youngest first), currency, count of payouts, amount_minor; ages are times 24 hours."""
    values = {"now": now, "program": program, "ages": [least for least, _ in WAITED]}
    return _in_words(to_frame(conn.execute(WAITING, values)), dict(WAITED))


def _in_words(found: pd.DataFrame, words: dict[int, str]) -> pd.DataFrame:
    """Every age of every currency has a row, also where nothing is that old."""
    places = {least: place for place, least in enumerate(words)}
    whole = pd.MultiIndex.from_product(
        [sorted(found["currency"].unique()), list(words)], names=["currency", "age"]
    )
    filled = (
        found.set_index(["currency", "age"])[["count", "amount_minor"]]
        .reindex(whole, fill_value=0)
        .reset_index()
    )
    filled = filled.assign(place=filled["age"].map(places)).sort_values(["currency", "place"])
    named = filled.assign(age=filled["age"].map(words).astype("object"))
    return named[["age", "currency", "count", "amount_minor"]].reset_index(drop=True)
