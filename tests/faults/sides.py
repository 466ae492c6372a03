"""What two people, jobs or workers do at once, each as one side of a race that answers in a word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from core.access import Actor
from core.batches import decide_batch
from core.claiming import claim_payout
from core.decisions import Decision, Wanted, approve_payouts
from core.ending import cancel_payouts, reject_payouts
from core.holds import place_hold
from core.outcomes import record_outcome
from core.providers import Declined, Order, Succeeded, Unknown
from core.queueing import queue_due
from core.release import release_due
from core.requests import request_payout
from core.steering import take_back_payouts
from tests.desk import ADA, MIA, NOW, Desk, Rail
from tests.faults.racing import Side


def said(decision: Decision) -> str:
    """What a decision on one payout came to."""
    if decision.refused:
        return decision.refused[0].code
    return "waiting" if decision.waiting else "done"


def decision(work: Callable[[Connection], Decision]) -> Side:
    """One decision in its own transaction."""

    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            return said(work(conn))

    return side


def approve(payout_id: int, *, actor: Actor = ADA) -> Side:
    return decision(lambda conn: approve_payouts(conn, [Wanted(id=payout_id)], actor=actor, now=NOW))


def reject(payout_id: int, *, actor: Actor = ADA) -> Side:
    return decision(
        lambda conn: reject_payouts(conn, [Wanted(id=payout_id)], actor=actor, now=NOW, reason="no")
    )


def cancel(payout_id: int, *, actor: Actor = MIA) -> Side:
    return decision(
        lambda conn: cancel_payouts(conn, [Wanted(id=payout_id)], actor=actor, now=NOW, reason="no")
    )


def take_back(payout_id: int, *, actor: Actor = ADA) -> Side:
    return decision(lambda conn: take_back_payouts(conn, [Wanted(id=payout_id)], actor=actor, now=NOW))


def approve_batch(batch_id: int, totals_minor: dict[str, int], *, actor: Actor = ADA) -> Side:
    return decision(
        lambda conn: decide_batch(conn, batch_id, "approve", totals_minor=totals_minor, actor=actor, now=NOW)
    )


def claim(payout_id: int, *, now: datetime = NOW) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            claimed = claim_payout(conn, payout_id, Rail(), now=now)
        return "passed over" if claimed is None else "claimed"

    return side


def record(order: Order, outcome: Succeeded | Declined | Unknown, *, lease_epoch: int) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            counted = record_outcome(
                conn, order, outcome, lease_epoch=lease_epoch, what="send", duration_ms=1, now=NOW
            )
        return "written" if counted else "too late"

    return side


FIND = text("SELECT id FROM partner WHERE code = :code")


def hold(code: str, *, earning_id: int | None = None, payout_id: int | None = None) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            partner_id = conn.execute(FIND, {"code": code}).scalar_one()
            place_hold(
                conn, partner_id, "review", actor=MIA, now=NOW, earning_id=earning_id, payout_id=payout_id
            )
        return "held"

    return side


def request(code: str, amount: str) -> Side:
    def side(engine: Engine) -> str:
        with engine.begin() as conn:
            request_payout(conn, code, amount, reason="asked", actor=MIA, now=NOW)
        return "asked"

    return side


def queue(*, run_id: int) -> Side:
    def side(engine: Engine) -> str:
        result = queue_due(engine, now=NOW, run_id=run_id)
        skips = [skip["reason"] for skip in result.details["skipped"]]
        return ", ".join([f"{result.count} queued", *skips])

    return side


def release(engine: Engine) -> str:
    return f"{release_due(engine, now=NOW).count} released"


def as_desk(desk: Desk, work: Callable[[Desk], object]) -> Side:
    """A file taken in by another process."""

    def side(engine: Engine) -> str:
        work(Desk(engine, desk.folder))
        return "taken in"

    return side
