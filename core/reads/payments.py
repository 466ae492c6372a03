"""Payments of customers as people see them: those that wait for a partner, and those that paid a partner outside the desk."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame

WHY_WORDS = {
    "no_partner": "It names no partner",
    "unknown_partner": "It names a partner the desk does not know",
    "other_program": "It names a program that is not the partner’s",
    "wrong_currency": "It is not in the currency of the partner’s program",
    "kind_not_taken": "The partner’s program takes no such sale",
    "known_otherwise": "Its booking is in the books with other content, or was paid by another payment",
}

WAITING = text("""
    SELECT y.id, y.provider, y.payment_ref, y.source_ref, y.amount_minor, y.currency, y.occurred_at, y.partner_code,
           y.kind, y.why, y.description,
           coalesce((SELECT sum(r.amount_minor) FROM payment_refund r
                      WHERE r.payment_id = y.id AND r.state = 'gone'), 0)::bigint AS gone_minor
      FROM payment y WHERE y.state = 'waiting' ORDER BY y.occurred_at, y.id LIMIT :limit
""")


def waiting_payments(conn: Connection, *, limit: int) -> pd.DataFrame:
    """Return the payments that wait for a person, oldest first; `gone_minor` of each went back to the customer."""
    found = to_frame(conn.execute(WAITING, {"limit": limit}))
    said = [WHY_WORDS[str(why)] for why in found["why"]]
    return found.assign(sentence=pd.Series(said, dtype="object"))


COUNT = text("SELECT count(*) AS n, min(occurred_at) AS oldest_at FROM payment WHERE state = 'waiting'")


def waiting_count(conn: Connection) -> tuple[int, Any]:
    """Return how many payments wait for a person, and the instant of the oldest, None when there is none."""
    row = conn.execute(COUNT).one()
    return row.n, row.oldest_at


OUTSIDE = text("""
    SELECT y.payment_ref, y.source_ref, y.amount_minor, y.transferred_minor, y.currency, y.occurred_at, y.destination,
           coalesce((SELECT sum(r.amount_minor) FROM payment_refund r
                      WHERE r.payment_id = y.id AND r.state = 'gone'), 0)::bigint AS gone_minor
      FROM payment y
     WHERE y.state = 'outside'
       AND y.destination IN (SELECT d.account FROM destination d
                              WHERE d.partner_id = :partner_id AND d.method IN ('stripe', 'stripe_instant'))
     ORDER BY y.occurred_at DESC, y.id DESC LIMIT :limit
""")


def outside_payments(conn: Connection, partner_id: int, *, limit: int) -> pd.DataFrame:
    """Return the newest payments that went to one of a partner's accounts without the desk, in minor units."""
    return to_frame(conn.execute(OUTSIDE, {"partner_id": partner_id, "limit": limit}))


LISTED = text("""
    SELECT payment_ref, state, source_ref, amount_minor, currency, occurred_at, partner_code, why, destination,
           transferred_minor, decided_by, decided_at, reason
      FROM payment
     WHERE CAST(:state AS text) = state
     ORDER BY occurred_at, id LIMIT :limit
""")


def payments_as_json(conn: Connection, *, state: str, limit: int) -> list[dict[str, object]]:
    """Return the payments in one state, the oldest first, as scripts read them."""
    return [dict(row) for row in conn.execute(LISTED, {"state": state, "limit": limit}).mappings()]
