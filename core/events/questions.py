"""Which connected accounts have an open question: asked about is what is not known, and no account besides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

ASKED_FOR = timedelta(days=14)
# A bank says that money arrived, and sends it back within five working days all the same.
BANK_MAY_CHANGE = timedelta(days=7)

# `opened_at`: since when there is something to ask of the account.
QUESTIONS = """
    WITH question AS (
        SELECT d.account, min(p.processed_at) AS opened_at      -- did what left reach the bank?
          FROM payout p
          JOIN attempt a ON a.payout_id = p.id AND a.state = 'succeeded' AND a.provider = :provider
          JOIN destination d ON d.id = p.destination_id AND d.account IS NOT NULL
          LEFT JOIN bank_arrival b ON b.payout_id = p.id AND b.status = 'paid' AND b.as_of < :settled_before
         WHERE p.status = 'paid' AND p.processed_at >= :since AND b.payout_id IS NULL
         GROUP BY d.account
         UNION ALL
        SELECT s.account, s.checked_at                          -- is it ready for what waits?
          FROM account_state s
         WHERE s.provider = :provider AND NOT s.ready
           AND EXISTS (SELECT 1 FROM destination d JOIN payout p ON p.partner_id = d.partner_id AND p.destination_id = d.id
                        WHERE d.account = s.account AND p.status IN ('pending', 'approved', 'retrying')))
    SELECT q.account, coalesce(max(w.polled_at), min(q.opened_at)) AS looked_at
      FROM question q LEFT JOIN event_watermark w ON w.provider = :provider AND w.account = q.account
     GROUP BY q.account
"""
# Those never looked at go by the age of their question, among those looked at longest ago.
TO_ASK = text(f"""
    SELECT account FROM ({QUESTIONS}) AS open
     WHERE looked_at <= :looked_before OR NOT EXISTS (SELECT 1 FROM event_watermark w
                                                       WHERE w.provider = :provider AND w.account = open.account)
     ORDER BY looked_at, account
""")  # noqa: S608 - put together of the module's own text
SUMMARY = text(f"SELECT count(*) AS accounts, min(looked_at) AS oldest FROM ({QUESTIONS}) AS open")  # noqa: S608


@dataclass(frozen=True, kw_only=True)
class Questions:
    """How many accounts there is something to ask of; `oldest`: the last look at one, or the rise of its first question."""

    accounts: int
    oldest: datetime | None


def accounts_with_questions(
    conn: Connection, provider: str, *, now: datetime, looked_before: datetime
) -> list[str]:
    """Return the accounts to ask about that were not looked at since `looked_before`, the longest ago first."""
    values = _values(provider, now) | {"looked_before": looked_before}
    return list(conn.execute(TO_ASK, values).scalars())


def open_questions(conn: Connection, provider: str, *, now: datetime) -> Questions:
    """Return how far the looks at connected accounts are behind."""
    row = conn.execute(SUMMARY, _values(provider, now)).one()
    return Questions(accounts=row.accounts, oldest=row.oldest)


def _values(provider: str, now: datetime) -> dict[str, object]:
    return {"provider": provider, "since": now - ASKED_FOR, "settled_before": now - BANK_MAY_CHANGE}
