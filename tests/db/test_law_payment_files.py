"""Payment files: one way out for each payout, its money whole, and what became of it by the word of no approver."""

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building import files as f
from tests.db.law import bad_rows, commits, proves, refused, state


@pytest.fixture
def payout(owner: Connection) -> int:
    """100.00 by bank transfer, approved by ann."""
    made = f.approved(owner)
    f.served(owner)
    commits(owner)
    return made


@pytest.fixture
def sent(owner: Connection, payout: int) -> int:
    """A payout in a file that was handed in."""
    f.hand_in(owner, f.filed(owner, payout))
    commits(owner)
    return payout


@bad_rows(
    "payee",
    ("declared_payee_method", {"method": "stripe"}),
    ("shows_the_last_four", {"shown": "DE89370400440532013000"}),
    ("shows_the_last_four", {"shown": "DE ····13000"}),
)
def test_a_payee_shows_no_more_than_the_last_four(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    ana = b.partner(owner, b.program(owner))
    with refused(owner, rule):
        f.payee(owner, ana, **different)
    f.payee(owner, ana)


@proves(
    "payee.payee_pkey",
    "payee.history",
    "data_key.data_key_pkey",
    "data_key.one_data_key",
    "data_key.data_key_is_kept",
)
def test_details_and_their_key_are_kept_as_they_are(owner: Connection) -> None:
    ref = f.payee(owner, b.partner(owner, b.program(owner)))
    b.insert(owner, "data_key", {"sealed": b"k", "made_at": b.NOW})
    ana = b.partner(owner, b.program(owner))
    with refused(owner, "payee_pkey"):
        f.payee(owner, ana, ref=ref)
    with refused(owner, "data_key_pkey"):
        b.insert(owner, "data_key", {"sealed": b"l", "made_at": b.NOW})
    with refused(owner, "one_data_key"):
        b.insert(owner, "data_key", {"one": False, "sealed": b"l", "made_at": b.NOW})
    for act in (
        "UPDATE payee SET sealed = 'x'",
        "DELETE FROM payee",
        "DELETE FROM data_key",
        "TRUNCATE data_key",
    ):
        with refused(owner, "history_is_added_to_never_edited"):
            owner.execute(text(act))


@proves("destination.destination_is_its_partners_payee")
def test_a_destination_has_the_details_of_its_own_partner(owner: Connection) -> None:
    ana, bea = (b.partner(owner, b.program(owner), method="bank_transfer") for _ in range(2))
    values = {
        "partner_id": ana,
        "method": "bank_transfer",
        "fingerprint": b"f",
        "made_by": "user:mia",
        "opened_at": b.NOW,
    }
    with refused(owner, "destination_is_its_partners_payee"):
        b.insert(owner, "destination", values | {"payee_ref": f.payee(owner, bea)})
    b.insert(owner, "destination", values | {"payee_ref": f.payee(owner, ana)})


@bad_rows(
    "payment_file",
    ("declared_file_method", {"method": "stripe"}),
    ("declared_file_state", {"state": "lost"}),
    ("file_pays_something", {"payouts": 0}),
    ("sent_with_a_reference", {"sent_ref": "BANK-1"}),
    ("cancelled_with_a_reason", {"cancel_reason": "wrong"}),
    ("file_in_its_programs_currency", {"currency": "EUR"}),
)
def test_a_file_is_as_declared(
    owner: Connection, payout: int, rule: str, different: dict[str, object]
) -> None:
    owner.execute(text("ALTER TABLE payment_file DISABLE TRIGGER payment_file_moves_on"))
    with refused(owner, rule):
        f.file_row(owner, payout, **different)


@proves("payment_file.file_ref_once")
def test_a_file_has_its_own_reference(owner: Connection, payout: int) -> None:
    f.filed(owner, payout)
    ref = owner.execute(text("SELECT ref FROM payment_file")).scalar_one()
    with refused(owner, "file_ref_once"):
        f.file_row(owner, payout, ref=ref)


@proves(
    "payment_file.file_has_its_lines",
    "file_has_its_lines",
    "payment_file.payment_file_moves_on",
    "file_begins_made",
)
def test_a_file_is_made_with_its_lines_and_sent_later(owner: Connection, payout: int) -> None:
    with refused(owner, "file_has_its_lines"):
        f.file_row(owner, payout)
    with refused(owner, "file_begins_made"):
        f.file_row(owner, payout, state="sent", sent_ref="x", sent_by="user:mia", sent_at=b.NOW)
    f.filed(owner, payout)
    commits(owner)


@proves(
    "payment_file_line.payment_file_line_pkey",
    "payment_file_line.line_is_an_attempt",
    "payment_file_line.line_reference_once",
    "payment_file_line.attempt_in_one_file",
    "payment_file_line.history",
)
@bad_rows(
    "payment_file_line",
    ("lines_are_counted_from_one", {"position": 0}),
    ("lines_pay_what_was_approved", {"amount_minor": 100_01}),
    ("lines_pay_what_was_approved", {"payee_ref": None}),
)
def test_a_line_pays_one_attempt_whole(
    owner: Connection, payout: int, rule: str, different: dict[str, object]
) -> None:
    f.by_file(owner, payout)
    file_id = f.file_row(owner, payout)
    with refused(owner, rule):
        f.line(owner, file_id, payout, **different)  # type: ignore[arg-type]
    with refused(owner, "line_is_an_attempt"):
        owner.execute(text("ALTER TABLE payment_file_line DISABLE TRIGGER lines_pay_what_was_approved"))
        f.line(owner, file_id, payout, n=2)
    f.line(owner, file_id, payout)
    commits(owner)
    other = f.approved(owner)
    with refused(owner, "payment_file_line_pkey"):
        f.line(owner, file_id, other)
    with refused(owner, "line_reference_once"):
        f.line(owner, file_id, payout, position=2)
    with refused(owner, "attempt_in_one_file"):
        f.line(owner, file_id, payout, position=2, reference="other")
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text("UPDATE payment_file_line SET amount_minor = 1"))


