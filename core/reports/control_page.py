"""The control record as one HTML file: opens in any browser, prints on paper, needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape

import pandas as pd
from sqlalchemy import Connection

from core.decisions import UnknownPayout
from core.reads.words import METHOD_WORDS, amount, person
from core.reports.control_record import ControlRecord, as_text, control_record

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #16202c; background: #fff; max-width: 1080px; }
body { margin: 32px auto; padding: 0 24px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 28px 0 6px; } p { margin: 0 0 6px; color: #445; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; } th { text-align: left; color: #556; font-weight: 500; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid #dde3ea; vertical-align: top; overflow-wrap: anywhere; }
td.figure, th.figure { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.hash { font-family: ui-monospace, monospace; font-size: 11px; }
.holds { color: #17643d; } .broken { color: #a4202f; font-weight: 600; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def control_file(conn: Connection, payout_id: int, *, now: datetime, masked: bool) -> bytes:
    """Return the file of one payout, without personal data when masked. Refuses UnknownPayout."""
    record = control_record(conn, payout_id, now=now, masked=masked)
    if record is None:
        raise UnknownPayout(id=payout_id)
    return control_page(record)


def control_page(record: ControlRecord) -> bytes:
    """Return the record as UTF-8 HTML without scripts, pictures or links."""
    header = record.story.header
    title = f"Control record of payout {header.id}"
    body = "\n".join(_body(record, title))
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )
    return page.encode()


def _body(record: ControlRecord, title: str) -> Iterator[str]:
    told, header = record.story, record.story.header
    whom = header.partner_name or header.partner_code
    yield f"<h1>{escape(title)}</h1>"
    yield (
        f"<p>{escape(amount(header.net_minor, header.currency))} to {escape(whom)} ({escape(header.partner_code)}) by"
        f" {escape(METHOD_WORDS[header.method])}, {escape(header.program_name)}, policy version {record.policy_version}:"
        f" {escape(header.status)}. Made {escape(as_text(record.made_at))}; every time is UTC.</p>"
    )
    yield f'<p>At the provider <span class="hash">{escape(header.ref)}</span></p>'
    yield f'<p>Its content <span class="hash">{record.content_hash}</span></p>'
    yield "<h2>What was proved when this was made</h2>"
    yield _table(("Proof", "", "Found"), [(proof.what, proof.holds, proof.found) for proof in record.proofs])
    yield "<h2>Why this amount</h2>"
    yield _table(
        ("Line", "How", "Amount"),
        [
            (line, how, amount(int(minor), header.currency))
            for line, how, minor in told.why[["line", "how", "amount_minor"]].to_numpy().tolist()
        ],
        figures=(2,),
    )
    yield "<h2>Items</h2>"
    yield _of(
        told.items,
        ("earning_id", "kind", "source", "occurred_at", "gross_minor", "amount_minor", "made_by"),
        ("Earning", "Kind", "Source", "Occurred", "Gross", "Amount", "Written by"),
        currency=header.currency,
    )
    yield "<h2>Who made it and who decided</h2>"
    yield f"<p>Made by {escape(', '.join(person(maker) for maker in told.makers))}; none of them may approve it.</p>"
    yield _of(
        record.approvals,
        ("actor", "decision", "reason", "at", "content_hash"),
        ("Who", "Decision", "Reason", "At", "Content"),
    )
    yield "<h2>What was sent</h2>"
    yield _of(
        record.attempts,
        ("n", "provider", "idem_key", "state", "message", "provider_ref", "request_id", "started_at", "ended_at", "params"),
        ("No.", "Provider", "Key", "Outcome", "Says", "Reference", "Request", "Began", "Ended", "Parameters"),
    )  # fmt: skip
    yield "<h2>Calls to the provider</h2>"
    yield _of(
        told.calls,
        ("n", "at", "what", "outcome", "code", "request_id", "duration_ms"),
        ("Attempt", "At", "Call", "Outcome", "Code", "Request", "Took (ms)"),
    )
    yield "<h2>Ledger</h2>"
    yield _of(
        told.ledger,
        ("id", "kind", "from_account", "to_account", "amount_minor", "at", "earning_id"),
        ("Row", "Movement", "From", "To", "Amount", "At", "Earning"),
        currency=header.currency,
    )
    yield "<h2>Trail</h2><p>Each row's hash covers the row and the hash before it.</p>"
    yield _of(
        record.audit,
        ("seq", "at", "actor", "action", "details", "prev_hash", "hash"),
        ("Row", "At", "Who", "What", "Details", "Hash before", "Hash"),
    )


HASHES = frozenset({"content_hash", "prev_hash", "hash", "idem_key", "params"})


def _of(frame: pd.DataFrame, names: Sequence[str], headings: Sequence[str], *, currency: str = "") -> str:
    if frame.empty:
        return "<p>None.</p>"
    figures = tuple(place for place, name in enumerate(names) if name.endswith("_minor"))
    rows = [
        tuple(
            amount(int(value), currency) if name.endswith("_minor") else as_text(value)
            for name, value in zip(names, values, strict=True)
        )
        for values in zip(*(frame[name].tolist() for name in names), strict=True)
    ]
    hashes = tuple(place for place, name in enumerate(names) if name in HASHES)
    return _table(headings, rows, figures=figures, hashes=hashes)


def _table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    figures: Sequence[int] = (),
    hashes: Sequence[int] = (),
) -> str:
    def cell(place: int, value: object, tag: str) -> str:
        if isinstance(value, bool):
            return '<td class="holds">holds</td>' if value else '<td class="broken">DOES NOT HOLD</td>'
        kind = ' class="figure"' if place in figures else ' class="hash"' if place in hashes else ""
        return f"<{tag}{kind}>{escape(str(value))}</{tag}>"

    head = "".join(cell(place, heading, "th") for place, heading in enumerate(headings))
    lines = (
        "<tr>" + "".join(cell(place, value, "td") for place, value in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
