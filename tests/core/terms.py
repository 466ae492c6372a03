"""Programs with terms of a test's own, agreed on by two people."""

from __future__ import annotations

from datetime import datetime

from core.access import Actor
from core.policy_changes import policy_content
from core.presets import PRESETS
from core.proposals import confirm, propose
from tests.desk import ADA, DAY, NOW, Desk

AMY = Actor(name="user:amy", channel="page", roles=frozenset({"admin"}))


def agree(desk: Desk, code: str = "affiliate", *, now: datetime = NOW - DAY, **terms: object) -> None:
    """Give a preset's program these terms on top of its own, in force from `now` on."""
    preset = next(one for one in PRESETS if one.code == code)
    content = policy_content(preset.policy.model_dump(mode="json") | terms, None)
    program = desk.scalar("SELECT id FROM program WHERE code = :code", code=code)
    assert isinstance(program, int)
    made = desk.decide(
        lambda conn: propose(
            conn, "change_policy", ids=[program], content=content, why="agreed", actor=AMY, now=now
        )
    )
    desk.decide(lambda conn: confirm(conn, made, actor=ADA, now=now))
