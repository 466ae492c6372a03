"""What is done for one partner: ask beyond a rule or early, block and allow, suspend and archive, notes, the backup; and
why who was not paid.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict

from sqlalchemy import Connection

from core.access import Actor
from core.second_person import Content
from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage, not_blank, positive

METHODS = ("stripe", "stripe_instant", "bank_transfer", "paypal", "check", "manual")
STATUS_OF = {"suspend": "suspended", "archive": "archived", "activate": "active"}


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the commands."""
    beyond = _of_partner(commands, shared, "override", "propose a payout beyond a rule", propose_override)
    beyond.add_argument("amount", metavar="AMOUNT", help="in major units, as 25.00")
    _of_partner(commands, shared, "early", "ask for everything available before the next slot", ask_early)
    _of_partner(commands, shared, "ineligible", "block a partner from being paid", block)
    _of_partner(commands, shared, "allow", "let an ineligible partner be paid again", allow)
    for name, status in STATUS_OF.items():
        parser = _of_partner(commands, shared, name, f"make a partner {status}", change_status)
        parser.set_defaults(decision=name)
    note = commands.add_parser("note", parents=[shared], help="add a note to a partner")
    note.add_argument("code", metavar="CODE")
    note.add_argument("text", metavar="TEXT", type=not_blank)
    note.set_defaults(command=write_note)
    blank = commands.add_parser("blank-note", parents=[shared], help="take the text of a note away for good")
    blank.add_argument("id", metavar="NOTE_ID", type=positive)
    blank.add_argument("--reason", type=not_blank, required=True)
    blank.set_defaults(command=blank_one)
    notes = commands.add_parser("notes", parents=[shared], help="the notes on a partner, the newest first")
    notes.add_argument("code", metavar="CODE")
    notes.set_defaults(command=show_notes)
    _add_backup(commands, shared)
    answer = commands.add_parser("answer", parents=[shared], help="where a partner's money stands, in words")
    answer.add_argument("code", metavar="CODE")
    answer.set_defaults(command=show_answer)
    skipped = commands.add_parser(
        "not-paid", parents=[shared], help="who got nothing in the last queue run, and why"
    )
    skipped.add_argument("--why", type=not_blank, metavar="CODE", help="list the partners of one reason")
    skipped.add_argument("--limit", type=positive, metavar="N", default=1_000)
    skipped.set_defaults(command=show_not_paid)


def _of_partner(
    commands: Subparsers[Parser], shared: Parser, name: str, sentence: str, command: Callable[..., int]
) -> Parser:
    parser = commands.add_parser(name, parents=[shared], help=sentence)
    parser.add_argument("code", metavar="CODE")
    parser.add_argument("--reason", type=not_blank, required=True)
    parser.set_defaults(command=command)
    return parser


def _add_backup(commands: Subparsers[Parser], shared: Parser) -> None:
    backup = commands.add_parser(
        "backup",
        parents=[shared],
        help="a partner's second method: show, propose, or propose to change to it",
    )
    backup.add_argument("code", metavar="CODE")
    backup.add_argument("--method", choices=[*METHODS, "none"])
    backup.add_argument("--account", default="", help="where the method needs one")
    backup.add_argument("--email", default="", help="of a PayPal account")
    backup.add_argument("--use", action="store_true", help="propose to change the destination to the backup")
    backup.add_argument("--reason", type=not_blank)
    backup.set_defaults(command=run_backup)


def _decide(desk: Desk, decision: str, work: Callable[[Connection, Actor], Mapping[str, object]]) -> int:
    """Run one decision in its transaction and print what it gives."""
    someone(desk)
    with desk.engine.begin() as conn:
        document = work(conn, desk.actor(conn))
        note_system_user(conn, desk, decision)
    show(document, as_json=desk.as_json)
    return 0


def _propose(
    desk: Desk,
    kind: str,
    code: str,
    reason: str,
    content: Callable[[Connection, int], Content],
) -> int:
    from core.programs import UnknownPartner
    from core.proposals import propose, read_proposal
    from core.requests import FIND

    def work(conn: Connection, actor: Actor) -> Mapping[str, object]:
        partner = conn.execute(FIND, {"code": code}).one_or_none()
        if partner is None:
            raise UnknownPartner(partner=code)
        asked = content(conn, partner.id)
        made = propose(conn, kind, ids=[partner.id], why=reason, content=asked, actor=actor, now=desk.now)
        return asdict(read_proposal(conn, made))

    return _decide(desk, kind, work)


def propose_override(args: argparse.Namespace, desk: Desk) -> int:
    """Propose a payout beyond a rule and print the proposal with the rules it breaks."""
    from core.overrides import override_content

    asked = override_content(args.amount, now=desk.now)
    return _propose(desk, "override_request", args.code, args.reason, lambda _conn, _id: asked)


def ask_early(args: argparse.Namespace, desk: Desk) -> int:
    """Ask for an early payout and print it."""
    from core.early_payouts import request_early_payout
    from jobs.cli.readings import read_payout

    def work(conn: Connection, actor: Actor) -> Mapping[str, object]:
        payout_id = request_early_payout(conn, args.code, reason=args.reason, actor=actor, now=desk.now)
        return read_payout(conn, payout_id, now=desk.now)

    return _decide(desk, "early", work)


