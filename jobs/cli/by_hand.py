"""What a maker enters by hand: a bonus, a deduction, another amount, the refund of a sale."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, not_blank

KINDS = ("bonus", "deduction", "manual")


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the amount and the refund."""
    entered = commands.add_parser("enter", parents=[shared], help="enter an amount of a partner's by hand")
    entered.add_argument("code", metavar="CODE")
    entered.add_argument("kind", choices=KINDS)
    entered.add_argument(
        "amount", metavar="AMOUNT", help="in major units, as 25.00; manual may be below zero"
    )
    entered.set_defaults(command=enter)
    refunded = commands.add_parser(
        "refund", parents=[shared], help="take back the partner's part of a refunded sale"
    )
    refunded.add_argument("sale", metavar="SALE_REF")
    refunded.add_argument("amount", metavar="AMOUNT", nargs="?", default="", help="all that is left without")
    refunded.add_argument("--program", type=not_blank, metavar="P", required=True)
    refunded.set_defaults(command=refund)
    for parser in (entered, refunded):
        parser.add_argument(
            "--ref", type=not_blank, required=True, help="the same one again does nothing twice"
        )
        parser.add_argument("--reason", type=not_blank, required=True)


def enter(args: argparse.Namespace, desk: Desk) -> int:
    """Enter one amount and print the earning it became."""
    from core.by_hand import enter_by_hand

    someone(desk)
    with desk.engine.begin() as conn:
        done = enter_by_hand(
            conn,
            args.code,
            args.kind,
            args.amount,
            ref=args.ref,
            reason=args.reason,
            actor=desk.actor(conn),
            now=desk.now,
        )
        note_system_user(conn, desk, "enter")
    show({"partner_code": args.code, "kind": args.kind, **asdict(done)}, as_json=desk.as_json)
    return 0


def refund(args: argparse.Namespace, desk: Desk) -> int:
    """Refund one sale and print what was taken back."""
    from core.by_hand import refund_by_hand

    someone(desk)
    with desk.engine.begin() as conn:
        done = refund_by_hand(
            conn,
            args.program,
            args.sale,
            args.amount,
            ref=args.ref,
            reason=args.reason,
            actor=desk.actor(conn),
            now=desk.now,
        )
        note_system_user(conn, desk, "refund")
    show({"sale": args.sale, **asdict(done)}, as_json=desk.as_json)
    return 0
