"""Stripe's events: read from its webhooks and from its list, and the objects they are about, asked for as they are now."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import quote

import stripe

from core.providers.events import Facts, ProviderEvent, Thing
from core.providers.stripe import PAGE, StripeTransfers, is_gone
from core.providers.stripe_answers import StripeRefused

log = logging.getLogger(__name__)

# Stripe's largest objects stay far below: 50 metadata values of 500 characters, shown twice, are some 60 KiB.
WEBHOOK_MAX_BYTES = 256 * 1024
HEADER_MAX = 4_096
TOLERANCE_S = 300
KINDS_PER_LIST = 20
PATHS: dict[Thing, str] = {
    "account": "/v1/accounts",
    "charge": "/v1/charges",
    "customer": "/v1/customers",
    "dispute": "/v1/disputes",
    "payment_intent": "/v1/payment_intents",
    "payout": "/v1/payouts",
    "refund": "/v1/refunds",
    "subscription": "/v1/subscriptions",
    "transfer": "/v1/transfers",
}
EVENT_REF = re.compile(r"evt_[A-Za-z0-9_]{1,250}")
EVENT_KIND = re.compile(r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){1,2}")
ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]{1,250}")
OBJECT_REF = re.compile(r"[\x21-\x7e]{1,255}")
CREATED_MAX = 2**32


class BadWebhook(Exception):
    """What arrived is no event that Stripe sent us just now; the message says what is wrong, and is for the log alone."""


def read_webhook(
    body: bytes,
    signature: str | None,
    secrets: Sequence[str],
    *,
    livemode: bool,
    account_id: str,
    now: datetime,
) -> ProviderEvent | None:
    """Return the event of a webhook's raw body, or None for one of the other mode. Refuses BadWebhook, and nothing else.

    One of the endpoints' secrets must have signed it within five minutes of `now`, before or after.
    """
    _check_signature(body, signature or "", secrets, now)
    try:
        told = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as fault:
        message = "the body is no JSON"
        raise BadWebhook(message) from fault
    if not isinstance(told, dict) or not isinstance(told.get("livemode"), bool):
        message = "the body names no mode"
        raise BadWebhook(message)
    event = _event_of(told, account_id=account_id)
    return event if told["livemode"] is livemode else None


@dataclass(frozen=True, kw_only=True)
class StripeEvents:
    """Stripe as a source of events, over the rail's client, its account check and its request rate, behind its sending."""

    rail: StripeTransfers

    @property
    def name(self) -> str:
        """What events remember it by."""
        return self.rail.name

    def events(
        self, kinds: Sequence[str], *, since: datetime, until: datetime, account: str | None = None
    ) -> Iterator[ProviderEvent]:
        """Yield the events of these kinds from `since` to before `until`, oldest first. Refuses StripeRefused, WrongAccount.

        Stripe lists newest first, so a window is held whole before its first event comes out. An account that left us
        shows none.
        """
        window = {"gte": int(since.timestamp()), "lt": ceil(until.timestamp())}
        found: list[ProviderEvent] = []
        for first in range(0, len(kinds), KINDS_PER_LIST):
            asked = {"types": list(kinds[first : first + KINDS_PER_LIST]), "created": window}
            for told in self._told(asked, account):
                if told.get("livemode") is not self.rail.livemode:
                    continue
                try:
                    found.append(_event_of({**told, "account": account}, account_id=self.rail.account_id))
                except BadWebhook as fault:
                    log.warning("left out an event of Stripe's list: %s", fault)
        found.reverse()
        yield from sorted(found, key=lambda event: event.created_at)

    def _told(self, asked: Mapping[str, Any], account: str | None) -> Iterator[Facts]:
        try:
            yield from self.listed("/v1/events", asked, account=account)
        except StripeRefused as fault:
            if account is None or not is_gone(fault):
                raise

    def fetch(
        self, thing: Thing, ref: str, *, account: str | None = None, expand: Sequence[str] = ()
    ) -> Facts | None:
        """Return an object as it is now, or None when Stripe knows none of this id or shows it to us no more.

        Refuses StripeRefused and WrongAccount.
        """
        path = f"{PATHS[thing]}/{quote(ref, safe='')}"
        try:
            facts = self._get(path, {"expand": list(expand)} if expand else {}, account)
        except StripeRefused as fault:
            if is_gone(fault):
                return None
            raise
        if facts.get("id") != ref or facts.get("livemode", self.rail.livemode) is not self.rail.livemode:
            raise StripeRefused(f"Stripe answered with something else than {thing} {ref}.")
        return facts

    def listed(self, path: str, params: Mapping[str, Any], *, account: str | None = None) -> Iterator[Facts]:
        """Yield every object of a list, newest first, page after page. Refuses StripeRefused and WrongAccount."""
        asked = {**params, "limit": PAGE}
        while True:
            page = self._get(path, asked, account)
            objects = page.get("data")
            if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
                raise StripeRefused(f"Stripe answered {path} with something else than a list.")
            yield from objects
            if not objects or page.get("has_more") is not True:
                return
            asked["starting_after"] = objects[-1].get("id")

    def _get(self, path: str, params: Mapping[str, Any], account: str | None) -> dict[str, Any]:
        of_account = {"stripe_account": account} if account else {}
        answer = self.rail.ask(
            lambda client: client.raw_request("get", path, **params, **of_account).data, yielding=True
        )
        if not isinstance(answer, dict):
            raise StripeRefused(f"Stripe answered {path} with something else than an object.")
        return answer


