"""One payout's whole story: what it is made of, why this much, who decided, what was tried, where the money is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, TextClause, text

from core.guards import STOPS_APPROVAL, STOPS_SENDING, Blocking, blocking_reasons, leaves_by_itself_at
from core.reads.accounts import Account, Arrival, read_account, read_arrival, transfer_address
from core.reads.after_failing import after_failing
from core.reads.automatic import Left, left_to_person
from core.reads.frames import to_frame
from core.reads.payout_header import PayoutHeader, read_header
from core.reads.reversals import came_back, coming_back, returns_of, reversals_of
from core.reads.shown import HIDDEN, mask, without_notes
from core.reads.terms import fee_formula
from core.reads.timeline import timeline
from core.reads.why import why_lines
from core.reads.words import plain
from core.reversals import Out, what_is_out

# What `payouts` prints of each payout, beside requested_at.
ROW_FOR_SCRIPTS = (
    "id",
    "partner_code",
    "program",
    "status",
    "priority",
    "method",
    "currency",
    "amount_minor",
    "fee_minor",
    "net_minor",
    "provider_ref",
    "retry_at",
    "version",
)


@dataclass(frozen=True, kw_only=True)
class PayoutStory:
    """A payout's header, its account and its way to the bank, and its tables, each a frame; see the statements for
    their columns. `account` is None when masked.
    """

    header: PayoutHeader
    account: Account | None
    arrival: Arrival | None
    transfer_address: str | None
    items: pd.DataFrame
    why: pd.DataFrame
    timeline: pd.DataFrame
    approvals: pd.DataFrame
    people: pd.DataFrame
    makers: list[str]
    left: Left | None
    blocking: list[Blocking]
    leaves_at: datetime | None  # approved, and nothing but the clock keeps it
    attempts: pd.DataFrame
    calls: pd.DataFrame
    reversals: pd.DataFrame
    out: Out
    ledger: pd.DataFrame
    holds: pd.DataFrame
    shared_with: pd.DataFrame  # other partners who are paid at the same destination: code, name
    notes: pd.DataFrame
    audit: pd.DataFrame


# What a correction or a part of a split earning goes back to is its source to a reader; its own reference is a key.
ITEMS = text("""
    SELECT e.id AS earning_id, e.kind, e.source_ref, e.period, e.occurred_at, e.release_at AS released_at,
           CASE WHEN e.corrects_id IS NULL THEN e.source_ref
                ELSE coalesce(s.source_ref, c.ref, x.source_ref) END AS source,
           c.ref AS customer_ref, w.name AS customer,
           floor(extract(epoch FROM least(coalesce(c.cancelled_at, :now), :now) - c.signed_up_at) / 86400)::bigint
               AS days_active,
           s.description AS sale_description, e.gross_minor, e.fee_minor AS platform_fee_minor, e.amount_minor,
           e.breakdown, e.corrects_id, e.made_by
      FROM payout_item i JOIN earning e ON e.id = i.earning_id
      LEFT JOIN sale s ON s.id = e.sale_id
      LEFT JOIN customer c ON c.id = e.customer_id
      LEFT JOIN identity w ON w.id = c.identity_id
      LEFT JOIN earning x ON x.id = e.corrects_id
     WHERE i.payout_id = :id ORDER BY e.occurred_at, e.id
""")
APPROVALS = text("""
    SELECT actor, decision, reason, at, content_hash = payout_content_hash(payout_id) AS current
      FROM approval WHERE payout_id = :id ORDER BY id
""")
MAKERS = text("SELECT payout_makers(:id) AS actor ORDER BY 1")
APPROVERS = text("""
    SELECT 'user:' || u.name AS actor, u.name AS user, w.name AS full_name
      FROM app_user u LEFT JOIN identity w ON w.id = u.identity_id
     WHERE u.active AND 'approver' = ANY(u.roles) ORDER BY u.name
""")
ATTEMPTS = text("""
    SELECT n, state, provider, code, error_class, message, provider_ref, request_id, started_at, ended_at,
           first_sent_at, next_look_at, looks, absent_looks, left(idem_key, 12) AS key_begins
      FROM attempt WHERE payout_id = :id ORDER BY n
""")
CALLS = text("""
    SELECT n, at, what, outcome, code, message, request_id, duration_ms
      FROM attempt_call WHERE payout_id = :id ORDER BY id
""")
LEDGER = text("""
    SELECT id, kind, from_account, to_account, amount_minor, currency, effective_at AS at, earning_id
      FROM ledger_transfer WHERE payout_id = :id ORDER BY id
