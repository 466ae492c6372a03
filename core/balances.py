"""The provider's balance as a reconciliation saw it, and what our payouts took of it since the look before.

Charges, refunds and payouts to our own bank move it too, and are not booked here; so it is shown beside what we took, and
only its transfers are compared, day by day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

CURRENCIES = text("SELECT DISTINCT currency FROM program ORDER BY 1")


def currencies(conn: Connection) -> list[str]:
    """Return the currencies the desk pays in."""
    return list(conn.execute(CURRENCIES).scalars())


# An attempt may have begun before the last look and ended after it; none stays open for longer than that.
WRITE = text("""
    INSERT INTO balance_seen (provider, currency, at, balance_minor, since, sent_minor, returned_minor)
    SELECT :provider, :currency, :now, :balance_minor, last.at,
           coalesce((SELECT sum(p.net_minor) FROM attempt a JOIN payout p ON p.id = a.payout_id
                      WHERE a.provider = :provider AND a.state = 'succeeded' AND p.currency = :currency
                        AND a.started_at > last.at - interval '40 days' AND a.ended_at > last.at AND a.ended_at <= :now), 0),
           coalesce((SELECT sum(t.amount_minor) FROM ledger_transfer t
                      WHERE t.kind = 'return' AND t.currency = :currency
                        AND t.effective_at > last.at AND t.effective_at <= :now), 0)
      FROM (SELECT max(at) AS at FROM balance_seen
             WHERE provider = :provider AND currency = :currency AND at < :now) last
    ON CONFLICT DO NOTHING
""")


def write_balances(
    conn: Connection, provider: str, available: Mapping[str, int | None], *, now: datetime
) -> None:
    """Write down what may be sent by currency, and what our payouts took and gave back since the look before."""
    for currency, balance_minor in sorted(available.items()):
        values = {"provider": provider, "currency": currency, "balance_minor": balance_minor, "now": now}
        conn.execute(WRITE, values)
