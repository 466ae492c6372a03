"""A desk to import into: the preset programs, and one call that imports text."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text

from core.access import Actor
from core.imports import ImportResult, import_file
from core.programs import install_presets
from core.verify import verify

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
MIA = Actor(name="user:mia", channel="cli", roles=frozenset({"maker"}))

PARTNER_HEADER = "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status\n"
CUSTOMER_HEADER = "customer_ref,name,referral_code,signed_up_at,status,cancelled_at\n"
SALE_HEADER = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description\n"
HEADERS = {"partners": PARTNER_HEADER, "customers": CUSTOMER_HEADER, "sales": SALE_HEADER}

CREATOR = "creator,CRE1,Ana Silva,ana@example.com,,DE,EUR,stripe,acct_1,2025-01-01,active\n"
BARBER = "barber,BAR1,Bo Lind,bo@example.com,,US,USD,check,,2025-01-01,active\n"
BROKER = "broker-bounty,BRK1,Cy Ito,cy@example.com,,US,USD,paypal,,2025-01-01,active\n"


class Desk:
    """The preset programs in a database of their own, where files are imported at `now`."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        with engine.begin() as conn:
            install_presets(conn, now=datetime(2026, 1, 1, tzinfo=UTC))

    def take(
        self, kind: str, rows: str | Path, *, now: datetime = NOW, dry_run: bool = False, strict: bool = False
    ) -> ImportResult:
        """Import rows under their kind's header, or a file, and check that the counts add up and the books balance."""
        data = rows.read_bytes() if isinstance(rows, Path) else (HEADERS[kind] + rows).encode()
        result = import_file(
            self.engine,
            kind,
            data,
            file_name="file.csv",
            actor=MIA,
            now=now,
            rejects_dir=self.folder / "rejects",
            dry_run=dry_run,
            strict=strict,
        )
        assert (
            result.rows
            == result.added + result.updated + result.unchanged + result.refused + result.conflicts
        )
        with self.engine.connect() as conn:
            assert [check.name for check in verify(conn)[0] if not check.ok] == []
        return result

    def rows(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        """Read rows by SQL."""
        with self.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(text(sql), values)]

    def value(self, sql: str, **values: object) -> object:
        """Read one value by SQL."""
        return self.rows(sql, **values)[0][0]


def outcome(result: ImportResult) -> tuple[int, int, int, int, int]:
    """Added, updated, unchanged, refused, conflicts."""
    return (result.added, result.updated, result.unchanged, result.refused, result.conflicts)


def only_problem(result: ImportResult) -> tuple[int, str, str]:
    """The one thing that was wrong in a file."""
    assert len(result.problems) == 1, result.problems
    return result.problems[0]
