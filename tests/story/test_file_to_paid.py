"""One story: the sample files, a night of jobs, two people's approvals, a refusal and its retry, and everybody paid.

After every step seven partners have exactly the money they should, all money is somewhere, and every law of the books
holds. The figures are worked out by hand from the files.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from core.imports import ImportResult
from core.providers import Declined, Order, Succeeded
from tests.desk import ABE, DAY, Balance, Desk, Rail, declined

SAMPLES = Path(__file__).parents[1] / "samples"
SATURDAY = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)  # the month is not over yet
NIGHT = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
MORNING = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOTHING = Balance(0, 0, 0, 0, 0)

SOMEWHERE_ELSE = text("""
    SELECT g.currency FROM program g
      JOIN partner p ON p.program_id = g.id
      JOIN (SELECT partner_id, held + available + reserved + paid + fees AS amount FROM partner_balance) b
        ON b.partner_id = p.id
      LEFT JOIN (SELECT partner_id, sum(amount_minor) AS amount FROM earning GROUP BY 1) e ON e.partner_id = p.id
     GROUP BY g.currency HAVING sum(b.amount) <> sum(coalesce(e.amount, 0))
""")


class Story:
    """The seven partners the story follows, by code, and what each has at the moment."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.expected = dict.fromkeys(
            ("BRK1007", "BRK1008", "BRR1006", "BAR1010", "AFF1025", "CRE1016", "RSL1002"), NOTHING
        )

    def now_has(self, **changed: Balance) -> None:
        """Check everybody's money: these have changed, the others have not, and nothing got lost."""
        self.expected |= changed
        assert {code: self.desk.balance(code) for code in self.expected} == self.expected
        with self.desk.engine.connect() as conn:
            assert list(conn.execute(SOMEWHERE_ELSE)) == []
        assert self.desk.faults() == []

    def take_in(self, kind: str, name: str) -> ImportResult:
        return self.desk.take_in(kind, (SAMPLES / name).read_text(encoding="utf-8"), now=SATURDAY)

    def payout_of(self, code: str) -> int:
        """The partner's payout that is under way."""
        found = self.desk.column(
            "SELECT p.id FROM payout p JOIN partner t ON t.id = p.partner_id WHERE t.code = :code AND p.live",
            code=code,
        )
        (payout,) = found
        assert isinstance(payout, int)
        return payout

    def skipped(self, run_id: int) -> dict[object, object]:
        """Why a queue run passed over these partners."""
        query = text(
            "SELECT p.code, s.reason FROM skip s JOIN partner p ON p.id = s.partner_id WHERE run_id = :r"
        )
        with self.desk.engine.connect() as conn:
            return {row.code: row.reason for row in conn.execute(query, {"r": run_id})}


def test_from_the_sample_files_to_paid(desk: Desk) -> None:
    story = Story(desk)
    _the_files_come_in(story)
    _the_night_turns_them_into_payouts(story)
    payouts = _two_people_approve(story)
    _one_is_refused_for_now_and_one_for_good(story, payouts)
    _the_retry_pays(story, payouts["AFF1025"])
    _a_new_destination_is_paid_after_its_wait(story)


def _the_files_come_in(story: Story) -> None:
    assert story.take_in("partners", "partners.csv").added == 120
    assert story.take_in("customers", "customers.csv").added == 320
    story.now_has()
    sales = story.take_in("sales", "earnings.csv")
    assert (sales.rows, sales.added, sales.unchanged, sales.refused, sales.conflicts) == (
        2084,
        2065,
        1,
        17,
        1,
    )
    # A barber's booth rent counts at once; services wait for their month, customers for the night.
    files = {
        "BAR1010": Balance(0, -50_00, 0, 0, 0),
        "AFF1025": Balance(719_35, 0, 0, 0, 0),
        "CRE1016": Balance(763_18, 0, 0, 0, 0),
        "RSL1002": Balance(292_67, 0, 0, 0, 0),
    }
    story.now_has(**files)
    assert story.take_in("sales", "earnings.csv").added == 0
    story.now_has(**files)


def _the_night_turns_them_into_payouts(story: Story) -> None:
    desk = story.desk
    desk.accrue(NIGHT)
    story.now_has(
        BRK1007=Balance(2000_00, 0, 0, 0, 0),  # four customers stayed 60 days
        BRK1008=Balance(1000_00, 0, 0, 0, 0),  # two
        BRR1006=Balance(1000_00, 0, 0, 0, 0),  # twenty months of customers
        BAR1010=Balance(2329_20, -50_00, 0, 0, 0),  # 66 services: 72 % of 3,235.00
    )
    assert desk.accrue(NIGHT).count == 0
    story.now_has()

    desk.release(NIGHT + 30 * MINUTE)
    story.now_has(
        BRK1007=Balance(0, 2000_00, 0, 0, 0),
        BRK1008=Balance(0, 1000_00, 0, 0, 0),
        BRR1006=Balance(0, 1000_00, 0, 0, 0),
        BAR1010=Balance(0, 2279_20, 0, 0, 0),
        AFF1025=Balance(0, 719_35, 0, 0, 0),
        CRE1016=Balance(108_89, 654_29, 0, 0, 0),  # bookings of the last seven days wait
        RSL1002=Balance(0, 292_67, 0, 0, 0),
    )

    desk.queue(NIGHT + 45 * MINUTE)
    story.now_has(
        BRK1007=Balance(0, 0, 2000_00, 0, 0),
        BRK1008=Balance(0, 0, 1000_00, 0, 0),
        BRR1006=Balance(0, 0, 1000_00, 0, 0),
        BAR1010=Balance(0, 0, 2279_20, 0, 0),
    )
    skipped = story.skipped(run_id=1)
    assert (skipped["BRK1013"], skipped["BRK1002"]) == ("partner_suspended", "no_destination")


