"""Takes result files in: what became of the payments of payment files, as the bank tells it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import amounts, show
from jobs.cli.terms import Desk, WrongUsage

SHOWN_PROBLEMS = 20
COUNTED = ("paid", "failed", "returned", "known")


def results(args: argparse.Namespace, desk: Desk) -> int:
    """Take a result file in, in one transaction, and print how its lines turned out."""
    from core.payment_results import take_results

    path: Path = args.file
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise WrongUsage(f"{path}: {fault.strerror}") from fault
    someone(desk)
    with desk.engine.connect() as conn, conn.begin() as transaction:
        taken = take_results(conn, data, actor=desk.actor(conn), now=desk.now)
        undone = args.dry_run or bool(args.strict and taken.refused)
        if undone:
            transaction.rollback()
        else:
            note_system_user(conn, desk, "payment files: results")
    for line, column, sentence in taken.problems[:SHOWN_PROBLEMS]:
        sys.stderr.write(f"line {line}{f', {column}' if column else ''}: {sentence}\n")
    rejects = _keep_rejects(desk, taken.rejects, taken.sha256) if taken.rejects else None
    document: dict[str, object] = {"lines": taken.lines, "refused": taken.refused, "rejects_file": rejects}
    document |= {name: taken.counts[name] for name in COUNTED}
    document |= {"paid_amounts": amounts(taken.totals), "taken": not undone}
    show(document, as_json=desk.as_json)
    return 1 if args.strict and taken.refused else 0


def _keep_rejects(desk: Desk, rejects: bytes, digest: str) -> str:
    folder = desk.settings.data_dir.resolve() / "rejects"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"payments-{desk.now:%Y%m%dT%H%M%SZ}-{digest[:8]}.csv"
    path.touch(mode=0o600)
    path.write_bytes(rejects)
    return str(path)
