"""Delivers what the outbox holds: claims a message, reads what it tells of, hands it over, writes what came of it.

    notify_due
        copy_to_chat        what the team is mailed stands in its chat too, where there is one
        _deliver_all        one thread per channel: a dead gateway delays no mail, a dead mail server no SMS
            claim_message       one transaction
            _letter             one transaction that reads; for a link, the provider is asked after it
            channel.deliver     no transaction, lock or connection held
            record_delivery     one transaction, guarded by the claim

What is cut off between handing over and recording is `unclear` and waits for a person (see `core/outbox.py`). A channel
that is away ends its run: one message has spent a try, all others of that channel wait for the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from core.channels import Channel, Delivery, Letter
from core.links import MakeLink, NoLinkEver, NoLinkNow
from core.messages import Kind, NotToBeTold, kind_named
from core.messages.writing import write
from core.outbox import STALE_AFTER, Claimed, claim_message, note_left_behind, record_delivery
from core.readers import Team, reader_of
from core.runs import RunResult

MADE_BY = "job:notify"
# What was mailed longer ago, before there was a chat, is not told there.
COPIED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Post:
    """How this installation writes: the ways out by channel, the team, and who makes links (None: nobody).

    Without a way for email its messages wait; what is for an SMS or a chat that is not set up is dropped.
    """

    channels: Mapping[str, Channel]
    team: Team
    make_link: MakeLink | None


DUE = text("""
    SELECT count(*) FROM message WHERE state = 'waiting' AND channel = ANY(:channels) AND next_try_at <= :now
""")


def notify_due(
    engine: Engine,
    post: Post,
    *,
    now: datetime,
    limit: int | None = None,
    dry_run: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Deliver every message that is due, one after the other in each channel; `details` counts the outcomes by name.

    `limit` is a number of messages per channel.
    """
    served = [name for name in ("email", "sms", "chat") if name != "email" or name in post.channels]
    if dry_run:
        with engine.connect() as conn:
            return RunResult(count=conn.execute(DUE, {"now": now, "channels": served}).scalar_one())
    with engine.begin() as conn:
        found: Counter[str] = Counter({"unclear": note_left_behind(conn, made_by=MADE_BY, now=now)})
        if "chat" in post.channels:
            copy_to_chat(conn, now=now)

    def deliver(channel: str) -> Counter[str]:
        return _deliver_all(engine, post, channel, now=now, limit=limit, stopping=stopping)

    with ThreadPoolExecutor(len(served), thread_name_prefix="notify") as threads:
        for outcomes in threads.map(deliver, served):
            found += outcomes
    return RunResult(count=found.total(), details={name: n for name, n in sorted(found.items()) if n})


COPY_TO_CHAT = text("""
    INSERT INTO message (kind, about, once, channel, made_by, made_at, waiting_since, next_try_at)
    SELECT kind, about, once, 'chat', :made_by, made_at, :now, :now FROM message
     WHERE partner_id IS NULL AND channel = 'email' AND NOT test AND made_at > :after
     ORDER BY id
    ON CONFLICT DO NOTHING
""")


def copy_to_chat(conn: Connection, *, now: datetime) -> None:
    """Have what the team is mailed told in its chat too, once."""
    conn.execute(COPY_TO_CHAT, {"made_by": MADE_BY, "now": now, "after": now - COPIED_WITHIN})


def _deliver_all(
    engine: Engine,
    post: Post,
    channel: str,
    *,
    now: datetime,
    limit: int | None,
    stopping: Callable[[], bool],
) -> Counter[str]:
    found: Counter[str] = Counter()
    way = post.channels.get(channel)
    try:
        while (limit is None or found.total() < limit) and not stopping():
            with engine.begin() as conn:
                claimed = claim_message(conn, now=now, channel=channel)
            if claimed is None:
                break
            outcome, words, away = _try(engine, post, way, claimed, now=now)
            found[outcome] += 1
            with engine.begin() as conn:
                record_delivery(conn, claimed, outcome, words, made_by=MADE_BY, now=now)
            if away:
                break
    finally:
        if way is not None:
            way.close()
    return found


def _try(
    engine: Engine, post: Post, way: Channel | None, claimed: Claimed, *, now: datetime
) -> tuple[str, str, bool]:
    """Deliver one message and return the outcome, its words, and whether the channel is away."""
    if way is None:
        return "dropped", f"No {'SMS gateway' if claimed.channel == 'sms' else 'chat'} is set up", False
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
        delivery = way.deliver(letter)
    except Exception as fault:  # noqa: BLE001 - whatever broke may have broken after the handing over
        delivery = Delivery(outcome="unclear", words=f"No answer: {type(fault).__name__}", away=True)
    return delivery.outcome, delivery.words, delivery.away


def _letter(engine: Engine, post: Post, claimed: Claimed, *, now: datetime) -> Letter:
    """Write the letter from what the rows say now. Refuses NotToBeTold, NoLinkNow and NoLinkEver."""
    if claimed.stale:
        raise NotToBeTold(why=f"Nothing could be sent within {STALE_AFTER.days} days: it is no news any more")
    kind = kind_named(claimed.kind)
    with engine.connect() as conn:
        reader = reader_of(conn, claimed, kind, post.team, now=now)
        facts = (
            dict(kind.sample) if claimed.test else {**reader.facts, **kind.facts(conn, claimed.about, now)}
        )
    if not claimed.test:
        facts |= _link(kind, post, reader.account)
    zone = str(facts.get("zone", "UTC"))
    subject, body = write(claimed.kind, facts, zone=zone, language=reader.language, test=claimed.test)
    return Letter(ref=claimed.ref, to=reader.to, subject=subject, body=body, at=now)


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
