"""The bytes of a payment file: made of its frozen rows, each time the same, and proved by the digest kept with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from core import audit
from core.access import Actor
from core.payees import fingerprint_of
from core.payment_formats import Debtor, FileLine, as_csv, as_sepa, is_sepa
from core.refusals import Refusal
from core.stops import SendingStopped, current_stop
from core.vault import SealBroken, Vault, open_vault


class UnknownFile(Refusal):
    """There is no payment file {id}."""

    code = "unknown_file"


class FileEnded(Refusal):
    """Payment file {id} is {state}: that cannot be done any more."""

    code = "decided"


class NoSuchFormat(Refusal):
    """Payment file {id} was not made as {format}."""

    code = "no_such_format"


class FileDiffers(Refusal):
    """Payment file {id} would not come out as it was made: hand in the one you have, and ask who runs the desk."""

    code = "file_differs"


FILE = text("SELECT * FROM payment_file WHERE id = :id")
# Whoever cancels it waits, and then finds in the trail that somebody has it in hand.
KEEP = text("SELECT id FROM payment_file WHERE id = :id FOR SHARE")
LINES = text("""
    SELECT l.position, l.payout_id, l.reference, l.amount_minor, t.code, d.fingerprint
      FROM payment_file_line l JOIN payout p ON p.id = l.payout_id JOIN partner t ON t.id = p.partner_id
      JOIN destination d ON d.id = p.destination_id
     WHERE l.file_id = :id ORDER BY l.position
""")
SEALED = text("SELECT line, payee, content FROM payees_of_file(:id)")
FileRow = Row[Any]


def read_file(conn: Connection, file_id: int) -> FileRow:
    """Return a file's own row. Refuses UnknownFile."""
    file = conn.execute(FILE, {"id": file_id}).one_or_none()
    if file is None:
        raise UnknownFile(id=file_id)
    return file


def contents_of(conn: Connection, file: FileRow, *, now: datetime) -> dict[str, bytes]:
    """Return what the file is, by format, of its rows alone. Refuses SealBroken."""
    vault = open_vault(conn, now=now)
    sealed = {row.line: row for row in conn.execute(SEALED, {"id": file.id})}
    lines = []
    for row in conn.execute(LINES, {"id": file.id}):
        kept = sealed[row.position]
        payee = vault.open(bytes(kept.content), bound_to=(str(kept.payee), row.code, str(file.method)))
        _must_be_approved(vault, str(file.method), payee, bytes(row.fingerprint))
        lines.append(
            FileLine(
                reference=row.reference,
                payout_id=row.payout_id,
                partner_code=row.code,
                amount_minor=row.amount_minor,
                currency=file.currency,
                payee=payee,
            )
        )
    found = {"csv": as_csv(file.method, lines)}
    debtor = Debtor(**file.debtor) if file.debtor else None
    if debtor is not None and is_sepa(file.currency, debtor, lines):
        made_at = file.made_at.astimezone(UTC)
        found["sepa"] = as_sepa(debtor, lines, message=f"PD{file.ref.hex[:26]}", made_at=made_at)
    return found


def _must_be_approved(vault: Vault, method: str, payee: dict[str, str], fingerprint: bytes) -> None:
    """The approvals bind the destination's fingerprint: what is paid to must have just that."""
    if method != "paypal" and fingerprint_of(vault, method, payee) != fingerprint:
        raise SealBroken


@dataclass(frozen=True, kw_only=True)
class Document:
    """One download of a file."""

    name: str
    mime: str
    content: bytes


MIMES = {"csv": "text/csv", "sepa": "application/xml"}
ENDINGS = {"csv": "csv", "sepa": "xml"}


def file_document(
    conn: Connection, file_id: int, *, form: str = "csv", actor: Actor, now: datetime
) -> Document:
    """Return the file as it was made, as `csv` or `sepa`; that somebody took it is kept, since it has full details.

    Refuses NotAllowed, UnknownFile, NoSuchFormat, FileEnded where it was cancelled, SendingStopped while it has not been
    handed in, and FileDiffers where the bytes would not be those it was made of.
    """
    actor.must("write payment files")
    conn.execute(KEEP, {"id": file_id})
    file = read_file(conn, file_id)
    if file.state == "cancelled":
        raise FileEnded(id=file_id, state=file.state)
    stop = current_stop(conn)
    if stop is not None and file.state == "made":
        raise SendingStopped(who=stop.who, why=stop.why)
    if form not in file.digests:
        raise NoSuchFormat(id=file_id, format=form)
    content = contents_of(conn, file, now=now)[form]
    if hashlib.sha256(content).hexdigest() != file.digests[form]:
        raise FileDiffers(id=file_id)
    note_file(conn, "downloaded", file_id, actor, now, {"format": form, "sha256": file.digests[form]})
    name = f"payments-{file_id}-{file.method}-{file.currency.lower()}.{ENDINGS[form]}"
    return Document(name=name, mime=MIMES[form], content=content)


def note_file(  # noqa: PLR0917 - who did what to which, when
    conn: Connection, action: str, file_id: int, actor: Actor, now: datetime, details: dict[str, object]
) -> None:
    """Keep in the trail what was done with a file; the last statement of its transaction."""
    audit.record(
        conn,
        f"payment_file.{action}",
        subject="payment_file",
        ids=[file_id],
        actor=actor,
        now=now,
        details=details,
    )
