"""Programs and the policies in force: which terms hold, for whom, at an instant."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.policy import Policy, Terms, resolve
from core.presets import PRESETS
from core.refusals import Refusal


class UnknownProgram(Refusal):
    """There is no program {code}."""

    code = "unknown_program"


class NoPolicyInForce(Refusal):
    """Program {program_id} has no policy in force at {at}."""

    code = "no_policy"


class UnknownPartner(Refusal):
    """There is no partner {partner}."""

    code = "unknown_partner"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program: its currency, and the zone of its days, months and schedule slots."""

    id: int
    code: str
    name: str
    currency: str
    zone: str


@dataclass(frozen=True, kw_only=True)
class PolicyVersion:
    """One version of a program's policy."""

    id: int
    version: int
    policy: Policy


@dataclass(frozen=True, kw_only=True)
class PartnerTerms:
    """What holds for one partner: partner over tier over program."""

    program: Program
    policy_id: int
    version: int
    policy: Terms


PROGRAMS = text("SELECT id, code, name, currency, zone FROM program ORDER BY id")
PROGRAM_BY_CODE = text("SELECT id, code, name, currency, zone FROM program WHERE code = :code")


def programs(conn: Connection) -> list[Program]:
    """Return all programs in the order they were made."""
    return [Program(**row) for row in conn.execute(PROGRAMS).mappings()]


def program_by_code(conn: Connection, code: str) -> Program:
    """Return the program with this code, refusing UnknownProgram."""
    row = conn.execute(PROGRAM_BY_CODE, {"code": code}).mappings().one_or_none()
    if row is None:
        raise UnknownProgram(code=code)
    return Program(**row)


LOCK_PROGRAMS = text("SELECT id FROM program WHERE id = ANY(:ids) ORDER BY id FOR SHARE")


def lock_programs(conn: Connection, program_ids: Collection[int]) -> None:
    """Keep these programs as they are until the end of the transaction: step 2 of the lock order."""
    conn.execute(LOCK_PROGRAMS, {"ids": list(program_ids)})


CURRENT_POLICY = text("""
    SELECT id, version, terms FROM policy
     WHERE program_id = :program_id AND effective_at <= :now
     ORDER BY version DESC LIMIT 1
""")


def current_policy(conn: Connection, program_id: int, *, now: datetime) -> PolicyVersion:
    """Return the highest version in effect at `now`, refusing NoPolicyInForce."""
    row = conn.execute(CURRENT_POLICY, {"program_id": program_id, "now": now}).one_or_none()
    if row is None:
        raise NoPolicyInForce(program_id=program_id, at=f"{now:%Y-%m-%d %H:%M} UTC")
    return PolicyVersion(id=row.id, version=row.version, policy=Policy.model_validate(row.terms))


VERSIONS = text("""
    SELECT id, version, terms, effective_at FROM policy WHERE program_id = :program_id ORDER BY version DESC
""")


class PolicyVersions:
    """The versions of a program's policy, read once; `at` is the one that was in force at an instant."""

    def __init__(self, conn: Connection, program_id: int) -> None:
        self._program_id = program_id
        self._newest_first = [
            (
                row.effective_at,
                PolicyVersion(id=row.id, version=row.version, policy=Policy.model_validate(row.terms)),
            )
            for row in conn.execute(VERSIONS, {"program_id": program_id})
        ]

    def at(self, instant: datetime) -> PolicyVersion:
        """The highest version in effect at the instant. Refuses NoPolicyInForce."""
        for effective_at, version in self._newest_first:
            if effective_at <= instant:
                return version
        raise NoPolicyInForce(program_id=self._program_id, at=f"{instant:%Y-%m-%d %H:%M} UTC")

    def pricing(self, instant: datetime) -> PolicyVersion:
        """The version that prices what happened at the instant: the first one also prices what came before it."""
        oldest = min(effective_at for effective_at, _ in self._newest_first)
        return self.at(max(instant, oldest))


PARTNER_TERMS = text("""
    SELECT p.tier, p.overrides, g.id, g.code, g.name, g.currency, g.zone
      FROM partner p JOIN program g ON g.id = p.program_id
     WHERE p.id = :partner_id
""")


def partner_terms(conn: Connection, partner_id: int, *, now: datetime) -> PartnerTerms:
    """Return the terms that hold for a partner at `now`, refusing UnknownPartner and NoPolicyInForce."""
    row = conn.execute(PARTNER_TERMS, {"partner_id": partner_id}).one_or_none()
    if row is None:
        raise UnknownPartner(partner=partner_id)
    current = current_policy(conn, row.id, now=now)
    return PartnerTerms(
        program=Program(id=row.id, code=row.code, name=row.name, currency=row.currency, zone=row.zone),
        policy_id=current.id,
        version=current.version,
        policy=resolve(current.policy, row.tier, row.overrides),
    )


ADD_PROGRAM = text("""
    INSERT INTO program (code, name, currency, zone, created_at)
    VALUES (:code, :name, :currency, :zone, :now)
        ON CONFLICT (code) DO NOTHING
    RETURNING id
""")
# Earnings are priced back to before the desk was installed, so the first version is in effect from the beginning.
ADD_FIRST_POLICY = text("""
    INSERT INTO policy (program_id, version, terms, effective_at, made_by)
    VALUES (:program_id, 1, CAST(:terms AS jsonb), 'epoch', 'preset')
""")


def install_presets(conn: Connection, *, now: datetime) -> int:
    """Add the six preset programs whose code is missing, each with the first version of its policy; returns how many."""
    added = 0
    for preset in PRESETS:
        values = {"code": preset.code, "name": preset.name, "currency": preset.currency, "zone": preset.zone}
        program_id = conn.execute(ADD_PROGRAM, values | {"now": now}).scalar_one_or_none()
        if program_id is not None:
            terms = json.dumps(preset.policy.model_dump(mode="json"))
            conn.execute(ADD_FIRST_POLICY, {"program_id": program_id, "terms": terms})
            added += 1
    return added