""")
HOLDS = text("""
    SELECT h.id, h.reason, h.note, h.until, h.made_by, h.opened_at, h.closed_at, h.closed_by, h.close_note,
           CASE WHEN h.payout_id IS NOT NULL THEN 'payout' WHEN h.earning_id IS NOT NULL THEN 'earning'
                ELSE 'partner' END AS held_thing,
           h.closed_at IS NULL AND (h.until IS NULL OR h.until > :now) AS in_force
      FROM hold h JOIN payout p ON p.partner_id = h.partner_id AND p.id = :id
     WHERE h.payout_id = p.id OR (h.payout_id IS NULL AND h.earning_id IS NULL)
        OR h.earning_id IN (SELECT i.earning_id FROM payout_item i WHERE i.payout_id = p.id)
     ORDER BY h.id DESC
""")
NOTES = text("""
    SELECT at, who, CASE WHEN :masked AND about LIKE 'hold%' THEN :hidden ELSE note END AS note, about FROM (
        SELECT queued_at AS at, made_by AS who, note, 'payout' AS about FROM payout WHERE id = :id
         UNION ALL SELECT at, actor, reason, decision FROM approval WHERE payout_id = :id
         UNION ALL SELECT opened_at, made_by, note, 'hold' FROM hold WHERE payout_id = :id
         UNION ALL SELECT closed_at, closed_by, close_note, 'hold ended' FROM hold WHERE payout_id = :id
         UNION ALL SELECT n.at, n.made_by, n.note, 'partner' FROM partner_note n
                     JOIN payout p ON p.partner_id = n.partner_id AND p.id = :id WHERE NOT :masked
        ) all_notes WHERE note <> '' ORDER BY at
""").bindparams(hidden=HIDDEN)
SHARED = text("""
    SELECT r.code, w.name
      FROM payout p JOIN destination d ON d.id = p.destination_id
      JOIN destination o ON o.fingerprint = d.fingerprint AND o.partner_id <> d.partner_id
      JOIN partner r ON r.destination_id = o.id JOIN identity w ON w.id = r.identity_id
     WHERE p.id = :id ORDER BY r.code LIMIT 5
""")
AUDIT = text("""
    SELECT seq, at, actor, channel, action, details
      FROM audit WHERE ids @> CAST(ARRAY[:id] AS bigint[]) AND subject = 'payout' ORDER BY seq
""")


def story(conn: Connection, payout_id: int, *, now: datetime, masked: bool) -> PayoutStory | None:
    """Return everything about one payout, or None when there is no such payout."""
    header = read_header(conn, payout_id, now=now, masked=masked)
    if header is None:
        return None

    def read(statement: TextClause) -> pd.DataFrame:
        return to_frame(conn.execute(statement, {"id": payout_id, "now": now, "masked": masked}))

    items, approvals, attempts = read(ITEMS), read(APPROVALS), read(ATTEMPTS)
    reversals = reversals_of(conn, payout_id)
    blocking = blocking_reasons(conn, [payout_id], now=now)[payout_id]
    stops = [reason.sentence for reason in blocking if reason.code in STOPS_SENDING]
    kept = [reason.sentence for reason in blocking if reason.code in STOPS_APPROVAL - {"set_aside"}]
    leaves_at = leaves_by_itself_at(blocking)
    shared = read(SHARED)
    makers = list(conn.execute(MAKERS, {"id": payout_id}).scalars())
    arrival, left = read_arrival(conn, payout_id), left_to_person(conn, payout_id)
    rails = attempts.loc[attempts["state"] == "succeeded", "provider"]
    return PayoutStory(
        header=header,
        account=None if masked else read_account(conn, header.account),
        arrival=arrival,
        transfer_address=transfer_address(conn, next(iter(rails), None), header.provider_ref),
        items=mask(items, ("customer", "sale_description")) if masked else items,
        why=why_lines(header, items, fee_words=fee_formula(conn, header)),
        timeline=timeline(
            header,
            items,
            approvals,
            attempts,
            stopped=next(iter(stops), ""),
            kept=next(iter(kept), ""),
            leaves_at=leaves_at,
            left=left,
            arrival=arrival,
            back=came_back(reversals, returns_of(conn, payout_id)),
            coming=[*coming_back(reversals), *after_failing(conn, payout_id, now=now)],
        ),
        reversals=reversals,
        out=what_is_out(conn, payout_id),
        blocking=blocking,
        leaves_at=leaves_at,
        approvals=approvals,
        people=_people(conn, header, makers, approvals, kept=bool(kept)),
        makers=makers,
        left=left,
        attempts=attempts,
        calls=read(CALLS),
        ledger=read(LEDGER),
        holds=without_notes(read(HOLDS)) if masked else read(HOLDS),
        shared_with=mask(shared, ("name",)) if masked else shared,
        notes=read(NOTES),
        audit=read(AUDIT),
    )


VERSION = text("SELECT version FROM payout WHERE id = :id")


def standing(conn: Connection, payout_id: int) -> int | None:
    """Return the payout's version, which any change of it moves on; None when there is no such payout."""
    return conn.execute(VERSION, {"id": payout_id}).scalar_one_or_none()


