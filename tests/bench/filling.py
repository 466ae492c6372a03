"""A desk of a year, filled by plain SQL: its figures are real, only their history is invented.

The rows are made without the operations of core and with the triggers off, as a restore would; the rollups are filled by
the statements of their migrations.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from core.programs import current_policy, install_presets, program_by_code
from db.engine import make_engine
from db.migrate import migrate
from tests.bench.world import own_database

# A year of sales at a steady pace; partners are creators, paid by request, and what was asked for in the last day waits.
FILL = (
    """INSERT INTO identity (name, email)
       SELECT 'Partner ' || n, 'p' || n || '@example.com' FROM generate_series(1, :partners) n""",
    """INSERT INTO partner (program_id, code, identity_id, method, joined_on, created_at)
       SELECT :program, 'P' || n, n, 'stripe', '2024-01-01', :now FROM generate_series(1, :partners) n""",
    """INSERT INTO destination (partner_id, method, account, fingerprint, made_by, opened_at)
       SELECT id, 'stripe', 'acct_' || id, sha256(id::text::bytea), 'job:bench', '2024-01-01' FROM partner""",
    "UPDATE partner r SET destination_id = d.id FROM destination d WHERE d.partner_id = r.id",
    "INSERT INTO partner_balance (partner_id, released_to) SELECT id, :now FROM partner",
    """INSERT INTO sale (program_id, partner_id, kind, source_ref, occurred_at, gross_minor, content_hash)
       SELECT :program, 1 + n % :partners, 'booking', 's' || n, :now - interval '365 days' * (n::float / :earnings), 5000, ''
         FROM generate_series(:earnings, 1, -1) n""",
    """INSERT INTO earning (program_id, partner_id, kind, source_ref, amount_minor, gross_minor, fee_minor, occurred_at,
                            release_at,
                            sale_id, policy_id, made_by)
       SELECT program_id, partner_id, 'booking', source_ref, 4500, 5000, 500, occurred_at, occurred_at + interval '7 days', id,
              :policy, 'job:bench' FROM sale ORDER BY id""",
    """INSERT INTO payout (program_id, partner_id, origin, status, amount_minor, fee_minor, currency, method, destination_id,
                           policy_id, cap_month, approvals_needed, made_by, queued_at, decided_at, processed_at)
       SELECT :program, partner_id, 'request', status, 4500 * n, 25, 'EUR', 'stripe', partner_id, :policy, '2026-01-01', 1,
              'user:mia', at + interval '2 hours', CASE WHEN status = 'paid' THEN at + interval '5 hours' END,
              CASE WHEN status = 'paid' THEN at + interval '5 hours 1 minute' END
         FROM (SELECT partner_id, max(release_at) AS at, count(*) AS n,
                      CASE WHEN max(release_at) > :now - interval '1 day' THEN 'pending' ELSE 'paid' END AS status
                 FROM (SELECT partner_id, release_at, row_number() OVER (PARTITION BY partner_id ORDER BY id) AS n
                         FROM earning WHERE release_at < :now - interval '6 hours') e
                GROUP BY partner_id, (n - 1) / 5) g
        ORDER BY at""",
    """INSERT INTO payout_item (payout_id, earning_id, amount_minor)
       SELECT p.id, e.id, e.amount_minor
         FROM (SELECT id, partner_id, row_number() OVER (PARTITION BY partner_id ORDER BY queued_at, id) AS n FROM payout) p
         JOIN (SELECT id, partner_id, amount_minor, (row_number() OVER (PARTITION BY partner_id ORDER BY id) - 1) / 5 + 1 AS n
                 FROM earning WHERE release_at < :now - interval '6 hours') e ON e.partner_id = p.partner_id AND e.n = p.n""",
    """INSERT INTO open_item (earning_id, partner_id, amount_minor, release_at)
       SELECT id, partner_id, amount_minor, release_at FROM earning e
        WHERE NOT EXISTS (SELECT 1 FROM payout_item i WHERE i.earning_id = e.id)""",
    """INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, earning_id, payout_id,
                                    effective_at)
       SELECT * FROM (
         SELECT partner_id, 'earn', 'earnings', 'held', amount_minor, 'EUR', id, NULL::bigint,
                occurred_at + interval '1 hour' AS at
           FROM earning
          UNION ALL
         SELECT partner_id, 'release', 'held', 'available', amount_minor, 'EUR', NULL, NULL, release_at + interval '30 minutes'
           FROM earning WHERE release_at < :now
          UNION ALL SELECT partner_id, 'reserve', 'available', 'reserved', amount_minor, 'EUR', NULL, id, queued_at FROM payout
          UNION ALL SELECT partner_id, 'settle', 'reserved', 'paid', net_minor, 'EUR', NULL, id, processed_at
           FROM payout WHERE status = 'paid') m
        WHERE at <= :now ORDER BY at""",
    """INSERT INTO customer (program_id, partner_id, ref, identity_id, signed_up_at, cancelled_at, created_at)
       SELECT :program, 1 + n % :partners, 'c' || n, 1, :now - interval '365 days' * (n::float / :customers),
              CASE WHEN n % 3 = 0 THEN :now - interval '365 days' * (n::float / :customers) / 2 END, :now
         FROM generate_series(1, :customers) n""",
    "UPDATE partner_balance SET held = 4500 * 5, available = 4500, reserved = 4500, paid = 1",
    """INSERT INTO balance_seen (provider, currency, at, balance_minor, sent_minor, returned_minor)
       VALUES ('simulator', 'EUR', :now, 100000000, 0, 0)""",
    """INSERT INTO daily_total SELECT (occurred_at AT TIME ZONE 'UTC')::date, program_id, 'revenue', count(*), sum(gross_minor)
         FROM sale GROUP BY 1, 2""",
    """INSERT INTO daily_total SELECT (occurred_at AT TIME ZONE 'UTC')::date, program_id, 'earned', count(*), sum(amount_minor)
         FROM earning GROUP BY 1, 2""",
    """INSERT INTO daily_total SELECT (processed_at AT TIME ZONE 'UTC')::date, program_id, 'paid', count(*), sum(amount_minor)
         FROM payout WHERE status = 'paid' GROUP BY 1, 2""",
    """INSERT INTO open_total SELECT :program, (release_at AT TIME ZONE 'UTC')::date, 'open', count(*), sum(amount_minor)
         FROM open_item GROUP BY 2""",
    """INSERT INTO daily_wait
       SELECT (p.processed_at AT TIME ZONE 'UTC')::date, p.program_id, 'earned',
              wait_class(extract(epoch FROM p.processed_at - e.occurred_at)),
              count(*), sum(extract(epoch FROM p.processed_at - e.occurred_at))::bigint
         FROM payout p JOIN payout_item i ON i.payout_id = p.id JOIN earning e ON e.id = i.earning_id
        WHERE p.status = 'paid' GROUP BY 1, 2, 4""",
    """INSERT INTO payout_counter SELECT program_id, status, method, currency, count(*), sum(amount_minor), sum(net_minor)
         FROM payout GROUP BY 1, 2, 3, 4""",
)


@contextmanager
def desk_of_a_year(command: str, about: str, *, now: datetime) -> Iterator[str]:
    """The URL of a filled database of its own, as large as `--earnings` and `--partners` say; prints what is in it."""
    parser = argparse.ArgumentParser(prog=command, description=about)
    parser.add_argument("--earnings", type=int, default=1_000_000)
    parser.add_argument("--partners", type=int, default=20_000)
    wanted = parser.parse_args()
    with own_database() as url:
        owner = make_engine(url, application_name="paydesk bench", pool_size=1)
        migrate(owner)
        begun = time.perf_counter()
        _fill(owner, partners=wanted.partners, earnings=wanted.earnings, now=now)
        with owner.connect() as conn:
            payouts = conn.execute(text("SELECT count(*) FROM payout")).scalar_one()
        owner.dispose()
        took_s = time.perf_counter() - begun
        made = f"{wanted.partners:,} partners, {wanted.earnings:,} earnings, {payouts:,} payouts"
        print(f"{made}; filled in {took_s:.0f} s\n")
        yield url


def _fill(owner: Engine, *, partners: int, earnings: int, now: datetime) -> None:
    """Make the rows, and the statistics autovacuum would have made by the next night."""
    with owner.begin() as conn:
        install_presets(conn, now=now)
        program = program_by_code(conn, "creator").id
        policy = current_policy(conn, program, now=now).id
        conn.execute(text("SET LOCAL session_replication_role = replica"))
        conn.execute(text("SET LOCAL synchronous_commit = off"))
        conn.execute(text("SET LOCAL statement_timeout = 0"))
        values: dict[str, Any] = {
            "partners": partners,
            "earnings": earnings,
            "customers": earnings // 10,
            "now": now,
        }
        for statement in FILL:
            conn.execute(text(statement), values | {"program": program, "policy": policy})
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SET statement_timeout = 0"))
        conn.execute(text("VACUUM ANALYZE"))
