"""Connected accounts as the provider last showed them, and what follows when one changed.

What is known of an account is a cache with its age. Whoever asked the provider writes it here: the sender before each
claim, and the events of the account. A place to pay out to that changed behind an account is a changed destination, and
an account that left us is a failed one, whoever saw it first and however often it is told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.ledger import lock_partners
from core.partner_changes import UNSENT
from core.partners import policies_of
from core.policy import resolve
from core.programs import lock_programs
from core.providers.readiness import ACCOUNT_GONE, Readiness
from core.pulling_back import pull_back_payouts

OLDER = "asked before what is known"


def note_account(
    conn: Connection,
    provider: str,
    account: str,
    seen: Readiness,
    *,
    asked_ago_s: float,
    actor: Actor,
    now: datetime,
) -> str:
    """Keep what the provider showed of an account and act on what changed; returns what was done in a few words.

    `asked_ago_s` is how long ago the provider was asked: an answer older than the one that is known changes nothing.
    Other bank details start the hold `destination_changed`, an account that is gone the hold `destination_failed`; both
    cancel the payouts of its partners that have not been sent. The first bank details of an account are no change.
    """
    change = _compare(conn, provider, account, seen, asked_ago_s)
    partners = _lock(conn, account) if change.acts else []
    if change.acts:  # read again behind the lock: somebody else may have acted on it meanwhile
        change = _compare(conn, provider, account, seen, asked_ago_s, asked_at=change.asked_at)
    if change.outdated:
        return OLDER
    pulled = _act(conn, change, partners, account, actor=actor, now=now) if change.acts else []
    if conn.execute(KEEP, _row(provider, account, seen, change, now)).first() is None:
        return OLDER
    if not change.acts:
        return "ready" if seen.ok else "; ".join(reason.code for reason in seen.reasons)
    action = "partner.account_gone" if change.left else "partner.bank_changed"
    ids = [partner.id for partner in partners]
    details = {"provider": provider, "account": account, "pulled_back": pulled}
    audit.record(conn, action, subject="partner", ids=ids, actor=actor, now=now, details=details)
    return (
        f"{'the account is gone' if change.left else 'other bank details'}: {len(pulled)} payouts pulled back"
    )


@dataclass(frozen=True, kw_only=True)
class _Change:
    """How an answer differs from what is known; `left`: the account was ours, `moved`: it paid out elsewhere before."""

    asked_at: datetime
    outdated: bool
    left: bool
    moved: bool
    banks: bytes | None
    had_bank: bool

    @property
    def acts(self) -> bool:
        return not self.outdated and (self.left or self.moved)


KNOWN = text("""
    SELECT asked.at AS asked_at, s.asked_at > asked.at AS outdated, s.banks, coalesce(s.had_bank, false) AS had_bank,
           coalesce(s.reasons @> CAST(:gone AS jsonb), false) AS gone
      FROM (SELECT coalesce(CAST(:asked_at AS timestamptz),
                            clock_timestamp() - make_interval(secs => :asked_ago_s)) AS at) asked
      LEFT JOIN account_state s ON s.provider = :provider AND s.account = :account
""")


def _compare(
    conn: Connection,
    provider: str,
    account: str,
    seen: Readiness,
    asked_ago_s: float,
    *,
    asked_at: datetime | None = None,
) -> _Change:
    gone = json.dumps([{"code": ACCOUNT_GONE}])
    values = {"provider": provider, "account": account, "asked_ago_s": asked_ago_s, "asked_at": asked_at}
    known = conn.execute(KNOWN, values | {"gone": gone}).one()
    before = bytes(known.banks) if known.banks is not None else None
    banks = before if seen.banks is None else hashlib.sha256("\n".join(seen.banks).encode()).digest()
    return _Change(
        asked_at=known.asked_at,
        outdated=bool(known.outdated),
        left=seen.gone and not known.gone,
        moved=known.had_bank and banks != before,
        banks=banks,
        had_bank=known.had_bank or bool(seen.banks),
    )


# Of two answers the one asked for later stands, whichever is written first.
KEEP = text("""
    INSERT INTO account_state AS s (provider, account, ready, reasons, whose, due, due_by, banks, had_bank, asked_at,
                                    checked_at)
    VALUES (:provider, :account, :ready, CAST(:reasons AS jsonb), :whose, :due, :due_by, :banks, :had_bank, :asked_at,
            :now)
    ON CONFLICT (provider, account) DO UPDATE
       SET (ready, reasons, whose, due, due_by, banks, had_bank, asked_at, checked_at)
         = (excluded.ready, excluded.reasons, excluded.whose, excluded.due, excluded.due_by,
            excluded.banks, s.had_bank OR excluded.had_bank, excluded.asked_at, excluded.checked_at)
     WHERE s.asked_at <= excluded.asked_at
    RETURNING 1
