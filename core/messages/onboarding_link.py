"""A partner's account is not ready: a link to the provider's own form, which is made when the message is sent.

The link opens the partner's account to whoever holds it, so it goes into the mail and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from core.messages import Kind
from core.messages.samples import AT, PARTNER


def facts(_conn: Connection, _about: Mapping[str, int], _now: datetime) -> Mapping[str, object]:
    """Return nothing of our own: what is told is the link."""
    return {}


KIND = Kind(
    title="Onboarding link",
    audience="partner",
    facts=facts,
    sample=PARTNER | {"link": "https://example.com/a-link-to-try", "link_expires_at": AT},
    needs_link=True,
    channels=("email",),  # whoever holds the link works on the account
)
