"""The files that were taken in, newest first."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, text

from core.reads.frames import to_frame

# A large file is taken in over several transactions, each with a row of its own.
FILES = text("""
    SELECT max(id) AS id, kind, file_name, made_by, at, sum((counts ->> 'rows')::bigint)::bigint AS rows,
           sum((counts ->> 'added')::bigint)::bigint AS added, sum((counts ->> 'updated')::bigint)::bigint AS updated,
           sum((counts ->> 'unchanged')::bigint)::bigint AS unchanged,
           sum((counts ->> 'refused')::bigint + (counts ->> 'conflicts')::bigint)::bigint AS refused
      FROM (SELECT * FROM import_file ORDER BY id DESC LIMIT 1000) newest
     GROUP BY kind, file_name, sha256, made_by, at
     ORDER BY 1 DESC LIMIT :limit
""")


def imported_files(conn: Connection, *, limit: int = 10) -> pd.DataFrame:
    """Return the newest files: kind, file_name, made_by, at, rows, added, updated, unchanged, refused."""
    return to_frame(conn.execute(FILES, {"limit": limit}))


FILE = text("""
    SELECT max(id) AS id, array_agg(id ORDER BY id) AS parts, kind, file_name, sha256, made_by, at,
           sum((counts ->> 'rows')::bigint)::bigint AS rows, sum((counts ->> 'added')::bigint)::bigint AS added,
           sum((counts ->> 'updated')::bigint)::bigint AS updated,
           sum((counts ->> 'unchanged')::bigint)::bigint AS unchanged,
           sum((counts ->> 'refused')::bigint)::bigint AS refused,
           sum((counts ->> 'conflicts')::bigint)::bigint AS conflicts
      FROM import_file
     WHERE (kind, file_name, sha256, made_by, at) =
           (SELECT kind, file_name, sha256, made_by, at FROM import_file WHERE id = :id)
     GROUP BY kind, file_name, sha256, made_by, at
""")


def imported_file(conn: Connection, import_id: int) -> Row[Any] | None:
    """Return the whole file one of whose parts has this id, `parts` being the ids of all; None: there is none."""
    return conn.execute(FILE, {"id": import_id}).one_or_none()
