"""Adding and changing one partner by hand: the rules are those of a file with one row.

Where the money goes changes only by two people: a proposal, whose confirmation starts the hold and takes back what has not
been sent. Names and emails stay in the one table that can be blanked; a proposal carries their row's id.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.imports.fields import ACCOUNT, EMAIL
from core.imports.partners import PartnersImport
from core.imports.reading import Row, UnreadableFile, read_rows
from core.partner_changes import PartnerChange, change_partners, compare_partners
from core.partners import METHODS, PartnerDetails, add_partners
from core.payees import Payee, kept_payee
from core.programs import UnknownPartner
from core.refusals import Refusal
from core.second_person import Content, Kind, OutdatedProposal, Proposal


class BadPartner(Refusal):
    """This partner cannot be kept so: {faults}."""

    code = "bad_partner"


class PartnerExists(Refusal):
    """There is already a partner {partner}."""

    code = "partner_exists"


class NothingChanged(Refusal):
    """Nothing of {partner} is different."""

    code = "nothing_changed"


class MovesTheMoney(Refusal):
    """This changes where the money of {partner} goes: that takes a second person, so propose it as a new destination."""

    code = "needs_second_person"


class SayWhy(Refusal):
    """Say why: it is kept with the partner."""

    code = "no_reason"


FIELDS = tuple(column.name for column in PartnersImport.columns)


def add_partner(conn: Connection, values: Mapping[str, str], *, actor: Actor, now: datetime) -> int:
    """Take one new partner in, by the fields of a file of partners, and return the id.

    Refuses NotAllowed, BadPartner, PartnerExists.
    """
    actor.must("edit partners")
    importer = PartnersImport()
    found = importer.sort(conn, [row := _row(values)], now=now)
    _must_hold(row)
    if not found.added:
        raise PartnerExists(partner=values["code"])
    (partner_id,) = add_partners(conn, found.added, actor=actor, now=now)
    audit.record(conn, "partner.added", subject="partner", ids=[partner_id], actor=actor, now=now)
    return partner_id


def edit_partner(
    conn: Connection, code: str, values: Mapping[str, str], *, why: str, actor: Actor, now: datetime
) -> int:
    """Change fields of a partner that move no money and return the id; what is not named stays as it is.

    Refuses NotAllowed, SayWhy, UnknownPartner, BadPartner, NothingChanged, MovesTheMoney.
    """
    actor.must("edit partners")
    if not why.strip():
        raise SayWhy
    known = read_fields(conn, code)
    importer = PartnersImport()
    found = importer.sort(conn, [row := _row(known | dict(values))], now=now)
    _must_hold(row)
    if not found.changed:
        raise NothingChanged(partner=code)
    (change,) = found.changed
    if change.moves:
        raise MovesTheMoney(partner=code)
    change_partners(conn, [change], actor=actor, now=now)
    details = {"fields": sorted(change.fields), "why": why.strip()}
    audit.record(
        conn,
        "partner.changed",
        subject="partner",
        ids=[change.partner_id],
        actor=actor,
        now=now,
        details=details,
    )
    return change.partner_id


READ_FIELDS = text("""
    SELECT g.code AS program, p.code, coalesce(i.name, '') AS name, coalesce(i.email, '') AS email,
           coalesce(p.tier, '') AS tier, coalesce(p.country, '') AS country, g.currency, p.method,
           CASE WHEN p.method IN ('stripe', 'stripe_instant') THEN coalesce(d.account, '') ELSE '' END AS stripe_account_id,
           p.joined_on::text AS joined_on, p.status
      FROM partner p JOIN program g ON g.id = p.program_id JOIN identity i ON i.id = p.identity_id
      LEFT JOIN destination d ON d.id = p.destination_id
     WHERE p.code = :code
""")


def read_fields(conn: Connection, code: str) -> dict[str, str]:
    """Return a partner as a row of a file of partners would have them. Refuses UnknownPartner."""
    row = conn.execute(READ_FIELDS, {"code": code}).mappings().one_or_none()
    if row is None:
        raise UnknownPartner(partner=code)
    return dict(row)


def _row(values: Mapping[str, str]) -> Row:
    """Return the values as the one row of a file, with its limits checked."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([FIELDS, [values.get(name, "") for name in FIELDS]])
    row = next(read_rows(written.getvalue().encode(), PartnersImport.columns), None)
    if row is None:
        raise UnreadableFile
    return row


def _must_hold(row: Row) -> None:
    if row.problems:
        faults = " ".join(f"{column.replace('_', ' ')}: {sentence}" for column, sentence in row.problems)
        raise BadPartner(faults=faults.removesuffix("."))


# ---------------------------------------------------------------------------------------------------------------------
# Where the money goes

REMEMBER_EMAIL = text("INSERT INTO identity (email) VALUES (:email) RETURNING id")
READ_EMAIL = text("SELECT email FROM identity WHERE id = :id")
FORGET_EMAIL = text("UPDATE identity SET email = NULL, blanked_at = :now WHERE id = :id")


