"""Amounts as Stripe counts them: the same money, in some currencies in another smallest unit."""

from __future__ import annotations

from core.money import exponent

# Stripe's API keeps two decimals where the currency has none any more.
TWO_DECIMALS = frozenset({"ISK", "UGX"})
# Stripe moves three-decimal currencies in tens of their smallest unit.
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


class CannotBeSent(ValueError):
    """An amount that Stripe cannot express exactly; the message is the sentence to show."""


def stripe_amount(amount_minor: int, currency: str) -> int:
    """Return the amount in Stripe's smallest unit. Refuses CannotBeSent rather than round."""
    if currency in TWO_DECIMALS:
        return amount_minor * 100
    if currency in THREE_DECIMALS and amount_minor % 10:
        raise CannotBeSent(f"Stripe moves {currency} only in tens of its smallest unit.")
    if exponent(currency) > 2 and currency not in THREE_DECIMALS:  # noqa: PLR2004 - decimals
        raise CannotBeSent(f"Stripe does not move {currency}.")
    return amount_minor


def minor_amount(amount: int, currency: str) -> int:
    """Return Stripe's amount in our minor units, rounded down: it says what is there to be sent."""
    return amount // 100 if currency in TWO_DECIMALS else amount
