"""The sign of life that somebody outside waits for: when it stays away, the scheduler is silent or something is wrong."""

from __future__ import annotations

import http.client
import logging
import urllib.error
import urllib.request

TIMEOUT_S = 5
log = logging.getLogger(__name__)


def beat(url: str) -> bool:
    """Ask for the address once and return whether it answered; one that does not is no fault of the desk's."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http or https by the settings
            answer.read(1)
    except (
        OSError,
        http.client.HTTPException,
    ) as fault:  # URLError is an OSError; the address may hold a secret
        log.warning("the heartbeat did not arrive: %s", type(fault).__name__)
        return False
    return True
