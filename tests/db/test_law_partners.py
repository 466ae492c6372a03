"""Programs, policies, partners, destinations, customers, sales."""

from datetime import date

from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, proves, refused


@proves("program.program_code_once")
def test_a_program_code_is_given_once(owner: Connection) -> None:
    b.program(owner, "broker")
    with refused(owner, "program_code_once"):
        b.program(owner, "broker", currency="EUR")


@bad_rows(
    "program", ("currency_is_upper_case", {"currency": "usd"}), ("currency_is_upper_case", {"currency": "U$"})
)
def test_a_program_has_a_currency_in_capitals(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    good = {"code": "broker", "name": "Brokers", "currency": "USD", "zone": "UTC", "created_at": b.NOW}
    with refused(owner, rule):
        b.insert(owner, "program", good | different)
    b.insert(owner, "program", good)


@proves("policy.policy_version_once", "policy.policy_version_check")
def test_a_policy_version_is_above_zero_and_given_once(owner: Connection) -> None:
    program = b.program(owner)
    with refused(owner, "policy_version_once"):
        b.policy(owner, program, version=1)
    with refused(owner, "policy_version_check"):
        b.policy(owner, program, version=0)
    b.policy(owner, program, version=2)
    versions = text("SELECT array_agg(version ORDER BY version) FROM policy WHERE program_id = :id")
    assert owner.execute(versions, {"id": program}).scalar_one() == [1, 2]


@proves("partner.partner_code_once")
def test_a_partner_code_is_given_once_over_all_programs(owner: Connection) -> None:
    b.partner(owner, b.program(owner), "ANA")
    other = b.program(owner)
    with refused(owner, "partner_code_once"):
        b.partner(owner, other, "ANA")


@bad_rows(
    "partner",
    ("declared_partner_status", {"status": "gone"}),
    ("declared_method", {"method": "cash"}),
)
def test_a_partner_has_a_declared_status_and_method(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    good: dict[str, object] = {
        "program_id": b.program(owner),
        "code": "ANA",
        "identity_id": b.identity(owner),
        "method": "stripe",
        "joined_on": date(2026, 1, 1),
        "created_at": b.NOW,
    }
    with refused(owner, rule):
        b.insert(owner, "partner", good | different)
    b.insert(owner, "partner", good)


USE_DESTINATION = text("UPDATE partner SET destination_id = :destination_id WHERE id = :id")


@proves("partner.destination_is_its_own")
def test_a_partner_is_paid_to_its_own_destination_of_its_own_method(owner: Connection) -> None:
    program = b.program(owner)
    ana, ben = b.partner(owner, program), b.partner(owner, program)
    of_ben = owner.execute(
        text("SELECT destination_id FROM partner WHERE id = :id"), {"id": ben}
    ).scalar_one()
    with refused(owner, "destination_is_its_own"):
        owner.execute(USE_DESTINATION, {"destination_id": of_ben, "id": ana})
    with refused(owner, "destination_is_its_own"):
        owner.execute(text("UPDATE partner SET method = 'paypal' WHERE id = :id"), {"id": ana})
    assert b.destination(owner, ana, method="paypal") != of_ben


@proves("customer.customer_in_its_partners_program", "sale.sale_in_its_partners_program")
def test_customers_and_sales_stand_in_their_partners_program(owner: Connection) -> None:
    partner = b.partner(owner, b.program(owner))
    other = b.program(owner, currency="EUR")
    sale = {
        "program_id": other,
        "partner_id": partner,
        "kind": "booking",
        "source_ref": "S1",
        "occurred_at": b.NOW,
        "gross_minor": 100,
        "content_hash": b"content",
    }
    with refused(owner, "sale_in_its_partners_program"):
        b.insert(owner, "sale", sale)
    b.insert(owner, "sale", sale | {"program_id": b.program_of(owner, partner)})
    customer = b.customer(owner, partner)
    with refused(owner, "customer_in_its_partners_program"):
        owner.execute(
            text("UPDATE customer SET program_id = :other WHERE id = :id"), {"other": other, "id": customer}
        )
    with refused(owner, "customer_in_its_partners_program"):
        owner.execute(
            text("UPDATE partner SET program_id = :other WHERE id = :id"), {"other": other, "id": partner}
        )


@proves("customer.customer_ref_once", "customer.cancelled_after_sign_up")
def test_a_customer_has_one_reference_and_leaves_after_coming(owner: Connection) -> None:
    partner = b.partner(owner, b.program(owner))
    first, second = b.customer(owner, partner), b.customer(owner, partner)
    same = text("UPDATE customer SET ref = (SELECT ref FROM customer WHERE id = :first) WHERE id = :second")
    with refused(owner, "customer_ref_once"):
        owner.execute(same, {"first": first, "second": second})
    with refused(owner, "cancelled_after_sign_up"):
        b.customer(owner, partner, cancelled_at=b.NOW - b.DAY)
    b.customer(owner, partner, cancelled_at=b.NOW)


@bad_rows(
    "sale",
    ("declared_sale_kind", {"kind": "gift"}),
    ("only_deductions_are_negative", {"gross_minor": 0}),
    ("only_deductions_are_negative", {"gross_minor": -100}),
    ("only_deductions_are_negative", {"kind": "deduction"}),
    ("sale_once", {"source_ref": "S0"}),
)
def test_a_sale_is_declared_signed_and_told_once(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    partner = b.partner(owner, b.program(owner))
    good: dict[str, object] = {
        "program_id": b.program_of(owner, partner),
        "partner_id": partner,
        "kind": "service",
        "source_ref": "S1",
        "occurred_at": b.NOW,
        "gross_minor": 100,
        "content_hash": b"content",
    }
    b.insert(owner, "sale", good | {"source_ref": "S0"})
    with refused(owner, rule):
        b.insert(owner, "sale", good | different)
    b.insert(owner, "sale", good)
    b.insert(owner, "sale", good | {"source_ref": "S2", "kind": "deduction", "gross_minor": -100})
