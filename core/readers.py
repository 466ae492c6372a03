"""Who reads a message: the address it goes to, the language it is in, and what its words may say of the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from core.messages import Kind, NotToBeTold
from core.outbox import Claimed

Named = tuple[str, str]  # a name, which may be empty, and an address


@dataclass(frozen=True, kw_only=True)
class Team:
    """Where colleagues are written to; who approves and who runs the desk are finance unless told otherwise."""

    finance: Sequence[Named]
    approvers: Sequence[Named] = ()
    operators: Sequence[Named] = ()
    language: str = "en"  # theirs, and of partners for whom nobody said one

    def of(self, audience: str) -> Sequence[Named]:
        """The addresses of one part of the team."""
        found: Sequence[Named] = {"approvers": self.approvers, "operators": self.operators}.get(audience, ())
        return found or self.finance


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Whom one message goes to; `account` is a partner's at the provider."""

    to: Sequence[Named]
    language: str
    facts: Mapping[str, object] = field(default_factory=dict)
    account: str | None = None


PARTNER = text("""
    SELECT w.name, w.email, w.phone, p.status, g.zone, g.currency, d.account,
           coalesce(p.language, (SELECT terms #>> '{messages,language}' FROM policy
                                  WHERE program_id = g.id AND effective_at <= :now ORDER BY version DESC LIMIT 1)) AS language
      FROM partner p JOIN identity w ON w.id = p.identity_id JOIN program g ON g.id = p.program_id
      LEFT JOIN destination d ON d.id = p.destination_id AND d.method IN ('stripe', 'stripe_instant')
     WHERE p.id = :partner_id
""")
OWN_ADDRESS = text("SELECT email, phone FROM identity WHERE id = :id")


def reader_of(conn: Connection, claimed: Claimed, kind: Kind, team: Team, *, now: datetime) -> Reader:
    """Return who reads it. Refuses with NotToBeTold where there is nobody to write to."""
    if claimed.test:
        return Reader(to=_own_address(conn, claimed), language=claimed.language or team.language)
    if claimed.partner_id is None:
        to = () if claimed.channel == "chat" else team.of(kind.audience)
        if not to and claimed.channel != "chat":
            raise NotToBeTold(why="No address of the finance team is set")
        return Reader(to=to, language=team.language)
    partner = conn.execute(PARTNER, {"partner_id": claimed.partner_id, "now": now}).one()
    if partner.status != "active" and not kind.security:
        raise NotToBeTold(why=f"The partner is {partner.status}")
    name = " ".join((partner.name or "").split())
    if claimed.recipient == "former":
        to = [(name, address) for _, address in _own_address(conn, claimed)]
    else:
        address = partner.phone if claimed.channel == "sms" else partner.email
        if not address:
            what = "phone number" if claimed.channel == "sms" else "email"
            raise NotToBeTold(why=f"The partner has no {what}")
        to = [(name, address.strip())]
    return Reader(
        to=to,
        language=claimed.language or partner.language or team.language,
        facts={"name": partner.name, "zone": partner.zone, "currency": partner.currency},
        account=partner.account,
    )


def _own_address(conn: Connection, claimed: Claimed) -> Sequence[Named]:
    """Return the address that this message alone was given; a chat has none."""
    if claimed.channel == "chat":
        return ()
    row = conn.execute(OWN_ADDRESS, {"id": claimed.to_identity_id}).one()
    address = row.phone if claimed.channel == "sms" else row.email
    if not address:
        raise NotToBeTold(why="The address was forgotten")
    return [("", address)]