""")


def _row(provider: str, account: str, seen: Readiness, change: _Change, now: datetime) -> dict[str, object]:
    reasons = [{"code": reason.code, "sentence": reason.sentence} for reason in seen.reasons]
    return {
        "provider": provider,
        "account": account,
        "ready": seen.ok,
        "reasons": json.dumps(reasons),
        "whose": seen.whose,
        "due": list(seen.due),
        "due_by": seen.due_by,
        "banks": change.banks,
        "had_bank": change.had_bank,
        "asked_at": change.asked_at,
        "now": now,
    }


@dataclass(frozen=True, kw_only=True)
class _Partner:
    id: int
    program_id: int
    tier: str
    overrides: dict[str, object]


PAID_THERE = text("""
    SELECT p.id, p.program_id, p.tier, p.overrides
      FROM partner p JOIN destination d ON d.id = p.destination_id
     WHERE d.account = :account ORDER BY p.id
""")


def _lock(conn: Connection, account: str) -> list[_Partner]:
    """Lock the partners that are paid at this account, and return those that are now that they are locked."""
    found = conn.execute(PAID_THERE, {"account": account}).all()
    lock_programs(conn, {row.program_id for row in found})
    lock_partners(conn, [row.id for row in found])
    locked = {row.id for row in found}
    now_there = conn.execute(PAID_THERE, {"account": account}).mappings()
    return [_Partner(**row) for row in now_there if row["id"] in locked]


UNSENT_THERE = text("""
    SELECT p.id FROM payout p JOIN destination d ON d.id = p.destination_id
     WHERE p.partner_id = ANY(:partner_ids) AND d.account = :account AND p.status = ANY(:statuses) ORDER BY p.id
""")
COOL_OFF = text("""
    INSERT INTO hold (partner_id, reason, note, until, made_by, opened_at)
    VALUES (:partner_id, 'destination_changed', :note, :until, :made_by, :now)
""")
HOLD_FAILED = text("""
    INSERT INTO hold (partner_id, reason, note, made_by, opened_at)
    SELECT :partner_id, 'destination_failed', :note, :made_by, :now
     WHERE NOT EXISTS (SELECT 1 FROM hold WHERE partner_id = :partner_id AND reason = 'destination_failed'
                          AND earning_id IS NULL AND payout_id IS NULL AND closed_at IS NULL)
""")
NOTE_CHANGE = text("""
    INSERT INTO change (subject, subject_id, field, made_by, at)
    SELECT 'partner', unnest(CAST(:partner_ids AS bigint[])), :field, :made_by, :now
""")


def _act(
    conn: Connection,
    change: _Change,
    partners: Sequence[_Partner],
    account: str,
    *,
    actor: Actor,
    now: datetime,
) -> list[int]:
    """Hold the partners and pull their payouts back, as when they change their destination here."""
    ids = [partner.id for partner in partners]
    unsent = conn.execute(UNSENT_THERE, {"partner_ids": ids, "account": account, "statuses": list(UNSENT)})
    if change.left:
        code, reason = "destination_failed", "The partner's account left us, or Stripe closed it."
    else:
        code, reason = "destination_changed", "The bank details behind the partner's account were changed."
    pulled = pull_back_payouts(conn, list(unsent.scalars()), UNSENT, reason_code=code, reason=reason, now=now)
    values = {"note": reason, "made_by": actor.name, "now": now}
    terms = policies_of(conn, (partner.program_id for partner in partners), now=now)
    for partner in partners:
        if change.left:
            conn.execute(HOLD_FAILED, values | {"partner_id": partner.id})
            continue
        policy, _ = terms[partner.program_id]
        days = resolve(policy, partner.tier, partner.overrides).hold.destination_change_days
        if days:
            until = now + timedelta(days=days)
            conn.execute(COOL_OFF, values | {"partner_id": partner.id, "until": until})
    field = "account" if change.left else "bank_details"
    conn.execute(NOTE_CHANGE, {"partner_ids": ids, "field": field, "made_by": actor.name, "now": now})
    return pulled
