"""Sales: rows of a file become sales, and earnings at once where the program prices each sale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import Connection

from core.access import Actor
from core.days import instant_text
from core.imports.directory import Directory, open_directory
from core.imports.fields import BadField, parse_instant, shown
from core.imports.reading import Column, Row
from core.imports.sorting import Sorted
from core.money import BadAmount, parse_amount, plain
from core.programs import Program
from core.sales import KnownSale, NewSale, find_sales, record_sales

COLUMNS = (
    Column(name="program", limit=100),
    Column(name="partner_code", limit=100),
    Column(name="kind", limit=100),
    Column(name="source_ref", limit=100, is_key=True),
    Column(name="occurred_at", limit=100),
    Column(name="gross", limit=100),
    Column(name="currency", limit=100),
    Column(name="description", limit=500, required=False, multiline=True),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A sale that came before: in the books (line 0) or on an earlier line of the same file."""

    sale: NewSale
    book: KnownSale | None = None
    line: int = 0

    def is_same(self, told: NewSale) -> bool:
        """Whether a row tells the same sale again."""
        if self.book is not None:
            return self.book.is_same(told)
        return self.sale.content_hash() == told.content_hash()


class SalesImport:
    """Sorts and writes the sales of one file, 10,000 rows or so at a time."""

    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], Known] = {}
        self._directory: Directory | None = None

    def sort(self, conn: Connection, rows: Sequence[Row], *, now: datetime) -> Sorted[NewSale, None]:
        """Lock what the rows touch and tell new sales from repeated, conflicting and refused ones."""
        directory = open_directory(conn, (row.values.get("partner_code", "") for row in rows), now=now)
        self._directory = directory
        read = [(row, sale) for row in rows if (sale := _read_sale(row, directory, now=now)) is not None]
        self._look_up(conn, [sale for _, sale in read])
        result: Sorted[NewSale, None] = Sorted()
        for row, sale in read:
            known = self._known.get(sale.key)
            if known is None:
                self._known[sale.key] = Known(sale, line=row.line)
                result.added.append(sale)
                result.gross[directory.programs_by_id[sale.program_id].currency] += sale.gross_minor
            elif known.is_same(sale):
                result.unchanged += 1
            else:
                currency = directory.programs_by_id[sale.program_id].currency
                row.refuse("source_ref", _conflict(known, sale, currency))
                result.conflicts.append(row)
        return result

    def _look_up(self, conn: Connection, sales: Sequence[NewSale]) -> None:
        keys = {sale.key for sale in sales} - self._known.keys()
        self._known |= {key: Known(found.sale, found) for key, found in find_sales(conn, keys).items()}

    def write(
        self, conn: Connection, found: Sorted[NewSale, None], *, import_id: int, actor: Actor, now: datetime
    ) -> None:
        """Add the new sales by COPY, and the earnings of those that are priced one by one."""
        assert self._directory is not None
        versions = self._directory.versions
        record_sales(conn, found.added, versions, actor=actor, now=now, import_id=import_id)


def _read_sale(row: Row, directory: Directory, *, now: datetime) -> NewSale | None:
    if row.problems:
        return None
    values = row.values
    program = directory.programs.get(values["program"])
    if program is None:
        row.refuse("program", f"There is no program {shown(values['program'])}.")
        return None
    code = values["partner_code"]
    partner = directory.partners.get(code)
    if partner is None:
        row.refuse("partner_code", f"There is no partner {shown(code)}.")
    elif partner.program_id != program.id:
        its = directory.programs_by_id[partner.program_id].code
        row.refuse("partner_code", f"Partner {code} belongs to program {its}, not {program.code}.")
    kind, accepted = values["kind"], directory.policies[program.id].policy.sale_kinds
    if kind not in accepted:
        row.refuse("kind", f"{program.code} takes {' and '.join(accepted) or 'no sales'}, not {shown(kind)}.")
    occurred_at = None
    try:
        occurred_at = parse_instant(values["occurred_at"], now=now)
    except BadField as fault:
        row.refuse("occurred_at", str(fault))
    gross_minor = _read_gross(row, program)
    if row.problems or partner is None or occurred_at is None:
        return None
    return NewSale(
        program.id,
        partner.id,
        code,
        kind,
        values["source_ref"],
        occurred_at,
        gross_minor,
        values["description"],
    )


def _read_gross(row: Row, program: Program) -> int:
    """Read the amount in the program's currency, noting what is wrong with it."""
    kind, currency = row.values["kind"], row.values["currency"]
    if currency != program.currency:
        row.refuse("currency", f"{program.code} is in {program.currency}, not {shown(currency)}.")
        return 0
    try:
        gross_minor = parse_amount(row.values["gross"], currency)
    except BadAmount as fault:
        row.refuse("gross", str(fault))
        return 0
    if gross_minor == 0:
        row.refuse("gross", "The amount is zero.")
    elif kind == "deduction" and gross_minor > 0:
        row.refuse("gross", "A deduction is negative: write it with a minus.")
    elif kind != "deduction" and gross_minor < 0:
        row.refuse("gross", f"Only a deduction is negative; a {shown(kind)} is not.")
    return gross_minor


def _conflict(known: Known, sale: NewSale, currency: str) -> str:
    old = known.sale
    pairs = (
        ("partner", old.partner_code, sale.partner_code),
        ("kind", old.kind, sale.kind),
        ("occurred_at", instant_text(old.occurred_at), instant_text(sale.occurred_at)),
        ("gross", plain(old.gross_minor, currency), plain(sale.gross_minor, currency)),
        ("description", f"“{shown(old.description)}”", f"“{shown(sale.description)}”"),
    )
    differs = ", ".join(
        f"{name} {before} there, {after} here" for name, before, after in pairs if before != after
    )
    where = f"on line {known.line} of this file" if known.line else "in the books"
    return f"{sale.source_ref} is already {where} with other content: {differs or 'its description'}."
