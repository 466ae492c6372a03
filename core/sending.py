"""Sending approved payouts: the one place of the domain that spans several transactions.

    send_due                     one run: what is due, over a few workers
      take_up                    1  orphaned attempts whose lease is over: same key, same bytes       COMMIT
      claim_payout               1  lock, ask every guard again, freeze the parameters under a key    COMMIT
      send_one
        provider.send            2  no transaction, no lock, no connection held
        record_outcome           3  write what came of it, if the lease is still ours                 COMMIT

What cannot be rolled back is step 2. A crash before it leaves an attempt that is sent later under its own key; a
crash after it leaves an attempt that is asked for again under the same key. A new key exists only after a definite no,
or after the provider's books have proved that nothing moved. Silence is a third outcome, not a failure.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, Engine, Row, text

from core.guards import STOPS_SENDING, blocking_reasons
from core.outcomes import record_outcome
from core.providers import Declined, Order, Provider, Succeeded, Unknown, params_hash

# Calls to the provider under way at once: at a usual half second each this stays below 20 requests a second.
WORKERS = 8


@dataclass(kw_only=True)
class SendResult:
    """What one run did: attempts handled with their net by currency, and how they came out."""

    count: int = 0
    amounts: Counter[str] = field(default_factory=Counter)
    succeeded: int = 0
    declined: int = 0
    unknown: int = 0

    def add(self, claim: Claim, outcome: Succeeded | Declined | Unknown) -> None:
        """Count one attempt."""
        self.count += 1
        self.amounts[claim.order.params["currency"]] += claim.order.params["amount_minor"]
        self.succeeded += isinstance(outcome, Succeeded)
        self.declined += isinstance(outcome, Declined)
        self.unknown += isinstance(outcome, Unknown)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One attempt that this process may send now; `lease_epoch` is what makes its outcome count."""

    order: Order
    lease_epoch: int


DUE = text("""
    SELECT id, currency, net_minor FROM payout
     WHERE status IN ('approved', 'retrying') AND (status = 'approved' OR retry_at <= :now)
       AND (NOT :retrying_only OR status = 'retrying')
     ORDER BY priority_rank DESC, queued_at, id
""")
DUE_ONE = text("""
    SELECT id, currency, net_minor FROM payout
     WHERE id = :only AND status IN ('approved', 'retrying') AND (NOT :retrying_only OR status = 'retrying')
""")


def due_payouts(
    conn: Connection, *, now: datetime, only: int | None = None, retrying_only: bool = False
) -> list[Row[tuple[int, str, int]]]:
    """Return the payouts to be sent, urgent ones first, then the oldest; `only` makes that one due now."""
    values = {"now": now, "retrying_only": retrying_only}
    if only is not None:
        return list(conn.execute(DUE_ONE, values | {"only": only}))
    return list(conn.execute(DUE, values))


def send_due(
    engine: Engine,
    provider: Provider,
    *,
    now: datetime,
    limit: int | None = None,
    only: int | None = None,
    retrying_only: bool = False,
    dry_run: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> SendResult:
    """Send what is approved and what is due for another try, and return what came of it.

    `only` is one payout's id; `dry_run` counts what would be sent. Nothing new is claimed once `stopping` says so; calls
    in flight are finished. A payout that may not leave is passed over, for the reasons its page shows.
    """
    with engine.connect() as conn:
        due = due_payouts(conn, now=now, only=only, retrying_only=retrying_only)
        if dry_run:
            return _would_send(conn, due, provider, now=now, limit=limit)
    run = Run(engine, provider, due, now=now, limit=limit, stopping=stopping)
    if only is None and not retrying_only:
        run.take_up()
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="send") as workers:
        for worker in [workers.submit(run.work) for _ in range(WORKERS)]:
            worker.result()
    return run.result


