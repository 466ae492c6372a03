"""The terms that hold for one partner, in words, and the level that supplied each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection, text

from core.commission import Commission, External, FlatMonthly, FlatOnce, Percent, Tiered
from core.fees import NO_FEE, Fee, fee_minor
from core.money_words import written
from core.policy import Approval, Messages, Policy, resolve
from core.policy import Terms as ResolvedPolicy
from core.programs import partner_terms
from core.reads import words
from core.reads.payout_header import PayoutHeader
from core.reads.send_words import sending_words
from core.schedule import Custom, Daily, EveryTwoWeeks, Monthly, OnRequest, Schedule, Weekly, next_slot

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def minimum_payout_minor(conn: Connection, partner_id: int, *, now: datetime) -> int:
    """Return the least a payout to this partner may be, in minor units, by the terms of `now`."""
    return partner_terms(conn, partner_id, now=now).policy.min_payout_minor


@dataclass(frozen=True, kw_only=True)
class PartnerTerms:
    """What holds for a partner: `frame` has term, value (in words), level (partner, tier, program, default); the
    schedule in words, and its first slot after now, None on request.
    """

    frame: pd.DataFrame
    version: int
    schedule: str
    next_slot: datetime | None


def terms_by_level(conn: Connection, partner_id: int, *, now: datetime) -> PartnerTerms:
    """Return the terms of `now` with the level that supplied each."""
    terms = partner_terms(conn, partner_id, now=now)
    rows = [(term, *told) for term, told in levels(terms.policy, terms.program.currency).items()]
    return PartnerTerms(
        frame=pd.DataFrame(rows, columns=["term", "value", "level"], dtype="object"),
        version=terms.version,
        schedule=schedule_words(terms.policy.schedule),
        next_slot=next_slot(terms.policy.schedule, zone=ZoneInfo(terms.program.zone), now=now),
    )


def levels(policy: ResolvedPolicy, currency: str) -> dict[str, tuple[str, str]]:
    """Return what concerns a partner by the term's name: its value in words, and the level that supplied it."""
    return {
        term: (value, policy.source.get(key, "program"))
        for key, term, value in partner_lines(policy, currency)
    }


POLICY_OF_PAYOUT = text("""
    SELECT l.terms, r.tier, r.overrides, coalesce(sum(e.gross_minor), 0)::bigint AS gross_minor
      FROM payout p JOIN policy l ON l.id = p.policy_id JOIN partner r ON r.id = p.partner_id
      LEFT JOIN payout_item i ON i.payout_id = p.id LEFT JOIN earning e ON e.id = i.earning_id
     WHERE p.id = :id GROUP BY l.id, r.id
""")


def fee_formula(conn: Connection, header: PayoutHeader) -> str:
    """Return the fee of a payout as its policy's formula; where the partner's own terms have changed since then and
    no longer give this fee, only the version that set it.
    """
    row = conn.execute(POLICY_OF_PAYOUT, {"id": header.id}).one()
    fees = resolve(Policy.model_validate(row.terms), row.tier, row.overrides).fees
    fee = next((fee for method, fee in fees.items() if method == header.method), NO_FEE)
    if fee_minor(fee, gross_minor=row.gross_minor, amount_minor=header.amount_minor) == header.fee_minor:
        return fee_words(fee, header.currency)
    return f"as set by policy version {header.policy_version}"


