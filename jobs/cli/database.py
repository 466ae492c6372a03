"""The database: migrate it, fill it with a demo, tell where it is, end the embedded server."""

from __future__ import annotations

import argparse

from core.refusals import Refusal
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers
from jobs.setup import load_demo, migrate_and_install


class NoDemoHere(Refusal):
    """Demo data and demo people are refused in production."""

    code = "demo_in_production"


class NotOurServer(Refusal):
    """DATABASE_URL is set: that server is not ours to end."""

    code = "not_our_server"


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add `db` and what is done with it."""
    database = commands.add_parser("db", parents=[shared], help="the database")
    actions = database.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
    for name, sentence, command in (
        ("migrate", "bring the schema up to date, add preset programs that are missing", migrate),
        ("demo", "fill an empty database with partners, people and three months of history", demo),
        (
            "rewrap",
            "encrypt the details' key under the new PAYDESK_SECRETS_KEY, so that the old one can go",
            rewrap,
        ),
        ("url", "where the database is", url),
        ("stop", "end the embedded server", stop),
    ):
        parser = actions.add_parser(name, parents=[shared], help=sentence)
        parser.set_defaults(command=command)


def migrate(_args: argparse.Namespace, desk: Desk) -> int:
    """Bring the schema to the newest revision and install the preset programs that are missing."""
    revision, installed = migrate_and_install(desk.owner_engine, now=desk.now)
    show({"ok": True, "revision": revision, "programs_added": installed}, as_json=desk.as_json)
    return 0


def demo(_args: argparse.Namespace, desk: Desk) -> int:
    """Fill the database with the demo, unless it has partners already."""
    if desk.settings.env == "production":
        raise NoDemoHere
    migrate_and_install(desk.owner_engine, now=desk.now)
    loaded = load_demo(desk.owner_engine, desk.settings, now=desk.now)
    show({"ok": True, "loaded": loaded}, as_json=desk.as_json)
    return 0


def rewrap(_args: argparse.Namespace, desk: Desk) -> int:
    """Encrypt the key of bank and postal details again, under the first secret that PAYDESK_SECRETS_KEY names."""
    from core import vault

    with desk.owner_engine.begin() as conn:
        kept = vault.rewrap(conn)
    show({"ok": True, "rewrapped": kept}, as_json=desk.as_json)
    return 0


def url(_args: argparse.Namespace, desk: Desk) -> int:
    """Print the libpq URL of the database."""
    show({"ok": True, "url": desk.url}, as_json=desk.as_json)
    return 0


def stop(_args: argparse.Namespace, desk: Desk) -> int:
    """End the embedded server; one that is not running is no fault."""
    from db.server import stop as stop_server

    if desk.settings.database_url:
        raise NotOurServer
    show({"ok": True, "stopped": stop_server(desk.settings.data_dir)}, as_json=desk.as_json)
    return 0
