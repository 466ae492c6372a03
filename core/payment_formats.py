"""What a payment file looks like: CSV for every method, and pain.001 for euro transfers. The same lines give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from sepaxml import SepaTransfer
from sepaxml.validation import try_valid_xml

from core.reports.export import csv_bytes

SCHEMA = "pain.001.001.09"
COLUMNS_OF = {
    "bank_transfer": ("iban", "bic", "account_number", "routing_number"),
    "paypal": ("email",),
    "check": ("street", "city", "postal_code", "country"),
}


@dataclass(frozen=True, kw_only=True)
class Debtor:
    """Our own account, which a bank's file is drawn on."""

    name: str
    iban: str
    bic: str | None = None


def debtor_of(name: str | None, iban: str | None, bic: str | None) -> Debtor | None:
    """Return our account as the settings name it, None where they name none: files are CSV alone then."""
    return None if name is None or iban is None else Debtor(name=name, iban=iban, bic=bic)


@dataclass(frozen=True, kw_only=True)
class FileLine:
    """One payment of a file: `payee` holds the full details, opened for this moment alone."""

    reference: str
    payout_id: int
    partner_code: str
    amount_minor: int
    currency: str
    payee: Mapping[str, str]


def as_csv(method: str, lines: Sequence[FileLine]) -> bytes:
    """Return the lines as CSV, amounts in major units; no cell begins a formula."""
    rows = [
        {"reference": line.reference, "payee_name": line.payee["name"]}
        | {name: line.payee.get(name, "") for name in COLUMNS_OF[method]}
        | {
            "amount_minor": line.amount_minor,
            "currency": line.currency,
            "partner": line.partner_code,
            "payout": line.payout_id,
        }
        for line in lines
    ]
    return csv_bytes([pd.DataFrame(rows)])


def is_sepa(currency: str, debtor: Debtor | None, lines: Sequence[FileLine]) -> bool:
    """Tell whether the lines can be one pain.001: in euro, from an account of ours, each to an IBAN."""
    return debtor is not None and currency == "EUR" and all("iban" in line.payee for line in lines)


def as_sepa(debtor: Debtor, lines: Sequence[FileLine], *, message: str, made_at: datetime) -> bytes:
    """Return the lines as pain.001, to be paid on the day it was made; `message` names it, up to 30 characters."""
    own = {"name": debtor.name, "IBAN": debtor.iban, "batch": True, "currency": "EUR"}
    transfer = SepaTransfer(own | ({"BIC": debtor.bic} if debtor.bic else {}), schema=SCHEMA, clean=True)
    for line in lines:
        payment = {
            "name": line.payee["name"],
            "IBAN": line.payee["iban"],
            "amount": line.amount_minor,
            "execution_date": _day(made_at),
            "description": f"Payout {line.reference}",
            "endtoend_id": line.reference,
        }
        transfer.add_payment(payment | ({"BIC": line.payee["bic"]} if "bic" in line.payee else {}))
    written: bytes = transfer.export(validate=False)
    # The library names each message anew; ours must come out the same whenever it is downloaded.
    for tag, value in (
        ("MsgId", message),
        ("CreDtTm", f"{made_at:%Y-%m-%dT%H:%M:%S}"),
        ("PmtInfId", f"{message}-1"),
    ):
        written = re.sub(rf"<{tag}>[^<]*</{tag}>".encode(), f"<{tag}>{value}</{tag}>".encode(), written)
    return written


def check_sepa(written: bytes) -> None:
    """Raise the library's ValidationError unless the bytes are what the schema says."""
    try_valid_xml(written, SCHEMA)


def _day(at: datetime) -> date:
    return at.date()
