"""The fake's idempotency store: the first executed result of a key, success or failure, until the key is pruned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.stripe.parts import Body, Clock, Refusal

KEY_LIVES = timedelta(hours=24)
LONGEST_KEY = 255


@dataclass
class Kept:
    """What one key did; without a status it is still doing it."""

    request: str
    at: datetime
    request_id: str
    status: int | None = None
    body: Body | None = None


class Keys:
    """Keys by scope and name. Not safe for threads by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str | None, str], Kept] = {}

    def begin(
        self, scope: str | None, key: str, path: str, params: Mapping[str, Any], request_id: str
    ) -> Kept | None:
        """Return what the key already did, or None when this request is its first; refuses as Stripe does."""
        if len(key) > LONGEST_KEY:
            raise Refusal(400, None, "Idempotency keys are at most 255 characters", executed=False)
        kept = self._kept.get((scope, key))
        if kept is not None and kept.at <= self._clock.now() - KEY_LIVES:
            del self._kept[scope, key]
            kept = None
        request = json.dumps([path, params], sort_keys=True)
        if kept is None:
            self._kept[scope, key] = Kept(request=request, at=self._clock.now(), request_id=request_id)
            return None
        if kept.request != request:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise Refusal(400, None, message, executed=False, type="idempotency_error")
        if kept.status is None:
            message = "There is currently another in-progress request using this Idempotency Key"
            raise Refusal(409, "idempotency_key_in_use", message, executed=False)
        return kept

    def keep(self, scope: str | None, key: str, status: int, body: Body) -> None:
        """Remember what the key did, as it was answered, whatever becomes of the object later."""
        kept = self._kept[scope, key]
        kept.status, kept.body = status, json.loads(json.dumps(body))

    def forget(self, scope: str | None, key: str) -> None:
        """Let the key be used as if it never was: nothing was executed under it."""
        self._kept.pop((scope, key), None)
