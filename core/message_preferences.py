"""How a partner wants to be told: language, days of notice, a number for SMS, and which kinds by which channel.

One person changes it: it moves no money. What only warns of a change nobody may switch off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.messages import LANGUAGES, partner_kinds
from core.programs import UnknownPartner, partner_terms
from core.refusals import Refusal

NOTICE_DAYS_MAX = 30
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
Choice = tuple[str, str]  # kind and channel


class BadPreference(Refusal):
    """This cannot be kept so: {fault}."""

    code = "bad_preference"


class SecurityNotice(Refusal):
    """“{title}” warns of a change and goes by email: nobody may switch it off."""

    code = "security_notice"


class SameAsBefore(Refusal):
    """{partner} is told so already."""

    code = "nothing_changed"


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """How one partner is told; `language` and `notice_days` are None where the program's hold.

    `wanted` says of each kind and channel whether it is told, `chosen` of which the partner said so.
    """

    language: str | None
    notice_days: int | None
    phone: str | None
    wanted: Mapping[Choice, bool]
    chosen: frozenset[Choice]


READ = text("""
    SELECT p.id, p.language, p.notice_days, w.phone FROM partner p JOIN identity w ON w.id = p.identity_id
     WHERE p.code = :code
""")
READ_CHOICES = text("SELECT kind, channel, wanted FROM message_choice WHERE partner_id = :partner_id")


def read_preferences(conn: Connection, code: str, *, now: datetime) -> Preferences:
    """Return how a partner is told as things stand. Refuses UnknownPartner."""
    row = conn.execute(READ, {"code": code}).one_or_none()
    if row is None:
        raise UnknownPartner(partner=code)
    of_sales = partner_terms(conn, row.id, now=now).policy.messages.sale_confirmed
    wanted: dict[Choice, bool] = {}
    for name, kind in partner_kinds().items():
        for channel in kind.channels:
            by_default = kind.by_default or (name == "sale_confirmed" and of_sales)
            wanted[name, channel] = by_default and channel == "email"
    chosen = {
        (one.kind, one.channel): bool(one.wanted)
        for one in conn.execute(READ_CHOICES, {"partner_id": row.id})
    }
    return Preferences(
        language=row.language,
        notice_days=row.notice_days,
        phone=row.phone,
        wanted=wanted | {choice: said for choice, said in chosen.items() if choice in wanted},
        chosen=frozenset(chosen),
    )


LOCK = text("SELECT id, identity_id FROM partner WHERE code = :code FOR NO KEY UPDATE")
KEEP = text("UPDATE partner SET language = :language, notice_days = :notice_days WHERE id = :partner_id")
KEEP_PHONE = text("UPDATE identity SET phone = :phone WHERE id = :identity_id AND blanked_at IS NULL")
KEEP_CHOICE = text("""
    INSERT INTO message_choice (partner_id, kind, channel, wanted) VALUES (:partner_id, :kind, :channel, :wanted)
    ON CONFLICT (partner_id, kind, channel) DO UPDATE SET wanted = excluded.wanted
""")


def choose_messages(
    conn: Connection,
    code: str,
    *,
    language: str | None,
    notice_days: int | None,
    phone: str | None,
    wanted: Mapping[Choice, bool],
    actor: Actor,
    now: datetime,
) -> list[str]:
    """Keep how a partner wants to be told and return what changed; a kind and channel that is not named stays.

    Refuses NotAllowed, UnknownPartner, BadPreference, SecurityNotice and SameAsBefore.
    """
    actor.must("edit partners")
    row = conn.execute(LOCK, {"code": code}).one_or_none()
    if row is None:
        raise UnknownPartner(partner=code)
    before = read_preferences(conn, code, now=now)
    phone = (phone or "").replace(" ", "") or None
    _must_hold(before, language, notice_days, phone, wanted)
    changed = [choice for choice, said in wanted.items() if before.wanted[choice] != said]
    fields = [
        name
        for name, old, new in (
            ("language", before.language, language),
            ("notice_days", before.notice_days, notice_days),
            ("phone", before.phone, phone),
        )
        if old != new
    ]
    if not (fields or changed):
        raise SameAsBefore(partner=code)
    conn.execute(KEEP, {"partner_id": row.id, "language": language, "notice_days": notice_days})
    if "phone" in fields:
        conn.execute(KEEP_PHONE, {"identity_id": row.identity_id, "phone": phone})
    for kind, channel in changed:
        values = {"partner_id": row.id, "kind": kind, "channel": channel, "wanted": wanted[kind, channel]}
        conn.execute(KEEP_CHOICE, values)
    said = {f"{kind} by {channel}": wanted[kind, channel] for kind, channel in changed}
    details = {"fields": fields, "language": language, "notice_days": notice_days, "wanted": said}
    audit.record(
        conn,
        "partner.messages_chosen",
        subject="partner",
        ids=[row.id],
        actor=actor,
        now=now,
        details=details,
    )
    return [*fields, *said]


def _must_hold(
    before: Preferences,
    language: str | None,
    notice_days: int | None,
    phone: str | None,
    wanted: Mapping[Choice, bool],
) -> None:
    if language is not None and language not in LANGUAGES:
        raise BadPreference(fault=f"{language} is no language the desk writes")
    if notice_days is not None and not 0 <= notice_days <= NOTICE_DAYS_MAX:
        raise BadPreference(fault=f"days of notice are 0 to {NOTICE_DAYS_MAX}")
    if phone is not None and not PHONE.fullmatch(phone):
        raise BadPreference(fault="a number is written with its country, as +351912345678")
    kinds = partner_kinds()
    for (kind, channel), said in wanted.items():
        if (kind, channel) not in before.wanted:
            raise BadPreference(fault=f"no partner is told {kind} by {channel}")
        if kinds[kind].security and channel == "email" and not said:
            raise SecurityNotice(title=kinds[kind].title)
    by_sms = any(said for (_, channel), said in {**before.wanted, **wanted}.items() if channel == "sms")
    if by_sms and phone is None:
        raise BadPreference(fault="an SMS needs a number")
