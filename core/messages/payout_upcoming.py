"""A partner's scheduled payout is near: the day, and what is expected as things stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection

from core.messages import Kind, NotToBeTold
from core.messages.samples import AT, PARTNER


def facts(_conn: Connection, about: Mapping[str, int], now: datetime) -> Mapping[str, object]:
    """Return the day and the expected amount in minor units; refuses once the day has come."""
    slot = datetime.fromtimestamp(about["slot_s"], UTC)
    if slot <= now:
        raise NotToBeTold(why="The day has come")
    return {"slot": slot, "expected_minor": about["expected_minor"]}


KIND = Kind(
    title="Payout coming up",
    audience="partner",
    facts=facts,
    sample=PARTNER | {"slot": AT, "expected_minor": 125_000},
)
