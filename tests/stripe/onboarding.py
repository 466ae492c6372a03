"""The fake's links to Stripe's form: made anew each time, single use, gone in five minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.stripe.parts import Body, new_id
from tests.stripe.platform import Platform

LIVES = timedelta(minutes=5)


def account_link(platform: Platform, params: Mapping[str, Any]) -> Body:
    """Make a link for an account of the platform's."""
    platform.account(params["account"])
    now = platform.clock.now()
    return {
        "object": "account_link",
        "created": int(now.timestamp()),
        "expires_at": int((now + LIVES).timestamp()),
        "url": f"https://connect.stripe.com/setup/e/{params['account']}/{new_id('link')}",
    }
