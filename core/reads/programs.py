"""Programs and their policies in words: what holds, since when, who agreed to it, and what a change changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, text

from core.money_words import written
from core.policy import Overrides, Policy
from core.programs import Program, UnknownProgram, program_by_code
from core.reads import words
from core.reads.terms import commission_words, days_words, fee_words, partner_lines, schedule_words

PROGRAMS = text("""
    SELECT g.code, g.name, g.currency, g.zone, c.version, c.terms, c.effective_at,
           (SELECT min(effective_at) FROM policy WHERE program_id = g.id AND effective_at > :now) AS next_at,
           (SELECT count(*) FROM partner WHERE program_id = g.id AND status = 'active') AS partners
      FROM program g
     CROSS JOIN LATERAL (SELECT version, terms, effective_at FROM policy
                          WHERE program_id = g.id AND effective_at <= :now ORDER BY version DESC LIMIT 1) c
     ORDER BY g.name
""")


def list_programs(conn: Connection, *, now: datetime) -> pd.DataFrame:
    """Return every program: code, name, currency, zone, commission, minimum, held, schedule (in words), version,
    effective_at, next_at (a version agreed on that is not in effect yet) and its active partners.
    """
    records = []
    for row in conn.execute(PROGRAMS, {"now": now}).mappings():
        policy = Policy.model_validate(row["terms"])
        said = {
            "commission": commission_words(policy.commission, row["currency"]),
            "minimum": written(policy.min_payout_minor, row["currency"]),
            "held": days_words(policy.hold.days),
            "schedule": schedule_words(policy.schedule),
        }
        records.append({name: value for name, value in row.items() if name != "terms"} | said)
    return pd.DataFrame(records)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a policy: from when on, who proposed and who confirmed it, why, and what it changed."""

    version: int
    policy: Policy
    effective_at: datetime
    made_by: str
    confirmed_by: str | None
    why: str | None
    changes: list[tuple[str, str, str]]  # the term, before, after


@dataclass(frozen=True, kw_only=True)
class ProgramStory:
    """One program: its id, the version in force and all of them, the newest first."""

    id: int
    program: Program
    current: Version
    versions: list[Version]

    @property
    def newest(self) -> Version:
        """What the next change is made on; it may not be in effect yet."""
        return self.versions[0]


VERSIONS = text("""
    SELECT p.version, p.terms, p.effective_at, p.made_by, o.decided_by, o.why
      FROM policy p LEFT JOIN proposal o ON o.id = p.proposal_id
     WHERE p.program_id = :program_id ORDER BY p.version
""")


def program_story(conn: Connection, code: str, *, now: datetime) -> ProgramStory | None:
    """Return one program with every version of its policy, or None when no program has this code."""
    try:
        program = program_by_code(conn, code)
    except UnknownProgram:
        return None
    versions: list[Version] = []
    for row in conn.execute(VERSIONS, {"program_id": program.id}):
        policy = Policy.model_validate(row.terms)
        before = versions[-1].policy if versions else policy
        versions.append(
            Version(
                version=row.version,
                policy=policy,
                effective_at=row.effective_at,
                made_by=row.made_by,
                confirmed_by=row.decided_by,
                why=row.why,
                changes=changes_between(before, policy, program.currency),
            )
        )
    versions.reverse()
    current = next(one for one in versions if one.effective_at <= now)
    return ProgramStory(id=program.id, program=program, current=current, versions=versions)


def policy_lines(policy: Policy, currency: str) -> Iterator[tuple[str, str]]:
    """Yield every term of a policy with its value in words."""
    for _, term, value in partner_lines(policy, currency):
        yield term, value
    if policy.sale_kinds:
        yield "Kinds of sales", ", ".join(policy.sale_kinds)
    if policy.deduction_kinds:
        yield "Kinds of deductions", ", ".join(policy.deduction_kinds)
    if policy.accrues_from:
        yield "Accrues from", f"{policy.accrues_from:%-d %b %Y}"
    yield "Tried again after a fault", ladder_words(policy.retry.transient)
    yield "Tried again after a limit", ladder_words(policy.retry.limits)
    yield "Tries at most", f"{policy.retry.max} more"
    for tier, terms in policy.tiers.items():
        yield f"Tier {tier}", _tier(terms, currency)


def changes_between(before: Policy, after: Policy, currency: str) -> list[tuple[str, str, str]]:
    """Return what differs between two policies: the term, its value before and after in words."""
    old, new = dict(policy_lines(before, currency)), dict(policy_lines(after, currency))
    return [
        (term, old.get(term, "—"), new.get(term, "—"))
        for term in dict.fromkeys([*old, *new])
        if old.get(term) != new.get(term)
    ]


def ladder_words(ladder: tuple[timedelta, ...]) -> str:
    """Write the pauses between tries: 5 min, 15 min, 1 h."""
    return ", ".join(_span(pause) for pause in ladder)


def _span(pause: timedelta) -> str:
    minutes = round(pause.total_seconds() / 60)
    if minutes % (24 * 60) == 0:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _tier(terms: Overrides, currency: str) -> str:
    said = []
    if terms.min_payout_minor is not None:
        said.append(f"minimum {written(terms.min_payout_minor, currency)}")
    if terms.max_per_partner_month_minor is not None:
        said.append(f"at most {written(terms.max_per_partner_month_minor, currency)} a month")
    if terms.schedule is not None:
        said.append(f"paid {schedule_words(terms.schedule)}")
    held = {
        "held": terms.hold_days,
        "held while new": terms.new_partner_days,
        "held after a new destination": terms.destination_change_days,
    }
    said += [f"{name} {days_words(days)}" for name, days in held.items() if days is not None]
    said += [
        f"{words.METHOD_WORDS[method]} fee {fee_words(fee, currency)}" for method, fee in terms.fees.items()
    ]
    return ", ".join(said) or "as the program"
