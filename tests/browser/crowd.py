"""Many partners with a payout each, by the desk's own files and nightly jobs, and the paid runs of the weeks before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, text

from core.access import Actor
from core.batches import decide_batch, fix_batch
from core.commission import External
from core.fees import Fee
from core.policy import Approval, Policy
from core.schedule import Daily
from tests import builders
from tests.desk import Desk
from tests.world import PEOPLE, add_people

PARTNERS, EVERY_THIRD = 400, 3
DAY, WEEK = timedelta(days=1), timedelta(days=7)
BEN = Actor(name="user:ben", channel="page", roles=frozenset(PEOPLE["ben"][1]))
PROGRAMS = (("agency", "USD"), ("studio", "EUR"))
TERMS = Policy(
    commission=External(),
    sale_kinds=("commission",),
    approval=Approval(dual_above_minor=500_000),
    schedule=Daily(),
    fees={"stripe": Fee(fixed_minor=25), "stripe_instant": Fee(pct=Decimal(1), fixed_minor=25)},
)
# What a dashboard is told whose payouts leave through Stripe; it is given no key.
STRIPE = {"PAYDESK_PROVIDER": "stripe", "STRIPE_ACCOUNT_ID": "acct_platform"}
PARTNER_HEAD = "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status"
SALE_HEAD = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
PENDING = text("SELECT id, currency, net_minor FROM payout WHERE status = 'pending'")


def gather(engine: Engine, folder: Path, *, now: datetime, partners: int = PARTNERS, weeks: int = 1) -> Desk:
    """Make the people, two programs in two currencies, their partners, so many weekly runs of every third of them, paid,
    and a pending payout of `now` for each.
    """
    desk = Desk(engine, folder)
    with engine.begin() as conn:
        add_people(conn, now=now)
        for code, currency in PROGRAMS:
            builders.program(conn, code, currency=currency, terms=TERMS.model_dump_json())
    desk.take_in("partners", _lines(PARTNER_HEAD, _partner, range(partners)), now=now - (weeks + 1) * WEEK)
    for week in range(weeks, 0, -1):
        _run(desk, f"week {week}", range(0, partners, EVERY_THIRD), now=now - week * WEEK)
        _approved_and_paid(desk, now=now - week * WEEK)
    _run(desk, "today", range(partners), now=now)
    return desk


def _run(desk: Desk, name: str, places: Iterable[int], *, now: datetime) -> None:
    """The sales of a week, released and queued at `now`."""

    def sale(place: int) -> str:
        program, currency = PROGRAMS[place % 2]
        amount = Decimal((place * 7919 + sum(name.encode())) % 60_000 + 10_000) / 100
        sold = (now - DAY).isoformat()
        return f"{program},C{place:04},commission,{name}-{place},{sold},{amount},{currency},Order"

    desk.take_in("sales", _lines(SALE_HEAD, sale, places), now=now)
    desk.release(now)
    desk.queue(now)


def _approved_and_paid(desk: Desk, *, now: datetime) -> None:
    with desk.engine.begin() as conn:
        rows = conn.execute(PENDING).all()
        totals: dict[str, int] = {}
        for row in rows:
            totals[row.currency] = totals.get(row.currency, 0) + row.net_minor
        batch_id = fix_batch(conn, [row.id for row in rows], filter_query={}, actor=BEN, now=now)
        decide_batch(conn, batch_id, "approve", totals_minor=totals, actor=BEN, now=now)
    desk.send(now=now)


def _partner(place: int) -> str:
    program, currency = PROGRAMS[place % 2]
    method = "stripe_instant" if place % 10 == 0 else "stripe"
    return (
        f"{program},C{place:04},Partner {place},c{place:04}@example.com,,US,{currency},{method},acct_{place:014},"
        "2025-01-01,active"
    )


def _lines(head: str, line: Callable[[int], str], places: Iterable[int]) -> str:
    return "\n".join([head, *map(line, places), ""])
