"""The outbox: what is to be told to whom, written in the transaction of the act that causes it, and what becomes of it.

A message is never sent twice by itself. Email cannot be sent exactly once: who is cut off after handing a message over
and before hearing the answer cannot know. So a message without a certain end is `unclear`: it stays with its words for
a person, who sends it again or drops it. Every try carries the same Message-ID, by which a mailbox may drop a second one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from core.messages import kind_named

# Pauses after a try that failed for now; after the last one it has failed.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 4 * 60, 12 * 60, 24 * 60))
# News that waited so long, because nothing could be sent, is told no more.
STALE_AFTER = timedelta(days=7)
# Longer than any delivery may take: a claim that old belongs to a process that did not come back.
LEASE_S = 180
WORDS_MAX = 300
NOT_SET_UP = "Mail is not set up: messages wait"


TELL_TEAM = text("""
    INSERT INTO message (kind, about, once, made_by, made_at, waiting_since, next_try_at)
    VALUES (:kind, CAST(:about AS jsonb), :once, :made_by, :now, :now, :now)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
# By each channel the partner chose; where they chose nothing, by email if the kind is made for it.
TELL_PARTNERS = text("""
    INSERT INTO message (kind, partner_id, about, once, channel, made_by, made_at, waiting_since, next_try_at)
    SELECT :kind, r.partner_id, r.about, r.once, c.channel, :made_by, :now, :now, :now
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (partner_id bigint, about jsonb, once text, wanted boolean)
     CROSS JOIN unnest(CAST(:channels AS text[])) AS c (channel)
      LEFT JOIN message_choice w ON w.partner_id = r.partner_id AND w.kind = :kind AND w.channel = c.channel
     WHERE coalesce(w.wanted, c.channel = 'email' AND r.wanted)
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
    """Write down that this is to be told, before the audit of the act; return the message's id.

    None: told already, or a partner does not want to hear of it. `about` holds ids and figures alone, `once` names the
    event. Without `partner_id` it is for the team. Refuses with KeyError a kind that does not exist, with ValueError one
    that is told to somebody else.
    """
    if (kind_named(kind).audience == "partner") != (partner_id is not None):
        raise ValueError(f"{kind} is told to somebody else")
    if partner_id is not None:
        ids = tell_partners(conn, kind, [ToTell(partner_id, about, once)], made_by=made_by, now=now)
        return ids[0] if ids else None
    values = {"kind": kind, "about": json.dumps(about), "once": f"{kind}:{once}"}
    told: int | None = conn.execute(TELL_TEAM, values | {"made_by": made_by, "now": now}).scalar()
    return told


class ToTell(NamedTuple):
    """What one partner is told of one event; `wanted`: whether they hear of it unless they chose, None: as the kind."""

    partner_id: int
    about: Mapping[str, int]
    once: str
    wanted: bool | None = None


def tell_partners(
    conn: Connection, kind: str, what: Sequence[ToTell], *, made_by: str, now: datetime
) -> list[int]:
    """Write down in one statement what partners are to be told, by the channels they want; return the messages' ids.

    What was told already stays as it is. Refuses with KeyError a kind that does not exist.
    """
    known = kind_named(kind)
    if not what:
        return []
    rows = [
        {
            "partner_id": one.partner_id,
            "about": one.about,
            "once": f"{kind}:{one.once}",
            "wanted": known.by_default if one.wanted is None else one.wanted,
        }
        for one in what
    ]
    channels = [name for name in known.channels if name != "chat"]
    values = {"kind": kind, "rows": json.dumps(rows), "channels": channels, "made_by": made_by, "now": now}
    return list(conn.execute(TELL_PARTNERS, values).scalars())


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
    channel: str
    recipient: str
    to_identity_id: int | None
    language: str | None
    test: bool


CLAIM = text("""
    UPDATE message SET state = 'sending', next_try_at = NULL, tries = tries + 1, lease_epoch = lease_epoch + 1,
                       lease_until = clock_timestamp() + make_interval(secs => :lease_s)
     WHERE id = (SELECT id FROM message WHERE state = 'waiting' AND channel = :channel AND next_try_at <= :now
                  ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, ref::text AS ref, kind, partner_id, about, made_at, lease_epoch, waiting_since < :stale AS stale,
              channel, recipient, to_identity_id, language, test
""")


def claim_message(conn: Connection, *, now: datetime, channel: str = "email") -> Claimed | None:
    """Claim the message of this channel that is due longest for this process, or return None when none is."""
    values = {"now": now, "stale": now - STALE_AFTER, "lease_s": LEASE_S, "channel": channel}
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
        log_delivery(conn, message_id, "unclear", GONE, actor=made_by, now=now)
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
    if state in ENDED:
        forget_addresses(conn, [claimed.id], now=now)
    log_delivery(conn, claimed.id, outcome, words, actor=made_by, now=now)
    return state


ENDED = frozenset({"sent", "dropped"})
FORGET = text("""
    UPDATE identity SET email = NULL, phone = NULL, name = NULL, blanked_at = :now
     WHERE id IN (SELECT to_identity_id FROM message WHERE id = ANY(:ids))
""")


def forget_addresses(conn: Connection, message_ids: list[int], *, now: datetime) -> None:
    """Blank the address that only these messages needed."""
    conn.execute(FORGET, {"ids": message_ids, "now": now})


LOG = text("""
    INSERT INTO delivery (message_id, at, actor, outcome, words) VALUES (:message_id, :now, :actor, :outcome, :words)
""")


def log_delivery(
    conn: Connection, message_id: int, outcome: str, words: str, *, actor: str, now: datetime
) -> None:
    """Keep one try or decision; `words` name no address and hold no link."""
    values = {"message_id": message_id, "now": now, "actor": actor, "outcome": outcome, "words": words}
    conn.execute(LOG, values)


ADDRESS = re.compile(r"[^\s<>\"',;:()]*@[^\s<>\"',;:()]*")
LINK = re.compile(r"\S*://\S*")


def nameless(words: str) -> str:
    """Return words of a mail server or a person without addresses and links, on one line, not too long."""
    spoken = LINK.sub("(link)", ADDRESS.sub("(address)", " ".join(words.split())))
    return (spoken or "no words")[:WORDS_MAX]
