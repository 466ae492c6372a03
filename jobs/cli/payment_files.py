"""Payment files: what is ready, make, take home, hand in, mark, cancel; the ways a person pays what no rail pays."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path

from sqlalchemy import Connection

from core.access import Actor
from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import Document, show
from jobs.cli.payment_results import results
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage, not_blank, positive


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add `payment-files` and what is done with them."""
    family = commands.add_parser("payment-files", parents=[shared], help="payouts of methods without an API")
    actions = family.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)

    def add(name: str, sentence: str, command: Callable[[argparse.Namespace, Desk], int]) -> Parser:
        parser = actions.add_parser(name, parents=[shared], help=sentence)
        parser.set_defaults(command=command)
        return parser

    add("ready", "approved payouts that wait for a file, by program, method and currency", ready)
    add("list", "the newest files and what became of their payments", listed)
    one = add("show", "one file and its payments", shown)
    one.add_argument("id", metavar="FILE_ID", type=positive)
    making = add("make", "make one file of all that is ready, or of these payouts", make)
    making.add_argument("ids", metavar="PAYOUT_ID", type=positive, nargs="*")
    making.add_argument("--program", metavar="CODE")
    making.add_argument("--method", choices=("bank_transfer", "paypal", "check"))
    home = add("download", "write a file, the same bytes each time", download)
    home.add_argument("id", metavar="FILE_ID", type=positive)
    home.add_argument("--out", metavar="PATH", type=Path, required=True)
    home.add_argument("--format", choices=("csv", "sepa"), default="csv")
    handed = add("sent", "mark a file as handed in", sent)
    handed.add_argument("id", metavar="FILE_ID", type=positive)
    handed.add_argument(
        "--reference", type=not_blank, required=True, help="the bank's, or the first check's number"
    )
    ended = add("mark", "say what became of one payment", mark)
    ended.add_argument("reference", metavar="REFERENCE")
    ended.add_argument("outcome", choices=("paid", "failed", "returned"))
    ended.add_argument("--reason", default="")
    ended.add_argument("--fault", choices=("account", "instruction", "limits"), default="account")
    ended.add_argument("--date", type=date.fromisoformat, help="the day it happened; today without")
    many = add("results", "take in a result file: reference, outcome, reason, date", results)
    many.add_argument("file", metavar="FILE", type=Path)
    many.add_argument("--dry-run", action="store_true", help="the same figures, and nothing changed")
    many.add_argument("--strict", action="store_true", help="one bad line refuses the whole file")
    back = add("cancel", "cancel a file that was not handed in; its payouts are approved as before", cancel)
    back.add_argument("id", metavar="FILE_ID", type=positive)
    back.add_argument("--reason", type=not_blank, required=True)
    hand = add("by-hand", "mark a payout of the method manual as paid", by_hand)
    hand.add_argument("id", metavar="PAYOUT_ID", type=positive)
    hand.add_argument("--reference", type=not_blank, required=True)
    hand.add_argument("--date", type=date.fromisoformat, help="the day it was paid; today without")


def ready(_args: argparse.Namespace, desk: Desk) -> int:
    """Print what waits for a file."""
    from core.reads.payment_files import ready_payouts

    with desk.engine.connect() as conn:
        groups = ready_payouts(conn, now=desk.now)
    rows = [
        {
            "program": group.program,
            "method": group.method,
            "currency": group.currency,
            "payouts": len(group.wanted),
            "net_minor": group.net_minor,
            "kept": dict(group.kept),
        }
        for group in groups
    ]
    show(rows, as_json=desk.as_json)
    return 0


def listed(_args: argparse.Namespace, desk: Desk) -> int:
    """Print the newest files."""
    from core.reads.payment_files import payment_files

    names = [
        "id",
        "program",
        "method",
        "currency",
        "payouts",
        "total_minor",
        "state",
        "open",
        "paid",
        "failed",
    ]
    with desk.engine.connect() as conn:
        files = payment_files(conn)
    show([{name: _plain(row[name]) for name in names} for _, row in files.iterrows()], as_json=desk.as_json)
    return 0


def shown(args: argparse.Namespace, desk: Desk) -> int:
    """Print one file with its payments."""
    with desk.engine.connect() as conn:
        document = _document(conn, args.id)
    show(document, as_json=desk.as_json)
    return 0


def _document(conn: Connection, file_id: int) -> dict[str, object]:
    from core.reads.payment_files import file_lines, read_file

    lines = file_lines(conn, file_id, masked=True)
    names = [
        "payout_id",
        "partner_code",
        "shown",
        "reference",
        "amount_minor",
        "currency",
        "outcome",
        "reason",
    ]
    rows = [{name: _plain(row[name]) for name in names} for _, row in lines.iterrows()]
    return read_file(conn, file_id) | {"lines": rows}


