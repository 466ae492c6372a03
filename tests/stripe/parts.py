"""What the fake is made of: its clock, its refusals, its ids, its lists."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Body = dict[str, Any]


class Refusal(Exception):
    """An error Stripe would answer; `executed` ones are remembered under the idempotency key."""

    def __init__(
        self, status: int, code: str | None, message: str, *, executed: bool = True, **more: object
    ) -> None:
        super().__init__(message)
        self.status, self.executed = status, executed
        error = {"type": "invalid_request_error", "code": code, "message": message} | more
        self.body: Body = {"error": {name: value for name, value in error.items() if value is not None}}


class Clock:
    """The fake's clock: the real one, or one that stands still, moved forward at will."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at, self._moved = at, timedelta()

    def now(self) -> datetime:
        return (self._at or datetime.now(UTC)) + self._moved

    def advance(self, by: timedelta) -> None:
        self._moved += by


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def page(items: list[Body], params: Mapping[str, Any], url: str) -> Body:
    """One page of a list, newest first, as Stripe cuts it."""
    size = int(params.get("limit", 10))
    if not 1 <= size <= 100:
        raise Refusal(400, "parameter_invalid_integer", "limit is from 1 to 100", param="limit")
    places = {item["id"]: place for place, item in enumerate(items)}
    for cursor in ("starting_after", "ending_before"):
        if cursor in params and params[cursor] not in places:
            raise Refusal(400, "resource_missing", f"No such object: {params[cursor]!r}", param=cursor)
    if "ending_before" in params:
        newer = items[: places[params["ending_before"]]]
        data, more = newer[-size:], len(newer) > size
    else:
        start = places[params["starting_after"]] + 1 if "starting_after" in params else 0
        data, more = items[start : start + size], len(items) > start + size
    return {"object": "list", "data": data, "has_more": more, "url": url}


def in_window(created: int, window: object) -> bool:
    """Whether an instant is within a `created` filter: a second, or gt, gte, lt, lte."""
    if isinstance(window, Mapping):
        holds: dict[str, Callable[[int], bool]] = {
            "gt": lambda bound: created > bound,
            "gte": lambda bound: created >= bound,
            "lt": lambda bound: created < bound,
            "lte": lambda bound: created <= bound,
        }
        return all(holds[name](int(bound)) for name, bound in window.items())
    return window is None or created == int(str(window))
