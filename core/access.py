"""Who acts, and what their roles let them do. Read again from the database inside every deciding transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, text

from core.refusals import Refusal

Channel = Literal["page", "cli", "job"]

# One line per right; a person may hold several roles.
RIGHTS: dict[str, frozenset[str]] = {
    "request payouts": frozenset({"maker"}),
    "override rules": frozenset({"maker", "approver"}),
    "approve payouts": frozenset({"approver"}),
    "reject payouts": frozenset({"approver"}),
    "cancel payouts": frozenset({"maker", "approver"}),
    # Choosing, ordering and leaving out is not making: it changes no amount, destination or hold.
    "steer payouts": frozenset({"operator", "maker", "approver"}),
    "hold money": frozenset({"maker", "approver"}),
    "correct earnings": frozenset({"maker"}),
    "resolve payments": frozenset({"maker"}),
    # Stopping takes one person, so nearly everybody may; what takes two asks both of them for the right.
    "stop sending": frozenset({"operator", "maker", "approver", "admin"}),
    "start sending": frozenset({"operator", "approver", "admin"}),
    "propose reversals": frozenset({"maker", "approver"}),
    "reverse payouts": frozenset({"approver"}),
    "compare books": frozenset({"operator", "maker", "approver", "admin"}),
    "close differences": frozenset({"maker", "approver"}),
    "prove absence": frozenset({"operator", "approver"}),
    "ask for onboarding": frozenset({"maker", "operator"}),
    "handle messages": frozenset({"operator", "maker", "approver", "admin"}),
    "edit partners": frozenset({"maker", "operator", "admin"}),
    "write notes": frozenset({"operator", "maker", "approver", "admin"}),
    # The only right that reads full bank and postal details; what became of a payment is another person's word.
    "write payment files": frozenset({"maker"}),
    "mark payments": frozenset({"maker"}),
    "change destinations": frozenset({"maker", "approver"}),
    "change terms": frozenset({"maker", "approver"}),
    "change policies": frozenset({"approver", "admin"}),
    "import files": frozenset({"maker", "operator", "admin"}),
    "run jobs": frozenset({"operator", "admin"}),
    "manage people": frozenset({"admin"}),
    "see personal data": frozenset({"operator", "maker", "approver", "admin"}),
}


class NotAllowed(Refusal):
    """{who} may not {right}: that takes the role {roles}."""

    code = "not_allowed"


class UnknownUser(Refusal):
    """There is no active user called {name}."""

    code = "unknown_user"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts: a person, a process, a policy; `name` is what history keeps: `user:ada`, `job:queue`, `policy:creator:3`."""

    name: str
    channel: Channel
    roles: frozenset[str] = frozenset()

    def may(self, right: str) -> bool:
        """Tell whether a role of this actor carries the right.

        The host's own user runs the desk but decides nothing; a job decides nothing: it stops sending, asks for a
        comparison, and books and holds what a provider says goes back or is disputed. A policy approves what two people
        agreed it may, which the database proves again.
        """
        if self.name.startswith("os:"):
            return right in {"import files", "run jobs", "manage people", "see personal data"}
        if self.name.startswith("policy:"):
            return right == "approve payouts"
        if self.name.startswith("job:"):
            return right in {"stop sending", "correct earnings", "hold money", "compare books"}
        return bool(self.roles & RIGHTS[right])

    def must(self, right: str) -> None:
        """Refuse with NotAllowed unless the actor has the right."""
        if not self.may(right):
            roles = " or ".join(sorted(RIGHTS[right]))
            raise NotAllowed(who=self.name.removeprefix("user:"), right=right, roles=roles)


def job_actor(job: str) -> Actor:
    """Return the actor a scheduled job works as."""
    return Actor(name=f"job:{job}", channel="job")


def policy_actor(program: str, version: int) -> Actor:
    """Return the version of a program's policy that approves by itself."""
    return Actor(name=f"policy:{program}:{version}", channel="job")


READ_USER = text("SELECT roles FROM app_user WHERE name = :name AND active")


def load_actor(conn: Connection, username: str, *, channel: Channel) -> Actor:
    """Read a person's roles as they are now, refusing UnknownUser when there is no such active person."""
    roles = conn.execute(READ_USER, {"name": username}).scalar_one_or_none()
    if roles is None:
        raise UnknownUser(name=username)
    return Actor(name=f"user:{username}", channel=channel, roles=frozenset(roles))
