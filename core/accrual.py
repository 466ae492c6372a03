"""Accrual: earnings that come of time passing, by unique key, caught up after an outage and never doubled.

A bounty is judged by dates: earned when the customer was active for the whole time, whenever the job runs. A recurring
month counts the customers active at its first instant. A closed month of services is priced whole; after its close, late
sales and refunds price it again and the difference is written as a true-up. Each is priced by the policy that was in
force at its own instant, and held from it for the days that stand for its partner.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from core import audit
from core.access import job_actor
from core.commission import FlatMonthly, FlatOnce, Tiered
from core.days import first_instant, month_bounds, month_of
from core.earnings import NewEarning, record_earnings
from core.ledger import lock_partners
from core.maturity import Maturity
from core.policy import Policy
from core.pricing import bounty_earned, bounty_instant, price_month, recurring_months
from core.programs import PolicyVersions, Program, current_policy, lock_programs, programs
from core.runs import RunResult, partner_ranges, unit_of_work


def accrue_due(
    engine: Engine,
    *,
    now: datetime,
    program: str | None = None,
    partner: str | None = None,
    limit: int | None = None,
    dry_run: bool = False,
) -> RunResult:
    """Write every earning that has come due up to `now` and return how many and how much; again, it writes none.

    `limit` is a number of partners.
    """
    result = RunResult()
    with engine.connect() as conn:
        chosen = [one for one in programs(conn) if program in (None, one.code)]
        work = [
            (one, ids) for one in chosen for ids in partner_ranges(conn, program=one.code, partner=partner)
        ]
    left = limit
    for one, partner_ids in work:
        ids = partner_ids if left is None else partner_ids[:left]
        left = None if left is None else left - len(ids)
        if ids:
            with unit_of_work(engine, dry_run=dry_run) as conn:
                accrue_range(conn, one, ids, result, now=now)
    return result


WRITTEN = text(
    "SELECT count(*) AS n, sum(amount_minor)::bigint AS amount_minor FROM earning WHERE id = ANY(:ids)"
)


def accrue_range(
    conn: Connection, program: Program, partner_ids: Sequence[int], result: RunResult, *, now: datetime
) -> None:
    """Accrue for one range of a program's partners in the caller's transaction and add it to `result`."""
    lock_programs(conn, [program.id])
    current = current_policy(conn, program.id, now=now)
    lock_partners(conn, partner_ids)
    match current.policy.commission:
        case FlatOnce() as bounty:
            earnings = _bounties(conn, program, current.policy, bounty, partner_ids, now=now)
        case FlatMonthly():
            earnings = _months(conn, program, current.policy, partner_ids, now=now)
        case Tiered():
            earnings = _periods(conn, program, partner_ids, now=now)
        case _:  # priced sale by sale, as each arrives
            return
    actor = job_actor("accrue")
    ids = record_earnings(conn, earnings, actor=actor, now=now)
    if not ids:
        return
    written = conn.execute(WRITTEN, {"ids": ids}).one()
    result.count += written.n
    result.amounts[program.currency] += written.amount_minor
    details = {"program": program.code, "earnings": written.n, "amount_minor": written.amount_minor}
    details |= {"currency": program.currency}
    audit.record(
        conn, "earnings.accrued", subject="program", ids=[program.id], actor=actor, now=now, details=details
    )


def _accrues_from(policy: Policy, zone: ZoneInfo) -> datetime:
    return (
        datetime.min.replace(tzinfo=UTC)
        if policy.accrues_from is None
        else first_instant(policy.accrues_from, zone)
    )


OLD_ENOUGH = text("""
    SELECT c.id, c.ref, c.partner_id, c.signed_up_at, c.cancelled_at
      FROM customer c
     WHERE c.program_id = :program_id AND c.partner_id = ANY(:partner_ids)
       AND c.signed_up_at <= :signed_up_by AND c.signed_up_at >= :accrues_from
       AND NOT EXISTS (SELECT 1 FROM earning e
                        WHERE e.program_id = c.program_id AND e.kind = 'bounty' AND e.source_ref = c.ref)
     ORDER BY c.partner_id, c.signed_up_at, c.id
""")


def _bounties(
    conn: Connection,
    program: Program,
    policy: Policy,
    bounty: FlatOnce,
    partner_ids: Sequence[int],
    *,
    now: datetime,
) -> list[NewEarning]:
    values = {
        "program_id": program.id,
        "partner_ids": list(partner_ids),
        "signed_up_by": now - timedelta(days=bounty.active_days),
        "accrues_from": _accrues_from(policy, ZoneInfo(program.zone)),
    }
    versions, maturity = PolicyVersions(conn, program.id), Maturity(conn, partner_ids)
    earnings = []
    for row in conn.execute(OLD_ENOUGH, values):
        days = bounty.active_days
        if not bounty_earned(row.signed_up_at, row.cancelled_at, active_days=days, now=now):
            continue
        earned_at = bounty_instant(row.signed_up_at, active_days=days)
        version = versions.at(earned_at)
        if not isinstance(version.policy.commission, FlatOnce):
            continue
        earnings.append(
            NewEarning(
                program_id=program.id,
                partner_id=row.partner_id,
                kind="bounty",
                source_ref=row.ref,
                amount_minor=version.policy.commission.amount_minor,
                occurred_at=earned_at,
                release_at=earned_at + maturity.of(row.partner_id, version),
                customer_id=row.id,
                policy_id=version.id,
            )
        )
    return earnings


FIRST_SIGN_UP = text("SELECT min(signed_up_at) FROM customer WHERE partner_id = ANY(:partner_ids)")
MONTHS = text("""
    SELECT c.id, c.ref, c.partner_id, m.period, m.starts_at
      FROM unnest(CAST(:periods AS text[]), CAST(:starts AS timestamptz[])) AS m (period, starts_at)
      JOIN customer c ON c.signed_up_at <= m.starts_at AND (c.cancelled_at IS NULL OR c.cancelled_at > m.starts_at)
     WHERE c.program_id = :program_id AND c.partner_id = ANY(:partner_ids)
       AND NOT EXISTS (SELECT 1 FROM earning e
                        WHERE e.program_id = c.program_id AND e.kind = 'recurring' AND e.source_ref = c.ref
                          AND e.period = m.period)
     ORDER BY c.partner_id, m.starts_at, c.id
