"""Sending approved payouts: the one place of the domain that spans several transactions.

    send_due                     one run: what is due, over a few workers
      Gate.look                  0  once per process: account, provider's books and ours        nothing held
      Caution.may_claim          0  does the provider answer, do the books hold for what is next?
      take_up                    1  orphaned attempts whose lease is over: same key, same bytes       COMMIT
      Accounts.ready             0  ask the provider whether the account can be paid, keep the answer COMMIT
      claim_payout               1  lock, ask every guard again, freeze the parameters under a key    COMMIT
      send_one
        provider.send            2  no transaction, no lock, no connection held
        record_outcome           3  write what came of it, if the lease is still ours                 COMMIT

What cannot be rolled back is step 2. A crash before it leaves an attempt that is sent later under its own key; a
crash after it leaves an attempt that is asked for again under the same key. A new key exists only after a definite no,
or after two people have called it absent from the provider's books. Silence is a third outcome, not a failure.

While sending is stopped nothing is claimed and nothing taken up; a stop that comes during a run ends it with the calls
in flight. So does a provider that falls silent (core/breaker.py).
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, Engine, Row

from core.access import job_actor
from core.account_checks import Accounts, tell_rail
from core.breaker import may_claim
from core.caution import Caution
from core.claiming import Claim, StoppedMeanwhile, claim_payout, take_up
from core.due import due_payouts
from core.funds import Funds
from core.gate import Gate
from core.guards import STOPS_SENDING, blocking_reasons
from core.outcomes import record_outcome
from core.providers import Declined, Provider, Succeeded, Unknown
from core.stops import SendingStopped, current_stop

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
    gate: Gate | None = None,
) -> SendResult:
    """Send what is approved and what is due for another try, and return what came of it.

    `only` is one payout's id; `dry_run` counts what would be sent. Nothing new is claimed once `stopping` says so; calls
    in flight are finished. A payout that may not leave is passed over, for the reasons its page shows. While sending is
    stopped nothing is sent, and one payout asked for by `only` is refused with SendingStopped. `gate` is this process's:
    until it opens nothing is sent.
    """
    shut = (
        gate is not None and not dry_run and not gate.look(engine, provider, actor=job_actor("send"), now=now)
    )
    with engine.connect() as conn:
        stop = current_stop(conn)
        if stop is not None and only is not None:
            raise SendingStopped(who=stop.who, why=stop.why)
        if stop is not None or shut:
            return SendResult()
        due = due_payouts(conn, methods=provider.methods, now=now, only=only, retrying_only=retrying_only)
        tries = may_claim(conn, provider.name, now=now) if only is None else None
        if dry_run:
            return _would_send(conn, due, provider, now=now, limit=limit)
    with engine.begin() as conn:
        tell_rail(conn, provider, now=now)
    run = Run(
        engine, provider, due, now=now, limit=limit, at_once=only is not None, tries=tries, stopping=stopping
    )
    if only is None and not retrying_only:
        run.take_up()
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="send") as workers:
        for worker in [workers.submit(run.work) for _ in range(WORKERS)]:
            worker.result()
    run.complain()
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
        at_once: bool,
        stopping: Callable[[], bool],
        tries: int | None = None,
    ) -> None:
        self.result = SendResult()
        self._engine, self._provider, self._now, self._at_once = engine, provider, now, at_once
        self._due, self._limit, self._stopping = deque(due), limit, stopping
        self._orphans: deque[Claim] = deque()
        self._funds = Funds(provider)
        self._accounts = Accounts(engine, provider, now=now, at_once=at_once)
        self._claimed = 0
        self._caution = Caution(engine, tries=tries, now=now)
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
                self._caution.heard(outcome)
                self.result.add(claim, outcome)

    def complain(self) -> None:
        """Raise what kept accounts from being asked for, when nothing at all was sent for it."""
        if self._accounts.fault is not None and not self.result.count:
            raise self._accounts.fault

    def _next(self) -> Claim | None:
        with self._lock:
            if self._caution.says_stop:
                return None
            if self._orphans and not self._stopping() and not self._is_stopped():
                self._claimed += 1
                return self._orphans.popleft()
        while True:
            with self._lock:
                payout_id = self._choose()
                if payout_id is None:
                    return None
                if not self._accounts.are_asked:
                    claim, stopped = self._claim(payout_id)
            if self._accounts.are_asked:
                # Outside the lock, so that the others are not kept waiting for one answer.
                ready = self._accounts.ready(payout_id)
                with self._lock:
                    claim, stopped = self._claim(payout_id, ready=ready)
            if stopped or claim is not None:
                return claim

    def _choose(self) -> int | None:
        """Take the next payout that may be worth claiming off the list, and count it against the limit."""
        while self._due and (self._limit is None or self._claimed < self._limit) and not self._stopping():
            if not self._caution.may_claim(payout.id for payout in self._due):
                return None
            payout = self._due.popleft()
            payout_id: int = payout.id
            if self._accounts.worth_asking(payout_id) and self._funds.cover(
                payout.currency, payout.net_minor
            ):
                self._claimed += 1
                self._caution.claimed()
                return payout_id
        return None

    def _claim(self, payout_id: int, *, ready: bool = True) -> tuple[Claim | None, bool]:
        """Claim one payout that was chosen; the second tells that sending was stopped meanwhile."""
        claim, stopped = None, False
        try:
            if ready:
                with self._engine.begin() as conn:
                    claim = claim_payout(
                        conn, payout_id, self._provider, now=self._now, at_once=self._at_once
                    )
        except StoppedMeanwhile:
            stopped = True
        self._claimed -= claim is None
        if claim is None:
            self._caution.not_claimed()
        return claim, stopped

    def _is_stopped(self) -> bool:
        with self._engine.connect() as conn:
            return current_stop(conn) is not None


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
