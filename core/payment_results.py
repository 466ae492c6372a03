"""Result files: what became of many payments, as the bank tells it, a line for each. Good lines count, bad ones come back."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection

from core.access import Actor
from core.imports.fields import BadField, parse_date, shown
from core.imports.reading import Column, Row, UnreadableFile, read_rows, write_rejects
from core.payment_marks import FAULTS, RESULTS, Mark, mark_payments

COLUMNS = (
    Column(name="reference", limit=40, is_key=True),
    Column(name="outcome", limit=20),
    Column(name="reason", limit=500, required=False),
    Column(name="date", limit=10),
    Column(name="fault", limit=20, required=False, may_miss=True),
)
# As many as one payment file has. All are marked in one transaction, and until its end everybody else's decision waits.
LINES_MAX = 5_000
# Of which column a refusal of a mark tells.
FIELD_OF = {"no_reason": "reason", "wrong_date": "date", "already_marked": "outcome"}


@dataclass(kw_only=True)
class ResultsTaken:
    """How the lines of a result file turned out; `lines` is the sum of the counts and the refused."""

    lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)  # paid, failed, returned, known
    totals: Counter[str] = field(default_factory=Counter)  # of those marked as paid, minor units by currency
    payouts: list[int] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)  # line, column, sentence
    refused: int = 0
    rejects: bytes = b""
    sha256: str = ""


def template() -> bytes:
    """Return a result file with its header and no line."""
    return (",".join(column.name for column in COLUMNS) + "\r\n").encode()


def take_results(conn: Connection, data: bytes, *, actor: Actor, now: datetime) -> ResultsTaken:
    """Mark what the lines of a result file say, all in the caller's transaction, and tell how every line turned out.

    A line that cannot be is refused with its field and a sentence and changes nothing; the same file twice changes nothing.
    Refuses NotAllowed, UnreadableFile (encoding, columns, too long).
    """
    actor.must("mark payments")
    rows = list(read_rows(data, COLUMNS))
    if len(rows) > LINES_MAX:
        raise UnreadableFile(f"The file has {len(rows):,} lines; {LINES_MAX:,} are the most. Split it.")
    taken = ResultsTaken(lines=len(rows), sha256=hashlib.sha256(data).hexdigest())
    before: dict[str, tuple[int, Mark]] = {}
    marks: list[Mark] = []
    by_mark: dict[str, Row] = {}
    for row in rows:
        mark = _read(row, today=now.date())
        if mark is None:
            continue
        line, same = before.setdefault(mark.reference, (row.line, mark))
        if line != row.line and same != mark:
            row.refuse("reference", f"{shown(mark.reference)} is already on line {line} and says otherwise.")
        elif line != row.line:
            taken.counts["known"] += 1
        else:
            marks.append(mark)
            by_mark[mark.reference] = row
    marked = mark_payments(conn, marks, actor=actor, now=now)
    for mark, refusal in marked.refused:
        by_mark[mark.reference].refuse(FIELD_OF.get(refusal.code, "reference"), refusal.sentence)
    taken.counts.update(mark.outcome for mark in marked.marks)
    taken.counts["known"] += len(marked.known)
    taken.payouts = marked.payouts
    for mark, (currency, amount_minor) in zip(marked.marks, marked.amounts, strict=True):
        if mark.outcome == "paid":
            taken.totals[currency] += amount_minor
    bad = [row for row in rows if row.problems]
    taken.refused = len(bad)
    taken.problems = [(row.line, column, sentence) for row in bad for column, sentence in row.problems]
    taken.rejects = write_rejects(COLUMNS, bad) if bad else b""
    return taken


def _read(row: Row, *, today: date) -> Mark | None:
    if row.problems:
        return None
    values = {name: value.strip() for name, value in row.values.items()}
    outcome = next((each for each in RESULTS if each == values["outcome"].lower()), None)
    if outcome is None:
        row.refuse("outcome", f"{shown(values['outcome'])} is no outcome: write one of {', '.join(RESULTS)}.")
    fault = next((each for each in FAULTS if each == (values["fault"].lower() or "account")), None)
    if fault is None:
        row.refuse(
            "fault", f"{shown(values['fault'])} is no fault: write one of {', '.join(FAULTS)}, or nothing."
        )
    on = None
    try:
        on = parse_date(values["date"], today=today)
    except BadField as wrong:
        row.refuse("date", str(wrong))
    if outcome is None or fault is None or on is None:
        return None
    if outcome == "paid":  # beside a success a reason is the bank's chatter
        return Mark(reference=values["reference"].upper(), outcome=outcome, on=on, reason=values["reason"])
    return Mark(
        reference=values["reference"].upper(), outcome=outcome, on=on, reason=values["reason"], fault=fault
    )
