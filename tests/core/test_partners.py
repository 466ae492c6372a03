"""Partners changed: a new destination cools off and takes back what has not been sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, text

from core.access import Actor
from core.partner_changes import change_partners, compare_partners
from core.partners import PartnerDetails, add_partners, destination_of
from core.programs import install_presets, program_by_code
from core.verify import CHECKS
from tests import builders as make
from tests.builders import NOW

MIA = Actor(name="user:mia", channel="page", roles=frozenset({"maker"}))


@pytest.fixture
def details(conn: Connection) -> PartnerDetails:
    install_presets(conn, now=NOW)
    return PartnerDetails(
        program_id=program_by_code(conn, "affiliate").id,
        code="AFF-1",
        name="Ana Silva",
        email="ana@example.com",
        tier=None,
        country="DE",
        method="stripe",
        account="acct_1",
        joined_on=date(2025, 1, 1),
    )


@pytest.fixture
def partner_id(conn: Connection, details: PartnerDetails) -> int:
    (partner_id,) = add_partners(conn, [details], actor=MIA, now=NOW)
    return partner_id


def change(conn: Connection, partner_id: int, details: PartnerDetails) -> list[int]:
    """Apply the details and return the payouts that were pulled back."""
    return change_partners(conn, compare_partners(conn, {partner_id: details}), actor=MIA, now=NOW)


def payout(conn: Connection, partner_id: int) -> int:
    earning_id = make.earning(conn, partner_id, 700, release_at=NOW - timedelta(days=400))
    conn.execute(text("UPDATE partner_balance SET released_to = :now WHERE released_to < :now"), {"now": NOW})
    return make.payout(conn, partner_id, [earning_id])


def holds(conn: Connection, partner_id: int) -> list[str]:
    found = text("SELECT reason FROM hold WHERE partner_id = :id AND closed_at IS NULL ORDER BY id")
    return list(conn.execute(found, {"id": partner_id}).scalars())


def faults(conn: Connection) -> list[str]:
    """The checks of the books that found something."""
    return [name for name, query in CHECKS.items() if conn.execute(text(query)).fetchall()]


def test_a_changed_destination_pulls_back_what_has_not_been_sent_and_leaves_what_may_have_been(
    conn: Connection, partner_id: int, details: PartnerDetails
):
    pending, approved, retrying, processing = (payout(conn, partner_id) for _ in range(4))
    for payout_id in (approved, retrying, processing):
        make.approve(conn, payout_id)
    for payout_id in (retrying, processing):
        make.claim(conn, payout_id)
    make.end_attempt(conn, retrying, "declined")
    make.set_status(conn, retrying, "retrying", retry_at=NOW, retry_class="transient")
    before = make.balance(conn, partner_id)
    assert (before.available, before.reserved) == (0, 2800)

    assert change(conn, partner_id, replace(details, account="acct_2")) == [pending, approved, retrying]

    statuses = [make.status_of(conn, one) for one in (pending, approved, retrying, processing)]
    assert statuses == ["cancelled", "cancelled", "cancelled", "processing"]
    reasons = text("SELECT DISTINCT reason_code FROM payout WHERE status = 'cancelled'")
    assert list(conn.execute(reasons).scalars()) == ["destination_changed"]
    after = make.balance(conn, partner_id)
    assert (after.available, after.reserved) == (2100, 700)
    assert holds(conn, partner_id) == ["destination_changed"]
    assert faults(conn) == []


def test_other_details_pull_nothing_back(conn: Connection, partner_id: int, details: PartnerDetails):
    payout_id = payout(conn, partner_id)
    changed = replace(details, name="Ana Berg", email="berg@example.com", country="FR", status="suspended")
    assert change(conn, partner_id, changed) == []
    assert make.status_of(conn, payout_id) == "pending"
    assert holds(conn, partner_id) == []


def test_a_changed_destination_ends_the_hold_on_a_failed_one_and_lost_details_do_not(
    conn: Connection, partner_id: int, details: PartnerDetails
):
    make.hold(conn, partner_id, "destination_failed")
    change(conn, partner_id, replace(details, account=None))
    assert holds(conn, partner_id) == ["destination_failed", "destination_changed"]
    change(conn, partner_id, replace(details, account="acct_2"))
    assert holds(conn, partner_id) == ["destination_changed", "destination_changed"]


def test_who_changed_a_destination_never_approves_a_payout_to_it(
    conn: Connection, partner_id: int, details: PartnerDetails
):
    change(conn, partner_id, replace(details, account="acct_2"))
    makers = text("SELECT payout_makers(:id)")
    assert "user:mia" in set(conn.execute(makers, {"id": payout(conn, partner_id)}).scalars())


def test_the_partners_own_terms_say_how_long_a_changed_destination_cools_off(
    conn: Connection, partner_id: int, details: PartnerDetails
):
    make.own_terms(conn, partner_id, {"destination_change_days": 30})
    change(conn, partner_id, replace(details, account="acct_2"))
    until = conn.execute(
        text("SELECT until FROM hold WHERE partner_id = :id"), {"id": partner_id}
    ).scalar_one()
    assert until == NOW + timedelta(days=30)


def test_the_same_account_has_one_fingerprint_whichever_stripe_method_uses_it(details: PartnerDetails):
    fingerprints = {
        found.fingerprint
        for method in ("stripe", "stripe_instant")
        if (found := destination_of(replace(details, method=method)))
    }
    assert len(fingerprints) == 1
    assert destination_of(replace(details, method="paypal", email=None)) is None


def test_the_same_details_again_are_no_change(conn: Connection, partner_id: int, details: PartnerDetails):
    assert compare_partners(conn, {partner_id: details}) == []
