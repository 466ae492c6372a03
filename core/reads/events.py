"""What the provider told of: how far the desk is with it, and what got stuck."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, text

from core.events.questions import Questions, open_questions
from core.reads.frames import to_frame


@dataclass(frozen=True, kw_only=True)
class EventFigures:
    """Events that wait, those that got stuck, and when the provider's lists were last read; None: never, or none."""

    waiting: int
    oldest_waiting: datetime | None  # when the desk heard of it
    stuck: int
    oldest_stuck: datetime | None
    read_at: datetime | None  # the platform's list, to its end
    missed: (
        tuple[datetime, datetime] | None
    )  # what the list no longer went back to, if found in the last week
    questions: Questions


GAP_TOLD_FOR = timedelta(days=7)
FIGURES = text("""
    SELECT w.n AS waiting, w.oldest AS oldest_waiting, s.n AS stuck, s.oldest AS oldest_stuck, g.since, g.until,
           (SELECT polled_at FROM event_watermark WHERE provider = :provider AND account = '') AS read_at
      FROM (SELECT count(*) AS n, min(received_at) AS oldest FROM provider_event WHERE state = 'waiting') w
     CROSS JOIN (SELECT count(*) AS n, min(received_at) AS oldest FROM provider_event WHERE state = 'stuck') s
      LEFT JOIN LATERAL (SELECT since, until FROM event_gap WHERE provider = :provider AND found_at >= :told_since
                          ORDER BY id DESC LIMIT 1) g ON true
""")


def event_figures(conn: Connection, provider: str, *, now: datetime) -> EventFigures:
    """Return how far the desk is with what this provider told of."""
    row = conn.execute(FIGURES, {"provider": provider, "told_since": now - GAP_TOLD_FOR}).one()
    return EventFigures(
        waiting=row.waiting,
        oldest_waiting=row.oldest_waiting,
        stuck=row.stuck,
        oldest_stuck=row.oldest_stuck,
        read_at=row.read_at,
        missed=None if row.since is None else (row.since, row.until),
        questions=open_questions(conn, provider, now=now),
    )


STUCK = text("""
    SELECT ref, kind, object_ref, account, created_at, received_at, tries, error
      FROM provider_event WHERE state = 'stuck' ORDER BY received_at, ref LIMIT :limit
""")


def stuck_events(conn: Connection, *, limit: int = 20) -> pd.DataFrame:
    """Return the events that could not be applied, the oldest first, with why."""
    return to_frame(conn.execute(STUCK, {"limit": limit}))
