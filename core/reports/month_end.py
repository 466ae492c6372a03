"""Month end: per program what each account opened with, what moved it, and what it closed with.

A month is the program's own, and a movement belongs to the month it was booked in: a closed month never changes, and the
same figures come out whenever it is asked for. What was booked for a sale of an earlier month stands apart. An opening is
worked back from the balances of now, so it is right only if every movement since is: the figures tie to the ledger by
construction, and `verify` proves the balances. The caller gives a connection in REPEATABLE READ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection, Row, text

from core.days import month_bounds, month_closed
from core.programs import Program, programs

ACCOUNTS = ("held", "available", "reserved", "paid", "fees")
# Every declared movement once, in the order money takes.
LINES = {
    "earn": "Earned",
    "release": "Released",
    "hold": "Put on hold",
    "lift": "Lifted from hold",
    "void": "Voided",
    "debt": "Taken back",
    "reserve": "Put into payouts",
    "unreserve": "Taken out of payouts",
    "settle": "Paid out",
    "fee": "Payout fees",
    "return": "Came back",
}
LATE_LINE = "Earned for earlier months"  # a closed month stays as it is, so this stands apart


@dataclass(kw_only=True)
class Roll:
    """One program's month: minor units by account, and by line and account; `movements` has what a journal needs."""

    program: Program
    opening: dict[str, int]
    closing: dict[str, int]
    moved: dict[str, dict[str, int]]
    movements: list[tuple[str, str, str, int, int]]  # kind, from, to, how many, minor units
    late_minor: int = 0  # earned this month for events of earlier ones
    late: int = 0
    late_moved: dict[str, int] = field(default_factory=dict)  # the same, by the account it came into

    @property
    def idle(self) -> bool:
        """Whether nothing ever stood or moved in the program by the end of the month."""
        return not self.movements and not any(self.opening.values()) and not any(self.closing.values())


