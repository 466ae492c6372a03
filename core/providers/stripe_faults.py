"""What an exception of the SDK says of the answer that came back, or of the one that did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe

from core.providers.stripe_answers import Failure

MESSAGE_MAX = 500


def failure_of(fault: BaseException) -> Failure:
    """Return what an exception says; one that is not Stripe's says only that the answer could not be read."""
    if not isinstance(fault, stripe.StripeError):
        message = f"{type(fault).__name__}: {fault}"[:MESSAGE_MAX]
        return Failure(http_status=0, error_type=None, code=None, message=message, request_id=None)
    body = fault.json_body.get("error") if isinstance(fault.json_body, Mapping) else None
    error: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    return Failure(
        http_status=fault.http_status,
        error_type=error.get("type"),
        code=error.get("code"),
        message=str(error.get("message") or fault.user_message or type(fault).__name__)[:MESSAGE_MAX],
        request_id=fault.request_id,
    )
