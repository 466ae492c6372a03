"""What the fake's customers do: they pay, get refunds, dispute, sign up and subscribe. Every step says so in events.

A test makes things happen by these methods, as customers, banks and Stripe would; the API only shows what is so now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.stripe.parts import Body, Refusal, new_id, page
from tests.stripe.platform import Platform

NAMES = {
    "payment_intents": "payment_intent",
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
    "customers": "customer",
    "subscriptions": "subscription",
}
FILTERS = ("payment_intent", "charge", "customer", "status")


class Commerce:
    """The objects of a platform's customers, by kind and id, in the order they were made."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.kept: dict[str, dict[str, Body]] = {name: {} for name in NAMES}

    def show(self, route: list[str], params: Mapping[str, Any]) -> Body | None:
        """Answer a GET of one object or a list of them; None when the route is none of these."""
        match route:
            case [kind] if kind in self.kept:
                every = params.get("status") == "all"
                found = [
                    one
                    for one in reversed(self.kept[kind].values())
                    if all(
                        params.get(name) in {None, one.get(name)}
                        for name in FILTERS
                        if not (name == "status" and every)
                    )
                ]
                return page(found, params, f"/v1/{kind}")
            case [kind, ref] if kind in self.kept:
                return self._shown(kind, ref, params.get("expand", []))
        return None

    def _shown(self, kind: str, ref: str, expand: list[str]) -> Body:
        if ref not in self.kept[kind]:
            raise Refusal(404, "resource_missing", f"No such {NAMES[kind]}: '{ref}'", param="id")
        found = dict(self.kept[kind][ref])
        for name in expand:
            inner = found.get(name)
            whole = next((kept[inner] for kept in self.kept.values() if inner in kept), None)
            found[name] = inner if whole is None else dict(whole)
        return found

    def pay(
        self,
        amount: int,
        currency: str = "eur",
        *,
        metadata: Mapping[str, str] | None = None,
        description: str | None = None,
        destination: str | None = None,
        transferred: int | None = None,
        fee: int | None = None,
    ) -> str:
        """A customer pays; returns the payment intent. With a `destination` Stripe pays it on at once."""
        transfer = None
        if destination is not None:
            transfer = {"destination": destination} | ({} if transferred is None else {"amount": transferred})
        intent = self._make(
            "payment_intents",
            "pi",
            amount=amount,
            amount_received=amount,
            currency=currency,
            status="succeeded",
            metadata=dict(metadata or {}),
            description=description,
            transfer_data=transfer,
            application_fee_amount=fee,
        )
        charge = self._make(
            "charges",
            "ch",
            amount=amount,
            amount_refunded=0,
            currency=currency,
            disputed=False,
            refunded=False,
            paid=True,
            status="succeeded",
            payment_intent=intent["id"],
        )
        intent["latest_charge"] = charge["id"]
        self.platform.emit("payment_intent.succeeded", intent)
        return str(intent["id"])

    def refund(self, payment: str, amount: int | None = None, *, status: str = "succeeded") -> str:
        """Refund a payment, or what is left of it; returns the refund."""
        charge = self._charge_of(payment)
        left = charge["amount"] - charge["amount_refunded"]
        amount = left if amount is None else amount
        assert 0 < amount <= left
        refund = self._make(
            "refunds",
            "re",
            amount=amount,
            currency=charge["currency"],
            charge=charge["id"],
            payment_intent=payment,
            status=status,
            metadata={},
        )
        if status in {"pending", "succeeded"}:
            self._count(charge, amount)
        self.platform.emit("refund.created", refund)
        if charge["amount_refunded"]:
            self.platform.emit("charge.refunded", charge)
        return str(refund["id"])

    def change_refund(self, ref: str, status: str) -> None:
        """A refund goes on: a pending one succeeds or fails, one that waited for the customer is made."""
        refund = self.kept["refunds"][ref]
        charge = self.kept["charges"][refund["charge"]]
        counted = ("pending", "succeeded")
        self._count(charge, refund["amount"] * ((status in counted) - (refund["status"] in counted)))
        refund["status"] = status
        self.platform.emit("refund.updated", refund)
        if status == "failed":
            self.platform.emit("refund.failed", refund)

    def dispute(self, payment: str, amount: int | None = None, *, status: str = "needs_response") -> str:
        """A customer disputes a payment; nothing is withdrawn yet. Returns the dispute."""
        charge = self._charge_of(payment)
        charge["disputed"] = True
        dispute = self._make(
            "disputes",
            "dp",
            amount=charge["amount"] if amount is None else amount,
            currency=charge["currency"],
            charge=charge["id"],
            payment_intent=payment,
            status=status,
            balance_transactions=[],
            metadata={},
        )
        self.platform.emit("charge.dispute.created", dispute)
        return str(dispute["id"])

    def withdraw(self, ref: str) -> None:
        """Stripe takes the disputed sum, and its fee, from the platform's balance."""
        dispute = self._move(ref, -1)
        self.platform.emit("charge.dispute.funds_withdrawn", dispute)

    def reinstate(self, ref: str) -> None:
        """Stripe gives the disputed sum back."""
        dispute = self._move(ref, +1)
        self.platform.emit("charge.dispute.funds_reinstated", dispute)

    def settle(self, ref: str, status: str) -> None:
        """The bank decides: `won`, `lost`, or `warning_closed`."""
        dispute = self.kept["disputes"][ref]
        dispute["status"] = status
        self.platform.emit("charge.dispute.closed", dispute)

    def sign_up(self, *, name: str | None = None, metadata: Mapping[str, str] | None = None) -> str:
        """Somebody becomes a customer; returns the customer."""
        customer = self._make("customers", "cus", name=name, email=None, metadata=dict(metadata or {}))
        self.platform.emit("customer.created", customer)
        return str(customer["id"])

    def subscribe(
        self, customer: str, *, status: str = "active", metadata: Mapping[str, str] | None = None
    ) -> str:
        """A customer subscribes; returns the subscription."""
        subscription = self._make(
            "subscriptions",
            "sub",
            customer=customer,
            status=status,
            canceled_at=None,
            ended_at=None,
            cancel_at_period_end=False,
            metadata=dict(metadata or {}),
        )
        self.platform.emit("customer.subscription.created", subscription)
        return str(subscription["id"])

    def change_subscription(self, ref: str, **changes: object) -> None:
        """A subscription changes, say to `past_due`."""
        self.kept["subscriptions"][ref] |= changes
        self.platform.emit("customer.subscription.updated", self.kept["subscriptions"][ref])

    def end_subscription(self, ref: str) -> None:
        """A subscription ends now."""
        subscription = self.kept["subscriptions"][ref]
        ended = self._created()
        subscription |= {
            "status": "canceled",
            "ended_at": ended,
            "canceled_at": subscription["canceled_at"] or ended,
        }
        self.platform.emit("customer.subscription.deleted", subscription)

    def _make(self, kind: str, prefix: str, **values: object) -> Body:
        made: Body = {"id": new_id(prefix), "object": NAMES[kind], "created": self._created()}
        made |= {"livemode": self.platform.livemode} | values
        self.kept[kind][made["id"]] = made
        return made

    def _move(self, ref: str, sign: int) -> Body:
        dispute = self.kept["disputes"][ref]
        moved = {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": sign * dispute["amount"],
            "fee": 1500,
        }
        dispute["balance_transactions"] = [*dispute["balance_transactions"], moved]
        return dispute

    def _charge_of(self, payment: str) -> Body:
        return self.kept["charges"][self.kept["payment_intents"][payment]["latest_charge"]]

    def _count(self, charge: Body, amount: int) -> None:
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]

    def _created(self) -> int:
        return int(self.platform.clock.now().timestamp())