def block(args: argparse.Namespace, desk: Desk) -> int:
    """Block a partner and print the hold."""
    from core.eligibility import mark_ineligible

    def work(conn: Connection, actor: Actor) -> Mapping[str, object]:
        hold_id = mark_ineligible(conn, args.code, reason=args.reason, actor=actor, now=desk.now)
        return {"partner_code": args.code, "eligible": False, "holds": [hold_id]}

    return _decide(desk, "ineligible", work)


def allow(args: argparse.Namespace, desk: Desk) -> int:
    """Allow a partner again and print the holds that ended."""
    from core.eligibility import allow_again

    def work(conn: Connection, actor: Actor) -> Mapping[str, object]:
        ended = allow_again(conn, args.code, reason=args.reason, actor=actor, now=desk.now)
        return {"partner_code": args.code, "eligible": True, "holds": ended}

    return _decide(desk, "allow", work)


def change_status(args: argparse.Namespace, desk: Desk) -> int:
    """Suspend, archive or activate a partner and print their state."""
    from core.partner_edits import edit_partner

    status = STATUS_OF[args.decision]

    def work(conn: Connection, actor: Actor) -> Mapping[str, object]:
        edit_partner(conn, args.code, {"status": status}, why=args.reason, actor=actor, now=desk.now)
        return {"partner_code": args.code, "status": status}

    return _decide(desk, args.decision, work)


def write_note(args: argparse.Namespace, desk: Desk) -> int:
    """Add a note and print its id."""
    from core.partner_notes import add_note

    return _decide(
        desk,
        "note",
        lambda conn, actor: {
            "partner_code": args.code,
            "note_id": add_note(conn, args.code, args.text, actor=actor, now=desk.now),
        },
    )


def blank_one(args: argparse.Namespace, desk: Desk) -> int:
    """Blank a note and print its id."""
    from core.partner_notes import blank_note

    def work(conn: Connection, actor: Actor) -> Mapping[str, object]:
        blank_note(conn, args.id, reason=args.reason, actor=actor, now=desk.now)
        return {"note_id": args.id, "blanked_at": desk.now}

    return _decide(desk, "blank-note", work)


def show_notes(args: argparse.Namespace, desk: Desk) -> int:
    """Print a partner's notes."""
    from core.reads.partner_extras import NOTES
    from jobs.cli.lookup import must_exist

    with desk.engine.connect() as conn:
        must_exist(conn, partner=args.code)
        partner_id = _id_of(conn, args.code)
        rows = [dict(row) for row in conn.execute(NOTES, {"id": partner_id, "rows": 1_000}).mappings()]
    show(rows, as_json=desk.as_json)
    return 0


def _id_of(conn: Connection, code: str) -> int:
    from core.requests import FIND

    return int(conn.execute(FIND, {"code": code}).one().id)


def run_backup(args: argparse.Namespace, desk: Desk) -> int:
    """Print a partner's backup, propose another one, or propose to change the destination to it."""
    from core.backups import backup_content, content_of_backup
    from core.partner_edits import destination_content

    if args.use and args.method:
        raise WrongUsage("either --method, to keep a backup, or --use, to change to it")
    if (args.use or args.method) and not args.reason:
        raise WrongUsage("a proposal needs --reason")
    if args.use:
        return _propose(desk, "change_destination", args.code, args.reason, content_of_backup)
    if args.method:

        def content(conn: Connection, _partner_id: int) -> Content:
            if args.method == "none":
                return backup_content(None)
            return backup_content(
                destination_content(conn, method=args.method, account=args.account, email=args.email)
            )

        return _propose(desk, "set_backup", args.code, args.reason, content)
    return _show_backup(args.code, desk)


def _show_backup(code: str, desk: Desk) -> int:
    from core.backups import backup_of
    from jobs.cli.lookup import must_exist

    with desk.engine.connect() as conn:
        must_exist(conn, partner=code)
        kept = backup_of(conn, _id_of(conn, code))
    known = (
        {"method": kept.method, "account": kept.goes_to, "made_by": kept.made_by, "at": kept.at}
        if kept
        else {"method": None}
    )
    show({"partner_code": code, **known}, as_json=desk.as_json)
    return 0


def show_answer(args: argparse.Namespace, desk: Desk) -> int:
    """Print where a partner's money stands, in words for a reply; names stay out of it."""
    from core.programs import UnknownPartner
    from core.reads.answer import answer
    from core.reads.partner import partner_story

    with desk.engine.connect() as conn:
        story = partner_story(conn, args.code, now=desk.now, masked=True)
    if story is None:
        raise UnknownPartner(partner=args.code)
    lines = answer(story, now=desk.now).splitlines()
    if desk.as_json:
        show({"partner_code": args.code, "answer": lines}, as_json=True)
    else:
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def show_not_paid(args: argparse.Namespace, desk: Desk) -> int:
    """Print the reasons of the last queue run with their counts, or the partners of one reason with its figures."""
    from core.reads.not_paid import not_paid, partners_not_paid

    with desk.engine.connect() as conn:
        last = not_paid(conn, now=desk.now)
        listed = (
            partners_not_paid(conn, last.run_id, reason=args.why, rows=args.limit)
            if last and args.why
            else []
        )
    if args.why:
        show(listed, as_json=desk.as_json)
        return 0
    document = {
        "run_id": last and last.run_id,
        "at": last and last.at,
        "skipped": [
            {"reason": reason, "count": count} for reason, count in (last.by_reason.items() if last else ())
        ],
    }
    show(document, as_json=desk.as_json)
    return 0
