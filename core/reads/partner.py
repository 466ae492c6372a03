"""One partner's whole story: the balances and the earnings, payouts, holds and terms behind each of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection, TextClause, text

from core.reads.accounts import Account, read_account
from core.reads.frames import to_frame
from core.reads.outlook import Outlook, partner_outlook
from core.reads.shown import mask, show, without_notes
from core.reads.statement import STATEMENT
from core.reads.terms import terms_by_level
from core.reads.words import why_not_paid


@dataclass(frozen=True, kw_only=True)
class PartnerHeader:
    """Who the partner is and where their money goes; personal fields are None when masked."""

    id: int
    code: str
    name: str | None
    email: str | None
    status: str
    tier: str | None
    country: str | None
    program: str
    program_name: str
    currency: str
    zone: str
    method: str
    account: str | None
    destination_id: int | None
    destination_opened_at: datetime | None
    destination_changed: bool
    joined_on: date
    last_slot: datetime | None
    customers: int
    customers_active: int
    payouts_paid: int
    last_paid_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The partner's balance in minor units; paid is net of fees and of what came back."""

    available_minor: int
    held_minor: int
    reserved_minor: int
    paid_minor: int
    fees_minor: int
    released_to: datetime
    next_release_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PartnerStory:
    """A partner's header, account, balance and tables, each a frame; see the statements for their columns. `account` is
    None when masked; `sent_back` is what banks sent back that no later payout of the account took along.
    """

    header: PartnerHeader
    account: Account | None
    balance: Balance
    sent_back: pd.DataFrame
    held: pd.DataFrame
    open_items: pd.DataFrame
    earnings: pd.DataFrame
    payouts: pd.DataFrame
    holds: pd.DataFrame
    skips: pd.DataFrame
    changes: pd.DataFrame
    customers: pd.DataFrame
    statement: pd.DataFrame
    terms: pd.DataFrame
    policy_version: int
    schedule: str
    next_slot: datetime | None
    outlook: Outlook