def _people(
    conn: Connection, header: PayoutHeader, makers: list[str], approvals: pd.DataFrame, *, kept: bool
) -> pd.DataFrame:
    decided = set(approvals.loc[approvals["current"] & (approvals["decision"] == "approve"), "actor"])
    rows = []
    for approver in conn.execute(APPROVERS):
        if approver.actor in decided:
            answer = "approved"
        elif approver.actor in makers:
            answer = f"no: {_made_what(header, approver.actor)}"
        elif header.status == "pending":
            answer = "may approve once it is free" if kept else "may approve"
        else:
            continue
        rows.append((approver.user, approver.full_name, answer))
    return pd.DataFrame(rows, columns=["user", "full_name", "answer"], dtype="object")


def _made_what(header: PayoutHeader, actor: str) -> str:
    if actor in {header.override_proposed_by, header.override_confirmed_by}:
        return "agreed that it goes beyond a rule"
    if actor == header.made_by:
        return "asked for it"
    return "set its destination" if actor == header.destination_by else "entered an earning of it"


def story_as_json(story: PayoutStory, blocking: Sequence[Blocking]) -> dict[str, object]:
    """Return the story as the command line prints it; instants are aware datetimes, people without `user:`."""
    header = story.header
    row: dict[str, object] = {name: getattr(header, name) for name in ROW_FOR_SCRIPTS}
    return row | {
        "requested_at": header.queued_at,
        "items": _records(
            story.items, ("earning_id", "kind", "source_ref", "period", "customer_ref", "amount_minor")
        ),
        "why": _records(story.why, ("line", "how", "amount_minor", "part")),
        "approvals": _records(
            story.approvals.assign(
                user=story.approvals["actor"].map(lambda actor: actor.removeprefix("user:"))
            ),
            ("user", "decision", "at", "reason", "current"),
        ),
        "attempts": _records(
            story.attempts.assign(at=story.attempts["started_at"]),
            ("n", "state", "code", "at", "provider_ref", "error_class", "message", "ended_at"),
        ),
        "ledger": _records(
            story.ledger.rename(columns={"from_account": "from", "to_account": "to"}),
            ("kind", "from", "to", "amount_minor", "currency", "at"),
        ),
        "blocking": [
            {"code": reason.code, "sentence": reason.sentence, "clears_at": reason.clears_at}
            for reason in blocking
        ],
        "early_before": header.early_before,
        "override": None
        if header.override_rules is None
        else {
            "rules": header.override_rules,
            "proposed_by": header.override_proposed_by,
            "confirmed_by": header.override_confirmed_by,
        },
        "bank_arrival": None if story.arrival is None else asdict(story.arrival),
    }


def _records(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, object]]:
    rows = frame[list(columns)].to_dict("records")
    return [{str(name): plain(value) for name, value in row.items()} for row in rows]


CUSTOMERS = text("""
    SELECT c.id, c.ref, w.name, c.signed_up_at, c.cancelled_at,
           floor(extract(epoch FROM least(coalesce(c.cancelled_at, :now), :now) - c.signed_up_at) / 86400)::bigint
               AS days_active,
           count(e.id) AS earnings, coalesce(sum(e.amount_minor), 0)::bigint AS amount_minor,
           min(e.occurred_at) AS first_at, max(e.occurred_at) AS last_at
      FROM customer c JOIN identity w ON w.id = c.identity_id JOIN earning e ON e.customer_id = c.id
     WHERE c.id IN (SELECT t.customer_id FROM payout_item i JOIN earning t ON t.id = i.earning_id
                     WHERE i.payout_id = :id)
     GROUP BY c.id, w.name ORDER BY c.ref
""")


def customer_history(conn: Connection, payout_id: int, *, now: datetime, masked: bool) -> pd.DataFrame:
    """Return the customers behind a payout with all they ever brought: id, ref, name, dates, days_active, earnings, amount."""
    found = to_frame(conn.execute(CUSTOMERS, {"id": payout_id, "now": now}))
    return mask(found, ("name",)) if masked else found