def partner_lines(policy: Policy, currency: str) -> Iterator[tuple[str, str, str]]:
    """Yield what of a policy concerns one partner: the term, its name, and its value in words."""
    yield "commission", "Commission", commission_words(policy.commission, currency)
    yield "schedule", "Paid", schedule_words(policy.schedule)
    yield "min_payout_minor", "Minimum payout", written(policy.min_payout_minor, currency)
    cap = policy.max_per_partner_month_minor
    yield "max_per_partner_month_minor", "Most a month", "—" if cap is None else written(cap, currency)
    yield "hold.days", "Held after the event", days_words(policy.hold.days)
    yield "hold.new_partner_days", "Held while new", days_words(policy.hold.new_partner_days)
    yield (
        "hold.destination_change_days",
        "Held after a new destination",
        days_words(policy.hold.destination_change_days),
    )
    for method, fee in policy.fees.items():
        yield f"fees.{method}", f"Fee by {words.METHOD_WORDS[method]}", fee_words(fee, currency)
    yield "approval", "Second person above", written(policy.approval.dual_above_minor, currency)
    yield "sending", "Leaves", sending_words(policy.sending)
    yield "approval", "Approved by the policy", approval_words(policy.approval, currency)
    yield "auto_payout_enabled", "Policy may approve", "yes" if policy.auto_payout_enabled else "no"
    yield "messages", "Told", messages_words(policy.messages, currency)
    yield "one_open_request", "One open request", "yes" if policy.one_open_request else "no"


def messages_words(messages: Messages, currency: str) -> str:
    """Write what is told unless a partner chose: in French, 3 days before a payout, of each sale."""
    said = [] if messages.language is None else [f"in {'French' if messages.language == 'fr' else 'English'}"]
    if messages.notice_days:
        said.append(f"{days_words(messages.notice_days)} before a payout")
    if messages.sale_confirmed:
        said.append("of their sales")
    if messages.large_payout_minor is not None:
        said.append(f"approvers above {written(messages.large_payout_minor, currency)}")
    return ", ".join(said) or "as built in"


def commission_words(commission: Commission, currency: str) -> str:
    """Write how partners earn: 90% of each sale, $500.00 once per customer active for 60 days."""
    match commission:
        case FlatOnce():
            each = written(commission.amount_minor, currency)
            return f"{each} once per customer active for {days_words(commission.active_days)}"
        case FlatMonthly():
            return f"{written(commission.amount_minor, currency)} a month per active customer"
        case Percent():
            return f"{words.percent(commission.pct)} of each sale"
        case External():
            return "as it arrives"
        case Tiered():
            steps = "".join(
                f", {words.percent(step.pct)} above {step.above_services}" for step in commission.steps
            )
            bonus = commission.bonus
            more = (
                ""
                if bonus is None
                else (
                    f"; {words.percent(bonus.points).removesuffix('%')} points more above"
                    f" {written(bonus.above_gross_minor, currency)} gross"
                )
            )
            return f"{words.percent(commission.base_pct)} of a month’s services{steps}{more}"


def approval_words(approval: Approval, currency: str) -> str:
    """Write what a policy approves by itself: up to $50.00 each, $500.00 a day; or that it approves nothing."""
    if not approval.auto:
        return "nothing"
    up_to, a_day = approval.auto_up_to_minor, approval.auto_per_day_minor
    return f"up to {written(up_to, currency)} each, {written(a_day, currency)} a day"


def days_words(days: int) -> str:
    """Write a number of days of 24 hours."""
    return "no days" if days == 0 else f"{days} day" if days == 1 else f"{days} days"


def fee_words(fee: Fee, currency: str) -> str:
    """Write a fee's formula: 0.25% of the gross + $0.25, borne by the partner."""
    base = "the sales' gross" if fee.base == "gross" else "the amount"
    parts = [f"{words.percent(fee.pct)} of {base}"] if fee.pct else []
    if fee.fixed_minor:
        parts.append(written(fee.fixed_minor, currency))
    return f"{' + '.join(parts)}, borne by the {fee.payer}" if parts else "none"


def schedule_words(schedule: Schedule) -> str:
    """Write when a partner is paid: weekly on Friday, monthly on day 1, on request."""
    match schedule:
        case OnRequest() | Daily():
            return schedule.kind.replace("_", " ")
        case Weekly():
            return f"weekly on {WEEKDAYS[schedule.weekday - 1]}"
        case EveryTwoWeeks():
            return f"every second {WEEKDAYS[schedule.weekday - 1]}"
        case Monthly():
            return f"monthly on day {schedule.day}"
        case Custom():
            return f"every {schedule.every_days} days from {schedule.anchor:%Y-%m-%d}"
