"""Payees: the full details that a payment file names, checked as they come in, sealed, and shown by their last four.

A bank account is an IBAN (with its BIC where the bank wants one) or an account with its routing number; a check goes to a
postal address. PayPal's email stands in `identity`, and becomes a payee when a file is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, text
from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from core.access import Actor
from core.vault import Vault

# The fields of a file of partners, and of the dialogs, that hold them.
BANK_FIELDS = ("iban", "bic", "account_number", "routing_number")
POST_FIELDS = ("street", "city", "postal_code", "post_country")
DETAIL_FIELDS = ("payee_name", *BANK_FIELDS, *POST_FIELDS)
FIELDS_OF = {"bank_transfer": BANK_FIELDS, "check": POST_FIELDS}

ACCOUNT_NUMBER = re.compile(r"[0-9]{4,17}")
COUNTRY = re.compile(r"[A-Z]{2}")
NAME_MAX = 70  # what a bank takes


@dataclass(frozen=True, kw_only=True, slots=True)
class Payee:
    """Sealed details of one partner's method: two are equal when the details are. `sealed` is None once they are kept."""

    fingerprint: bytes
    shown: str
    ref: str = field(compare=False)
    sealed: bytes | None = field(compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class BadDetail:
    """What is wrong with one field, as a sentence that says what to do."""

    field: str
    sentence: str


def has_details(values: Mapping[str, str]) -> bool:
    """Tell whether any field of details is filled."""
    return any(values.get(name, "").strip() for name in DETAIL_FIELDS)


def read_details(method: str, values: Mapping[str, str], *, name: str) -> dict[str, str] | list[BadDetail]:
    """Return a method's details as they are kept (spaces gone, upper case), or what is wrong with them.

    `name` is the partner's, used where `payee_name` is empty.
    """
    given = {each: " ".join(values.get(each, "").split()) for each in DETAIL_FIELDS}
    payee_name = given.pop("payee_name") or name.strip()
    fields = FIELDS_OF.get(method, ())
    faults = [
        BadDetail(field=each, sentence=f"{method} does not use it: leave it empty.")
        for each, value in given.items()
        if value and each not in fields
    ]
    if not payee_name or len(payee_name) > NAME_MAX:
        faults.append(BadDetail(field="payee_name", sentence=f"Write a name of up to {NAME_MAX} characters."))
    if method == "check":
        found = _address(given, faults)
    elif method == "bank_transfer":
        found = _account(given, faults)
    else:
        found = {}
    return faults or {"name": payee_name} | found


def _address(given: Mapping[str, str], faults: list[BadDetail]) -> dict[str, str]:
    words = {"street": "the street and number", "city": "the city", "postal_code": "the postal code"}
    faults += [
        BadDetail(field=each, sentence=f"A check goes by post: write {what}.")
        for each, what in words.items()
        if not given[each]
    ]
    country = given["post_country"].upper()
    if not COUNTRY.fullmatch(country):
        faults.append(
            BadDetail(field="post_country", sentence="A check goes by post: write two letters like DE.")
        )
    return {each: given[each] for each in words} | {"country": country}


def _account(given: Mapping[str, str], faults: list[BadDetail]) -> dict[str, str]:
    if given["iban"]:
        return _european(given, faults)
    number = given["account_number"].replace(" ", "").replace("-", "")
    routing = given["routing_number"].replace(" ", "").replace("-", "")
    if given["bic"]:
        faults.append(BadDetail(field="iban", sentence="A BIC comes with an IBAN: write the IBAN too."))
    if not ACCOUNT_NUMBER.fullmatch(number):
        faults.append(
            BadDetail(
                field="account_number",
                sentence="Write an IBAN, or an account of 4 to 17 digits with its routing number.",
            )
        )
    if not _is_valid(rtn, routing):
        faults.append(
            BadDetail(field="routing_number", sentence="This is not a routing number: write its nine digits.")
        )
    return {"account_number": number, "routing_number": routing}


def _european(given: Mapping[str, str], faults: list[BadDetail]) -> dict[str, str]:
    faults += [
        BadDetail(
            field=each, sentence="Write either an IBAN or an account with its routing number, not both."
        )
        for each in ("account_number", "routing_number")
        if given[each]
    ]
    number, code = iban.compact(given["iban"]), bic.compact(given["bic"])
    if not _is_valid(iban, number):
        faults.append(
            BadDetail(
                field="iban", sentence="This is not an IBAN: its country, length or check digits do not hold."
            )
        )
    if code and not _is_valid(bic, code):
        faults.append(
            BadDetail(field="bic", sentence="This is not a BIC: it has 8 or 11 letters and digits.")
        )
    return {"iban": number} | ({"bic": code} if code else {})


def _is_valid(kind: object, number: str) -> bool:
    try:
        kind.validate(number)  # type: ignore[attr-defined]
    except ValidationError:
        return False
    return True


def seal_details(vault: Vault, method: str, content: Mapping[str, str], *, code: str) -> Payee:
    """Return what `read_details` found, sealed for the partner of this code."""
    ref = str(uuid4())
    return Payee(
        fingerprint=fingerprint_of(vault, method, content),
        shown=shown_of(content),
        ref=ref,
        sealed=vault.seal(content, bound_to=(ref, code, method)),
    )


def fingerprint_of(vault: Vault, method: str, content: Mapping[str, str]) -> bytes:
    """Return the fingerprint of details: the same account has one, whatever the name written beside it."""
    if method == "bank_transfer":
        words = [content.get(name, "") for name in ("iban", "routing_number", "account_number")]
    elif method == "paypal":
        words = [content["email"].strip().casefold()]
    else:
        words = [content[name].casefold() for name in ("name", "street", "city", "postal_code", "country")]
    return vault.fingerprint(method, *words)


def shown_of(content: Mapping[str, str]) -> str:
    """Return what everybody may see of details: a country and the last four."""
    if "iban" in content:
        return _shown(content["iban"][:2], content["iban"])
    if "account_number" in content:
        return _shown("US", content["account_number"])
    if "postal_code" in content:
        return _shown(content["country"], content["postal_code"])
    return "XX ····MAIL"


def _shown(country: str, number: str) -> str:
    last = re.sub(r"[^A-Z0-9]", "", number.upper())[-4:]
    return f"{country} ····{last or '0'}"


ADD_PAYEE = text("""
    INSERT INTO payee (ref, partner_id, method, sealed, shown, fingerprint, made_by, made_at)
    VALUES (:ref, :partner_id, :method, :sealed, :shown, :fingerprint, :made_by, :now)
""")


def keep_payee(
    conn: Connection, payee: Payee, *, partner_id: int, method: str, actor: Actor, now: datetime
) -> None:
    """Keep sealed details; they are nobody's destination yet."""
    values = {
        "ref": payee.ref,
        "partner_id": partner_id,
        "method": method,
        "sealed": payee.sealed,
        "shown": payee.shown,
        "fingerprint": payee.fingerprint,
        "made_by": actor.name,
        "now": now,
    }
    conn.execute(ADD_PAYEE, values)


READ_PAYEE = text(
    "SELECT ref, shown, fingerprint FROM payee WHERE ref = :ref AND partner_id = :partner_id AND method = :method"
)


def kept_payee(conn: Connection, ref: str, *, partner_id: int, method: str) -> Payee | None:
    """Return what may be seen of kept details, None where there are none of this partner and method."""
    row = conn.execute(READ_PAYEE, {"ref": ref, "partner_id": partner_id, "method": method}).one_or_none()
    if row is None:
        return None
    return Payee(fingerprint=bytes(row.fingerprint), shown=row.shown, ref=str(row.ref), sealed=None)
