"""The fake's webhooks: what happened is queued for every endpoint that is told, and goes out as the test drives it."""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Literal

import stripe

from tests.stripe.fake import FakeStripe
from tests.stripe.parts import Body

Scope = Literal["platform", "connect"]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where events of the platform go, or those of connected accounts, and what they are signed with."""

    url: str
    secret: str
    scope: Scope = "platform"

    def is_told(self, event: Body) -> bool:
        return (event.get("account") is not None) == (self.scope == "connect")


@dataclass(frozen=True, kw_only=True)
class Post:
    """One event for one endpoint."""

    event: Body
    endpoint: Endpoint


@dataclass
class Postman:
    """Delivers, once or often, in any order, late, or never."""

    fake: FakeStripe
    endpoints: list[Endpoint]
    seen: int = 0
    queue: list[Post] = field(default_factory=list)

    def collect(self) -> list[Post]:
        """Queue what happened since the last time, for every endpoint that is told, and return the whole queue."""
        events = self.fake.platform.events[self.seen :]
        self.seen += len(events)
        self.queue += [
            Post(event=event, endpoint=endpoint)
            for event in events
            for endpoint in self.endpoints
            if endpoint.is_told(event)
        ]
        return self.queue

    def deliver(self, post: Post) -> int:
        """Post an event, signed now by the fake's clock, and return the answer's status."""
        body = json.dumps(post.event, indent=2)
        at = int(self.fake.clock.now().timestamp())
        return send(post.endpoint.url, body.encode(), sign(body, post.endpoint.secret, at))

    def deliver_all(self, dice: random.Random, *, times: tuple[int, int] = (1, 5), lost: float = 0) -> None:
        """Empty the queue in any order: each post so many times, some of them never; every answer must be 200."""
        posts = [
            post for post in self.collect() if dice.random() >= lost for _ in range(dice.randint(*times))
        ]
        self.queue.clear()
        dice.shuffle(posts)
        statuses = [self.deliver(post) for post in posts]
        assert set(statuses) <= {200}, statuses


def sign(body: str, secret: str, at: int) -> str:
    """The header Stripe would send with this body at this second."""
    header: str = stripe.WebhookSignature.generate_signature_header(body, secret, at)
    return header


def send(url: str, body: bytes, signature: str | None) -> int:
    """Post a body as it is and return the answer's status."""
    headers = {"Content-Type": "application/json"} | ({"Stripe-Signature": signature} if signature else {})
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the desk's own address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
