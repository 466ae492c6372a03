"""One partner by hand: a file's rules, and where the money goes takes two people, a hold, and nothing already queued."""

from __future__ import annotations

import json

import pytest

from core.access import Actor, NotAllowed
from core.partner_edits import (
    BadPartner,
    MovesTheMoney,
    NothingChanged,
    PartnerExists,
    SayWhy,
    add_partner,
    destination_content,
    edit_partner,
)
from core.proposals import confirm, propose
from core.second_person import NothingToPropose, OutdatedProposal, OwnProposal
from tests.desk import ADA, DAY, HOUR, MIA, NOW, VIC, Balance, Desk

ANA = {
    "program": "affiliate",
    "code": "AFF9",
    "name": "Ana Silva",
    "email": "ana@example.com",
    "country": "PT",
    "currency": "USD",
    "method": "stripe",
    "stripe_account_id": "acct_9",
    "joined_on": "2026-01-05",
    "status": "active",
}

ABE_AS_MAKER = Actor(name="user:abe", channel="cli", roles=frozenset({"maker"}))
MIA_AS_APPROVER = Actor(name="user:mia", channel="cli", roles=frozenset({"maker", "approver"}))


def partner_id(desk: Desk, code: str = "AFF1") -> int:
    found = desk.scalar("SELECT id FROM partner WHERE code = :code", code=code)
    assert isinstance(found, int)
    return found


def moved(desk: Desk, *, method: str = "stripe", account: str = "acct_new", email: str = "") -> int:
    """The proposal of a new destination by mia."""
    return desk.decide(
        lambda conn: propose(
            conn,
            "change_destination",
            ids=[partner_id(desk)],
            content=destination_content(conn, method=method, account=account, email=email),
            why="a new bank, told by phone",
            actor=MIA,
            now=NOW,
        )
    )


def destinations(desk: Desk) -> list[object]:
    query = "SELECT concat_ws(' ', method, account, made_by) FROM destination ORDER BY id"
    return desk.column(query)


class TestAdd:
    def test_a_new_partner_is_as_one_from_a_file(self, desk: Desk) -> None:
        desk.decide(lambda conn: add_partner(conn, ANA, actor=MIA, now=NOW))

        query = """SELECT concat_ws(' ', p.code, p.method, i.name, p.country, p.joined_on)
                     FROM partner p JOIN identity i ON i.id = p.identity_id"""
        assert desk.column(query) == ["AFF9 stripe Ana Silva PT 2026-01-05"]
        assert desk.balance("AFF9") == Balance(0, 0, 0, 0, 0)
        assert desk.column("SELECT action FROM audit WHERE subject = 'partner'") == ["partner.added"]
        same = ANA | {"tier": ""}
        assert desk.take_in("partners", "\n".join([",".join(same), ",".join(same.values())])).unchanged == 1

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"email": "ana"}, "email: This is not an email address"),
            ({"program": "none"}, "There is no program none"),
            ({"currency": "EUR"}, "affiliate is in USD, not EUR"),
            ({"stripe_account_id": "42"}, "it begins with acct_"),
            ({"name": ""}, "name: "),
        ],
    )
    def test_what_a_file_would_refuse_is_refused_by_field(
        self, desk: Desk, wrong: dict[str, str], sentence: str
    ) -> None:
        with pytest.raises(BadPartner) as caught:
            desk.decide(lambda conn: add_partner(conn, ANA | wrong, actor=MIA, now=NOW))
        assert sentence in caught.value.sentence
        assert desk.column("SELECT code FROM partner") == []

    def test_a_code_that_is_taken_and_a_person_without_the_right(self, desk: Desk) -> None:
        desk.decide(lambda conn: add_partner(conn, ANA, actor=MIA, now=NOW))
        with pytest.raises(PartnerExists):
            desk.decide(lambda conn: add_partner(conn, ANA, actor=MIA, now=NOW))
        with pytest.raises(NotAllowed):
            desk.decide(lambda conn: add_partner(conn, ANA | {"code": "AFF10"}, actor=VIC, now=NOW))


