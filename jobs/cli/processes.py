"""The processes: the scheduler, and `up`, which runs a whole desk."""

from __future__ import annotations

import argparse

from jobs.cli.terms import Desk, Parser, Subparsers


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add `up`; the scheduler is what runs without a command."""
    up = commands.add_parser(
        "up", parents=[shared], help="database, scheduler and dashboard; Ctrl-C ends them"
    )
    up.set_defaults(command=bring_up)


def schedule(_args: argparse.Namespace, desk: Desk) -> int:
    """Run the scheduler until it is told to stop."""
    from jobs.scheduler import run

    return run(desk.engine, desk.settings, desk.clock)


def bring_up(args: argparse.Namespace, desk: Desk) -> int:
    """Run a whole desk until it is told to stop."""
    from jobs.up import run

    return run(desk, now=getattr(args, "now", None))
