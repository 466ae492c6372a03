"""A program's policy at the terminal: read it, and propose another version from a file for a second person to confirm."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage, instant, not_blank


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the programs and a program's policy."""
    listed = commands.add_parser(
        "programs", parents=[shared], help="the programs, and the version that holds"
    )
    listed.set_defaults(command=list_programs)
    one = commands.add_parser(
        "program", parents=[shared], help="a program's terms; with a file of terms, propose them"
    )
    one.add_argument("code", metavar="PROGRAM", type=not_blank)
    one.add_argument(
        "--propose", metavar="FILE", type=Path, help="terms as JSON, as this command prints them"
    )
    one.add_argument(
        "--from", dest="effective_at", type=instant, metavar="INSTANT", help="else once confirmed"
    )
    one.add_argument("--why", type=not_blank)
    one.set_defaults(command=show_program)


def list_programs(_args: argparse.Namespace, desk: Desk) -> int:
    """Print every program."""
    from core.programs import current_policy, programs

    with desk.engine.connect() as conn:
        rows = [
            {
                "program": one.code,
                "name": one.name,
                "currency": one.currency,
                "zone": one.zone,
                "version": current_policy(conn, one.id, now=desk.now).version,
            }
            for one in programs(conn)
        ]
    show(rows, as_json=desk.as_json)
    return 0


def show_program(args: argparse.Namespace, desk: Desk) -> int:
    """Print the terms in force, or propose those of a file and print the proposal."""
    from core.programs import UnknownProgram, current_policy, programs

    if args.propose is None and (args.why is not None or args.effective_at is not None):
        raise WrongUsage("program: what is proposed? give --propose FILE")
    with desk.engine.connect() as conn:
        found = next((one for one in programs(conn) if one.code == args.code), None)
        if found is None:
            raise UnknownProgram(code=args.code)
        current = current_policy(conn, found.id, now=desk.now)
    if args.propose is not None:
        return _propose(found.id, args.propose, args.effective_at, args.why, desk)
    document = {
        "program": found.code,
        "version": current.version,
        "currency": found.currency,
        "zone": found.zone,
        "terms": current.policy.model_dump(mode="json"),
    }
    show(document, as_json=desk.as_json)
    return 0


def _propose(program_id: int, path: Path, effective_at: datetime | None, why: str | None, desk: Desk) -> int:
    from core.policy_changes import policy_content
    from core.proposals import propose, read_proposal

    someone(desk)
    if why is None:
        raise WrongUsage("program: a proposal needs --why")
    terms = _read(path)
    with desk.engine.begin() as conn:
        made = propose(
            conn,
            "change_policy",
            ids=[program_id],
            why=why,
            content=policy_content(terms, effective_at),
            actor=desk.actor(conn),
            now=desk.now,
        )
        proposal = read_proposal(conn, made)
        note_system_user(conn, desk, "program")
    show(asdict(proposal), as_json=desk.as_json)
    return 0


def _read(path: Path) -> dict[str, object]:
    """Return the terms of a file: the terms alone, or the document that `program` prints."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise WrongUsage(f"{path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise WrongUsage(f"{path}: is not JSON: {fault}") from fault
    terms = document.get("terms", document) if isinstance(document, dict) else None
    if not isinstance(terms, dict):
        raise WrongUsage(f"{path}: holds no terms")
    return terms