class TestEdit:
    def test_a_name_a_status_and_a_country_change_with_a_reason_and_are_kept_as_history(
        self, desk: Desk
    ) -> None:
        desk.partner("AFF1")
        changes = {"name": "Ana Souza", "status": "suspended", "country": "BR"}
        desk.decide(
            lambda conn: edit_partner(conn, "AFF1", changes, why="asked by letter", actor=MIA, now=NOW)
        )

        assert desk.column("SELECT status FROM partner") == ["suspended"]
        assert desk.column("SELECT name FROM identity WHERE email IS NOT NULL") == ["Ana Souza"]
        assert desk.column("SELECT field FROM change ORDER BY field") == ["country", "name", "status"]
        assert destinations(desk) == ["stripe acct_1 os:root"]
        told = desk.scalar("SELECT details::text FROM audit WHERE action = 'partner.changed'")
        assert json.loads(str(told)) == {"fields": ["country", "name", "status"], "why": "asked by letter"}

    def test_where_the_money_goes_is_never_changed_by_one_person(self, desk: Desk) -> None:
        desk.partner("AFF1")
        for changes in ({"stripe_account_id": "acct_evil"}, {"method": "check"}):
            with pytest.raises(MovesTheMoney):
                desk.decide(
                    lambda conn, changes=changes: edit_partner(  # type: ignore[misc]
                        conn, "AFF1", changes, why="so", actor=MIA, now=NOW
                    )
                )
        assert destinations(desk) == ["stripe acct_1 os:root"]

    def test_an_empty_reason_and_an_empty_change_are_refused(self, desk: Desk) -> None:
        desk.partner("AFF1")
        with pytest.raises(SayWhy):
            desk.decide(
                lambda conn: edit_partner(conn, "AFF1", {"country": "BR"}, why=" ", actor=MIA, now=NOW)
            )
        with pytest.raises(NothingChanged):
            desk.decide(
                lambda conn: edit_partner(conn, "AFF1", {"country": "US"}, why="so", actor=MIA, now=NOW)
            )


class TestDestination:
    def test_two_people_move_the_money_which_holds_it_and_takes_back_what_was_queued(
        self, desk: Desk
    ) -> None:
        payout = desk.approved("AFF1", "25.00")
        proposal = moved(desk)
        assert (desk.status(payout), destinations(desk)) == ("approved", ["stripe acct_1 os:root"])

        with pytest.raises(OwnProposal):
            desk.decide(lambda conn: confirm(conn, proposal, actor=MIA, now=NOW + HOUR))
        desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW + HOUR))

        assert destinations(desk) == ["stripe acct_1 os:root", "stripe acct_new user:mia"]
        assert desk.status(payout) == "cancelled"
        assert desk.balance("AFF1") == Balance(0, 100_00, 0, 0, 0)
        held = desk.column(
            "SELECT until FROM hold WHERE reason = 'destination_changed' AND closed_at IS NULL"
        )
        assert held == [NOW + HOUR + 7 * DAY]
        assert desk.faults() == []

    def test_who_proposed_the_destination_never_approves_a_payout_to_it(self, desk: Desk) -> None:
        desk.funded("AFF1")
        proposal = moved(desk)
        desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW))
        later = NOW + 8 * DAY
        payout = desk.request("AFF1", "25.00", actor=ABE_AS_MAKER, now=later)

        both = MIA_AS_APPROVER
        refused = desk.approve(payout, actor=both, now=later).refused

        assert [one.code for one in refused] == ["own_payout"]
        assert desk.status(payout) == "pending"

    def test_a_paypal_address_is_kept_only_where_it_can_be_blanked(self, desk: Desk) -> None:
        desk.partner("AFF1")
        proposal = moved(desk, method="paypal", account="", email="new@example.com")
        assert "new@example.com" not in str(desk.column("SELECT content::text FROM proposal"))

        desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW))

        emails = "SELECT email FROM identity WHERE email IS NOT NULL ORDER BY id"
        assert desk.column(emails) == [
            "new@example.com",
            "aff1@example.com",
        ]  # the former one until it was warned
        assert desk.column("SELECT recipient FROM message ORDER BY id") == ["reader", "former"]
        assert desk.scalar("SELECT method FROM partner") == "paypal"
        assert desk.column("SELECT count(*) FROM identity WHERE blanked_at IS NOT NULL") == [1]

    def test_a_proposal_is_outdated_once_the_destination_is_another(self, desk: Desk) -> None:
        desk.partner("AFF1")
        proposal = moved(desk)
        desk.partner("AFF1", account="acct_by_file", now=NOW + HOUR)

        with pytest.raises(OutdatedProposal):
            desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW + 2 * HOUR))
        assert len(destinations(desk)) == 2

    def test_what_moves_nothing_or_cannot_be_read_is_not_proposed(self, desk: Desk) -> None:
        desk.partner("AFF1")
        with pytest.raises(NothingToPropose):
            moved(desk, account="acct_1")
        for wrong in ({"account": "42"}, {"method": "cash"}, {"method": "paypal", "email": "nobody"}):
            with pytest.raises(BadPartner):
                moved(desk, **wrong)
