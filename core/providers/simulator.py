"""The simulator: the default rail, on which no money moves.

It behaves like a real one where it matters: it keeps its own books in its own transactions, so a crash of the sender
cannot make it forget; the same key returns the same result; it may fall silent, with or without having moved the
money. What comes of an attempt is decided by payout and attempt number alone, so a run can be repeated.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, Engine, text

from core.providers import (
    Absent,
    Declined,
    ErrorClass,
    Order,
    ProviderTransfer,
    Succeeded,
    Unknown,
    params_hash,
)
from core.providers.simulator_reversals import find_taken_back, take_back

# Shares of attempts that succeed, by method.
SUCCESS: dict[str, Decimal] = {
    "stripe": Decimal("0.95"),
    "stripe_instant": Decimal("0.95"),
    "bank_transfer": Decimal("0.95"),
    "paypal": Decimal("0.90"),
    "check": Decimal("0.98"),
    "manual": Decimal(1),
}
# Code, class and words of the four ways it refuses, equally likely.
REFUSALS: dict[str, tuple[ErrorClass, str]] = {
    "daily_transfer_limit": ("limits", "Daily transfer limit exceeded"),
    "invalid_bank_account": ("instruction", "Invalid bank account details"),
    "network_timeout": ("transient", "Network timeout during processing"),
    "account_restricted": ("account", "Account temporarily restricted"),
    "balance_insufficient": ("platform_balance", "The platform's balance does not cover this transfer"),
}
RANDOM_REFUSALS = ("daily_transfer_limit", "invalid_bank_account", "network_timeout", "account_restricted")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

READ = text("SELECT params_hash, provider_ref, code FROM simulator_transfer WHERE idem_key = :key")
FIND = text(
    "SELECT provider_ref FROM simulator_transfer WHERE transfer_group = :group AND provider_ref IS NOT NULL"
)
FALL_SILENT = text("""
    INSERT INTO simulator_silence (idem_key, at) VALUES (:key, :at) ON CONFLICT DO NOTHING RETURNING idem_key
""")
# Two sends of one key at once: the second waits for the first's commit and then finds it.
LOCK_CURRENCY = text("SELECT pg_advisory_xact_lock(hashtext('simulator'), hashtext(:currency))")
MOVED = text("""
    SELECT (SELECT coalesce(sum(amount_minor), 0) FROM simulator_transfer
             WHERE currency = :currency AND provider_ref IS NOT NULL)
         - (SELECT coalesce(sum(amount_minor), 0) FROM simulator_reversal
             WHERE currency = :currency AND provider_ref IS NOT NULL)
""")
WRITE = text("""
    INSERT INTO simulator_transfer (idem_key, params_hash, transfer_group, amount_minor, currency, destination,
                                    provider_ref, code, at)
    VALUES (:key, :params_hash, :group, :amount_minor, :currency, :destination, :provider_ref, :code, :at)
""")

# By key: the books are read a page at a time, and no connection is held while somebody works with one.
PAGE = 1_000
LIST = text("""
    SELECT t.provider_ref, t.transfer_group, t.amount_minor, t.currency, t.destination, t.at,
           (SELECT coalesce(sum(r.amount_minor), 0)::bigint FROM simulator_reversal r
             WHERE r.transfer = t.provider_ref AND r.provider_ref IS NOT NULL) AS reversed_minor
      FROM simulator_transfer t
     WHERE t.provider_ref IS NOT NULL AND (t.at, t.provider_ref) > (:at, :ref) AND t.at < :until
     ORDER BY t.at, t.provider_ref LIMIT :page
