"""Partners: a later file is an update, applied once and kept as history; a changed destination starts its hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from core.access import Actor
from core.imports.directory import Directory, open_directory
from core.imports.fields import ACCOUNT, CODE, COUNTRY, EMAIL, BadField, parse_date, shown
from core.imports.reading import Column, Row
from core.imports.sorting import Sorted
from core.partner_changes import PartnerChange, change_partners, compare_partners
from core.partners import METHODS, STATUSES, PartnerDetails, add_partners
from core.payees import DETAIL_FIELDS, Payee, has_details, read_details, seal_details
from core.vault import open_vault

COLUMNS = (
    Column(name="program", limit=100),
    Column(name="code", limit=100),
    Column(name="name", limit=200),
    Column(name="email", limit=254, required=False),
    Column(name="tier", limit=100, required=False),
    Column(name="country", limit=100, required=False),
    Column(name="currency", limit=100),
    Column(name="method", limit=100),
    Column(name="stripe_account_id", limit=100, required=False),
    Column(name="joined_on", limit=100),
    Column(name="status", limit=100),
    *(Column(name=name, limit=100, required=False, may_miss=True, is_secret=True) for name in DETAIL_FIELDS),
)


class PartnersImport:
    """Sorts and writes the partners of one file, 10,000 rows or so at a time."""

    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def __init__(self) -> None:
        self._lines: dict[str, tuple[int, PartnerDetails]] = {}

    def sort(
        self, conn: Connection, rows: Sequence[Row], *, now: datetime
    ) -> Sorted[PartnerDetails, PartnerChange]:
        """Lock what the rows touch and tell new partners from changed, repeated, conflicting and refused ones."""
        directory = open_directory(conn, (row.values.get("code", "") for row in rows), now=now)
        result: Sorted[PartnerDetails, PartnerChange] = Sorted()
        known: dict[int, PartnerDetails] = {}
        for row in rows:
            details = _read_partner(row, directory, conn, now=now)
            if details is None:
                continue
            sentence = self._contradicts(details, directory)
            if sentence:
                row.refuse("code", sentence)
                result.conflicts.append(row)
            elif details.code in self._lines:
                result.unchanged += 1
            else:
                self._lines[details.code] = (row.line, details)
                partner = directory.partners.get(details.code)
                if partner is None:
                    result.added.append(details)
                else:
                    known[partner.id] = details
        result.changed = compare_partners(conn, known)
        result.unchanged += len(known) - len(result.changed)
        return result

    def _contradicts(self, details: PartnerDetails, directory: Directory) -> str:
        line, before = self._lines.get(details.code, (0, details))
        if before != details:
            return f"{details.code} is already on line {line} of this file with other content."
        partner = directory.partners.get(details.code)
        if partner is not None and partner.program_id != details.program_id:
            its = directory.programs_by_id[partner.program_id].code
            here = directory.programs_by_id[details.program_id].code
            return f"{details.code} is a partner of {its}, not {here}: a partner never changes program."
        return ""

    def write(
        self,
        conn: Connection,
        found: Sorted[PartnerDetails, PartnerChange],
        *,
        import_id: int,
        actor: Actor,
        now: datetime,
    ) -> None:
        """Add new partners and apply the changes."""
        if found.added:
            add_partners(conn, found.added, actor=actor, now=now)
        change_partners(conn, found.changed, actor=actor, now=now, import_id=import_id)


def _read_partner(
    row: Row, directory: Directory, conn: Connection, *, now: datetime
) -> PartnerDetails | None:
    if row.problems:
        return None
    values = row.values
    program = directory.programs.get(values["program"])
    if program is None:
        row.refuse("program", f"There is no program {shown(values['program'])}.")
        return None
    tiers = directory.policies[program.id].policy.tiers
    if values["tier"] and values["tier"] not in tiers:
        known = f"it has {', '.join(sorted(tiers))}" if tiers else "it has none"
        row.refuse("tier", f"{program.code} has no tier {shown(values['tier'])}; {known}.")
    if values["currency"] != program.currency:
        row.refuse("currency", f"{program.code} is in {program.currency}, not {shown(values['currency'])}.")
    _check_words(row)
    joined_on = None
    try:
        joined_on = parse_date(values["joined_on"], today=now.astimezone(ZoneInfo(program.zone)).date())
    except BadField as fault:
        row.refuse("joined_on", str(fault))
    payee = None if row.problems or not has_details(values) else _read_payee(row, conn, now=now)
    if row.problems or joined_on is None:
        return None
    return PartnerDetails(
        program_id=program.id,
        code=values["code"],
        name=values["name"],
        email=values["email"] or None,
        tier=values["tier"] or None,
        country=values["country"].upper() or None,
        method=values["method"],
        account=values["stripe_account_id"] or None,
        joined_on=joined_on,
        status=values["status"],
        payee=payee,
    )


def _read_payee(row: Row, conn: Connection, *, now: datetime) -> Payee | None:
    """Seal the bank or postal details of a row; once read, they stand in no reject."""
    values = row.values
    found = read_details(values["method"], values, name=values["name"])
    if isinstance(found, dict):
        return seal_details(open_vault(conn, now=now), values["method"], found, code=values["code"])
    for fault in found:
        row.refuse(fault.field, fault.sentence)
    return None


def _check_words(row: Row) -> None:
    """Check the values that are right or wrong by themselves."""
    code, email, country = (row.values[name] for name in ("code", "email", "country"))
    if not CODE.fullmatch(code):
        row.refuse("code", f"{shown(code)} is not a code: use letters, digits, point, dash, underscore.")
    if email and not EMAIL.fullmatch(email):
        row.refuse("email", "This is not an email address.")
    if country and not COUNTRY.fullmatch(country):
        row.refuse("country", f"{shown(country)} is not a country: write two letters like DE.")
    account = row.values["stripe_account_id"]
    if account and not ACCOUNT.fullmatch(account):
        row.refuse("stripe_account_id", f"{shown(account)} is not a Stripe account: it begins with acct_.")
    for name, words in (("method", METHODS), ("status", STATUSES)):
        value = row.values[name]
        if value not in words:
            row.refuse(name, f"{shown(value)} is not a {name}: write one of {', '.join(words)}.")