@dataclass(kw_only=True)
class MonthEnd:
    """A month over all programs; `over` is false while it still runs. `provider` has both books by provider and currency."""

    month: str
    over: bool
    rolls: list[Roll] = field(default_factory=list)
    provider: pd.DataFrame = field(default_factory=pd.DataFrame)

    def rollforward(self) -> pd.DataFrame:
        """Return one row per program that has had money, account and line: program, currency, account, line, amount_minor."""
        return pd.DataFrame(
            list(self._lines()), columns=["month", "program", "currency", "account", "line", "amount_minor"]
        )

    def _lines(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        for roll in self.rolls:
            if roll.idle:  # one that was added later changes no closed month
                continue
            for account in ACCOUNTS:
                head = (self.month, roll.program.code, roll.program.currency, account)
                yield (*head, "Opening", roll.opening[account])
                for kind, line in LINES.items():
                    late = roll.late_moved.get(account, 0) if kind == "earn" else 0
                    if moved := roll.moved[kind].get(account, 0) - late:
                        yield (*head, line, moved)
                    if late:
                        yield (*head, LATE_LINE, late)
                yield (*head, "Closing", roll.closing[account])

    def journal(self, codes: dict[str, str]) -> pd.DataFrame:
        """Return one row per kind of movement: debit and credit by the company's account codes, in the program's currency.

        What leaves an account is debited and what enters it credited: an account here is what is owed to partners.
        """
        rows = [
            (
                self.month,
                roll.program.code,
                LINES[kind],
                codes.get(debit, debit),
                codes.get(credit, credit),
                minor,
                roll.program.currency,
                count,
            )
            for roll in self.rolls
            for kind, debit, credit, count, minor in roll.movements
        ]
        columns = ["month", "program", "text", "debit", "credit", "amount_minor", "currency", "movements"]
        return pd.DataFrame(rows, columns=columns)


BALANCES = text("""
    SELECT p.program_id, sum(b.held)::bigint AS held, sum(b.available)::bigint AS available,
           sum(b.reserved)::bigint AS reserved, sum(b.paid)::bigint AS paid, sum(b.fees)::bigint AS fees
      FROM partner_balance b JOIN partner p ON p.id = b.partner_id
     GROUP BY 1
""")
# What a split carried over nets to nothing where it stands, and would only swell both sides. Only earnings and debts are
# looked up: a join that also met every row without an earning would put all of those in one bucket.
MOVED = text("""
    SELECT p.program_id, t.kind, t.from_account, t.to_account, t.effective_at >= w.ends_at AS after,
           count(*) AS n, sum(t.amount_minor)::bigint AS amount_minor,
           count(*) FILTER (WHERE t.kind = 'earn' AND t.occurred_at < w.begins_at) AS late,
           coalesce(sum(t.amount_minor) FILTER (WHERE t.kind = 'earn' AND t.occurred_at < w.begins_at), 0)::bigint AS late_minor
      FROM (SELECT partner_id, kind, from_account, to_account, effective_at, amount_minor, NULL AS occurred_at
              FROM ledger_transfer
             WHERE effective_at >= :since AND kind NOT IN ('earn', 'debt')
             UNION ALL
            SELECT m.partner_id, m.kind, m.from_account, m.to_account, m.effective_at, m.amount_minor, e.occurred_at
              FROM ledger_transfer m LEFT JOIN earning e ON e.id = m.earning_id
             WHERE m.effective_at >= :since AND m.kind IN ('earn', 'debt')
               AND (e.kind IS NULL OR e.kind NOT IN ('carry_out', 'carry_in'))) t
      JOIN partner p ON p.id = t.partner_id
      JOIN unnest(CAST(:program_ids AS int[]), CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]))
           AS w (program_id, begins_at, ends_at) ON w.program_id = p.program_id
     WHERE t.effective_at >= w.begins_at
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY 1, 2, 3, 4
""")
PROVIDER = text("""
    SELECT provider, currency, sum(ours)::bigint AS ours, sum(ours_minor)::bigint AS ours_minor,
           sum(theirs)::bigint AS theirs, sum(theirs_minor)::bigint AS theirs_minor,
           sum(theirs_minor - ours_minor)::bigint AS difference_minor
      FROM reconciled_day WHERE day >= :first AND day < :next GROUP BY 1, 2 ORDER BY 1, 2
""")


def month_end(conn: Connection, month: str, *, now: datetime) -> MonthEnd:
    """Return the roll-forward of a month like 2026-10. Refuses BadPeriod."""
    known = programs(conn)
    bounds = {program.id: month_bounds(month, ZoneInfo(program.zone)) for program in known}
    found = MonthEnd(
        month=month, over=all(month_closed(month, ZoneInfo(program.zone), now=now) for program in known)
    )
    balances = {row["program_id"]: row for row in conn.execute(BALANCES).mappings()}
    moved = defaultdict(list)
    for row in conn.execute(MOVED, _window(bounds)):
        moved[row.program_id].append(row)
    for program in known:
        balance = balances.get(program.id)
        now_minor = {account: int(balance[account]) if balance else 0 for account in ACCOUNTS}
        found.rolls.append(_roll(program, now_minor, moved[program.id]))
    first = date.fromisoformat(f"{month}-01")
    days = {"first": first, "next": (first + timedelta(days=32)).replace(day=1)}
    result = conn.execute(PROVIDER, days)
    found.provider = pd.DataFrame([tuple(row) for row in result], columns=list(result.keys()))
    return found


def _window(bounds: dict[int, tuple[datetime, datetime]]) -> dict[str, Any]:
    begins, ends = [begin for begin, _ in bounds.values()], [end for _, end in bounds.values()]
    return {"program_ids": list(bounds), "begins": begins, "ends": ends, "since": min(begins, default=None)}


def _roll(program: Program, balance: dict[str, int], rows: list[Row[Any]]) -> Roll:
    closing = dict(balance)
    moved: dict[str, dict[str, int]] = {kind: {} for kind in LINES}
    for row in rows:
        if row.after:
            _move(closing, row, -1)
        else:
            _move(moved[row.kind], row, 1)
    late_moved: dict[str, int] = {}
    for row in rows:
        if not row.after and row.late_minor:
            late_moved[row.to_account] = late_moved.get(row.to_account, 0) + row.late_minor
    opening = {
        account: closing[account] - sum(by_account.get(account, 0) for by_account in moved.values())
        for account in ACCOUNTS
    }
    within = [row for row in rows if not row.after]
    return Roll(
        program=program,
        opening=opening,
        closing=closing,
        moved=moved,
        movements=[(row.kind, row.from_account, row.to_account, row.n, row.amount_minor) for row in within],
        late=sum(row.late for row in within),
        late_minor=sum(row.late_minor for row in within),
        late_moved=late_moved,
    )


def _move(amounts: dict[str, int], row: Row[Any], sign: int) -> None:
    for account, minor in ((row.from_account, -row.amount_minor), (row.to_account, row.amount_minor)):
        if account in ACCOUNTS:
            amounts[account] = amounts.get(account, 0) + sign * minor
