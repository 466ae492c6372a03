"""Terms that hold for one partner alone: proposed by one person, confirmed by another, kept as history.

Whoever proposed a term is a maker of what is queued under it and never approves that. The days money is held count for
earnings written from then on; what is queued already keeps what it was queued with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Connection, Row, text

from core import audit
from core.access import Actor
from core.ledger import lock_partners
from core.policy import Overrides, resolve
from core.policy_changes import said
from core.programs import current_policy, lock_programs
from core.reads.own_terms import own_changes
from core.refusals import Refusal
from core.second_person import Content, Kind, OutdatedProposal, Proposal


class BadTerms(Refusal):
    """These terms do not hold: {faults}."""

    code = "bad_terms"


class SameTerms(Refusal):
    """{partner} has exactly these terms already."""

    code = "nothing_changed"


def read_own_terms(terms: Mapping[str, Any]) -> Overrides:
    """Return these as a partner's own terms. Refuses BadTerms, which names every term that does not hold."""
    try:
        return Overrides.model_validate(terms)
    except ValidationError as fault:
        raise BadTerms(faults="; ".join(said(error) for error in fault.errors())) from fault


def written(terms: Overrides) -> dict[str, Any]:
    """Return a partner's own terms as JSON, without what is not said."""
    return {
        name: value
        for name, value in terms.model_dump(mode="json").items()
        if value is not None and value != {}
    }


def terms_content(terms: Mapping[str, Any]) -> Content:
    """Return what a proposal of kind `change_terms` asks for: all of the partner's own terms, none of them for `{}`.

    Proposing it refuses BadTerms and SameTerms.
    """
    return {"terms": dict(terms)}


FIND = text("SELECT program_id FROM partner WHERE id = ANY(:ids)")
READ = text("""
    SELECT p.id, p.code, p.program_id, p.tier, p.overrides, p.joined_on, g.currency, g.zone
      FROM partner p JOIN program g ON g.id = p.program_id WHERE p.id = ANY(:ids)
""")


def _locked(conn: Connection, ids: Sequence[int]) -> Row[Any] | None:
    """Lock the program and the partner, and return the partner as it is then."""
    program_id = conn.execute(FIND, {"ids": list(ids)}).scalar_one_or_none()
    if program_id is None:
        return None
    lock_programs(conn, [program_id])
    lock_partners(conn, list(ids))
    return conn.execute(READ, {"ids": list(ids)}).one()


def _content_now(conn: Connection, ids: Sequence[int], asked: Content) -> Content | None:
    partner = _locked(conn, ids)
    if partner is None:
        return None
    terms, was = written(read_own_terms(asked["terms"])), written(read_own_terms(partner.overrides))
    if terms == was:
        raise SameTerms(partner=partner.code)
    return {"partner": partner.code, "currency": partner.currency, "terms": terms, "was": was}


PLACE = text("""
    INSERT INTO own_terms (partner_id, terms, proposal_id, made_by, at)
    VALUES (:partner_id, CAST(:terms AS jsonb), :proposal_id, :made_by, :now)
""")
HOLDS_NOW = text("UPDATE partner SET overrides = CAST(:terms AS jsonb) WHERE id = :partner_id")
NOTE = text("""
    INSERT INTO change (subject, subject_id, field, old_value, new_value, made_by, at)
    SELECT 'partner', :partner_id, field, old_value, new_value, :made_by, :now
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (field text, old_value text, new_value text)
""")


def _change(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    partner = _locked(conn, proposal.ids)
    if partner is None:
        raise OutdatedProposal(id=proposal.id)
    terms = proposal.content["terms"]
    values = {
        "partner_id": partner.id,
        "terms": json.dumps(terms),
        "proposal_id": proposal.id,
        "made_by": proposal.made_by,
        "now": now,
    }
    conn.execute(PLACE, values)
    conn.execute(HOLDS_NOW, values)
    changes = own_changes(partner.overrides, terms, partner.currency)
    rows = [{"field": term, "old_value": old, "new_value": new} for term, old, new in changes]
    conn.execute(NOTE, values | {"rows": json.dumps(rows)})
    new_until = _hold_while_new(conn, partner, terms, proposal.made_by, now)
    details = {
        "terms": terms,
        "was": proposal.content["was"],
        "proposal": proposal.id,
        "proposed_by": proposal.made_by,
        "why": proposal.why,
    }
    if new_until is not None:
        details["held_while_new_until"] = new_until.isoformat()
    audit.record(
        conn,
        "partner.terms_changed",
        subject="partner",
        ids=[partner.id],
        actor=actor,
        now=now,
        details=details,
    )


END_HOLD = text("""
    UPDATE hold SET closed_at = :now, closed_by = :made_by, close_note = 'The partner''s own terms were changed.'
     WHERE partner_id = :partner_id AND reason = 'new_partner' AND earning_id IS NULL AND payout_id IS NULL
       AND closed_at IS NULL
""")
HOLD = text("""
    INSERT INTO hold (partner_id, reason, until, made_by, opened_at)
    VALUES (:partner_id, 'new_partner', :until, :made_by, :now)
""")


def _hold_while_new(
    conn: Connection, partner: Row[Any], terms: Mapping[str, Any], made_by: str, now: datetime
) -> datetime | None:
    """Let the hold on a new partner end when the new terms say; return its new end, None where it stays as it is."""
    policy = current_policy(conn, partner.program_id, now=now).policy
    before, after = (
        resolve(policy, partner.tier, own).hold.new_partner_days for own in (partner.overrides, terms)
    )
    if before == after:
        return None
    until = new_partner_until(partner.joined_on, after, partner.zone)
    values = {"partner_id": partner.id, "until": until, "made_by": made_by, "now": now}
    conn.execute(END_HOLD, values)
    if until > now:
        conn.execute(HOLD, values)
    return until


def new_partner_until(joined_on: Any, days: int, zone: str) -> datetime:  # noqa: ANN401
    """Return when a partner stops being new: so many days after the day they joined, in the program's zone."""
    return datetime.combine(joined_on + timedelta(days=days), time(), ZoneInfo(zone))


def _about(content: Content) -> str:
    changes = own_changes(content["was"], content["terms"], content["currency"])
    told = "; ".join(
        f"{term.lower()} {before or 'as the program'} → {after or 'as the program'}"
        for term, before, after in changes
    )
    return f"{content['partner']}: {told}"


CHANGE_TERMS = Kind(
    right="change terms",
    subject="partner",
    sentence="Change a partner's own terms",
    content_now=_content_now,
    carry_out=_change,
    about=_about,
    then="They hold for what is queued and earned from now on.",
)