def destination_content(conn: Connection, *, method: str, account: str = "", email: str = "") -> Content:
    """Return what a proposal of kind `change_destination` asks for: `account` for Stripe's methods, `email` for paypal.

    The email is written into a row of its own, in the table that can be blanked. Refuses BadPartner.
    """
    account, email = account.strip(), email.strip()
    if method not in METHODS:
        raise BadPartner(faults=f"method: write one of {', '.join(METHODS)}")
    if account and not ACCOUNT.fullmatch(account):
        raise BadPartner(faults="account: a Stripe account begins with acct_")
    if email and not EMAIL.fullmatch(email):
        raise BadPartner(faults="email: this is not an email address")
    asked: dict[str, object] = {"method": method, "account": account or None, "identity_id": None}
    if email:
        asked["identity_id"] = conn.execute(REMEMBER_EMAIL, {"email": email}).scalar_one()
    return asked


COPY_EMAIL = text("INSERT INTO identity (email) SELECT email FROM identity WHERE id = :id RETURNING id")


def copy_of(conn: Connection, content: Content) -> Content:
    """Return the content with a row of its own for its email, which changing the destination uses up."""
    if content.get("identity_id") is None:
        return content
    copied = conn.execute(COPY_EMAIL, {"id": content["identity_id"]}).scalar_one()
    return dict(content) | {"identity_id": copied}


READ_DETAILS = text("""
    SELECT p.id, p.program_id, p.code, i.name, i.email, p.tier, p.country, p.method, p.joined_on, p.status, d.account
      FROM partner p JOIN identity i ON i.id = p.identity_id LEFT JOIN destination d ON d.id = p.destination_id
     WHERE p.id = ANY(:ids)
""")


def _change_of(conn: Connection, ids: Sequence[int], asked: Content) -> PartnerChange | None:
    """Lock the partner and return what the proposal would change; None where it moves no money."""
    known = conn.execute(READ_DETAILS, {"ids": list(ids)}).one_or_none()
    if known is None:
        return None
    identity_id = asked.get("identity_id")
    email = known.email if identity_id is None else conn.execute(READ_EMAIL, {"id": identity_id}).scalar_one()
    details = PartnerDetails(
        program_id=known.program_id,
        code=known.code,
        name=known.name,
        email=email,
        tier=known.tier,
        country=known.country,
        method=asked["method"],
        account=asked.get("account"),
        joined_on=known.joined_on,
        status=known.status,
        payee=payee_of(conn, known.id, asked),
    )
    changes = compare_partners(conn, {known.id: details})
    return changes[0] if changes and changes[0].moves else None


def payee_of(conn: Connection, partner_id: int, asked: Content) -> Payee | None:
    """Return what may be seen of the details that a content of `change_destination` names, None where it names none."""
    ref = asked.get("payee_ref")
    return None if ref is None else kept_payee(conn, ref, partner_id=partner_id, method=asked["method"])


def moves_money(conn: Connection, partner_id: int, asked: Content) -> bool:
    """Lock the partner and tell whether this content of `change_destination` would send the money elsewhere."""
    return _change_of(conn, [partner_id], asked) is not None


def _content_now(conn: Connection, ids: Sequence[int], asked: Content) -> Content | None:
    change = _change_of(conn, ids, asked)
    if change is None:
        return None
    return {
        "partner": change.wanted.code,
        "method": asked["method"],
        "account": asked.get("account"),
        "identity_id": asked.get("identity_id"),
        "was_method": change.fields.get("method", (asked["method"], None))[0],
        "was_destination_id": change.destination_id,
    } | ({} if (payee := change.wanted.payee) is None else {"payee_ref": payee.ref, "shown": payee.shown})


def _change(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    change = _change_of(conn, proposal.ids, proposal.content)
    if change is None:
        raise OutdatedProposal(id=proposal.id)
    # Whoever proposed the destination is a maker of every payout that goes there.
    proposer = Actor(name=proposal.made_by, channel=actor.channel)
    pulled_back = change_partners(conn, [change], actor=proposer, now=now)
    if proposal.content["identity_id"] is not None:
        conn.execute(FORGET_EMAIL, {"id": proposal.content["identity_id"], "now": now})
    details = {
        "fields": sorted(change.fields),
        "proposal": proposal.id,
        "proposed_by": proposal.made_by,
        "why": proposal.why,
        "pulled_back": pulled_back,
    }
    audit.record(
        conn,
        "partner.destination_changed",
        subject="partner",
        ids=[change.partner_id],
        actor=actor,
        now=now,
        details=details,
    )


def _about(content: Content) -> str:
    method = str(content["method"]).replace("_", " ")
    account = content["account"] or content.get("shown")
    to = f"{method}, {account}" if account else method
    was = str(content["was_method"]).replace("_", " ")
    return f"{content['partner']}: from {was} to {to}"


CHANGE_DESTINATION = Kind(
    right="change destinations",
    subject="partner",
    sentence="Send a partner's money elsewhere",
    content_now=_content_now,
    carry_out=_change,
    about=_about,
)
