"""Find anything: by code, name, email, those of before, account, number and every reference; nothing personal when masked."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from core.reads.customer import UnknownCustomer, customer_story
from core.reads.filters import PayoutFilter
from core.reads.find import (
    Findings,
    FoundCorrection,
    FoundCustomer,
    FoundPartner,
    FoundPayout,
    FoundSale,
    find_anything,
)
from core.reads.payouts import list_payouts
from tests.builders import (
    DAY,
    NOW,
    approve,
    claim,
    customer,
    destination,
    earning,
    partner,
    pay,
    payout,
    sale,
)
from tests.building.reversals import end_reversal, reversal, send_reversal
from tests.building.rows import change
from tests.core.reads.desk import preset


def find(conn: Connection, term: str, *, masked: bool = False) -> Findings:
    return find_anything(conn, term, masked=masked)


def identity_of(conn: Connection, code: str) -> int:
    query = text("SELECT identity_id FROM partner WHERE code = :code")
    return int(conn.execute(query, {"code": code}).scalar_one())


@pytest.fixture
def ines(conn: Connection) -> int:
    """Ines Faro, once Ines Alder at ines@old.example."""
    made = partner(conn, preset(conn), "ONE-1", name="Ines Alder")
    who = identity_of(conn, "ONE-1")
    change(conn, "identity", {"email": "ines@old.example"}, "id = :id", id=who)
    change(conn, "identity", {"name": "Ines Faro", "email": "ines@new.example"}, "id = :id", id=who)
    return made


def partners(found: Findings) -> list[tuple[str, str]]:
    return [(one.code, one.by) for one in found.partners]


@pytest.mark.parametrize(
    ("term", "by"),
    [
        ("one-1", "code"),
        ("ines f", "name"),
        ("ines@new", "email"),
        ("ines@old.example", "former email"),
        ("INES ALD", "former name"),
        ("faro", "name"),
    ],
)
def test_a_partner_is_found_by_what_they_are_and_were_called(
    conn: Connection, ines: int, term: str, by: str
) -> None:
    assert ines
    assert partners(find(conn, term)) == [("ONE-1", by)]


@pytest.mark.parametrize("term", ["ines f", "faro", "ines@new", "ines@old.example", "ines ald"])
def test_who_may_not_see_names_finds_nobody_by_them(conn: Connection, ines: int, term: str) -> None:
    assert ines
    assert find(conn, term, masked=True).count == 0
    assert [one.name for one in find(conn, "one-1", masked=True).partners] == [None]


def test_what_is_blanked_is_not_found_any_more(conn: Connection, ines: int) -> None:
    assert ines
    blank = {"name": None, "email": None, "blanked_at": NOW}
    change(conn, "identity", blank, "id = :id", id=identity_of(conn, "ONE-1"))
    assert find(conn, "ines").count == 0
    assert conn.execute(text("SELECT count(*) FROM former_name")).scalar_one() == 0


def test_a_payout_is_found_by_every_reference_the_provider_gave(conn: Connection) -> None:
    who = partner(conn, preset(conn), "ONE-2")
    made = payout(conn, who, [earning(conn, who, 700, source_ref="order-1")])
    approve(conn, made)
    claim(conn, made)
    conn.execute(
        text("""INSERT INTO attempt_call (payout_id, n, at, what, outcome, request_id, duration_ms)
                VALUES (:id, 1, :now, 'send', 'succeeded', 'req_1', 20)"""),
        {"id": made, "now": NOW},
    )
    pay(conn, made)
    transfer = conn.execute(text("SELECT provider_ref FROM attempt WHERE payout_id = :id"), {"id": made})
    conn.execute(
        text("""INSERT INTO bank_arrival (payout_id, provider, account, bank_ref, step, asked_for, made_at, status, as_of)
                VALUES (:id, 'stripe', 'acct_1', 'po_bank', 0, false, :now, 'paid', :now)"""),
        {"id": made, "now": NOW},
    )
    for term, by in (
        (f"#{made}", "number"),
        (transfer.scalar_one(), "transfer"),
        ("req_1", "request"),
        ("po_bank", "bank payout"),
        ("order-1", "earning"),
    ):
        assert [(one.id, one.by) for one in find(conn, term, masked=True).payouts] == [(made, by)], term
        listed = list_payouts(conn, PayoutFilter(view="all", search=term), now=NOW, masked=True)
        assert list(listed.frame["id"]) == [made], term


def test_an_account_of_today_or_before_finds_its_partner_whole_and_only_for_who_may_see_it(
    conn: Connection, ines: int
) -> None:
    destination(conn, ines, account="acct_old")
    destination(conn, ines, account="acct_new")
    for account in ("acct_old", "acct_new"):
        assert partners(find(conn, account)) == [("ONE-1", "account")]
        assert find(conn, account, masked=True).count == 0
    assert find(conn, "acct_").count == 0


def test_a_reversals_reference_finds_its_payout(conn: Connection) -> None:
    who = partner(conn, preset(conn), "ONE-2")
    made = payout(conn, who, [earning(conn, who, 20_00)])
    approve(conn, made)
    claim(conn, made)
    pay(conn, made)
    reversal(conn, made)
    send_reversal(conn, made)
    end_reversal(conn, made, "succeeded", provider_ref="trr_1")
    assert [(one.id, one.by) for one in find(conn, "trr_1").payouts] == [(made, "reversal")]


def test_a_term_that_names_one_thing_means_it_and_one_that_names_several_means_none(conn: Connection) -> None:
    who = partner(conn, preset(conn), "ONE-1", name="Ines Faro")
    other = partner(conn, preset(conn), "ONE-12", name="Ines Adler")
    sold = conn.execute(text("SELECT source_ref FROM sale WHERE id = :id"), {"id": sale(conn, other, 900)})
    bought = customer(conn, other, signed_up_at=NOW - DAY)
    ref = conn.execute(text("SELECT ref FROM customer WHERE id = :id"), {"id": bought}).scalar_one()
    made = payout(conn, who, [earning(conn, who, 700, source_ref="order-1")])
    for term in (str(made), "order-1"):
        assert isinstance(one := find(conn, term).one, FoundPayout)
        assert one.id == made
    for term, code in (("one-1", "ONE-1"), ("one-12", "ONE-12"), ("ines adler", "ONE-12")):
        assert isinstance(found := find(conn, term).one, FoundPartner), term
        assert found.code == code
    assert isinstance(find(conn, sold.scalar_one()).one, FoundSale)
    assert isinstance(found_customer := find(conn, ref).one, FoundCustomer)
    assert found_customer.id == bought
    for term in ("one-", "ines", "nobody", "%", "", " \x00"):
        assert find(conn, term).one is None, term


def test_a_customers_history_shows_what_they_brought_and_where_it_is(conn: Connection) -> None:
    who = partner(conn, preset(conn), "ONE-1", name="Ines Faro")
    bought = customer(conn, who, signed_up_at=NOW - 61 * DAY)
    paid_into = payout(conn, who, [earning(conn, who, 700, customer_id=bought, source_ref="order-1")])
    earning(conn, who, 300, customer_id=bought, source_ref="order-2")

    story = customer_story(conn, bought, now=NOW, masked=False)

    assert (story.header.partner_code, story.header.days_active) == ("ONE-1", 61)
    assert (story.header.earnings, story.header.earned_minor) == (2, 1_000)
    where = {row.source_ref: row for row in story.earnings.itertuples()}
    assert where["order-1"].payout_id == paid_into
    assert where["order-2"].state == "available"
    assert customer_story(conn, bought, now=NOW, masked=True).header.name is None
    with pytest.raises(UnknownCustomer):
        customer_story(conn, bought + 1, now=NOW, masked=False)


def test_a_family_name_finds_partners_and_customers_behind_those_whose_name_begins_so(
    conn: Connection,
) -> None:
    first = partner(conn, preset(conn), "ONE-1", name="Contiga Reis")
    second = partner(conn, preset(conn), "ONE-2", name="Dario Conti")
    bought = customer(conn, second, signed_up_at=NOW)
    change(
        conn,
        "identity",
        {"name": "Ben de Conti"},
        "id = (SELECT identity_id FROM customer WHERE id = :id)",
        id=bought,
    )

    found = find(conn, "conti")

    assert [one.code for one in found.partners] == ["ONE-1", "ONE-2"]
    assert [one.id for one in found.customers] == [bought]
    assert first != second
    assert find(conn, "onti").count == 0
    assert find(conn, "co").partners == (found.partners[0],)
    assert find(conn, "%onti").count == 0


def test_a_sale_leads_to_what_it_earned(conn: Connection) -> None:
    who = partner(conn, preset(conn), "ONE-1")
    sold = sale(conn, who, 900)
    ref = conn.execute(text("SELECT source_ref FROM sale WHERE id = :id"), {"id": sold}).scalar_one()
    assert [one.earning_id for one in find(conn, ref).sales] == [None]

    made = earning(conn, who, 900, sale_id=sold)

    assert [one.earning_id for one in find(conn, ref).sales] == [made]


def test_a_refunds_or_an_entrys_reference_leads_to_what_it_took_or_gave(conn: Connection) -> None:
    who = partner(conn, preset(conn), "ONE-1")
    entered = earning(conn, who, 900, kind="manual", source_ref="adj-7")

    assert isinstance(one := find(conn, "adj-7", masked=True).one, FoundCorrection)
    assert (one.id, one.amount_minor, one.payout_id) == (entered, 900, None)

    made = payout(conn, who, [entered])

    found = find(conn, "adj-7")
    assert isinstance(found.one, FoundPayout)
    assert [one.payout_id for one in found.corrections] == [made]
    assert find(conn, "adj-").count == 0
