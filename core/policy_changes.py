"""Changing a program's policy: a new version that two people agree on, and that holds from an instant on.

What is queued keeps the version it was made under, and an earning the one that priced it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.policy import Policy
from core.refusals import Refusal
from core.second_person import Content, Kind, OutdatedProposal, Proposal


class BadPolicy(Refusal):
    """These terms do not hold: {faults}."""

    code = "bad_policy"


class SamePolicy(Refusal):
    """Version {version} says exactly this already."""

    code = "nothing_changed"


class TooEarly(Refusal):
    """Version {version} takes effect on {at}: a later one cannot take effect before it."""

    code = "too_early"


def read_terms(terms: Mapping[str, Any]) -> Policy:
    """Return the policy these terms make. Refuses BadPolicy, which names every term that does not hold."""
    try:
        return Policy.model_validate(terms)
    except ValidationError as fault:
        raise BadPolicy(faults="; ".join(said(error) for error in fault.errors())) from fault


def said(error: Any) -> str:  # noqa: ANN401 - pydantic's own mapping
    """Write one fault that pydantic found: the term, and what is wrong with it."""
    words = str(error["msg"]).removeprefix("Value error, ")
    place = " ".join(str(part).replace("_", " ") for part in error["loc"])
    return f"{place}: {words}" if place else words


def policy_content(terms: Mapping[str, Any], effective_at: datetime | None) -> Content:
    """Return what a proposal of kind `change_policy` asks for; None takes effect when it is confirmed.

    An instant that has passed by then is moved to the confirmation: no version holds for the past. Proposing it refuses
    BadPolicy, SamePolicy and TooEarly.
    """
    instant = None if effective_at is None else effective_at.astimezone(UTC).isoformat()
    return {"terms": dict(terms), "effective_at": instant}


LOCK_PROGRAM = text("SELECT code FROM program WHERE id = ANY(:ids) FOR UPDATE")
NEWEST = text("""
    SELECT version, terms, effective_at FROM policy WHERE program_id = ANY(:ids) ORDER BY version DESC LIMIT 1
""")


def _content_now(conn: Connection, ids: Sequence[int], asked: Content) -> Content | None:
    code = conn.execute(LOCK_PROGRAM, {"ids": list(ids)}).scalar_one_or_none()
    if code is None:
        return None
    newest = conn.execute(NEWEST, {"ids": list(ids)}).one()
    policy = read_terms(asked["terms"])
    if policy == Policy.model_validate(newest.terms):
        raise SamePolicy(version=newest.version)
    effective_at = asked["effective_at"]
    if effective_at is not None and datetime.fromisoformat(effective_at) < newest.effective_at:
        raise TooEarly(
            version=newest.version, at=f"{newest.effective_at.astimezone(UTC):%-d %b %Y %H:%M} UTC"
        )
    return {
        "program": code,
        "from_version": newest.version,
        "terms": policy.model_dump(mode="json"),
        "effective_at": effective_at,
    }


# Never before the version it follows, and never for the past.
ADD_VERSION = text("""
    INSERT INTO policy (program_id, version, terms, effective_at, made_by, proposal_id)
    SELECT p.program_id, p.version + 1, CAST(:terms AS jsonb),
           greatest(p.effective_at, CAST(:effective_at AS timestamptz), :now), :made_by, :proposal_id
      FROM policy p WHERE p.program_id = :program_id AND p.version = :from_version
    RETURNING id, version, effective_at
""")


def _change(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    (program_id,) = proposal.ids
    values = {
        "program_id": program_id,
        "from_version": proposal.content["from_version"],
        "terms": json.dumps(proposal.content["terms"]),
        "effective_at": proposal.content["effective_at"],
        "made_by": proposal.made_by,
        "proposal_id": proposal.id,
        "now": now,
    }
    added = conn.execute(ADD_VERSION, values).one_or_none()
    if added is None:
        raise OutdatedProposal(id=proposal.id)
    details = {
        "version": added.version,
        "effective_at": added.effective_at.astimezone(UTC).isoformat(),
        "proposal": proposal.id,
        "proposed_by": proposal.made_by,
        "why": proposal.why,
    }
    audit.record(
        conn, "policy.changed", subject="program", ids=[program_id], actor=actor, now=now, details=details
    )


CHANGE_POLICY = Kind(
    right="change policies",
    subject="program",
    sentence="Change a program's policy",
    content_now=_content_now,
    carry_out=_change,
    about=lambda content: f"{content['program']}, on top of version {content['from_version']}",
)
