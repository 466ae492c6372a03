"""Reversals at Stripe: money of a transfer pulled back from the connected account, all of it or a part.

As with transfers, the key stands in the header, the request is made of frozen parameters alone, and whatever is not a
certain answer is unknown. A reversal is found again by the random reference it carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import stripe
from stripe.params import TransferReversalCreateParams, TransferReversalListParams

from core.providers import Absent, Declined, ErrorClass, Order, Succeeded, Unknown
from core.providers.stripe_answers import OURS, StripeRefused, WrongAccount
from core.providers.stripe_faults import MESSAGE_MAX
from core.providers.stripe_money import CannotBeSent, stripe_amount

PAGE = 100

# What a definite no is about. None is asked again by itself: two people look at it, and may propose another one.
CODES: dict[str, ErrorClass] = {
    "balance_insufficient": "account",  # the partner's balance, not ours
    "insufficient_funds": "account",
    "account_invalid": "account",
    "account_closed": "account",
    "resource_missing": "instruction",
    "api_key_expired": OURS,
    "platform_api_key_expired": OURS,
    "secret_key_required": OURS,
    "livemode_mismatch": OURS,
    "testmode_charges_only": OURS,
}

Call = Callable[[stripe.StripeClient], Succeeded | Unknown]
# Makes one call under the order's key and says what came of it; asks something that moves nothing.
Post = Callable[[Order, Call], Succeeded | Declined | Unknown]
Page = tuple[list[dict[str, Any]], bool]
Ask = Callable[[Callable[[stripe.StripeClient], Page]], Page]


def reversal_params(order: Order) -> TransferReversalCreateParams:
    """Return the request's parameters, made of the frozen ones alone. Refuses CannotBeSent."""
    frozen = order.params
    if not str(frozen["transfer"]).startswith("tr_"):
        raise CannotBeSent("What is to come back is no transfer of Stripe's.")
    return {
        "amount": stripe_amount(frozen["amount_minor"], frozen["currency"]),
        "metadata": {"reversal_ref": frozen["reversal_ref"]},
    }


def reverse(order: Order, post: Post) -> Succeeded | Declined | Unknown:
    """Pull the money back under the order's key; the same key again returns the first result and moves nothing."""
    try:
        params = reversal_params(order)
    except CannotBeSent as fault:
        if order.asked_before:
            return Unknown(message=str(fault), code="cannot_be_sent", ask_again=False)
        return Declined(code="cannot_be_sent", error_class="instruction", message=str(fault))

    def call(client: stripe.StripeClient) -> Succeeded | Unknown:
        made = client.v1.transfers.reversals.create(
            order.params["transfer"], params, options={"idempotency_key": order.key}
        )
        response = made.last_response
        return judge(made.to_dict(), order, request_id=None if response is None else response.request_id)

    return post(order, call)


def find_reversal(order: Order, ask: Ask) -> Succeeded | Absent | Unknown:
    """Look through all reversals of the transfer for the one that carries the order's reference."""
    try:
        listed = [one for one in _all(order, ask) if _reference(one) == order.params["reversal_ref"]]
    except (StripeRefused, WrongAccount) as fault:
        return Unknown(message=str(fault)[:MESSAGE_MAX], code="not_listed")
    if not listed:
        return Absent()
    if len(listed) > 1:
        refs = ", ".join(str(one.get("id")) for one in listed)
        message = f"Several reversals carry this reference: {refs}"
        return Unknown(message=message[:MESSAGE_MAX], code="duplicate_reversals", ask_again=False)
    return judge(listed[0], order, request_id=None)


def _all(order: Order, ask: Ask) -> list[dict[str, Any]]:
    question: TransferReversalListParams = {"limit": PAGE}

    def page(client: stripe.StripeClient) -> Page:
        listed = client.v1.transfers.reversals.list(order.params["transfer"], question)
        return [each.to_dict() for each in listed.data], listed.has_more

    found, more = ask(page)
    while more:
        question = {"limit": PAGE, "starting_after": found[-1]["id"]}
        rest, more = ask(page)
        found += rest
    return found


def _reference(reversal: Mapping[str, Any]) -> object:
    return (reversal.get("metadata") or {}).get("reversal_ref")


def judge(answer: Mapping[str, Any], order: Order, *, request_id: str | None) -> Succeeded | Unknown:
    """Return Succeeded only for a reversal of exactly what was asked; another one waits for people, never adopted."""
    ref = answer.get("id")
    if not isinstance(ref, str) or not ref.startswith("trr_"):
        return Unknown(message="The answer names no reversal", code="no_reversal_id", request_id=request_id)
    asked = order.params
    expected: dict[str, object] = {
        "amount": stripe_amount(asked["amount_minor"], asked["currency"]),
        "currency": asked["currency"].lower(),
        "transfer": asked["transfer"],
    }
    said = {name: answer.get(name) for name in expected} | {"reversal_ref": _reference(answer)}
    expected["reversal_ref"] = asked["reversal_ref"]
    wrong = [
        f"{name} {said[name]!r} instead of {value!r}"
        for name, value in expected.items()
        if said[name] != value or type(said[name]) is not type(value)
    ]
    if wrong:
        message = f"Reversal {ref} is not what was asked for: {', '.join(wrong)}"[:MESSAGE_MAX]
        return Unknown(message=message, code="wrong_reversal", request_id=request_id, ask_again=False)
    return Succeeded(provider_ref=ref, request_id=request_id)
