"""Partners and their balances: pages, totals, and in words why someone is not paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, cast, func, literal, select, text

from core.reads.frames import to_frame
from core.reads.keyset import read_slice
from core.reads.partner_subsets import Subset
from core.reads.search import find_partners
from core.reads.shown import mask
from core.reads.tables import identity, partner, partner_balance, skip
from core.reads.tables import program as program_table
from core.reads.words import known, why_not_paid

PAGE_ROWS = 50
PERSONAL = ("name", "email")
SORTS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "code": (partner.c.code,),
    "name": (func.lower(func.coalesce(identity.c.name, partner.c.code)),),
    "available": (partner_balance.c.available,),
    "held": (partner_balance.c.held,),
    "reserved": (partner_balance.c.reserved,),
    "paid": (partner_balance.c.paid,),
}


CURRENT = "current"


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """The partners one queue run passed over for one reason."""

    run_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class PartnerFilter:
    """Which partners are wanted; what is left empty asks nothing.

    `status` is one of a partner's, or CURRENT for all but the archived; `skipped` are those one queue run passed over for
    one reason, `subset` those a link asks for.
    """

    search: str = ""
    program: str | None = None
    status: str | None = None
    skipped: Skipped | None = None
    subset: Subset | None = None


@dataclass(frozen=True, kw_only=True)
class PartnerPage:
    """One page of partners; the cursors are None at the ends."""

    frame: pd.DataFrame
    previous: str | None
    next: str | None


def list_partners(
    conn: Connection,
    wanted: PartnerFilter,
    *,
    now: datetime,
    masked: bool,
    sort: str = "code",
    descending: bool = False,
    cursor: str | None = None,
    limit: int = PAGE_ROWS,
) -> PartnerPage:
    """Return one page of partners: code, name, program, status, balances in minor units, next_release_at,
    last_paid_at, and why_not (code, words, since when), in the order of `sort` (a key of SORTS).
    """
    keys = SORTS["code"] if masked and sort == "name" else SORTS.get(sort, SORTS["code"])
    page = read_slice(
        conn,
        partner.join(identity, identity.c.id == partner.c.identity_id).join(
            partner_balance, partner_balance.c.partner_id == partner.c.id
        ),
        _conditions(conn, wanted, masked=masked),
        id_column=partner.c.id,
        keys=keys,
        descending=descending,
        cursor=cursor,
        limit=limit,
    )
    return PartnerPage(
        frame=show_partners(conn, page.ids, now=now, masked=masked), previous=page.previous, next=page.next
    )


def partner_totals(conn: Connection, wanted: PartnerFilter, *, masked: bool) -> pd.DataFrame:
    """Return currency, count, available_minor, held_minor, reserved_minor, paid_minor of all that match."""
    return to_frame(
        conn.execute(
            select(
                program_table.c.currency,
                func.count().label("count"),
                *(
                    cast(func.sum(partner_balance.c[name]), BigInteger).label(f"{name}_minor")
                    for name in ("available", "held", "reserved", "paid")
                ),
            )
            .select_from(
                partner.join(partner_balance, partner_balance.c.partner_id == partner.c.id).join(
                    program_table, program_table.c.id == partner.c.program_id
                )
            )
            .where(*_conditions(conn, wanted, masked=masked))
            .group_by(program_table.c.currency)
            .order_by(program_table.c.currency)
        )
    )


def _conditions(conn: Connection, wanted: PartnerFilter, *, masked: bool) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    term = wanted.search.replace("\x00", "").strip()
    if term:
        ids = sorted(find_partners(conn, term, masked=masked))
        found.append(partner.c.id == func.any(literal(ids, ARRAY(BigInteger))))
    if wanted.program:
        code = select(program_table.c.id).where(program_table.c.code == wanted.program)
        found.append(partner.c.program_id == code.scalar_subquery())
    if wanted.status == CURRENT:
        found.append(partner.c.status != "archived")
    elif wanted.status:
        found.append(partner.c.status == wanted.status)
    if wanted.subset is not None:
        found.append(wanted.subset.condition)
    if wanted.skipped is not None:
        of_run = select(skip.c.partner_id).where(
            skip.c.run_id == wanted.skipped.run_id, skip.c.reason == wanted.skipped.reason
        )
        found.append(partner.c.id.in_(of_run))
    return found


SHOW = text("""
    SELECT r.id, r.code, w.name, w.email, g.code AS program, r.tier, r.status, r.method, g.currency,
           b.available AS available_minor, b.held AS held_minor, due.next_release_at,
           b.reserved AS reserved_minor, b.paid AS paid_minor, last.paid_at AS last_paid_at,
           blocked.reason AS hold_reason, blocked.opened_at AS held_since, blocked.until AS held_until,
           missed.reason AS skip_reason, missed.figures AS skip_figures, missed.at AS skipped_at,
           r.destination_id IS NOT NULL AS has_destination
      FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS wanted (id, place)
      JOIN partner r USING (id) JOIN identity w ON w.id = r.identity_id
      JOIN program g ON g.id = r.program_id JOIN partner_balance b ON b.partner_id = r.id
     CROSS JOIN LATERAL (SELECT min(o.release_at) AS next_release_at FROM open_item o
                          WHERE o.partner_id = r.id AND o.release_at > b.released_to
                            AND o.amount_minor > 0 AND NOT o.on_hold) due
     CROSS JOIN LATERAL (SELECT max(p.processed_at) AS paid_at FROM payout p
                          WHERE p.partner_id = r.id AND p.status IN ('paid', 'reversed')) last
      LEFT JOIN LATERAL (SELECT h.reason, h.opened_at, h.until FROM hold h
                          WHERE h.partner_id = r.id AND h.earning_id IS NULL AND h.payout_id IS NULL
                            AND h.closed_at IS NULL AND (h.until IS NULL OR h.until > :now)
                          ORDER BY h.until DESC NULLS FIRST LIMIT 1) blocked ON true
      LEFT JOIN LATERAL (SELECT s.reason, s.figures, s.at FROM skip s
                          WHERE s.partner_id = r.id AND s.at > coalesce(
                                (SELECT max(p.queued_at) FROM payout p WHERE p.partner_id = r.id), '-infinity')
                          ORDER BY s.run_id DESC LIMIT 1) missed ON true
     ORDER BY wanted.place
