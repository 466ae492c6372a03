"""One command for every job, run by hand with the same code as by the timetable."""

from __future__ import annotations

import argparse

from core.access import Actor
from jobs.cli.output import amounts, show
from jobs.cli.terms import Desk, Parser, Subparsers, not_blank, positive
from jobs.job import Job, Orders, all_jobs
from jobs.runner import run_by_hand


def add_commands(commands: Subparsers[Parser], shared: Parser) -> None:
    """Add a command for each job there is."""
    for job in all_jobs().values():
        parser = commands.add_parser(job.name, parents=[shared], help=job.sentence, description=job.sentence)
        parser.add_argument("--dry-run", action="store_true", help="the same figures, and nothing changed")
        if "limit" in job.options:
            parser.add_argument("--limit", type=positive, metavar="N")
        if "program" in job.options:
            parser.add_argument("--program", type=not_blank, metavar="P")
        if "partner" in job.options:
            parser.add_argument("--partner", type=not_blank, metavar="CODE")
        if "payout_id" in job.options:
            parser.add_argument("--payout-id", type=positive, metavar="ID")
        parser.set_defaults(command=run_job, job=job)


def run_job(args: argparse.Namespace, desk: Desk) -> int:
    """Run one job and print how many, how much and how long."""
    job: Job = args.job
    orders = Orders(
        engine=desk.engine,
        settings=desk.settings,
        now=desk.now,
        run_id=0,
        program=getattr(args, "program", None),
        partner=getattr(args, "partner", None),
        payout_id=getattr(args, "payout_id", None),
        limit=getattr(args, "limit", None),
        dry_run=args.dry_run,
    )
    _refuse_unknown(orders)
    run = run_by_hand(job, orders, clock=desk.clock, made_by=_who(desk).name)
    document: dict[str, object] = {
        "job": job.name,
        "count": run.result.count,
        "amounts": amounts(run.result.amounts),
        "duration_ms": run.duration_ms,
    }
    show(document | run.result.details | {"dry_run": args.dry_run}, as_json=desk.as_json)
    return 0


def _who(desk: Desk) -> Actor:
    with desk.engine.begin() as conn:
        actor = desk.actor(conn)
    actor.must("run jobs")
    return actor


def _refuse_unknown(orders: Orders) -> None:
    """Refuse what does not exist, or is over for good: nothing found there would say something else."""
    from jobs.cli.lookup import must_exist, must_not_be_final

    if orders.program or orders.partner or orders.payout_id:
        with orders.engine.connect() as conn:
            must_exist(conn, program=orders.program, partner=orders.partner, payout_id=orders.payout_id)
            if orders.payout_id is not None:
                must_not_be_final(conn, orders.payout_id)