HEADER = text("""
    SELECT r.id, r.code, w.name, w.email, r.status, r.tier, r.country, g.code AS program, g.name AS program_name,
           g.currency, g.zone, r.method, coalesce(d.account, CASE r.method WHEN 'paypal' THEN w.email END) AS account,
           r.destination_id, d.opened_at AS destination_opened_at,
           d.replaces_id IS NOT NULL AS destination_changed, r.joined_on, r.last_slot,
           (SELECT count(*) FROM customer c WHERE c.partner_id = r.id) AS customers,
           (SELECT count(*) FROM customer c WHERE c.partner_id = r.id
               AND c.signed_up_at <= :now AND coalesce(c.cancelled_at > :now, true)) AS customers_active,
           (SELECT count(*) FROM payout p WHERE p.partner_id = r.id AND p.status = 'paid') AS payouts_paid,
           (SELECT max(p.processed_at) FROM payout p
             WHERE p.partner_id = r.id AND p.status IN ('paid', 'reversed')) AS last_paid_at
      FROM partner r JOIN identity w ON w.id = r.identity_id JOIN program g ON g.id = r.program_id
      LEFT JOIN destination d ON d.id = r.destination_id
     WHERE r.code = :code
""")
BALANCE = text("""
    SELECT b.available AS available_minor, b.held AS held_minor, b.reserved AS reserved_minor,
           b.paid AS paid_minor, b.fees AS fees_minor, b.released_to,
           (SELECT min(o.release_at) FROM open_item o WHERE o.partner_id = b.partner_id AND NOT o.on_hold
               AND o.amount_minor > 0 AND o.release_at > b.released_to) AS next_release_at
      FROM partner_balance b WHERE b.partner_id = :id
""")
# By the day in the program's zone. An earning on hold has no date of its own: it is released when the hold is lifted.
HELD = text("""
    SELECT min(release_at) AS release_at,
           ceil(extract(epoch FROM min(release_at) - :now) / 86400)::bigint AS days_left, held_by,
           count(*) AS count, sum(amount_minor)::bigint AS amount_minor
      FROM (SELECT o.amount_minor, CASE WHEN o.on_hold THEN NULL ELSE o.release_at END AS release_at, g.zone,
                   CASE WHEN o.on_hold THEN coalesce(h.reason, 'hold') ELSE 'maturity' END AS held_by
              FROM open_item o JOIN partner_balance b USING (partner_id)
              JOIN partner r ON r.id = o.partner_id JOIN program g ON g.id = r.program_id
              LEFT JOIN LATERAL (SELECT reason FROM hold WHERE hold.partner_id = o.partner_id
                                    AND hold.earning_id = o.earning_id AND closed_at IS NULL
                                  ORDER BY id DESC LIMIT 1) h ON o.on_hold
             WHERE o.partner_id = :id AND o.amount_minor > 0 AND (o.on_hold OR o.release_at > b.released_to)) held
     GROUP BY (release_at AT TIME ZONE zone)::date, held_by ORDER BY min(release_at) NULLS LAST, held_by
""")
OPEN_ITEMS = text("""
    SELECT o.earning_id, e.kind, e.source_ref, e.occurred_at, o.release_at, o.amount_minor,
           CASE WHEN e.corrects_id IS NULL THEN e.source_ref
                ELSE coalesce(s.source_ref, c.ref, x.source_ref) END AS source,
           CASE WHEN o.amount_minor > 0 AND (o.on_hold OR o.release_at > b.released_to)
                THEN 'held' ELSE 'available' END AS state, o.on_hold
      FROM open_item o JOIN earning e ON e.id = o.earning_id JOIN partner_balance b ON b.partner_id = o.partner_id
      LEFT JOIN sale s ON s.id = e.sale_id
      LEFT JOIN customer c ON c.id = e.customer_id
      LEFT JOIN earning x ON x.id = e.corrects_id
     WHERE o.partner_id = :id ORDER BY o.release_at, o.earning_id LIMIT :rows
""")
EARNINGS = text("""
    SELECT e.id AS earning_id, e.kind, e.source_ref, e.period, e.occurred_at, e.release_at, e.gross_minor,
           CASE WHEN e.corrects_id IS NULL THEN e.source_ref
                ELSE coalesce(s.source_ref, c.ref, x.source_ref) END AS source,
           e.fee_minor AS platform_fee_minor, e.amount_minor, c.ref AS customer_ref, i.payout_id,
           CASE WHEN p.status IN ('paid', 'reversed') THEN 'paid' WHEN i.payout_id IS NOT NULL THEN 'reserved'
                WHEN o.earning_id IS NULL THEN 'voided'
                WHEN o.amount_minor > 0 AND (o.on_hold OR o.release_at > b.released_to) THEN 'held'
                ELSE 'available' END AS state
      FROM earning e JOIN partner_balance b USING (partner_id)
      LEFT JOIN open_item o ON o.earning_id = e.id
      LEFT JOIN payout_item i ON i.earning_id = e.id AND i.live
      LEFT JOIN payout p ON p.id = i.payout_id
      LEFT JOIN customer c ON c.id = e.customer_id
      LEFT JOIN sale s ON s.id = e.sale_id
      LEFT JOIN earning x ON x.id = e.corrects_id
     WHERE e.partner_id = :id AND (CAST(:kinds AS text[]) IS NULL OR e.kind = ANY(:kinds))
     ORDER BY e.id DESC LIMIT :rows
""")
# A part of a split moves no sum, so it is none of these.
CORRECTIONS = ("void", "clawback", "reinstate", "deduction", "bonus", "true_up", "return", "manual")
PAYOUTS = text("SELECT id FROM payout WHERE partner_id = :id ORDER BY id DESC LIMIT :rows")
HOLDS = text("""
    SELECT id, reason, note, until, earning_id, payout_id, made_by, opened_at, closed_at, closed_by, close_note,
           closed_at IS NULL AND (until IS NULL OR until > :now) AS in_force
      FROM hold WHERE partner_id = :id ORDER BY id DESC LIMIT :rows
""")
SKIPS = text("""
    SELECT run_id, slot, reason, figures, at FROM skip WHERE partner_id = :id ORDER BY run_id DESC LIMIT :rows
""")
CHANGES = text("""
    SELECT at, field, old_value, new_value, made_by, import_id
      FROM change WHERE subject = 'partner' AND subject_id = :id ORDER BY id DESC LIMIT :rows
""")
CUSTOMERS = text("""
    SELECT c.id, c.ref, w.name, c.signed_up_at, c.cancelled_at,
           floor(extract(epoch FROM least(coalesce(c.cancelled_at, :now), :now) - c.signed_up_at) / 86400)::bigint
               AS days_active,
           (SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM earning e WHERE e.customer_id = c.id) AS earned_minor
      FROM customer c JOIN identity w ON w.id = c.identity_id
     WHERE c.partner_id = :id ORDER BY c.signed_up_at DESC, c.id DESC LIMIT :rows
""")
SENT_BACK = text("""
    SELECT b.payout_id, b.failure, b.as_of, p.net_minor
      FROM payout p JOIN bank_arrival b ON b.payout_id = p.id
     WHERE p.partner_id = :id AND b.status = 'failed' ORDER BY b.as_of DESC, b.payout_id LIMIT :rows
""")