def _two_people_approve(story: Story) -> dict[str, int]:
    desk = story.desk
    for code, amount in (("AFF1025", "100.00"), ("CRE1016", "500.00"), ("RSL1002", "292.67")):
        desk.request(code, amount, now=MORNING)
    story.now_has(
        AFF1025=Balance(0, 619_35, 100_00, 0, 0),
        CRE1016=Balance(108_89, 154_29, 500_00, 0, 0),
        RSL1002=Balance(0, 0, 292_67, 0, 0),
    )

    payouts = {code: story.payout_of(code) for code in story.expected}
    large = sorted([payouts["BRK1007"], payouts["BAR1010"]])
    first = desk.approve(*payouts.values(), now=MORNING)
    assert (first.done, first.waiting) == (sorted(set(payouts.values()) - set(large)), large)
    assert {one.code for one in desk.approve(*large, now=MORNING).refused} == {"already_approved"}
    assert desk.approve(*large, actor=ABE, now=MORNING).done == large
    story.now_has()
    return payouts


def _one_is_refused_for_now_and_one_for_good(story: Story, payouts: dict[str, int]) -> None:
    desk = story.desk
    refusals = {
        payouts["AFF1025"]: declined("network_timeout"),
        payouts["BRK1007"]: declined("invalid_bank_account"),
    }

    def answer(order: Order) -> Succeeded | Declined:
        return refusals.get(order.payout_id) or Succeeded(provider_ref=f"tr_{order.key}")

    result = desk.send(Rail(*[answer] * len(payouts)), MORNING)

    assert (result.succeeded, result.declined, result.unknown) == (5, 2, 0)
    assert result.amounts == {"USD": 98_00 + 2000_00 + 1000_00 + 1000_00 + 2278_70 + 292_67, "EUR": 500_00}
    assert desk.status(payouts["AFF1025"]) == "retrying"
    assert desk.status(payouts["BRK1007"]) == "failed"
    story.now_has(
        BRK1007=Balance(0, 2000_00, 0, 0, 0),  # given back
        BRK1008=Balance(0, 0, 0, 1000_00, 0),
        BRR1006=Balance(0, 0, 0, 1000_00, 0),
        BAR1010=Balance(0, 0, 0, 2278_70, 50),
        CRE1016=Balance(108_89, 154_29, 0, 500_00, 0),
        RSL1002=Balance(0, 0, 0, 292_67, 0),
    )


def _the_retry_pays(story: Story, payout: int) -> None:
    desk, rail = story.desk, Rail()
    desk.send(rail, MORNING + 5 * MINUTE - timedelta(seconds=1))
    assert rail.sent == []
    story.now_has()

    desk.send(rail, MORNING + 5 * MINUTE)

    assert [(order.payout_id, order.n, order.params["amount_minor"]) for order in rail.sent] == [
        (payout, 2, 98_00)
    ]
    assert desk.status(payout) == "paid"
    story.now_has(AFF1025=Balance(0, 619_35, 0, 98_00, 2_00))


def _a_new_destination_is_paid_after_its_wait(story: Story) -> None:
    desk, code = story.desk, "BRK1007"
    desk.queue(MORNING + DAY, run_id=2)
    assert story.skipped(run_id=2)[code] == "on_hold"
    joined = str(desk.scalar("SELECT joined_on FROM partner WHERE code = :code", code=code))
    desk.partner(code, program="broker-bounty", account="acct_new", joined_on=joined, now=MORNING + DAY)
    desk.queue(MORNING + 7 * DAY, run_id=3)
    assert story.skipped(run_id=3)[code] == "on_hold"
    story.now_has()

    week_later = MORNING + 8 * DAY
    desk.queue(week_later, run_id=4)
    story.now_has(BRK1007=Balance(0, 0, 2000_00, 0, 0))
    payout = story.payout_of(code)
    assert desk.approve(payout, now=week_later).waiting == [payout]
    assert desk.approve(payout, actor=ABE, now=week_later).done == [payout]
    desk.send(Rail(), week_later)
    story.now_has(BRK1007=Balance(0, 0, 0, 2000_00, 0))
