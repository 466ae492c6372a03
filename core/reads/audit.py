"""The audit trail as a person looks through it: who did what to which, when, newest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, text

from core.reads.frames import to_frame
from core.reads.shown import HIDDEN


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """What is looked for; an empty value asks for nothing. `subject_id` is an id of `subject`."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    subject_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


# The words of a hold may name a person: without them, that something was said stays.
DETAILS = """
    CASE WHEN :masked AND action IN ('hold.placed', 'hold.lifted') AND details ->> 'note' <> ''
         THEN details || jsonb_build_object('note', CAST(:hidden AS text)) ELSE details END AS details"""
TRAIL = text(f"""
    SELECT seq, at, actor, channel, action, subject, ids,
           {DETAILS},
           encode(hash, 'hex') AS hash
      FROM audit
     WHERE (:actor = '' OR actor = :actor)
       AND (:action = '' OR action = :action)
       AND (:subject = '' OR subject = :subject)
       AND (CAST(:subject_id AS bigint) IS NULL OR ids @> ARRAY[CAST(:subject_id AS bigint)])
       AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
       AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
       AND (CAST(:before AS bigint) IS NULL OR seq < :before)
     ORDER BY seq DESC LIMIT :limit
""")  # noqa: S608 - our own part


def audit_trail(
    conn: Connection, wanted: AuditFilter, *, masked: bool, before: int | None = None, limit: int = 50
) -> pd.DataFrame:
    """Return the newest rows: seq, at, actor, channel, action, subject, ids, details, hash (hex); `before` is a seq.

    With `masked` without the notes of holds.
    """
    asked = {"before": before, "limit": limit, "masked": masked, "hidden": HIDDEN}
    return to_frame(conn.execute(TRAIL, vars(wanted) | asked))


ROW = text(f"""
    SELECT seq, at, actor, channel, action, subject, ids,
           {DETAILS},
           encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash
      FROM audit WHERE seq = :seq
""")  # noqa: S608 - our own part


def audit_row(conn: Connection, seq: int, *, masked: bool) -> Row[Any] | None:
    """Return one row with its hash and the one before it (hex), masked as the trail; None: there is no such row."""
    return conn.execute(ROW, {"seq": seq, "masked": masked, "hidden": HIDDEN}).one_or_none()


# What a person calls these; everything else goes by its number.
NAMES = text("""
    SELECT 'partner' AS subject, id, code AS name FROM partner WHERE id = ANY(:partner)
     UNION ALL SELECT 'program', id, code FROM program WHERE id = ANY(:program)
     UNION ALL SELECT 'user', id, name FROM app_user WHERE id = ANY(:user)
""")


def names_of(conn: Connection, ids: Mapping[str, Collection[int]]) -> dict[tuple[str, int], str]:
    """Return the codes of partners and programs and the names of users by subject and id."""
    wanted = {subject: sorted(ids.get(subject, ())) for subject in ("partner", "program", "user")}
    return {(row.subject, row.id): row.name for row in conn.execute(NAMES, wanted)}


# Few kinds among many rows: each is found by skipping to the next one.
ACTORS = text("""
    WITH RECURSIVE each AS (
        (SELECT actor FROM audit ORDER BY actor LIMIT 1)
         UNION ALL
        SELECT (SELECT a.actor FROM audit a WHERE a.actor > each.actor ORDER BY a.actor LIMIT 1)
          FROM each WHERE each.actor IS NOT NULL)
    SELECT actor FROM each WHERE actor IS NOT NULL
""")
ACTIONS = text("""
    WITH RECURSIVE each AS (
        (SELECT action FROM audit ORDER BY action LIMIT 1)
         UNION ALL
        SELECT (SELECT a.action FROM audit a WHERE a.action > each.action ORDER BY a.action LIMIT 1)
          FROM each WHERE each.action IS NOT NULL)
    SELECT action FROM each WHERE action IS NOT NULL
""")


def who_and_what(conn: Connection) -> tuple[list[str], list[str]]:
    """Return every actor and every action the trail has."""
    return list(conn.execute(ACTORS).scalars()), list(conn.execute(ACTIONS).scalars())
