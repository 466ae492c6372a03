"""How far this machine's clock is from Stripe's, as the `Date` of an answer tells it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

MOST_S = 5.0
DATE_STEP_S = 1.0  # the header counts whole seconds


class ClockSkewed(RuntimeError):
    """This machine's clock is wrong: keys would be taken for younger or older than they are, so nothing is claimed."""


def with_skew(
    question: Callable[[stripe.StripeClient], stripe.StripeObject],
) -> Callable[[stripe.StripeClient], tuple[dict[str, Any], float]]:
    """Return the same question, its answer as a mapping and how many seconds our clock is ahead at least (below zero: behind)."""

    def asked(client: stripe.StripeClient) -> tuple[dict[str, Any], float]:
        asked_at = time.time()
        answer = question(client)
        response = answer.last_response
        headers: Mapping[str, str] = {} if response is None else dict(response.headers)
        return answer.to_dict(), skew_s(headers, asked_at=asked_at, answered_at=time.time())

    return asked


def skew_s(headers: Mapping[str, str], *, asked_at: float, answered_at: float) -> float:
    """Return by how many seconds our clock is ahead of the answer's date at least; 0 where it may be right or says nothing."""
    said = next((value for name, value in headers.items() if name.lower() == "date"), None)
    if said is None:
        return 0.0
    try:
        theirs = parsedate_to_datetime(said).timestamp()
    except ValueError:
        return 0.0
    if theirs + DATE_STEP_S < asked_at:
        return asked_at - theirs - DATE_STEP_S
    return min(answered_at - theirs, 0.0)


def check_skew(seconds: float) -> None:
    """Refuse ClockSkewed where the clocks are further apart than can be let pass."""
    if abs(seconds) > MOST_S:
        way = "ahead of" if seconds > 0 else "behind"
        message = (
            f"This machine's clock is {abs(seconds):.0f} s {way} Stripe's: nothing is sent until it is set."
        )
        raise ClockSkewed(message)
