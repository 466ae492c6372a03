"""Building a batch and taking it home: what is left out, what it comes to against the usual, and what became of it."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from core.access import Actor
from core.batches import decide_batch, fix_batch, leave_out
from core.reads.batch import batch_header, last_batch
from core.reports.batch_file import UnknownBatch, batch_csv, batch_page
from tests import builders
from tests.pages.conftest import Open, button
from tests.pages.test_overview import words
from tests.pages.test_payout import drawn
from tests.world import pending

ADA = Actor(name="user:ada", channel="page", roles=frozenset({"approver"}))
BEN = Actor(name="user:ben", channel="page", roles=frozenset({"approver"}))


def queued(conn: Connection, partner_id: int, minor: int, *, now: datetime, approvals_needed: int = 1) -> int:
    earned = builders.earning(conn, partner_id, minor, release_at=now - timedelta(days=2))
    return builders.payout(conn, partner_id, [earned], queued_at=now, approvals_needed=approvals_needed)


def one_partner(conn: Connection, name: str = "Ana Silva") -> int:
    preset = conn.execute(text("SELECT id FROM program WHERE code = 'affiliate'")).scalar_one()
    return builders.partner(conn, preset, name=name)


def items_of(desk: Engine) -> list[int]:
    with desk.connect() as conn:
        return list(conn.execute(text("SELECT payout_id FROM batch_item ORDER BY 1")).scalars())


def test_what_is_left_out_is_in_no_set_and_stays_pending(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        usual = queued(conn, one_partner(conn), 2_500, now=now)
        large = queued(conn, one_partner(conn), 90_000, now=now, approvals_needed=2)

    whole = open_page("ada", "batch")
    app = open_page("ada", "batch", without="second_person")
    assert whole.button(key="fix_batch").label.endswith("Fix this batch of 2 · $925.00")
    assert app.button(key="fix_batch").label.endswith("Fix this batch of 1 · $25.00")
    assert "1 payout left out" in words(app)
    app.button(key="fix_batch").click().run()

    assert items_of(desk) == [usual]
    with desk.connect() as conn:
        assert conn.execute(text("SELECT filter ->> 'without' FROM batch")).scalar_one() == "second_person"
        status = conn.execute(text("SELECT status FROM payout WHERE id = :id"), {"id": large}).scalar_one()
    assert status == "pending"


def test_the_estimate_is_by_currency_and_method_with_gross_fees_and_net(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        for minor, method in ((5_000, "stripe"), (7_000, "stripe"), (900, "paypal")):
            pending(conn, [minor], now=now, method=method)
        pending(conn, [11_000], now=now, program="creator", method="paypal")

    told = drawn(open_page("ada", "batch").table[0])

    for figure in ("$120.00", "−$0.50", "$119.50", "$9.00", "$8.75", "**$128.25**", "€110.00", "€109.75"):
        assert figure in told, figure


def test_a_set_that_nobody_has_decided_is_found_again(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        batch_id = fix_batch(conn, [pending(conn, [5_000], now=now)], filter_query={}, actor=ADA, now=now)

    told = "".join(drawn(table) for table in open_page("ben", "batch").table)

    assert f"(/batch?id={batch_id})" in told
    assert "Not decided" in told


def test_a_set_stands_against_the_median_of_the_three_runs_before_it(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        who, other = one_partner(conn), one_partner(conn)
        for days, minor in ((4, 90_000), (3, 1_000), (2, 3_000), (1, 2_000)):
            made = queued(conn, who, minor, now=now)
            at = now - timedelta(days=days)
            run = fix_batch(conn, [made], filter_query={}, actor=ADA, now=at)
            decide_batch(conn, run, "approve", totals_minor={"USD": minor}, actor=ADA, now=at)
        both = [queued(conn, who, 5_000, now=now), queued(conn, other, 1_000, now=now)]
        batch_id = fix_batch(conn, both, filter_query={}, actor=ADA, now=now)
        header = batch_header(conn, batch_id)
        assert header is not None
        before = last_batch(conn, header, now=now, masked=True)
    assert before is not None
    usual = before.usual.set_index(before.usual["partner_id"].fillna(0))["usual_minor"]
    assert usual.to_dict() == {0: 2_000, who: 2_000}

    app = open_page("ada", "batch", id=str(batch_id))
    assert not app.exception
    assert "**+200.0%**" in words(app)
    assert "median of 3, $20.00" in words(app)
    assert "250%" in "".join(drawn(table) for table in app.table)


@pytest.fixture
def decided(desk: Engine, now: datetime) -> tuple[int, list[int]]:
    """A batch of four: approved, waiting for a second person, refused, taken out."""
    with desk.begin() as conn:
        partners = [one_partner(conn, name) for name in ("=Mara <b>", "Tom", "Ida", "Leo")]
        made = [
            queued(conn, who, minor, now=now, approvals_needed=2 if place == 1 else 1)
            for place, (who, minor) in enumerate(zip(partners, (1_000, 2_000, 3_000, 4_000), strict=True))
        ]
        batch_id = fix_batch(conn, made, filter_query={}, actor=ADA, now=now)
        until = now.date() + timedelta(days=3)
        leave_out(conn, batch_id, made[3], reason="asks first", until=until, actor=ADA, now=now)
        builders.hold(conn, partners[2], "dispute")
        decide_batch(conn, batch_id, "approve", totals_minor={"USD": 6_000}, actor=BEN, now=now)
    return batch_id, made


def test_the_csv_of_a_set_says_what_became_of_every_payout(
    desk: Engine, now: datetime, decided: tuple[int, list[int]]
):
    batch_id, made = decided
    with desk.connect() as conn:
        told = batch_csv(conn, batch_id, now=now, masked=False).decode("utf-8-sig")
        masked = batch_csv(conn, batch_id, now=now, masked=True).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(told)))
    assert [(row["Payout"], row["Net"], row["Currency"]) for row in rows] == [
        (str(one), net, "USD") for one, net in zip(made, ("10.00", "20.00", "30.00", "40.00"), strict=True)
    ]
    assert [row["Decision"] for row in rows] == [
        "approved",
        "approved, waits for a second person",
        "refused: On hold: a sale is disputed.",
        "taken out: asks first",
    ]
    assert rows[0]["Partner"].startswith("'=")
    assert "Mara" not in masked


def test_a_set_is_printed_with_its_sums_and_apart_what_is_not_in_it(
    desk: Engine, now: datetime, decided: tuple[int, list[int]]
):
    batch_id, _ = decided
    with desk.connect() as conn:
        told = batch_page(conn, batch_id, now=now, masked=False).decode()
        with pytest.raises(UnknownBatch):
            batch_page(conn, batch_id + 1, now=now, masked=False)
    assert "by ben." in told
    assert "<b>" not in told
    sums, rest = told.split("<h2>Not in this batch: 2</h2>")
    assert "$30.00" in sums  # 10 and 20, neither what was refused nor what was taken out
    out, taken = rest.split("<h2>Payouts: 2</h2>")
    assert "a sale is disputed" in out
    assert "asks first" in out
    assert "Mara" in taken
    assert "Ida" not in taken


def test_a_set_is_taken_home_from_its_page(open_page: Open, decided: tuple[int, list[int]]):
    app = open_page("vera", "batch", id=str(decided[0]))

    assert [one.proto.label for one in app.get("download_button")] == ["CSV", "Print"]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("", "Type the net total in USD."),
        ("60,000.00", "The total typed is not the net of the batch in USD."),
        ("60,000.01", None),
    ],
)
def test_a_large_set_is_decided_only_with_its_total_typed_back(
    desk: Engine, open_page: Open, now: datetime, typed: str, answer: str | None
):
    with desk.begin() as conn:
        made = queued(conn, one_partner(conn), 6_000_001, now=now)
        batch_id = fix_batch(conn, [made], filter_query={}, actor=ADA, now=now)
    app = open_page("ada", "batch", id=str(batch_id))
    (total,) = [one for one in app.text_input if one.label == "Type the net total, USD"]
    total.set_value(typed)
    button(app, "decide_batch_").click().run()

    assert [one.value for one in app.warning] == ([answer] if answer else [])
    with desk.connect() as conn:
        status = conn.execute(text("SELECT status FROM payout WHERE id = :id"), {"id": made}).scalar_one()
    assert status == ("pending" if answer else "approved")