class Run:
    """One run of the sender: its workers share the list of what is due and claim from it one by one, each only when it is
    free to send at once, so that no lease runs out in a line.
    """

    def __init__(
        self,
        engine: Engine,
        provider: Provider,
        due: list[Row[tuple[int, str, int]]],
        *,
        now: datetime,
        limit: int | None,
        stopping: Callable[[], bool],
    ) -> None:
        self.result = SendResult()
        self._engine, self._provider, self._now = engine, provider, now
        self._due, self._limit, self._stopping = deque(due), limit, stopping
        self._orphans: deque[Claim] = deque()
        self._funds = Funds(provider)
        self._claimed = 0
        self._lock = Lock()

    def take_up(self) -> None:
        """Put the attempts of a dead process at the head of the line."""
        with self._engine.begin() as conn:
            self._orphans.extend(take_up(conn, self._provider, now=self._now))

    def work(self) -> None:
        """Claim and send until nothing is left to claim."""
        while (claim := self._next()) is not None:
            outcome = send_one(self._engine, self._provider, claim, now=self._now)
            with self._lock:
                if isinstance(outcome, Declined) and outcome.error_class == "platform_balance":
                    self._funds.ran_short(claim.order.params["currency"])
                self.result.add(claim, outcome)

    def _next(self) -> Claim | None:
        with self._lock:
            if self._orphans:
                self._claimed += 1
                return self._orphans.popleft()
            while self._due and (self._limit is None or self._claimed < self._limit) and not self._stopping():
                payout = self._due.popleft()
                if not self._funds.cover(payout.currency, payout.net_minor):
                    continue
                with self._engine.begin() as conn:
                    claim = claim_payout(conn, payout.id, self._provider, now=self._now)
                if claim is not None:
                    self._claimed += 1
                    return claim
            return None


class Funds:
    """What the platform may still send in this run, by currency; asked once, then counted down. Never the guard: that
    is the provider's own refusal. A currency that has run short pauses, so that no large payout is overtaken for ever.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._left: dict[str, int | None] = {}

    def cover(self, currency: str, net_minor: int) -> bool:
        """Tell whether this much is there, and count it down."""
        if currency not in self._left:
            self._left[currency] = self._provider.balance_minor(currency)
        left = self._left[currency]
        if left is None:
            return True
        self._left[currency] = left - net_minor if net_minor <= left else 0
        return net_minor <= left

    def ran_short(self, currency: str) -> None:
        """Pause a currency for the rest of the run."""
        self._left[currency] = 0


def _would_send(
    conn: Connection,
    due: list[Row[tuple[int, str, int]]],
    provider: Provider,
    *,
    now: datetime,
    limit: int | None,
) -> SendResult:
    result, funds = SendResult(), Funds(provider)
    reasons = blocking_reasons(conn, [payout.id for payout in due], now=now)
    for payout in due:
        free = not any(reason.code in STOPS_SENDING for reason in reasons[payout.id])
        if (
            free
            and (limit is None or result.count < limit)
            and funds.cover(payout.currency, payout.net_minor)
        ):
            result.count += 1
            result.amounts[payout.currency] += payout.net_minor
    return result


# It never waits, so it may meet partner and payout in any order: what somebody else holds is left for the next run.
LOCK_TO_CLAIM = text("""
    SELECT p.id
      FROM payout p JOIN partner_balance b USING (partner_id)
     WHERE p.id = :payout_id AND p.status IN ('approved', 'retrying')
       FOR UPDATE OF b, p SKIP LOCKED
""")
BEGIN_PROCESSING = text("""
    UPDATE payout SET status = 'processing', retry_at = NULL, retry_class = NULL, aside_until = NULL,
                      aside_reason = NULL, aside_by = NULL
     WHERE id = :payout_id AND status IN ('approved', 'retrying')
    RETURNING id, ref, net_minor, currency, method, destination_id, payout_content_hash(id) AS content_hash,
              (SELECT coalesce(max(n), 0) + 1 FROM attempt a WHERE a.payout_id = payout.id) AS n
""")
DESTINATION = text("""
    SELECT coalesce(account, 'email:' || left(encode(fingerprint, 'hex'), 16)) FROM destination WHERE id = :destination_id
""")
ADD_ATTEMPT = text("""
    INSERT INTO attempt (payout_id, n, idem_key, provider, params, params_hash, approved_hash, started_at,
                         first_sent_at, lease_until)
    VALUES (:payout_id, :n, :idem_key, :provider, CAST(:params AS jsonb), :params_hash, :approved_hash, :now,
            clock_timestamp(), clock_timestamp() + make_interval(secs => :lease_s))
