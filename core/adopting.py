"""Adopting: a payout that waits to be sent, and that the provider shows as paid, is booked as paid and never sent again.

A database restored from an older backup has forgotten attempts whose transfers were made. The transfer carries the payout's
random id, so it names what it paid; only exactly this money to exactly this destination is adopted. Nothing is sent here,
so it goes on while sending is stopped.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from core import audit
from core.access import job_actor
from core.claiming import BEGIN_PROCESSING, DESTINATION
from core.ledger import lock_partners
from core.outcomes import record_outcome
from core.providers import Order, Succeeded, params_hash

# Of several transfers for one payout the first is its own; the others are differences.
ADOPTABLE = text("""
    SELECT DISTINCT ON (p.id) p.id AS payout_id, p.partner_id, m.provider_ref, m.destination, m.created_at
      FROM provider_transfer m JOIN payout p ON p.ref = m.payout_ref
     WHERE m.provider = :provider AND m.seen_at = :seen_at AND p.status IN ('approved', 'retrying')
       AND m.amount_minor = p.net_minor AND m.currency = p.currency
       AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.provider = m.provider AND a.provider_ref = m.provider_ref)
     ORDER BY p.id, m.created_at, m.provider_ref
""")
LOCK_PAYOUT = text(
    "SELECT id FROM payout WHERE id = :payout_id AND status IN ('approved', 'retrying') FOR UPDATE"
)
ADOPT = text("""
    INSERT INTO attempt (payout_id, n, idem_key, provider, params, params_hash, approved_hash, started_at,
                         first_sent_at, lease_until, adopts)
    VALUES (:payout_id, :n, :idem_key, :provider, CAST(:params AS jsonb), :params_hash, :approved_hash, :made_at,
            :made_at, clock_timestamp(), :provider_ref)
""")


class Adoptable(NamedTuple):
    """A transfer that the provider shows, and the payout here that waits to be sent and carries its group."""

    payout_id: int
    partner_id: int
    provider_ref: str
    destination: str
    created_at: datetime


def adoptable(conn: Connection, provider: str, *, seen_at: datetime) -> list[Adoptable]:
    """Return the transfers of the look of `seen_at` whose payouts wait to be sent, of exactly their money."""
    rows = conn.execute(ADOPTABLE, {"provider": provider, "seen_at": seen_at})
    return [Adoptable(*row) for row in rows]


def adopt(conn: Connection, found: Adoptable, provider: str, *, now: datetime) -> bool:
    """Book a payout as paid by this transfer; return False, with nothing changed, where it was sent or ended meanwhile,
    or goes to another destination.
    """
    lock_partners(conn, [found.partner_id])
    values = {
        "payout_id": found.payout_id,
        "provider": provider,
        "provider_ref": found.provider_ref,
        "made_at": min(found.created_at, now),
    }
    if conn.execute(LOCK_PAYOUT, values).first() is None:
        return False
    if _destination(conn, found.payout_id) != found.destination:
        return False
    _adopt(conn, values, now=now)
    return True


DESTINATION_ID = text("SELECT destination_id FROM payout WHERE id = :payout_id")


def _destination(conn: Connection, payout_id: int) -> str:
    wanted = conn.execute(DESTINATION_ID, {"payout_id": payout_id}).scalar_one()
    destination: str = conn.execute(DESTINATION, {"destination_id": wanted}).scalar_one()
    return destination


def _adopt(conn: Connection, values: dict[str, object], *, now: datetime) -> None:
    payout = conn.execute(BEGIN_PROCESSING, values).one()
    params: dict[str, object] = {
        "amount_minor": payout.net_minor,
        "currency": payout.currency,
        "method": payout.method,
        "destination": conn.execute(DESTINATION, {"destination_id": payout.destination_id}).scalar_one(),
        "transfer_group": str(payout.ref),
    }
    key = f"po_{payout.ref}_{payout.n}"
    frozen = {
        "n": payout.n,
        "idem_key": key,
        "params": json.dumps(params),
        "params_hash": params_hash(params),
        "approved_hash": payout.content_hash,
    }
    conn.execute(ADOPT, values | frozen)
    ref = str(values["provider_ref"])
    record_outcome(
        conn,
        Order(key=key, params=params, payout_id=payout.id, n=payout.n, at=now),
        Succeeded(provider_ref=ref, message="Found at the provider; no attempt here had made it"),
        lease_epoch=1,
        what="find",
        duration_ms=0,
        now=now,
    )
    details = {"provider": values["provider"], "provider_ref": ref, "made_at": values["made_at"]}
    audit.record(
        conn,
        "payout.adopted",
        subject="payout",
        ids=[payout.id],
        actor=job_actor("reconcile"),
        now=now,
        details=details,
    )
