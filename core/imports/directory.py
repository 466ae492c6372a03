"""What the rows of a file refer to: programs with their policy in force, and partners by code. Read under the locks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.ledger import lock_partners
from core.programs import PolicyVersion, PolicyVersions, Program, current_policy, lock_programs, programs


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownPartner:
    """A partner a row may name."""

    id: int
    program_id: int


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Programs by code, their policies by id, and those partners by code that the rows name."""

    programs: dict[str, Program]
    programs_by_id: dict[int, Program]
    policies: dict[int, PolicyVersion]  # in force now: what a file may bring
    versions: dict[int, PolicyVersions]  # in force then: what a sale earned
    partners: dict[str, KnownPartner]


# One import at a time: what one has looked up, no other adds meanwhile.
LOCK_IMPORTS = text("SELECT pg_advisory_xact_lock(hashtextextended('import', 0))")
FIND_PARTNERS = text("SELECT id, program_id, code FROM partner WHERE code = ANY(:codes)")


def lock_imports(conn: Connection) -> None:
    """Wait until no other import is under way, until the end of the transaction: step 1 of the lock order."""
    conn.execute(LOCK_IMPORTS)


def open_directory(conn: Connection, partner_codes: Iterable[str], *, now: datetime) -> Directory:
    """Lock the programs (shared) and the named partners' money, then read what rows may refer to."""
    lock_imports(conn)
    known = {program.code: program for program in programs(conn)}
    lock_programs(conn, [program.id for program in known.values()])
    rows = conn.execute(FIND_PARTNERS, {"codes": sorted(set(partner_codes))})
    partners = {row.code: KnownPartner(id=row.id, program_id=row.program_id) for row in rows}
    lock_partners(conn, [partner.id for partner in partners.values()])
    return Directory(
        programs=known,
        programs_by_id={program.id: program for program in known.values()},
        policies={one.id: current_policy(conn, one.id, now=now) for one in known.values()},
        versions={one.id: PolicyVersions(conn, one.id) for one in known.values()},
        partners=partners,
    )
