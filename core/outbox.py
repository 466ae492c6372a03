"""The outbox: what is to be told to whom, written in the transaction of the act that causes it, and what becomes of it.

A message is never sent twice by itself. Email cannot be sent exactly once: who is cut off after handing a message over
and before hearing the answer cannot know. So a message without a certain end is `unclear`: it stays with its words for
a person, who sends it again or drops it. Every try carries the same Message-ID, by which a mailbox may drop a second one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.messages import kind_named
from core.refusals import Refusal
from core.second_person import NoWhy

# Pauses after a try that failed for now; after the last one it has failed.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 4 * 60, 12 * 60, 24 * 60))
# News that waited so long, because nothing could be sent, is told no more.
STALE_AFTER = timedelta(days=7)
# Longer than any delivery may take: a claim that old belongs to a process that did not come back.
LEASE_S = 180
WORDS_MAX = 300
NOT_SET_UP = "Mail is not set up: messages wait"


class UnknownMessage(Refusal):
    """There is no message {id}."""

    code = "unknown_message"


class MessageEnded(Refusal):
    """Message {id} is {state}: there is nothing to decide about it any more."""

    code = "decided"


class NotFailed(Refusal):
    """Message {id} is {state}: only one that failed, or whose end is unclear, is sent again."""

    code = "not_failed"


TELL = text("""
    INSERT INTO message (kind, partner_id, about, once, made_by, made_at, waiting_since, next_try_at)
    VALUES (:kind, :partner_id, CAST(:about AS jsonb), :once, :made_by, :now, :now, :now)
    ON CONFLICT DO NOTHING
    RETURNING id
""")


def tell(
    conn: Connection,
    kind: str,
    *,
    about: Mapping[str, int],
    once: str,
    made_by: str,
    now: datetime,
    partner_id: int | None = None,
) -> int | None:
    """Write down that this is to be told, before the audit of the act; return the message's id, None: told already.

    `about` holds ids and figures alone, `once` names the event. Without `partner_id` it is for the finance team.
    Refuses with KeyError a kind that does not exist, with ValueError one that is told to somebody else.
    """
    if (kind_named(kind).audience == "partner") != (partner_id is not None):
        raise ValueError(f"{kind} is told to somebody else")
    values = {"kind": kind, "partner_id": partner_id, "about": json.dumps(about), "once": f"{kind}:{once}"}
    told: int | None = conn.execute(TELL, values | {"made_by": made_by, "now": now}).scalar()
    return told


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One message that this process may deliver now; `lease_epoch` is what makes its outcome count."""

    id: int
    ref: str
    kind: str
    partner_id: int | None
    about: Mapping[str, int]
    made_at: datetime
    lease_epoch: int
    stale: bool


CLAIM = text("""
    UPDATE message SET state = 'sending', next_try_at = NULL, tries = tries + 1, lease_epoch = lease_epoch + 1,
                       lease_until = clock_timestamp() + make_interval(secs => :lease_s)
     WHERE id = (SELECT id FROM message WHERE state = 'waiting' AND next_try_at <= :now
                  ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, ref::text AS ref, kind, partner_id, about, made_at, lease_epoch, waiting_since < :stale AS stale
""")


def claim_message(conn: Connection, *, now: datetime) -> Claimed | None:
    """Claim the message that is due longest for this process, or return None when none is."""
    values = {"now": now, "stale": now - STALE_AFTER, "lease_s": LEASE_S}
    row = conn.execute(CLAIM, values).mappings().one_or_none()
    return None if row is None else Claimed(**row)


LEFT_BEHIND = text("""
    UPDATE message SET state = 'unclear', lease_until = NULL, error = :words
     WHERE id IN (SELECT id FROM message WHERE state = 'sending' AND lease_until < clock_timestamp()
                   FOR UPDATE SKIP LOCKED)
    RETURNING id
""")
GONE = "The process that sent it did not come back: it may have arrived"


def note_left_behind(conn: Connection, *, made_by: str, now: datetime) -> int:
    """Call unclear what a process claimed and never ended, and return how many those are."""
    found = list(conn.execute(LEFT_BEHIND, {"words": GONE}).scalars())
    for message_id in found:
        _log(conn, message_id, "unclear", GONE, actor=made_by, now=now)
    return len(found)


STATE_OF = {"sent": "sent", "refused": "failed", "unclear": "unclear", "dropped": "dropped"}
END = text("""
    UPDATE message
       SET state = CASE WHEN :outcome <> 'later' THEN :state WHEN tries > :pauses THEN 'failed' ELSE 'waiting' END,
           next_try_at = CASE WHEN :outcome = 'later' AND tries <= :pauses
                              THEN :now + (CAST(:ladder AS interval[]))[tries] END,
           sent_at = CASE WHEN :outcome = 'sent' THEN CAST(:now AS timestamptz) END,
           error = CASE WHEN :outcome <> 'sent' THEN :words END,
           lease_until = NULL
     WHERE id = :id AND lease_epoch = :lease_epoch AND state IN ('sending', 'unclear')
    RETURNING state
""")


def record_delivery(
    conn: Connection, claimed: Claimed, outcome: str, words: str, *, made_by: str, now: datetime
) -> str | None:
    """Write what came of a try and return the message's state; None: somebody else had it by then.

    `outcome` is sent, later, refused, unclear or dropped. One called unclear meanwhile is still ended by its own process.
    """
    words = nameless(words)
    values = {
        "id": claimed.id,
        "lease_epoch": claimed.lease_epoch,
        "outcome": outcome,
        "state": STATE_OF.get(outcome),
        "words": words,
        "pauses": len(PAUSES),
        "ladder": list(PAUSES),
        "now": now,
    }
    state: str | None = conn.execute(END, values).scalar()
    _log(conn, claimed.id, outcome, words, actor=made_by, now=now)
    return state


LOG = text("""
    INSERT INTO delivery (message_id, at, actor, outcome, words) VALUES (:message_id, :now, :actor, :outcome, :words)
""")


def _log(conn: Connection, message_id: int, outcome: str, words: str, *, actor: str, now: datetime) -> None:
    values = {"message_id": message_id, "now": now, "actor": actor, "outcome": outcome, "words": words}
    conn.execute(LOG, values)


ADDRESS = re.compile(r"[^\s<>\"',;:()]*@[^\s<>\"',;:()]*")
LINK = re.compile(r"\S*://\S*")


def nameless(words: str) -> str:
    """Return words of a mail server or a person without addresses and links, on one line, not too long."""
    spoken = LINK.sub("(link)", ADDRESS.sub("(address)", " ".join(words.split())))
    return (spoken or "no words")[:WORDS_MAX]


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
    _log(conn, message_id, "again", "wanted again", actor=actor.name, now=now)
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
    _log(conn, message_id, "dropped", words, actor=actor.name, now=now)
    audit.record(
        conn, "message.dropped", subject="message", ids=[message_id], actor=actor, now=now, details={"why": words}
    )  # fmt: skip