@proves("lines_pay_what_was_approved", "payment_file_line.lines_pay_what_was_approved")
@pytest.mark.parametrize("provider", ["simulator", "stripe"])
def test_what_another_rail_sends_is_in_no_file(owner: Connection, payout: int, provider: str) -> None:
    f.by_file(owner, payout, provider=provider)
    file_id = f.file_row(owner, payout)
    with refused(owner, "lines_pay_what_was_approved"):
        f.line(owner, file_id, payout)


def test_a_line_pays_to_the_destination_that_was_approved(owner: Connection, payout: int) -> None:
    f.by_file(owner, payout)
    file_id = f.file_row(owner, payout)
    whose = owner.execute(text("SELECT partner_id FROM payout WHERE id = :id"), {"id": payout}).scalar_one()
    with refused(owner, "lines_pay_what_was_approved"):
        f.line(owner, file_id, payout, payee_ref=f.payee(owner, whose))


@proves("file_is_its_lines")
@pytest.mark.parametrize("different", [{"payouts": 2}, {"total_minor": 100_01}])
def test_a_file_comes_to_its_lines(owner: Connection, payout: int, different: dict[str, object]) -> None:
    f.by_file(owner, payout)
    file_id = f.file_row(owner, payout, **different)
    with refused(owner, "file_is_its_lines"):
        f.line(owner, file_id, payout)


def test_a_file_gets_no_line_later(owner: Connection, payout: int) -> None:
    file_id = f.filed(owner, payout)
    same_program = owner.execute(
        text("SELECT program_id FROM payout WHERE id = :id"), {"id": payout}
    ).scalar_one()
    late = f.approved(owner, f.detailed(owner, same_program))
    f.by_file(owner, late)
    with refused(owner, "file_is_its_lines"):
        f.line(owner, file_id, late, position=2)


@proves(
    "attempt.file_attempts_are_in_a_file", "file_attempts_are_in_a_file", "files_serve_what_no_rail_serves"
)
def test_an_attempt_by_file_is_in_a_file_and_of_no_rails_method(owner: Connection, payout: int) -> None:
    with refused(owner, "file_attempts_are_in_a_file"):
        f.by_file(owner, payout)
    owner.execute(text("UPDATE rail_in_use SET methods = methods || ARRAY['bank_transfer']"))
    with refused(owner, "files_serve_what_no_rail_serves"):
        f.filed(owner, payout)


@proves("file_ends_once", "payment_file.payment_file_is_kept")
def test_a_file_stays_what_it_was_and_ends_once(owner: Connection, payout: int) -> None:
    file_id = f.filed(owner, payout)
    for act in ("total_minor = 1", "debtor = '{}'", "made_by = 'user:eve'"):
        with refused(owner, "file_ends_once"):
            owner.execute(text(f"UPDATE payment_file SET {act}"))  # noqa: S608
    owner.execute(text("""UPDATE payment_file SET digests = '{"csv": "1"}'"""))
    with refused(owner, "file_ends_once"):
        owner.execute(text("""UPDATE payment_file SET digests = '{"csv": "2"}'"""))
    f.hand_in(owner, file_id)
    with refused(owner, "file_ends_once"):
        f.cancel(owner, file_id, payout)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text("DELETE FROM payment_file"))


@proves("approvers_never_mark")
def test_who_approved_it_neither_hands_it_in_nor_marks_it(owner: Connection, payout: int) -> None:
    file_id = f.filed(owner, payout)
    with refused(owner, "approvers_never_mark"):
        f.hand_in(owner, file_id, sent_by="user:ann")
    f.hand_in(owner, file_id)
    with refused(owner, "approvers_never_mark"):
        f.mark(owner, payout, marked_by="user:ann")


