"""How a partner is told, from the command line: shown, and changed by one person."""

from __future__ import annotations

import argparse

from core.messages import LANGUAGES
from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage

PROGRAMS = "program"  # written where the program's holds again


def add_command(acts: Subparsers[Parser], shared: Parser) -> None:
    """Add the command."""
    told = acts.add_parser(
        "preferences", parents=[shared], help="how a partner is told; with options, change it"
    )
    told.add_argument("code", metavar="CODE")
    told.add_argument("--language", choices=[*LANGUAGES, PROGRAMS])
    told.add_argument("--notice-days", metavar="N", help=f"before a scheduled payout, 0 to 30, or {PROGRAMS}")
    told.add_argument("--phone", metavar="NUMBER", help='for SMS, as +351912345678; "" for none')
    for name, sentence in (("want", "tell of this kind"), ("unwant", "tell of this kind no more")):
        told.add_argument(
            f"--{name}",
            metavar="KIND[:CHANNEL]",
            action="append",
            default=[],
            help=f"{sentence}; by email unless written payout_paid:sms",
        )
    told.set_defaults(command=preferences)


def preferences(args: argparse.Namespace, desk: Desk) -> int:
    """Change what the options say, and print how the partner is told."""
    from core.message_preferences import choose_messages, read_preferences

    wanted = {_choice(one): True for one in args.want} | {_choice(one): False for one in args.unwant}
    if wanted or any(value is not None for value in (args.language, args.notice_days, args.phone)):
        someone(desk)
        with desk.engine.begin() as conn:
            now = read_preferences(conn, args.code, now=desk.now)
            choose_messages(
                conn,
                args.code,
                language=_said(args.language, now.language),
                notice_days=_days(args.notice_days, now.notice_days),
                phone=now.phone if args.phone is None else args.phone,
                wanted=wanted,
                actor=desk.actor(conn),
                now=desk.now,
            )
            note_system_user(conn, desk, "message preferences")
    with desk.engine.connect() as conn:
        held = read_preferences(conn, args.code, now=desk.now)
    document: dict[str, object] = {
        "partner": args.code,
        "language": held.language,
        "notice_days": held.notice_days,
        "phone": None if held.phone is None else f"…{held.phone[-3:]}",
        "told": [f"{kind}:{channel}" for (kind, channel), said in sorted(held.wanted.items()) if said],
    }
    show(document, as_json=desk.as_json)
    return 0


def _choice(written: str) -> tuple[str, str]:
    kind, _, channel = written.partition(":")
    return kind, channel or "email"


def _said(written: str | None, known: str | None) -> str | None:
    if written is None:
        return known
    return None if written == PROGRAMS else written


def _days(written: str | None, known: int | None) -> int | None:
    said = _said(written, None if known is None else str(known))
    if said is None:
        return None
    if not said.isdigit():
        raise WrongUsage(f"--notice-days: {said} is no number of days")
    return int(said)
