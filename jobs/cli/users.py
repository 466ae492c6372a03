"""People: add, disable, roles, password. The password is read from stdin, never from the command line."""

from __future__ import annotations

import argparse
import getpass
import sys

from core.users import ROLES, User, add_user, disable_user, list_users, set_password, set_roles
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add `users` and what is done with them."""
    users = commands.add_parser("users", parents=[shared], help="who may sign in, and as what")
    actions = users.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
    roles = ", ".join(ROLES)
    for name, sentence in (
        ("add", "add a person (password on stdin)"),
        ("role", "give a person these roles and no others"),
        ("password", "set a password (on stdin)"),
        ("disable", "let a person in no more"),
    ):
        parser = actions.add_parser(name, parents=[shared], help=sentence)
        parser.add_argument("name", metavar="NAME")
        if name in {"add", "role"}:
            parser.add_argument(
                "--role", dest="roles", action="append", required=True, help=f"repeatable: {roles}"
            )
        if name == "add":
            parser.add_argument("--full-name", metavar="TEXT")
        parser.set_defaults(command=change_user, action=name)
    listed = actions.add_parser("list", parents=[shared], help="everybody")
    listed.set_defaults(command=show_users)


def change_user(args: argparse.Namespace, desk: Desk) -> int:
    """Add or change one person and print who they are now."""
    password = _read_password() if args.action in {"add", "password"} else ""
    with desk.engine.begin() as conn:
        actor, now = desk.actor(conn), desk.now
        if args.action == "add":
            user = add_user(
                conn, args.name, password, args.roles, actor=actor, now=now, full_name=args.full_name
            )
        elif args.action == "role":
            user = set_roles(conn, args.name, args.roles, actor=actor, now=now)
        elif args.action == "password":
            user = set_password(conn, args.name, password, actor=actor, now=now)
        else:
            user = disable_user(conn, args.name, actor=actor, now=now)
    show(_shown(user), as_json=desk.as_json)
    return 0


def show_users(_args: argparse.Namespace, desk: Desk) -> int:
    """Print everybody."""
    with desk.engine.connect() as conn:
        users = [_shown(user) for user in list_users(conn)]
    show(users, as_json=desk.as_json)
    return 0


def _shown(user: User) -> dict[str, object]:
    return {"user": user.name, "roles": list(user.roles), "active": user.active}


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ", stream=sys.stderr)
    try:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as fault:
        raise WrongUsage("the password on stdin is not UTF-8") from fault
