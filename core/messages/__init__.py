"""What is told, and to whom. A module of this folder that holds `KIND = Kind(...)` is a kind, named as its file.

Its words stand beside it as `<language>/<kind>.txt`, the first line being the subject: a kind is two files, and a
language one folder.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal

from sqlalchemy import Connection

from core.refusals import Refusal

Audience = Literal["partner", "finance"]
# What the words may speak of: the ids and figures of the message, filled up from the rows they name.
Facts = Callable[[Connection, Mapping[str, int], datetime], Mapping[str, object]]


class NotToBeTold(Refusal):
    """There is nothing to tell any more: {why}."""

    code = "not_to_be_told"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of message; one that `needs_link` gets `link` and `link_expires_at` among its facts, made when it is sent.

    `facts(conn, about, now)` reads what is told, and refuses with NotToBeTold what is not to be told any more.
    """

    title: str  # as colleagues read it
    audience: Audience
    facts: Facts
    needs_link: bool = False


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
