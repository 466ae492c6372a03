"""A payout's header: the row of the queue and what only its own page shows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from core.reads.send_words import sending_words
from core.reads.shown import show
from core.reads.words import known
from core.send_terms import Sending


@dataclass(frozen=True, kw_only=True)
class PayoutHeader:
    """A payout and its partner; amounts in minor units of `currency`, personal fields None when masked."""

    id: int
    version: int
    ref: str
    status: str
    origin: str
    priority: str
    method: str
    currency: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    partner_id: int
    partner_code: str
    partner_name: str | None
    partner_email: str | None
    partner_status: str
    tier: str | None
    country: str | None
    program: str
    program_name: str
    zone: str
    account: str | None
    destination_opened_at: datetime
    destination_by: str
    available_minor: int
    items: int
    customers: int
    customer: str | None
    customer_ref: str | None
    days_active_min: int | None
    days_active_max: int | None
    days_pending: int
    queued_at: datetime
    slot: datetime | None
    made_by: str
    approvals: int
    approvals_needed: int
    decided_at: datetime | None
    processed_at: datetime | None
    provider_ref: str | None
    retry_at: datetime | None
    retry_class: str | None
    reason_code: str | None
    reason: str | None
    note: str
    aside_until: date | None
    aside_reason: str | None
    aside_by: str | None
    batch_id: int | None
    paid_before: int
    usual_minor: int | None
    signals: list[str]
    policy_version: int
    sending: str  # when it leaves once approved, in words
    content_hash: str
    early_before: datetime | None  # the slot an early payout was asked for before
    override_rules: list[dict[str, Any]] | None
    override_proposed_by: str | None
    override_confirmed_by: str | None


INSTANTS = ("queued_at", "retry_at", "processed_at")

HEADER = text("""
    SELECT r.status AS partner_status, r.tier, r.country, g.zone, d.opened_at AS destination_opened_at, p.slot,
           p.made_by, d.made_by AS destination_by, p.decided_at,
           (SELECT count(DISTINCT a.actor) FROM approval a WHERE a.payout_id = p.id AND a.decision = 'approve'
               AND a.content_hash = payout_content_hash(p.id)) AS approvals,
           CASE WHEN p.aside_until > :today THEN p.aside_by END AS aside_by,
           l.version AS policy_version, l.terms -> 'sending' AS sending, encode(payout_content_hash(p.id), 'hex') AS content_hash,
           y.before_slot AS early_before, v.rules AS override_rules, v.proposed_by AS override_proposed_by,
           v.confirmed_by AS override_confirmed_by
      FROM payout p JOIN partner r ON r.id = p.partner_id JOIN program g ON g.id = p.program_id
      JOIN destination d ON d.id = p.destination_id JOIN policy l ON l.id = p.policy_id
      LEFT JOIN payout_override v ON v.payout_id = p.id
      LEFT JOIN early_payout y ON y.payout_id = p.id
     WHERE p.id = :id
""")


def read_header(conn: Connection, payout_id: int, *, now: datetime, masked: bool) -> PayoutHeader | None:
    """Return the header of one payout, or None when there is no such payout."""
    more = conn.execute(HEADER, {"id": payout_id, "today": now.date()}).mappings().one_or_none()
    if more is None:
        return None
    row = show(conn, [payout_id], now=now, masked=masked).iloc[0].to_dict()
    values = {name: known(value) for name, value in row.items()} | dict(more)
    values["sending"] = sending_words(Sending.model_validate(more["sending"] or {}))
    values |= {name: values[name].to_pydatetime() for name in INSTANTS if values[name] is not None}
    return PayoutHeader(**{field.name: values[field.name] for field in fields(PayoutHeader)})
