"""The ledger: append-only movements of one partner's money each; triggers keep the balance row.

| act                      | movement                                                  | and                                    |
| ------------------------ | --------------------------------------------------------- | -------------------------------------- |
| positive earning         | `earn`: earnings to held; to available behind the mark    | an open item (born on hold: to held)   |
| negative earning         | `debt`: available to earnings, at once                    | an open item, taken first              |
| full void, still open    | `void`: held or available to earnings                     | no open item left                      |
| release run              | `release`: held to available, one row per partner         | the partner's mark moves               |
| hold on an earning, lift | `hold`: available to held; `lift`: back                   | only when released and open            |
| queue, request           | `reserve`: available to reserved, must be covered         | open items become the payout's items   |
| reject, cancel, failed   | `unreserve`: reserved to available                        | items open again, a carry pair closes  |
| paid                     | `settle`: reserved to paid (net), `fee`: reserved to fees | items stay live for ever               |
| return, reversal         | `return`: paid to available, then `hold`                  | an earning `return` on hold for review |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, kw_only=True)
class Movement:
    """One ledger row: `amount_minor` above zero, from one account to another, as the table above allows."""

    partner_id: int
    kind: str
    from_account: str
    to_account: str
    amount_minor: int
    currency: str
    payout_id: int | None = None
    earning_id: int | None = None


POST = text("""
    INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency,
                                 payout_id, earning_id, effective_at)
    SELECT partner_id, kind, from_account, to_account, amount_minor, currency, payout_id, earning_id, :now
      FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (
               partner_id bigint, kind text, from_account text, to_account text, amount_minor bigint,
               currency text, payout_id bigint, earning_id bigint)) WITH ORDINALITY
     ORDER BY partner_id, ordinality
""")


def post(conn: Connection, movements: Sequence[Movement], *, now: datetime) -> None:
    """Write the movements in one statement; the caller holds the partners' balance rows."""
    if movements:
        conn.execute(POST, {"rows": json.dumps([asdict(movement) for movement in movements]), "now": now})


# The lock on a partner's money. Read what it guards in a later statement: this one may have waited, and a statement
# sees the rows as they were when it began.
LOCK_PARTNERS = text("""
    SELECT partner_id FROM partner_balance WHERE partner_id = ANY(:ids) ORDER BY partner_id FOR UPDATE
""")


def lock_partners(conn: Connection, partner_ids: Sequence[int]) -> None:
    """Take the balance rows of these partners, in id order: step 3 of the lock order."""
    conn.execute(LOCK_PARTNERS, {"ids": sorted(set(partner_ids))})
