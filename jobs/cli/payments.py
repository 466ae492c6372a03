"""Payments of customers without a partner: the list, and the two decisions on each."""

from __future__ import annotations

import argparse

from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, not_blank, positive


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the list of payments and what is decided on one."""
    listed = commands.add_parser(
        "payments", parents=[shared], help="customers' payments that name no partner"
    )
    listed.add_argument("--state", choices=("waiting", "set_aside", "outside"), default="waiting")
    listed.add_argument("--limit", type=positive, metavar="N", default=1_000)
    listed.set_defaults(command=list_payments)
    acts = listed.add_subparsers(metavar="DECISION", parser_class=Parser)
    resolved = acts.add_parser("resolve", parents=[shared], help="say whose sale a payment is")
    resolved.add_argument("ref", metavar="REF", type=not_blank)
    resolved.add_argument("--partner", type=not_blank, metavar="CODE", required=True)
    resolved.set_defaults(command=resolve)
    aside = acts.add_parser("set-aside", parents=[shared], help="say that a payment is nobody's sale")
    aside.add_argument("ref", metavar="REF", type=not_blank)
    aside.add_argument("--reason", type=not_blank, required=True)
    aside.set_defaults(command=set_aside)


def list_payments(args: argparse.Namespace, desk: Desk) -> int:
    """Print the payments in one state, those that wait for a person unless said."""
    from core.reads.payments import payments_as_json

    with desk.engine.connect() as conn:
        rows = payments_as_json(conn, state=args.state, limit=args.limit)
    show(rows, as_json=desk.as_json)
    return 0


def resolve(args: argparse.Namespace, desk: Desk) -> int:
    """Make a payment the sale of a partner and print the sale's id."""
    from core.payment_decisions import resolve_payment

    someone(desk)
    with desk.engine.begin() as conn:
        actor = desk.actor(conn)
        sale_id = resolve_payment(conn, args.ref, partner_code=args.partner, actor=actor, now=desk.now)
        note_system_user(conn, desk, "payments resolve")
    show(
        {"payment_ref": args.ref, "state": "sale", "partner_code": args.partner, "sale_id": sale_id},
        as_json=desk.as_json,
    )
    return 0


def set_aside(args: argparse.Namespace, desk: Desk) -> int:
    """Set a payment aside with a reason."""
    from core.payment_decisions import set_aside_payment

    someone(desk)
    with desk.engine.begin() as conn:
        set_aside_payment(conn, args.ref, reason=args.reason, actor=desk.actor(conn), now=desk.now)
        note_system_user(conn, desk, "payments set-aside")
    show({"payment_ref": args.ref, "state": "set_aside", "reason": args.reason}, as_json=desk.as_json)
    return 0
