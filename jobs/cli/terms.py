"""What every command shares: its options, its place to work, and wrong usage."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from core.access import Actor, load_actor
from jobs.clock import Clock

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from core.settings import Settings

LARGEST_ID = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 1970, 2999
Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse gives the type no other name


class WrongUsage(Exception):
    """The command was not understood; the message says why."""


class Parser(argparse.ArgumentParser):
    """A parser that raises WrongUsage, so that one place decides how it is shown."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise WrongUsage(f"{self.prog}: {message}")


def instant(given: str) -> datetime:
    """Read an ISO 8601 instant; without an offset it is UTC. Years in which the desk can count on and back, no others."""
    read = datetime.fromisoformat(given)
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise ValueError
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def positive(given: str) -> int:
    """Read an id or a number of things, from 1, in plain digits: an id that is guessed at decides on another payout."""
    if not (given.isascii() and given.isdigit()):
        raise ValueError
    number = int(given)
    if not 1 <= number <= LARGEST_ID:
        raise ValueError
    return number


def not_blank(given: str) -> str:
    """Read a text that says something."""
    if not given.strip():
        raise ValueError
    return given.strip()


not_blank.__name__ = "reason"
positive.__name__ = "number from 1"


def shared_options() -> Parser:
    """Return the options that every command takes, in any position."""
    shared = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--json", action="store_true", help="one JSON document on stdout")
    shared.add_argument(
        "--now", type=instant, metavar="INSTANT", help="work as if it were this instant (not in production)"
    )
    shared.add_argument("--as", dest="as_user", metavar="USER", help="the person who decides")
    return shared


class Desk:
    """One command's place to work: settings, database, clock, and who acts."""

    def __init__(
        self, settings: Settings, *, now: datetime | None, as_user: str | None, as_json: bool
    ) -> None:
        self.settings = settings
        self.clock = Clock(now)
        self.now = now or self.clock.now()
        self.as_user = as_user
        self.as_json = as_json

    @cached_property
    def url(self) -> str:
        """The database's libpq URL; the embedded server is started where there is no DATABASE_URL."""
        return database_url(self.settings)

    @cached_property
    def owner_engine(self) -> Engine:
        """Connections that own the schema: for migrations and the demo."""
        from db.engine import make_engine

        self._hold_key()
        return make_engine(self.url, application_name="paydesk owner", pool_size=2, statement_timeout_s=600)

    @cached_property
    def engine(self) -> Engine:
        """Connections that may add to history and never edit it."""
        from db.engine import app_role, make_engine

        self._hold_key()
        role = app_role(self.url)
        return make_engine(
            self.url, application_name="paydesk jobs", pool_size=20, role=role, statement_timeout_s=600
        )

    def _hold_key(self) -> None:
        """Let this process open and seal details; demo and test make a secret of their own."""
        from core.vault import hold_key
        from db.secrets import made_secret

        hold_key(self.settings.secrets_key or made_secret(self.settings.data_dir, "details"))

    def close(self) -> None:
        """Give back every connection."""
        for name in ("engine", "owner_engine"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.dispose()

    @property
    def host_actor(self) -> Actor:
        """The system's user at the keyboard."""
        return Actor(name=f"os:{getpass.getuser()}", channel="cli")

    def actor(self, conn: Connection) -> Actor:
        """Who acts: the person of `--as`, proved by password in production, or the system's user.

        Refuses UnknownUser, and SignInRefused in production.
        """
        if self.as_user is None:
            return self.host_actor
        if self.settings.env == "production":
            from jobs.cli.proof import ask_password

            ask_password(self.engine, self.as_user, clock=self.clock)
        return load_actor(conn, self.as_user, channel="cli")


def database_url(settings: Settings) -> str:
    """Return DATABASE_URL, or the URL of the embedded server, started where needed."""
    if settings.database_url:
        return settings.database_url
    from db.server import start

    return start(settings.data_dir)


Command = Callable[[argparse.Namespace, Desk], int]