""")


def _months(
    conn: Connection, program: Program, policy: Policy, partner_ids: Sequence[int], *, now: datetime
) -> list[NewEarning]:
    zone = ZoneInfo(program.zone)
    first: datetime | None = conn.execute(FIRST_SIGN_UP, {"partner_ids": list(partner_ids)}).scalar()
    if first is None:
        return []
    months = recurring_months(first, None, zone=zone, accrues_from=policy.accrues_from, now=now)
    values = {
        "program_id": program.id,
        "partner_ids": list(partner_ids),
        "periods": [month.period for month in months],
        "starts": [month.first_instant for month in months],
    }
    versions, maturity = PolicyVersions(conn, program.id), Maturity(conn, partner_ids)
    earnings = []
    for row in conn.execute(MONTHS, values):
        version = versions.at(row.starts_at)
        if not isinstance(version.policy.commission, FlatMonthly):
            continue
        earnings.append(
            NewEarning(
                program_id=program.id,
                partner_id=row.partner_id,
                kind="recurring",
                source_ref=row.ref,
                period=row.period,
                amount_minor=version.policy.commission.amount_minor,
                occurred_at=row.starts_at,
                release_at=row.starts_at + maturity.of(row.partner_id, version),
                customer_id=row.id,
                policy_id=version.id,
            )
        )
    return earnings


SERVICES = text("""
    WITH refunded AS (
        SELECT sale_id, sum(gross_minor)::bigint AS gross_minor
          FROM sale_refund WHERE partner_id = ANY(:partner_ids) GROUP BY 1),
    services AS (
        SELECT s.partner_id, to_char(s.occurred_at AT TIME ZONE :zone, 'YYYY-MM') AS period,
               count(*) FILTER (WHERE s.gross_minor > coalesce(r.gross_minor, 0)) AS services,
               sum(s.gross_minor - coalesce(r.gross_minor, 0))::bigint AS gross_minor
          FROM sale s LEFT JOIN refunded r ON r.sale_id = s.id
         WHERE s.program_id = :program_id AND s.partner_id = ANY(:partner_ids) AND s.kind <> 'deduction'
           AND s.occurred_at < :month_begins
         GROUP BY 1, 2),
    booked AS (
        SELECT e.partner_id, e.period, sum(e.amount_minor)::bigint AS amount_minor,
               sum(e.gross_minor)::bigint AS gross_minor, count(*) AS n
          FROM earning e
         WHERE e.partner_id = ANY(:partner_ids) AND e.kind IN ('period', 'true_up')
         GROUP BY 1, 2)
    SELECT s.partner_id, p.code, s.period, s.services, s.gross_minor, coalesce(b.amount_minor, 0) AS booked_minor,
           coalesce(b.gross_minor, 0) AS booked_gross_minor, coalesce(b.n, 0) AS booked
      FROM services s
      JOIN partner p ON p.id = s.partner_id
      LEFT JOIN booked b USING (partner_id, period)
     WHERE b.partner_id IS NULL OR b.gross_minor <> s.gross_minor
     ORDER BY s.partner_id, s.period
""")


def _periods(
    conn: Connection, program: Program, partner_ids: Sequence[int], *, now: datetime
) -> list[NewEarning]:
    zone = ZoneInfo(program.zone)
    values = {
        "program_id": program.id,
        "partner_ids": list(partner_ids),
        "zone": program.zone,
        "month_begins": month_bounds(month_of(now, zone), zone)[0],
    }
    versions, maturity = PolicyVersions(conn, program.id), Maturity(conn, partner_ids)
    earnings = []
    for row in conn.execute(SERVICES, values):
        closes_at = month_bounds(row.period, zone)[1]
        version = versions.at(closes_at)
        assert isinstance(version.policy.commission, Tiered)
        price = price_month(version.policy.commission, services=row.services, gross_minor=row.gross_minor)
        difference = price.amount_minor - row.booked_minor
        if difference == 0:
            continue
        gross = row.gross_minor - row.booked_gross_minor
        late = row.booked > 0
        earnings.append(
            NewEarning(
                program_id=program.id,
                partner_id=row.partner_id,
                kind="true_up" if late else "period",
                source_ref=f"period:{row.code}:{row.period}:{row.booked}" if late else row.code,
                period=row.period,
                amount_minor=difference,
                gross_minor=gross,
                fee_minor=gross - difference,
                occurred_at=closes_at,
                release_at=closes_at + maturity.of(row.partner_id, version),
                policy_id=version.id,
                breakdown=price.breakdown(),
            )
        )
    return earnings
