"""Notes on partners: added, never changed, and blanked where the text must go."""

from __future__ import annotations

import pytest

from core.access import Actor, NotAllowed
from core.partner_notes import EmptyNote, LongNote, UnknownNote, add_note, blank_note
from core.programs import UnknownPartner
from tests.desk import MIA, NOW, VIC, Desk

ALMA = Actor(name="user:alma", channel="cli", roles=frozenset({"admin"}))


def add(desk: Desk, note: str, actor: Actor = MIA, code: str = "AFF1") -> int:
    return desk.decide(lambda conn: add_note(conn, code, note, actor=actor, now=NOW))


def test_a_note_keeps_author_and_time_and_the_audit_not_its_text(desk: Desk) -> None:
    desk.partner()
    note = add(desk, "  Calls every Monday  ")
    assert desk.column("SELECT ARRAY[note, made_by, at::text] FROM partner_note") == [
        ["Calls every Monday", "user:mia", "2026-11-20 12:00:00+00"]
    ]
    assert desk.column("SELECT details FROM audit WHERE action = 'partner.note_added'") == [{"note_id": note}]


def test_a_blanked_note_has_no_text_any_more_and_says_when(desk: Desk) -> None:
    desk.partner()
    note = add(desk, "Her sister answers the phone")
    with pytest.raises(NotAllowed):
        desk.decide(lambda conn: blank_note(conn, note, reason="asked", actor=MIA, now=NOW))
    desk.decide(lambda conn: blank_note(conn, note, reason="asked to forget", actor=ALMA, now=NOW))
    assert desk.column("SELECT note FROM partner_note WHERE blanked_at IS NOT NULL") == [None]
    with pytest.raises(UnknownNote):
        desk.decide(lambda conn: blank_note(conn, note, reason="again", actor=ALMA, now=NOW))


def test_refuses_by_name(desk: Desk) -> None:
    desk.partner()
    with pytest.raises(EmptyNote):
        add(desk, "  ")
    with pytest.raises(LongNote):
        add(desk, "x" * 2_001)
    with pytest.raises(NotAllowed):
        add(desk, "hello", VIC)
    with pytest.raises(UnknownPartner):
        add(desk, "hello", code="NOBODY")
    assert desk.scalar("SELECT count(*) FROM partner_note") == 0
