"""The queue: views, exact totals, pages without gap or repetition, search, signals, masks."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from core.guards import STOPS_SENDING, blocking_reasons
from core.reads.filters import PayoutFilter
from core.reads.payouts import SORTS, counters, every_payout, list_payouts, matching, payouts_as_json, totals
from core.reads.shown import show
from core.reads.views import blocked_among, open_views
from tests.builders import (
    DAY,
    NOW,
    approve,
    claim,
    customer,
    destination,
    earning,
    hold,
    partner,
    pay,
    payout,
)
from tests.core.reads.desk import one_of_each, preset, queued, rows_by

IN_VIEW = {
    "ready": {"ready", "euro"},
    "second_person": {"begun"},
    "blocked": {"held", "moved", "suspended"},
    "aside": {"aside"},
    "approved": {"approved"},
    "retrying": {"retrying"},
    "leaves": {"approved", "unknown"},
    "paid": {"paid"},
    "open": {
        "ready",
        "euro",
        "begun",
        "held",
        "moved",
        "suspended",
        "aside",
        "approved",
        "retrying",
        "unknown",
    },
}


def codes(conn: Connection, wanted: PayoutFilter, **how: object) -> list[str]:
    return list(list_payouts(conn, wanted, now=NOW, masked=False, **how).frame["partner_code"])  # type: ignore[arg-type]


@pytest.mark.parametrize("view", IN_VIEW)
def test_each_view_shows_what_it_says(conn: Connection, view: str):
    one_of_each(conn)
    assert set(codes(conn, PayoutFilter(view=view))) == IN_VIEW[view]


def test_pending_is_split_without_gap_or_overlap_and_the_cards_count_the_same(conn: Connection):
    one_of_each(conn)
    views = counters(conn, now=NOW).views
    pending = codes(conn, PayoutFilter(view="all", status="pending"))
    assert views["ready"] + views["second_person"] + views["blocked"] + views["aside"] == len(pending) == 7
    counted = {
        view: len(names) for view, names in IN_VIEW.items() if view != "leaves"
    }  # the overview counts it
    assert views == {"all": 12} | counted
    assert {view: waiting.count for view, waiting in open_views(conn, now=NOW).items()} == {
        view: len(IN_VIEW[view]) for view in ("ready", "second_person", "blocked", "aside")
    }


def test_what_was_set_aside_is_back_on_its_day(conn: Connection):
    one_of_each(conn)
    later = NOW + 3 * DAY
    assert "aside" in set(
        list_payouts(conn, PayoutFilter(view="ready"), now=later, masked=False).frame["partner_code"]
    )
    assert totals(conn, PayoutFilter(view="aside"), now=later, masked=False).empty


def test_totals_are_the_sums_of_the_rows_however_they_are_asked_for(conn: Connection):
    one_of_each(conn)
    filters = [
        PayoutFilter(view="all"),
        PayoutFilter(view="open"),
        PayoutFilter(view="paid"),
        PayoutFilter(view="all", status="pending"),
        PayoutFilter(view="open", method="stripe", program="creator"),
        PayoutFilter(view="ready"),
        PayoutFilter(view="blocked"),
        PayoutFilter(view="all", priority="normal"),
        PayoutFilter(view="all", days="7d"),
        PayoutFilter(view="all", partner="euro"),
    ]
    for wanted in filters:
        rows = list_payouts(conn, wanted, now=NOW, masked=False).frame
        told = totals(conn, wanted, now=NOW, masked=False)
        summed = rows.groupby("currency")[["amount_minor", "fee_minor", "net_minor"]].sum()
        counted = rows.groupby("currency").size()
        assert {
            row.currency: (row.count_, row.amount_minor, row.fee_minor, row.net_minor)
            for row in told.rename(columns={"count": "count_"}).itertuples()
        } == {
            currency: (counted[currency], *(summed.loc[currency][name] for name in summed.columns))
            for currency in summed.index
        }, wanted


def test_totals_by_counters_and_by_rows_are_the_same_exact_figures(conn: Connection):
    one_of_each(conn)
    by_counters = totals(conn, PayoutFilter(view="open"), now=NOW, masked=False)
    by_rows = totals(conn, PayoutFilter(view="open", priority="normal"), now=NOW, masked=False)
    expected = [["EUR", 1, 12_000, 0, 12_000], ["USD", 9, 243_500, 25, 243_475]]
    assert by_counters.to_numpy().tolist() == by_rows.to_numpy().tolist() == expected


def test_the_cards_tell_count_and_amount_per_currency_and_what_was_paid_today(conn: Connection):
    one_of_each(conn)
    figures = ("count", "amount_minor", "fee_minor", "net_minor")
    cards = {
        key: [row[name] for name in figures]
        for key, row in rows_by(counters(conn, now=NOW).cards, "card", "currency").items()
    }
    assert cards["paid_today", "USD"] == [1, 10_000, 25, 9_975]
    assert cards["pending", "EUR"] == [1, 12_000, 0, 12_000]
    assert cards["approved", "USD"] == [1, 7_000, 0, 7_000]
    assert cards["processing", "USD"] == [1, 9_000, 0, 9_000]
    tomorrow = counters(conn, now=NOW + DAY).cards
    assert "paid_today" not in set(tomorrow["card"])


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [True, False])
def test_pages_visit_every_row_once_in_order_both_ways_under_ties(
    conn: Connection,
    sort: str,
    descending: bool,  # noqa: FBT001 (a parameter of the test)
):
    twins = partner(conn, preset(conn), "TWINS")
    for number in range(23):
        moment = NOW - timedelta(hours=number // 5)
        payout(conn, twins, [earning(conn, twins, 1_000 + number % 3)], queued_at=moment)
    wanted = PayoutFilter(view="all")
    whole = list(
        list_payouts(conn, wanted, now=NOW, masked=False, sort=sort, descending=descending, limit=100).frame[
            "id"
        ]
    )
    assert len(whole) == 23
    forward, cursor, pages = [], None, []
    while True:
        page = list_payouts(
            conn, wanted, now=NOW, masked=False, sort=sort, descending=descending, cursor=cursor, limit=5
        )
        pages.append(page)
        forward += list(page.frame["id"])
        cursor = page.next
        if cursor is None:
            break
    assert forward == whole
    assert pages[0].previous is None
    backward, cursor = list(pages[-1].frame["id"]), pages[-1].previous
    while cursor is not None:
        page = list_payouts(
            conn, wanted, now=NOW, masked=False, sort=sort, descending=descending, cursor=cursor, limit=5
        )
        backward = list(page.frame["id"]) + backward
        cursor = page.previous
    assert backward == whole


@pytest.mark.parametrize(
    "cursor", ["after:999999999", "after:", "before:x", "sideways:1", "after:٣", "after:" + "9" * 30]
)
def test_a_cursor_that_leads_nowhere_is_the_first_page(conn: Connection, cursor: str):
    one_of_each(conn)
    wanted = PayoutFilter(view="all")
    assert codes(conn, wanted, cursor=cursor) == codes(conn, wanted)


def test_everything_that_matches_is_taken_home_once_and_fixed_with_its_versions(conn: Connection):
    made = one_of_each(conn)
    wanted = PayoutFilter(view="open")
    frames = list(every_payout(conn, wanted, now=NOW, masked=False, rows=3))
    taken = Counter(int(one) for frame in frames for one in frame["id"])
    assert taken == Counter(made[name] for name in IN_VIEW["open"])
    fixed = matching(conn, wanted, now=NOW, masked=False)
    assert not fixed.more
    assert set(fixed.frame["id"]) == set(taken)
    versions = {row.id: row.version for row in conn.execute(text("SELECT id, version FROM payout"))}
    assert all(versions[row.id] == row.version for row in fixed.frame.itertuples())
    cut = matching(conn, wanted, now=NOW, masked=False, limit=4)
    assert (len(cut.frame), cut.more) == (4, True)


def test_the_search_finds_by_what_a_person_has_in_hand(conn: Connection):
    made = one_of_each(conn)
    who = partner(conn, preset(conn), "CU-77", name="Zoë_100%")
    bought = customer(conn, who, signed_up_at=NOW - 61 * DAY)
    found = payout(conn, who, [earning(conn, who, 700, customer_id=bought, source_ref="order-1")])
    hit = conn.execute(
        text("""SELECT d.account, c.ref AS customer, t.provider_ref FROM destination d, customer c, attempt t
                 WHERE d.partner_id = :who AND c.id = :bought AND t.payout_id = :paid"""),
        {"who": who, "bought": bought, "paid": made["paid"]},
    ).one()

    def search(term: str, *, masked: bool = False) -> set[int]:
        return set(
            list_payouts(conn, PayoutFilter(view="all", search=term), now=NOW, masked=masked).frame["id"]
        )

    assert search(str(found)) >= {found}
    assert search(f"#{found}") == {found}
    for term in ("cu-7", "zoë_1", "ZOË_100%", "cu-77@exam", hit.account, "order-1", hit.customer):
        assert search(term) == {found}, term
    assert search(hit.provider_ref) == {made["paid"]}
    assert search("oë") == search("%") == search("_") == search("nobody") == set()
    assert search("cu-77", masked=True) == search("order-1", masked=True) == {found}
    for personal in ("zoë_1", "cu-77@example.com", hit.account):
        assert search(personal, masked=True) == set(), personal


def test_a_viewer_sees_codes_and_no_person(conn: Connection):
    one_of_each(conn)
    seen = list_payouts(conn, PayoutFilter(view="all"), now=NOW, masked=True, sort="partner").frame
    assert seen[["partner_name", "partner_email", "account", "customer"]].isna().all().all()
    assert list(seen["partner_code"]) == sorted(seen["partner_code"], reverse=True)
    assert (
        not list_payouts(conn, PayoutFilter(view="all"), now=NOW, masked=False)
        .frame["partner_name"]
        .isna()
        .any()
    )


def test_a_row_tells_customers_days_and_balance(conn: Connection):
    who = partner(conn, preset(conn), "ROW")
    gone = customer(conn, who, signed_up_at=NOW - 100 * DAY, cancelled_at=NOW - 30 * DAY)
    here = customer(conn, who, signed_up_at=NOW - 61 * DAY)
    earning(conn, who, 999)
    one = payout(conn, who, [earning(conn, who, 500, customer_id=here)], queued_at=NOW - 2 * DAY)
    two = payout(
        conn,
        who,
        [earning(conn, who, 300, customer_id=here, period="a"), earning(conn, who, 200, customer_id=gone)],
    )
    rows = show(conn, [two, one], now=NOW, masked=False)
    assert list(rows["id"]) == [two, one]
    assert rows[
        ["items", "customers", "days_active_min", "days_active_max", "days_pending"]
    ].to_numpy().tolist() == [
        [2, 2, 61, 70, 0],
        [1, 1, 61, 61, 2],
    ]
    assert rows["customer"].isna().tolist() == [True, False]
    assert rows["available_minor"].tolist() == [999, 999]


def test_signals_say_what_is_unusual(conn: Connection):
    who = partner(conn, preset(conn), "SIG")
    paid = []
    for minor in (1_000, 1_100, 1_200):
        paid.append(payout(conn, who, [earning(conn, who, minor)]))
        approve(conn, paid[-1])
        claim(conn, paid[-1])
        pay(conn, paid[-1])
    usual = payout(conn, who, [earning(conn, who, 3_300)])
    above = payout(conn, who, [earning(conn, who, 3_301)], approvals_needed=2)
    old = conn.execute(text("SELECT destination_id FROM partner WHERE id = :id"), {"id": who}).scalar_one()
    new = destination(conn, who)
    assert new != old
    rows = show(conn, [paid[0], usual, above], now=NOW, masked=False)
    assert rows["signals"].tolist() == [["first_payout"], [], ["above_usual", "second_person"]]
    assert rows["usual_minor"].tolist()[1:] == [1_100, 1_100]


def test_how_many_people_a_payout_still_lacks_is_counted_without_whoever_has_approved(conn: Connection):
    made = one_of_each(conn)
    untouched = queued(conn, "untouched", 1_000, approvals_needed=2)
    asked = [*(made[name] for name in ("ready", "begun", "approved", "paid")), untouched]
    assert show(conn, asked, now=NOW, masked=False)["approvals_missing"].tolist() == [1, 1, 0, 0, 2]


def test_scripts_get_payouts_newest_first_with_their_reference(conn: Connection):
    made = one_of_each(conn)
    rows = payouts_as_json(conn, program="affiliate", limit=2)
    assert [row["id"] for row in rows] == [made["rejected"], made["paid"]]
    (paid,) = payouts_as_json(conn, status="paid", partner="paid")
    assert paid["provider_ref"]
    assert (paid["amount_minor"], paid["fee_minor"], paid["net_minor"], paid["currency"]) == (
        10_000,
        25,
        9_975,
        "USD",
    )
    assert payouts_as_json(conn, partner="nobody") == []


def test_the_blocked_view_is_what_the_guards_stop(conn: Connection):
    made = one_of_each(conn)
    frozen = conn.execute(
        text(
            "SELECT i.earning_id, p.partner_id FROM payout_item i JOIN payout p ON p.id = i.payout_id WHERE p.id = :id"
        ),
        {"id": made["approved"]},
    ).one()
    hold(conn, frozen.partner_id, "dispute", earning_id=frozen.earning_id)
    over = conn.execute(
        text("SELECT partner_id FROM payout WHERE id = :id"), {"id": made["retrying"]}
    ).scalar_one()
    hold(conn, over, "review", payout_id=made["retrying"], until=NOW)  # has just ended
    waiting = [made[name] for name in made if name not in {"aside", "unknown", "paid", "rejected"}]
    reasons = blocking_reasons(conn, waiting, now=NOW)
    stopped = {
        payout_id
        for payout_id, found in reasons.items()
        if {reason.code for reason in found} & (STOPS_SENDING - {"approvals_missing"})
    }
    assert stopped == {made[name] for name in ("held", "moved", "suspended", "approved")}
    assert set(list_payouts(conn, PayoutFilter(view="blocked"), now=NOW, masked=False).frame["id"]) == stopped
    assert blocked_among(conn, [*made.values()], now=NOW) == stopped
    assert blocked_among(conn, [], now=NOW) == frozenset()
