"""Takes Stripe's webhooks: what is an event of ours is in the inbox before Stripe is told so; all else leaves no trace."""

from __future__ import annotations

import logging
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from threading import BoundedSemaphore

from sqlalchemy import Engine

from core.settings import Settings
from core.settings_parsing import LIVE_KEYS
from jobs.clock import Clock

log = logging.getLogger(__name__)

PATH = "/webhooks/stripe"
# The scheduler's jobs share these connections: more webhooks at once wait a moment, and come again if that is too long.
AT_ONCE, WAIT_S = 3, 5.0


class StripeWebhook:
    """The endpoint's work, apart from speaking HTTP; one object serves all threads."""

    def __init__(self, engine: Engine, clock: Clock, settings: Settings) -> None:
        self._engine = engine
        self._clock = clock
        self._secrets = settings.stripe_webhook_secrets if settings.provider == "stripe" else ()
        self._account_id = settings.stripe_account_id or ""
        self._livemode = (settings.stripe_secret_key or "").startswith(LIVE_KEYS)
        self._turns = BoundedSemaphore(AT_ONCE)

    def take(self, headers: Message, read: Callable[[int], bytes]) -> HTTPStatus:
        """Write an event down and return what to answer; neither body nor signature goes into a log or an answer.

        Without a secret there is no such page. What is too large is not read.
        """
        from core.providers.stripe_events import WEBHOOK_MAX_BYTES

        length = headers.get("Content-Length", "")
        if not self._secrets:
            return HTTPStatus.NOT_FOUND
        if headers.get("Transfer-Encoding") is not None or not length:
            return HTTPStatus.LENGTH_REQUIRED
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.BAD_REQUEST
        if len(length) > len(str(WEBHOOK_MAX_BYTES)) or int(length) > WEBHOOK_MAX_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        try:
            return self._write_down(read(int(length)), headers.get("Stripe-Signature"))
        except Exception:
            log.exception("a webhook was not taken")
            return HTTPStatus.SERVICE_UNAVAILABLE  # Stripe brings it again

    def _write_down(self, content: bytes, signature: str | None) -> HTTPStatus:
        from core.events.inbox import record_events
        from core.providers.stripe_events import BadWebhook, read_webhook

        now = self._clock.now()
        try:
            event = read_webhook(
                content,
                signature,
                self._secrets,
                livemode=self._livemode,
                account_id=self._account_id,
                now=now,
            )
        except BadWebhook as fault:
            log.warning("refused a webhook: %s", fault)
            return HTTPStatus.BAD_REQUEST
        if event is None:
            return HTTPStatus.OK
        if not self._turns.acquire(timeout=WAIT_S):
            return HTTPStatus.SERVICE_UNAVAILABLE
        try:
            with self._engine.begin() as conn:
                record_events(conn, "stripe", [event], came_by="webhook", now=now)
        finally:
            self._turns.release()
        return HTTPStatus.OK
