"""Pulling money back at the terminal: proposed by one person, confirmed by another, done by the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from core.reversing import reverse_due
from tests.core.pulling_back import agreed_back
from tests.core.test_reversals import Mute
from tests.desk import HOUR, NOW, Balance, Desk
from tests.jobs.terminal import Run
from tests.jobs.test_cli_two_people import done, names, refused

WHY = ("--reason", "paid twice outside")


@pytest.fixture
def paid(desk: Run, engine: Engine, tmp_path: Path) -> tuple[Desk, str]:
    """A desk and a payout of 24.75 net that was paid; migrated and peopled by `desk`."""
    del desk
    books = Desk(engine, tmp_path)
    payout = books.approved()
    books.send()
    return books, str(payout)


def test_reverse_proposes_confirm_agrees_and_the_job_pulls_it_back(desk: Run, paid: tuple[Desk, str]) -> None:
    books, payout = paid
    made: Any = done(desk("reverse", payout, "10.00", *WHY, "--as", "mia"))
    assert (made["kind"], made["ids"], made["content"]["amount_minor"]) == (
        "reverse_payout",
        [int(payout)],
        10_00,
    )
    assert done(desk("reversals"))["count"] == 0
    assert refused(desk("confirm", str(made["id"]), "--as", "mia")) == "not_allowed"
    done(desk("confirm", str(made["id"]), "--as", "ada"))
    assert books.balance("AFF1") == Balance(0, 75_00, 0, 24_75, 25)

    dry: Any = done(desk("reversals", "--dry-run"))
    assert (dry["count"], dry["amounts"][0]["amount_minor"]) == (1, 10_00)
    pulled: Any = done(desk("reversals"))

    assert (pulled["count"], pulled["succeeded"]) == (1, 1)
    assert books.balance("AFF1") == Balance(10_00, 75_00, 0, 14_75, 25)
    rest: Any = done(desk("reverse", payout, *WHY, "--as", "mia"))
    assert rest["content"]["amount_minor"] == 14_75
    assert books.faults() == []


@pytest.mark.parametrize(
    ("amount", "who", "code"),
    [("24.76", "mia", "more_than_out"), ("lots", "mia", "not_an_amount"), ("1.00", "vic", "not_allowed")],
)
def test_reverse_refuses_by_name(desk: Run, paid: tuple[Desk, str], amount: str, who: str, code: str) -> None:
    _, payout = paid
    assert refused(desk("reverse", payout, amount, *WHY, "--as", who)) == code
    assert refused(desk("reverse", "999", *WHY, "--as", "mia")) == "unknown_payout"


def test_one_without_an_answer_for_over_an_hour_is_a_fault(desk: Run, paid: tuple[Desk, str]) -> None:
    books, payout = paid
    agreed_back(books, int(payout), now=NOW - 2 * HOUR)
    assert "unknown_outcomes" not in names(desk("health"))

    reverse_due(books.engine, Mute(), now=NOW - 2 * HOUR)

    assert "unknown_outcomes" in names(desk("health"))
