"""One customer's whole history: who referred them, since when, what they brought, and where that money is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection, text

from core.commission import Commission, FlatMonthly, FlatOnce
from core.days import day_of, first_instant, next_month
from core.money_words import written
from core.pricing import bounty_instant
from core.programs import partner_terms
from core.reads.frames import to_frame
from core.reads.terms import commission_words
from core.refusals import Refusal

EARNINGS_SHOWN = 200


class UnknownCustomer(Refusal):
    """There is no customer {id}."""

    code = "unknown_customer"


@dataclass(frozen=True, kw_only=True)
class CustomerHeader:
    """Who it is; `days_active` whole days of 24 hours, the sum in minor units of the program's currency."""

    id: int
    ref: str
    name: str | None
    email: str | None
    partner_code: str
    partner_name: str | None
    program: str
    currency: str
    signed_up_at: datetime
    cancelled_at: datetime | None
    days_active: int
    earnings: int
    earned_minor: int


@dataclass(frozen=True, kw_only=True)
class CustomerHistory:
    """The customer, the newest earnings they brought and what was changed about them.

    `earnings`: id, kind, source_ref, period, amount_minor, occurred_at, release_at, state, payout_id, status of that payout.
    `changes`: field, old_value, new_value, made_by, at. `rule` is by what they bring something, and what is short of it.
    """

    header: CustomerHeader
    rule: str
    earnings: pd.DataFrame
    changes: pd.DataFrame


HEADER = text("""
    SELECT c.id, c.partner_id, g.zone, c.ref,
           CASE WHEN :personal THEN w.name END AS name, CASE WHEN :personal THEN w.email END AS email,
           r.code AS partner_code, CASE WHEN :personal THEN i.name END AS partner_name, g.name AS program, g.currency,
           c.signed_up_at, c.cancelled_at,
           floor(extract(epoch FROM least(coalesce(c.cancelled_at, :now), :now) - c.signed_up_at) / 86400)::bigint
               AS days_active,
           (SELECT count(*) FROM earning WHERE customer_id = c.id) AS earnings,
           (SELECT coalesce(sum(amount_minor), 0)::bigint FROM earning WHERE customer_id = c.id) AS earned_minor
      FROM customer c JOIN identity w ON w.id = c.identity_id
      JOIN partner r ON r.id = c.partner_id JOIN identity i ON i.id = r.identity_id
      JOIN program g ON g.id = c.program_id
     WHERE c.id = :id
""")
EARNINGS = text("""
    SELECT e.id, e.kind, e.source_ref, e.period, e.amount_minor, e.occurred_at, e.release_at,
           CASE WHEN o.earning_id IS NULL AND i.payout_id IS NULL THEN 'voided'
                WHEN o.earning_id IS NULL THEN NULL
                WHEN o.amount_minor > 0 AND (o.on_hold OR o.release_at > b.released_to) THEN 'held'
                ELSE 'available' END AS state,
           i.payout_id, p.status
      FROM earning e
      JOIN partner_balance b ON b.partner_id = e.partner_id
      LEFT JOIN open_item o ON o.earning_id = e.id
      LEFT JOIN payout_item i ON i.earning_id = e.id AND i.live
      LEFT JOIN payout p ON p.id = i.payout_id
     WHERE e.customer_id = :id
     ORDER BY e.occurred_at DESC, e.id DESC LIMIT :limit
""")
CHANGES = text("""
    SELECT field, old_value, new_value, made_by, at FROM change
     WHERE subject = 'customer' AND subject_id = :id ORDER BY id DESC LIMIT :limit
""")


def customer_story(conn: Connection, customer_id: int, *, now: datetime, masked: bool) -> CustomerHistory:
    """Return one customer's history; with `masked` without names. Refuses UnknownCustomer."""
    asked = {"id": customer_id, "now": now, "personal": not masked, "limit": EARNINGS_SHOWN}
    row = conn.execute(HEADER, asked).mappings().one_or_none()
    if row is None:
        raise UnknownCustomer(id=customer_id)
    values = dict(row)
    partner_id, zone = values.pop("partner_id"), ZoneInfo(values.pop("zone"))
    header = CustomerHeader(**values)
    earnings = to_frame(conn.execute(EARNINGS, asked))
    commission = partner_terms(conn, partner_id, now=now).policy.commission
    return CustomerHistory(
        header=header,
        rule=_rule(header, commission, zone, has_bounty="bounty" in set(earnings["kind"]), now=now),
        earnings=earnings,
        changes=to_frame(conn.execute(CHANGES, asked)),
    )


def _rule(
    header: CustomerHeader, commission: Commission, zone: ZoneInfo, *, has_bounty: bool, now: datetime
) -> str:
    """Say by what the customer brings something; where they bring nothing yet, what is short and the day it comes."""
    gone = header.cancelled_at is not None and header.cancelled_at <= now
    match commission:
        case FlatOnce():
            each = written(commission.amount_minor, header.currency)
            days = f"{header.days_active:,} of {commission.active_days:,} days"
            due = bounty_instant(header.signed_up_at, active_days=commission.active_days)
            if has_bounty:
                return f"The bounty of {commission.active_days:,} active days is earned once, and is."
            if header.cancelled_at is not None and header.cancelled_at < due:
                return f"No bounty: cancelled after {days}."
            if due > now:
                return f"{each} is earned on {due.astimezone(zone):%-d %b %Y} if they are still active then: {days} so far."
            return f"{each} is earned; the next accrual writes it down."
        case FlatMonthly():
            each = written(commission.amount_minor, header.currency)
            rule = f"{each} is earned for each month they are active at its first instant"
            if gone:
                return f"{rule}; none since they cancelled."
            first = first_instant(next_month(day_of(now, zone)), zone)
            return f"{rule}, the next on {first.astimezone(zone):%-d %b %Y}."
    return f"Being a customer earns nothing by itself. Of sales is earned: {commission_words(commission, header.currency)}."
