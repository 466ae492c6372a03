"""The hours of the programs as the sender meets them: which policies rest now, and until when a payout does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from core.send_terms import Sending

KEPT = 256  # versions of policies with such terms


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
class Timed:
    """One version of a policy that has a delay or hours, with the zone of its program."""

    policy_id: int
    sending: Sending
    zone: ZoneInfo

    def leaves_at(self, ready_at: datetime, *, urgent: bool) -> datetime:
        """When a payout leaves whose delay is over at this instant."""
        passes = urgent and self.sending.urgent_passes
        return ready_at if passes else self.sending.opens_at(ready_at, self.zone)


WITH_TERMS = text("""
    SELECT l.id, jsonb_build_object('sending', l.terms -> 'sending', 'zone', g.zone)::text AS told
      FROM policy l JOIN program g ON g.id = l.program_id
     WHERE l.terms ? 'sending'
""")


def timed_policies(conn: Connection) -> list[Timed]:
    """Return every version of every policy that says when approved payouts leave."""
    found = []
    for row in conn.execute(WITH_TERMS):
        sending, zone = _read(row.told)
        found.append(Timed(policy_id=row.id, sending=sending, zone=zone))
    return found


@dataclass(frozen=True, kw_only=True)
class Resting:
    """The ids of the policies outside whose hours an instant is: those under which nothing leaves, and those under which
    only urgent payouts do.
    """

    all: list[int]
    but_urgent: list[int]


def resting_at(conn: Connection, now: datetime) -> Resting:
    """Return the policies that rest at this instant, by the clock of their program."""
    found = Resting(all=[], but_urgent=[])
    for one in timed_policies(conn):
        if not one.sending.is_open(now, one.zone):
            (found.but_urgent if one.sending.urgent_passes else found.all).append(one.policy_id)
    return found
