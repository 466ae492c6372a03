"""Stripe: transfers from the platform's balance to connected accounts, and the only importer of `stripe`.

One call takes money from the platform, `transfers.create`, and it is made by `send` alone: once, without the SDK's own
retries, under the order's key in the header. Everything that decides what an answer means stands in `stripe_answers.py`.

An instant payout is a second step, on what is the partner's by then: `payouts.create` from the partner's balance to the
partner's card or bank, under a key of its own. It never changes what became of the transfer, and it is asked for once:
without it the money leaves with the account's usual payouts, so nothing has to be asked for again.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil
from typing import Any, TypeVar

import stripe
from stripe.params import TransferCreateParams, TransferListParams, TransferListParamsCreated

from core.providers import Absent, Declined, ErrorClass, Order, ProviderTransfer, Succeeded, Unknown
from core.providers.pace import Pace
from core.providers.readiness import GONE, Readiness
from core.providers.stripe_accounts import readiness_of
from core.providers.stripe_answers import (
    CODES,
    OURS,
    StripeRefused,
    WrongAccount,
    classify,
    judge_listed,
    judge_transfer,
)
from core.providers.stripe_clock import check_skew, with_skew
from core.providers.stripe_faults import MESSAGE_MAX, failure_of
from core.providers.stripe_money import CannotBeSent, minor_amount
from core.providers.stripe_orders import INSTANT, METHODS, transfer_params
from core.providers.stripe_reversals import CODES as REVERSAL_CODES
from core.providers.stripe_reversals import Call, find_reversal, reverse

API_VERSION = "2026-10-28.endive"  # what the pinned SDK speaks; events and types follow it
CONNECT_S, READ_S = 5.0, 30.0
# A second call of one send begins only while its answer can still come within the lease.
LEASE_S = 60
LAST_START_S = LEASE_S - CONNECT_S - READ_S - 5
# Stripe lets an endpoint be called 25 times a second; bucket and rate together stay below 20.
RATE_PER_S, BURST = 14, 5
TOO_MANY_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
BALANCE_LIVES_S = 5.0
# After a refusal that is ours to mend nothing new is claimed for a while.
OURS_PAUSES_S = 60.0
USUAL = "the money leaves with the account's usual payouts"
PAGE = 100
NOT_FOUND = 404
CHANCE = secrets.SystemRandom()

stripe.enable_telemetry = False

Answer = TypeVar("Answer")


@dataclass(kw_only=True)
class StripeTransfers:
    """The rail of production; one object serves all threads of a process. `api_base` None: Stripe itself."""

    secret_key: str = field(repr=False)
    account_id: str
    api_base: str | None = None
    timeouts_s: tuple[float, float] = (CONNECT_S, READ_S)
    clock: Callable[[], float] = time.monotonic
    pace: Pace = field(default_factory=lambda: Pace(rate_per_s=RATE_PER_S, burst=BURST))
    name: str = "stripe"
    lease_s: int = LEASE_S
    methods: frozenset[str] = METHODS

    def __post_init__(self) -> None:
        self.livemode = self.secret_key.startswith(("sk_live_", "rk_live_"))
        self._of_thread = threading.local()
        self._account_checked = False
        self._balance: tuple[float, dict[str, int]] | None = None
        self._short_until: dict[str, float] = {}

    def send(self, order: Order) -> Succeeded | Declined | Unknown:
        """Create the transfer under the order's key; the same key again returns the first result and moves nothing."""
        try:
            params = transfer_params(order)
        except CannotBeSent as fault:
            if order.asked_before:
                return Unknown(message=str(fault), code="cannot_be_sent", ask_again=False)
            return Declined(code="cannot_be_sent", error_class="instruction", message=str(fault))
        last_start = self.clock() + LAST_START_S
        outcome = self._create(order, params, last_start)
        self._balance = None
        if isinstance(outcome, Succeeded) and order.params["method"] == INSTANT:
            return replace(outcome, message=self._pay_out(order, params, last_start))
        if isinstance(outcome, Declined) and outcome.error_class == OURS:
            self._short_until[order.params["currency"]] = self.clock() + OURS_PAUSES_S
        return outcome

    def find(self, order: Order) -> Succeeded | Absent | Unknown:
        """Look through all transfers of the order's group, whatever their destination, amount or age.

        The group is random and this payout's own, so a narrower question could only hide what was sent. Only a single
        transfer of exactly this money is adopted.
        """
        asked = transfer_params(order)
        try:
            listed = list(self._pages({"transfer_group": asked["transfer_group"]}))
        except (StripeRefused, WrongAccount) as fault:
            return Unknown(message=str(fault)[:MESSAGE_MAX], code="not_listed")
        return judge_listed(listed, asked, livemode=self.livemode) or Absent()

    def reverse(self, order: Order) -> Succeeded | Declined | Unknown:
        """Pull money of a transfer back under the order's key; the same key again moves nothing (stripe_reversals.py)."""
        self._balance = None
        last_start = self.clock() + LAST_START_S
        return reverse(order, lambda order, call: self._post(order, call, last_start, REVERSAL_CODES))

    def find_reversal(self, order: Order) -> Succeeded | Absent | Unknown:
        """Look through all reversals of the order's transfer for the one that carries its reference."""
        return find_reversal(order, self.ask)

    def balance_minor(self, currency: str) -> int:
        """Return the available balance, a few seconds old, in minor units. Refuses StripeRefused, WrongAccount, ClockSkewed.

        It is asked before anything is claimed, so a Stripe that is away, or a key that is wrong, leaves payouts as they are.
        """
        now = self.clock()
        if now < self._short_until.get(currency, now):
            return 0
        known = self._balance
        if known is None or now - known[0] > BALANCE_LIVES_S:
            known = self._balance = (now, self._available())
        return minor_amount(known[1].get(currency.lower(), 0), currency)

    def list_transfers(self, since: datetime, until: datetime) -> Iterator[ProviderTransfer]:
        """Yield every transfer made between these whole seconds, newest first. Refuses StripeRefused and WrongAccount."""
        window: TransferListParamsCreated = {"gte": int(since.timestamp()), "lt": ceil(until.timestamp())}
        for one in self._pages({"created": window}):
            currency = str(one["currency"]).upper()
            yield ProviderTransfer(
                provider_ref=str(one["id"]),
                transfer_group=one.get("transfer_group"),
                amount_minor=minor_amount(int(one["amount"]), currency),
                currency=currency,
                destination=str(one["destination"]),
                reversed_minor=minor_amount(int(one.get("amount_reversed") or 0), currency),
                created_at=datetime.fromtimestamp(int(one["created"]), UTC),
            )

    def account_ready(self, account_id: str) -> Readiness:
        """Return whether this connected account can be paid now. Refuses StripeRefused and WrongAccount."""
        self._check_account()
        try:
            return readiness_of(self._call(lambda client: client.v1.accounts.retrieve(account_id).to_dict()))
        except StripeRefused as fault:
            if is_gone(fault):
                return GONE
            raise

    def ask(self, question: Callable[[stripe.StripeClient], Answer], *, yielding: bool = False) -> Answer:
        """Ask something that moves nothing, of the right account. Refuses StripeRefused and WrongAccount.

        A `yielding` question takes its turn behind all that has to do with money.
        """
        self._check_account()
        return self._call(question, yielding=yielding)

    def _create(
        self, order: Order, params: TransferCreateParams, last_start: float
    ) -> Succeeded | Declined | Unknown:
        def call(client: stripe.StripeClient) -> Succeeded | Unknown:
            transfer = client.v1.transfers.create(params, options={"idempotency_key": order.key})
            response = transfer.last_response
            request_id = None if response is None else response.request_id
            return judge_transfer(transfer.to_dict(), params, livemode=self.livemode, request_id=request_id)

        return self._post(order, call, last_start, CODES)

    def _post(
        self, order: Order, call: Call, last_start: float, codes: Mapping[str, ErrorClass]
    ) -> Succeeded | Declined | Unknown:
        """Make one call that moves money under the order's key; only what Stripe was too busy for is made again."""
        outcome: Declined | Unknown = Unknown(message="Too many requests; not asked", code="rate_limit")
        try:
            self._check_account()
        except StripeRefused as fault:
            return classify(
                failure_of(fault.__cause__ or fault), asked_before=order.asked_before, codes=codes
            )
        for pause_s in (*TOO_MANY_PAUSES_S, 0.0):
            if not self.pace.wait(last_start):
                break
            try:
                return call(self._client())
            except Exception as fault:  # noqa: BLE001 - whatever broke after the request left: the money may have moved
                outcome = classify(failure_of(fault), asked_before=order.asked_before, codes=codes)
            if outcome.code != "rate_limit":
                break
            self.pace.pause(CHANCE.uniform(pause_s / 2, pause_s))
        return outcome

    def _pay_out(self, order: Order, params: TransferCreateParams, last_start: float) -> str:
        """Ask the partner's account to pay out at once, and return what is known of that."""
        if not self.pace.wait(last_start):
            return f"The instant payout was not asked for, since the transfer took too long: {USUAL}"
        try:
            payout = self._client().v1.payouts.create(
                {
                    "amount": params["amount"],
                    "currency": params["currency"],
                    "method": "instant",
                    "metadata": {"payout_ref": params["transfer_group"]},
                },
                options={"stripe_account": params["destination"], "idempotency_key": f"{order.key}_instant"},
            )
        except Exception as fault:  # noqa: BLE001 - the transfer is made, whatever becomes of this
            return f"The instant payout is open, and if it was not made {USUAL}: {failure_of(fault).message}"[
                :MESSAGE_MAX
            ]
        return f"Instant payout {payout.id}"

    def _pages(self, wanted: TransferListParams) -> Iterator[dict[str, Any]]:
        """Yield the transfers of a list over all its pages, each page in its turn."""
        question: TransferListParams = {**wanted, "limit": PAGE}

        def page(client: stripe.StripeClient) -> tuple[list[dict[str, Any]], bool]:
            listed = client.v1.transfers.list(question)
            return [each.to_dict() for each in listed.data], listed.has_more

        more = True
        while more:
            transfers, more = self.ask(page)
            yield from transfers
            if more:
                question = {**question, "starting_after": transfers[-1]["id"]}

    def _available(self) -> dict[str, int]:
        balance, ahead_s = self.ask(with_skew(lambda client: client.v1.balance.retrieve()))
        check_skew(ahead_s)
        if balance.get("livemode") is not self.livemode:
            raise WrongAccount("The balance Stripe showed is not of the mode of our key.")
        return {str(each["currency"]): int(each["amount"]) for each in balance.get("available") or ()}

    def _check_account(self) -> None:
        """Compare the key's own account with the one the settings name, once per process."""
        if self._account_checked:
            return
        account = self._call(lambda client: client.v1.accounts.retrieve_current().to_dict())
        if account.get("id") != self.account_id:
            raise WrongAccount(
                f"The API key belongs to {account.get('id')}, not to {self.account_id} as STRIPE_ACCOUNT_ID says."
            )
        self._account_checked = True

    def _call(self, question: Callable[[stripe.StripeClient], Answer], *, yielding: bool = False) -> Answer:
        if not self.pace.wait(self.clock() + LAST_START_S, yielding=yielding):
            raise StripeRefused("Too many requests; not asked.")
        try:
            return question(self._client())
        except Exception as fault:
            raise StripeRefused(f"Stripe could not be asked: {failure_of(fault).message}") from fault

    def _client(self) -> stripe.StripeClient:
        """The client of this thread, with a connection of its own."""
        client: stripe.StripeClient | None = getattr(self._of_thread, "client", None)
        if client is None:
            client = self._of_thread.client = stripe.StripeClient(
                self.secret_key,
                stripe_version=API_VERSION,
                base_addresses={"api": self.api_base} if self.api_base else {},
                max_network_retries=0,
                http_client=stripe.RequestsClient(timeout=self.timeouts_s),
            )
        return client


def is_gone(fault: StripeRefused) -> bool:
    """Tell whether Stripe refused to show something because it does not exist, or not to us any more."""
    why = failure_of(fault.__cause__ or fault)
    return why.code == "account_invalid" or (why.error_type is not None and why.http_status == NOT_FOUND)
