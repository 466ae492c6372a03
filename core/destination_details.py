"""New bank or postal details of a partner, as what a proposal to change the destination asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from core.access import Actor
from core.partner_edits import BadPartner
from core.payees import keep_payee, read_details, seal_details
from core.programs import UnknownPartner
from core.second_person import Content
from core.vault import open_vault

PAID_PARTNER = text("""
    SELECT p.code, coalesce(i.name, '') AS name FROM partner p JOIN identity i ON i.id = p.identity_id WHERE p.id = :id
""")


def details_content(
    conn: Connection, partner_id: int, *, method: str, values: Mapping[str, str], actor: Actor, now: datetime
) -> Content:
    """Return what a proposal of kind `change_destination` asks for with new bank or postal details, which are sealed here.

    The proposal names the row they are kept in and carries none of them. Refuses NotAllowed, BadPartner, UnknownPartner,
    and where nothing can be sealed NoSecretsKey.
    """
    actor.must("change destinations")
    partner = conn.execute(PAID_PARTNER, {"id": partner_id}).one_or_none()
    if partner is None:
        raise UnknownPartner(partner=partner_id)
    found = read_details(method, values, name=partner.name)
    if not isinstance(found, dict):
        words = " ".join(f"{fault.field.replace('_', ' ')}: {fault.sentence}" for fault in found)
        raise BadPartner(faults=words.removesuffix("."))
    payee = seal_details(open_vault(conn, now=now), method, found, code=partner.code)
    keep_payee(conn, payee, partner_id=partner_id, method=method, actor=actor, now=now)
    return {"method": method, "account": None, "identity_id": None, "payee_ref": payee.ref}
