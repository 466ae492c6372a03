"""A link to a provider's form, as the outbox asks for it: whoever holds it works on the partner's account.

It is made when its mail is written, single use and short-lived, handed on at once and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


class NoLinkNow(Exception):
    """No link can be had now; the message says why, and another try may get one."""


class NoLinkEver(Exception):
    """There is no link to be had for this account; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """Where the owner of an account goes, and until when; the address is hidden from every log."""

    url: str = field(repr=False)
    expires_at: datetime


# Makes a link for a provider's account. Refuses NoLinkNow and NoLinkEver.
MakeLink = Callable[[str], Link]
