"""Claiming: one attempt of one payout becomes this process's to send, with its key and parameters frozen.

These are the first transactions of the send protocol in `core/sending.py`; nothing here calls a provider.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from core.guards import STOPS_SENDING, blocking_reasons
from core.providers import Order, Provider, params_hash
from core.stops import current_stop


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One attempt that this process may send now; `lease_epoch` is what makes its outcome count."""

    order: Order
    lease_epoch: int


# It never waits, so it may meet partner and payout in any order: what somebody else holds is left for the next run.
LOCK_TO_CLAIM = text("""
    SELECT p.id
      FROM payout p JOIN partner_balance b USING (partner_id)
     WHERE p.id = :payout_id AND p.method = ANY(:methods)
       AND (p.status = 'approved' OR (p.status = 'retrying' AND (p.retry_at <= :now OR :at_once)))
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


class Claims(Protocol):
    """What a claim needs of whoever sends: a provider, or the files that people hand in."""

    @property
    def name(self) -> str:
        """What attempts remember it by."""
        ...

    @property
    def lease_s(self) -> int:
        """How long the attempt is nobody else's to take up."""
        ...

    @property
    def methods(self) -> frozenset[str]:
        """The methods it may claim; a payout by another one is left alone."""
        ...


class StoppedMeanwhile(Exception):
    """Sending was stopped between the guards and the attempt: the transaction is undone, and nothing may follow."""


def claim_payout(
    conn: Connection, payout_id: int, provider: Claims, *, now: datetime, at_once: bool = False
) -> Claim | None:
    """Claim one payout for sending and freeze what will be sent, or return None when it may not leave or is taken.

    A retrying one whose time has not come may not leave, unless a person wants it `at_once`.
    The key and the transfer group carry the payout's random reference, never its serial number: they stay unique across
    a restored or a second database. Raises StoppedMeanwhile when sending is stopped while the claim is made.
    """
    wanted = {"payout_id": payout_id, "now": now, "at_once": at_once, "methods": sorted(provider.methods)}
    if conn.execute(LOCK_TO_CLAIM, wanted).first() is None:
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
    try:
        conn.execute(ADD_ATTEMPT, values)
    except IntegrityError as fault:
        if rule_of(fault) == "nothing_leaves_while_stopped":
            raise StoppedMeanwhile from fault
        raise
    return Claim(order=_order(key, params, payout_id, payout.n, now=now), lease_epoch=1)


def rule_of(fault: IntegrityError) -> str | None:
    """Return the name of the rule that the database refused by."""
    name: str | None = getattr(getattr(fault.orig, "diag", None), "constraint_name", None)
    return name


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
     WHERE state = 'started' AND provider <> 'file' AND lease_until < clock_timestamp()
       AND first_sent_at <= clock_timestamp() - interval '23 hours'
""")


class ParamsDrifted(AssertionError):
    """What is stored under a key is not what was frozen under it: nothing may be sent."""


def take_up(conn: Connection, provider: Provider, *, now: datetime) -> list[Claim]:
    """Take up attempts whose process died with the call in flight: the same key and the same bytes go out again.

    While sending is stopped they wait; those beyond their key's life are looked up from then on.
    """
    conn.execute(TOO_OLD, {"now": now})
    if current_stop(conn) is not None:
        return []
    rows = conn.execute(TAKE_UP, {"provider": provider.name, "lease_s": provider.lease_s}).all()
    return [claim_of(row, now=now) for row in rows]


def claim_of(row: Row[tuple[int, int, str, dict[str, object], bytes, int]], *, now: datetime) -> Claim:
    """Return the claim of a stored attempt, refusing parameters that are not the frozen ones."""
    if params_hash(row.params) != bytes(row.params_hash):
        raise ParamsDrifted(row.idem_key)
    order = _order(row.idem_key, row.params, row.payout_id, row.n, now=now, asked_before=True)
    return Claim(order=order, lease_epoch=row.lease_epoch)


def _order(
    key: str, params: dict[str, object], payout_id: int, n: int, *, now: datetime, asked_before: bool = False
) -> Order:
    # Sorted, since the database keeps an order of its own: the same key always carries the same bytes.
    frozen = dict(sorted(params.items()))
    return Order(key=key, params=frozen, payout_id=payout_id, n=n, at=now, asked_before=asked_before)
