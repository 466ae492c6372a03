"""The sample files: every row accounted for, and a second time changes nothing."""

from __future__ import annotations

from tests.core.imports.desk import SAMPLES, Desk, outcome

BOOKS = """
    SELECT (SELECT count(*) FROM sale), (SELECT count(*) FROM earning), (SELECT count(*) FROM ledger_transfer),
           (SELECT count(*) FROM customer), (SELECT count(*) FROM partner), (SELECT count(*) FROM change),
           (SELECT count(*) FROM hold), (SELECT sum(held) FROM partner_balance),
           (SELECT sum(available) FROM partner_balance)
"""


def test_the_samples_go_in_once(desk: Desk):
    partners = desk.take("partners", SAMPLES / "partners.csv")
    assert outcome(partners) == (120, 0, 0, 0, 0)
    customers = desk.take("customers", SAMPLES / "customers.csv")
    assert outcome(customers) == (320, 0, 0, 0, 0)
    sales = desk.take("sales", SAMPLES / "earnings.csv")
    assert sales.rows == 2084
    assert outcome(sales) == (2065, 0, 1, 17, 1)
    assert sales.rejects_file is not None
    refs = [line.split(",")[3] for line in sales.rejects_file.read_text(encoding="utf-8").splitlines()[1:]]
    refused = {f"bad_{n:03d}" for n in range(18)} - {"bad_014", "bad_015"}  # has no reference; is data
    assert sorted(refs) == sorted(["", *refused, "boo_000703"])
    before = desk.rows(BOOKS)

    assert outcome(desk.take("partners", SAMPLES / "partners.csv")) == (0, 0, 120, 0, 0)
    assert outcome(desk.take("customers", SAMPLES / "customers.csv")) == (0, 0, 320, 0, 0)
    assert outcome(desk.take("sales", SAMPLES / "earnings.csv")) == (0, 0, 2066, 17, 1)
    assert desk.rows(BOOKS) == before