def corrections_of(conn: Connection, partner_id: int, *, rows: int = 200) -> pd.DataFrame:
    """Return the newest earnings that changed a partner's sum, with the columns of `earnings`."""
    wanted = {"id": partner_id, "rows": rows, "kinds": list(CORRECTIONS)}
    return to_frame(conn.execute(EARNINGS, wanted))


def partner_story(
    conn: Connection, code: str, *, now: datetime, masked: bool, rows: int = 200
) -> PartnerStory | None:
    """Return everything about one partner, or None when there is no such partner; each table holds the newest `rows`."""
    found = conn.execute(HEADER, {"code": code, "now": now}).mappings().one_or_none()
    if found is None:
        return None
    who = {"id": found["id"], "now": now, "rows": rows, "kinds": None}

    def read(statement: TextClause) -> pd.DataFrame:
        wanted = {name: who[name] for name in statement._bindparams}  # noqa: SLF001 (the statement's own names)
        return to_frame(conn.execute(statement, wanted))

    personal = dict.fromkeys(("name", "email", "account")) if masked else {}
    header = PartnerHeader(
        **{field.name: (dict(found) | personal)[field.name] for field in fields(PartnerHeader)}
    )
    terms = terms_by_level(conn, header.id, now=now)
    customers, skips = read(CUSTOMERS), read(SKIPS)
    skips["sentence"] = pd.Series(
        [
            why_not_paid(reason, figures if isinstance(figures, dict) else {}, header.currency)
            for reason, figures in zip(skips["reason"], skips["figures"], strict=True)
        ],
        dtype="object",
    )
    payout_ids = list(conn.execute(PAYOUTS, {"id": header.id, "rows": rows}).scalars())
    return PartnerStory(
        header=header,
        account=read_account(conn, header.account),
        sent_back=read(SENT_BACK),
        balance=Balance(**conn.execute(BALANCE, {"id": header.id}).mappings().one()),
        held=read(HELD),
        open_items=read(OPEN_ITEMS),
        earnings=read(EARNINGS),
        payouts=show(conn, payout_ids, now=now, masked=masked),
        holds=without_notes(read(HOLDS)) if masked else read(HOLDS),
        skips=skips,
        changes=read(CHANGES),
        customers=mask(customers, ("name",)) if masked else customers,
        statement=read(STATEMENT),
        terms=terms.frame,
        policy_version=terms.version,
        schedule=terms.schedule,
        next_slot=terms.next_slot,
        outlook=partner_outlook(conn, header.id, now=now),
    )
