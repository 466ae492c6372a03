"""Bank and postal details: checked as they come in, sealed, shown by their last four, and changed by two people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from core.destination_details import details_content
from core.partner_edits import BadPartner
from core.payees import read_details, seal_details
from core.proposals import confirm, propose
from core.vault import NoSecretsKey, SealBroken, WrongSecretsKey, hold_key, open_vault, rewrap
from db.engine import make_engine
from tests.core import paying_by_file as files
from tests.core.paying_by_file import IBANS, SECRET
from tests.desk import ABE, ADA, MIA, NOW, Desk

OTHER = "another secret of thirty-two letters"


@pytest.fixture(autouse=True)
def with_a_secret():
    hold_key(SECRET)
    yield
    hold_key(SECRET)


@pytest.fixture
def owner(database: str) -> Iterator[Engine]:
    """The engine of the schema's owner, who sees every column."""
    engine = make_engine(database, application_name="owner", pool_size=1)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("method", "values", "field"),
    [
        ("bank_transfer", {"iban": "DE89370400440532013001"}, "iban"),
        ("bank_transfer", {"iban": IBANS[0], "bic": "BANK"}, "bic"),
        ("bank_transfer", {"iban": IBANS[0], "account_number": "12345678"}, "account_number"),
        ("bank_transfer", {"account_number": "12345678", "routing_number": "021000022"}, "routing_number"),
        ("bank_transfer", {"bic": "COBADEFFXXX"}, "iban"),
        ("bank_transfer", {"iban": IBANS[0], "street": "1 Main Street"}, "street"),
        ("check", {"city": "Berlin", "postal_code": "10115", "post_country": "DE"}, "street"),
        ("check", {"street": "1 Main", "postal_code": "10115", "post_country": "DE"}, "city"),
        ("check", {"street": "1 Main", "city": "Berlin", "post_country": "DE"}, "postal_code"),
        ("check", {"street": "1 Main", "city": "Berlin", "postal_code": "10115"}, "post_country"),
        (
            "check",
            {"payee_name": "x" * 71, "street": "1", "city": "B", "postal_code": "1", "post_country": "DE"},
            "payee_name",
        ),
        ("paypal", {"iban": IBANS[0]}, "iban"),
    ],
)
def test_details_that_cannot_be_are_named_by_field(method: str, values: dict[str, str], field: str) -> None:
    found = read_details(method, values, name="Ana Silva")

    assert isinstance(found, list)
    assert field in [fault.field for fault in found]


def test_an_iban_is_kept_without_its_spaces() -> None:
    found = read_details("bank_transfer", {"iban": "de89 3704 0044 0532 0130 00"}, name="Ana Silva")

    assert found == {"name": "Ana Silva", "iban": IBANS[0]}


