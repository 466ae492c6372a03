"""Stripe's account of ours: the available balance, and the balance transactions that transfers made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil
from typing import Any

import stripe
from stripe.params import BalanceTransactionListParams

from core.providers.balances import BookedDay
from core.providers.stripe import PAGE, StripeTransfers
from core.providers.stripe_answers import WrongAccount
from core.providers.stripe_money import minor_amount


@dataclass(frozen=True)
class StripeBalances:
    """The account behind a rail, over its client, its account check and its request rate, behind its sending."""

    rail: StripeTransfers

    def available(self, currencies: Sequence[str]) -> Mapping[str, int | None]:
        """Return the available balance of these currencies and all others there are. Refuses StripeRefused, WrongAccount."""
        balance = self.rail.ask(lambda client: client.v1.balance.retrieve().to_dict(), yielding=True)
        if balance.get("livemode") is not self.rail.livemode:
            raise WrongAccount("The balance Stripe showed is not of the mode of our key.")
        found: dict[str, int | None] = dict.fromkeys(currencies, 0)
        for each in balance.get("available") or ():
            currency = str(each["currency"]).upper()
            found[currency] = minor_amount(int(each["amount"]), currency)
        return found

    def booked(self, since: datetime, until: datetime) -> list[BookedDay]:
        """Return the days of the balance transactions of type `transfer`. Refuses StripeRefused and WrongAccount."""
        question: BalanceTransactionListParams = {
            "type": "transfer",
            "created": {"gte": int(since.timestamp()), "lt": ceil(until.timestamp())},
            "limit": PAGE,
        }
        days: Counter[tuple[date, str]] = Counter()
        more = True
        while more:
            listed, more = self.rail.ask(_page(question), yielding=True)
            for each in listed:
                currency = str(each["currency"]).upper()
                day = datetime.fromtimestamp(int(each["created"]), UTC).date()
                days[day, currency] += minor_amount(-int(each["amount"]), currency)
            if more:
                question = {**question, "starting_after": listed[-1]["id"]}
        return [
            BookedDay(day=day, currency=currency, amount_minor=amount)
            for (day, currency), amount in sorted(days.items())
        ]


def _page(question: BalanceTransactionListParams) -> Any:  # noqa: ANN401 - a question to the client
    def page(client: stripe.StripeClient) -> tuple[list[dict[str, Any]], bool]:
        listed = client.v1.balance_transactions.list(question)
        return [each.to_dict() for each in listed.data], listed.has_more

    return page
