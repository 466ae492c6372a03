"""Reconciliation: the provider's books against ours. It reads both and writes down every difference; it moves no money.

    reconcile
      _look                     the provider's balance and account book: nothing is held while it is asked
      provider.list_transfers   no transaction, lock or connection is held while the provider is asked
      _mirror                   one transaction per thousand transfers: what the provider shows
      _stop_for_strays          one transaction: a transfer of ours that no attempt here made stops all sending
      adopt                     one transaction each: a payout that waits and was paid by such a transfer is booked as paid
      _compare                  one transaction: the run, its days, its differences (core/differences.py)

A run that is killed leaves part of a mirror and no row of its own: the next one covers the same time again. What it has
booked as paid stays so; sending was stopped before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, Engine, text

from core.access import job_actor
from core.adopting import adopt, adoptable
from core.balances import currencies, write_balances
from core.differences import LISTED_AFTER, write_differences
from core.providers import Provider, ProviderTransfer
from core.providers.balances import BalanceSource, BookedDay, PlainBalances
from core.runs import RANGE, RunResult, unit_of_work
from core.strays import stop_for_strays, strays_seen

# What is looked at again every time: money comes back, and is found to be elsewhere, for weeks.
LOOK_BACK = timedelta(days=35)
# The provider's clock may run behind ours: what it dates before our attempt is ours all the same.
CLOCKS_DIFFER = timedelta(hours=1)


def reconcile(
    engine: Engine,
    provider: Provider,
    *,
    now: datetime,
    since: datetime | None = None,
    dry_run: bool = False,
    balances: BalanceSource | None = None,
) -> RunResult:
    """Compare the provider's books with ours from the day of `since` to `now`, and write down what differs.

    Without `since`: from 35 days before the end of the last run, or from the desk's first day. `count` and `amounts` are
    the differences found for the first time, `details` has `transfers`, `adopted` and `open`. A transfer of ours that no
    attempt made stops all sending; the payout it paid, where it waits here, is booked as paid by it. `balances` is the
    provider's own account, by default what the provider says may be sent.
    """
    start = _first_day(engine, provider.name, now) if since is None else _day(since)
    account = _look(engine, balances or PlainBalances(provider), since=start, now=now)
    listed = provider.list_transfers(start - CLOCKS_DIFFER, now)
    if dry_run:
        kept = list(listed)
        with unit_of_work(engine, dry_run=True) as conn:
            _mirror(conn, provider.name, kept, now=now)
            _stop_for_strays(conn, provider.name, now=now)
            found = adoptable(conn, provider.name, seen_at=now)
            adopted = sum(adopt(conn, one, provider.name, now=now) for one in found)
            return _compare(conn, provider.name, len(kept), adopted, account, since=start, now=now)
    transfers = 0
    for some in _ranges(listed):
        with engine.begin() as conn:
            _mirror(conn, provider.name, some, now=now)
        transfers += len(some)
    with engine.begin() as conn:
        _stop_for_strays(conn, provider.name, now=now)
        found = adoptable(conn, provider.name, seen_at=now)
    adopted = 0
    for one in found:
        with engine.begin() as conn:
            adopted += adopt(conn, one, provider.name, now=now)
    with engine.begin() as conn:
        return _compare(conn, provider.name, transfers, adopted, account, since=start, now=now)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The provider's own account as one look saw it."""

    available: Mapping[str, int | None]
    booked: Sequence[BookedDay] | None


def _look(engine: Engine, source: BalanceSource, *, since: datetime, now: datetime) -> Account:
    with engine.connect() as conn:
        wanted = currencies(conn)
    booked = source.booked(since, now - LISTED_AFTER)
    return Account(available=source.available(wanted), booked=booked)


BEFORE = text("""
    SELECT (SELECT max(until) FROM reconciliation WHERE provider = :provider) AS last_until,
           least((SELECT min(created_at) FROM program), (SELECT min(started_at) FROM attempt),
                 (SELECT min(queued_at) FROM payout)) AS first_at
""")


def _first_day(engine: Engine, provider: str, now: datetime) -> datetime:
    with engine.connect() as conn:
        before = conn.execute(BEFORE, {"provider": provider}).one()
    if before.last_until is not None:
        return _day(min(before.last_until, now) - LOOK_BACK)
    return _day(min(before.first_at or now, now - timedelta(days=1)))


def _day(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _ranges(transfers: Iterable[ProviderTransfer]) -> Iterator[list[ProviderTransfer]]:
    rest = iter(transfers)
    while some := list(islice(rest, RANGE)):
        yield some


MIRROR = text("""
    INSERT INTO provider_transfer (provider, provider_ref, transfer_group, amount_minor, currency, destination,
                                   reversed_minor, created_at, seen_at)
    VALUES (:provider, :provider_ref, :transfer_group, :amount_minor, :currency, :destination, :reversed_minor,
            :created_at, :now)
    ON CONFLICT (provider, provider_ref) DO UPDATE
       SET (transfer_group, amount_minor, currency, destination, reversed_minor, created_at, seen_at)
         = (excluded.transfer_group, excluded.amount_minor, excluded.currency, excluded.destination,
            excluded.reversed_minor, excluded.created_at, excluded.seen_at)
""")


def _mirror(conn: Connection, provider: str, transfers: list[ProviderTransfer], *, now: datetime) -> None:
    if transfers:
        # In one order, so that two runs at once never wait for each other in a circle.
        rows = sorted(transfers, key=lambda one: one.provider_ref)
        conn.execute(MIRROR, [{"provider": provider, "now": now, **vars(one)} for one in rows])


WRITE_RUN = text("""
    INSERT INTO reconciliation (provider, since, until, transfers) VALUES (:provider, :since, :now, :transfers)
    RETURNING id
""")


def _stop_for_strays(conn: Connection, provider: str, *, now: datetime) -> None:
    strays = strays_seen(conn, provider, seen_at=now)
    if strays:
        stop_for_strays(conn, strays, actor=job_actor("reconcile"), now=now)


def _compare(
    conn: Connection,
    provider: str,
    transfers: int,
    adopted: int,
    account: Account,
    *,
    since: datetime,
    now: datetime,
) -> RunResult:
    values = {"provider": provider, "since": since, "now": now, "transfers": transfers}
    run_id = conn.execute(WRITE_RUN, values).scalar_one()
    new, still_open = write_differences(
        conn, provider, run_id=run_id, since=since, now=now, booked=account.booked
    )
    write_balances(conn, provider, account.available, now=now)
    result = RunResult(
        count=len(new), details={"transfers": transfers, "adopted": adopted, "open": still_open}
    )
    result.amounts = Counter()
    for one in new:
        result.amounts[one.currency] += one.amount_minor
    return result
