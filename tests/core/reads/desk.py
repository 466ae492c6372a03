"""A queue with something in every view, its figures known."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from tests.builders import (
    DAY,
    NOW,
    approve,
    claim,
    customer,
    decision,
    destination,
    earning,
    end,
    end_attempt,
    hold,
    partner,
    pay,
    payout,
    set_status,
)

PROGRAM = text("SELECT id FROM program WHERE code = :code")


def preset(conn: Connection, code: str = "affiliate") -> int:
    """The id of a preset program."""
    return int(conn.execute(PROGRAM, {"code": code}).scalar_one())


def queued(
    conn: Connection, code: str, *amounts_minor: int, program: str = "affiliate", **different: object
) -> int:
    """A pending payout of these amounts, for a partner of its own called by the code."""
    partner_id = partner(conn, preset(conn, program), code, name=f"Partner {code}")
    earnings = [earning(conn, partner_id, minor, gross_minor=2 * minor) for minor in amounts_minor]
    return payout(conn, partner_id, earnings, **different)


def one_of_each(conn: Connection) -> dict[str, int]:
    """Payout ids by what they are, each of a partner of its own whose code is the same word."""
    made = {
        "ready": queued(conn, "ready", 1_000, 500, fee_minor=25),
        "begun": queued(conn, "begun", 200_000, approvals_needed=2),
        "held": queued(conn, "held", 3_000),
        "moved": queued(conn, "moved", 4_000),
        "suspended": queued(conn, "suspended", 5_000),
        "aside": queued(conn, "aside", 6_000),
        "approved": queued(conn, "approved", 7_000),
        "retrying": queued(conn, "retrying", 8_000),
        "unknown": queued(conn, "unknown", 9_000),
        "paid": queued(conn, "paid", 10_000, fee_minor=25),
        "rejected": queued(conn, "rejected", 11_000),
        "euro": queued(conn, "euro", 12_000, program="creator"),
    }
    decision(conn, made["begun"], "user:ann")
    hold(conn, _partner(conn, "held"), "dispute")
    destination(conn, _partner(conn, "moved"), made_by="user:max")
    conn.execute(text("UPDATE partner SET status = 'suspended' WHERE code = 'suspended'"))
    set_status(
        conn,
        made["aside"],
        "pending",
        aside_until=date(2026, 3, 5),
        aside_reason="asked",
        aside_by="user:ann",
    )
    for name in ("approved", "retrying", "unknown", "paid"):
        approve(conn, made[name])
    for name in ("retrying", "unknown", "paid"):
        claim(conn, made[name])
    end_attempt(conn, made["retrying"], "declined", error_class="limits", code="limit", message="Limit")
    set_status(conn, made["retrying"], "retrying", retry_at=NOW + DAY, retry_class="limits")
    end_attempt(conn, made["unknown"], "unknown", next_look_at=NOW + DAY)
    pay(conn, made["paid"])
    end(conn, made["rejected"])
    return made


def rows_by(frame: pd.DataFrame, *keys: str) -> dict[Any, dict[str, Any]]:
    """The rows of a frame as plain values, by the values of these columns (a tuple where there are several)."""
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in frame.to_dict("records")
    ]
    return {tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]: row for row in rows}


def _partner(conn: Connection, code: str) -> int:
    return int(conn.execute(text("SELECT id FROM partner WHERE code = :code"), {"code": code}).scalar_one())


__all__ = ["DAY", "NOW", "customer", "one_of_each", "preset", "queued", "rows_by"]
