"""A desk and a fake Stripe for a scenario, filled in bulk through the desk's own imports and decisions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import text

from core.decisions import Wanted, approve_payouts
from core.providers.stripe import StripeTransfers
from tests.desk import ADA, DAY, MIA, NOW, Desk, open_desk
from tests.drill.agreeing import Witness, agree, drained
from tests.drill.databases import Saved, database, engine_of
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import Seconds, rail_to


@dataclass
class Place:
    """A desk, the Stripe it sends through, and who watches both; `now` is both clocks."""

    url: str
    desk: Desk
    fake: FakeStripe
    witness: Witness
    now: datetime

    def pass_time(self, by: timedelta) -> datetime:
        """Move the desk's clock and the fake's, end all leases, and return the desk's `now`."""
        self.now += by
        self.fake.clock.advance(by)
        self.end_leases()
        return self.now

    def end_leases(self) -> None:
        """Let every lease be over: they are the database's clock, which cannot be moved."""
        with engine_as_owner(self.url) as conn:
            conn.execute(END_LEASES)

    def rail(self, seconds: Seconds | None = None) -> StripeTransfers:
        """A rail to this fake by the real SDK, as a new process has one."""
        return rail_to(self.fake, seconds=seconds)

    def agrees(self, *, quiescent: bool = True) -> dict[str, int]:
        """Assert that both books tell one story."""
        return agree(self.desk.engine, self.fake, quiescent=quiescent, witness=self.witness)

    def ends(self) -> dict[str, int]:
        """Assert the same with nothing left lying."""
        figures = self.agrees()
        return figures | drained(self.desk.engine, now=self.now)


END_LEASES = """
    UPDATE attempt SET lease_until = clock_timestamp() WHERE lease_until > clock_timestamp();
    UPDATE reversal SET lease_until = clock_timestamp() WHERE lease_until > clock_timestamp()
"""


@contextmanager
def engine_as_owner(url: str) -> Iterator[psycopg.Connection]:
    """A connection of the schema's owner, every statement its own transaction."""
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


@contextmanager
def place(
    template: str | None = None, *, like: FakeStripe | None = None, now: datetime = NOW, pool_size: int = 5
) -> Iterator[Place]:
    """Give a desk on a copy of `template` and a fake with the books of `like`, both at `now`."""
    with (
        database(template) as url,
        engine_of(url, pool_size=pool_size) as engine,
        FakeStripe(at=now, any_account=True) as fake,
        tempfile.TemporaryDirectory(prefix="drill-") as folder,
    ):
        if like is not None:
            copy_books(like, fake)
        yield Place(url, open_desk(engine, Path(folder)), fake, Witness(fake, url), now)


@contextmanager
def once_more(ready: Place, saved: Saved) -> Iterator[Place]:
    """Give a desk and a Stripe that somebody prepared, as they were; what was done to them before is undone."""
    saved.put_back()
    with FakeStripe(at=ready.now, any_account=True) as fake:
        copy_books(ready.fake, fake)
        yield Place(ready.url, ready.desk, fake, Witness(fake, ready.url), ready.now)


def copy_books(source: FakeStripe, fake: FakeStripe) -> None:
    """Give a fake the clock, accounts, transfers and remembered keys of another."""
    fake.clock._at, fake.clock._moved = source.clock._at, source.clock._moved
    for name in ("accounts", "funds", "entries", "transfers", "payouts", "events"):
        setattr(fake.platform, name, deepcopy(getattr(source.platform, name)))
    fake.service.keys._kept = deepcopy(source.service.keys._kept)
    for name in ("commerce", "banks"):
        kept = {key: value for key, value in vars(getattr(source.service, name)).items() if key != "platform"}
        vars(getattr(fake.service, name)).update(deepcopy(kept))


def partners(desk: Desk, count: int, *, now: datetime = NOW) -> list[str]:
    """Take in this many partners with a Stripe account each, long enough here to be no new ones."""
    head = "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status"
    codes = [f"AFF{number}" for number in range(count)]
    rows = [
        f"affiliate,{code},Ana Silva,{code.lower()}@example.com,,US,USD,stripe,acct_{code},2025-01-01,active"
        for code in codes
    ]
    taken = desk.take_in("partners", "\n".join([head, *rows, ""]), now=now)
    assert taken.added == count, taken.problems
    return codes


def sales(desk: Desk, codes: list[str], *, ref: str, gross: str = "100.00", now: datetime = NOW) -> None:
    """Take in one sale of each partner, worth `gross`, of the day before."""
    head = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description"
    at = (now - DAY).isoformat()
    rows = [f"affiliate,{code},commission,{ref}-{code},{at},{gross},USD,Order" for code in codes]
    taken = desk.take_in("sales", "\n".join([head, *rows, ""]), now=now)
    assert taken.added == len(codes), taken.problems


def approved(desk: Desk, count: int, *, now: datetime = NOW, amount: str = "25.00") -> list[int]:
    """Return this many payouts of different partners, approved."""
    pending = asked_for(desk, partners(desk, count, now=now), ref="s", now=now, amount=amount)
    wanted = [Wanted(id=payout) for payout in pending]
    done = desk.decide(lambda conn: approve_payouts(conn, wanted, actor=ADA, now=now)).done
    assert len(done) == count
    return done


def asked_for(desk: Desk, codes: list[str], *, ref: str, now: datetime, amount: str = "25.00") -> list[int]:
    """Return one payout of each partner that waits for its approval."""
    sales(desk, codes, ref=ref, now=now)
    desk.release(now=now)
    return [desk.request(code, amount, actor=MIA, now=now) for code in codes]


LEFT = text("SELECT count(*) FROM payout WHERE status IN ('approved', 'processing', 'retrying')")


def left(desk: Desk) -> int:
    """Return how many payouts are approved and have not ended."""
    with desk.engine.connect() as conn:
        return int(conn.execute(LEFT).scalar_one())