def _plain(value: object) -> object:
    """Return a value of a frame as JSON has it: nothing as null, figures as figures."""
    import pandas as pd

    if not isinstance(value, list) and pd.isna(value):  # type: ignore[call-overload]
        return None
    return value.item() if hasattr(value, "item") else value


def make(args: argparse.Namespace, desk: Desk) -> int:
    """Make one file and print it with what was left out."""
    from core.decisions import Wanted
    from core.payment_files import make_file
    from core.payment_formats import debtor_of
    from core.reads.payment_files import ready_payouts

    own = debtor_of(desk.settings.payer_name, desk.settings.payer_iban, desk.settings.payer_bic)

    def work(conn: Connection, actor: Actor) -> Document:
        wanted = [Wanted(id=each) for each in dict.fromkeys(args.ids)]
        if not wanted:
            groups = [
                group
                for group in ready_payouts(conn, now=desk.now)
                if group.wanted
                and group.method != "manual"
                and args.program in {None, group.program}
                and args.method in {None, group.method}
            ]
            if len(groups) > 1:
                raise WrongUsage("several kinds are ready: say which with --program and --method, or by id")
            wanted = [Wanted(id=id_, version=version) for group in groups for id_, version in group.wanted]
        made = make_file(conn, wanted, debtor=own, actor=actor, now=desk.now)
        refused = [{"id": no.id, "code": no.code, "sentence": no.sentence} for no in made.refused]
        file = {} if made.file_id is None else _document(conn, made.file_id)
        return {"file_id": made.file_id, "done": made.done, "refused": refused, "file": file}

    document = _run("make", work, desk)
    return 0 if isinstance(document, dict) and document["file_id"] else 1


def download(args: argparse.Namespace, desk: Desk) -> int:
    """Write a file to a path that is not there yet, readable by its owner alone."""
    from core.payment_contents import file_document

    path: Path = args.out
    if path.exists():
        raise WrongUsage(f"{path} is there already")

    someone(desk)
    with desk.engine.begin() as conn:
        found = file_document(conn, args.id, form=args.format, actor=desk.actor(conn), now=desk.now)
        note_system_user(conn, desk, "payment files: download")
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(found.content)
    except OSError as fault:
        raise WrongUsage(f"{path}: {fault.strerror}") from fault
    show({"file_id": args.id, "path": str(path), "bytes": len(found.content)}, as_json=desk.as_json)
    return 0


def sent(args: argparse.Namespace, desk: Desk) -> int:
    """Mark a file as handed in and print it."""
    from core.payment_handing import mark_sent

    def work(conn: Connection, actor: Actor) -> Document:
        mark_sent(conn, args.id, reference=args.reference, actor=actor, now=desk.now)
        return _document(conn, args.id)

    _run("sent", work, desk)
    return 0


def mark(args: argparse.Namespace, desk: Desk) -> int:
    """Mark one payment and print it."""
    from core.payment_marks import Mark, mark_payments

    said = Mark(
        reference=args.reference,
        outcome=args.outcome,
        on=args.date or desk.now.date(),
        reason=args.reason,
        fault=args.fault,
    )

    def work(conn: Connection, actor: Actor) -> Document:
        marked = mark_payments(conn, [said], actor=actor, now=desk.now)
        for _, refusal in marked.refused:
            raise refusal
        return {"reference": said.reference, "outcome": said.outcome, "payouts": marked.payouts} | {
            "known_already": bool(marked.known)
        }

    _run("mark", work, desk)
    return 0


def cancel(args: argparse.Namespace, desk: Desk) -> int:
    """Cancel a file and print the payouts that are approved again, or wait to be."""
    from core.payment_handing import cancel_file

    def work(conn: Connection, actor: Actor) -> Document:
        ended = cancel_file(conn, args.id, why=args.reason, actor=actor, now=desk.now)
        approved, waiting = ([], ended.payouts) if ended.reviewed_again else (ended.payouts, [])
        return {"file_id": args.id, "approved_again": approved, "waiting_again": waiting}

    _run("cancel", work, desk)
    return 0


def by_hand(args: argparse.Namespace, desk: Desk) -> int:
    """Mark a manual payout as paid and print the file it is kept as."""
    from core.decisions import Wanted
    from core.payment_marks import pay_by_hand

    def work(conn: Connection, actor: Actor) -> Document:
        on = args.date or desk.now.date()
        file_id = pay_by_hand(
            conn, Wanted(id=args.id), reference=args.reference, on=on, actor=actor, now=desk.now
        )
        return _document(conn, file_id)

    _run("by hand", work, desk)
    return 0


def _run(decision: str, work: Callable[[Connection, Actor], Document], desk: Desk) -> Document:
    someone(desk)
    with desk.engine.begin() as conn:
        document = work(conn, desk.actor(conn))
        note_system_user(conn, desk, f"payment files: {decision}")
    show(document, as_json=desk.as_json)
    return document
