"""A referred customer at the provider is made, kept and ended here, by their subscriptions as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from core.access import job_actor
from core.events import Effect, Handler, NotYet
from core.programs import UnknownPartner
from core.providers.events import EventSource, Facts, ProviderEvent
from core.referrals import SeenCustomer, take_in_customer

# Not a subscription yet, or never one: its first payment failed.
NEVER_BEGAN = frozenset({"incomplete", "incomplete_expired"})
ENDED = "canceled"
ACTOR = job_actor("events")


def plan(source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
    """Take the customer in as they are now, with all of their subscriptions."""
    ref: object = event.object_ref
    about: Facts | None = None
    if event.kind.startswith("customer.subscription."):
        about = source.fetch("subscription", event.object_ref)
        owner = about.get("customer") if about else None
        ref = owner.get("id") if isinstance(owner, Mapping) else owner
    if not isinstance(ref, str):
        return None
    customer = source.fetch("customer", ref) or {}
    listed = source.listed("/v1/subscriptions", {"customer": ref, "status": "all"})
    subscriptions = {str(one["id"]): one for one in [*([about] if about else []), *listed]}
    seen = _read(ref, customer, sorted(subscriptions.values(), key=lambda one: (one["created"], one["id"])))
    return None if seen is None else _effect(seen)


def _effect(seen: SeenCustomer) -> Effect:
    def take_in(conn: Connection, now: datetime) -> str:
        try:
            return take_in_customer(conn, seen, actor=ACTOR, now=now)
        except UnknownPartner as unknown:  # the partner may be imported yet
            raise NotYet(unknown.sentence) from unknown

    return take_in


def _read(ref: str, customer: Facts, subscriptions: Sequence[Facts]) -> SeenCustomer | None:
    """A customer with their subscriptions, the oldest first; None when nothing of them is left."""
    telling = next((one for one in (customer, *subscriptions) if _referral(one)), None)
    since = telling or (customer if "created" in customer else next(iter(subscriptions), None))
    if since is None:
        return None
    begun = [one for one in subscriptions if one.get("status") not in NEVER_BEGAN]
    ends = [_end_of(one) for one in begun if one.get("status") == ENDED]
    return SeenCustomer(
        ref=ref,
        partner_code=_referral(telling) if telling else None,
        name=_word(customer.get("name")),
        signed_up_at=_instant(since["created"]),
        began_at=_instant(begun[-1]["created"]) if begun else None,
        ended_at=max(ends) if ends and len(ends) == len(begun) else None,
    )


def _referral(facts: Facts) -> str | None:
    metadata = facts.get("metadata")
    return _word(metadata.get("referral")) if isinstance(metadata, Mapping) else None


def _end_of(subscription: Facts) -> datetime:
    return _instant(
        subscription.get("ended_at") or subscription.get("canceled_at") or subscription["created"]
    )


def _word(value: object) -> str | None:
    """A text of somebody's own making, without what no table takes; None when there is nothing in it."""
    if not isinstance(value, str):
        return None
    return "".join(sign for sign in value if sign.isprintable()).strip() or None


def _instant(seconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(seconds)), UTC)


HANDLER = Handler(
    kinds=frozenset(
        {
            "customer.created",
            "customer.subscription.created",
            "customer.subscription.updated",
            "customer.subscription.deleted",
        }
    ),
    plan=plan,
)
