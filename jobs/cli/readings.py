"""Commands that only read: payouts, one payout's story, a partner's summary, the proof of the books, health."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection

from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, not_blank, positive

STATUSES = (
    "pending",
    "approved",
    "processing",
    "retrying",
    "paid",
    "reversed",
    "rejected",
    "cancelled",
    "failed",
)


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the readings."""
    listed = commands.add_parser("payouts", parents=[shared], help="list payouts, the newest first")
    listed.add_argument("--status", choices=STATUSES)
    listed.add_argument("--program", type=not_blank, metavar="P")
    listed.add_argument("--partner", type=not_blank, metavar="CODE")
    listed.add_argument("--limit", type=positive, metavar="N", default=1_000)
    listed.set_defaults(command=list_payouts)
    one = commands.add_parser("payout", parents=[shared], help="one payout with its whole story")
    one.add_argument("id", metavar="ID", type=positive)
    one.set_defaults(command=show_payout)
    summary = commands.add_parser("summary", parents=[shared], help="what a partner earned, got and is owed")
    summary.add_argument("code", metavar="CODE")
    summary.set_defaults(command=show_summary)
    proof = commands.add_parser("verify", parents=[shared], help="prove the books and the audit trail")
    proof.set_defaults(command=verify_books)
    health = commands.add_parser("health", parents=[shared], help="what is wrong now")
    health.set_defaults(command=show_health)


def list_payouts(args: argparse.Namespace, desk: Desk) -> int:
    """Print the payouts that match."""
    from core.reads.payouts import payouts_as_json
    from jobs.cli.lookup import must_exist

    with desk.engine.connect() as conn:
        must_exist(conn, program=args.program, partner=args.partner)
        rows = payouts_as_json(
            conn, status=args.status, program=args.program, partner=args.partner, limit=args.limit
        )
    show(rows, as_json=desk.as_json)
    return 0


def read_payout(conn: Connection, payout_id: int, *, now: datetime) -> dict[str, object]:
    """Return one payout with its items, approvals, attempts, ledger and what blocks it; refuses UnknownPayout."""
    from core.decisions import UnknownPayout
    from core.guards import blocking_reasons
    from core.reads.payout import story, story_as_json

    found = story(conn, payout_id, now=now, masked=True)
    if found is None:
        raise UnknownPayout(id=payout_id)
    return story_as_json(found, blocking_reasons(conn, [payout_id], now=now)[payout_id])


def show_payout(args: argparse.Namespace, desk: Desk) -> int:
    """Print one payout with its whole story."""
    with desk.engine.connect() as conn:
        document = read_payout(conn, args.id, now=desk.now)
    show(document, as_json=desk.as_json)
    return 0


def show_summary(args: argparse.Namespace, desk: Desk) -> int:
    """Print one partner's sums, gross."""
    from core.reads.summary import summary

    with desk.engine.connect() as conn:
        document = summary(conn, args.code, now=desk.now)
    show(document, as_json=desk.as_json)
    return 0


def verify_books(_args: argparse.Namespace, desk: Desk) -> int:
    """Print every check of the books and the head of the audit trail."""
    from core.verify import verify
    from jobs.health import snapshot

    with snapshot(desk.engine) as conn:
        checks, head = verify(conn)
    ok = all(check.ok for check in checks)
    show({"ok": ok, "checks": [asdict(check) for check in checks], "audit_head": head}, as_json=desk.as_json)
    return 0 if ok else 1


def show_health(_args: argparse.Namespace, desk: Desk) -> int:
    """Print every fault that stands now."""
    from jobs.health import find_faults, snapshot

    with snapshot(desk.engine) as conn:
        faults = [asdict(fault) for fault in find_faults(conn, now=desk.now)]
    show({"ok": not faults, "faults": faults}, as_json=desk.as_json)
    return 1 if faults else 0
