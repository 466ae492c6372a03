"""What an order is in Stripe's words: the request that takes money from the platform, made of the frozen parameters alone."""

from __future__ import annotations

from stripe.params import TransferCreateParams

from core.providers import Order
from core.providers.stripe_money import CannotBeSent, stripe_amount

INSTANT = "stripe_instant"
METHODS = frozenset({"stripe", INSTANT})


def transfer_params(order: Order) -> TransferCreateParams:
    """Return the request's parameters, made of the frozen ones alone: the same order gives the same bytes.

    Refuses CannotBeSent. A change here changes the bytes under keys that still live, which Stripe refuses.
    """
    frozen = order.params
    if frozen["method"] not in METHODS:
        raise CannotBeSent(f"Stripe does not pay by {frozen['method']}.")
    if not str(frozen["destination"]).startswith("acct_"):
        raise CannotBeSent("The destination is no Stripe account.")
    return {
        "amount": stripe_amount(frozen["amount_minor"], frozen["currency"]),
        "currency": frozen["currency"].lower(),
        "destination": frozen["destination"],
        "transfer_group": frozen["transfer_group"],
        "metadata": {"payout_ref": frozen["transfer_group"]},
    }
