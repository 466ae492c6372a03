"""What is typed into the fields of a form, read as amounts and percentages; what cannot be read is named, not guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import streamlit as st

from core.money import BadAmount, parse_amount, plain


@dataclass(kw_only=True)
class Typed:
    """What the fields hold: terms as JSON, and a sentence for each field that cannot be read."""

    prefix: str
    currency: str
    terms: dict[str, Any]
    faults: list[str] = field(default_factory=list)

    def key(self, name: str) -> str:
        """The key of a field; another version of the policy has fields of its own."""
        return f"{self.prefix}-{name}"

    def amount(self, label: str, name: str, minor: int | None, *, otherwise: str = "none") -> int | None:
        """An amount in the program's currency; left empty it is none, which `otherwise` says."""
        written = st.text_input(
            f"{label}, {self.currency}",
            value="" if minor is None else plain(minor, self.currency),
            key=self.key(name),
            placeholder=otherwise,
            max_chars=24,
        ).strip()
        return self.minor(label, written, minor)

    def minor(self, label: str, written: str, otherwise: int | None) -> int | None:
        """An amount that was typed somewhere, in minor units; what cannot be read is a fault, and `otherwise` stays."""
        if not written:
            return None
        try:
            return parse_amount(written, self.currency)
        except BadAmount as fault:
            self.faults.append(f"{label}: {fault}")
            return otherwise

    def percentage(self, label: str, written: str) -> str:
        """A percentage as text, which holds it exactly."""
        try:
            return f"{Decimal(written or '0').normalize():f}"
        except InvalidOperation:
            self.faults.append(f"{label}: {written} is no percentage; write 2.5")
            return "0"