@proves("payment_mark.mark_of_a_line", "payment_mark.history")
@bad_rows(
    "payment_mark",
    ("declared_mark", {"outcome": "lost"}),
    ("declared_mark_class", {"outcome": "failed", "error_class": "transient", "reason": "x"}),
    ("people_mark", {"marked_by": "job:send"}),
    ("mark_has_a_reason", {"outcome": "failed", "error_class": "account", "reason": ""}),
    ("mark_of_a_failure_has_a_class", {"outcome": "failed", "error_class": None, "reason": "x"}),
    ("mark_of_a_failure_has_a_class", {"error_class": "account"}),
    ("later_only_what_came_back", {"ends": False}),
)
def test_a_mark_is_as_declared(owner: Connection, sent: int, rule: str, different: dict[str, object]) -> None:
    owner.execute(text("ALTER TABLE payment_mark DISABLE TRIGGER marks_are_fair"))
    with refused(owner, rule):
        f.mark(owner, sent, **different)  # type: ignore[arg-type]
    with refused(owner, "mark_of_a_line"):
        f.mark(owner, sent, n=2)
    f.mark(owner, sent)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text("UPDATE payment_mark SET outcome = 'failed'"))


@proves("payment_mark.marks_are_fair", "marked_after_it_was_sent", "only_paid_comes_back")
def test_a_mark_comes_after_its_file_was_sent_and_a_return_after_it_was_paid(
    owner: Connection, payout: int
) -> None:
    file_id = f.filed(owner, payout)
    with refused(owner, "marked_after_it_was_sent"):
        f.mark(owner, payout)
    f.hand_in(owner, file_id)
    with refused(owner, "only_paid_comes_back"):
        f.mark(owner, payout, "returned", ends=False, error_class=None)


@proves("payment_mark.marked_once")
def test_nobody_marks_a_payment_twice(owner: Connection, sent: int) -> None:
    f.mark(owner, sent)
    with refused(owner, "marked_once"):
        f.mark(owner, sent, marked_by="user:max")


@proves(
    "payment_mark.marks_and_attempts_agree", "attempt.marks_and_attempts_agree", "marks_and_attempts_agree"
)
def test_the_mark_and_the_attempt_tell_one_story(owner: Connection, sent: int) -> None:
    with refused(owner, "marks_and_attempts_agree"):
        f.mark(owner, sent)
    with refused(owner, "marks_and_attempts_agree"):
        b.pay(owner, sent)
    with refused(owner, "marks_and_attempts_agree"):
        b.end_attempt(owner, sent, "unknown")
    with refused(owner, "marks_and_attempts_agree"):
        f.mark(owner, sent, "failed")
        b.end_attempt(owner, sent, "declined", error_class="instruction")
        b.end(owner, sent, "failed")
    f.mark(owner, sent)
    b.pay(owner, sent)
    commits(owner)
    assert b.status_of(owner, sent) == "paid"


@proves(
    "payment_file.cancelled_file_gives_back", "cancelled_file_gives_back", "attempt.only_files_are_withdrawn"
)
def test_a_cancelled_file_gives_its_payouts_back(owner: Connection, payout: int) -> None:
    file_id = f.filed(owner, payout)
    commits(owner)
    ended = {
        "state": "cancelled",
        "cancelled_by": "user:mia",
        "cancelled_at": b.NOW,
        "cancel_reason": "wrong",
    }
    with refused(owner, "cancelled_file_gives_back"):
        b.change(owner, "payment_file", ended, "id = :id", id=file_id)
    f.cancel(owner, file_id, payout)
    commits(owner)
    assert b.status_of(owner, payout) == "approved"
    other = b.payout(owner, ana := b.partner(owner, b.program(owner)), [b.earning(owner, ana, 100)])
    b.approve(owner, other)
    b.claim(owner, other)
    with refused(owner, "only_files_are_withdrawn"):
        b.end_attempt(owner, other, "declined", error_class="withdrawn")


@pytest.mark.parametrize(
    "act",
    [
        "SELECT sealed FROM payee",
        "SELECT * FROM payee",
        "UPDATE payee SET sealed = 'x'",
        "DELETE FROM payee",
        "UPDATE data_key SET sealed = 'x'",
        "UPDATE payment_file SET total_minor = 1",
        "DELETE FROM payment_mark",
    ],
)
def test_the_app_cannot_select_details_or_edit_files(owner: Connection, act: str) -> None:
    f.approved(owner)
    commits(owner)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state_of(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege), caught.value
    assert state_of(owner) == before


def state_of(conn: Connection) -> dict[str, str]:
    """What `state` says, asked as the owner."""
    conn.execute(text("RESET ROLE"))
    found = state(conn)
    conn.execute(text("SET LOCAL ROLE paydesk_app"))
    return found


def test_the_app_gets_the_details_of_a_files_own_lines_alone(owner: Connection, payout: int) -> None:
    file_id = f.filed(owner, payout)
    f.approved(owner)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    found = owner.execute(text("SELECT content FROM payees_of_file(:id)"), {"id": file_id}).scalars().all()
    assert [bytes(content) for content in found] == [b"sealed"]
