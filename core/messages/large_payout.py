"""Payouts above the program's limit were queued together: how many, how much, and the largest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind, NotToBeTold

LARGEST = text("""
    SELECT p.id AS payout_id, p.amount_minor, p.currency, p.status, p.approvals_needed, r.code AS partner_code,
           g.name AS program
      FROM payout p JOIN partner r ON r.id = p.partner_id JOIN program g ON g.id = p.program_id WHERE p.id = :payout_id
""")


def facts(conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the number and sum, and the largest of them; refuses a single one that was decided meanwhile."""
    row = dict(conn.execute(LARGEST, about).mappings().one())
    if row.pop("status") != "pending" and about["payouts"] == 1:
        raise NotToBeTold(why="it was decided meanwhile")
    return row | {"payouts": about["payouts"], "total_minor": about["total_minor"]}


KIND = Kind(
    title="Large payout queued",
    audience="approvers",
    facts=facts,
    sample={
        "payouts": 3,
        "total_minor": 1_240_000,
        "payout_id": 1042,
        "amount_minor": 650_000,
        "currency": "EUR",
        "partner_code": "CRE1007",
        "program": "Creators",
        "approvals_needed": 2,
    },
)
