"""The outbox from the command line: what waits or went wrong, the log, send again, drop, a test; an onboarding link."""

from __future__ import annotations

import argparse

from core.messages import CHANNELS, LANGUAGES
from jobs.cli import message_choices
from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, not_blank, positive

STATES = ("waiting", "sending", "sent", "failed", "unclear", "dropped")
COLUMNS = [
    "id", "kind", "channel", "state", "partner", "made_at", "next_try_at", "tries", "sent_at", "error", "test",
]  # fmt: skip
LOGGED = ["at", "message_id", "kind", "channel", "partner", "outcome", "words", "actor"]


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the outbox and the link."""
    listed = commands.add_parser("messages", parents=[shared], help="what was told, and what went wrong")
    listed.add_argument("--open", action="store_true", help="only what waits, failed or is unclear")
    listed.add_argument("--limit", type=positive, metavar="N", default=100)
    listed.set_defaults(command=list_messages)
    acts = listed.add_subparsers(metavar="ACT", parser_class=Parser)
    again = acts.add_parser("again", parents=[shared], help="send one again that failed or is unclear")
    again.add_argument("id", metavar="ID", type=positive)
    again.set_defaults(command=again_)
    drop = acts.add_parser("drop", parents=[shared], help="send one no more")
    drop.add_argument("id", metavar="ID", type=positive)
    drop.add_argument("--reason", type=not_blank, required=True)
    drop.set_defaults(command=drop_)
    log = acts.add_parser("log", parents=[shared], help="every try and decision, the newest first")
    log.add_argument("--partner", metavar="CODE")
    log.add_argument("--limit", type=positive, metavar="N", default=100)
    log.set_defaults(command=log_)
    test = acts.add_parser("test", parents=[shared], help="send a test of any kind, with made-up figures")
    test.add_argument(
        "kind", metavar="KIND", help="as payout_paid; an unknown one is answered with all of them"
    )
    test.add_argument("--to", metavar="ADDRESS", default="", help="an email address, or a number for an SMS")
    test.add_argument("--channel", choices=CHANNELS, default="email")
    test.add_argument("--language", choices=sorted(LANGUAGES), default="en")
    test.set_defaults(command=test_)
    message_choices.add_command(acts, shared)
    onboard = commands.add_parser(
        "onboard", parents=[shared], help="mail a partner a link to complete their account"
    )
    onboard.add_argument("code", metavar="CODE")
    onboard.set_defaults(command=onboard_)


def list_messages(args: argparse.Namespace, desk: Desk) -> int:
    """Print messages, the newest first; open ones the oldest first."""
    from core.reads.messages import messages_in, newest_messages

    with desk.engine.connect() as conn:
        if args.open:
            open_ = ("waiting", "sending", "failed", "unclear")
            found = messages_in(conn, *open_, masked=True, limit=args.limit)
        else:
            found = newest_messages(conn, masked=True, limit=args.limit)
    rows = found.astype("object").where(found.notna(), None).rename(columns={"partner_code": "partner"})
    show([{name: row[name] for name in COLUMNS} for row in rows.to_dict("records")], as_json=desk.as_json)
    return 0


def again_(args: argparse.Namespace, desk: Desk) -> int:
    """Have a message sent again and print its state."""
    from core.message_decisions import send_again

    someone(desk)
    with desk.engine.begin() as conn:
        send_again(conn, args.id, actor=desk.actor(conn), now=desk.now)
        note_system_user(conn, desk, "message again")
    show({"id": args.id, "state": "waiting"}, as_json=desk.as_json)
    return 0


def drop_(args: argparse.Namespace, desk: Desk) -> int:
    """Drop a message and print its state."""
    from core.message_decisions import drop_message

    someone(desk)
    with desk.engine.begin() as conn:
        drop_message(conn, args.id, reason=args.reason, actor=desk.actor(conn), now=desk.now)
        note_system_user(conn, desk, "message drop")
    show({"id": args.id, "state": "dropped"}, as_json=desk.as_json)
    return 0


def log_(args: argparse.Namespace, desk: Desk) -> int:
    """Print tries and decisions, the newest first."""
    from core.reads.messages import delivery_log

    with desk.engine.connect() as conn:
        found = delivery_log(conn, masked=True, partner_code=args.partner, limit=args.limit)
    rows = found.astype("object").where(found.notna(), None).rename(columns={"partner_code": "partner"})
    show([{name: row[name] for name in LOGGED} for row in rows.to_dict("records")], as_json=desk.as_json)
    return 0


def test_(args: argparse.Namespace, desk: Desk) -> int:
    """Have a test sent by the scheduler and print the message that carries it."""
    from core.message_tests import ask_test_message

    someone(desk)
    with desk.engine.begin() as conn:
        message_id = ask_test_message(
            conn,
            args.kind,
            to=args.to,
            channel=args.channel,
            language=args.language,
            actor=desk.actor(conn),
            now=desk.now,
        )
        note_system_user(conn, desk, "message test")
    show({"id": message_id, "kind": args.kind, "state": "waiting"}, as_json=desk.as_json)
    return 0


def onboard_(args: argparse.Namespace, desk: Desk) -> int:
    """Ask for a link and print the message that will carry it; the link itself is made when it is mailed."""
    from core.onboarding import ask_onboarding_link

    someone(desk)
    settings = desk.settings
    with desk.engine.begin() as conn:
        message_id = ask_onboarding_link(
            conn,
            args.code,
            provider=settings.provider,
            public_url=settings.public_url,
            actor=desk.actor(conn),
            now=desk.now,
        )
        note_system_user(conn, desk, "onboard")
    show({"id": message_id, "partner": args.code, "state": "waiting"}, as_json=desk.as_json)
    return 0
