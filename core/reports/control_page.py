"""The control record as one HTML file: opens in any browser, prints on paper, needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

import pandas as pd
from sqlalchemy import Connection

from core.decisions import UnknownPayout
from core.money_words import written
from core.reads.words import METHOD_WORDS, person
from core.reports.control_record import ControlRecord, as_text, control_record
from core.reports.printing import page, table


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
    return page(title, _body(record, title))


def _body(record: ControlRecord, title: str) -> Iterator[str]:
    told, header = record.story, record.story.header
    whom = header.partner_name or header.partner_code
    yield f"<h1>{escape(title)}</h1>"
    yield (
        f"<p>{escape(written(header.net_minor, header.currency))} to {escape(whom)} ({escape(header.partner_code)}) by"
        f" {escape(METHOD_WORDS[header.method])}, {escape(header.program_name)}, policy version {record.policy_version}:"
        f" {escape(header.status)}. Made {escape(as_text(record.made_at))}; every time is UTC.</p>"
    )
    yield f'<p>At the provider <span class="hash">{escape(header.ref)}</span></p>'
    yield f'<p>Its content <span class="hash">{record.content_hash}</span></p>'
    yield "<h2>What was proved when this was made</h2>"
    yield table(("Proof", "", "Found"), [(proof.what, proof.holds, proof.found) for proof in record.proofs])
    yield "<h2>Why this amount</h2>"
    yield table(
        ("Line", "How", "Amount"),
        [
            (line, how, written(int(minor), header.currency))
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
            written(int(value), currency) if name.endswith("_minor") else as_text(value)
            for name, value in zip(names, values, strict=True)
        )
        for values in zip(*(frame[name].tolist() for name in names), strict=True)
    ]
    hashes = tuple(place for place, name in enumerate(names) if name in HASHES)
    return table(headings, rows, figures=figures, hashes=hashes)