""")


def claim_payout(conn: Connection, payout_id: int, provider: Provider, *, now: datetime) -> Claim | None:
    """Claim one payout for sending and freeze what will be sent, or return None when it may not leave or is taken.

    The key and the transfer group carry the payout's random reference, never its serial number: they stay unique across
    a restored or a second database.
    """
    if conn.execute(LOCK_TO_CLAIM, {"payout_id": payout_id}).first() is None:
        return None
    if any(
        reason.code in STOPS_SENDING for reason in blocking_reasons(conn, [payout_id], now=now)[payout_id]
    ):
        return None
    payout = conn.execute(BEGIN_PROCESSING, {"payout_id": payout_id}).one()
    destination: str = conn.execute(DESTINATION, {"destination_id": payout.destination_id}).scalar_one()
    params: dict[str, object] = {
        "amount_minor": payout.net_minor,
        "currency": payout.currency,
        "method": payout.method,
        "destination": destination,
        "transfer_group": str(payout.ref),
    }
    key = f"po_{payout.ref}_{payout.n}"
    values = {
        "payout_id": payout_id,
        "n": payout.n,
        "idem_key": key,
        "provider": provider.name,
        "params": json.dumps(params),
        "params_hash": params_hash(params),
        "approved_hash": payout.content_hash,
        "lease_s": provider.lease_s,
        "now": now,
    }
    conn.execute(ADD_ATTEMPT, values)
    return Claim(order=_order(key, params, payout_id, payout.n, now=now), lease_epoch=1)


# The lease is the database's clock, one source for all processes; beyond the key's life nothing is sent any more.
TAKE_UP = text("""
    UPDATE attempt SET lease_epoch = lease_epoch + 1,
                       lease_until = clock_timestamp() + make_interval(secs => :lease_s)
     WHERE (payout_id, n) IN (SELECT payout_id, n FROM attempt
                               WHERE state = 'started' AND lease_until < clock_timestamp()
                                 AND first_sent_at > clock_timestamp() - interval '23 hours'
                                 AND provider = :provider
                               ORDER BY lease_until LIMIT 100
                                 FOR UPDATE SKIP LOCKED)
    RETURNING payout_id, n, idem_key, params, params_hash, lease_epoch
""")
TOO_OLD = text("""
    UPDATE attempt SET state = 'unknown', next_look_at = :now, lease_epoch = lease_epoch + 1,
                       message = 'No outcome was ever recorded'
     WHERE state = 'started' AND lease_until < clock_timestamp()
       AND first_sent_at <= clock_timestamp() - interval '23 hours'
""")


class ParamsDrifted(AssertionError):
    """What is stored under a key is not what was frozen under it: nothing may be sent."""


def take_up(conn: Connection, provider: Provider, *, now: datetime) -> list[Claim]:
    """Take up attempts whose process died with the call in flight: the same key and the same bytes go out again."""
    conn.execute(TOO_OLD, {"now": now})
    rows = conn.execute(TAKE_UP, {"provider": provider.name, "lease_s": provider.lease_s}).all()
    return [claim_of(row, now=now) for row in rows]


def claim_of(row: Row[tuple[int, int, str, dict[str, object], bytes, int]], *, now: datetime) -> Claim:
    """Return the claim of a stored attempt, refusing parameters that are not the frozen ones."""
    if params_hash(row.params) != bytes(row.params_hash):
        raise ParamsDrifted(row.idem_key)
    order = _order(row.idem_key, row.params, row.payout_id, row.n, now=now)
    return Claim(order=order, lease_epoch=row.lease_epoch)


def _order(key: str, params: dict[str, object], payout_id: int, n: int, *, now: datetime) -> Order:
    # Sorted, since the database keeps an order of its own: the same key always carries the same bytes.
    return Order(key=key, params=dict(sorted(params.items())), payout_id=payout_id, n=n, at=now)


def send_one(
    engine: Engine, provider: Provider, claim: Claim, *, now: datetime
) -> Succeeded | Declined | Unknown:
    """Call the provider with nothing held, then record what came of it."""
    begun = time.monotonic()
    try:
        outcome = provider.send(claim.order)
    except Exception as fault:  # noqa: BLE001 - whatever broke after the request left: the money may have moved
        outcome = Unknown(message=f"{type(fault).__name__}: {fault}"[:500])
    duration_ms = round((time.monotonic() - begun) * 1000)
    with engine.begin() as conn:
        record_outcome(
            conn,
            claim.order,
            outcome,
            lease_epoch=claim.lease_epoch,
            what="send",
            duration_ms=duration_ms,
            now=now,
        )
    return outcome
