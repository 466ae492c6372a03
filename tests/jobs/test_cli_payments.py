"""Payments of customers at the terminal: the list, and one decision on each."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.access import job_actor
from core.payments import SeenPayment, take_in_payment
from tests.desk import DAY, Desk, open_desk
from tests.desk import NOW as INSTANT
from tests.jobs.terminal import Run


@pytest.fixture
def books(desk: Run, engine: Engine, tmp_path: Path) -> Desk:
    """Two payments of 70.00 that name no partner, and one creator."""
    assert desk is not None
    books = open_desk(engine, tmp_path)
    books.partner("CR1", program="creator")
    for ref in ("pi_1", "pi_2"):
        seen = SeenPayment(
            provider="stripe",
            ref=ref,
            charge_ref=None,
            amount_minor=70_00,
            currency="EUR",
            occurred_at=INSTANT - DAY,
        )
        books.decide(
            lambda conn, seen=seen: take_in_payment(conn, seen, actor=job_actor("events"), now=INSTANT)  # type: ignore[misc]
        )
    return books


def refs(desk: Run, *state: str) -> list[object]:
    code, rows = desk("payments", *state)
    assert code == 0
    return [(row["payment_ref"], row["amount_minor"], row["currency"]) for row in rows]  # type: ignore[attr-defined]


def test_what_waits_is_listed_resolved_and_set_aside_once(desk: Run, books: Desk) -> None:
    assert refs(desk) == [("pi_1", 70_00, "EUR"), ("pi_2", 70_00, "EUR")]
    assert desk("payments", "resolve", "pi_1", "--partner", "CR1")[0] == 2
    code, refused = desk("payments", "resolve", "pi_1", "--partner", "CR1", "--as", "ada")
    assert (code, refused["refused"]) == (1, "not_allowed")  # type: ignore[index]

    code, made = desk("payments", "resolve", "pi_1", "--partner", "CR1", "--as", "mia")
    assert (code, made["partner_code"]) == (0, "CR1")  # type: ignore[index]
    assert desk("payments", "set-aside", "pi_2", "--reason", "a voucher", "--as", "mia")[0] == 0

    assert books.balance("CR1").held == 63_00
    assert (refs(desk), refs(desk, "--state", "set_aside")) == ([], [("pi_2", 70_00, "EUR")])
    for again in (("resolve", "pi_2", "--partner", "CR1"), ("set-aside", "pi_1", "--reason", "no")):
        code, refused = desk("payments", *again, "--as", "mia")
        assert (code, refused["refused"]) == (1, "payment_decided")  # type: ignore[index]
    assert books.faults() == []
