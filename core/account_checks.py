"""The rail a run sends by, as the pages see it, and its accounts: asked whether they can be paid before each claim.

An account is asked for immediately before the claim, so what the claim's guard reads is as old as one request; that costs
one request for each payout, within the rail's rate. One that was not ready is asked again after five minutes only, or it
would cost a request in every run; an event of the account brings the news sooner.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, Engine, Row, text

from core.access import job_actor
from core.accounts import note_account
from core.guards import STOPS_SENDING, blocking_reasons
from core.providers import Provider
from core.providers.readiness import KnowsAccounts
from core.providers.stripe_answers import StripeRefused

log = logging.getLogger(__name__)

NOT_READY_LIVES = timedelta(minutes=5)
# One account that cannot be asked for holds back nobody else; several in a row mean that nothing can be asked.
FAULTS_IN_A_ROW = 3
NOT_READY = "account_not_ready"

READ_RAIL = text("SELECT provider, methods, livemode FROM rail_in_use")
CHANGE_RAIL = text("""
    INSERT INTO rail_in_use (provider, methods, livemode, since) VALUES (:provider, :methods, :livemode, :now)
    ON CONFLICT (one) DO UPDATE
       SET (provider, methods, livemode, since)
         = (excluded.provider, excluded.methods, excluded.livemode, excluded.since)
""")


def tell_rail(conn: Connection, provider: Provider, *, now: datetime) -> None:
    """Write down by which rail this process sends, which methods it serves, and whether real money moves."""
    livemode = provider.livemode if isinstance(provider, KnowsAccounts) else None
    known = conn.execute(READ_RAIL).one_or_none()
    in_use = (provider.name, sorted(provider.methods), livemode)
    if known is None or (known.provider, known.methods, known.livemode) != in_use:
        values = dict(zip(("provider", "methods", "livemode"), in_use, strict=True))
        conn.execute(CHANGE_RAIL, values | {"now": now})


ACCOUNT = text("""
    SELECT d.account, s.ready IS FALSE AND s.checked_at > :not_before AS not_ready_lately
      FROM payout p JOIN destination d ON d.id = p.destination_id
      LEFT JOIN account_state s ON s.provider = :provider AND s.account = d.account
     WHERE p.id = :payout_id
""")


class Accounts:
    """What one run knows of the accounts it pays into; safe for all its workers. `at_once` asks again about all."""

    def __init__(self, engine: Engine, provider: Provider, *, now: datetime, at_once: bool) -> None:
        self._engine, self._name, self._now, self._at_once = engine, provider.name, now, at_once
        self._rail = provider if isinstance(provider, KnowsAccounts) else None
        self._in_a_row = 0
        self._lock = Lock()
        self.fault: StripeRefused | None = None

    @property
    def are_asked(self) -> bool:
        """This rail has accounts that may not be ready."""
        return self._rail is not None

    def worth_asking(self, payout_id: int) -> bool:
        """Tell whether nothing else stands in the payout's way that we know of already."""
        if self._rail is None:
            return True
        with self._engine.connect() as conn:
            reasons = blocking_reasons(conn, [payout_id], now=self._now)[payout_id]
            if any(reason.code in STOPS_SENDING - {NOT_READY} for reason in reasons):
                return False
            return self._at_once or not self._account(conn, payout_id).not_ready_lately

    def ready(self, payout_id: int) -> bool:
        """Ask the provider about the payout's account, with nothing held, keep the answer, and tell whether it is ready.

        An account that cannot be asked for is not ready. Refuses StripeRefused when several in a row cannot, and
        WrongAccount.
        """
        if self._rail is None:
            return True
        with self._engine.connect() as conn:
            account = self._account(conn, payout_id).account
        if account is None:
            return True
        begun = time.monotonic()
        try:
            seen = self._rail.account_ready(account)
        except StripeRefused as fault:
            log.warning("account %s could not be asked for: %s", account, fault)
            with self._lock:
                self.fault, self._in_a_row = fault, self._in_a_row + 1
                if self._in_a_row >= FAULTS_IN_A_ROW:
                    raise
            return False
        with self._lock:
            self._in_a_row = 0
        with self._engine.begin() as conn:
            note_account(
                conn,
                self._name,
                account,
                seen,
                asked_ago_s=time.monotonic() - begun,
                actor=job_actor("send"),
                now=self._now,
            )
        return seen.ok

    def _account(self, conn: Connection, payout_id: int) -> Row[tuple[str | None, bool]]:
        not_before = self._now - NOT_READY_LIVES
        return conn.execute(
            ACCOUNT, {"payout_id": payout_id, "provider": self._name, "not_before": not_before}
        ).one()
