"""Invented bank accounts and postal addresses, for the methods that payment files pay."""

from __future__ import annotations

import hashlib

from stdnum import iban

from core.payees import DETAIL_FIELDS


def details_of(method: str, code: str, country: str) -> dict[str, str]:
    """Invent where a partner's transfers or checks go, the same for the same code; empty for other methods."""
    details = dict.fromkeys(DETAIL_FIELDS, "")
    number = int(hashlib.sha256(code.encode()).hexdigest(), 16)
    if method == "bank_transfer":
        account = f"37040044{number % 10**10:010d}"
        details["iban"] = f"DE{iban.calc_check_digits(f'DE00{account}')}{account}"
    if method == "check":
        details |= {
            "street": f"{number % 190 + 1} Market Street",
            "city": "Springfield",
            "post_country": country,
        }
        details["postal_code"] = f"{number % 90000 + 10000}"
    return details