class TestKeeping:
    def test_nothing_in_the_database_has_the_full_details(self, desk: Desk, owner: Engine) -> None:
        files.by_bank(desk)
        files.by_check(desk)

        with owner.connect() as conn:
            tables = conn.execute(
                text(
                    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                )
            )
            for table in tables.scalars().all():
                everything = str(conn.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
                assert IBANS[0] not in everything, table
                assert "1 Main Street" not in everything, table
        assert desk.column("SELECT account FROM destination ORDER BY id") == ["DE ····3000", "DE ····0115"]

    def test_the_same_account_has_one_fingerprint_and_sealing_is_never_the_same(self, desk: Desk) -> None:
        with desk.engine.begin() as conn:
            opened = open_vault(conn, now=NOW)
            one, two = (
                seal_details(opened, "bank_transfer", {"name": name, "iban": IBANS[0]}, code="CRE1")
                for name in ("Ana", "Ana Silva")
            )

        assert one.fingerprint == two.fingerprint
        assert one.sealed != two.sealed

    def test_the_same_file_again_changes_nothing(self, desk: Desk) -> None:
        files.by_bank(desk)
        row = f"creator,CRE1,Ana Silva,cre1@example.com,,DE,EUR,bank_transfer,,2025-01-01,active,,{IBANS[0]},,,,,,,"

        again = desk.take_in("partners", f"{files.HEAD},{files.DETAILS}\n{row}\n")
        without = desk.take_in("partners", f"{files.HEAD}\n{','.join(row.split(',')[:11])}\n")

        assert (again.unchanged, without.unchanged, again.problems) == (1, 1, [])
        assert desk.scalar("SELECT count(*) FROM payee") == 1

    def test_another_account_is_a_changed_destination_on_hold(self, desk: Desk) -> None:
        files.by_bank(desk)
        row = f"creator,CRE1,Ana Silva,cre1@example.com,,DE,EUR,bank_transfer,,2025-01-01,active,,{IBANS[1]},,,,,,,"

        assert desk.take_in("partners", f"{files.HEAD},{files.DETAILS}\n{row}\n").updated == 1

        assert desk.column("SELECT reason FROM hold") == ["destination_changed"]

    def test_a_row_with_wrong_details_is_refused_and_its_reject_does_not_repeat_them(
        self, desk: Desk
    ) -> None:
        row = "creator,CRE1,Ana,a@example.com,,DE,EUR,bank_transfer,,2025-01-01,active,,DE89370400440532013001,,,,,,,"

        taken = desk.take_in("partners", f"{files.HEAD},{files.DETAILS}\n{row}\n")

        assert [(column, taken.refused) for _, column, _ in taken.problems] == [("iban", 1)]
        assert taken.rejects_file is not None
        assert "DE8937" not in taken.rejects_file.read_text()

    def test_details_under_another_partners_name_do_not_open(self, desk: Desk) -> None:
        with desk.engine.begin() as conn:
            opened = open_vault(conn, now=NOW)
            payee = seal_details(opened, "check", read_details("check", ADDRESS, name="Ana"), code="CRE1")  # type: ignore[arg-type]

        assert payee.sealed is not None
        with pytest.raises(SealBroken):
            opened.open(payee.sealed, bound_to=(payee.ref, "CRE2", "check"))
        assert opened.open(payee.sealed, bound_to=(payee.ref, "CRE1", "check"))["city"] == "Berlin"


ADDRESS = {"street": "1 Main Street", "city": "Berlin", "postal_code": "10115", "post_country": "DE"}


class TestTheKey:
    def test_without_a_secret_nothing_is_sealed_or_opened(self, desk: Desk) -> None:
        hold_key(None)
        with pytest.raises(NoSecretsKey), desk.engine.begin() as conn:
            open_vault(conn, now=NOW)

    def test_a_changed_secret_opens_what_was_kept_and_then_needs_the_old_one_no_more(
        self, desk: Desk, owner: Engine
    ) -> None:
        files.with_files(desk)
        file_id = files.file_of(desk, *files.approved_for(desk, files.by_bank(desk)))
        before = files.content(desk, file_id)

        hold_key(OTHER)
        with pytest.raises(WrongSecretsKey):
            files.content(desk, file_id)
        hold_key(f"{OTHER},{SECRET}")
        with owner.begin() as conn:
            assert rewrap(conn)
        hold_key(OTHER)

        assert files.content(desk, file_id) == before

    def test_a_vault_never_shows_its_keys(self, desk: Desk) -> None:
        with desk.engine.begin() as conn:
            assert repr(open_vault(conn, now=NOW)) == "Vault()"


class TestByTwoPeople:
    def asked(self, desk: Desk, values: dict[str, str]) -> int:
        def work(conn: Connection) -> int:
            partner_id = conn.execute(text("SELECT id FROM partner")).scalar_one()
            content = details_content(
                conn, partner_id, method="bank_transfer", values=values, actor=MIA, now=NOW
            )
            return propose(
                conn,
                "change_destination",
                ids=[partner_id],
                why="asked by phone",
                content=content,
                actor=MIA,
                now=NOW,
            )

        return desk.decide(work)

    def test_a_proposal_names_the_row_and_none_of_the_details(self, desk: Desk) -> None:
        files.by_bank(desk)
        proposal = self.asked(desk, {"iban": IBANS[1]})

        content = str(desk.scalar("SELECT content::text FROM proposal"))
        assert IBANS[1] not in content
        assert IBANS[1][-4:] in content
        desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW))

        assert desk.scalar("SELECT account FROM destination ORDER BY id DESC LIMIT 1") == "FR ····2606"
        assert desk.column("SELECT reason FROM hold") == ["destination_changed"]

    def test_the_new_account_is_what_a_file_pays(self, desk: Desk) -> None:
        files.with_files(desk)
        files.paid_by(desk, "CRE1", "bank_transfer")
        proposal = self.asked(desk, {"iban": IBANS[2]})
        desk.decide(lambda conn: confirm(conn, proposal, actor=ADA, now=NOW))
        desk.decide(
            lambda conn: conn.execute(text("UPDATE hold SET closed_at = now(), closed_by = 'user:mia'"))
        )
        payout = desk.request("CRE1", "25.00")
        assert desk.approve(payout, actor=ADA).waiting == [payout]
        assert desk.approve(payout, actor=ABE).done == [payout]

        assert IBANS[2] in files.content(desk, files.file_of(desk, payout)).decode()

    def test_details_that_cannot_be_are_not_proposed(self, desk: Desk) -> None:
        files.by_bank(desk)

        with pytest.raises(BadPartner, match="not an IBAN"):
            self.asked(desk, {"iban": "DE00"})
        assert desk.scalar("SELECT count(*) FROM payee") == 1
