"""The fake's API: the layers a request passes in Stripe's order, and where a fault strikes.

API key (401), request rate (429), idempotency store (replay, 409, 400), validation (nothing kept), execution (kept
whatever comes of it), answer.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Lock
from typing import Any

from tests.stripe.banks import Banks
from tests.stripe.commerce import Commerce
from tests.stripe.faults import Fault, Faults
from tests.stripe.keys import Keys
from tests.stripe.onboarding import account_link
from tests.stripe.parts import Body, Clock, Refusal, new_id
from tests.stripe.platform import Entry, Platform

FIELDS = {
    "transfer": {
        "amount",
        "currency",
        "description",
        "destination",
        "expand",
        "metadata",
        "source_transaction",
        "source_type",
        "transfer_group",
    },
    "account_link": {"account", "collection_options", "expand", "refresh_url", "return_url", "type"},
    "reversal": {"amount", "description", "expand", "metadata", "refund_application_fee"},
    "payout": {
        "amount",
        "currency",
        "description",
        "destination",
        "expand",
        "metadata",
        "method",
        "source_type",
    },
}
NEEDED = {
    "transfer": ("amount", "currency", "destination"),
    "account_link": ("account", "refresh_url", "return_url", "type"),
    "reversal": (),
    "payout": ("amount", "currency"),
}
CURRENCIES = frozenset({"usd", "eur", "gbp", "jpy", "kwd", "isk", "huf", "ugx", "brl"})
PAGE = b"<html><body><h1>Bad gateway</h1></body></html>"


BAD_REQUEST = 400


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    params: Body
    headers: Mapping[str, str]  # names in lower case

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def account(self) -> str | None:
        return self.headers.get("stripe-account")


@dataclass(kw_only=True)
class Reply:
    """What goes out: nothing at all without `sent`; `cut` breaks off in the middle."""

    status: int = 200
    content: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    sent: bool = True
    cut: bool = False


NOTHING = Reply(sent=False)


@dataclass
class Service:
    """A Stripe account behind an API; `limit_per_s` counts real seconds."""

    platform: Platform
    faults: Faults = field(default_factory=Faults)
    secret_key: str | None = None  # None: any key is good
    limit_per_s: int | None = None
    ahead: timedelta | None = None  # its answers' Date before the real time; None: they have none
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = Keys(self.platform.clock)
        self.commerce = Commerce(self.platform)
        self.banks = Banks(self.platform)
        self._lock = Lock()
        self._recent: deque[float] = deque()

    @property
    def clock(self) -> Clock:
        return self.platform.clock

    def books(self) -> tuple[Entry, ...]:
        """Every movement of money so far, in order."""
        with self._lock:
            return tuple(self.platform.entries)

    def answer(self, asked: Asked) -> Reply:
        """Return what this request gets, after whatever delay its fault has."""
        with self._lock:
            self.asked.append(asked)
        fault = self.faults.take(asked.method, asked.path, asked.key)
        if fault is not None and fault.kind in {"refuse", "drop_before"}:
            return NOTHING
        if fault is not None and fault.kind == "page":
            return Reply(status=fault.status, content=PAGE, kind="text/html")
        request_id = new_id("req")
        try:
            self._admit(asked)
            reply = (
                self._keyed(asked, fault, request_id) if asked.method == "POST" else self._once(asked, fault)
            )
        except Refusal as refusal:
            reply = _reply(refusal.status, refusal.body)
        reply.headers["Request-Id"] = request_id
        if self.ahead is not None:
            reply.headers["Date"] = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
        return _spoil(reply, fault)

    def _admit(self, asked: Asked) -> None:
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not given or self.secret_key not in {None, given}:
            raise Refusal(401, None, f"Invalid API Key provided: {given[:8]}****", executed=False)
        with self._lock:
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - 1:
                self._recent.popleft()
            if self.limit_per_s is not None and len(self._recent) >= self.limit_per_s:
                raise Refusal(429, "rate_limit", "Too many requests", executed=False)
            self._recent.append(now)

    def _once(self, asked: Asked, fault: Fault | None) -> Reply:
        if fault is not None and fault.kind == "error":
            return _reply(fault.status, fault.error)
        with self._lock:
            return _reply(200, self._execute(asked, asked.params))

    def _keyed(self, asked: Asked, fault: Fault | None, request_id: str) -> Reply:
        unkept = fault if fault is not None and fault.kind == "error" and not fault.kept else None
        # What a request is refused for by itself comes after its key: one that was answered gets its answer again.
        if unkept is not None and unkept.status != BAD_REQUEST:
            return _reply(unkept.status, unkept.error)
        key = asked.key or new_id("key")
        with self._lock:
            kept = self.keys.begin(asked.account, key, asked.path, asked.params, request_id)
            if kept is not None:
                assert kept.status is not None
                assert kept.body is not None
                reply = _reply(kept.status, kept.body)
                reply.headers |= {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
                return reply
            try:
                _validate(asked)
            except Refusal:
                self.keys.forget(asked.account, key)
                raise
            if unkept is not None:
                self.keys.forget(asked.account, key)
                return _reply(unkept.status, unkept.error)
        if fault is not None and fault.kind == "delay_before":
            fault.delay()
        with self._lock:
            status, body = self._first(asked, fault)
            self.keys.keep(asked.account, key, status, body)
            return _reply(status, body)

    def _first(self, asked: Asked, fault: Fault | None) -> tuple[int, Body]:
        if fault is not None and fault.kind == "error":
            return fault.status, fault.error
        changed = fault.values if fault is not None and fault.kind == "alter" else {}
        try:
            body = self._execute(asked, asked.params | changed)
        except Refusal as refusal:
            return refusal.status, refusal.body
        return (
            (fault.status, fault.error) if fault is not None and fault.kind == "error_after" else (200, body)
        )

    def _execute(self, asked: Asked, params: Body) -> Body:
        route = asked.path.removeprefix("/v1/").split("/")
        done = (
            self._make(asked, route, params) if asked.method == "POST" else self._show(asked, route, params)
        )
        if done is None:
            message = f"Unrecognized request URL ({asked.method}: {asked.path})"
            raise Refusal(404, None, message, executed=False)
        return done

    def _make(self, asked: Asked, route: list[str], params: Body) -> Body | None:
        match route:
            case ["transfers"]:
                return self.platform.create_transfer(params, key=asked.key)
            case ["transfers", transfer_id, "reversals"]:
                return self.platform.reverse(transfer_id, params, key=asked.key)
            case ["payouts"]:
                return self.platform.pay_out(asked.account, params, key=asked.key)
            case ["account_links"]:
                return account_link(self.platform, params)
        return None

    def _show(self, asked: Asked, route: list[str], params: Body) -> Body | None:
        platform = self.platform
        match route:
            case ["transfers"]:
                return platform.list_transfers(params)
            case ["transfers", transfer_id]:
                return platform.transfer(transfer_id)
            case ["transfers", transfer_id, "reversals"]:
                return platform.list_reversals(transfer_id, params)
            case ["account"]:
                return platform.account(asked.account or platform.account_id)
            case ["accounts", account_id]:
                return platform.account(account_id)
            case ["balance"]:
                return platform.balance()
            case ["balance_transactions"] if asked.account is None:
                return platform.list_balance_transactions(params)
            case ["events"]:
                return platform.list_events(params, asked.account)
        if asked.account:
            return self.banks.show(asked.account, route, params)
        return self.commerce.show(route, params)


def _validate(asked: Asked) -> None:
    """Refuse what Stripe refuses before it executes: nothing of it is kept under the key."""
    makes = {"/v1/payouts": "payout", "/v1/account_links": "account_link"}.get(asked.path, "transfer")
    if re.fullmatch(r"/v1/transfers/[^/]+/reversals", asked.path):
        makes = "reversal"
    for name in asked.params:
        if name not in FIELDS[makes]:
            message = f"Received unknown parameter: {name}"
            raise Refusal(400, "parameter_unknown", message, executed=False, param=name)
    for name in NEEDED[makes]:
        if not asked.params.get(name):
            message = f"Missing required param: {name}."
            raise Refusal(400, "parameter_missing", message, executed=False, param=name)
    amount = asked.params.get("amount")
    if amount is not None and not re.fullmatch(r"[1-9][0-9]*", str(amount)):
        message = f"Invalid positive integer: {amount}"
        raise Refusal(400, "parameter_invalid_integer", message, executed=False, param="amount")
    currency = asked.params.get("currency")
    if currency is not None and currency not in CURRENCIES:
        raise Refusal(400, None, f"Invalid currency: {currency}", executed=False, param="currency")


def _reply(status: int, body: Body) -> Reply:
    return Reply(status=status, content=json.dumps(body, indent=2).encode())


def _spoil(reply: Reply, fault: Fault | None) -> Reply:
    """Do to an answer what its fault says."""
    match None if fault is None else fault.kind:
        case "drop_after":
            return NOTHING
        case "half_body":
            reply.cut = True
        case "html":
            return Reply(content=PAGE, kind="text/html", headers=reply.headers)
        case "empty":
            return Reply(headers=reply.headers)
        case "edit":
            assert fault is not None
            body: dict[str, Any] = json.loads(reply.content) | fault.values
            kept = {name: value for name, value in body.items() if name not in fault.without}
            reply.content = json.dumps(kept).encode()
        case "delay_after":
            assert fault is not None
            fault.delay()
    return reply
