"""A partner has been paid a round sum in all: told once for each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from core.messages import Kind
from core.messages.samples import PARTNER

# In whole units of the partner's currency, counted over everything they were paid.
MILESTONES = (1_000, 10_000, 100_000, 1_000_000)


def facts(_conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return the sum that was reached, in minor units."""
    return {"reached_minor": about["reached_minor"]}


KIND = Kind(title="Milestone", audience="partner", facts=facts, sample=PARTNER | {"reached_minor": 1_000_000})
