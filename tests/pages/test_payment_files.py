"""The page of payment files: what is ready, one file from making to marking, result files seen before they count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from pages.shared import in_dialog
from pages.shared.in_dialog import FAULT
from tests.core import paying_by_file as files
from tests.core.paying_by_file import IBANS, approved_for
from tests.desk import Desk, open_desk
from tests.pages.dialogs import field
from tests.pages.test_reversals import words

Open = Callable[..., AppTest]


@pytest.fixture
def filing(desk: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose rail pays Stripe's methods alone, with the dashboard's own secret."""
    monkeypatch.setenv("PAYDESK_SECRETS_KEY", files.SECRET)
    monkeypatch.setenv("PAYDESK_PAYER_NAME", "Paydesk GmbH")
    monkeypatch.setenv("PAYDESK_PAYER_IBAN", "DE02120300000000202051")
    return files.with_files(open_desk(desk, tmp_path))


@pytest.fixture
def payouts(filing: Desk) -> list[int]:
    """Two approved transfers of 25.00 euros."""
    return approved_for(filing, files.by_bank(filing, "CRE1"), files.by_bank(filing, "CRE2", IBANS[1]))


def press(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


@pytest.mark.usefixtures("desk")
def test_without_any_the_page_says_why_and_what_to_do(open_page: Open) -> None:
    assert "Not known yet" in words(open_page("max", "payment_files"))


def test_with_a_rail_that_pays_everything_it_says_that_none_is_needed(
    desk: Engine, tmp_path: Path, open_page: Open
) -> None:
    open_desk(desk, tmp_path).send()

    assert "No files are needed" in words(open_page("max", "payment_files"))


def test_a_maker_makes_a_file_of_what_is_ready(filing: Desk, payouts: list[int], open_page: Open) -> None:
    app = open_page("max", "payment_files")
    assert "2 payouts, **€50.00** net" in words(app)

    press(press(app, "make-creator-bank_transfer-EUR"), "file-make")

    assert [filing.status(payout) for payout in payouts] == ["processing"] * 2
    assert filing.column("SELECT array(SELECT jsonb_object_keys(digests)) FROM payment_file") == [
        ["csv", "sepa"]
    ]


@pytest.mark.usefixtures("payouts")
@pytest.mark.parametrize("name", ["vera", "ben"])
def test_who_may_not_write_files_sees_them_and_makes_none(open_page: Open, name: str) -> None:
    app = open_page(name, "payment_files")

    assert "2 payouts" in words(app)
    assert not any(str(button.key).startswith("make-") for button in app.button)


def test_one_file_is_handed_in_and_marked_payment_by_payment(
    filing: Desk, payouts: list[int], open_page: Open
) -> None:
    file_id = files.file_of(filing, *payouts)
    app = press(open_page("max", "payment_files", id=str(file_id)), "file-sent")
    field(app.text_input, "payment-reference").set_value("BANK-77")
    press(app, "file-sent-go")
    assert filing.column("SELECT sent_ref FROM payment_file") == ["BANK-77"]

    app = press(open_page("max", "payment_files", id=str(file_id)), "file-mark")
    press(app, "payment-mark-go")

    assert [filing.status(payout) for payout in payouts] == ["paid", "processing"]
    assert "1 to mark" in words(open_page("vera", "payment_files", id=str(file_id)))


def test_two_payments_marked_one_right_after_the_other_are_both_marked(
    filing: Desk, payouts: list[int], open_page: Open
) -> None:
    file_id = files.sent(filing, files.file_of(filing, *payouts))
    app = press(open_page("max", "payment_files", id=str(file_id)), "file-mark")
    app = press(press(app, "payment-mark-go"), "file-mark")
    press(app, "payment-mark-go")

    assert [filing.status(payout) for payout in payouts] == ["paid", "paid"]


def test_what_failed_needs_a_reason(filing: Desk, payouts: list[int], open_page: Open) -> None:
    file_id = files.sent(filing, files.file_of(filing, *payouts))
    app = press(open_page("max", "payment_files", id=str(file_id)), "file-mark")
    field(app.segmented_control, "payment-result").set_value("failed")

    press(app, "payment-mark-go")

    assert [filing.status(payout) for payout in payouts] == ["processing"] * 2
    assert "Say why it did not arrive" in app.session_state[FAULT]


def test_a_file_is_cancelled_until_it_was_handed_in(
    filing: Desk, payouts: list[int], open_page: Open
) -> None:
    file_id = files.file_of(filing, *payouts)
    app = open_page("max", "payment_files", id=str(file_id))
    [button] = [button for button in app.button if "Cancel the file" in button.label]
    button.click().run()
    field(app.text_input, "payment-why").set_value("wrong day")

    press(app, "file-cancel-go")

    assert [filing.status(payout) for payout in payouts] == ["approved"] * 2


def test_a_result_file_is_shown_before_it_counts(filing: Desk, payouts: list[int], open_page: Open) -> None:
    file_id = files.sent(filing, files.file_of(filing, *payouts))
    first, second = files.references(filing, file_id)
    today = filing.scalar("SELECT made_at::date FROM payment_file")
    lines = (
        f"reference,outcome,reason,date\n{first},paid,,{today}\n{second},lost,,{today}\nPDX,paid,,{today}\n"
    )
    app = open_page("max", "payment_files")

    app.file_uploader[0].set_value(("results.csv", lines.encode(), "text/csv")).run()

    said = words(app)
    assert "lost is no outcome" in said
    assert "No payment file has a payment with the reference PDX" in said
    assert [filing.status(payout) for payout in payouts] == ["processing"] * 2

    press(app, "results-go")

    assert [filing.status(payout) for payout in payouts] == ["paid", "processing"]


@pytest.mark.usefixtures("filing")
def test_a_file_that_is_not_there_is_said_so(open_page: Open) -> None:
    assert "There is no payment file 77" in "".join(
        one.value for one in open_page("max", "payment_files", id="77").markdown
    )


def test_the_payouts_page_shows_its_file_and_references(
    filing: Desk, payouts: list[int], open_page: Open
) -> None:
    file_id = files.sent(filing, files.file_of(filing, *payouts))

    said = words(open_page("vera", "payout", id=str(payouts[0])))

    assert f"Payment file {file_id}" in said
    assert "under BANK-77" in said
    assert files.references(filing, file_id)[0] in said
    assert "DE ····3000" in said
    assert IBANS[0] not in said


def test_paid_by_hand_says_whom_and_how_much_and_marks_only_what_was_chosen(
    filing: Desk, open_page: Open
) -> None:
    first, second = approved_for(
        filing, files.paid_by(filing, "CRE1", "manual"), files.paid_by(filing, "CRE2", "manual")
    )
    app = open_page("max", "payment_files")
    [open_it] = [str(one.key) for one in app.button if str(one.key).startswith("hand-")]
    app = press(app, open_it)

    choice = field(app.selectbox, "payment-chosen")
    assert choice.value is None
    assert [option.split(" to ")[0] for option in choice.options] == ["€25.00", "€25.00"]
    assert all(
        f"payout {payout}" in option for payout, option in zip((first, second), choice.options, strict=True)
    )
    button = app.button(key="by-hand-go")
    assert button.disabled
    assert "Choose the payout" in button.label

    for opened, payout in ((2, second), (3, first)):  # one right after the other
        app.session_state[in_dialog.field(f"by_hand_opened_{opened}", "payment-chosen")] = payout
        app = press(app, open_it)
        field(app.text_input, "payment-reference").set_value(f"CASH-{payout}")
        app = press(app, "by-hand-go")
        assert filing.status(payout) == "paid"

    assert filing.column("SELECT sent_ref FROM payment_file ORDER BY id") == [
        f"CASH-{second}",
        f"CASH-{first}",
    ]


def test_why_one_payment_failed_is_never_kept_as_why_another_did(
    filing: Desk, payouts: list[int], open_page: Open
) -> None:
    file_id = files.sent(filing, files.file_of(filing, *payouts))
    app = press(open_page("max", "payment_files", id=str(file_id)), "file-mark")
    first, second = files.references(filing, file_id)
    field(app.segmented_control, "payment-result").set_value("failed")
    app = press(app, "payment-mark-go")  # without a reason: refused, and said so
    assert [filing.status(payout) for payout in payouts] == ["processing"] * 2

    app = press(open_page("max", "payment_files", id=str(file_id)), "file-mark")
    field(app.segmented_control, "payment-result").set_value("failed")
    app.session_state[in_dialog.field(f"mark_of_{file_id}", "payment-chosen")] = second
    app = press(app, "payment-mark-go")

    assert first != second
    assert [filing.status(payout) for payout in payouts] == ["processing"] * 2
    assert "chosen" in app.session_state[FAULT]
    app = press(app, "file-mark")
    assert field(app.segmented_control, "payment-result").value == "paid"
