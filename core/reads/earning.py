"""Why one earning is this much: formula and inputs under the version that priced it, back to the sale, and where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection, text

from core.commission import Percent
from core.money_words import written
from core.policy import Policy
from core.pricing import split_percent
from core.reads import words
from core.reads.frames import to_frame
from core.reads.shown import without_notes
from core.reads.terms import commission_words
from core.reads.why import month_steps
from core.refusals import Refusal


class UnknownEarning(Refusal):
    """There is no earning {id}."""

    code = "unknown_earning"


@dataclass(frozen=True, kw_only=True)
class EarningHeader:
    """One earning; amounts in minor units, personal fields None when masked.

    `state` is held, available, reserved, paid or voided; `payout_id` the payout it stands in, `policy_version` what priced it.
    """

    id: int
    kind: str
    source_ref: str
    period: str
    amount_minor: int
    gross_minor: int
    fee_minor: int
    currency: str
    zone: str
    program: str
    program_code: str
    partner_code: str
    partner_name: str | None
    occurred_at: datetime
    release_at: datetime
    recorded_at: datetime
    made_by: str
    file: str | None
    sale_ref: str | None
    sale_kind: str | None
    sale_gross_minor: int | None
    sale_description: str | None
    customer_id: int | None
    customer_ref: str | None
    customer_name: str | None
    signed_up_at: datetime | None
    corrects_id: int | None
    policy_version: int | None
    commission: str | None
    breakdown: Mapping[str, Any] | None
    state: str
    payout_id: int | None
    payout_status: str | None


@dataclass(frozen=True, kw_only=True)
class EarningStory:
    """An earning, its price line by line, its relatives, its holds, and every payout it was in.

    `lines`: line, how, amount_minor; they add up to the amount. `relatives`: id, kind, source_ref, amount_minor, occurred_at,
    what corrects it or is corrected by it. `holds`: reason, note, until, made_by, opened_at, closed_at, in_force. `payouts`:
    id, status, amount_minor, live, gross_minor and fee_minor of the whole payout.
    """

    header: EarningHeader
    lines: pd.DataFrame
    relatives: pd.DataFrame
    holds: pd.DataFrame
    payouts: pd.DataFrame


HEADER = text("""
    SELECT e.id, e.kind, e.source_ref, e.period, e.amount_minor, e.gross_minor, e.fee_minor, g.currency, g.zone,
           g.name AS program, g.code AS program_code, r.code AS partner_code,
           CASE WHEN :personal THEN i.name END AS partner_name, e.occurred_at, e.release_at, e.recorded_at, e.made_by,
           f.file_name AS file, s.source_ref AS sale_ref, s.kind AS sale_kind, s.gross_minor AS sale_gross_minor,
           CASE WHEN :personal THEN s.description END AS sale_description, c.id AS customer_id, c.ref AS customer_ref,
           CASE WHEN :personal THEN w.name END AS customer_name, c.signed_up_at, e.corrects_id,
           l.version AS policy_version, l.terms, e.breakdown, p.id AS payout_id, p.status AS payout_status,
           CASE WHEN p.status IN ('paid', 'reversed') THEN 'paid'
                WHEN p.id IS NOT NULL THEN 'reserved'
                WHEN o.earning_id IS NULL THEN 'voided'
                WHEN o.amount_minor > 0 AND (o.on_hold OR o.release_at > b.released_to) THEN 'held' ELSE 'available' END AS state
      FROM earning e
      JOIN program g ON g.id = e.program_id
      JOIN partner r ON r.id = e.partner_id JOIN identity i ON i.id = r.identity_id
      JOIN partner_balance b ON b.partner_id = e.partner_id
      LEFT JOIN import_file f ON f.id = e.import_id
      LEFT JOIN sale s ON s.id = e.sale_id
      LEFT JOIN customer c ON c.id = e.customer_id LEFT JOIN identity w ON w.id = c.identity_id
      LEFT JOIN policy l ON l.id = e.policy_id
      LEFT JOIN open_item o ON o.earning_id = e.id
      LEFT JOIN payout_item t ON t.earning_id = e.id AND t.live LEFT JOIN payout p ON p.id = t.payout_id
     WHERE e.id = :id
""")
RELATIVES = text("""
    WITH root AS (SELECT coalesce(corrects_id, id) AS id FROM earning WHERE id = :id)
    SELECT e.id, e.kind, e.source_ref, e.amount_minor, e.occurred_at
      FROM root JOIN earning e ON e.id = root.id OR e.corrects_id = root.id
     WHERE e.id <> :id ORDER BY e.id LIMIT 100
