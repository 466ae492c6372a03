"""A partner whose account is not ready is mailed a link to the provider's form: asked for here, made when it is sent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.outbox import tell
from core.programs import UnknownPartner
from core.refusals import Refusal


class NoAccounts(Refusal):
    """The simulator has no accounts: there is nothing to complete, and no link to mail."""

    code = "no_accounts"


class NoPublicAddress(Refusal):
    """PAYDESK_PUBLIC_URL is not set: Stripe needs an address that the link leads back to."""

    code = "no_public_url"


class NoAccount(Refusal):
    """{partner} is not paid into a Stripe account: there is nothing to complete."""

    code = "no_account"


class NoWayToWrite(Refusal):
    """{partner} cannot be written to: {why}."""

    code = "no_email"


class AccountIsReady(Refusal):
    """The account of {partner} can be paid: there is nothing to complete."""

    code = "account_ready"


class LinkOnItsWay(Refusal):
    """A link to {partner} is on its way already."""

    code = "link_on_its_way"


PARTNER = text("""
    SELECT p.id, p.status, w.email, d.account,
           coalesce((SELECT s.ready FROM account_state s WHERE s.provider = 'stripe' AND s.account = d.account), false) AS ready
      FROM partner p JOIN identity w ON w.id = p.identity_id
      LEFT JOIN destination d ON d.id = p.destination_id AND d.method IN ('stripe', 'stripe_instant')
     WHERE p.code = :code
""")


def ask_onboarding_link(
    conn: Connection, code: str, *, provider: str, public_url: str | None, actor: Actor, now: datetime
) -> int:
    """Have a link mailed to this partner by the scheduler and return the message's id: only a row is written.

    `provider` and `public_url` are the settings'. Refuses NotAllowed, NoAccounts, NoPublicAddress, UnknownPartner,
    NoAccount, AccountIsReady, NoWayToWrite and LinkOnItsWay.
    """
    actor.must("ask for onboarding")
    if provider != "stripe":
        raise NoAccounts
    if public_url is None:
        raise NoPublicAddress
    partner = conn.execute(PARTNER, {"code": code}).one_or_none()
    if partner is None:
        raise UnknownPartner(partner=code)
    if not (partner.account or "").startswith("acct_"):
        raise NoAccount(partner=code)
    if partner.ready:
        raise AccountIsReady(partner=code)
    if partner.status != "active":
        raise NoWayToWrite(partner=code, why=f"the partner is {partner.status}")
    if not partner.email:
        raise NoWayToWrite(partner=code, why="no email is known")
    once = f"{partner.id}:{now.timestamp()}"
    told = tell(
        conn, "onboarding_link", about={}, once=once, partner_id=partner.id, made_by=actor.name, now=now
    )
    if told is None:
        raise LinkOnItsWay(partner=code)
    audit.record(conn, "partner.onboarding_asked", subject="partner", ids=[partner.id], actor=actor, now=now)
    return told
