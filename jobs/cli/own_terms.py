"""What holds for one partner: which level set each value, and the proposal of terms of their own."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage, not_blank

if TYPE_CHECKING:
    from core.reads.own_terms import OwnTerms

FEE = re.compile(
    r"(?P<method>[a-z_]+)=(?P<pct>[0-9.]+)%(?:\+(?P<fixed>[0-9.]+))?(?::(?P<base>gross|net))?(?::(?P<payer>partner|platform))?"
)
SCHEDULE = "on_request, daily, weekly:5, every_two_weeks:5:2026-01-02, monthly:31, custom:10:2026-01-01"
DAYS = ("hold-days", "new-partner-days", "destination-change-days")
AMOUNTS = {"minimum": "min_payout_minor", "cap": "max_per_partner_month_minor"}
CLEARED = {
    **{name: name.replace("-", "_") for name in DAYS},
    **AMOUNTS,
    "schedule": "schedule",
    "auto": "auto_payout_enabled",
    "fees": "fees",
}
PARTS: dict[str, tuple[str, ...]] = {
    "on_request": (),
    "daily": (),
    "weekly": ("weekday",),
    "every_two_weeks": ("weekday", "anchor"),
    "monthly": ("day",),
    "custom": ("every_days", "anchor"),
}


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add the terms of a partner, and what changes them."""
    parser = commands.add_parser(
        "terms",
        parents=[shared],
        help="a partner's terms and who set them; with an option, propose their own",
    )
    parser.add_argument("code", metavar="PARTNER_CODE", type=not_blank)
    for name in DAYS:
        parser.add_argument(f"--{name}", type=int, metavar="N")
    for name in AMOUNTS:
        parser.add_argument(f"--{name}", metavar="AMOUNT", help="in major units, like 50.00")
    parser.add_argument("--schedule", metavar="WHEN", help=SCHEDULE)
    parser.add_argument("--auto", choices=("on", "off"), help="whether the policy may approve their payouts")
    parser.add_argument(
        "--fee",
        action="append",
        default=[],
        metavar="METHOD=PCT%+FIXED[:gross][:platform]",
        help="like stripe=0.25%%+0.25:gross:partner",
    )
    parser.add_argument(
        "--clear", action="append", default=[], choices=[*CLEARED, "all"], help="as the program again"
    )
    parser.add_argument("--why", type=not_blank)
    parser.set_defaults(command=terms)


def terms(args: argparse.Namespace, desk: Desk) -> int:
    """Print what holds for a partner and which level set it; with a change, propose it and print the proposal."""
    from core.reads.own_terms import own_of

    with desk.engine.connect() as conn:
        own = own_of(conn, args.code)
    asked = _asked(args, own.currency)
    if not asked and not args.clear:
        return _show(own.partner_id, args.code, desk)
    if args.why is None:
        raise WrongUsage("terms: a change needs --why")
    return _propose(own, asked, args, desk)


def _show(partner_id: int, code: str, desk: Desk) -> int:
    from core.reads.terms import terms_by_level

    with desk.engine.connect() as conn:
        found = terms_by_level(conn, partner_id, now=desk.now)
    document = {
        "partner_code": code,
        "policy_version": found.version,
        "next_slot": found.next_slot,
        "terms": found.frame.rename(columns={"level": "set_by"}).to_dict("records"),
    }
    show(document, as_json=desk.as_json)
    return 0


def _propose(own: OwnTerms, asked: Mapping[str, Any], args: argparse.Namespace, desk: Desk) -> int:
    from core.own_terms import terms_content, written
    from core.proposals import propose, read_proposal

    someone(desk)
    wanted = {} if "all" in args.clear else written(own.terms)
    for name in args.clear:
        wanted.pop(CLEARED.get(name, name), None)
    if "fees" in asked:
        asked = {**asked, "fees": {**wanted.get("fees", {}), **asked["fees"]}}
    with desk.engine.begin() as conn:
        made = propose(
            conn,
            "change_terms",
            ids=[own.partner_id],
            why=args.why,
            content=terms_content({**wanted, **asked}),
            actor=desk.actor(conn),
            now=desk.now,
        )
        note_system_user(conn, desk, "terms")
        proposal = read_proposal(conn, made)
    show(asdict(proposal), as_json=desk.as_json)
    return 0


def _asked(args: argparse.Namespace, currency: str) -> dict[str, Any]:
    """Return what the options say, as terms; WrongUsage where an option cannot be read."""
    from core.money import BadAmount, parse_amount

    asked: dict[str, Any] = {}
    for name in DAYS:
        term = name.replace("-", "_")
        if (days := getattr(args, term)) is not None:
            asked[term] = days
    try:
        for name, term in AMOUNTS.items():
            if (amount := getattr(args, name)) is not None:
                asked[term] = parse_amount(amount, currency)
        fees = dict(_fee(one, lambda amount: parse_amount(amount, currency)) for one in args.fee)
    except BadAmount as fault:
        raise WrongUsage(f"terms: {fault}") from fault
    if fees:
        asked["fees"] = fees
    if args.schedule is not None:
        asked["schedule"] = _schedule(args.schedule)
    if args.auto is not None:
        asked["auto_payout_enabled"] = args.auto == "on"
    return asked


def _fee(written: str, amount: Callable[[str], int]) -> tuple[str, dict[str, Any]]:
    found = FEE.fullmatch(written)
    if found is None:
        raise WrongUsage(f"terms: {written} is no fee; write stripe=0.25%+0.25:gross:partner")
    fee = {"pct": found["pct"], "fixed_minor": amount(found["fixed"]) if found["fixed"] else 0}
    fee |= {name: found[name] for name in ("base", "payer") if found[name]}
    return found["method"], fee


def _schedule(written: str) -> dict[str, Any]:
    kind, *values = written.split(":")
    names = PARTS.get(kind)
    if names is None or len(names) != len(values):
        raise WrongUsage(f"terms: {written} is no schedule; write one like {SCHEDULE}")
    said = {name: int(value) if value.isdigit() else value for name, value in zip(names, values, strict=True)}
    return {"kind": kind} | said
