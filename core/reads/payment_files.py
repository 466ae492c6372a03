"""Payment files: what is ready for one, the files there are, and what became of each payment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from core.guards import FILE_METHODS, STOPS_SENDING, blocking_reasons
from core.payment_contents import UnknownFile
from core.reads.frames import to_frame
from core.reads.shown import mask

# A file that was not handed in, or of which the bank has not told everything, for so long is shown as waiting.
WAITS_AFTER = timedelta(days=5)


@dataclass(kw_only=True)
class Ready:
    """Approved payouts of one program, method and currency: those that may go into a file, and what keeps the others.

    `wanted` are their ids and versions, `kept` counts by reason.
    """

    program: str
    program_name: str
    method: str
    currency: str
    wanted: list[tuple[int, int]] = field(default_factory=list)
    net_minor: int = 0
    kept: Counter[str] = field(default_factory=Counter)


RAIL = text("SELECT provider, methods FROM rail_in_use")
APPROVED = text("""
    SELECT p.id, p.version, p.method, p.currency, p.net_minor, g.code AS program, g.name AS program_name
      FROM payout p JOIN program g ON g.id = p.program_id CROSS JOIN rail_in_use r
     WHERE p.status = 'approved' AND p.method = ANY(:methods) AND p.method <> ALL(r.methods)
     ORDER BY g.code, p.method, p.id
""")


def rail_methods(conn: Connection) -> tuple[str, tuple[str, ...]] | None:
    """Return the rail in use and the methods it serves; None: no scheduler has told yet."""
    row = conn.execute(RAIL).one_or_none()
    return None if row is None else (row.provider, tuple(row.methods))


def ready_payouts(conn: Connection, *, now: datetime) -> list[Ready]:
    """Return what waits for a file, by program, method and currency."""
    rows = conn.execute(APPROVED, {"methods": list(FILE_METHODS)}).all()
    reasons = blocking_reasons(conn, [row.id for row in rows], now=now)
    groups: dict[tuple[str, str, str], Ready] = {}
    for row in rows:
        group = groups.setdefault(
            (row.program, row.method, row.currency),
            Ready(
                program=row.program,
                program_name=row.program_name,
                method=row.method,
                currency=row.currency,
            ),
        )
        stop = next((reason for reason in reasons[row.id] if reason.code in STOPS_SENDING), None)
        if stop is None:
            group.wanted.append((row.id, row.version))
            group.net_minor += row.net_minor
        else:
            group.kept[stop.sentence] += 1
    return list(groups.values())


READY_LINES = text("""
    SELECT p.id AS payout_id, t.code AS partner_code, i.name AS partner_name, p.net_minor AS amount_minor, p.currency
      FROM payout p JOIN partner t ON t.id = p.partner_id JOIN identity i ON i.id = t.identity_id
     WHERE p.id = ANY(:ids) ORDER BY p.id
""")


def ready_lines(conn: Connection, group: Ready, *, masked: bool) -> pd.DataFrame:
    """Return whom the payouts that wait are for and how much each is, in minor units."""
    frame = to_frame(conn.execute(READY_LINES, {"ids": [payout_id for payout_id, _ in group.wanted]}))
    return mask(frame, ("partner_name",)) if masked else frame


FILES = """
    SELECT f.id, f.method, f.currency, f.payouts, f.total_minor, f.state, f.made_by, f.made_at, f.sent_ref, f.sent_by,
           f.sent_at, f.cancel_reason, f.cancelled_by, g.code AS program, g.name AS program_name,
           ARRAY(SELECT jsonb_object_keys(f.digests) ORDER BY 1) AS formats, m.paid, m.failed, m.came_back,
           CASE WHEN f.state = 'cancelled' THEN 0 ELSE f.payouts - m.ended END AS open
      FROM payment_file f JOIN program g ON g.id = f.program_id
     CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE k.ends) AS ended,
                                count(*) FILTER (WHERE k.ends AND k.outcome = 'paid') AS paid,
                                count(*) FILTER (WHERE k.ends AND k.outcome <> 'paid') AS failed,
                                count(*) FILTER (WHERE NOT k.ends) AS came_back
                           FROM payment_file_line l JOIN payment_mark k USING (payout_id, n)
                          WHERE l.file_id = f.id) m
