"""Holds, orders and policies at the terminal do what the pages do, and refuse by the same names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.desk import Balance, Desk, open_desk
from tests.jobs.terminal import Run


@pytest.fixture
def books(desk: Run, engine: Engine, tmp_path: Path) -> Desk:
    """An affiliate with 100.00 available, 25.00 of it in payout 1."""
    assert desk is not None
    books = open_desk(engine, tmp_path)
    books.funded("AFF1")
    assert books.request("AFF1", "25.00") == 1
    return books


def refusal(desk: Run, *argv: str) -> Any:  # noqa: ANN401 (a document)
    code, document = desk(*argv)
    assert code == 1
    return document["refused"]  # type: ignore[index]


@pytest.mark.usefixtures("books")
class TestHolds:
    def test_a_partner_on_hold_is_asked_nothing_for_until_it_is_lifted(self, desk: Run, books: Desk) -> None:
        held = desk("hold", "AFF1", "review", "--reason", "looks odd", "--until", "2026-11-25", "--as", "mia")
        assert held == (
            0,
            {
                "id": 1,
                "partner_code": "AFF1",
                "why": "review",
                "until": "2026-11-26T00:00:00Z",
                "in_force": True,
            },
        )
        ask = ("request", "AFF1", "10.00", "--reason", "r", "--as", "mia")
        assert refusal(desk, *ask) == "on_hold"
        assert refusal(desk, "approve", "1", "--as", "ada")[0]["code"] == "on_hold"
        assert desk("lift", "1", "--reason", "it was fine", "--as", "mia") == (
            0,
            {"id": 1, "in_force": False},
        )
        assert desk(*ask)[0] == 0
        assert books.balance("AFF1") == Balance(0, 65_00, 35_00, 0, 0)

    def test_an_earning_on_hold_gives_its_payout_back(self, desk: Run, books: Desk) -> None:
        assert (
            desk("hold", "AFF1", "dispute", "--earning", "1", "--reason", "a chargeback", "--as", "mia")[0]
            == 0
        )
        assert books.status(1) == "cancelled"
        assert books.balance("AFF1") == Balance(100_00, 0, 0, 0, 0)

    def test_what_cannot_be_held_or_lifted_is_refused_by_name(self, desk: Run, books: Desk) -> None:
        for argv, code in (
            (("hold", "NOBODY", "review", "--reason", "r", "--as", "mia"), "unknown_partner"),
            (("hold", "AFF1", "review", "--reason", "r", "--as", "vic"), "not_allowed"),
            (
                ("hold", "AFF1", "review", "--until", "2026-11-01", "--reason", "r", "--as", "mia"),
                "until_passed",
            ),
            (("lift", "77", "--reason", "r", "--as", "mia"), "unknown_hold"),
        ):
            assert refusal(desk, *argv) == code
        assert desk("hold", "AFF1", "review", "--reason", "r")[0] == 2
        assert books.column("SELECT id FROM hold") == []


class TestOrders:
    def test_a_payout_is_ordered_set_aside_and_brought_back(self, desk: Run, books: Desk) -> None:
        assert desk("priority", "1", "--to", "urgent", "--as", "mia") == (0, {"done": [1], "refused": []})
        aside = ("set-aside", "1", "--until", "2026-11-23", "--reason", "waits for an invoice", "--as", "mia")
        assert desk(*aside) == (0, {"done": [1], "refused": []})
        assert refusal(desk, "approve", "1", "--as", "ada")[0]["code"] == "set_aside"
        assert desk("bring-back", "1", "--as", "mia")[0] == 0
        assert desk("approve", "1", "--as", "ada")[0] == 0
        assert books.column("SELECT priority || ' ' || status FROM payout") == ["urgent approved"]

    def test_process_sends_first_and_refuses_each_by_name(self, desk: Run, books: Desk) -> None:
        assert refusal(desk, "process", "1", "77", "--as", "mia") != []
        assert desk("approve", "1", "--as", "ada")[0] == 0
        code, document = desk("process", "1", "77", "--as", "mia")
        assert (code, document["done"]) == (0, [1])  # type: ignore[index]
        assert [no["code"] for no in document["refused"]] == ["unknown_payout"]  # type: ignore[index]
        assert [no["code"] for no in refusal(desk, "process", "1", "--as", "vic")] == ["not_allowed"]
        assert books.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)


class TestPolicies:
    def test_what_is_printed_is_changed_in_a_file_proposed_and_confirmed_by_another(
        self, desk: Run, tmp_path: Path
    ) -> None:
        assert [row["program"] for row in desk("programs")[1]] == [  # type: ignore[attr-defined]
            "broker-bounty", "broker-recurring", "reseller", "creator", "affiliate", "barber",
        ]  # fmt: skip
        printed: Any = desk("program", "affiliate")[1]
        assert printed["version"] == 1
        printed["terms"]["min_payout_minor"] = 50_00
        file = tmp_path / "terms.json"
        file.write_text(json.dumps(printed))

        code, proposal = desk(
            "program", "affiliate", "--propose", str(file), "--why", "small ones cost", "--as", "ada"
        )
        assert (code, desk("program", "affiliate")[1]["version"]) == (0, 1)  # type: ignore[index]
        assert refusal(desk, "confirm", str(proposal["id"]), "--as", "ada") == "own_proposal"  # type: ignore[index]
        assert desk("users", "role", "mia", "--role", "approver")[0] == 0
        assert desk("confirm", str(proposal["id"]), "--as", "mia")[0] == 0  # type: ignore[index]

        now: Any = desk("program", "affiliate")[1]
        assert (now["version"], now["terms"]["min_payout_minor"]) == (2, 50_00)

    def test_what_is_no_proposal_says_so(self, desk: Run, tmp_path: Path) -> None:
        file = tmp_path / "terms.json"
        asked = ("program", "affiliate", "--propose", str(file), "--why", "r", "--as", "ada")
        for content, code in (("not json", 2), ("[]", 2), ('{"terms": {}}', 1)):
            file.write_text(content)
            assert desk(*asked)[0] == code, content
        assert desk("program", "affiliate", "--why", "r")[0] == 2
        assert refusal(desk, "program", "nothing") == "unknown_program"
        assert desk("proposals")[1] == []
