"""Delivers what the outbox holds: claims a message, reads what it tells of, hands it over, writes what came of it.

    notify_due
        claim_message       one transaction
        _letter             one transaction that reads; for a link, the provider is asked after it
        channel.deliver     no transaction, lock or connection held
        record_delivery     one transaction, guarded by the claim

What is cut off between handing over and recording is `unclear` and waits for a person (see `core/outbox.py`). A channel
that is away ends the run: one message has spent a try, all others wait for the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from core.channels import Channel, Delivery, Letter
from core.links import MakeLink, NoLinkEver, NoLinkNow
from core.messages import Kind, NotToBeTold, kind_named
from core.messages.writing import write
from core.outbox import STALE_AFTER, Claimed, claim_message, note_left_behind, record_delivery
from core.runs import RunResult

MADE_BY = "job:notify"


@dataclass(frozen=True, kw_only=True)
class Post:
    """How this installation writes: the way out, the finance team's addresses, and who makes links (None: nobody)."""

    channel: Channel
    finance: Sequence[tuple[str, str]]
    make_link: MakeLink | None


DUE = text("SELECT count(*) FROM message WHERE state = 'waiting' AND next_try_at <= :now")


def notify_due(
    engine: Engine,
    post: Post,
    *,
    now: datetime,
    limit: int | None = None,
    dry_run: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Deliver every message that is due, one after the other; `details` counts the outcomes by name."""
    if dry_run:
        with engine.connect() as conn:
            return RunResult(count=conn.execute(DUE, {"now": now}).scalar_one())
    with engine.begin() as conn:
        found: Counter[str] = Counter({"unclear": note_left_behind(conn, made_by=MADE_BY, now=now)})
    tried = 0
    try:
        while (limit is None or tried < limit) and not stopping():
            with engine.begin() as conn:
                claimed = claim_message(conn, now=now)
            if claimed is None:
                break
            tried += 1
            outcome, words, away = _try(engine, post, claimed, now=now)
            found[outcome] += 1
            with engine.begin() as conn:
                record_delivery(conn, claimed, outcome, words, made_by=MADE_BY, now=now)
            if away:
                break
    finally:
        post.channel.close()
    return RunResult(count=found.total(), details={name: n for name, n in sorted(found.items()) if n})


def _try(engine: Engine, post: Post, claimed: Claimed, *, now: datetime) -> tuple[str, str, bool]:
    """Deliver one message and return the outcome, its words, and whether the channel is away."""
    try:
        letter = _letter(engine, post, claimed, now=now)
    except NotToBeTold as refusal:
        return "dropped", str(refusal.figures["why"]), False
    except NoLinkEver as fault:
        return "refused", str(fault), False
    except NoLinkNow as fault:
        return "later", str(fault), False
    except Exception as fault:  # noqa: BLE001 - one message that cannot be written keeps no other from being sent
        return "later", f"It could not be written: {type(fault).__name__}", False
    try:
        delivery = post.channel.deliver(letter)
    except Exception as fault:  # noqa: BLE001 - whatever broke may have broken after the handing over
        delivery = Delivery(outcome="unclear", words=f"No answer: {type(fault).__name__}", away=True)
    return delivery.outcome, delivery.words, delivery.away


PARTNER = text("""
    SELECT w.name, w.email, p.status, g.zone, d.account
      FROM partner p JOIN identity w ON w.id = p.identity_id JOIN program g ON g.id = p.program_id
      LEFT JOIN destination d ON d.id = p.destination_id AND d.method IN ('stripe', 'stripe_instant')
     WHERE p.id = :partner_id
""")


def _letter(engine: Engine, post: Post, claimed: Claimed, *, now: datetime) -> Letter:
    """Write the letter from what the rows say now. Refuses NotToBeTold, NoLinkNow and NoLinkEver."""
    if claimed.stale:
        raise NotToBeTold(why=f"Nothing could be sent within {STALE_AFTER.days} days: it is no news any more")
    kind = kind_named(claimed.kind)
    with engine.connect() as conn:
        to, own, account = _reader(conn, post, claimed)
        facts = {**kind.facts(conn, claimed.about, now), **own}
    facts |= _link(kind, post, account)
    zone = str(facts.get("zone", "UTC"))
    subject, body = write(claimed.kind, facts, zone=zone)
    return Letter(ref=claimed.ref, to=to, subject=subject, body=body, at=now)


def _reader(
    conn: Connection, post: Post, claimed: Claimed
) -> tuple[Sequence[tuple[str, str]], dict[str, object], str | None]:
    """Return who reads it, what the words may say of them, and a partner's account."""
    if claimed.partner_id is None:
        if not post.finance:
            raise NotToBeTold(why="No address of the finance team is set")
        return post.finance, {}, None
    partner = conn.execute(PARTNER, {"partner_id": claimed.partner_id}).one()
    if partner.status != "active":
        raise NotToBeTold(why=f"The partner is {partner.status}")
    if not partner.email:
        raise NotToBeTold(why="The partner has no email")
    reader = [(" ".join((partner.name or "").split()), partner.email.strip())]
    return reader, {"name": partner.name, "zone": partner.zone}, partner.account


def _link(kind: Kind, post: Post, account: str | None) -> dict[str, object]:
    if not kind.needs_link:
        return {}
    if post.make_link is None:
        raise NotToBeTold(why="There are no accounts to complete on this rail, or no address to lead back to")
    if not (account or "").startswith("acct_"):
        raise NotToBeTold(why="The partner is not paid into a Stripe account any more")
    assert account is not None
    link = post.make_link(account)
    return {"link": link.url, "link_expires_at": link.expires_at}
