"""Takes files in: partners, customers, sales."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jobs.cli.output import amounts, show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage

SHOWN_PROBLEMS = 20


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add `import`."""
    parser = commands.add_parser("import", parents=[shared], help="take a file in")
    parser.add_argument("kind", choices=("partners", "customers", "sales"))
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="the same figures, and nothing changed")
    parser.add_argument("--strict", action="store_true", help="one bad row refuses the whole file")
    parser.set_defaults(command=take_in)


def take_in(args: argparse.Namespace, desk: Desk) -> int:
    """Import one file and print how each of its rows turned out."""
    from core.imports import import_file

    path: Path = args.file
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise WrongUsage(f"{path}: {fault.strerror}") from fault
    with desk.engine.begin() as conn:
        actor = desk.actor(conn)
    result = import_file(
        desk.engine,
        args.kind,
        data,
        file_name=path.name,
        actor=actor,
        now=desk.now,
        rejects_dir=desk.settings.data_dir.resolve() / "rejects",
        dry_run=args.dry_run,
        strict=args.strict,
    )
    for line, column, sentence in result.problems[:SHOWN_PROBLEMS]:
        sys.stderr.write(f"line {line}{f', {column}' if column else ''}: {sentence}\n")
    if len(result.problems) > SHOWN_PROBLEMS:
        sys.stderr.write(f"… and {len(result.problems) - SHOWN_PROBLEMS} more: see the rejects file\n")
    names = ("kind", "rows", "added", "updated", "unchanged", "refused", "conflicts")
    document: dict[str, object] = {name: getattr(result, name) for name in names}
    document["rejects_file"] = None if result.rejects_file is None else str(result.rejects_file)
    show(document | {"gross": amounts(result.gross), "dry_run": args.dry_run}, as_json=desk.as_json)
    return 1 if args.strict and (result.refused or result.conflicts) else 0
