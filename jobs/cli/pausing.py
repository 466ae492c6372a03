"""Pausing a job of the timetable from the command line: pause, resume."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from jobs.cli.decisions import note_system_user, someone
from jobs.cli.output import show
from jobs.cli.terms import Desk, Parser, Subparsers, WrongUsage, instant, not_blank
from jobs.job import all_jobs


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add pause and resume."""
    paused = commands.add_parser(
        "pause", parents=[shared], help="leave a job out of the timetable until an instant"
    )
    paused.add_argument("job", metavar="JOB", type=job_name)
    paused.add_argument("--until", type=instant, metavar="INSTANT", required=True)
    paused.add_argument("--reason", type=not_blank, required=True)
    paused.set_defaults(command=pause)
    resumed = commands.add_parser("resume", parents=[shared], help="end a job's pause before its time")
    resumed.add_argument("job", metavar="JOB", type=job_name)
    resumed.set_defaults(command=resume)


def job_name(given: str) -> str:
    """Read the name of a job that runs by the timetable."""
    job = all_jobs().get(given)
    if job is None or (job.slots is None and job.every_s is None):
        raise ValueError
    return given


job_name.__name__ = "job of the timetable"


def pause(args: argparse.Namespace, desk: Desk) -> int:
    """Pause a job and print the pause."""
    from core.pauses import pause_job

    someone(desk)
    if args.until <= desk.now:
        message = "--until is an instant that is still to come"
        raise WrongUsage(message)
    with desk.engine.begin() as conn:
        made = pause_job(
            conn, args.job, reason=args.reason, until=args.until, actor=desk.actor(conn), now=desk.now
        )
        note_system_user(conn, desk, "pause")
    show(asdict(made), as_json=desk.as_json)
    return 0


def resume(args: argparse.Namespace, desk: Desk) -> int:
    """End a pause and print the job's name."""
    from core.pauses import resume_job

    someone(desk)
    with desk.engine.begin() as conn:
        resume_job(conn, args.job, actor=desk.actor(conn), now=desk.now)
        note_system_user(conn, desk, "resume")
    show({"job": args.job, "paused": False}, as_json=desk.as_json)
    return 0
