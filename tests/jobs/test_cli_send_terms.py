"""A delay after the approval, at the terminal: what keeps the payout, and taking it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.core.terms import agree
from tests.desk import Desk, open_desk
from tests.jobs.terminal import NOW, Run

LEAVES = "2026-11-20T14:00:00Z"  # two hours after the approval


@pytest.fixture
def money(desk: Run, engine: Engine, tmp_path: Path) -> Desk:
    """The same desk, to bring payouts to where a command is tried."""
    del desk
    return open_desk(engine, tmp_path)


def said(run: Run, *argv: str, now: str = NOW) -> tuple[int, Any]:
    """A command's exit code and its document."""
    return run(*argv, now=now)


def test_an_approved_payout_waits_says_until_when_and_is_taken_back_by_one_command(
    desk: Run, money: Desk
) -> None:
    agree(money, sending={"delay": "PT2H"})
    payout = money.approved("LATER")

    code, answer = said(desk, "send", "--payout-id", str(payout))
    assert (code, answer["count"]) == (0, 0)
    code, story = said(desk, "payout", str(payout))
    assert [(one["code"], one["clears_at"]) for one in story["blocking"]] == [("send_delay", LEAVES)]

    assert said(desk, "take-back", str(payout), "--as", "mia")[1]["refused"][0]["code"] == "not_allowed"
    before = money.balance("LATER")
    code, answer = said(desk, "take-back", str(payout), "--reason", "wrong month", "--as", "ada")
    assert (code, answer["done"], answer["refused"]) == (0, [payout], [])
    assert (money.status(payout), money.balance("LATER")) == ("pending", before)

    code, answer = said(desk, "take-back", str(payout), "--as", "ada")
    assert (code, answer["refused"][0]["code"]) == (1, "wrong_status")


def test_what_has_left_is_not_taken_back(desk: Run, money: Desk) -> None:
    agree(money, sending={"delay": "PT2H"})
    payout = money.approved("LATER")

    assert said(desk, "send", now=LEAVES)[1]["succeeded"] == 1
    code, answer = said(desk, "take-back", str(payout), "--as", "ada", now=LEAVES)

    assert (code, answer["done"], answer["refused"][0]["code"]) == (1, [], "wrong_status")
    assert money.status(payout) == "paid"