def _check_signature(body: bytes, header: str, secrets: Sequence[str], now: datetime) -> None:
    """Refuse what none of the secrets signed, or signed long ago or in the future: the SDK knows the past alone."""
    if len(header) > HEADER_MAX or not header.isascii():
        message = "the signature is no header of Stripe's"
        raise BadWebhook(message)
    items = [item.partition("=") for item in header.split(",")]
    times = [value for name, _, value in items if name == "t"]
    signatures = [value for name, _, value in items if name == "v1"]
    # Several signatures are a secret being changed; the same one twice is not of Stripe's making.
    if len(times) != 1 or not times[0].isdigit() or len(set(signatures)) != len(signatures):
        message = "the signature is no header of Stripe's"
        raise BadWebhook(message)
    if len(times[0]) > len(str(CREATED_MAX)) or abs(now.timestamp() - int(times[0])) > TOLERANCE_S:
        message = "the signature is too old, or of the future"
        raise BadWebhook(message)
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, header, secret)
        except (stripe.SignatureVerificationError, ValueError):
            continue
        return
    message = "none of our secrets signed it"
    raise BadWebhook(message)


def _event_of(told: Mapping[str, Any], *, account_id: str) -> ProviderEvent:
    """Return what an event of Stripe's refers to. Refuses BadWebhook for anything that is not shaped as one."""
    data = told.get("data")
    about = data.get("object") if isinstance(data, Mapping) else None
    account, created = told.get("account"), told.get("created")
    if told.get("object") != "event" or not isinstance(about, Mapping):
        message = "the body is no event with its object"
        raise BadWebhook(message)
    if type(created) is not int or not 0 <= created < CREATED_MAX:
        message = "the event has no time"
        raise BadWebhook(message)
    if account is not None:
        _text(account, ACCOUNT, "account")
    return ProviderEvent(
        ref=_text(told.get("id"), EVENT_REF, "id"),
        kind=_text(told.get("type"), EVENT_KIND, "type"),
        # A few objects, as the balance, have no id of their own.
        object_ref=_text(about.get("id", about.get("object")), OBJECT_REF, "object"),
        account=None if account == account_id else account,
        created_at=datetime.fromtimestamp(created, UTC),
    )


def _text(value: object, shape: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or not shape.fullmatch(value):
        message = f"the event's {name} is not shaped as Stripe's"
        raise BadWebhook(message)
    return value
