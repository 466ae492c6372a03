"""What a person decides about a message that was not sent: send it again, or send it no more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.outbox import forget_addresses, log_delivery, nameless
from core.refusals import Refusal
from core.second_person import NoWhy


class UnknownMessage(Refusal):
    """There is no message {id}."""

    code = "unknown_message"


class MessageEnded(Refusal):
    """Message {id} is {state}: there is nothing to decide about it any more."""

    code = "decided"


class NotFailed(Refusal):
    """Message {id} is {state}: only one that failed, or whose end is unclear, is sent again."""

    code = "not_failed"


LOCK = text("SELECT state FROM message WHERE id = :id FOR UPDATE")
AGAIN = text("""
    UPDATE message SET state = 'waiting', waiting_since = :now, next_try_at = :now, tries = 0, error = NULL
     WHERE id = :id
""")


def send_again(conn: Connection, message_id: int, *, actor: Actor, now: datetime) -> None:
    """Have a message that failed, or whose end is unclear, sent again.

    Refuses NotAllowed, UnknownMessage and NotFailed.
    """
    actor.must("handle messages")
    state = conn.execute(LOCK, {"id": message_id}).scalar()
    if state is None:
        raise UnknownMessage(id=message_id)
    if state not in {"failed", "unclear"}:
        raise NotFailed(id=message_id, state=state)
    conn.execute(AGAIN, {"id": message_id, "now": now})
    log_delivery(conn, message_id, "again", "wanted again", actor=actor.name, now=now)
    audit.record(conn, "message.again", subject="message", ids=[message_id], actor=actor, now=now)


DROP = text("""
    UPDATE message SET state = 'dropped', next_try_at = NULL, lease_until = NULL, error = :words WHERE id = :id
""")


def drop_message(conn: Connection, message_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Have a message not sent any more, with a reason that is kept without addresses.

    Refuses NotAllowed, NoWhy, UnknownMessage, and with MessageEnded one that was sent, dropped or is being sent.
    """
    actor.must("handle messages")
    if not reason.strip():
        raise NoWhy
    words = nameless(reason)
    state = conn.execute(LOCK, {"id": message_id}).scalar()
    if state is None:
        raise UnknownMessage(id=message_id)
    if state not in {"waiting", "failed", "unclear"}:
        raise MessageEnded(id=message_id, state=state)
    conn.execute(DROP, {"id": message_id, "words": words})
    forget_addresses(conn, [message_id], now=now)
    log_delivery(conn, message_id, "dropped", words, actor=actor.name, now=now)
    audit.record(
        conn, "message.dropped", subject="message", ids=[message_id], actor=actor, now=now, details={"why": words}
    )  # fmt: skip
