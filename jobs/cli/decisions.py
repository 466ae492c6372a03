"""Decisions: request, approve, reject, cancel, take back, by the person of `--as`, through the same guards as a page."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from core import audit
from core.access import load_actor
from core.decisions import Decision
from core.messages.payout_rejected import REASONS, UNSAID
from core.refusals import Refusal
from core.users import read_user
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage, not_blank, positive


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the five decisions."""
    request = commands.add_parser("request", parents=[shared], help="ask for a payout to a partner")
    request.add_argument("code", metavar="CODE")
    request.add_argument("amount", metavar="AMOUNT", help="in major units, as 25.00")
    request.add_argument("--reason", type=not_blank, required=True)
    request.set_defaults(command=ask_for)
    for name, sentence, needs_reason in (
        ("approve", "approve payouts", False),
        ("reject", "reject payouts that wait for a person", True),
        ("cancel", "cancel payouts before they leave", True),
        ("take-back", "take approvals back before the payouts leave", False),
    ):
        parser = commands.add_parser(name, parents=[shared], help=sentence)
        parser.add_argument("ids", metavar="ID", type=positive, nargs="+")
        parser.add_argument("--reason", type=not_blank, required=needs_reason, default=argparse.SUPPRESS)
        parser.set_defaults(command=decide, decision=name, told=None)
        if name == "reject":
            words = "; ".join(f"{code}: {sentence}" for code, sentence in REASONS.items())
            parser.add_argument(
                "--tell", dest="told", choices=list(REASONS), help=f"what partners are told. {words}"
            )


def ask_for(args: argparse.Namespace, desk: Desk) -> int:
    """Ask for one payout and print it."""
    from core.requests import request_payout
    from jobs.cli.readings import read_payout

    someone(desk)
    with desk.engine.begin() as conn:
        actor = desk.actor(conn)
        payout_id = request_payout(
            conn, args.code, args.amount, reason=args.reason, actor=actor, now=desk.now
        )
        note_system_user(conn, desk, "request")
        document = read_payout(conn, payout_id, now=desk.now)
    show(document, as_json=desk.as_json)
    return 0


def decide(args: argparse.Namespace, desk: Desk) -> int:
    """Decide on payouts, each on its own, and print which are done, wait for another person, or are refused."""
    someone(desk)
    ids = list(dict.fromkeys(args.ids))
    try:
        done, waiting, refused = _decide(
            args.decision, ids, getattr(args, "reason", ""), desk, told=args.told or UNSAID
        )
    except Refusal as refusal:  # of the person, not of one payout
        refused = [{"id": id_, "code": refusal.code, "sentence": refusal.sentence} for id_ in ids]
        done, waiting = [], []
    show({"done": done, "waiting": waiting, "refused": refused}, as_json=desk.as_json)
    return 0 if done or waiting else 1


def _decide(
    decision: str, ids: Sequence[int], reason: str, desk: Desk, *, told: str
) -> tuple[list[int], list[int], list[dict[str, object]]]:
    from core import decisions, ending, steering

    operations: dict[str, Callable[..., Decision]] = {
        "approve": decisions.approve_payouts,
        "reject": partial(ending.reject_payouts, told=told),
        "cancel": ending.cancel_payouts,
        "take-back": steering.take_back_payouts,
    }
    wanted = [decisions.Wanted(id=id_, version=None) for id_ in ids]
    with desk.engine.begin() as conn:
        actor = desk.actor(conn)
        outcome = operations[decision](conn, wanted, actor=actor, now=desk.now, reason=reason)
        if outcome.done or outcome.waiting:
            note_system_user(conn, desk, decision)
    refused: list[dict[str, object]] = [
        {"id": no.id, "code": no.code, "sentence": no.sentence} for no in outcome.refused
    ]
    return list(outcome.done), list(outcome.waiting), refused


def someone(desk: Desk) -> None:
    """Refuse a decision that does not say by whom."""
    if desk.as_user is None:
        raise WrongUsage("a decision needs --as USER: who decides?")


def note_system_user(conn: Connection, desk: Desk, decision: str) -> None:
    """Keep at whose keyboard a person decided."""
    assert desk.as_user is not None
    person = load_actor(conn, desk.as_user, channel="cli")
    user_id = read_user(conn, desk.as_user).id
    details = {"decision": decision, "system_user": getpass.getuser()}
    audit.record(
        conn,
        "user.decided_at_terminal",
        subject="user",
        ids=[user_id],
        actor=person,
        now=desk.now,
        details=details,
    )
