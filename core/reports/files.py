"""The files people take home, for pages and the command line alike: the same bytes from either, whenever asked again.

Amounts are written in major units with their currency beside them, and no cell is ever a formula. What spans a closed
month does not change any more; payouts and yearly totals are as of when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection

from core.account_codes import account_codes
from core.programs import UnknownPartner
from core.reads.filters import PayoutFilter
from core.reads.payouts import every_payout
from core.reads.statement import statement
from core.reports.export import csv_chunks
from core.reports.month_end import MonthEnd
from core.reports.year import year_totals

STATEMENT_COLUMNS = {
    "at": "At",
    "kind": "Movement",
    "earning_kind": "Earning",
    "reference": "Reference",
    "payout_id": "Payout",
    "amount": "Amount",
    "balance": "Balance",
    "currency": "Currency",
}


def payouts_file(
    conn: Connection,
    wanted: PayoutFilter,
    *,
    now: datetime,
    masked: bool,
    sort: str = "queued_at",
    descending: bool = True,
) -> Iterator[bytes]:
    """Yield the payouts a filter matches, however many, in the order of the queue; personal columns empty when masked."""
    frames = every_payout(conn, wanted, now=now, masked=masked, sort=sort, descending=descending)
    return csv_chunks(frames)


def statement_file(conn: Connection, code: str) -> Iterator[bytes]:
    """Yield every movement of one partner's money, the oldest first, with the balance after it. Refuses UnknownPartner."""
    moves = statement(conn, code)
    if moves is None:
        raise UnknownPartner(partner=code)
    return csv_chunks([moves], columns=STATEMENT_COLUMNS)


def rollforward_file(found: MonthEnd) -> Iterator[bytes]:
    """Yield a month per program, currency and account: what it opened with, what moved it, what it closed with."""
    return csv_chunks([found.rollforward()])


def provider_file(found: MonthEnd) -> Iterator[bytes]:
    """Yield a month's sums at each provider, day sent in UTC: our books, theirs, and the difference."""
    counts = {"ours": "our_payouts", "theirs": "their_transfers"}
    sums = found.provider.rename(columns=counts)
    sums.insert(0, "month", found.month)
    return csv_chunks([sums])


def journal_file(conn: Connection, found: MonthEnd) -> Iterator[bytes]:
    """Yield a month as journal lines: debit and credit by the company's own account codes."""
    return csv_chunks([found.journal(account_codes(conn))])


def year_file(conn: Connection, year: int, *, masked: bool) -> Iterator[bytes]:
    """Yield what each partner was paid in a calendar year, for tax forms; names and emails empty when masked."""
    totals: pd.DataFrame = year_totals(conn, year, masked=masked)
    return csv_chunks([totals])
