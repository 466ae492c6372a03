"""A hold's note may name a person, as any note may: it is for those who may see personal data."""

from __future__ import annotations

import pandas as pd
import pytest
from sqlalchemy import Connection, text

from core.access import Actor
from core.holds import lift_hold, place_hold
from core.reads.audit import AuditFilter, audit_row, audit_trail
from core.reads.earning import earning_story
from core.reads.partner import partner_story
from core.reads.payout import story
from core.reads.shown import HIDDEN
from tests.builders import NOW
from tests.core.reads.desk import queued

MAX = Actor(name="user:max", channel="page", roles=frozenset({"maker"}))
SAID = "Mara’s brother called"


def read(conn: Connection, payout_id: int, *, masked: bool) -> dict[str, str]:
    """All that is told of the holds, by where."""
    whose, told = (
        partner_story(conn, "HELD", now=NOW, masked=masked),
        story(conn, payout_id, now=NOW, masked=masked),
    )
    assert whose is not None
    assert told is not None
    trail = audit_trail(conn, AuditFilter(), masked=masked)
    rows = [audit_row(conn, seq, masked=masked) for seq in trail["seq"]]
    found = {
        "partner": whose.holds,
        "payout": told.holds,
        "notes of a payout": told.notes,
        "earning": earning_story(conn, earning_of(conn, payout_id), now=NOW, masked=masked).holds,
        "audit": trail,
        "a row of the audit": pd.DataFrame([row.details for row in rows if row is not None]),
    }
    return {where: str(frame.to_csv()) for where, frame in found.items()}


def earning_of(conn: Connection, payout_id: int) -> int:
    query = text("SELECT earning_id FROM payout_item WHERE payout_id = :id")
    return int(conn.execute(query, {"id": payout_id}).scalar_one())


@pytest.fixture
def held(conn: Connection) -> int:
    """A payout that is held, whose partner was held, and whose earning was."""
    payout_id = queued(conn, "HELD", 700)
    partner_id = int(conn.execute(text("SELECT id FROM partner WHERE code = 'HELD'")).scalar_one())
    place_hold(conn, partner_id, "manual", actor=MAX, now=NOW, note=SAID, payout_id=payout_id)
    lifted = [
        place_hold(conn, partner_id, "review", actor=MAX, now=NOW, note=SAID),
        place_hold(conn, partner_id, "dispute", actor=MAX, now=NOW, note=SAID, payout_id=payout_id),
        place_hold(conn, partner_id, "manual", actor=MAX, now=NOW),
    ]
    for hold_id in lifted:
        lift_hold(conn, hold_id, actor=MAX, now=NOW, note=f"{SAID} again")
    place_hold(
        conn, partner_id, "manual", actor=MAX, now=NOW, note=SAID, earning_id=earning_of(conn, payout_id)
    )
    return payout_id


def test_whoever_may_not_see_personal_data_reads_that_a_hold_has_a_note_and_not_what_it_says(
    conn: Connection, held: int
):
    told, hidden = read(conn, held, masked=False), read(conn, held, masked=True)
    for where in told:
        assert SAID in told[where], where
        assert HIDDEN not in told[where], where
        assert SAID not in hidden[where], where
        # Nothing else of it is hidden, and where nothing was said nothing is.
        assert told[where].replace(f"{SAID} again", HIDDEN).replace(SAID, HIDDEN) == hidden[where], where
