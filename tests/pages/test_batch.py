"""The page of a batch: what approving it means, and why a partner gets another sum than last time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, text
from streamlit.testing.v1 import AppTest

from core.access import Actor
from core.batches import decide_batch, fix_batch
from core.reads.batch import LastBatch, batch_header, last_batch
from pages.shared.batch_difference import because
from tests import builders
from tests.building.payouts import decision
from tests.pages.conftest import Open
from tests.world import pending

ADA = Actor(name="user:ada", channel="page", roles=frozenset({"approver"}))
LAST = LastBatch(
    id=1,
    decided_at=datetime(2026, 1, 1, tzinfo=UTC),
    items=pd.DataFrame(),
    released=frozenset({7}),
    held=frozenset({8}),
    usual=pd.DataFrame(),
)


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        ({"net": 500, "earnings": 3, "first": True}, "First payout"),
        ({"net": 500, "earnings": 3}, "3 earnings"),
        ({"partner_id": 7, "net": 500, "earnings": 3}, "A hold has ended"),
        ({"net": 900, "before": 500, "earnings": 5, "earnings_before": 2}, "5 earnings, 3 more"),
        ({"net": 400, "before": 500, "earnings": 1, "earnings_before": 2}, "1 earning, 1 fewer"),
        ({"net": 400, "before": 500, "earnings": 2, "earnings_before": 2}, "2 earnings again, smaller"),
        ({"before": 500, "earnings_before": 2}, "No payout in this batch"),
        ({"partner_id": 8, "before": 500, "earnings_before": 2}, "On hold"),
    ],
)
def test_a_mover_is_explained_by_its_plain_main_reason(move: dict[str, object], reason: str):
    usual = {
        "partner_id": 1,
        "net": None,
        "before": None,
        "first": False,
        "earnings": None,
        "earnings_before": None,
    }
    row = next(pd.DataFrame([usual | move]).assign(change=_change).itertuples())
    assert because(row, LAST) == reason


def _change(frame: pd.DataFrame) -> pd.Series:
    return frame["net"].fillna(0).astype(int) - frame["before"].fillna(0).astype(int)


def test_the_last_run_tells_earnings_and_the_holds_that_ended_or_began_since(desk: Engine, now: datetime):
    with desk.begin() as conn:
        payouts = [pending(conn, [5_000, 2_000], now=now) for _ in range(3)]
        first = fix_batch(conn, payouts, filter_query={}, actor=ADA, now=now - timedelta(hours=2))
        totals = {"USD": 3 * 6_975}
        decide_batch(conn, first, "approve", totals_minor=totals, actor=ADA, now=now - timedelta(hours=2))
        owners = {row.id: row.partner_id for row in conn.execute(text("SELECT id, partner_id FROM payout"))}
        builders.hold(conn, owners[payouts[0]], "review", until=now - timedelta(hours=1))
        builders.hold(conn, owners[payouts[1]], "review")
        later = fix_batch(conn, [pending(conn, [900], now=now)], filter_query={}, actor=ADA, now=now)
        header = batch_header(conn, later)
        assert header is not None
        told = last_batch(conn, header, now=now, masked=True)
    assert told is not None
    assert told.items["earnings"].tolist() == [2, 2, 2]
    assert (told.released, told.held) == (
        frozenset({owners[payouts[0]]}),
        frozenset({owners[payouts[1]]}),
    )


def test_a_set_says_how_many_of_it_wait_for_a_second_person_and_the_second_person_is_not_told_so(
    desk: Engine, open_page: Open, now: datetime
):
    with desk.begin() as conn:
        payouts = [pending(conn, [2500], now=now), *two_that_need_two(conn, now)]
        decision(conn, payouts[1], "user:max")
        first = fix_batch(conn, payouts, filter_query={}, actor=ADA, now=now)
        second = fix_batch(conn, payouts[:2], filter_query={}, actor=ADA, now=now)
    told = captions(open_page("ada", "batch", id=str(first)))
    assert "1 of them waits for a second person afterwards" in told
    assert "second person" not in captions(open_page("ada", "batch", id=str(second)))


def captions(app: AppTest) -> str:
    assert not app.exception
    return " ".join(caption.value for caption in app.caption)


def test_every_currency_of_a_set_is_compared_with_the_last_run(desk: Engine, open_page: Open, now: datetime):
    with desk.begin() as conn:
        earlier = [pending(conn, [5_000], now=now), pending(conn, [3_000], now=now, program="creator")]
        first = fix_batch(conn, earlier, filter_query={}, actor=ADA, now=now - timedelta(hours=2))
        sums = conn.execute(text("SELECT currency, sum(net_minor)::bigint AS net FROM payout GROUP BY 1"))
        nets = {str(row.currency): int(row.net) for row in sums}
        decide_batch(conn, first, "approve", totals_minor=nets, actor=ADA, now=now - timedelta(hours=2))
        later = [pending(conn, [5_000], now=now), pending(conn, [4_000], now=now, program="creator")]
        batch_id = fix_batch(conn, later, filter_query={}, actor=ADA, now=now)
    app = open_page("ada", "batch", id=str(batch_id))
    labels = [caption.value for caption in app.caption]
    assert {"Net, EUR", "Net, USD"} <= set(labels)
    assert nets.keys() == {"EUR", "USD"}
    bold = [one.value for one in app.markdown]
    assert "**+€10.00**" in bold
    assert "**$0.00**" in bold


def two_that_need_two(conn: Connection, now: datetime) -> list[int]:
    preset = conn.execute(text("SELECT id FROM program WHERE code = 'affiliate'")).scalar_one()
    payouts = []
    for _ in range(2):
        partner_id = builders.partner(conn, preset)
        earned = builders.earning(conn, partner_id, 2500, release_at=now - timedelta(days=2))
        payouts.append(
            builders.payout(
                conn, partner_id, [earned], queued_at=now - timedelta(hours=2), approvals_needed=2
            )
        )
    return payouts


def test_the_second_persons_set_is_not_compared_with_the_first_persons_of_the_same_payouts(
    desk: Engine, now: datetime
):
    with desk.begin() as conn:
        payouts = two_that_need_two(conn, now)
        first = fix_batch(conn, payouts, filter_query={}, actor=ADA, now=now - timedelta(hours=1))
        totals = {"USD": 2 * 2_500}
        decide_batch(conn, first, "approve", totals_minor=totals, actor=ADA, now=now - timedelta(hours=1))
        second = fix_batch(conn, payouts, filter_query={}, actor=ADA, now=now)
        header = batch_header(conn, second)
        assert header is not None
        assert last_batch(conn, header, now=now, masked=True) is None
