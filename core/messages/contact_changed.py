"""A partner's email address was changed: told to the address before and to the new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection

from core.messages import Kind
from core.messages.samples import AT, PARTNER


def facts(_conn: Connection, about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return when it was changed; neither address stands in the words."""
    return {"changed_at": datetime.fromtimestamp(about["changed_s"], UTC)}


KIND = Kind(
    title="Email address changed",
    audience="partner",
    facts=facts,
    security=True,
    sample=PARTNER | {"changed_at": AT},
)
