"""Partners: taken in, and where their money goes. Made for many at once; one is a list of one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from core.access import Actor
from core.copying import copied
from core.payees import Payee
from core.policy import Policy, resolve
from core.programs import current_policy, lock_programs, programs

METHODS = ("stripe", "stripe_instant", "bank_transfer", "paypal", "check", "manual")
STATUSES = ("active", "suspended", "archived")
COPIED = ("name", "email", "tier", "country", "method", "joined_on", "status")


@dataclass(frozen=True, kw_only=True, slots=True)
class PartnerDetails:
    """What is known of a partner; empty values are None. `account` is the Stripe account id, used by stripe methods, `payee`
    new bank or postal details; without them those of the same method stay.
    """

    program_id: int
    code: str
    name: str
    email: str | None
    tier: str | None
    country: str | None
    method: str
    account: str | None
    joined_on: date
    status: str = "active"
    payee: Payee | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where money of a method goes: `account` as the provider knows it (None for paypal), and its fingerprint."""

    account: str | None
    fingerprint: bytes
    payee: Payee | None = None


def destination_of(details: PartnerDetails) -> Destination | None:
    """Return where a partner's money goes by these details, None when there is nothing to send to.

    Stripe methods need the account id, paypal the email (its text stays in identity); the others take their details,
    or the partner's code while there are none.
    """
    if details.payee is not None:
        payee = details.payee
        return Destination(account=payee.shown, fingerprint=payee.fingerprint, payee=payee)
    if details.method in {"stripe", "stripe_instant"}:
        return _destination("stripe", details.account, details.account)
    if details.method == "paypal":
        email = details.email.strip().casefold() if details.email else None
        return _destination("paypal", None, email)
    return _destination(details.method, details.code, details.code)


def _destination(rail: str, account: str | None, marks: str | None) -> Destination | None:
    if not marks:
        return None
    return Destination(account=account, fingerprint=hashlib.sha256(f"{rail}|{marks}".encode()).digest())


def policies_of(
    conn: Connection, program_ids: Iterable[int], *, now: datetime
) -> dict[int, tuple[Policy, ZoneInfo]]:
    """Return, by program, the policy in force at `now` and the program's zone."""
    zones = {program.id: ZoneInfo(program.zone) for program in programs(conn)}
    return {
        program_id: (current_policy(conn, program_id, now=now).policy, zones[program_id])
        for program_id in set(program_ids)
    }


INCOMING = """
    partner_id bigint DEFAULT nextval('partner_id_seq'), identity_id bigint DEFAULT nextval('identity_id_seq'),
    program_id int, code text, name text, email text, tier text, country text, method text, joined_on date, status text,
    account text, fingerprint bytea, payee_ref uuid, sealed bytea, new_until timestamptz
"""
ADD_IDENTITIES = text("""
    INSERT INTO identity (id, name, email) OVERRIDING SYSTEM VALUE
    SELECT identity_id, name, email FROM incoming_partner
""")
ADD_PARTNERS = text("""
    INSERT INTO partner (id, program_id, code, identity_id, tier, status, country, method, joined_on, created_at)
    OVERRIDING SYSTEM VALUE
    SELECT partner_id, program_id, code, identity_id, tier, status, country, method, joined_on, :now
      FROM incoming_partner
    RETURNING id
""")
ADD_PAYEES = text("""
    INSERT INTO payee (ref, partner_id, method, sealed, shown, fingerprint, made_by, made_at)
    SELECT payee_ref, partner_id, method, sealed, account, fingerprint, :made_by, :now
      FROM incoming_partner WHERE sealed IS NOT NULL
""")
ADD_DESTINATIONS = text("""
    WITH opened AS (
        INSERT INTO destination (partner_id, method, account, fingerprint, payee_ref, made_by, opened_at)
        SELECT partner_id, method, account, fingerprint, payee_ref, :made_by, :now
          FROM incoming_partner WHERE fingerprint IS NOT NULL
        RETURNING id, partner_id)
    UPDATE partner p SET destination_id = o.id FROM opened o WHERE p.id = o.partner_id
""")
# A new partner starts where the program's last full release run ended.
ADD_BALANCES = text("""
    INSERT INTO partner_balance (partner_id, released_to)
    SELECT i.partner_id, g.released_to FROM incoming_partner i JOIN program g ON g.id = i.program_id
""")
HOLD_NEW = text("""
    INSERT INTO hold (partner_id, reason, until, made_by, opened_at)
    SELECT partner_id, 'new_partner', new_until, :made_by, :now FROM incoming_partner WHERE new_until > :now
""")


def add_partners(
    conn: Connection, details: Sequence[PartnerDetails], *, actor: Actor, now: datetime
) -> list[int]:
    """Take new partners in, each with identity, balance row, destination and the program's hold on new partners.

    That hold runs from `joined_on` and starts only if it is not over yet. Returns the ids.
    """
    lock_programs(conn, {one.program_id for one in details})
    terms = policies_of(conn, (one.program_id for one in details), now=now)
    rows = []
    for one in details:
        policy, zone = terms[one.program_id]
        days = resolve(policy, one.tier, {}).hold.new_partner_days
        ends = datetime.combine(one.joined_on + timedelta(days=days), time(), zone)
        goes_to = destination_of(one)
        rows.append(
            [
                *(getattr(one, name) for name in COPIED),
                one.program_id,
                one.code,
                goes_to and goes_to.account,
                goes_to and goes_to.fingerprint,
                one.payee and one.payee.ref,
                one.payee and one.payee.sealed,
                ends if days else None,
            ]
        )
    columns = (*COPIED, "program_id", "code", "account", "fingerprint", "payee_ref", "sealed", "new_until")
    values = {"made_by": actor.name, "now": now}
    with copied(conn, "incoming_partner", INCOMING, columns, rows):
        conn.execute(ADD_IDENTITIES)
        ids = sorted(conn.execute(ADD_PARTNERS, values).scalars())
        conn.execute(ADD_PAYEES, values)
        conn.execute(ADD_DESTINATIONS, values)
        conn.execute(ADD_BALANCES)
        conn.execute(HOLD_NEW, values)
    return ids
