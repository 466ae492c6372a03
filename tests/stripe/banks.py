"""The connected accounts' side of the fake: their bank details, whether they stay, and what their banks do with the money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.stripe.parts import Body, Refusal, new_id, page
from tests.stripe.platform import Platform


@dataclass
class Banks:
    """What owners, banks and Stripe do with connected accounts; none of it moves money of the platform's."""

    platform: Platform
    lines: dict[str, list[Body]] = field(default_factory=dict)  # balance transactions by payout, newest first
    came_back: dict[str, list[str]] = field(
        default_factory=dict
    )  # payouts that failed, until one takes it along

    def change_banks(self, account_id: str, *fingerprints: str) -> None:
        """Have the account pay out to these bank accounts and no others, as its owner would."""
        listed = self.platform.account(account_id)["external_accounts"]
        kept = [bank for bank in listed["data"] if bank["fingerprint"] in fingerprints]
        known = {bank["fingerprint"] for bank in kept}
        new = [_bank(fingerprint) for fingerprint in fingerprints if fingerprint not in known]
        gone = [bank for bank in listed["data"] if bank["fingerprint"] not in fingerprints]
        listed["data"] = kept + new
        for bank in new:
            self.platform.emit("account.external_account.created", bank, account=account_id)
        for bank in gone:
            self.platform.emit("account.external_account.deleted", bank, account=account_id)
        self.platform.emit("account.updated", self.platform.account(account_id), account=account_id)

    def leave(self, account_id: str) -> None:
        """Let the account's owner disconnect from the platform, which sees it no more."""
        application = {"id": "ca_paydesk", "object": "application"}
        self.platform.emit("account.application.deauthorized", application, account=account_id)
        del self.platform.accounts[account_id]

    def pay_out(self, account_id: str, *transfers: str) -> str:
        """Begin one of the account's usual payouts: these transfers, and what its bank sent back before."""
        returned = self.came_back.pop(account_id, [])
        payout = self._payout(account_id, [self.platform.transfer(each)["amount"] for each in transfers])
        self.lines[payout["id"]] = [
            {"id": new_id("txn"), "object": "balance_transaction", "type": "payout", "source": payout},
            *(_paid_in(self.platform.transfer(each)) for each in transfers),
            *(_sent_back(self.find(account_id, each)) for each in returned),
        ]
        self._tell("created", payout, account_id)
        return str(payout["id"])

    def move(self, account_id: str, payout_id: str, status: str, failure_code: str | None = None) -> None:
        """Move a payout on, as its bank or Stripe does, and say so in events."""
        payout = self.find(account_id, payout_id)
        payout |= {"status": status, "failure_code": failure_code}
        if status == "failed":
            payout["failure_message"] = "The bank has told us no."
        if status in {"failed", "canceled"}:
            self.came_back.setdefault(account_id, []).append(payout_id)
        if status == "paid" and payout["automatic"]:
            payout["reconciliation_status"] = "completed"
            self._tell("reconciliation_completed", payout, account_id)
        self._tell("updated", payout, account_id)
        if status in {"paid", "failed", "canceled"}:
            self._tell(status, payout, account_id)

    def find(self, account_id: str, payout_id: str) -> Body:
        for payout in self.platform.payouts:
            if (payout["account"], payout["id"]) == (account_id, payout_id):
                return payout
        raise Refusal(404, "resource_missing", f"No such payout: '{payout_id}'", param="id")

    def show(self, account_id: str, route: Sequence[str], params: Mapping[str, Any]) -> Body | None:
        """Answer a GET on a connected account's behalf."""
        match route:
            case ["payouts", payout_id]:
                return _shown(self.find(account_id, payout_id))
            case ["balance_transactions"]:
                payout = self.find(account_id, params["payout"])
                if not payout["automatic"]:
                    message = "Balance transaction history can only be filtered on automatic transfers"
                    raise Refusal(400, None, message, param="payout")
                lines = [_line(line, params) for line in self.lines[payout["id"]]]
                return page(lines, params, "/v1/balance_transactions")
            case ["charges", payment_id]:
                return self._payment(account_id, payment_id)
        return None

    def _payment(self, account_id: str, payment_id: str) -> Body:
        for transfer in self.platform.transfers.values():
            if (transfer["destination"], transfer["destination_payment"]) == (account_id, payment_id):
                return _payment(transfer)
        raise Refusal(404, "resource_missing", f"No such charge: '{payment_id}'", param="id")

    def _payout(self, account_id: str, amounts: Sequence[int]) -> Body:
        at = self.platform.clock.now()
        payout = {
            "id": new_id("po"),
            "object": "payout",
            "amount": sum(amounts),
            "arrival_date": int((at + timedelta(days=2)).timestamp()),
            "automatic": True,
            "created": int(at.timestamp()),
            "currency": "usd",
            "failure_code": None,
            "failure_message": None,
            "livemode": self.platform.livemode,
            "metadata": {},
            "method": "standard",
            "reconciliation_status": "in_progress",
            "status": "pending",
            "account": account_id,
        }
        self.platform.payouts.append(payout)
        return payout

    def _tell(self, what: str, payout: Body, account_id: str) -> None:
        self.platform.emit(f"payout.{what}", _shown(payout), account=account_id)


def _bank(fingerprint: str) -> Body:
    return {
        "id": new_id("ba"),
        "object": "bank_account",
        "fingerprint": fingerprint,
        "last4": "6789",
        "status": "new",
    }


def _shown(payout: Body) -> Body:
    return {name: value for name, value in payout.items() if name != "account"}


def _payment(transfer: Body) -> Body:
    return {
        "id": transfer["destination_payment"],
        "object": "charge",
        "amount": transfer["amount"],
        "livemode": transfer["livemode"],
        "source_transfer": transfer["id"],
    }


def _paid_in(transfer: Body) -> Body:
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "type": "payment",
        "source": _payment(transfer),
    }


def _sent_back(payout: Body) -> Body:
    kind = "payout_cancel" if payout["status"] == "canceled" else "payout_failure"
    return {"id": new_id("txn"), "object": "balance_transaction", "type": kind, "source": payout}


def _line(line: Body, params: Mapping[str, Any]) -> Body:
    """Show a line with its source whole when that was asked for, else by its id."""
    source = line["source"]
    return line | {"source": _shown(source) if "data.source" in params.get("expand", []) else source["id"]}