""")
HOLDS = text("""
    SELECT h.reason, h.note, h.until, h.made_by, h.opened_at, h.closed_at,
           h.closed_at IS NULL AND (h.until IS NULL OR h.until > :now) AS in_force
      FROM hold h JOIN earning e ON e.partner_id = h.partner_id AND e.id = h.earning_id
     WHERE e.id = :id ORDER BY h.id DESC
""")
# By way of the partner: there is no index over what every earning was once in, and millions of rows would pay for one.
PAYOUTS = text("""
    SELECT p.id, p.status, t.amount_minor, t.live, p.amount_minor AS gross_minor, p.fee_minor
      FROM earning e JOIN payout p ON p.partner_id = e.partner_id
      JOIN payout_item t ON t.payout_id = p.id AND t.earning_id = e.id
     WHERE e.id = :id ORDER BY p.id DESC LIMIT 100
""")


def earning_story(conn: Connection, earning_id: int, *, now: datetime, masked: bool) -> EarningStory:
    """Return why one earning is what it is, without personal data when masked. Refuses UnknownEarning."""
    asked = {"id": earning_id, "now": now, "personal": not masked}
    row = conn.execute(HEADER, asked).mappings().one_or_none()
    if row is None:
        raise UnknownEarning(id=earning_id)
    values = dict(row)
    terms = values.pop("terms")
    policy = None if terms is None else Policy.model_validate(terms)
    commission = None if policy is None else commission_words(policy.commission, values["currency"])
    header = EarningHeader(**values, commission=commission)
    lines = pd.DataFrame(
        list(earning_lines(header, policy)), columns=["line", "how", "amount_minor"], dtype="object"
    )
    holds = to_frame(conn.execute(HOLDS, asked))
    return EarningStory(
        header=header,
        lines=lines,
        relatives=to_frame(conn.execute(RELATIVES, asked)),
        holds=without_notes(holds) if masked else holds,
        payouts=to_frame(conn.execute(PAYOUTS, asked)),
    )


def earning_lines(header: EarningHeader, policy: Policy | None) -> Iterator[tuple[str, str, int]]:
    """Yield the lines line, how, amount in minor units that add up to an earning's amount."""
    amount, currency = header.amount_minor, header.currency
    kept = header.breakdown
    if kept is None:
        yield words.EARNING_WORDS[header.kind][0].capitalize(), _how(header, policy), amount
    else:
        yield from month_steps(kept, period=header.period, amount_minor=amount, currency=currency)


def _how(header: EarningHeader, policy: Policy | None) -> str:
    match header.kind:
        case "bounty":
            return _stayed(header)
        case "recurring":
            month = f"{date.fromisoformat(f'{header.period}-01'):%B %Y}"
            return f"{header.commission}; active at the first instant of {month}"
        case "void" | "clawback":
            return f"takes back earning {header.corrects_id}"
        case "reinstate":
            return f"gives back what was taken of earning {header.corrects_id}"
        case "carry_out" | "carry_in":
            return f"part of earning {header.corrects_id}, which was split to fit a payout"
        case "return":
            return "money of a paid payout that came back"
    if header.sale_gross_minor is None:
        return f"entered by {words.person(header.made_by)}"
    return _share(header, policy) or "as it arrived with the sale"


def _stayed(header: EarningHeader) -> str:
    """Write what a bounty was judged by: the sign-up and the instant the customer was still active at."""
    if header.signed_up_at is None:
        return str(header.commission)
    begun, judged = (at.astimezone(ZoneInfo(header.zone)) for at in (header.signed_up_at, header.occurred_at))
    return f"signed up {begun:%-d %b %Y %H:%M}, still active {judged:%-d %b %Y %H:%M}"


def _share(header: EarningHeader, policy: Policy | None) -> str | None:
    """Write the percentage of a sale that gives this amount; None where none does."""
    if policy is None or not isinstance(policy.commission, Percent) or header.sale_gross_minor is None:
        return None
    split = split_percent(header.sale_gross_minor, policy.commission.pct)
    if split.net_minor != header.amount_minor:
        return None
    gross, kept = (written(minor, header.currency) for minor in (header.sale_gross_minor, split.fee_minor))
    return f"{words.percent(policy.commission.pct)} of {gross}; the platform keeps {kept}"
