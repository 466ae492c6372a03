"""Why not paid: every reason with its figures and dates, counted for the last run that looked at everybody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core.reads.not_paid import not_paid, partners_not_paid
from core.reads.partners import CURRENT, PartnerFilter, Skipped, list_partners, partner_totals
from core.reads.words import why_not_paid
from core.settings import Settings
from jobs.clock import Clock
from jobs.job import Orders
from jobs.queue import JOB
from jobs.runner import run_by_hand
from tests.core.giving import earn
from tests.desk import DAY, NOW, Desk, open_desk

FRIDAY = datetime(2026, 11, 27, 2, 15, tzinfo=UTC)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    """Barbers before a Friday's run: paid, too little, new account, no account, suspended, archived, owing us."""
    desk = open_desk(engine, tmp_path)
    desk.release()
    for code, amount in (
        ("PAID", 500_00),
        ("POOR", 12_60),
        ("MOVED", 90_00),
        ("GONE", 90_00),
        ("LEFT", 90_00),
    ):
        desk.partner(code, program="barber")
        earn(desk, code, amount)
    desk.partner("BARE", program="barber", account=None)
    earn(desk, "BARE", 90_00)
    desk.partner("MOVED", program="barber", account="acct_9", now=FRIDAY - DAY)
    desk.partner("GONE", program="barber", status="suspended")
    desk.partner("LEFT", program="barber", status="archived")
    return desk


def run(desk: Desk, **only: str) -> int:
    settings = Settings.from_env({"PAYDESK_ENV": "test", "PAYDESK_DATA_DIR": str(desk.folder)})
    orders = Orders(engine=desk.engine, settings=settings, now=FRIDAY, run_id=0, **only)  # type: ignore[arg-type]
    return run_by_hand(JOB, orders, clock=Clock(FRIDAY), made_by="os:test").run_id


def test_the_last_run_is_counted_by_reason_and_each_lists_just_those_partners(desk: Desk) -> None:
    with desk.engine.connect() as conn:
        assert not_paid(conn, now=FRIDAY) is None

    run_id = run(desk)

    with desk.engine.connect() as conn:
        last = not_paid(conn, now=FRIDAY)
        assert last is not None
        assert (last.run_id, last.at, last.count) == (run_id, FRIDAY, 5)
        assert last.by_reason == {
            "partner_suspended": 2,
            "below_minimum": 1,
            "no_destination": 1,
            "on_hold": 1,
        }
        for reason, count in last.by_reason.items():
            skipped = Skipped(run_id=run_id, reason=reason)
            listed = list_partners(conn, PartnerFilter(skipped=skipped), now=FRIDAY, masked=True).frame
            (totals,) = partner_totals(conn, PartnerFilter(skipped=skipped), masked=True).to_dict("records")
            assert (len(listed), totals["count"]) == (count, count)
            assert totals["available_minor"] == listed["available_minor"].sum()
        told = {row["partner_code"]: row["sentence"] for row in partners_not_paid(conn, run_id)}
        assert told == {
            "POOR": "Below the minimum by $37.40: $12.60 of $50.00",
            "MOVED": "On hold until 3 Dec 2026: the payout destination changed",
            "BARE": "There is no destination to pay to",
            "GONE": "The partner is suspended",
            "LEFT": "The partner is archived",
        }
        assert [row["partner_code"] for row in partners_not_paid(conn, run_id, reason="on_hold")] == ["MOVED"]


def test_a_run_for_one_partner_or_program_is_not_the_last_run(desk: Desk) -> None:
    whole = run(desk)
    run(desk, partner="MOVED")
    run(desk, program="barber")

    with desk.engine.connect() as conn:
        last = not_paid(conn, now=FRIDAY)
    assert last is not None
    assert last.run_id == whole


def test_the_archived_are_out_of_the_list_and_their_money_stays_visible(desk: Desk) -> None:
    with desk.engine.connect() as conn:
        codes = set(list_partners(conn, PartnerFilter(status=CURRENT), now=NOW, masked=True).frame["code"])
        assert codes == {"PAID", "POOR", "MOVED", "GONE", "BARE"}
        assert set(
            list_partners(conn, PartnerFilter(status="archived"), now=NOW, masked=True).frame["code"]
        ) == {"LEFT"}
        assert set(list_partners(conn, PartnerFilter(), now=NOW, masked=True).frame["code"]) == codes | {
            "LEFT"
        }
        (archived,) = partner_totals(conn, PartnerFilter(status="archived"), masked=True).to_dict("records")
        assert (archived["count"], archived["available_minor"]) == (1, 90_00)


@pytest.mark.parametrize(
    ("reason", "figures", "sentence"),
    [
        ("below_minimum", {"amount": "87.60", "short": "12.40", "minimum": "100.00"},
         "Below the minimum by $12.40: $87.60 of $100.00"),
        ("on_hold", {"why": "the partner is new", "until": ", until 12 May 2026"},
         "On hold until 12 May 2026: the partner is new"),
        ("on_hold", {"why": "it is under review", "until": ""}, "On hold: it is under review"),
        ("cap_reached", {"left": "0.00", "cap": "5000.00", "used": "5000.00"},
         "The month's cap of $5,000.00 is reached: $5,000.00 is paid or on its way"),
        ("fee_exceeds_amount", {"fee": "5.00", "amount": "3.00"}, "The fee of $5.00 would eat the $3.00"),
        ("nothing_available", {"available": "-20.00"}, "Nothing to pay: the balance is −$20.00"),
        ("nothing_available", {"partner": "812345678901234567", "available": "0.00"}, "Nothing to pay: the balance is $0.00"),
        ("on_hold", {"why": "812345678901234567", "until": ""}, "On hold: 812345678901234567"),
        ("partner_suspended", {"status": "archived"}, "The partner is archived"),
        ("no_destination", {}, "There is no destination to pay to"),
        ("below_minimum", {}, "The balance is below the minimum payout"),
        ("ineligible", {}, "On hold: the partner is not eligible"),
    ],
)  # fmt: skip
def test_every_reason_says_its_figures_and_dates(reason: str, figures: dict[str, str], sentence: str) -> None:
    assert why_not_paid(reason, figures, "USD") == sentence


def test_what_a_run_skipped_is_found_by_an_index(desk: Desk) -> None:
    with desk.engine.connect() as conn:
        conn.execute(text("SET enable_seqscan = off"))
        plan = "\n".join(
            conn.execute(
                text("EXPLAIN SELECT reason, count(*) FROM skip WHERE run_id = 7 GROUP BY reason")
            ).scalars()
        )
    assert "skip_by_reason" in plan
