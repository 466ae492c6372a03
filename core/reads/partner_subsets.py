"""Some of the partners, asked for by a link: counted and listed by one condition, so that both say the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Connection, func, or_, select

from core.reads.tables import hold, partner

Kind = Literal["ending", "excluded", "new"]
SOON = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Subset:
    """Partners with a hold that ends by itself within a week of `at`, those excluded from being paid until somebody
    allows them again, or those who came after `at`.
    """

    kind: Kind
    at: datetime

    @property
    def condition(self) -> ColumnElement[bool]:
        """What such a partner satisfies."""
        match self.kind:
            case "ending":
                return partner.c.id.in_(select(hold.c.partner_id).where(_ends_soon(self.at)))
            case "excluded":
                blocked = select(hold.c.partner_id).where(
                    hold.c.closed_at.is_(None),
                    hold.c.reason == "ineligible",
                    hold.c.earning_id.is_(None),
                    hold.c.payout_id.is_(None),
                    or_(hold.c.until.is_(None), hold.c.until > self.at),
                )
                return or_(partner.c.status == "suspended", partner.c.id.in_(blocked))
            case "new":
                return partner.c.created_at > self.at


def _ends_soon(at: datetime) -> ColumnElement[bool]:
    return hold.c.closed_at.is_(None) & (hold.c.until > at) & (hold.c.until <= at + SOON)


@dataclass(frozen=True, kw_only=True)
class TakenOut:
    """How many partners have a hold that ends within a week, when the first does, and how many are excluded."""

    ending: int
    first_ends_at: datetime | None
    excluded: int


def taken_out(conn: Connection, *, now: datetime) -> TakenOut:
    """Return who is kept from being paid for a while, and until when."""
    first = conn.execute(select(func.min(hold.c.until)).where(_ends_soon(now))).scalar_one()
    return TakenOut(
        ending=_count(conn, Subset(kind="ending", at=now)) if first else 0,
        first_ends_at=first,
        excluded=_count(conn, Subset(kind="excluded", at=now)),
    )


def _count(conn: Connection, subset: Subset) -> int:
    # The list leaves the archived out; so does its count.
    query = select(func.count()).select_from(partner).where(subset.condition, partner.c.status != "archived")
    return conn.execute(query).scalar_one()
