"""Payouts: their columns, statuses, and what is frozen."""

from datetime import date

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, commits, proves, refused

STATUSES = (
    "pending",
    "approved",
    "processing",
    "retrying",
    "paid",
    "reversed",
    "rejected",
    "cancelled",
    "failed",
)
EDGES = {
    ("pending", "approved"),
    ("pending", "rejected"),
    ("pending", "cancelled"),
    ("approved", "pending"),
    ("approved", "processing"),
    ("approved", "cancelled"),
    ("processing", "paid"),
    ("processing", "retrying"),
    ("processing", "approved"),
    ("processing", "failed"),
    ("retrying", "processing"),
    ("retrying", "cancelled"),
    ("paid", "reversed"),
}


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


@bad_rows(
    "payout",
    ("declared_origin", {"origin": "wish"}),
    ("declared_priority", {"priority": "now"}),
    ("pays_more_than_its_fee", {"fee_minor": 100_00}),
    ("pays_more_than_its_fee", {"fee_minor": -1}),
    ("one_side_bears_the_fee", {"platform_cost_minor": -1}),
    ("one_side_bears_the_fee", {"platform_cost_minor": 1, "fee_minor": 1}),
    ("one_or_two_approvals", {"approvals_needed": 0}),
    ("one_or_two_approvals", {"approvals_needed": 3}),
    ("taken_out_with_a_reason", {"aside_until": date(2026, 4, 1)}),
    ("taken_out_with_a_reason", {"aside_until": date(2026, 4, 1), "aside_reason": "later"}),
    ("retry_has_a_time", {"retry_at": b.NOW}),
)
def test_a_payout_row_is_as_declared(
    owner: Connection, ana: int, rule: str, different: dict[str, object]
) -> None:
    sold = b.earning(owner, ana, 100_00)
    with refused(owner, rule):
        b.payout(owner, ana, [sold], **different)
    b.payout(owner, ana, [sold], fee_minor=99_99, priority="urgent", approvals_needed=2)


@proves("payout.declared_payout_method")
def test_a_payout_goes_by_a_declared_method(owner: Connection, ana: int) -> None:
    sold = b.earning(owner, ana, 100_00)
    with refused(owner, "declared_payout_method"):
        b.payout(owner, ana, [sold], method="cash")


