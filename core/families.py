"""An earning's family: the earning, the parts it was split into, what was taken back of it and what was put back.

Corrections name the first earning, parts the earning they were split from. Each stands open, in one live payout, or is
closed: what is closed of a family always sums to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

# Kinds that change what is left of an earning; a carry pair only splits it.
CORRECTIONS = frozenset({"void", "clawback", "reinstate"})
# What may still be pulled back: from processing on the provider may know of it.
UNSENT = ("pending", "approved", "retrying")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One earning of a family; `is_held` tells that its money stands in held, `payout_id` the live payout it is in."""

    id: int
    kind: str
    source_ref: str
    amount_minor: int
    gross_minor: int
    fee_minor: int
    release_at: datetime
    is_open: bool
    is_held: bool
    payout_id: int | None
    payout_status: str | None

    @property
    def is_closed(self) -> bool:
        """Neither open nor in a live payout: cancelled out by others of its family."""
        return not self.is_open and self.payout_id is None


@dataclass(frozen=True, kw_only=True)
class Family:
    """The first earning of a family and all that names it, in the order they were written; `released_to` is the mark."""

    root: Part
    parts: Sequence[Part]
    program_id: int
    partner_id: int
    currency: str
    sale_id: int | None
    customer_id: int | None
    policy_id: int | None
    released_to: datetime

    @property
    def _standing(self) -> list[Part]:
        return [self.root, *(part for part in self.parts if part.kind in CORRECTIONS)]

    @property
    def left_minor(self) -> int:
        """What of the earning has not been taken back."""
        return sum(part.amount_minor for part in self._standing)

    @property
    def left_gross_minor(self) -> int:
        """The gross behind what is left."""
        return sum(part.gross_minor for part in self._standing)

    @property
    def left_fee_minor(self) -> int:
        """The platform's part of the gross behind what is left."""
        return sum(part.fee_minor for part in self._standing)

    @property
    def open_parts(self) -> list[Part]:
        """Those in no live payout and not closed."""
        return [part for part in self.parts if part.is_open]

    @property
    def is_in_payouts(self) -> bool:
        """Whether any part is in a live payout, sent or not."""
        return any(part.payout_id is not None for part in self.parts)

    @property
    def unsent_payouts(self) -> list[int]:
        """The payouts that would still pay some of it and have not left."""
        return sorted(
            {
                part.payout_id
                for part in self.parts
                if part.amount_minor > 0 and part.payout_id is not None and part.payout_status in UNSENT
            }
        )


FIRST = text("""
    WITH RECURSIVE up AS (
        SELECT id, corrects_id FROM earning WHERE id = :id
         UNION ALL SELECT e.id, e.corrects_id FROM up JOIN earning e ON e.id = up.corrects_id)
    SELECT id FROM up WHERE corrects_id IS NULL
""")


def first_of(conn: Connection, earning_id: int) -> int:
    """Return the earning that this one was split from or put back of, itself when it is neither."""
    return int(conn.execute(FIRST, {"id": earning_id}).scalar_one())


FAMILY = text("""
    WITH RECURSIVE family AS (
        SELECT id FROM earning WHERE id = :root_id
         UNION SELECT e.id FROM family f JOIN earning e ON e.corrects_id = f.id)
    SELECT e.id, e.kind, e.source_ref, e.amount_minor, e.gross_minor, e.fee_minor,
           coalesce(o.release_at, e.release_at) AS release_at, o.earning_id IS NOT NULL AS is_open,
           coalesce(o.amount_minor > 0 AND (o.on_hold OR o.release_at > b.released_to), false) AS is_held,
           p.id AS payout_id, p.status AS payout_status
      FROM family
      JOIN earning e USING (id)
      JOIN partner_balance b ON b.partner_id = e.partner_id
      LEFT JOIN open_item o ON o.earning_id = e.id
      LEFT JOIN payout_item i ON i.earning_id = e.id AND i.live
      LEFT JOIN payout p ON p.id = i.payout_id
     ORDER BY e.id
""")
ROOT = text("""
    SELECT e.program_id, e.partner_id, g.currency, e.sale_id, e.customer_id, e.policy_id, b.released_to
      FROM earning e JOIN partner_balance b ON b.partner_id = e.partner_id JOIN program g ON g.id = e.program_id
     WHERE e.id = :root_id
""")


def read_family(conn: Connection, root_id: int) -> Family:
    """Read an earning's family as it stands; the caller holds the partner's balance row."""
    values = {"root_id": root_id}
    parts = [Part(**row) for row in conn.execute(FAMILY, values).mappings()]
    about = conn.execute(ROOT, values).mappings().one()
    root = next(part for part in parts if part.id == root_id)
    return Family(root=root, parts=parts, **about)
