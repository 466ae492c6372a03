"""Changed partners: compared with what is known, applied once, kept as history.

A changed destination or method starts a hold and pulls back what has not been sent: whoever took over a mailbox must
not also take the next payout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from core.access import Actor
from core.copying import copied
from core.ledger import lock_partners
from core.partners import COPIED, PartnerDetails, destination_of, policies_of
from core.payees import FIELDS_OF
from core.policy import resolve
from core.programs import lock_programs
from core.pulling_back import pull_back_payouts
from core.telling import tell_of_changes

UNSENT = ("pending", "approved", "retrying")


@dataclass(kw_only=True, slots=True)
class PartnerChange:
    """What differs between a partner as known and new details: by field the old and new value, personal ones empty.

    `moves` tells that the money goes elsewhere from now on, `cools_off` that this starts a hold.
    """

    partner_id: int
    wanted: PartnerDetails
    fields: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    moves: bool = False
    cools_off: bool = False
    destination_id: int | None = None  # as known
    personal: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)  # the partner's own terms


READ_PARTNERS = text("""
    SELECT p.id, p.program_id, p.code, p.tier, p.status, p.country, p.method, p.joined_on, p.destination_id, p.overrides,
           i.name, i.email, i.blanked_at IS NOT NULL AS blanked, d.fingerprint,
           EXISTS (SELECT 1 FROM destination e WHERE e.partner_id = p.id) AS had_destination
      FROM partner p
      JOIN identity i ON i.id = p.identity_id
      LEFT JOIN destination d ON d.id = p.destination_id
     WHERE p.id = ANY(:ids)
""")


def compare_partners(conn: Connection, details: dict[int, PartnerDetails]) -> list[PartnerChange]:
    """Lock these partners (by id) and return what the details would change; who stays the same is missing."""
    lock_programs(conn, {one.program_id for one in details.values()})
    lock_partners(conn, list(details))
    changes = []
    for known in conn.execute(READ_PARTNERS, {"ids": list(details)}):
        wanted = details[known.id]
        change = PartnerChange(
            partner_id=known.id,
            wanted=wanted,
            destination_id=known.destination_id,
            overrides=known.overrides,
        )
        for name in ("tier", "status", "country", "method", "joined_on"):
            old, new = getattr(known, name), getattr(wanted, name)
            if old != new:
                change.fields[name] = (old and str(old), new and str(new))
        if not known.blanked:  # what was blanked stays blank
            for name in ("name", "email"):
                if getattr(known, name) != getattr(wanted, name):
                    change.fields[name] = (None, None)
                    change.personal = True
        goes_to = destination_of(wanted)
        fingerprint = goes_to.fingerprint if goes_to else None
        other_method = known.method != wanted.method
        if known.blanked and wanted.method == "paypal" and not other_method:
            fingerprint = known.fingerprint
        if wanted.payee is None and wanted.method in FIELDS_OF and not other_method:
            fingerprint = known.fingerprint  # nothing was said of the details: they stay
        change.moves = other_method or fingerprint != (known.fingerprint and bytes(known.fingerprint))
        change.cools_off = change.moves and (other_method or known.had_destination)
        if change.fields or change.moves:
            changes.append(change)
    return changes


CHANGED = """
    partner_id bigint, name text, email text, tier text, country text, method text, joined_on date, status text,
    personal boolean, moves boolean, cools_until timestamptz, account text, fingerprint bytea, payee_ref uuid,
    sealed bytea
"""
FORMER_EMAILS = text("""
    SELECT p.id, i.email FROM changed_partner c JOIN partner p ON p.id = c.partner_id JOIN identity i ON i.id = p.identity_id
     WHERE c.personal AND i.blanked_at IS NULL AND i.email IS NOT NULL AND lower(i.email) IS DISTINCT FROM lower(c.email)
""")
CHANGE_IDENTITIES = text("""
    UPDATE identity i SET name = c.name, email = c.email
      FROM changed_partner c JOIN partner p ON p.id = c.partner_id
     WHERE i.id = p.identity_id AND c.personal AND i.blanked_at IS NULL
""")
CHANGE_PARTNERS = text("""
    UPDATE partner p SET tier = c.tier, country = c.country, joined_on = c.joined_on, status = c.status
      FROM changed_partner c WHERE p.id = c.partner_id
""")
# Those of a proposal are kept already.
KEEP_PAYEES = text("""
    INSERT INTO payee (ref, partner_id, method, sealed, shown, fingerprint, made_by, made_at)
    SELECT payee_ref, partner_id, method, sealed, account, fingerprint, :made_by, :now
      FROM changed_partner WHERE moves AND sealed IS NOT NULL
""")
# One that was taken away before is replaced too: emptying the details first hides no change.
OPEN_DESTINATIONS = text("""
    INSERT INTO destination (partner_id, method, account, fingerprint, payee_ref, replaces_id, made_by, opened_at)
    SELECT c.partner_id, c.method, c.account, c.fingerprint, c.payee_ref,
           coalesce(p.destination_id, (SELECT max(id) FROM destination WHERE partner_id = p.id)), :made_by, :now
      FROM changed_partner c JOIN partner p ON p.id = c.partner_id
     WHERE c.moves AND c.fingerprint IS NOT NULL
    RETURNING id, partner_id