"""
NEWEST = text(f"{FILES} ORDER BY f.id DESC LIMIT :limit")
ONE = text(f"{FILES} WHERE f.id = :id")


def payment_files(conn: Connection, *, limit: int = 100) -> pd.DataFrame:
    """Return the newest files with what became of their payments; `open` counts those nobody has marked."""
    return to_frame(conn.execute(NEWEST, {"limit": limit}))


def read_file(conn: Connection, file_id: int) -> dict[str, Any]:
    """Return one file as `payment_files` has it. Refuses UnknownFile."""
    row = conn.execute(ONE, {"id": file_id}).mappings().one_or_none()
    if row is None:
        raise UnknownFile(id=file_id)
    return dict(row)


LINES = text("""
    SELECT l.position, l.payout_id, p.version, t.code AS partner_code, i.name AS partner_name, coalesce(y.shown, '') AS shown,
           l.reference, l.amount_minor, p.currency, p.status, coalesce(back.outcome, m.outcome) AS outcome,
           coalesce(back.reason, m.reason) AS reason, coalesce(back.marked_by, m.marked_by) AS marked_by,
           coalesce(back.happened_on, m.happened_on) AS happened_on
      FROM payment_file_line l JOIN payout p ON p.id = l.payout_id JOIN partner t ON t.id = p.partner_id
      JOIN identity i ON i.id = t.identity_id
      LEFT JOIN payee y ON y.ref = l.payee_ref AND y.method <> 'paypal'
      LEFT JOIN payment_mark m ON m.payout_id = l.payout_id AND m.n = l.n AND m.ends
      LEFT JOIN payment_mark back ON back.payout_id = l.payout_id AND back.n = l.n AND NOT back.ends
     WHERE l.file_id = :id ORDER BY l.position
""")


def file_lines(conn: Connection, file_id: int, *, masked: bool) -> pd.DataFrame:
    """Return the payments of a file, with the last four of where each goes and what became of it."""
    frame = to_frame(conn.execute(LINES, {"id": file_id}))
    return mask(frame, ("partner_name",)) if masked else frame


OF_PAYOUT = text("""
    SELECT f.id, f.state, f.sent_ref, l.reference, coalesce(y.shown, '') AS shown
      FROM payment_file_line l JOIN payment_file f ON f.id = l.file_id
      LEFT JOIN payee y ON y.ref = l.payee_ref AND y.method <> 'paypal'
     WHERE l.payout_id = :id ORDER BY l.n DESC
""")


@dataclass(frozen=True, kw_only=True)
class InFile:
    """The file a payout is in, under which reference, and the bank's for the file."""

    id: int
    state: str
    sent_ref: str | None
    reference: str
    shown: str


def files_of_payout(conn: Connection, payout_id: int) -> list[InFile]:
    """Return the files a payout was in, the last one first."""
    return [InFile(**row) for row in conn.execute(OF_PAYOUT, {"id": payout_id}).mappings()]


# From what is under way, not from the files there ever were: one that was not handed in has all its attempts under way.
WAITING = text("""
    SELECT count(DISTINCT f.id) AS n, min(f.made_at) AS oldest_at
      FROM attempt a JOIN payment_file_line l USING (payout_id, n) JOIN payment_file f ON f.id = l.file_id
     WHERE a.state = 'started' AND a.provider = 'file' AND f.made_at < :before
""")


@dataclass(frozen=True, kw_only=True)
class WaitingFiles:
    """How many files wait for people, and since when the oldest."""

    count: int
    oldest_at: datetime | None


def waiting_files(conn: Connection, *, now: datetime) -> WaitingFiles:
    """Return the files that were made five days ago or more and not handed in, or not marked to the end."""
    row = conn.execute(WAITING, {"before": now - WAITS_AFTER}).one()
    return WaitingFiles(count=row.n, oldest_at=row.oldest_at)
