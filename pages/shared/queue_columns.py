"""The queue's columns: which there are, which are shown unless a person chooses, and how a row becomes their cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.guards import Blocking
from pages.shared import desk, status, tables
from pages.shared.decisions import digest
from pages.shared.format import ABSENT, PRIORITIES, count, day, method, moment, money
from pages.shared.tables import each

PADDING = 14  # amounts as text sort rightly when they are equally long


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a cell's words depend on beside its row."""

    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its label, its width in px, the words of a cell, and how the grid draws it."""

    label: str
    width: int
    cell: Callable[[Any, Sight], object]
    right: bool = False
    looks: dict[str, status.Look] | None = None

    def config(self) -> ColumnConfig:
        """The grid's configuration of this column."""
        if self.looks is not None:
            return tables.pills(self.label, self.looks, width=self.width)
        if self.right:
            return tables.figures(self.label, width=self.width)
        return st.column_config.TextColumn(self.label, width=self.width)


def _present(value: object) -> bool:
    return not isinstance(value, list) and pd.notna(value)  # type: ignore[call-overload] # any cell may come


def text_or_dash(value: object) -> str:
    """A cell's text; an absent one is a dash."""
    return str(value) if _present(value) else ABSENT


def partner(row: Any) -> str:  # noqa: ANN401 - a row of the queue's frame
    """Who gets paid: the name, or the code where names are not shown."""
    return str(row.partner_name) if _present(row.partner_name) else str(row.partner_code)


def _customer(row: Any, _: Sight) -> str:  # noqa: ANN401
    if not row.customers:
        return ABSENT
    if row.customers > 1:
        active = f", {row.days_active_min}–{row.days_active_max} d" if _present(row.days_active_min) else ""
        return f"{count(int(row.customers), 'customer')}{active}"
    name = row.customer if _present(row.customer) else row.customer_ref
    return f"{name}, {row.days_active_min} d" if _present(row.days_active_min) else str(name)


def _amount(of: str) -> Callable[[Any, Sight], str]:
    return lambda row, _: f"{money(int(getattr(row, of)), row.currency):>{PADDING}}"


COLUMNS: dict[str, Column] = {
    "id": Column(label="Payout", width=66, cell=lambda row, _: str(row.id)),
    "partner": Column(label="Partner", width=140, cell=lambda row, _: partner(row)),
    "net": Column(label="Net", width=104, cell=_amount("net_minor"), right=True),
    "status": Column(
        label="Status", width=108, cell=lambda row, _: [status.pill(row.status)], looks=status.STATUS
    ),
    "signals": Column(
        label="Signals",
        width=186,
        cell=lambda row, _: [status.pill(code) for code in row.signals],
        looks=status.SIGNALS,
    ),
    "customer": Column(label="Customer, days active", width=142, cell=_customer),
    "method": Column(label="Method", width=94, cell=lambda row, _: method(row.method)),
    "priority": Column(label="Priority", width=72, cell=lambda row, _: PRIORITIES[row.priority]),
    "days": Column(label="Days", width=52, cell=lambda row, _: f"{row.days_pending:>4}", right=True),
    "requested": Column(
        label="Requested", width=86, cell=lambda row, see: _day(row.queued_at, see)
    ),
    "amount": Column(label="Amount", width=104, cell=_amount("amount_minor"), right=True),
    "fee": Column(label="Fee", width=78, cell=_amount("fee_minor"), right=True),
    "available": Column(label="Available now", width=112, cell=_amount("available_minor"), right=True),
    "account": Column(label="Account", width=170, cell=lambda row, _: text_or_dash(row.account)),
    "program": Column(label="Program", width=110, cell=lambda row, _: row.program_name),
    "items": Column(label="Items", width=58, cell=lambda row, _: f"{row.items:>4}", right=True),
    "retry": Column(
        label="Next try", width=110,
        cell=lambda row, see: moment(row.retry_at, see.zone, see.now) if _present(row.retry_at) else ABSENT,
    ),
    "reference": Column(label="Provider reference", width=210, cell=lambda row, _: text_or_dash(row.provider_ref)),
    "stands": Column(label="In the way", width=300, cell=lambda row, _: row.stands),
    "whose": Column(label="Whose move", width=100, cell=lambda row, _: row.whose),
    "reason": Column(label="Reason", width=200, cell=lambda row, _: text_or_dash(row.reason)),
}  # fmt: skip
USUAL = ("id", "partner", "net", "status", "signals", "customer", "method", "priority", "days", "requested")
USUAL_BLOCKED = ("id", "partner", "net", "stands", "whose", "status", "method", "days", "requested")
GUARDED = frozenset({"stands", "whose"})  # answered by the guards, and looked up only where they are shown


def usual(view: str) -> tuple[str, ...]:
    """The columns a view begins with."""
    return USUAL_BLOCKED if view == "blocked" else USUAL


def guarded(frame: pd.DataFrame, reasons: Mapping[int, Sequence[Blocking]]) -> pd.DataFrame:
    """The rows with what stands in the way of each first and whose move it is; a missing approval alone stands in nobody's."""
    first = [
        next((one for one in reasons[int(payout_id)] if one.code != "approvals_missing"), None)
        for payout_id in frame["id"]
    ]
    whose = {"ours": "Ours", "partner": "Partner’s", "provider": f"{desk.provider_name()}’s"}
    return frame.assign(
        stands=[one.sentence if one else ABSENT for one in first],
        whose=[whose[one.whose] if one else ABSENT for one in first],
    )


def marked(frame: pd.DataFrame, stopped: Collection[int]) -> pd.DataFrame:
    """The rows with `blocked` before the other signals of those that are."""
    signals = [
        ["blocked", *found] if int(payout_id) in stopped else found
        for payout_id, found in zip(frame["id"], frame["signals"], strict=True)
    ]
    return frame.assign(signals=pd.Series(signals, index=frame.index, dtype="object"))


def _day(when: datetime, see: Sight) -> str:
    return day(when.astimezone(see.zone).date(), see.now.astimezone(see.zone).date())


def cells(frame: pd.DataFrame, names: Sequence[str], see: Sight) -> pd.DataFrame:
    """The page's rows as the grid shows them, one column per name."""
    found = list(each(frame))
    return pd.DataFrame({name: [COLUMNS[name].cell(row, see) for row in found] for name in names})


def configs(names: Sequence[str]) -> dict[str, ColumnConfig]:
    """The grid's configuration for these columns."""
    return {name: COLUMNS[name].config() for name in names}


def grid_key(listed: pd.DataFrame, order: str) -> str:
    """The grid's key. Ticks are positions: bound to these very rows, they never mean others once the page has moved on."""
    return f"queue-{digest([order, *(f'{row.id}:{row.version}' for row in each(listed))])}"
