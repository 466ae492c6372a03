"""The fake's Stripe account: connected accounts, balance, transfers, reversals, events, and books that only grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from tests.stripe.parts import Body, Clock, Refusal, in_window, new_id, page


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One movement of money: what the desk's ledger must agree with, to the cent."""

    kind: Literal["transfer", "reversal"]
    id: str
    transfer: str
    amount: int
    currency: str
    destination: str
    transfer_group: str | None
    key: str | None
    at: datetime


@dataclass
class Platform:
    """What stands behind the API; its methods are called one at a time."""

    clock: Clock
    account_id: str = "acct_platform"
    livemode: bool = False
    any_account: bool = False  # connected accounts come into being when they are named
    list_lag: timedelta = timedelta()  # how long a new transfer is missing in lists
    event_lag: timedelta = timedelta()  # and a new event, if `late_events` does not say otherwise of its id
    late_events: dict[str, timedelta] = field(default_factory=dict)
    accounts: dict[str, Body] = field(default_factory=dict)
    funds: Counter[str] = field(default_factory=Counter)  # paid in, by lower-case currency
    entries: list[Entry] = field(default_factory=list)
    transfers: dict[str, Body] = field(default_factory=dict)  # in the order they were made
    payouts: list[Body] = field(default_factory=list)  # from connected accounts to their banks
    events: list[Body] = field(default_factory=list)

    def add_account(self, account_id: str, **changes: object) -> Body:
        """Connect an account that can be paid, or one as `changes` says."""
        bank = {"id": new_id("ba"), "object": "bank_account", "last4": "6789", "status": "new"}
        bank["fingerprint"] = f"bank of {account_id}"
        account = {
            "id": account_id,
            "object": "account",
            "type": "express",
            "country": "US",
            "default_currency": "usd",
            "charges_enabled": True,
            "payouts_enabled": True,
            "details_submitted": True,
            "capabilities": {"transfers": "active"},
            "requirements": {
                "currently_due": [],
                "past_due": [],
                "eventually_due": [],
                "pending_verification": [],
                "current_deadline": None,
                "disabled_reason": None,
                "errors": [],
            },
            "external_accounts": {"object": "list", "data": [bank], "has_more": False, "url": "/v1/x"},
            "metadata": {},
        }
        self.accounts[account_id] = account | changes
        return self.accounts[account_id]

    def change_account(self, account_id: str, **changes: object) -> None:
        """Change an account as its owner or Stripe would, and say so in an event."""
        self.accounts[account_id] |= changes
        self.emit("account.updated", self.accounts[account_id], account=account_id)

    def emit(self, kind: str, about: Body, *, account: str | None = None, key: str | None = None) -> Body:
        """Write an event down; `account` is the connected account it is about."""
        event = {
            "id": new_id("evt"),
            "object": "event",
            "type": kind,
            "created": self._created(),
            "api_version": "2026-10-28.endive",
            "livemode": self.livemode,
            "pending_webhooks": 0,
            "data": {"object": dict(about)},
            "request": {"id": None, "idempotency_key": key},
        }
        self.events.append(event if account is None else event | {"account": account})
        return self.events[-1]

    def available(self) -> dict[str, int]:
        """What is left to send, by currency."""
        left = Counter(self.funds)
        for entry in self.entries:
            left[entry.currency] += entry.amount if entry.kind == "reversal" else -entry.amount
        return dict(left)

    def account(self, account_id: str) -> Body:
        if account_id == self.account_id:
            return {"id": account_id, "object": "account", "country": "US", "default_currency": "usd"}
        if account_id not in self.accounts and self.any_account and account_id.startswith("acct_"):
            self.add_account(account_id)
        if account_id not in self.accounts:
            message = f"The provided key does not have access to account '{account_id}'"
            raise Refusal(403, "account_invalid", message)
        return self.accounts[account_id]

    def balance(self) -> Body:
        available = [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(self.available().items())
        ]
        return {"object": "balance", "available": available, "pending": [], "livemode": self.livemode}

    def list_balance_transactions(self, params: Mapping[str, Any]) -> Body:
        """The account book: a transfer takes, a reversal of one gives back."""
        kinds = {"transfer": ("transfer", -1), "reversal": ("transfer_refund", 1)}
        lines: list[Body] = [
            {
                "id": f"txn_{entry.id}",
                "object": "balance_transaction",
                "type": kinds[entry.kind][0],
                "amount": kinds[entry.kind][1] * entry.amount,
                "currency": entry.currency,
                "created": int(entry.at.timestamp()),
                "source": entry.id,
            }
            for entry in reversed(self.entries)
        ]
        found = [
            line
            for line in lines
            if params.get("type") in {None, line["type"]}
            and in_window(line["created"], params.get("created"))
        ]
        return page(found, params, "/v1/balance_transactions")

    def create_transfer(self, params: Mapping[str, Any], *, key: str | None) -> Body:
        amount, currency, destination = int(params["amount"]), params["currency"], params["destination"]
        try:
            account = self.account(destination)
        except Refusal:
            message = f"No such destination: '{destination}'"
            raise Refusal(400, "resource_missing", message, param="destination") from None
        if account.get("capabilities", {}).get("transfers") != "active":
            message = "Your destination account needs the transfers capability enabled"
            raise Refusal(400, "insufficient_capabilities_for_transfer", message)
        if amount > self.available().get(currency, 0):
            message = "You have insufficient available funds in your Stripe account"
            raise Refusal(400, "balance_insufficient", message)
        transfer = {
            "id": new_id("tr"),
            "object": "transfer",
            "amount": amount,
            "amount_reversed": 0,
            "balance_transaction": new_id("txn"),
            "created": self._created(),
            "currency": currency,
            "description": params.get("description"),
            "destination": destination,
            "destination_payment": new_id("py"),
            "livemode": self.livemode,
            "metadata": dict(params.get("metadata", {})),
            "reversed": False,
            "reversals": {"object": "list", "data": [], "has_more": False, "url": "/v1/x"},
            "source_transaction": None,
            "source_type": "card",
            "transfer_group": params.get("transfer_group"),
        }
        self.transfers[transfer["id"]] = transfer
        self._book("transfer", transfer["id"], transfer, amount, key)
        self.emit("transfer.created", transfer, key=key)
        return transfer

    def transfer(self, transfer_id: str) -> Body:
        if transfer_id not in self.transfers:
            raise Refusal(404, "resource_missing", f"No such transfer: '{transfer_id}'", param="id")
        return self.transfers[transfer_id]

    def list_transfers(self, params: Mapping[str, Any]) -> Body:
        newest = self.clock.now() - self.list_lag
        found = [
            transfer
            for transfer in reversed(self.transfers.values())
            if transfer["created"] <= newest.timestamp()
            and in_window(transfer["created"], params.get("created"))
            and all(params.get(name) in {None, transfer[name]} for name in ("transfer_group", "destination"))
        ]
        return page(found, params, "/v1/transfers")

    def reverse(self, transfer_id: str, params: Mapping[str, Any], *, key: str | None) -> Body:
        transfer = self.transfer(transfer_id)
        left = transfer["amount"] - transfer["amount_reversed"]
        amount = int(params.get("amount", left))
        if not 0 < amount <= left:
            message = f"Reversal amount ({amount}) is greater than the unreversed amount ({left})"
            raise Refusal(400, "transfer_reversal_amount_invalid", message, param="amount")
        reversal = {
            "id": new_id("trr"),
            "object": "transfer_reversal",
            "amount": amount,
            "created": self._created(),
            "currency": transfer["currency"],
            "metadata": dict(params.get("metadata", {})),
            "transfer": transfer_id,
        }
        transfer["amount_reversed"] += amount
        transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
        transfer["reversals"]["data"].insert(0, reversal)
        self._book("reversal", reversal["id"], transfer, amount, key)
        self.emit("transfer.reversed", transfer, key=key)
        return reversal

    def list_reversals(self, transfer_id: str, params: Mapping[str, Any]) -> Body:
        newest = (self.clock.now() - self.list_lag).timestamp()
        reversals = self.transfer(transfer_id)["reversals"]["data"]
        found = [reversal for reversal in reversals if reversal["created"] <= newest]
        return page(found, params, f"/v1/transfers/{transfer_id}/reversals")

    def pay_out(self, account_id: str | None, params: Mapping[str, Any], *, key: str | None) -> Body:
        """Pay from a connected account to its bank: no money of the platform's."""
        if account_id is None:
            raise Refusal(400, "payouts_not_allowed", "This fake pays out of connected accounts only")
        if self.account(account_id).get("payouts_enabled") is not True:
            raise Refusal(400, "payouts_not_allowed", "Payouts are not enabled for this account")
        payout = {
            "id": new_id("po"),
            "object": "payout",
            "amount": int(params["amount"]),
            "arrival_date": self._created(),
            "automatic": False,
            "created": self._created(),
            "currency": params["currency"],
            "failure_code": None,
            "failure_message": None,
            "livemode": self.livemode,
            "metadata": dict(params.get("metadata", {})),
            "method": params.get("method", "standard"),
            "status": "pending",
        }
        self.payouts.append(payout | {"account": account_id})
        self.emit("payout.created", payout, account=account_id, key=key)
        return payout

    def list_events(self, params: Mapping[str, Any], account: str | None) -> Body:
        if account is not None:
            self.account(account)
        now = self.clock.now()
        oldest = (now - timedelta(days=30)).timestamp()
        kinds = params.get("types") or ([params["type"]] if "type" in params else None)
        if kinds is not None and len(kinds) > 20:
            raise Refusal(400, "parameter_invalid", "types takes up to 20 kinds", param="types")
        found = [
            event
            for event in reversed(self.events)
            if event.get("account") == account
            and event["created"] <= (now - self.late_events.get(event["id"], self.event_lag)).timestamp()
            and event["created"] >= oldest
            and (kinds is None or event["type"] in kinds)
            and in_window(event["created"], params.get("created"))
        ]
        return page(found, params, "/v1/events")

    def _book(
        self, kind: Literal["transfer", "reversal"], ref: str, transfer: Body, amount: int, key: str | None
    ) -> None:
        self.entries.append(
            Entry(
                kind=kind,
                id=ref,
                transfer=transfer["id"],
                amount=amount,
                currency=transfer["currency"],
                destination=transfer["destination"],
                transfer_group=transfer["transfer_group"],
                key=key,
                at=self.clock.now(),
            )
        )

    def _created(self) -> int:
        return int(self.clock.now().timestamp())
