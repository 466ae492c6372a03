"""What two people agreed on about a request or a partner's second method, and notes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, text

from tests.building.proposals import decide_proposal, proposal
from tests.building.rows import DAY, NOW, insert, insert_returning_id

BELOW = {"rule": "below_minimum", "minimum_minor": 200_00, "short_minor": 100_00}
OF = text("SELECT partner_id, amount_minor, currency FROM payout WHERE id = :id")


def before_release(earning_id: int, amount_minor: int) -> dict[str, object]:
    """The rule that one earning is paid a day before its release."""
    named = {"earning_id": earning_id, "amount_minor": amount_minor, "release_at": (NOW + DAY).isoformat()}
    return {
        "rule": "before_release",
        "available_minor": 0,
        "early_minor": amount_minor,
        "earnings": [named],
    }


def agree_override(
    conn: Connection, payout_id: int, rules: Sequence[object] = (BELOW,), **different: object
) -> int:
    """Mia proposes and ann confirms that a payout breaks these rules."""
    of = conn.execute(OF, {"id": payout_id}).one()
    content = {"amount_minor": of.amount_minor, "currency": of.currency, "rules": list(rules)}
    values = {
        "kind": "override_request",
        "subject": "partner",
        "ids": [of.partner_id],
        "content": json.dumps(content),
    }
    agreed = proposal(conn, **(values | different))
    decide_proposal(conn, agreed)
    return agreed


def override(
    conn: Connection, payout_id: int, rules: Sequence[object] = (BELOW,), **different: object
) -> None:
    """A payout's override as mia and ann agreed on it."""
    values: dict[str, object] = {
        "payout_id": payout_id,
        "rules": json.dumps(list(rules)),
        "proposed_by": "user:mia",
        "confirmed_by": "user:ann",
        "at": NOW,
    }
    if "proposal_id" not in different:
        values["proposal_id"] = agree_override(conn, payout_id, rules)
    insert(conn, "payout_override", values | different)


def early_release(
    conn: Connection, payout_id: int, earning_id: int, amount_minor: int, **different: object
) -> None:
    """One earning of an override, a day before its release."""
    values = {
        "payout_id": payout_id,
        "earning_id": earning_id,
        "amount_minor": amount_minor,
        "release_at": NOW + DAY,
    }
    insert(conn, "early_release", values | different)


def early_payout(conn: Connection, payout_id: int, **different: object) -> None:
    """Say of a payout that it was asked for a day before its slot."""
    values = {"payout_id": payout_id, "before_slot": NOW + DAY, "at": NOW}
    insert(conn, "early_payout", values | different)


PAYPAL = {"method": "paypal", "account": None, "identity_id": None}


def agree_backup(conn: Connection, partner_id: int, asked: object = PAYPAL, **different: object) -> int:
    """Mia proposes and ann confirms a backup."""
    content = json.dumps({"partner": "P", "asked": asked, "was_method": None})
    values = {"kind": "set_backup", "subject": "partner", "ids": [partner_id], "content": content}
    agreed = proposal(conn, **(values | different))
    decide_proposal(conn, agreed)
    return agreed


def backup(conn: Connection, partner_id: int, **different: object) -> None:
    """A partner's backup by paypal."""
    values: dict[str, object] = {
        "partner_id": partner_id,
        "method": "paypal",
        "asked": json.dumps(PAYPAL),
        "made_by": "user:mia",
        "at": NOW,
    }
    if "proposal_id" not in different:
        values["proposal_id"] = agree_backup(conn, partner_id)
    insert(conn, "backup_method", values | different)


def note(conn: Connection, partner_id: int, **different: object) -> int:
    """A note of mia's."""
    values: dict[str, object] = {
        "partner_id": partner_id,
        "note": "Prefers to be called in the morning",
        "made_by": "user:mia",
        "at": NOW,
    }
    return insert_returning_id(conn, "partner_note", values | different)
