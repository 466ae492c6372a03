"""A link by which the owner of a connected account gives Stripe what it asks for.

Whoever holds the link works on the account, so it is handed on at once and kept nowhere: it is single use and lives for
minutes, and whoever needs another one asks Stripe anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import stripe

from core.links import Link, MakeLink, NoLinkEver, NoLinkNow
from core.providers.stripe import is_gone
from core.providers.stripe_answers import StripeRefused, WrongAccount

Answer = dict[str, Any]
Ask = Callable[[Callable[[stripe.StripeClient], Answer]], Answer]


def onboarding_links(ask: Ask, *, public_url: str) -> MakeLink:
    """Return what asks Stripe for a link to an account's form, which leads back to `public_url`."""

    def make_link(account: str) -> Link:
        def question(client: stripe.StripeClient) -> Answer:
            made = client.v1.account_links.create(
                {
                    "account": account,
                    "type": "account_onboarding",
                    "return_url": _with(public_url, "done"),
                    "refresh_url": _with(public_url, "expired"),
                }
            )
            return made.to_dict()

        try:
            return _read(ask(question))
        except WrongAccount as fault:
            raise NoLinkNow(str(fault)) from fault
        except StripeRefused as fault:
            if is_gone(fault):
                raise NoLinkEver("Stripe does not know this account, or it left us") from None
            raise NoLinkNow(str(fault)) from fault

    return make_link


def _read(answer: Answer) -> Link:
    url, expires_at = answer.get("url"), answer.get("expires_at")
    if not (isinstance(url, str) and url.startswith("https://") and isinstance(expires_at, int)):
        raise NoLinkNow("Stripe's answer holds no link.")
    return Link(url=url, expires_at=datetime.fromtimestamp(expires_at, UTC))


def _with(public_url: str, how: str) -> str:
    """Say in the address how the owner came back."""
    parts = urlsplit(public_url)
    return parts._replace(query=urlencode([*parse_qsl(parts.query), ("onboarding", how)])).geturl()
