"""The rows of one transaction, told apart: what each kind of file hands to the one way of importing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from core.access import Actor
from core.imports.reading import Column, Row

New = TypeVar("New")
Changed = TypeVar("Changed")


@dataclass(kw_only=True)
class Sorted(Generic[New, Changed]):
    """New and changed subjects, how many rows were known already, and the rows that contradict what is known.

    Rows with problems that are no conflicts are the refused ones. `gross` is what the new ones come to, in minor units by
    currency, where rows have amounts.
    """

    added: list[New] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    unchanged: int = 0
    conflicts: list[Row] = field(default_factory=list)
    gross: Counter[str] = field(default_factory=Counter)


class Importer(Protocol[New, Changed]):
    """One kind of file. It lives as long as the file is read, so that it knows the lines before."""

    columns: ClassVar[tuple[Column, ...]]

    def sort(self, conn: Connection, rows: Sequence[Row], *, now: datetime) -> Sorted[New, Changed]:
        """Lock what the rows touch, note what is wrong with each, and tell them apart."""

    def write(
        self, conn: Connection, found: Sorted[New, Changed], *, import_id: int, actor: Actor, now: datetime
    ) -> None:
        """Write what is new and changed, in the transaction that sorted it."""
