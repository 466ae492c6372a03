"""Tells partners some days before a scheduled payout what is expected, by their own days or their program's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from core.days import day_of
from core.drafting import Payee, read_payees
from core.outbox import ToTell, tell_partners
from core.policy import Policy
from core.queueing import Terms
from core.runs import partner_ranges, unit_of_work
from core.schedule import next_slot

# What is there by then as things stand: not on hold, and released in time.
EXPECTED = text("""
    SELECT w.partner_id, sum(o.amount_minor)::bigint AS amount_minor
      FROM unnest(CAST(:partner_ids AS bigint[]), CAST(:slots AS timestamptz[])) AS w (partner_id, slot)
      JOIN open_item o ON o.partner_id = w.partner_id AND o.release_at <= w.slot AND NOT o.on_hold
     GROUP BY w.partner_id
""")
OWN_DAYS = text("SELECT id, notice_days FROM partner WHERE id = ANY(:ids) AND notice_days IS NOT NULL")


def tell_of_upcoming(engine: Engine, *, made_by: str, now: datetime, dry_run: bool = False) -> int:
    """Tell every partner whose scheduled payout is near enough, once for each; return how many messages that makes."""
    with engine.connect() as conn:
        ranges = list(partner_ranges(conn))
    terms, told = Terms(now), 0
    for partner_ids in ranges:
        with unit_of_work(engine, dry_run=dry_run) as conn:
            told += _tell_range(conn, partner_ids, terms, made_by=made_by, now=now)
    return told


def _tell_range(
    conn: Connection, partner_ids: Sequence[int], terms: Terms, *, made_by: str, now: datetime
) -> int:
    own_days = {row.id: row.notice_days for row in conn.execute(OWN_DAYS, {"ids": list(partner_ids)})}
    near: list[tuple[Payee, Policy, datetime]] = []
    for payee in read_payees(conn, partner_ids, now=now):
        policy = terms.of(conn, payee)[1]
        slot = _near_slot(payee, policy, own_days.get(payee.id, policy.messages.notice_days), now=now)
        if slot is not None:
            near.append((payee, policy, slot))
    values = {
        "partner_ids": [payee.id for payee, _, _ in near],
        "slots": [slot for _, _, slot in near],
    }
    expected = {row.partner_id: row.amount_minor for row in conn.execute(EXPECTED, values)}
    what = []
    for payee, policy, slot in near:
        amount = _within_cap(payee, policy, expected.get(payee.id, 0), slot)
        if amount > 0 and amount >= policy.min_payout_minor:
            about = {"slot_s": int(slot.timestamp()), "expected_minor": amount}
            what.append(ToTell(payee.id, about, f"{payee.id}:{slot:%Y-%m-%dT%H:%MZ}"))
    return len(tell_partners(conn, "payout_upcoming", what, made_by=made_by, now=now))


def _near_slot(payee: Payee, policy: Policy, days: int, *, now: datetime) -> datetime | None:
    """Return the slot this partner is to hear of now; None: none is near, or nothing would be paid then."""
    if not days or payee.status != "active" or payee.destination_id is None:
        return None
    slot = next_slot(policy.schedule, zone=ZoneInfo(payee.zone), now=now)
    if slot is None or slot > now + timedelta(days=days):
        return None
    held = payee.hold_reason is not None and (payee.hold_until is None or payee.hold_until > slot)
    return None if held else slot


def _within_cap(payee: Payee, policy: Policy, amount_minor: int, slot: datetime) -> int:
    cap = policy.max_per_partner_month_minor
    if cap is None:
        return amount_minor
    month: date = day_of(slot, ZoneInfo(payee.zone)).replace(day=1)
    used = payee.cap_used_minor if month == payee.cap_month else 0
    return min(amount_minor, max(cap - used, 0))
