"""Payment files at the terminal: from an approved payout to what the bank told, by people who approved none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.core import paying_by_file as files
from tests.core.paying_by_file import IBANS, approved_for
from tests.desk import Balance, Desk
from tests.jobs.terminal import Run
from tests.jobs.test_cli_two_people import done, refused

AS_MIA = ("--as", "mia")


@pytest.fixture
def filing(desk: Run, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose rail pays Stripe's methods alone; migrated and peopled by `desk`."""
    del desk
    monkeypatch.setenv("PAYDESK_SECRETS_KEY", files.SECRET)
    monkeypatch.setenv("PAYDESK_PAYER_NAME", "Paydesk GmbH")
    monkeypatch.setenv("PAYDESK_PAYER_IBAN", "DE02120300000000202051")
    return files.with_files(Desk(engine, tmp_path))


@pytest.fixture
def payouts(filing: Desk) -> list[int]:
    """Three approved transfers of 25.00 euros."""
    return approved_for(
        filing, *(files.by_bank(filing, f"CRE{place}", iban) for place, iban in enumerate(IBANS))
    )


def test_three_transfers_from_approval_to_the_banks_word(
    desk: Run, filing: Desk, payouts: list[int], tmp_path: Path
) -> None:
    ready: Any = done(desk("payment-files", "ready"))[0]
    assert (ready["method"], ready["payouts"], ready["net_minor"]) == ("bank_transfer", 3, 75_00)

    made: Any = done(desk("payment-files", "make", *AS_MIA))
    file_id = str(made["file_id"])
    assert (made["done"], made["refused"]) == (payouts, [])

    for form in ("csv", "sepa"):
        done(
            desk(
                "payment-files", "download", file_id, "--format", form, "--out", str(tmp_path / form), *AS_MIA
            )
        )
    assert all(iban in (tmp_path / "sepa").read_text() for iban in IBANS)
    assert (tmp_path / "csv").stat().st_mode & 0o777 == 0o600

    done(desk("payment-files", "sent", file_id, "--reference", "BANK-77", *AS_MIA))
    first, second, third = files.references(filing, int(file_id))
    told = tmp_path / "told.csv"
    told.write_text(
        f"reference,outcome,reason,date\n{first},paid,,2026-11-20\n{second},failed,account closed,2026-11-20\n"
        f"{third},paid,,2026-11-31\n"
    )
    dry: Any = done(desk("payment-files", "results", str(told), "--dry-run", *AS_MIA))
    assert (dry["paid"], dry["failed"], dry["refused"], dry["taken"]) == (1, 1, 1, False)
    assert [filing.status(payout) for payout in payouts] == ["processing"] * 3
    assert refused(desk("payment-files", "results", str(told), "--as", "ada")) == "not_allowed"

    code, strict = desk("payment-files", "results", str(told), "--strict", *AS_MIA)
    assert (code, strict["taken"]) == (1, False)  # type: ignore[index]
    assert [filing.status(payout) for payout in payouts] == ["processing"] * 3
    taken: Any = done(desk("payment-files", "results", str(told), *AS_MIA))
    again: Any = done(desk("payment-files", "results", str(told), *AS_MIA))

    assert (taken["paid"], taken["failed"], taken["refused"]) == (1, 1, 1)
    assert taken["paid_amounts"] == [{"currency": "EUR", "amount_minor": 25_00}]
    assert (again["paid"], again["known"], again["refused"]) == (0, 2, 1)
    rejects = Path(taken["rejects_file"]).read_text()
    assert "no day of the calendar" in rejects
    Path(taken["rejects_file"]).write_text(rejects.replace("2026-11-31", "2026-11-20"))
    done(desk("payment-files", "results", taken["rejects_file"], *AS_MIA))

    assert [filing.status(payout) for payout in payouts] == ["paid", "failed", "paid"]
    assert filing.balance("CRE0") == Balance(held=0, available=65_00, reserved=0, paid=25_00, fees=0)
    assert filing.balance("CRE1") == Balance(held=0, available=90_00, reserved=0, paid=0, fees=0)
    done(desk("payment-files", "mark", first, "returned", "--reason", "recalled", *AS_MIA))
    assert filing.status(payouts[0]) == "reversed"
    assert filing.faults() == []
    assert done(desk("verify"))["ok"]


def test_a_cancelled_file_and_a_payment_by_hand(desk: Run, filing: Desk) -> None:
    [check] = approved_for(filing, files.by_check(filing))
    made: Any = done(desk("payment-files", "make", str(check), *AS_MIA))

    back: Any = done(desk("payment-files", "cancel", str(made["file_id"]), "--reason", "wrong day", *AS_MIA))
    assert back["approved_again"] == [check]

    [manual] = approved_for(filing, files.paid_by(filing, "CRE7", "manual"))
    by_hand: Any = done(desk("payment-files", "by-hand", str(manual), "--reference", "receipt 7", *AS_MIA))
    assert (by_hand["method"], by_hand["sent_ref"], filing.status(manual)) == ("manual", "receipt 7", "paid")
    listed: Any = done(desk("payment-files", "list"))
    assert [file["state"] for file in listed] == ["sent", "cancelled"]
    assert filing.faults() == []


def test_what_cannot_be_is_refused_by_name(
    desk: Run, filing: Desk, payouts: list[int], tmp_path: Path
) -> None:
    file_id = str(files.file_of(filing, *payouts))
    first = files.references(filing, int(file_id))[0]

    assert refused(desk("payment-files", "mark", first, "paid", *AS_MIA)) == "not_sent"
    assert refused(desk("payment-files", "mark", "PDX", "paid", *AS_MIA)) == "unknown_reference"
    assert refused(desk("payment-files", "sent", "77", "--reference", "B", *AS_MIA)) == "unknown_file"
    assert refused(desk("payment-files", "make", "--as", "ada")) == "not_allowed"
    out = ("--out", str(tmp_path / "taken"))
    assert refused(desk("payment-files", "download", file_id, *out, "--as", "ada")) == "not_allowed"
    assert not (tmp_path / "taken").exists()
    assert [filing.status(payout) for payout in payouts] == ["processing"] * 3
