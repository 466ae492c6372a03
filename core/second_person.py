"""What a proposal is: something one person asks for and a second one confirms or refuses. One mechanism for all of it.

A kind says whose right it takes, what the rows say it is about, and what is done once two people agree. The kinds stand
beside what they do; `core/proposals.py` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from core.access import Actor
from core.refusals import Refusal

Content = Mapping[str, Any]  # JSON; instants as text in UTC, amounts in minor units beside their currency


class UnknownProposal(Refusal):
    """There is no proposal {id}."""

    code = "unknown_proposal"


class OwnProposal(Refusal):
    """Proposal {id} is your own: another person decides on it."""

    code = "own_proposal"


class ProposalExpired(Refusal):
    """Proposal {id} expired on {expires_at:%d %b %Y at %H:%M} UTC: make a new one if it is still wanted."""

    code = "expired"


class ProposalDecided(Refusal):
    """Proposal {id} has already been decided."""

    code = "decided"


class OutdatedProposal(Refusal):
    """What proposal {id} is about has changed since it was made: look again, and make a new one if it is still wanted."""

    code = "changed_since"


class NothingToPropose(Refusal):
    """There is nothing to decide here any more: look again."""

    code = "changed_since"


class AlreadyProposed(Refusal):
    """Proposal {id} asks for this already: another person confirms or refuses it."""

    code = "already_proposed"


class NoWhy(Refusal):
    """Say why: the other person decides by it, and it is kept."""

    code = "no_reason"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One proposal as it stands; `ids` are the subject's, `digest` (hex) binds kind, subject, ids and content."""

    id: int
    kind: str
    subject: str
    ids: tuple[int, ...]
    content: Content
    digest: str
    why: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    decision: Literal["confirm", "refuse"] | None
    decided_by: str | None
    decided_at: datetime | None
    decide_note: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What can be proposed: by whoever has the right `proposed_by`, the same one that confirms unless told otherwise.

    `content_now(conn, ids, asked)` locks what the ids name and returns what is asked together with what the rows say of
    it, or None when there is nothing to decide any more: it is called when proposing and again when confirming, where
    anything else than what was proposed is refused. `carry_out` does it, in the transaction that confirms; `actor` is the
    second person. `about` says in a few words what the content asks for, `then` what has happened once it is
    confirmed.
    """

    right: str
    subject: str
    sentence: str
    content_now: Callable[[Connection, Sequence[int], Content], Content | None]
    carry_out: Callable[[Connection, Proposal, Actor, datetime], None]
    proposed_by: str | None = None
    about: Callable[[Content], str] = lambda _content: ""
    then: str = "Two people agreed, and it is done."
