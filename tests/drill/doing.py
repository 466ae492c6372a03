"""What a forked worker does with its task."""

from __future__ import annotations

import os
import traceback
from datetime import datetime

from sqlalchemy import Engine

import core.sending
from core.decisions import Wanted, approve_payouts
from core.refusals import Refusal
from core.settings import Settings
from db.engine import make_engine
from jobs.clock import Clock
from jobs.job import Orders, all_jobs
from jobs.runner import run_by_hand
from tests.desk import ADA
from tests.drill.points import Points, watch_commits, watch_http
from tests.drill.workers import ENDED_BADLY, ENDED_WELL, Task
from tests.stripe.rails import TEST_KEY


def work(task: Task, fd: int) -> int:
    """Do the task and return the exit code; what went wrong is said, as the scheduler logs it, and the next job goes on."""
    core.sending.WORKERS = task.threads
    engine = make_engine(task.database, application_name=task.name, role=task.role)
    points = Points(fd, task.at, task.signal)
    watch_commits(engine, points)
    watch_http(points)
    settings = Settings.from_env(
        {
            "PAYDESK_ENV": "test",
            "PAYDESK_PROVIDER": "stripe",
            "STRIPE_SECRET_KEY": TEST_KEY,
            "STRIPE_ACCOUNT_ID": "acct_platform",
            "STRIPE_API_BASE": task.stripe,
        }
    )
    code = ENDED_WELL
    for name, now in task.starts():
        try:
            if name == "approve":
                approve(engine, task, now)
            else:
                orders = Orders(engine=engine, settings=settings, now=now, run_id=0)
                run = run_by_hand(
                    all_jobs()[name], orders, clock=Clock(now), made_by=f"job:{name}", wait_s=30
                )
                os.write(fd, f"= {name} {run.result.count}\n".encode())
        except Refusal as refusal:
            os.write(fd, f"= {name} refused {refusal.code}\n".encode())
        except Exception as fault:  # noqa: BLE001 - said, and judged by who started it
            traceback.print_exc()
            os.write(fd, f"= {name} failed {type(fault).__name__}\n".encode())
            code = ENDED_BADLY
    engine.dispose()
    return code


def approve(engine: Engine, task: Task, now: datetime) -> None:
    """Approve what waits, as a page does, in one transaction."""
    with engine.begin() as conn:
        approve_payouts(conn, [Wanted(id=payout) for payout in task.approves], actor=ADA, now=now)
