"""What fewer payouts would have saved: fixed fees dominate small payouts, and every payout that is joined to another one
spares its fixed part. A percentage stays the same, whatever is joined.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pandas as pd
from sqlalchemy import Connection, text

from core.fees import Fee
from core.policy import Policy, resolve
from core.reports.period import Period

DAYS_MAX = 90
SHOWN = 50
Cadence = Literal["week", "month"]
DEFINITION = (
    "Payouts of the period, at most its last 90 days, by the day they were paid, as if those of one partner had been joined:"
    " by calendar week or month of the program’s zone, or until they reach a minimum; the last one of a partner that does"
    " not reach it waits and spares its fee too. Each joined payout spares the fixed part of its fee by the terms of now. A"
    " payout that was reversed later had its fee all the same."
)


@dataclass(frozen=True, kw_only=True)
class Saving:
    """What joining payouts would have spared, in minor units, and for whom.

    `partners`: code, name, currency, payouts, joined (how many would have been left), fixed_minor (of one payout), saved_minor,
    payer; those who would save most. `since` is the first day it is worked out over.
    """

    since: date
    payouts: int
    joined: int
    saved_by_partners_minor: int
    saved_by_us_minor: int
    savers: int
    partners: pd.DataFrame


# One payout alone has nothing to be joined to, but may stay below a minimum.
PAID = text("""
    WITH span AS MATERIALIZED (
        SELECT id, zone, CAST(:since AS timestamp) AT TIME ZONE zone AS since,
               CAST(:after AS timestamp) AT TIME ZONE zone AS after
          FROM program WHERE (CAST(:program AS text) IS NULL OR code = :program) AND currency = :currency),
    near AS MATERIALIZED (
        SELECT program_id, partner_id, method, processed_at, amount_minor FROM payout
         WHERE status IN ('paid', 'reversed')
           AND processed_at >= CAST(:since AS timestamp) AT TIME ZONE 'UTC' - interval '1 day'
           AND processed_at < CAST(:after AS timestamp) AT TIME ZONE 'UTC' + interval '1 day')
    SELECT p.program_id, p.partner_id, p.method, count(*) AS payouts,
           CASE WHEN :listed THEN 0 ELSE count(DISTINCT date_trunc(:cadence, p.processed_at AT TIME ZONE s.zone)) END AS joined,
           CASE WHEN :listed THEN array_agg(p.amount_minor ORDER BY p.processed_at) END AS amounts
      FROM near p JOIN span s ON s.id = p.program_id
     WHERE p.processed_at >= s.since AND p.processed_at < s.after
     GROUP BY 1, 2, 3
""")
TERMS = text("SELECT id, tier, overrides FROM partner WHERE id = ANY(:ids)")
POLICIES = text("""
    SELECT DISTINCT ON (program_id) program_id, terms FROM policy WHERE effective_at <= :now ORDER BY program_id, version DESC
""")
NAMES = text("""
    SELECT r.id, r.code, w.name FROM partner r JOIN identity w ON w.id = r.identity_id WHERE r.id = ANY(:ids)
""")


def fee_saving(
    conn: Connection,
    span: Period,
    *,
    now: datetime,
    currency: str,
    masked: bool,
    cadence: Cadence | None = None,
    minimum_minor: int = 0,
) -> Saving:
    """Return what paying by calendar week or month, or not below a minimum, would have spared in one currency.

    Exactly one of `cadence` and `minimum_minor` is given; the work grows with the payouts of the period.
    """
    since = max(span.since, span.until - timedelta(days=DAYS_MAX - 1))
    values = span.asked | {"since": since, "currency": currency}
    rows = conn.execute(PAID, values | {"cadence": cadence or "day", "listed": cadence is None}).all()
    found: list[tuple[int, int, int, Any]] = []
    for row in rows:
        joined = row.joined if cadence else _reaching(row.amounts, minimum_minor)
        if joined < row.payouts:
            found.append((row.partner_id, row.payouts, joined, row))
    fees = _Fees(conn, [partner_id for partner_id, *_ in found], now=now)
    savings: list[tuple[int, int, int, Fee]] = []
    saved = {"partner": 0, "platform": 0}
    joined_away = 0
    for partner_id, payouts, joined, row in found:
        joined_away += payouts - joined
        fee = fees.of(row.program_id, partner_id, row.method)
        if fee.fixed_minor:
            saved[fee.payer] += (payouts - joined) * fee.fixed_minor
            savings.append((partner_id, payouts, joined, fee))
    made = sum(row.payouts for row in rows)
    return Saving(
        since=since,
        payouts=made,
        joined=made - joined_away,
        saved_by_partners_minor=saved["partner"],
        saved_by_us_minor=saved["platform"],
        savers=len(savings),
        partners=_most(conn, savings, currency, masked=masked),
    )


def _reaching(amounts: list[int], minimum_minor: int) -> int:
    """How many payouts are left when each waits until it reaches the minimum."""
    made = waiting = 0
    for amount in amounts:
        waiting += amount
        if waiting >= minimum_minor:
            made, waiting = made + 1, 0
    return made


class _Fees:
    """The fee of a partner's payouts by the terms of now, worked out once per program, tier, own terms and method."""

    def __init__(self, conn: Connection, partner_ids: list[int], *, now: datetime) -> None:
        policies = conn.execute(POLICIES, {"now": now})
        self._policies = {row.program_id: Policy.model_validate(row.terms) for row in policies}
        self._partners = {row.id: row for row in conn.execute(TERMS, {"ids": partner_ids})}
        self._known: dict[tuple[int, str | None, str, str], Fee] = {}

    def of(self, program_id: int, partner_id: int, method: str) -> Fee:
        partner = self._partners[partner_id]
        overrides: Mapping[str, object] = partner.overrides
        key = (program_id, partner.tier, json.dumps(overrides, sort_keys=True) if overrides else "", method)
        if key not in self._known:
            fees = resolve(self._policies[program_id], partner.tier, overrides).fees
            self._known[key] = next((fee for name, fee in fees.items() if name == method), Fee())
        return self._known[key]


def _most(
    conn: Connection, savings: list[tuple[int, int, int, Fee]], currency: str, *, masked: bool
) -> pd.DataFrame:
    savings.sort(key=lambda one: (-(one[1] - one[2]) * one[3].fixed_minor, one[0]))
    first = savings[:SHOWN]
    names = {row.id: row for row in conn.execute(NAMES, {"ids": [partner_id for partner_id, *_ in first]})}
    return pd.DataFrame(
        [
            (
                names[partner_id].code,
                None if masked else names[partner_id].name,
                currency,
                payouts,
                joined,
                fee.fixed_minor,
                (payouts - joined) * fee.fixed_minor,
                fee.payer,
            )
            for partner_id, payouts, joined, fee in first
        ],
        columns=["code", "name", "currency", "payouts", "joined", "fixed_minor", "saved_minor", "payer"],
        dtype="object",
    )