""")


def dice(order: Order, what: str) -> Decimal:
    """Return a share in [0, 1) that depends on payout, attempt number and what it is thrown for, and on nothing else."""
    digest = hashlib.sha256(f"{order.payout_id}:{order.n}:{what}".encode()).digest()
    return Decimal(int.from_bytes(digest[:6], "big")) / Decimal(2**48)


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """The rail of the demo and of tests. `silence` is the share of first sends without an answer; a currency missing
    in `balance` is unlimited; `latency_s` is a range.
    """

    engine: Engine
    latency_s: tuple[float, float] = (0.0, 0.0)
    success: Mapping[str, Decimal] = field(default_factory=dict)
    silence: Decimal = Decimal(0)
    balance: Mapping[str, int] = field(default_factory=dict)
    name: str = "simulator"
    lease_s: int = 30
    methods: frozenset[str] = frozenset(SUCCESS)

    def send(self, order: Order) -> Succeeded | Declined | Unknown:
        """Send one order: replay what the key already did, or decide and write it down, perhaps without an answer."""
        self._wait(order)
        silent = dice(order, "silence") < self.silence
        moved = dice(order, "moved") < Decimal("0.5")
        with self.engine.begin() as conn:
            conn.execute(LOCK_CURRENCY, {"currency": order.params["currency"]})
            # Only the first send of a key can fall silent.
            if silent:
                silent = conn.execute(FALL_SILENT, {"key": order.key, "at": order.at}).first() is not None
            outcome = None if silent and not moved else self._settle(conn, order)
        self._wait(order)
        return Unknown(message="No answer came back") if silent or outcome is None else outcome

    def find(self, order: Order) -> Succeeded | Absent | Unknown:
        """Look the order up by its transfer group."""
        with self.engine.connect() as conn:
            refs = list(conn.execute(FIND, {"group": order.params["transfer_group"]}).scalars())
        if len(refs) > 1:
            return Unknown(message="Several transfers carry this payout's group", code="duplicate")
        return Succeeded(provider_ref=refs[0]) if refs else Absent()

    def reverse(self, order: Order) -> Succeeded | Declined | Unknown:
        """Take money of a transfer back: replay what the key already did, or do it, perhaps without an answer."""
        self._wait(order)
        silent = dice(order, "reversal silence") < self.silence
        moved = dice(order, "reversal moved") < Decimal("0.5")
        with self.engine.begin() as conn:
            conn.execute(LOCK_CURRENCY, {"currency": order.params["currency"]})
            if silent:
                silent = conn.execute(FALL_SILENT, {"key": order.key, "at": order.at}).first() is not None
            outcome = None if silent and not moved else take_back(conn, order)
        self._wait(order)
        return Unknown(message="No answer came back") if silent or outcome is None else outcome

    def find_reversal(self, order: Order) -> Succeeded | Absent | Unknown:
        """Look a reversal up by its reference."""
        with self.engine.connect() as conn:
            return find_taken_back(conn, order)

    def balance_minor(self, currency: str) -> int | None:
        """Return what is left of the configured balance, or None where it is unlimited."""
        with self.engine.connect() as conn:
            return self._left(conn, currency)

    def list_transfers(self, since: datetime, until: datetime) -> Iterator[ProviderTransfer]:
        """Yield what was moved in that time, oldest first."""
        after, ref = since, ""
        while True:
            with self.engine.connect() as conn:
                rows = conn.execute(LIST, {"at": after, "ref": ref, "until": until, "page": PAGE}).all()
            for row in rows:
                yield ProviderTransfer(
                    provider_ref=row.provider_ref,
                    transfer_group=row.transfer_group,
                    amount_minor=row.amount_minor,
                    currency=row.currency,
                    destination=row.destination,
                    reversed_minor=row.reversed_minor,
                    created_at=row.at,
                )
            if len(rows) < PAGE:
                return
            after, ref = rows[-1].at, rows[-1].provider_ref

    def _left(self, conn: Connection, currency: str) -> int | None:
        if currency not in self.balance:
            return None
        moved: int = conn.execute(MOVED, {"currency": currency}).scalar_one()
        return self.balance[currency] - moved

    def _settle(self, conn: Connection, order: Order) -> Succeeded | Declined | Unknown:
        digest = params_hash(order.params)
        known = conn.execute(READ, {"key": order.key}).one_or_none()
        if known is not None:
            if bytes(known.params_hash) != digest:
                return Unknown(message="This key was used with other parameters", code="idempotency_error")
            return self._outcome(known.provider_ref, known.code)
        ref, code = self._decide(conn, order)
        values = {
            "key": order.key,
            "params_hash": digest,
            "group": order.params["transfer_group"],
            "at": order.at,
        }
        values |= {name: order.params[name] for name in ("amount_minor", "currency", "destination")}
        conn.execute(WRITE, values | {"provider_ref": ref, "code": code})
        return self._outcome(ref, code)

    def _decide(self, conn: Connection, order: Order) -> tuple[str | None, str | None]:
        left = self._left(conn, order.params["currency"])
        if left is not None and left < order.params["amount_minor"]:
            return None, "balance_insufficient"
        method = order.params["method"]
        if dice(order, "success") >= self.success.get(method, SUCCESS[method]):
            return None, RANDOM_REFUSALS[int(dice(order, "refusal") * len(RANDOM_REFUSALS))]
        digest = hashlib.sha256(order.key.encode()).digest()
        letters = "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:8])
        return f"po_{order.at:%Y%m%d%H%M%S}_{letters}", None

    def _outcome(self, ref: str | None, code: str | None) -> Succeeded | Declined:
        if ref is not None:
            return Succeeded(provider_ref=ref)
        assert code is not None
        error_class, words = REFUSALS[code]
        return Declined(code=code, error_class=error_class, message=words)

    def _wait(self, order: Order) -> None:
        """Take half the latency: once before the books are written and once after, where a crash hurts most."""
        low, high = self.latency_s
        time.sleep((low + (high - low) * float(dice(order, "latency"))) / 2)
