"""A program whose policy approves by itself, and partners with something to approve."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.commission import Percent
from core.policy import Approval, Policy
from core.policy_changes import policy_content
from core.proposals import confirm, propose
from core.schedule import Daily
from tests.desk import ABE, ADA, DAY, NOW, Desk

POLICY = Policy(
    commission=Percent(pct=Decimal(100)),
    sale_kinds=("booking",),
    approval=Approval(dual_above_minor=100_00, auto=True, auto_up_to_minor=50_00, auto_per_day_minor=80_00),
    schedule=Daily(),
    auto_payout_enabled=True,
)


def allow(desk: Desk, **different: object) -> None:
    """Give creators a policy of their own, two days ago."""
    policy, now = POLICY.model_copy(update=different), NOW - 2 * DAY
    program_id = desk.scalar("SELECT id FROM program WHERE code = 'creator'")
    assert isinstance(program_id, int)
    content = policy_content(policy.model_dump(mode="json"), None)
    proposal = desk.decide(
        lambda conn: propose(
            conn, "change_policy", ids=[program_id], why="small ones", content=content, actor=ADA, now=now
        )
    )
    desk.decide(lambda conn: confirm(conn, proposal, actor=ABE, now=now))


def creator(desk: Desk, code: str, gross: str, *, at: datetime = NOW - DAY, now: datetime = NOW) -> str:
    """A creator with this much available."""
    desk.partner(code, program="creator", account=f"acct_{code}", now=now)
    sell(desk, code, gross, ref=f"{code}-{at:%d%H}", at=at, now=now)
    return code


def sell(
    desk: Desk, code: str, gross: str, *, ref: str, at: datetime = NOW - DAY, now: datetime = NOW
) -> None:
    desk.sale(code, gross, ref=ref, program="creator", kind="booking", at=at, now=now)
    desk.release(now)
