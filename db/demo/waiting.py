"""Resellers' approved payouts wait two hours, and none leaves while their bank does its books on Sunday nights."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal

from sqlalchemy import text

from core.decisions import Wanted, approve_payouts
from core.policy_changes import policy_content
from core.programs import current_policy, program_by_code
from core.proposals import confirm, propose
from core.send_terms import Hours, Sending
from core.steering import set_priority
from db.demo.desk import Desk

PROGRAM = "reseller"
SENDING = Sending(
    delay=timedelta(hours=2),
    never=(Hours(weekdays=(7,), begins=time(22), ends=time(4)),),
    urgent_passes=True,
)
ASKED = 5
WITH_MONEY = text("""
    SELECT p.code
      FROM partner p JOIN partner_balance b ON b.partner_id = p.id JOIN program g ON g.id = p.program_id
     WHERE g.code = :program AND p.status = 'active' AND b.available BETWEEN 5000 AND 100000
       AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.partner_id = p.id AND h.closed_at IS NULL)
     ORDER BY b.available DESC, p.id LIMIT :limit
""")


def agree_on_waiting(desk: Desk) -> None:
    """Alma proposes a time to think after the approval, ada confirms it; what is queued before keeps its own terms."""
    with desk.engine.begin() as conn:
        program = program_by_code(conn, PROGRAM)
        terms = current_policy(conn, program.id, now=desk.now).policy.model_dump(mode="json")
        terms["sending"] = SENDING.model_dump(mode="json")
        alma, ada = desk.actor(conn, "alma"), desk.actor(conn, "ada")
        why = "Two wrong approvals in a month: a time in which one click takes them back"
        content = policy_content(terms, None)
        made = propose(
            conn, "change_policy", ids=[program.id], content=content, why=why, actor=alma, now=desk.now
        )
        confirm(conn, made, actor=ada, now=desk.now)


def leave_some_waiting(desk: Desk) -> None:
    """A few resellers are asked for and approved this morning: they leave in two hours, unless taken back."""
    with desk.engine.connect() as conn:
        found = conn.execute(WITH_MONEY, {"program": PROGRAM, "limit": ASKED}).all()
    asked = [desk.ask(row.code, Decimal(1), "Monthly request") for row in found]
    wanted = [Wanted(id=payout) for payout in asked if payout is not None]
    with desk.engine.begin() as conn:
        ada = desk.actor(conn, "ada")
        set_priority(conn, wanted[:1], priority="high", actor=ada, now=desk.now)
        approve_payouts(conn, wanted, actor=ada, now=desk.now, reason="Invoices checked")
