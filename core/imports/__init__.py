"""Files of partners, customers and sales into the desk: good rows go in, bad rows come back with what is wrong.

Call tree of one import (it spans several transactions, one per 10,000 rows; a strict one is a single transaction):
    import_file -> read_rows -> [transaction: sort -> import_file row -> write -> audit] … -> write_rejects
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from core import audit
from core.access import Actor
from core.imports.customers import CustomersImport
from core.imports.partners import PartnersImport
from core.imports.reading import Column, Row, UnreadableFile, decode, read_rows, write_rejects
from core.imports.sales import SalesImport
from core.imports.sorting import Importer

__all__ = [
    "IMPORTERS",
    "Counts",
    "ImportResult",
    "UnknownImport",
    "UnreadableFile",
    "import_file",
    "kind_of",
    "rejects_name",
    "template",
]

IMPORTERS: dict[str, type[Importer[Any, Any]]] = {  # what is new differs by kind and stays inside it
    "partners": PartnersImport,
    "customers": CustomersImport,
    "sales": SalesImport,
}
ROWS_PER_TRANSACTION = 10_000
HEADER_BYTES = 64 * 1024


class UnknownImport(UnreadableFile):
    """A file has partners, customers or sales, not {kind}."""

    code = "unknown_import"


def kind_of(data: bytes) -> str | None:
    """Return what a file's header says it has, or None when that is none of ours. Refuses UnreadableFile (encoding)."""
    header = next(csv.reader(io.StringIO(decode(data[:HEADER_BYTES].rpartition(b"\n")[0] or data))), [])
    names = {name.strip().lower() for name in header}
    fits = (
        kind
        for kind, importer in IMPORTERS.items()
        if names.issuperset(column.name for column in importer.columns if column.required)
    )
    return next(fits, None)


def template(kind: str) -> bytes:
    """Return a file of this kind with its header and no row. Refuses UnknownImport."""
    if kind not in IMPORTERS:
        raise UnknownImport(kind=kind)
    return (",".join(column.name for column in IMPORTERS[kind].columns) + "\r\n").encode()


@dataclass(kw_only=True)
class Counts:
    """How the rows of a file, or of one transaction of it, turned out; `rows` is the sum of the others."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    conflicts: int = 0

    def add(self, other: Counts) -> None:
        """Add another part's counts to these."""
        for name, n in asdict(other).items():
            setattr(self, name, getattr(self, name) + n)


@dataclass(kw_only=True)
class ImportResult(Counts):
    """What an import did; `problems` are (line, column or '', sentence), `rejects_file` an absolute path or None.

    `gross` is what the new rows come to, in minor units by currency.
    """

    kind: str
    gross: Counter[str] = field(default_factory=Counter)
    rejects_file: Path | None = None
    problems: list[tuple[int, str, str]] = field(default_factory=list)


def import_file(
    engine: Engine,
    kind: str,
    path_or_bytes: Path | bytes,
    *,
    file_name: str,
    actor: Actor,
    now: datetime,
    rejects_dir: Path,
    dry_run: bool = False,
    strict: bool = False,
    told: Callable[[Counts], None] = lambda _counts: None,
) -> ImportResult:
    """Take a file in and tell how every row turned out; rows that did not go in are written to a rejects file.

    `told` hears how far it is after each transaction.

    `dry_run` tells the same and changes nothing. `strict` writes nothing at all when a row is refused or in conflict:
    the rows that would have gone in are counted as refused with the rest. Refuses NotAllowed, UnknownImport,
    UnreadableFile (encoding, columns).
    """
    actor.must("import files")
    if kind not in IMPORTERS:
        raise UnknownImport(kind=kind)
    data = path_or_bytes if isinstance(path_or_bytes, bytes) else path_or_bytes.read_bytes()
    importer = IMPORTERS[kind]()
    rows = read_rows(data, importer.columns)
    first = next(rows, None)  # reads the header, so that a file that is no such file opens no transaction
    source = _Source(
        kind=kind, file_name=file_name, sha256=hashlib.sha256(data).digest(), actor=actor, now=now
    )
    result = ImportResult(kind=kind)
    rejects: list[Row] = []
    with engine.connect() as conn, ExitStack() as whole:
        transaction = whole.enter_context(conn.begin()) if strict else None
        # One transaction is one part: a second one would lock its partners behind those of the first, and the audit head.
        for part in _parts(first, rows, size=None if strict else ROWS_PER_TRANSACTION):
            with nullcontext(transaction) if strict else conn.begin() as current:
                counts, gross, bad = _import_part(conn, importer, part, source)
                if current is not None and dry_run and not strict:
                    current.rollback()
            result.add(counts)
            result.gross.update(gross)
            rejects += bad
            told(result)
        if transaction is not None and (dry_run or rejects):
            transaction.rollback()
    if strict and rejects:
        result.refused += result.added + result.updated
        result.added = result.updated = 0
        result.gross.clear()
    result.problems = [(row.line, column, sentence) for row in rejects for column, sentence in row.problems]
    if rejects:
        result.rejects_file = _save_rejects(source, importer.columns, rejects, rejects_dir)
    return result


@dataclass(frozen=True, kw_only=True)
class _Source:
    kind: str
    file_name: str
    sha256: bytes
    actor: Actor
    now: datetime


def _parts(first: Row | None, rows: Iterator[Row], *, size: int | None) -> Iterable[list[Row]]:
    every = chain([] if first is None else [first], rows)
    while part := list(islice(every, size)):
        yield part


OPEN_FILE = text("""
    INSERT INTO import_file (kind, file_name, sha256, counts, made_by, at)
    VALUES (:kind, :file_name, :sha256, CAST(:counts AS jsonb), :made_by, :now)
    RETURNING id
""")


def _import_part(
    conn: Connection, importer: Importer[Any, Any], rows: list[Row], source: _Source
) -> tuple[Counts, Counter[str], list[Row]]:
    found = importer.sort(conn, rows, now=source.now)
    bad = [row for row in rows if row.problems]
    counts = Counts(
        rows=len(rows),
        added=len(found.added),
        updated=len(found.changed),
        unchanged=found.unchanged,
        refused=len(bad) - len(found.conflicts),
        conflicts=len(found.conflicts),
    )
    values = {
        "kind": source.kind,
        "file_name": source.file_name,
        "sha256": source.sha256,
        "counts": json.dumps(asdict(counts)),
        "made_by": source.actor.name,
        "now": source.now,
    }
    import_id = int(conn.execute(OPEN_FILE, values).scalar_one())
    importer.write(conn, found, import_id=import_id, actor=source.actor, now=source.now)
    audit.record(
        conn,
        f"import.{source.kind}",
        subject="import",
        ids=[import_id],
        actor=source.actor,
        now=source.now,
        details=asdict(counts)
        | {
            "file_name": source.file_name,
            "sha256": source.sha256.hex(),
            "lines": [rows[0].line, rows[-1].line],
        },
    )
    return counts, found.gross, bad


def rejects_name(kind: str, sha256: bytes, taken_at: datetime) -> str:
    """Return the name of the file of the rows that did not go in, as it was written at that instant."""
    return f"{kind}-{taken_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{sha256.hex()[:8]}.csv"


def _save_rejects(
    source: _Source, columns: tuple[Column, ...], rejects: list[Row], rejects_dir: Path
) -> Path:
    rejects_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = rejects_dir.resolve() / rejects_name(source.kind, source.sha256, source.now)
    path.touch(mode=0o600)
    path.write_bytes(write_rejects(columns, rejects))
    return path
