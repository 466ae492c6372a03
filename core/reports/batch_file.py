"""A batch to take home: every payout of it with what became of it, as CSV or as a page to print and file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape

import pandas as pd
from sqlalchemy import Connection

from core.money_words import written
from core.reads.batch import BatchHeader, batch_header, batch_items
from core.reads.words import METHOD_WORDS, person
from core.refusals import Refusal
from core.reports.control_record import as_text
from core.reports.export import csv_bytes
from core.reports.printing import page, table

COLUMNS = {
    "id": "Payout", "partner_code": "Code", "partner_name": "Partner", "program": "Program", "method": "Method",
    "currency": "Currency", "amount": "Gross", "fee": "Fee", "fixed_net": "Net", "decision": "Decision",
    "status": "Status now", "provider_ref": "Provider reference",
}  # fmt: skip
DONE = {"approve": "approved", "reject": "rejected", "process": "put first"}


class UnknownBatch(Refusal):
    """There is no batch {id}."""

    code = "unknown_batch"


def batch_csv(conn: Connection, batch_id: int, *, now: datetime, masked: bool) -> bytes:
    """Return the batch's payouts as CSV, personal columns empty when masked. Refuses UnknownBatch."""
    _, items = _read(conn, batch_id, now=now, masked=masked)
    return csv_bytes([items], columns=COLUMNS)


def batch_page(conn: Connection, batch_id: int, *, now: datetime, masked: bool) -> bytes:
    """Return the batch as a page to print: its sums, who fixed and decided it, and every payout. Refuses UnknownBatch."""
    header, items = _read(conn, batch_id, now=now, masked=masked)
    title = f"Payout batch {header.id}"
    return page(title, _body(header, items, title, now))


def _read(
    conn: Connection, batch_id: int, *, now: datetime, masked: bool
) -> tuple[BatchHeader, pd.DataFrame]:
    header = batch_header(conn, batch_id)
    if header is None:
        raise UnknownBatch(id=batch_id)
    items = batch_items(conn, batch_id, now=now, masked=masked)
    said = _decisions(header, items)
    return header, items.assign(decision=[said[int(payout_id)] for payout_id in items["id"]])


def _decisions(header: BatchHeader, items: pd.DataFrame) -> dict[int, str]:
    """What was decided on each payout, in words."""
    outcome = header.outcome or {}
    said = dict.fromkeys((int(payout_id) for payout_id in items["id"]), "not decided yet")
    said |= dict.fromkeys(outcome.get("done", []), DONE.get(header.decision or "", ""))
    waits = set(items.loc[items["status"] == "pending", "id"])
    said |= {
        payout_id: "approved, waits for a second person"
        if payout_id in waits
        else "approved, then decided by another"
        for payout_id in outcome.get("waiting", [])
    }
    said |= {int(one["id"]): f"refused: {one['sentence']}" for one in outcome.get("refused", [])}
    out = items[items["left_out"].notna()]
    return said | {
        int(payout_id): f"taken out: {why}"
        for payout_id, why in zip(out["id"], out["left_out"].tolist(), strict=True)
    }


def _body(header: BatchHeader, items: pd.DataFrame, title: str, now: datetime) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield f"<p>Fixed {as_text(header.made_at)} by {escape(person(header.made_by))}.</p>"
    if header.decided_at is not None:
        did = DONE.get(header.decision or "", "decided")
        yield f"<p>{did.capitalize()} {as_text(header.decided_at)} by {escape(person(header.decided_by or ''))}.</p>"
    yield f"<p>Printed {as_text(now)}; the status is that of this moment.</p>"
    taken = items[~items["decision"].str.startswith(("refused", "taken out"))]
    yield "<h2>Sums</h2>"
    yield table(
        ("Currency", "Method", "Payouts", "Gross", "Fees", "Net"),
        [
            (currency, METHOD_WORDS[str(method)], f"{len(rows):,}", *_sums(rows, str(currency)))
            for (currency, method), rows in taken.groupby(["currency", "method"])
        ]
        + [
            (f"{currency} in all", "", f"{len(rows):,}", *_sums(rows, str(currency)))
            for currency, rows in taken.groupby("currency")
        ],
        figures=(2, 3, 4, 5),
    )
    left = items[items["decision"].str.startswith(("refused", "taken out"))]
    if len(left):
        yield f"<h2>Not in this batch: {len(left):,}</h2>"
        yield _payouts(left)
    yield f"<h2>Payouts: {len(taken):,}</h2>"
    yield _payouts(taken)


def _sums(rows: pd.DataFrame, currency: str) -> tuple[str, str, str]:
    gross, fee = int(rows["amount_minor"].sum()), int(rows["fee_minor"].sum())
    return (
        written(gross, currency),
        written(-fee, currency),
        written(int(rows["fixed_net_minor"].sum()), currency),
    )


def _payouts(items: pd.DataFrame) -> str:
    names = ["id", "partner_code", "partner_name", "method", "decision", "status", "provider_ref"]
    nets = [
        written(int(net), str(currency))
        for net, currency in zip(items["fixed_net_minor"].tolist(), items["currency"].tolist(), strict=True)
    ]
    rows = [
        (as_text(one), as_text(code), as_text(name), METHOD_WORDS[method], net, did, status, as_text(ref))
        for (one, code, name, method, did, status, ref), net in zip(
            items[names].itertuples(index=False, name=None), nets, strict=True
        )
    ]
    headings = ("Payout", "Code", "Partner", "Method", "Net", "Decision", "Status now", "Provider reference")
    return table(headings, rows, figures=(4,))