@proves(
    "payout.declared_status",
    "payout.rejection_has_a_reason",
    "payout.retry_has_a_time",
    "payout.processed_at_some_time",
)
def test_a_payout_has_a_declared_status_with_what_belongs_to_it(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    commits(owner)
    owner.execute(text("ALTER TABLE payout DISABLE TRIGGER payout_edge"))
    with refused(owner, "declared_status"):
        b.set_status(owner, payout, "sent")
    for status in ("rejected", "cancelled", "failed"):
        with refused(owner, "rejection_has_a_reason"):
            b.set_status(owner, payout, status)
        with refused(owner, "rejection_has_a_reason"):
            b.set_status(owner, payout, status, reason="")
    with refused(owner, "retry_has_a_time"):
        b.set_status(owner, payout, "retrying")
    for status in ("paid", "failed", "reversed"):
        with refused(owner, "processed_at_some_time"):
            b.set_status(owner, payout, status, processed_at=None, reason="x")
    assert b.status_of(owner, payout) == "pending"


@proves("payout.payout_ref_once")
def test_no_two_payouts_share_the_reference_the_provider_sees(owner: Connection, ana: int) -> None:
    first = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    ref = owner.execute(text("SELECT ref FROM payout WHERE id = :id"), {"id": first}).scalar_one()
    sold = b.earning(owner, ana, 100)
    with refused(owner, "payout_ref_once"):
        b.payout(owner, ana, [sold], ref=ref)


@proves(
    "payout.payout_in_its_partners_program",
    "payout.payout_in_its_programs_currency",
    "payout.payout_under_its_programs_policy",
    "payout.payout_to_its_partners_destination",
)
def test_a_payout_keeps_to_its_partner(owner: Connection, ana: int) -> None:
    other = b.program(owner, currency="EUR")
    ben = b.partner(owner, b.program_of(owner, ana))
    of_ben = owner.execute(
        text("SELECT destination_id FROM partner WHERE id = :id"), {"id": ben}
    ).scalar_one()
    sold = b.earning(owner, ana, 100)
    with refused(owner, "payout_in_its_partners_program"):
        b.payout(owner, ana, [sold], program_id=other, currency="EUR", policy_id=b.policy_of(owner, other))
    with refused(owner, "payout_in_its_programs_currency"):
        b.payout(owner, ana, [sold], currency="EUR")
    with refused(owner, "payout_under_its_programs_policy"):
        b.payout(owner, ana, [sold], policy_id=b.policy_of(owner, other))
    with refused(owner, "payout_to_its_partners_destination"):
        b.payout(owner, ana, [sold], destination_id=of_ben)
    with refused(owner, "payout_to_its_partners_destination"):
        b.payout(owner, ana, [sold], method="paypal")
    assert b.balance(owner, ana).available == 100
    b.payout(owner, ana, [sold])


@proves("payout.one_open_request_per_partner")
def test_one_request_is_open_at_a_time_where_the_program_says_so(owner: Connection, ana: int) -> None:
    request = {"origin": "request", "one_open_request": True}
    first = b.payout(owner, ana, [b.earning(owner, ana, 100)], **request)
    sold = b.earning(owner, ana, 200)
    with refused(owner, "one_open_request_per_partner"):
        b.payout(owner, ana, [sold], **request)
    b.end(owner, first, "cancelled")
    b.payout(owner, ana, [sold], **request)
    b.payout(owner, ana, [b.earning(owner, ana, 300)])


@proves("payout.slot_served_once")
def test_a_slot_of_the_schedule_is_served_once(owner: Connection, ana: int) -> None:
    first = b.payout(owner, ana, [b.earning(owner, ana, 100)], slot=b.NOW)
    sold = b.earning(owner, ana, 200)
    with refused(owner, "slot_served_once"):
        b.payout(owner, ana, [sold], slot=b.NOW)
    b.payout(owner, ana, [sold], slot=b.NOW + b.DAY)
    b.end(owner, first, "rejected")
    b.payout(owner, ana, [b.earning(owner, ana, 300)], slot=b.NOW)


@proves("payout.payout_begins_pending", "payout_begins_pending")
@pytest.mark.parametrize("status", [status for status in STATUSES if status != "pending"])
def test_a_payout_begins_as_pending(owner: Connection, ana: int, status: str) -> None:
    sold = b.earning(owner, ana, 100)
    with refused(owner, "payout_begins_pending"):
        b.payout(
            owner, ana, [sold], status=status, reason="x", retry_at=b.NOW if status == "retrying" else None
        )
    assert b.status_of(owner, b.payout(owner, ana, [sold])) == "pending"


@proves("payout.payout_edge", "declared_edge")
def test_a_payout_moves_along_declared_edges_only(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    commits(owner)
    for other in ("payout_tells_one_story", "reversed_when_all_came_back"):  # only edges are asked here
        owner.execute(text(f"ALTER TABLE payout DISABLE TRIGGER {other}"))
    for start in STATUSES:
        owner.execute(text("ALTER TABLE payout DISABLE TRIGGER payout_edge"))
        b.set_status(owner, payout, start, retry_at=b.NOW if start == "retrying" else None, reason="x")
        owner.execute(text("ALTER TABLE payout ENABLE TRIGGER payout_edge"))
        for end in STATUSES:
            retry_at = b.NOW if end == "retrying" else None
            if start == end or (start, end) in EDGES:
                step = owner.begin_nested()
                b.set_status(owner, payout, end, retry_at=retry_at)
                assert b.status_of(owner, payout) == end
                step.rollback()
            else:
                with refused(owner, "declared_edge"):
                    b.set_status(owner, payout, end, retry_at=retry_at)


@proves("payout_content_is_frozen")
@pytest.mark.parametrize(
    "change",
    [
        "ref = gen_random_uuid()",
        "amount_minor = amount_minor + 1",
        "fee_minor = fee_minor + 1",
        "currency = 'EUR'",
        "method = 'paypal'",
        "destination_id = destination_id + 1",
        "partner_id = partner_id + 1",
        "program_id = program_id + 1",
        "policy_id = policy_id + 1",
        "cap_month = cap_month + 31",
        "slot = queued_at",
        "origin = 'request'",
        "one_open_request = true",
        "approvals_needed = 2",
        "made_by = 'user:ann'",
        "queued_at = queued_at + interval '1 day'",
    ],
)
def test_what_a_payout_pays_is_fixed_when_it_is_queued(owner: Connection, ana: int, change: str) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    with refused(owner, "payout_content_is_frozen"):
        owner.execute(text(f"UPDATE payout SET {change} WHERE id = :id"), {"id": payout})  # noqa: S608


@proves("payout.platform_cost_is_frozen", "platform_cost_is_frozen")
def test_what_a_payout_costs_us_is_fixed_when_it_is_queued(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)], platform_cost_minor=25)
    with refused(owner, "platform_cost_is_frozen"):
        owner.execute(text("UPDATE payout SET platform_cost_minor = 0 WHERE id = :id"), {"id": payout})


def test_every_change_of_a_payout_raises_its_version(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100)])
    versions = text("SELECT version FROM payout WHERE id = :id")
    assert owner.execute(versions, {"id": payout}).scalar_one() == 1
    owner.execute(text("UPDATE payout SET priority = 'high', version = 1 WHERE id = :id"), {"id": payout})
    assert owner.execute(versions, {"id": payout}).scalar_one() == 2


@proves("payout.payout_is_kept")
@pytest.mark.parametrize("act", ["DELETE FROM payout", "TRUNCATE payout CASCADE"])
def test_a_payout_is_kept(owner: Connection, ana: int, act: str) -> None:
    b.payout(owner, ana, [b.earning(owner, ana, 100)])
    commits(owner)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))
