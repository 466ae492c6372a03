"""What is told, and to whom. A module of this folder that holds `KIND = Kind(...)` is a kind, named as its file.

Its words stand beside it as `<language>/<kind>.txt`, the first line being the subject, which is all an SMS carries: a kind
is a file and its words in every language, and a language one folder.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Literal

from sqlalchemy import Connection

from core.refusals import Refusal

Audience = Literal["partner", "finance", "approvers", "operators"]
ChannelName = Literal["email", "sms", "chat"]
# What the words may speak of: the ids and figures of the message, filled up from the rows they name.
Facts = Callable[[Connection, Mapping[str, int], datetime], Mapping[str, object]]

CHANNELS: tuple[ChannelName, ...] = ("email", "sms", "chat")
LANGUAGES = {"en": "English", "fr": "Français"}


class NotToBeTold(Refusal):
    """There is nothing to tell any more: {why}."""

    code = "not_to_be_told"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of message; one that `needs_link` gets `link` and `link_expires_at` among its facts, made when it is sent.

    `facts(conn, about, now)` reads what is told, and refuses with NotToBeTold what is not to be told any more; `sample` has
    the same fields with believable values. What a partner did not choose goes by email where it is `by_default`; a
    `security` notice always does, whatever became of the partner. `channels` are those it may go by.
    """

    title: str  # as colleagues read it
    audience: Audience
    facts: Facts
    sample: Mapping[str, object] = field(default_factory=dict)
    needs_link: bool = False
    by_default: bool = True
    security: bool = False
    channels: tuple[ChannelName, ...] = ("email", "sms")


@cache
def all_kinds() -> dict[str, Kind]:
    """Return every kind by name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        kind = getattr(importlib.import_module(f"{__name__}.{module.name}"), "KIND", None)
        if isinstance(kind, Kind):
            found[module.name] = kind
    return found


def kind_named(name: str) -> Kind:
    """Return one kind; refuses with KeyError a name that is none."""
    return all_kinds()[name]


def partner_kinds() -> dict[str, Kind]:
    """Return by name the kinds that a partner is told and may choose about; a link somebody asks for is no choice."""
    return {
        name: kind for name, kind in all_kinds().items() if kind.audience == "partner" and not kind.needs_link
    }
