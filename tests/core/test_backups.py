"""Backups: kept by two people, proposed after a failure with everything filled in, and never switched to by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.access import Actor, NotAllowed
from core.backups import (
    BackupGoesNowhere,
    BackupIsInUse,
    NoBackup,
    SameBackup,
    backup_content,
    backup_of,
    content_of_backup,
)
from core.destination_details import details_content
from core.partner_edits import destination_content
from core.proposals import KINDS, confirm, propose, read_proposal
from core.second_person import OwnProposal
from core.vault import hold_key
from tests.desk import ABE, ADA, DAY, HOUR, MIA, NOW, VIC, Desk, Rail, declined


@pytest.fixture
def sealing() -> Iterator[None]:
    """A process that may seal details."""
    hold_key("a secret of the test's own, long enough to seal with")
    yield
    hold_key(None)


def partner_of(desk: Desk, code: str = "AFF1") -> int:
    return int(str(desk.scalar("SELECT id FROM partner WHERE code = :c", c=code)))


def ask(desk: Desk, actor: Actor = MIA, **to: str) -> int:
    """Propose a backup; without a method, none any more."""
    with desk.engine.begin() as conn:
        asked = destination_content(conn, **to) if to else None
        return propose(
            conn, "set_backup", ids=[partner_of(desk)], why="asked for it", content=backup_content(asked),
            actor=actor, now=NOW,
        )  # fmt: skip


def agree(desk: Desk, proposal: int, actor: Actor = ADA) -> None:
    desk.decide(lambda conn: confirm(conn, proposal, actor=actor, now=NOW))


def pays_to(desk: Desk) -> list[object]:
    return desk.column(
        "SELECT ARRAY[p.method, d.account] FROM partner p LEFT JOIN destination d ON d.id = p.destination_id"
    )


def kept(desk: Desk) -> str | None:
    with desk.engine.connect() as conn:
        found = backup_of(conn, partner_of(desk))
    return found.method if found else None


def test_a_backup_takes_a_second_person_and_changes_nothing_else(desk: Desk) -> None:
    desk.funded()
    proposal = ask(desk, method="paypal", email="ana@paypal.example.com")
    with pytest.raises(OwnProposal):
        agree(desk, proposal, MIA)
    assert kept(desk) is None

    agree(desk, proposal)

    assert (kept(desk), pays_to(desk)) == ("paypal", [["stripe", "acct_1"]])
    assert desk.scalar("SELECT count(*) FROM hold") == 0
    assert "ana@paypal" not in str(desk.column("SELECT asked FROM backup_method"))


def test_after_a_final_failure_one_proposal_changes_to_it_with_its_address(desk: Desk) -> None:
    payout = desk.approved()
    agree(desk, ask(desk, method="paypal", email="ana@paypal.example.com"))
    desk.send(Rail(declined("invalid_bank_account")))
    assert desk.status(payout) == "failed"
    assert pays_to(desk) == [["stripe", "acct_1"]]  # never by itself

    with desk.engine.begin() as conn:
        asked = content_of_backup(conn, partner_of(desk))
        change = propose(
            conn, "change_destination", ids=[partner_of(desk)], why="the first failed", content=asked,
            actor=MIA, now=NOW,
        )  # fmt: skip
    assert pays_to(desk) == [["stripe", "acct_1"]]
    agree(desk, change, ABE)

    assert pays_to(desk) == [["paypal", None]]
    emails = "SELECT email FROM identity i JOIN partner p ON p.identity_id = i.id"
    assert desk.column(emails) == ["ana@paypal.example.com"]
    holds = "SELECT ARRAY[reason, (closed_at IS NULL)::text] FROM hold ORDER BY id"
    assert desk.column(holds) == [["destination_failed", "false"], ["destination_changed", "true"]]
    assert desk.faults() == []


def test_who_kept_the_backup_never_approves_what_is_paid_there(desk: Desk) -> None:
    desk.funded()
    agree(desk, ask(desk, ADA, method="stripe", account="acct_2"), ABE)
    assert desk.approve(desk.request("AFF1", "10.00"), actor=ADA).refused == []
    with desk.engine.begin() as conn:
        content = content_of_backup(conn, partner_of(desk))
        change = propose(
            conn,
            "change_destination",
            ids=[partner_of(desk)],
            why="use it",
            content=content,
            actor=MIA,
            now=NOW + HOUR,
        )
    desk.decide(lambda conn: confirm(conn, change, actor=ABE, now=NOW + HOUR))
    later = NOW + 8 * DAY
    payout = desk.request("AFF1", "20.00", now=later)

    refusal = desk.approve(payout, actor=ADA, now=later)

    assert [(one.code, desk.status(payout)) for one in refusal.refused] == [("own_payout", "pending")]
    assert desk.approve(payout, actor=ABE, now=later).refused == []


def test_a_new_backup_takes_the_olds_place_and_its_address_is_blanked(desk: Desk) -> None:
    desk.funded()
    agree(desk, ask(desk, method="paypal", email="ana@paypal.example.com"))
    agree(desk, ask(desk, method="check"))
    assert kept(desk) == "check"
    assert desk.scalar("SELECT count(*) FROM identity WHERE email = 'ana@paypal.example.com'") == 0
    agree(desk, ask(desk))
    assert kept(desk) is None
    with desk.engine.begin() as conn, pytest.raises(NoBackup):
        content_of_backup(conn, partner_of(desk))


@pytest.mark.usefixtures("sealing")
def test_bank_details_of_a_backup_are_sealed_and_become_the_destination_only_by_two_people(
    desk: Desk,
) -> None:
    desk.funded()
    partner_id, iban = partner_of(desk), "DE89370400440532013000"
    with desk.engine.begin() as conn:
        asked = details_content(
            conn,
            partner_id,
            method="bank_transfer",
            values={"iban": iban, "payee_name": "Ana"},
            actor=MIA,
            now=NOW,
        )
        kept_by = propose(
            conn,
            "set_backup",
            ids=[partner_id],
            why="asked",
            content=backup_content(asked),
            actor=MIA,
            now=NOW,
        )
    asked_of = desk.decide(lambda conn: read_proposal(conn, kept_by))
    assert KINDS["set_backup"].about(asked_of.content) == "AFF1: bank transfer, DE ····3000"
    agree(desk, kept_by)
    assert iban not in str(desk.column("SELECT asked::text || content::text FROM backup_method, proposal"))
    with desk.engine.begin() as conn:
        content = content_of_backup(conn, partner_id)
        change = propose(
            conn,
            "change_destination",
            ids=[partner_id],
            why="the first failed",
            content=content,
            actor=MIA,
            now=NOW,
        )
    assert pays_to(desk) == [["stripe", "acct_1"]]
    agree(desk, change, ABE)
    assert desk.column("SELECT method FROM partner") == ["bank_transfer"]
    assert desk.faults() == []


def test_refuses_by_name(desk: Desk) -> None:
    desk.funded()
    with pytest.raises(BackupGoesNowhere):
        ask(desk, method="stripe_instant")
    with pytest.raises(BackupIsInUse):
        ask(desk, method="stripe", account="acct_1")
    with pytest.raises(SameBackup):
        ask(desk)
    with pytest.raises(NotAllowed):
        ask(desk, VIC, method="check")
    assert desk.scalar("SELECT count(*) FROM proposal") == 0
