"""Reads the command line, runs one command, and turns what it raises into words and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing

from core.refusals import Refusal
from jobs.cli import (
    by_hand,
    database,
    decisions,
    exports,
    imports,
    job_commands,
    messages,
    own_terms,
    partner_commands,
    pausing,
    payment_files,
    payments,
    processes,
    programs,
    readings,
    steering,
    two_people,
    users,
)
from jobs.cli.output import show
from jobs.cli.terms import Command, Desk, Parser, WrongUsage, shared_options
from jobs.logs import log_lines

DONE, REFUSED, WRONG = 0, 1, 2
log = logging.getLogger("jobs")


def build_parser() -> Parser:
    """Return the parser of the whole command line; without a command it is the scheduler."""
    shared = shared_options()
    parser = Parser(
        prog="python -m jobs", parents=[shared], description="The payout desk's jobs and its scheduler."
    )
    parser.set_defaults(command=processes.schedule)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for family in (
        processes,
        job_commands,
        imports,
        decisions,
        by_hand,
        steering,
        programs,
        two_people,
        payments,
        payment_files,
        own_terms,
        partner_commands,
        messages,
        pausing,
        readings,
        exports,
        users,
        database,
    ):
        family.add_commands(commands, shared)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 done, 1 refused or found, 2 wrong usage."""
    as_json = "--json" in argv
    try:
        _must_be_text(argv)
        args = build_parser().parse_args(argv)
        command: Command = args.command
        log_lines(as_json=command is processes.schedule)
        with closing(_desk(args, as_json=as_json)) as desk:
            return command(args, desk)
    except WrongUsage as fault:
        return _say({"error": str(fault)}, WRONG, as_json=as_json)
    except Refusal as refusal:
        document = {"refused": refusal.code, "sentence": refusal.sentence}
        return _say(document, REFUSED, as_json=as_json)
    except KeyboardInterrupt:
        return _say({"error": "interrupted"}, 130, as_json=as_json)
    except Exception as fault:
        sentence = _known(fault)
        if sentence is None:
            log.exception("this is a fault of ours")
            sentence = f"{type(fault).__name__}: {fault}"
        return _say({"error": sentence}, REFUSED, as_json=as_json)


def _must_be_text(argv: Sequence[str]) -> None:
    """Refuse bytes that are no text before they reach a table or a terminal."""
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError as fault:
            raise WrongUsage("a word of the command line is not UTF-8") from fault


def _desk(args: object, *, as_json: bool) -> Desk:
    from core.settings import Settings, SettingsFault

    try:
        settings = Settings.from_env(os.environ)
    except SettingsFault as fault:
        raise WrongUsage(str(fault)) from fault
    if settings.sentry_dsn:
        from core.channels.sentry import listen_for_faults

        listen_for_faults(settings.sentry_dsn, environment=settings.env)
    now = getattr(args, "now", None)
    if now is not None and settings.env == "production":
        raise WrongUsage("--now is refused in production: the clock decides")
    return Desk(settings, now=now, as_user=getattr(args, "as_user", None), as_json=as_json)


def _say(document: Mapping[str, object], code: int, *, as_json: bool) -> int:
    if as_json:
        show(document, as_json=True)
    else:
        sys.stderr.write(f"{document.get('sentence') or document['error']}\n")
    return code


def _known(fault: Exception) -> str | None:
    """Return the sentence for a fault of the surroundings, None for one of ours."""
    from sqlalchemy.exc import OperationalError

    from db.faults import is_not_migrated

    if is_not_migrated(fault):
        return "The database is empty or of an older version: run `python -m jobs db migrate`."
    if isinstance(fault, OperationalError):
        return f"The database does not answer: {fault.orig}"
    return None