""")


def show_partners(conn: Connection, ids: Sequence[int], *, now: datetime, masked: bool) -> pd.DataFrame:
    """Return these partners in this order, one row each; looked up for these rows only."""
    frame = to_frame(conn.execute(SHOW, {"ids": list(ids), "now": now}))
    reasons = [_why_not(row) for row in frame.to_dict("records")]
    frame["why_not_code"] = pd.Series([code for code, _, _ in reasons], dtype="object")
    frame["why_not"] = pd.Series([sentence for _, sentence, _ in reasons], dtype="object")
    frame["why_not_at"] = pd.Series([since for _, _, since in reasons], dtype="datetime64[us, UTC]")
    frame = frame.drop(columns=["skip_figures", "has_destination"])
    return mask(frame, PERSONAL) if masked else frame


def _why_not(row: dict[Any, Any]) -> tuple[str | None, str | None, datetime | None]:
    """Return code, words and since when of what keeps a partner from being paid, None when nothing does."""
    if row["status"] != "active":
        return "partner_suspended", f"The partner is {row['status']}", None
    if known(row["hold_reason"]) is not None:
        return row["hold_reason"], why_not_paid(row["hold_reason"], {}, row["currency"]), row["held_since"]
    if not row["has_destination"]:
        return "no_destination", why_not_paid("no_destination", {}, row["currency"]), None
    if known(row["skip_reason"]) is not None:
        figures = row["skip_figures"] if isinstance(row["skip_figures"], dict) else {}
        return (
            row["skip_reason"],
            why_not_paid(row["skip_reason"], figures, row["currency"]),
            row["skipped_at"],
        )
    return None, None, None
