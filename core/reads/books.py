"""What the simulator's own books say, beside ours."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, kw_only=True)
class SimulatorBooks:
    """Transfers the simulator made (`moved`: minor units by currency), refusals it gave, and what differs from us."""

    transfers: int
    moved: dict[str, int]
    declined: int
    only_there: int
    only_here: int


MOVED = text("""
    SELECT currency, count(*) AS transfers, sum(amount_minor)::bigint AS amount_minor
      FROM simulator_transfer WHERE provider_ref IS NOT NULL GROUP BY currency
""")
DECLINED = text("SELECT count(*) FROM simulator_transfer WHERE provider_ref IS NULL")
# A transfer without its attempt is open for as long as its outcome is unknown; such keys do not count.
ONLY_THERE = text("""
    SELECT count(*) FROM simulator_transfer t
     WHERE t.provider_ref IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.idem_key = t.idem_key
                          AND (a.provider_ref = t.provider_ref OR a.state IN ('started', 'unknown')))
""")
ONLY_HERE = text("""
    SELECT count(*) FROM attempt a
     WHERE a.provider = 'simulator' AND a.state = 'succeeded'
       AND NOT EXISTS (SELECT 1 FROM simulator_transfer t WHERE t.provider_ref = a.provider_ref)
""")


def simulator_books(conn: Connection) -> SimulatorBooks:
    """Count the simulator's transfers and refusals, and the transfers only one side knows."""
    moved = conn.execute(MOVED).all()
    return SimulatorBooks(
        transfers=sum(int(row.transfers) for row in moved),
        moved={row.currency: row.amount_minor for row in moved},
        declined=conn.execute(DECLINED).scalar_one(),
        only_there=conn.execute(ONLY_THERE).scalar_one(),
        only_here=conn.execute(ONLY_HERE).scalar_one(),
    )
