"""A test message of any kind to an address that a person gives: marked as one, with made-up figures."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.channels import BadAddress, check_address
from core.message_preferences import PHONE
from core.messages import CHANNELS, LANGUAGES, all_kinds
from core.refusals import Refusal


class NoSuchTest(Refusal):
    """There is no test like that: {fault}."""

    code = "no_such_test"


ADDRESS = text("INSERT INTO identity (email, phone) VALUES (:email, :phone) RETURNING id")
ASK = text("""
    INSERT INTO message (kind, about, once, channel, recipient, to_identity_id, language, test, made_by, made_at,
                         waiting_since, next_try_at)
    VALUES (:kind, '{}', :once, :channel, 'given', :identity_id, :language, true, :made_by, :now, :now, :now)
    RETURNING id
""")


def ask_test_message(
    conn: Connection, kind: str, *, to: str, channel: str, language: str, actor: Actor, now: datetime
) -> int:
    """Have a test of this kind sent by the scheduler and return the message's id; a chat needs no address.

    The address is kept in a row of its own, which is blanked once the message has gone. Refuses NotAllowed and NoSuchTest.
    """
    actor.must("handle messages")
    to = to.strip()
    known = all_kinds().get(kind)
    if known is None:
        raise NoSuchTest(fault=f"{kind} is no kind of message")
    if language not in LANGUAGES:
        raise NoSuchTest(fault=f"{language} is no language the desk writes")
    allowed = known.channels if known.audience == "partner" else ("email", "chat")
    if channel not in CHANNELS or channel not in allowed:
        raise NoSuchTest(fault=f"“{known.title}” goes by {' or '.join(allowed)}")
    _must_be_address(to, channel)
    address = {
        "email": to if channel == "email" else None,
        "phone": to.replace(" ", "") if channel == "sms" else None,
    }
    identity_id = conn.execute(ADDRESS, address).scalar_one()
    values = {"kind": kind, "once": f"test:{uuid4()}", "channel": channel, "language": language}
    told: int = conn.execute(
        ASK, values | {"identity_id": identity_id, "made_by": actor.name, "now": now}
    ).scalar_one()
    details = {"kind": kind, "channel": channel, "language": language}
    audit.record(
        conn, "message.test_asked", subject="message", ids=[told], actor=actor, now=now, details=details
    )
    return told


def _must_be_address(to: str, channel: str) -> None:
    if channel == "sms" and not PHONE.fullmatch(to.replace(" ", "")):
        raise NoSuchTest(fault="a number is written with its country, as +351912345678")
    if channel == "email":
        try:
            check_address("", to)
        except BadAddress:
            raise NoSuchTest(fault="the address is none that can be written to") from None
