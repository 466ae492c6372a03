"""What takes two people, and the switch that stops all sending: stop, start, absent, reverse, proposals, confirm,
refuse.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict

from sqlalchemy import Connection

from core.access import Actor
from core.second_person import Proposal
from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, not_blank, positive


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the switch and the proposals."""
    for name, sentence, command in (
        ("stop", "stop all sending at once", stop),
        ("start", "propose to start sending again; another person confirms it", propose_start),
    ):
        parser = commands.add_parser(name, parents=[shared], help=sentence)
        parser.add_argument("--why", type=not_blank, required=True)
        parser.set_defaults(command=command)
    absent = commands.add_parser(
        "absent", parents=[shared], help="propose that a transfer without an answer was never made"
    )
    absent.add_argument("id", metavar="PAYOUT_ID", type=positive)
    absent.add_argument("--why", type=not_blank, required=True)
    absent.set_defaults(command=propose_absent)
    back = commands.add_parser(
        "reverse", parents=[shared], help="propose to pull money of a paid payout back"
    )
    back.add_argument("id", metavar="PAYOUT_ID", type=positive)
    back.add_argument(
        "amount", metavar="AMOUNT", nargs="?", help="in major units; all that is still out without"
    )
    back.add_argument("--reason", type=not_blank, required=True)
    back.set_defaults(command=propose_reversal)
    outside = commands.add_parser(
        "paid-outside", parents=[shared], help="propose that a transfer no payout accounts for is owed back"
    )
    outside.add_argument("id", metavar="DIFFERENCE_ID", type=positive)
    outside.add_argument("--partner", type=not_blank, metavar="CODE", help="where several are paid there")
    outside.add_argument("--why", type=not_blank, required=True)
    outside.set_defaults(command=propose_outside)
    listed = commands.add_parser("proposals", parents=[shared], help="what waits for a second person")
    listed.set_defaults(command=list_proposals)
    confirmed = commands.add_parser("confirm", parents=[shared], help="confirm another person's proposal")
    confirmed.add_argument("id", metavar="ID", type=positive)
    confirmed.add_argument("--note", default="")
    confirmed.set_defaults(command=confirm_proposal)
    refused = commands.add_parser("refuse", parents=[shared], help="refuse another person's proposal")
    refused.add_argument("id", metavar="ID", type=positive)
    refused.add_argument("--reason", type=not_blank, required=True)
    refused.set_defaults(command=refuse)


def stop(args: argparse.Namespace, desk: Desk) -> int:
    """Stop all sending and print the stop that stands."""
    from core.stops import stop_sending

    someone(desk)
    with desk.engine.begin() as conn:
        standing = stop_sending(conn, why=args.why, actor=desk.actor(conn), now=desk.now)
        note_system_user(conn, desk, "stop")
    show(asdict(standing), as_json=desk.as_json)
    return 0


def propose_start(args: argparse.Namespace, desk: Desk) -> int:
    """Propose to start sending again and print the proposal."""
    from core.proposals import propose, read_proposal
    from core.stops import NotStopped, current_stop

    def work(conn: Connection, actor: Actor) -> Proposal:
        standing = current_stop(conn)
        if standing is None:
            raise NotStopped
        made = propose(conn, "start_sending", ids=[standing.id], why=args.why, actor=actor, now=desk.now)
        return read_proposal(conn, made)

    return _run("start", work, desk)


def propose_absent(args: argparse.Namespace, desk: Desk) -> int:
    """Propose that a payout's last attempt moved nothing and print the proposal with its evidence."""
    from core.proposals import propose, read_proposal
    from jobs.cli.lookup import must_exist

    def work(conn: Connection, actor: Actor) -> Proposal:
        must_exist(conn, payout_id=args.id)
        made = propose(conn, "proved_absent", ids=[args.id], why=args.why, actor=actor, now=desk.now)
        return read_proposal(conn, made)

    return _run("absent", work, desk)


def propose_reversal(args: argparse.Namespace, desk: Desk) -> int:
    """Propose to pull money of a paid payout back and print the proposal."""
    from core.proposals import propose, read_proposal
    from core.reversals import reversal_content
    from jobs.cli.lookup import must_exist

    def work(conn: Connection, actor: Actor) -> Proposal:
        must_exist(conn, payout_id=args.id)
        asked = reversal_content(args.amount)
        made = propose(
            conn, "reverse_payout", ids=[args.id], why=args.reason, content=asked, actor=actor, now=desk.now
        )
        return read_proposal(conn, made)

    return _run("reverse", work, desk)


def propose_outside(args: argparse.Namespace, desk: Desk) -> int:
    """Propose to book a transfer as paid outside and print the proposal with its evidence."""
    from core.proposals import propose, read_proposal

    def work(conn: Connection, actor: Actor) -> Proposal:
        content = {"partner": args.partner} if args.partner else None
        made = propose(
            conn, "paid_outside", ids=[args.id], why=args.why, content=content, actor=actor, now=desk.now
        )
        return read_proposal(conn, made)

    return _run("paid-outside", work, desk)


def list_proposals(_args: argparse.Namespace, desk: Desk) -> int:
    """Print what waits for a second person."""
    from core.proposals import open_proposals

    with desk.engine.connect() as conn:
        found = open_proposals(conn, now=desk.now)
    show([asdict(proposal) for proposal in found], as_json=desk.as_json)
    return 0


def confirm_proposal(args: argparse.Namespace, desk: Desk) -> int:
    """Confirm a proposal, which carries it out, and print it."""
    from core.proposals import confirm

    return _run(
        "confirm", lambda conn, actor: confirm(conn, args.id, note=args.note, actor=actor, now=desk.now), desk
    )


def refuse(args: argparse.Namespace, desk: Desk) -> int:
    """Refuse a proposal and print it."""
    from core.proposals import refuse_proposal

    return _run(
        "refuse",
        lambda conn, actor: refuse_proposal(conn, args.id, note=args.reason, actor=actor, now=desk.now),
        desk,
    )


def _run(decision: str, work: Callable[[Connection, Actor], Proposal], desk: Desk) -> int:
    someone(desk)
    with desk.engine.begin() as conn:
        proposal = work(conn, desk.actor(conn))
        note_system_user(conn, desk, decision)
    show(asdict(proposal), as_json=desk.as_json)
    return 0
