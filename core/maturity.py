"""How long earnings are held after their event: the hold days that stand for the partner, over the tier's and the program's.

Asked when an earning is written, so a change of terms holds for what comes in from then on and for nothing before it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from core.policy import resolve
from core.programs import PolicyVersion

OWN = text("SELECT id, tier, overrides FROM partner WHERE id = ANY(:partner_ids)")


class Maturity:
    """The hold days of some partners as they are now; the caller holds their balance rows."""

    def __init__(self, conn: Connection, partner_ids: Collection[int]) -> None:
        rows = conn.execute(OWN, {"partner_ids": sorted(partner_ids)})
        self._own: dict[int, tuple[str | None, dict[str, Any]]] = {
            row.id: (row.tier, row.overrides) for row in rows
        }
        self._known: dict[tuple[int, str | None, str], timedelta] = {}

    def of(self, partner_id: int, version: PolicyVersion) -> timedelta:
        """How long an earning of this partner is held that this version prices, in days of 24 hours."""
        tier, overrides = self._own[partner_id]
        key = (version.id, tier, json.dumps(overrides, sort_keys=True))
        if key not in self._known:
            days = resolve(version.policy, tier, overrides).hold.days
            self._known[key] = timedelta(days=days)
        return self._known[key]
