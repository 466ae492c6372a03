"""A partner's terms at the terminal: what holds and who set it, and terms of their own by two people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.jobs.terminal import Run
from tests.jobs.test_cli_two_people import done, refused

CHANGE = (
    *("terms", "AFF1", "--hold-days", "3", "--minimum", "25.50", "--cap", "500", "--schedule", "monthly:31"),
    *("--auto", "on", "--fee", "stripe=0.25%+0.25:gross:platform", "--why", "agreed by letter"),
)


def set_by(answer: Any) -> dict[str, tuple[str, str]]:  # noqa: ANN401 - a JSON document
    return {row["term"]: (row["value"], row["set_by"]) for row in done(answer)["terms"]}


PARTNER = """program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status
affiliate,AFF1,Ana Silva,ana@example.com,,PT,USD,stripe,acct_1,2025-01-01,active
"""


@pytest.fixture
def aff1(desk: Run, tmp_path: Path) -> Run:
    """The desk with a partner."""
    file = tmp_path / "partners.csv"
    file.write_text(PARTNER)
    assert desk("import", "partners", str(file))[0] == 0
    return desk


def test_terms_say_who_set_them_and_change_by_two_people(aff1: Run) -> None:
    before = set_by(aff1("terms", "AFF1"))
    assert before["Minimum payout"] == ("$0.00", "program")
    assert before["Fee by Stripe"] == ("$0.25, borne by the partner", "program")

    made = done(aff1(*CHANGE, "--as", "mia"))
    assert (made["kind"], made["made_by"]) == ("change_terms", "user:mia")
    assert made["content"]["terms"]["min_payout_minor"] == 25_50
    assert set_by(aff1("terms", "AFF1")) == before
    assert refused(aff1("confirm", str(made["id"]), "--as", "mia")) == "own_proposal"

    done(aff1("confirm", str(made["id"]), "--as", "ada"))
    after = set_by(aff1("terms", "AFF1"))
    assert after["Minimum payout"] == ("$25.50", "partner")
    assert after["Paid"] == ("monthly on day 31", "partner")
    assert after["Most a month"] == ("$500.00", "partner")
    assert after["Held after the event"] == ("3 days", "partner")
    assert after["Policy may approve"] == ("yes", "partner")
    assert after["Fee by Stripe"] == ("0.25% of the sales' gross + $0.25, borne by the platform", "partner")
    assert after["Fee by check"] == before["Fee by check"]


def test_one_term_is_changed_or_taken_away_and_the_others_stay(aff1: Run) -> None:
    done(aff1("confirm", str(done(aff1(*CHANGE, "--as", "mia"))["id"]), "--as", "ada"))
    made = done(
        aff1("terms", "AFF1", "--clear", "schedule", "--hold-days", "5", "--why", "as usual", "--as", "mia")
    )
    assert "schedule" not in made["content"]["terms"]
    assert (made["content"]["terms"]["hold_days"], made["content"]["terms"]["min_payout_minor"]) == (5, 25_50)
    made = done(aff1("terms", "AFF1", "--clear", "all", "--why", "as usual", "--as", "mia"))
    assert made["content"]["terms"] == {}


def test_what_cannot_be_is_refused_by_name_or_as_wrong_usage(aff1: Run) -> None:
    assert refused(aff1("terms", "NOBODY")) == "unknown_partner"
    assert refused(aff1("terms", "AFF1", "--hold-days", "3", "--why", "x", "--as", "vic")) == "not_allowed"
    assert (
        refused(aff1("terms", "AFF1", "--schedule", "monthly:32", "--why", "x", "--as", "mia")) == "bad_terms"
    )
    assert refused(aff1("terms", "AFF1", "--clear", "all", "--why", "x", "--as", "mia")) == "nothing_changed"
    for wrong in (
        ("--minimum", "1.005"),
        ("--schedule", "often"),
        ("--schedule", "weekly"),
        ("--fee", "stripe=free"),
        ("--auto", "maybe"),
    ):
        assert aff1("terms", "AFF1", *wrong, "--why", "x", "--as", "mia")[0] == 2
    assert aff1("terms", "AFF1", "--hold-days", "3", "--as", "mia")[0] == 2