""")
MOVE = text("""
    UPDATE partner p SET method = c.method, destination_id = d.id
      FROM changed_partner c
      LEFT JOIN unnest(CAST(:destination_ids AS bigint[]), CAST(:partner_ids AS bigint[])) AS d (id, partner_id)
             ON d.partner_id = c.partner_id
     WHERE p.id = c.partner_id AND c.moves
""")
COOL_OFF = text("""
    INSERT INTO hold (partner_id, reason, until, made_by, opened_at)
    SELECT partner_id, 'destination_changed', cools_until, :made_by, :now
      FROM changed_partner WHERE cools_until > :now
""")
# New details are what a hold on failed ones has waited for.
END_FAILED = text("""
    UPDATE hold h SET closed_at = :now, closed_by = :made_by, close_note = 'The payout destination was changed.'
      FROM changed_partner c
     WHERE h.partner_id = c.partner_id AND c.moves AND c.fingerprint IS NOT NULL
       AND h.reason = 'destination_failed' AND h.earning_id IS NULL AND h.payout_id IS NULL AND h.closed_at IS NULL
""")
COOLING_OFF = text("""
    SELECT partner_id, max(until) AS until FROM hold
     WHERE partner_id = ANY(:partner_ids) AND reason = 'destination_changed' AND opened_at = :now AND until IS NOT NULL
     GROUP BY partner_id
""")
UNSENT_PAYOUTS = text("""
    SELECT id FROM payout WHERE partner_id = ANY(:partner_ids) AND status = ANY(:statuses) ORDER BY id
""")
NOTE_CHANGES = text("""
    INSERT INTO change (subject, subject_id, field, old_value, new_value, import_id, made_by, at)
    SELECT 'partner', partner_id, field, old_value, new_value, :import_id, :made_by, :now FROM changed_field
""")


def change_partners(
    conn: Connection,
    changes: Sequence[PartnerChange],
    *,
    actor: Actor,
    now: datetime,
    import_id: int | None = None,
) -> list[int]:
    """Apply what compare_partners found, in the same transaction, and keep it as history; returns payouts pulled back.

    A moved destination is a new row; it starts the hold `destination_changed`, ends `destination_failed` and cancels
    the partner's payouts that have not been sent.
    """
    if not changes:
        return []
    terms = policies_of(conn, (change.wanted.program_id for change in changes), now=now)
    rows = []
    for change in changes:
        wanted = change.wanted
        policy, _ = terms[wanted.program_id]
        days = resolve(policy, wanted.tier, change.overrides).hold.destination_change_days
        goes_to = destination_of(wanted)
        rows.append(
            [
                *(getattr(wanted, name) for name in COPIED),
                change.partner_id,
                change.personal,
                change.moves,
                now + timedelta(days=days) if change.cools_off else None,
                goes_to and goes_to.account,
                goes_to and goes_to.fingerprint,
                wanted.payee and wanted.payee.ref,
                wanted.payee and wanted.payee.sealed,
            ]
        )
    own = ("partner_id", "personal", "moves", "cools_until", "account", "fingerprint", "payee_ref", "sealed")
    columns = (*COPIED, *own)
    values = {"made_by": actor.name, "now": now}
    with copied(conn, "changed_partner", CHANGED, columns, rows):
        former = {row.id: str(row.email) for row in conn.execute(FORMER_EMAILS)}
        conn.execute(CHANGE_IDENTITIES)
        conn.execute(CHANGE_PARTNERS)
        conn.execute(KEEP_PAYEES, values)
        opened = {row.partner_id: row.id for row in conn.execute(OPEN_DESTINATIONS, values)}
        conn.execute(MOVE, {"destination_ids": list(opened.values()), "partner_ids": list(opened)})
        conn.execute(COOL_OFF, values)
        conn.execute(END_FAILED, values)
    _note(conn, changes, opened, values | {"import_id": import_id})
    moved = [change.partner_id for change in changes if change.moves]
    told = {one: {"destination_id": opened[one]} if one in opened else {} for one in moved}
    held = conn.execute(COOLING_OFF, {"partner_ids": moved, "now": now})
    for row in held:
        told[row.partner_id]["held_until_s"] = int(row.until.timestamp())
    tell_of_changes(conn, told, former, made_by=actor.name, now=now)
    unsent = conn.execute(UNSENT_PAYOUTS, {"partner_ids": moved, "statuses": list(UNSENT)})
    return pull_back_payouts(
        conn,
        list(unsent.scalars()),
        UNSENT,
        reason_code="destination_changed",
        reason="The partner's payout destination was changed before it was sent.",
        now=now,
    )


def _note(
    conn: Connection, changes: Sequence[PartnerChange], opened: dict[int, int], values: dict[str, object]
) -> None:
    noted: list[tuple[int, str, str | None, str | None]] = []
    for change in changes:
        fields = dict(change.fields)
        if change.moves:
            old, new = change.destination_id, opened.get(change.partner_id)
            fields["destination"] = (old and str(old), new and str(new))  # type: ignore[assignment]
        noted += [(change.partner_id, name, old, new) for name, (old, new) in fields.items()]
    definition = "partner_id bigint, field text, old_value text, new_value text"
    columns = ("partner_id", "field", "old_value", "new_value")
    with copied(conn, "changed_field", definition, columns, noted):
        conn.execute(NOTE_CHANGES, values)
