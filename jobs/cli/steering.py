"""Ordering and leaving out: holds on a partner, an earning or a payout, priorities, what leaves first, what is set aside."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from core.refusals import Refusal
from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, not_blank, positive

if TYPE_CHECKING:
    from core.decisions import Decision

HOLDS = ("dispute", "review", "ineligible", "kyc", "manual")  # the other reasons are the desk's own
PRIORITIES = ("low", "normal", "high", "urgent")


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the holds and the orders."""
    hold = commands.add_parser(
        "hold", parents=[shared], help="put a partner, or one thing of theirs, on hold"
    )
    hold.add_argument("code", metavar="PARTNER_CODE")
    hold.add_argument("why", choices=HOLDS)
    hold.add_argument(
        "--until", type=date.fromisoformat, metavar="DAY", help="its last day, UTC; else until lifted"
    )
    thing = hold.add_mutually_exclusive_group()
    thing.add_argument("--earning", type=positive, metavar="ID")
    thing.add_argument("--payout", type=positive, metavar="ID")
    hold.add_argument("--reason", type=not_blank, required=True)
    hold.set_defaults(command=place)
    lift = commands.add_parser("lift", parents=[shared], help="end a hold")
    lift.add_argument("id", metavar="HOLD_ID", type=positive)
    lift.add_argument("--reason", type=not_blank, required=True)
    lift.set_defaults(command=end)
    for name, sentence in (
        ("process", "send approved payouts before all others"),
        ("priority", "order payouts among the others"),
        ("set-aside", "take payouts out of the review until a day"),
        ("bring-back", "take payouts that were set aside back into the review"),
    ):
        parser = commands.add_parser(name, parents=[shared], help=sentence)
        parser.add_argument("ids", metavar="ID", type=positive, nargs="+")
        if name == "priority":
            parser.add_argument("--to", choices=PRIORITIES, required=True)
        if name == "set-aside":
            parser.add_argument("--until", type=date.fromisoformat, metavar="DAY", required=True)
            parser.add_argument("--reason", type=not_blank, required=True)
        parser.set_defaults(command=steer, order=name)


def place(args: argparse.Namespace, desk: Desk) -> int:
    """Place a hold and print it."""
    from sqlalchemy import text

    from core.holds import place_hold
    from core.programs import UnknownPartner

    someone(desk)
    until = None
    if args.until is not None:
        until = datetime.combine(args.until + timedelta(days=1), time(), UTC)
    with desk.engine.begin() as conn:
        found = conn.execute(text("SELECT id FROM partner WHERE code = :code"), {"code": args.code}).scalar()
        if found is None:
            raise UnknownPartner(partner=args.code)
        hold_id = place_hold(
            conn,
            found,
            args.why,
            actor=desk.actor(conn),
            now=desk.now,
            until=until,
            note=args.reason,
            earning_id=args.earning,
            payout_id=args.payout,
        )
        note_system_user(conn, desk, "hold")
    show(
        {"id": hold_id, "partner_code": args.code, "why": args.why, "until": until, "in_force": True},
        as_json=desk.as_json,
    )
    return 0


def end(args: argparse.Namespace, desk: Desk) -> int:
    """Lift a hold and print that it ended."""
    from core.holds import lift_hold

    someone(desk)
    with desk.engine.begin() as conn:
        lift_hold(conn, args.id, actor=desk.actor(conn), now=desk.now, note=args.reason)
        note_system_user(conn, desk, "lift")
    show({"id": args.id, "in_force": False}, as_json=desk.as_json)
    return 0


def steer(args: argparse.Namespace, desk: Desk) -> int:
    """Order payouts or leave them out, each on its own, and print which are done or refused."""
    from core import steering
    from core.decisions import Wanted

    someone(desk)
    orders: dict[str, Callable[..., Decision]] = {
        "process": steering.process_payouts,
        "priority": steering.set_priority,
        "set-aside": steering.set_aside,
        "bring-back": steering.bring_back,
    }
    more: dict[str, dict[str, object]] = {
        "priority": {"priority": getattr(args, "to", "")},
        "set-aside": {"until": getattr(args, "until", None), "reason": getattr(args, "reason", "")},
    }
    ids = list(dict.fromkeys(args.ids))
    done: list[int] = []
    try:
        with desk.engine.begin() as conn:
            outcome = orders[args.order](
                conn,
                [Wanted(id=id_) for id_ in ids],
                actor=desk.actor(conn),
                now=desk.now,
                **more.get(args.order, {}),
            )
            done = list(outcome.done)
            if done:
                note_system_user(conn, desk, args.order)
        refused = [{"id": no.id, "code": no.code, "sentence": no.sentence} for no in outcome.refused]
    except Refusal as refusal:  # of the person or the order, not of one payout
        refused = [{"id": id_, "code": refusal.code, "sentence": refusal.sentence} for id_ in ids]
    show({"done": done, "refused": refused}, as_json=desk.as_json)
    return 0 if done else 1
