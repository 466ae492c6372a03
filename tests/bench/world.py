"""A throw-away database with many partners and their sales, taken in by the desk's own imports."""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import Engine, make_url, text

from core.access import Actor
from core.imports import import_file
from core.programs import install_presets
from core.users import add_user
from db import server
from db.engine import app_role, make_engine
from db.migrate import migrate

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OSCAR = Actor(name="user:oscar", channel="cli", roles=frozenset({"operator"}))
ADA = Actor(name="user:ada", channel="cli", roles=frozenset({"approver"}))

# Creators are paid when they ask; here every one of them is paid daily, so that the queue has work for all.
DAILY = text("""
    INSERT INTO proposal (kind, subject, ids, content, why, made_by, made_at, expires_at)
    SELECT 'change_terms', 'partner', ARRAY[id], '{"terms": {"schedule": {"kind": "daily"}}}', 'paid daily', 'user:mia',
           now(), now() + interval '1 day' FROM partner
""")
CONFIRM = text("""
    UPDATE proposal SET decision = 'confirm', decided_by = 'user:ada', decided_at = now() WHERE kind = 'change_terms'
""")
PLACE = text("""
    INSERT INTO own_terms (partner_id, terms, proposal_id, made_by, after_payout_id, at)
    SELECT ids[1], content -> 'terms', id, made_by, 0, now() FROM proposal WHERE kind = 'change_terms'
""")
HOLDS_NOW = text("UPDATE partner p SET overrides = o.terms FROM own_terms o WHERE o.partner_id = p.id")


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a new database on DATABASE_URL's server, or on an embedded one; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="paydesk-bench-"))
    given = os.environ.get("DATABASE_URL")
    url = given or server.start(folder)
    name = f"paydesk_bench_{uuid4().hex}"
    try:
        _run(url, "CREATE DATABASE {}", name)
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
        _run(url, "DROP DATABASE {} WITH (FORCE)", name)
    finally:
        if not given:
            server.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _run(url: str, statement: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@dataclass(frozen=True, kw_only=True)
class World:
    """The desk of the benchmark: an engine in the role of its processes, and how much there is."""

    engine: Engine
    rejects_dir: Path
    partners: int
    earnings: int

    def sales_file(self, first: int, n: int) -> bytes:
        """Write `n` sales, numbered from `first`, spread over all partners and the weeks that have matured."""
        chance = random.Random(first)
        rows = (
            {
                "program": "creator",
                "partner_code": f"P{chance.randrange(self.partners):06}",
                "kind": "booking",
                "source_ref": f"boo_{first + k:08}",
                "occurred_at": f"{NOW - timedelta(days=8, minutes=chance.randrange(30_000)):%Y-%m-%dT%H:%M:%SZ}",
                "gross": f"{chance.randrange(500, 9_000) / 100:.2f}",
                "currency": "EUR",
                "description": "Video call",
            }
            for k in range(n)
        )
        return _csv(rows)

    def take_in(self, kind: str, data: bytes) -> None:
        """Import a file; every row is good."""
        result = import_file(
            self.engine,
            kind,
            data,
            file_name=f"{kind}.csv",
            actor=OSCAR,
            now=NOW,
            rejects_dir=self.rejects_dir,
        )
        if result.problems:
            raise AssertionError(result.problems[0])


def build(url: str, *, partners: int, earnings: int, rejects_dir: Path) -> World:
    """Make the schema, the people, the partners and all but the last 20,000 of the earnings."""
    owner = make_engine(url, application_name="paydesk bench", pool_size=1)
    migrate(owner)
    with owner.begin() as conn:
        install_presets(conn, now=NOW)
        root = Actor(name="os:bench", channel="cli")
        for name, role in (("oscar", "operator"), ("ada", "approver")):
            add_user(conn, name, "opens no door", [role], actor=root, now=NOW, rounds=4)
    engine = make_engine(url, application_name="paydesk bench", role=app_role(url))
    world = World(engine=engine, rejects_dir=rejects_dir, partners=partners, earnings=earnings)
    world.take_in("partners", _csv(_partner(n) for n in range(partners)))
    with engine.begin() as conn:
        for step in (DAILY, CONFIRM, PLACE, HOLDS_NOW):
            conn.execute(step)
    for first in range(0, earnings - LAST_FILE, LAST_FILE):
        world.take_in("sales", world.sales_file(first, min(LAST_FILE, earnings - LAST_FILE - first)))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))  # what autovacuum would have done by the next night
    owner.dispose()
    return world


LAST_FILE = 20_000


def _partner(n: int) -> dict[str, str]:
    return {
        "program": "creator",
        "code": f"P{n:06}",
        "name": f"Partner {n}",
        "email": f"p{n}@example.com",
        "tier": "",
        "country": "PT",
        "currency": "EUR",
        "method": "stripe",
        "stripe_account_id": f"acct_{n:014}",
        "joined_on": "2025-01-01",
        "status": "active",
    }


def _csv(rows: Iterator[dict[str, str]]) -> bytes:
    written = io.StringIO()
    first = next(rows)
    writer = csv.DictWriter(written, fieldnames=list(first))
    writer.writeheader()
    writer.writerow(first)
    writer.writerows(rows)
    return written.getvalue().encode()
