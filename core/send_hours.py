"""The hours of the programs as the sender meets them: which policies rest now, and until when a payout does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from core.send_terms import Sending

KEPT = 256  # versions of policies with hours


def rests_until(told: str, at: datetime, *, urgent: bool) -> datetime | None:
    """Return when a payout's hours begin, None where it is within them at this instant.

    `told` is JSON: `sending`, the terms of the version it was queued under, and the program's `zone`.
    """
    sending, zone = _read(told)
    if (urgent and sending.urgent_passes) or sending.is_open(at, zone):
        return None
    return sending.opens_at(at, zone)


@lru_cache(maxsize=KEPT)
def _read(told: str) -> tuple[Sending, ZoneInfo]:
    terms = json.loads(told)
    return Sending.model_validate(terms["sending"]), ZoneInfo(terms["zone"])


@dataclass(frozen=True, kw_only=True)
class Resting:
    """The ids of the policies outside whose hours an instant is: those under which nothing leaves, and those under which
    only urgent payouts do.
    """

    all: list[int]
    but_urgent: list[int]


WITH_HOURS = text("""
    SELECT l.id, jsonb_build_object('sending', l.terms -> 'sending', 'zone', g.zone)::text AS told
      FROM policy l JOIN program g ON g.id = l.program_id
     WHERE l.terms ? 'sending'
""")


def resting_at(conn: Connection, instants: Iterable[datetime]) -> Resting:
    """Return the policies that rest at one of these instants, by the clock of their program."""
    instants = list(instants)
    found = Resting(all=[], but_urgent=[])
    for row in conn.execute(WITH_HOURS):
        sending, zone = _read(row.told)
        if all(sending.is_open(at, zone) for at in instants):
            continue
        (found.but_urgent if sending.urgent_passes else found.all).append(row.id)
    return found
