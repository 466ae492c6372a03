"""Earnings with their ledger rows and open items, holds, balances."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from tests.building.partners import currency_of, program_of
from tests.building.rows import DAY, NOW, insert_returning_id, number


def fact(conn: Connection, partner_id: int, amount_minor: int, **different: object) -> int:
    """Only the earning's own row: no ledger, no open item."""
    values: dict[str, object] = {
        "program_id": program_of(conn, partner_id),
        "partner_id": partner_id,
        "kind": "commission",
        "source_ref": f"ref-{next(number)}",
        "amount_minor": amount_minor,
        "occurred_at": NOW - 10 * DAY,
        "release_at": NOW - DAY,
        "made_by": "job:import",
    }
    return insert_returning_id(conn, "earning", values | different)


def earning(
    conn: Connection, partner_id: int, amount_minor: int, *, is_held: bool = False, **different: object
) -> int:
    """An earning, posted and open: available, or held until tomorrow; `different` names columns that are to differ."""
    if is_held:
        different = {"release_at": NOW + DAY} | different
    earning_id = fact(conn, partner_id, amount_minor, **different)
    open_item(conn, earning_id)
    if amount_minor < 0:
        move(conn, partner_id, "debt", "available", "earnings", -amount_minor, earning_id=earning_id)
    else:
        move(
            conn,
            partner_id,
            "earn",
            "earnings",
            "held" if is_held else "available",
            amount_minor,
            earning_id=earning_id,
        )
    return earning_id


OPEN = text("""
    INSERT INTO open_item (earning_id, partner_id, amount_minor, release_at)
    SELECT id, partner_id, amount_minor, release_at FROM earning WHERE id = :id
""")


def open_item(conn: Connection, earning_id: int) -> None:
    """Open an earning for release and queueing."""
    conn.execute(OPEN, {"id": earning_id})


def move(  # noqa: PLR0917 - reads as a sentence: who, what, from, to, how much
    conn: Connection,
    partner_id: int,
    kind: str,
    from_account: str,
    to_account: str,
    amount_minor: int,
    **different: object,
) -> int:
    """One ledger row."""
    values: dict[str, object] = {
        "partner_id": partner_id,
        "kind": kind,
        "from_account": from_account,
        "to_account": to_account,
        "amount_minor": amount_minor,
        "currency": currency_of(conn, partner_id),
        "effective_at": NOW,
    }
    return insert_returning_id(conn, "ledger_transfer", values | different)


def hold(conn: Connection, partner_id: int, reason: str = "review", **different: object) -> int:
    """A hold on the partner, or on the `earning_id` or `payout_id` given; moves no money."""
    values: dict[str, object] = {
        "partner_id": partner_id,
        "reason": reason,
        "made_by": "user:maker",
        "opened_at": NOW,
    }
    return insert_returning_id(conn, "hold", values | different)


class Balance(NamedTuple):
    """A partner's balance, in minor units."""

    held: int
    available: int
    reserved: int
    paid: int
    fees: int


def balance(conn: Connection, partner_id: int) -> Balance:
    """A partner's balance now."""
    read = text("SELECT held, available, reserved, paid, fees FROM partner_balance WHERE partner_id = :id")
    return Balance(*conn.execute(read, {"id": partner_id}).one())
