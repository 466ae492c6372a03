"""No law without a proof: what the catalogue lists, some test has shown to hold."""

import importlib
from pathlib import Path

from sqlalchemy import Connection, text

from tests.db.law import PROVEN

# Left out: NOT NULL, plain foreign keys, numbers the database counts itself, and unique keys around a primary key, which
# exist to be pointed at and cannot be broken before it.
LAWS = text("""
    WITH rel AS (SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
                    AND relname <> 'alembic_version'),
         counted AS (SELECT attrelid, array_agg(attnum) AS columns FROM pg_attribute WHERE attidentity <> '' GROUP BY 1)
    SELECT rel.relname || '.' || c.conname
      FROM pg_constraint c JOIN rel ON rel.oid = c.conrelid LEFT JOIN counted ON counted.attrelid = c.conrelid
     WHERE c.contype IN ('c', 'x')
        OR (c.contype = 'f' AND c.conname !~ '_fkey[0-9]*$')
        OR (c.contype = 'p' AND (counted.columns IS NULL OR NOT c.conkey <@ counted.columns))
        OR (c.contype = 'u' AND NOT EXISTS (SELECT 1 FROM pg_constraint p
                                             WHERE p.conrelid = c.conrelid AND p.contype = 'p' AND p.conkey <@ c.conkey))
     UNION
    SELECT rel.relname || '.' || i.indexrelid::regclass
      FROM pg_index i JOIN rel ON rel.oid = i.indrelid
     WHERE i.indisunique AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
     UNION
    SELECT rel.relname || '.' || t.tgname FROM pg_trigger t JOIN rel ON rel.oid = t.tgrelid WHERE NOT t.tgisinternal
     UNION
    SELECT (regexp_matches(p.prosrc, $$refuse\\('(\\w+)'$$, 'g'))[1] FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
""")


def test_every_law_has_a_proof_and_every_proof_a_law(owner: Connection) -> None:
    for module in Path(__file__).parent.glob("test_law_*.py"):
        importlib.import_module(f"tests.db.{module.stem}")
    laws = set(owner.execute(LAWS).scalars())
    assert laws - PROVEN == set()
    assert PROVEN - laws == set()
    assert len(laws) > 120
