"""Tables to take home: payouts, one partner's statement, a month's end, its journal, a year; CSV on stdout or in a file."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from sqlalchemy import Connection

from core.days import MONTH
from jobs.cli.output import show
from jobs.cli.readings import STATUSES
from jobs.cli.terms import FIRST_YEAR, LAST_YEAR, Desk, Parser, Subparsers, WrongUsage, not_blank, positive

EXPORTS = (
    ("payouts", "payouts with whom, how much, by which way and what came of it"),
    ("statement", "every movement of one partner's money, with the balance after it"),
    ("month-end", "a month per program, currency and account: opening, movements, closing"),
    ("provider", "a month's sums at each provider: our books, theirs, the difference"),
    ("journal", "a month as debit and credit by the company's own account codes"),
    ("pack", "a closed month whole: roll-forward, journal, balances and payouts under way, as one ZIP"),
    ("record", "everything about one payout with its proofs, for an auditor, as HTML"),
    ("year", "what each partner was paid in a calendar year, for tax forms"),
)


def month(given: str) -> str:
    """Read a month like 2026-10."""
    if MONTH.fullmatch(given) is None or not FIRST_YEAR <= int(given[:4]) <= LAST_YEAR:
        raise ValueError
    return given


def year(given: str) -> int:
    """Read a year in four plain digits."""
    if not (given.isascii() and given.isdigit() and FIRST_YEAR <= int(given) <= LAST_YEAR):
        raise ValueError
    return int(given)


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add `export` and what may be taken home."""
    exported = commands.add_parser("export", parents=[shared], help="tables to take home, as CSV")
    kinds = exported.add_subparsers(metavar="WHAT", required=True, parser_class=Parser)
    for what, sentence in EXPORTS:
        parser = kinds.add_parser(what, parents=[shared], help=sentence, description=sentence)
        parser.add_argument("--out", metavar="FILE", type=Path, help="write it there instead of on stdout")
        parser.set_defaults(command=export, what=what)
        if what == "payouts":
            parser.add_argument("--status", choices=STATUSES)
            parser.add_argument("--program", type=not_blank, metavar="P")
            parser.add_argument("--partner", type=not_blank, metavar="CODE")
            parser.add_argument(
                "--since", type=date.fromisoformat, metavar="DAY", help="queued on it or later, UTC"
            )
            parser.add_argument(
                "--until", type=date.fromisoformat, metavar="DAY", help="queued on it or earlier, UTC"
            )
        elif what == "statement":
            parser.add_argument("code", metavar="CODE")
        elif what == "record":
            parser.add_argument("id", metavar="PAYOUT_ID", type=positive)
        elif what == "year":
            parser.add_argument("year", metavar="YEAR", type=year)
        else:
            parser.add_argument("month", metavar="MONTH", type=month, help="as 2026-10")


def export(args: argparse.Namespace, desk: Desk) -> int:
    """Write one file, names and emails only for who may see them; with `--out`, print where it is and its sum."""
    from jobs.health import snapshot

    out: Path | None = args.out
    if out is None and desk.as_json:
        raise WrongUsage("what goes to stdout is the file: with --json say --out FILE")
    with desk.engine.begin() as conn:
        masked = not desk.actor(conn).may("see personal data")
    with snapshot(desk.engine) as conn:
        chunks = _chunks(args, desk, conn, masked=masked)
        if out is None:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
            return 0
        told = _write(out, chunks)
    show(told, as_json=desk.as_json)
    return 0


def _chunks(args: argparse.Namespace, desk: Desk, conn: Connection, *, masked: bool) -> Iterator[bytes]:
    from core.reads.filters import PayoutFilter
    from core.reports import files
    from core.reports.control_page import control_file
    from core.reports.month_end import month_end
    from core.reports.pack import month_pack
    from jobs.cli.lookup import must_exist

    match args.what:
        case "payouts":
            must_exist(conn, program=args.program, partner=args.partner)
            wanted = PayoutFilter(
                view="all",
                status=args.status,
                program=args.program,
                partner=args.partner,
                since=args.since,
                until=args.until,
            )
            return files.payouts_file(conn, wanted, now=desk.now, masked=masked)
        case "statement":
            return files.statement_file(conn, args.code)
        case "record":
            must_exist(conn, payout_id=args.id)
            return iter([control_file(conn, args.id, now=desk.now, masked=masked)])
        case "year":
            return files.year_file(conn, args.year, masked=masked)
    found = month_end(conn, args.month, now=desk.now)
    if args.what == "pack":
        return iter([month_pack(conn, found)])
    if args.what == "journal":
        return files.journal_file(conn, found)
    return files.provider_file(found) if args.what == "provider" else files.rollforward_file(found)


def _write(out: Path, chunks: Iterator[bytes]) -> dict[str, object]:
    """Write a file whole or not at all, readable by its owner only, and return where it is and its sum."""
    digest, size = hashlib.sha256(), 0
    with _beside(out) as file:
        for chunk in chunks:
            digest.update(chunk)
            size += file.write(chunk)
    return {"file": str(out.resolve()), "bytes": size, "sha256": digest.hexdigest()}


@contextmanager
def _beside(out: Path) -> Iterator[IO[bytes]]:
    """Give a file that takes the name of `out` once it is written; refuses wrong usage where none can be written."""
    if out.is_dir():
        raise WrongUsage(f"{out}: is a folder")
    try:
        handle, name = mkstemp(dir=out.resolve().parent, prefix=f".{out.name}.")
    except OSError as fault:
        raise WrongUsage(f"{out}: {fault.strerror}") from fault
    unnamed = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        unnamed.replace(out)
    except BaseException:
        unnamed.unlink(missing_ok=True)
        raise
