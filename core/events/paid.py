"""A payment as the provider shows it now, with what went back of it, read for the desk. Every field may be missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from core.access import job_actor
from core.events import Effect
from core.payment_refunds import SeenRefund
from core.payments import SeenPayment, take_in_payment
from core.providers.events import EventSource, Facts
from core.providers.stripe_money import minor_amount
from core.refusals import Refusal

ACTOR = job_actor("events")
# A pending refund has left our balance at the provider already; one that waits for the customer has not.
REFUND_STATES: Mapping[str, Literal["open", "gone", "ended"]] = {
    "pending": "gone",
    "succeeded": "gone",
    "requires_action": "open",
    "failed": "ended",
    "canceled": "ended",
}
# A dispute that ended for us, or that was an inquiry and never more.
WON = frozenset({"won", "warning_closed", "prevented"})


class UnreadablePayment(Refusal):
    """{what} says {field} in a way the desk does not know: {value}."""

    code = "unreadable_payment"


def effect_of_payment(
    source: EventSource, payment_ref: object, *, refunds: bool, disputes: bool
) -> Effect | None:
    """Ask for a payment and what went back of it, and return its effect; None when no money was taken by it.

    `refunds` and `disputes` are asked for where the event is about them, and wherever the charge shows some.
    """
    if not isinstance(payment_ref, str):
        return None
    found = source.fetch("payment_intent", payment_ref, expand=["latest_charge"])
    if found is None or not found.get("amount_received"):
        return None
    seen = _read(source, found, refunds=refunds, disputes=disputes)
    return lambda conn, now: take_in_payment(conn, seen, actor=ACTOR, now=now)


def _read(source: EventSource, found: Facts, *, refunds: bool, disputes: bool) -> SeenPayment:
    charge = _part(found, "latest_charge")
    currency = str(found["currency"]).upper()
    amount_minor = minor_amount(int(found["amount_received"]), currency)
    metadata = _part(found, "metadata")
    transfer = _part(found, "transfer_data")
    ref = str(found["id"])
    seen: list[SeenRefund] = []
    if refunds or charge.get("amount_refunded"):
        seen += _refunds(source, ref, currency)
    if disputes or charge.get("disputed"):
        seen += _disputes(source, ref, currency)
    destination = _word(transfer, "destination")
    return SeenPayment(
        provider=source.name,
        ref=ref,
        charge_ref=_word(charge, "id") or _word(found, "latest_charge"),
        amount_minor=amount_minor,
        currency=currency,
        occurred_at=_instant(charge.get("created") or found["created"]),
        partner_code=_word(metadata, "partner")
        or _word(metadata, "partner_code")
        or _word(metadata, "referral"),
        program=_word(metadata, "program"),
        kind=_word(metadata, "kind"),
        booking=_word(metadata, "booking"),
        description=_word(found, "description") or "",
        destination=destination,
        transferred_minor=_transferred(found, transfer, amount_minor, currency) if destination else None,
        refunds=tuple(seen),
    )


def _transferred(found: Facts, transfer: Facts, amount_minor: int, currency: str) -> int:
    """How much of a payment its destination got: the amount it names, or all but the fee."""
    if isinstance(transfer.get("amount"), int):
        return min(minor_amount(transfer["amount"], currency), amount_minor)
    fee = found.get("application_fee_amount")
    return max(amount_minor - minor_amount(fee, currency), 0) if isinstance(fee, int) else amount_minor


def _refunds(source: EventSource, payment_ref: str, currency: str) -> Iterator[SeenRefund]:
    for refund in source.listed("/v1/refunds", {"payment_intent": payment_ref}):
        status = str(refund.get("status"))
        if status not in REFUND_STATES:
            raise UnreadablePayment(what=refund["id"], field="its status", value=status)
        yield SeenRefund(
            ref=str(refund["id"]),
            kind="refund",
            amount_minor=_amount(refund, currency),
            status=status,
            state=REFUND_STATES[status],
            at=_instant(refund["created"]),
        )


def _disputes(source: EventSource, payment_ref: str, currency: str) -> Iterator[SeenRefund]:
    for dispute in source.listed("/v1/disputes", {"payment_intent": payment_ref}):
        status = str(dispute.get("status"))
        moved = [int(each.get("amount", 0)) for each in dispute.get("balance_transactions") or ()]
        under_way = status not in {*WON, "lost"}
        state: Literal["open", "gone", "ended"] = "open"
        if status in WON or (status == "lost" and moved and sum(moved) >= 0):
            state = "ended"  # never withdrawn, or given back
        elif status == "lost" or moved:
            state = "gone"
        yield SeenRefund(
            ref=str(dispute["id"]),
            kind="dispute",
            amount_minor=_amount(dispute, currency),
            status=status,
            state=state,
            at=_instant(dispute["created"]),
            under_way=under_way,
        )


def _amount(back: Facts, currency: str) -> int:
    """What went back, in the payment's own currency. Refuses UnreadablePayment."""
    if str(back["currency"]).upper() != currency:
        raise UnreadablePayment(what=back["id"], field="its currency", value=back["currency"])
    return minor_amount(int(back["amount"]), currency)


def _part(whole: Facts, name: str) -> Facts:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _word(whole: Facts, name: str) -> str | None:
    """A text of somebody's own making, without what no table takes; None when there is nothing in it."""
    value: Any = whole.get(name)
    if not isinstance(value, str):
        return None
    return "".join(sign for sign in value if sign.isprintable()).strip() or None


def _instant(seconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(seconds)), UTC)
