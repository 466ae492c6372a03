"""Small affiliates are paid daily and approved by their policy; a few partners have terms of their own."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text

from core.own_terms import terms_content
from core.policy_changes import policy_content
from core.programs import current_policy, program_by_code
from core.proposals import confirm, propose
from db.demo.desk import Desk
from db.demo.people import Partner

PROGRAM = "affiliate"
APPROVAL = {"auto": True, "auto_up_to_minor": 60_00, "auto_per_day_minor": 150_00}
DAILY: dict[str, Any] = {"schedule": {"kind": "daily"}, "auto_payout_enabled": True, "min_payout_minor": 5_00}
SWITCHED_ON = 9
AGREED_DAYS_AGO = 12
# What two partners agreed on with the company, and what waits for a second person this morning.
CREATORS_OWN: dict[str, Any] = {
    "hold_days": 14,
    "min_payout_minor": 50_00,
    "max_per_partner_month_minor": 2_000_00,
}
RESELLERS_OWN: dict[str, Any] = {
    "schedule": {"kind": "monthly", "day": 31},
    "fees": {"bank_transfer": {"pct": "0.5", "fixed_minor": 0}},
}
PROPOSED: dict[str, Any] = {"schedule": {"kind": "every_two_weeks", "weekday": 5, "anchor": "2026-01-02"}}

PARTNER = text("SELECT id FROM partner WHERE code = :code")


def agree_on_small_ones(desk: Desk, day: date, known: list[Partner]) -> None:
    """The affiliates' policy may approve small payouts, and does for those it is switched on for."""
    desk.at(day, 8, 50)
    with desk.engine.begin() as conn:
        program = program_by_code(conn, PROGRAM)
        terms = current_policy(conn, program.id, now=desk.now).policy.model_dump(mode="json")
        terms["approval"] |= APPROVAL
        alma, ada = desk.actor(conn, "alma"), desk.actor(conn, "ada")
        why = "Small daily payouts take more time to look at than they are worth"
        content = policy_content(terms, None)
        made = propose(
            conn, "change_policy", ids=[program.id], content=content, why=why, actor=alma, now=desk.now
        )
        confirm(conn, made, actor=ada, now=desk.now)
    small = [partner for partner in known if partner.program == PROGRAM][:SWITCHED_ON]
    for partner in small:
        _propose(desk, partner.code, DAILY, "Wants to be paid every day", agreed=True)
    for program_code, own in (("creator", CREATORS_OWN), ("reseller", RESELLERS_OWN)):
        first = next(partner for partner in known if partner.program == program_code)
        _propose(desk, first.code, own, "As agreed in the contract", agreed=True)


def propose_terms(desk: Desk, known: list[Partner]) -> None:
    """One more partner asked for a schedule of their own: that waits for a second person."""
    second = [partner for partner in known if partner.program == "creator"][1]
    _propose(desk, second.code, PROPOSED, "Asked by email to be paid every second Friday", agreed=False)


def _propose(desk: Desk, code: str, own: dict[str, Any], why: str, *, agreed: bool) -> None:
    with desk.engine.begin() as conn:
        partner_id = conn.execute(PARTNER, {"code": code}).scalar_one()
        mia, ben = desk.actor(conn, "mia"), desk.actor(conn, "ben")
        content = terms_content(own)
        made = propose(
            conn, "change_terms", ids=[partner_id], content=content, why=why, actor=mia, now=desk.now
        )
        if agreed:
            confirm(conn, made, actor=ben, now=desk.now)
