"""Attempts, calls, the simulator's books."""

import pytest
from sqlalchemy import Connection, text

from tests import builders as b
from tests.db.law import bad_rows, commits, proves, refused


@pytest.fixture
def ana(owner: Connection) -> int:
    return b.partner(owner, b.program(owner))


@pytest.fixture
def payout(owner: Connection, ana: int) -> int:
    return b.payout(owner, ana, [b.earning(owner, ana, 100_00)])


@pytest.fixture
def sending(owner: Connection, payout: int) -> int:
    b.approve(owner, payout)
    b.claim(owner, payout)
    return payout


@bad_rows(
    "attempt",
    ("attempt_n_check", {"n": 0}),
    ("declared_attempt_state", {"state": "sent"}),
    ("declared_error_class", {"error_class": "bad luck"}),
    ("declined_has_a_class", {"state": "declined"}),
    ("succeeded_has_a_reference", {"state": "succeeded"}),
    ("succeeded_has_a_reference", {"provider_ref": "po_1"}),
)
def test_an_attempt_is_as_declared(
    owner: Connection, payout: int, rule: str, different: dict[str, object]
) -> None:
    b.approve(owner, payout)
    b.set_status(owner, payout, "processing")
    values = {"n": 1} | different
    with refused(owner, rule):
        b.attempt(owner, payout, **values)  # type: ignore[arg-type]
    b.attempt(owner, payout)


@proves("attempt_begins_started")
@pytest.mark.parametrize(
    "different",
    [
        {"state": "unknown"},
        {"state": "absent"},
        {"state": "declined", "error_class": "transient"},
        {"state": "succeeded", "provider_ref": "po_1"},
    ],
)
def test_an_attempt_begins_as_started(owner: Connection, payout: int, different: dict[str, object]) -> None:
    b.approve(owner, payout)
    b.set_status(owner, payout, "processing")
    with refused(owner, "attempt_begins_started"):
        b.attempt(owner, payout, **different)  # type: ignore[arg-type]


@proves("attempt.sent_only_as_approved", "sent_only_as_approved")
def test_nothing_leaves_unapproved(owner: Connection, ana: int) -> None:
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100_00)], approvals_needed=2)
    rule = "sent_only_as_approved"
    with refused(owner, rule):  # pending
        b.attempt(owner, payout)
    b.decision(owner, payout, "user:ann")
    b.set_status(owner, payout, "approved")
    with refused(owner, rule):  # one of two
        b.claim(owner, payout)
    b.decision(owner, payout, "user:cy", decision="reject", reason="no")
    with refused(owner, rule):  # a rejection is no approval
        b.claim(owner, payout)
    b.decision(owner, payout, "user:bob")
    with refused(owner, rule):  # not claimed
        b.attempt(owner, payout)
    b.set_status(owner, payout, "processing")
    with refused(owner, rule):  # other content
        b.attempt(owner, payout, approved_hash=b"other")
    b.attempt(owner, payout)
    commits(owner)


@proves("new_key_only_after_a_definite_no", "attempt.one_live_attempt_per_payout", "attempt.attempt_pkey")
def test_a_new_key_needs_a_definite_no(owner: Connection, sending: int) -> None:
    rule = "new_key_only_after_a_definite_no"
    with refused(owner, "one_live_attempt_per_payout"):
        b.attempt(owner, sending, 2)
    b.end_attempt(owner, sending, "unknown")
    with refused(owner, "one_live_attempt_per_payout"):
        b.attempt(owner, sending, 2)
    b.end_attempt(owner, sending, "absent")
    b.attempt(owner, sending, 2)
    b.end_attempt(owner, sending, "declined")
    with refused(owner, "attempt_pkey"):
        b.attempt(owner, sending, 2)
    b.attempt(owner, sending, 3)
    b.end_attempt(owner, sending, "succeeded")
    with refused(owner, "one_live_attempt_per_payout"):
        b.attempt(owner, sending, 4)
    owner.execute(text("DROP INDEX one_live_attempt_per_payout"))  # the trigger holds by itself
    with refused(owner, rule):
        b.attempt(owner, sending, 4)


@proves("attempt.key_once", "attempt.provider_reference_once")
def test_keys_and_provider_references_are_used_once(owner: Connection, ana: int, sending: int) -> None:
    other = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    b.approve(owner, other)
    b.set_status(owner, other, "processing")
    key = owner.execute(
        text("SELECT idem_key FROM attempt WHERE payout_id = :id"), {"id": sending}
    ).scalar_one()
    with refused(owner, "key_once"):
        b.attempt(owner, other, idem_key=key)
    b.attempt(owner, other)
    b.end_attempt(owner, sending, "succeeded", provider_ref="po_1")
    with refused(owner, "provider_reference_once"):
        b.end_attempt(owner, other, "succeeded", provider_ref="po_1")
    b.end_attempt(owner, other, "succeeded", provider_ref="po_2")


@proves("attempt.attempt_is_frozen", "attempt_is_frozen")
@pytest.mark.parametrize(
    "change",
    [
        "n = n + 1",
        "idem_key = 'other'",
        "provider = 'stripe'",
        "params = '{\"amount\": 1}'",
        "params_hash = 'x'",
        "approved_hash = 'x'",
        "started_at = started_at + interval '1 hour'",
        "first_sent_at = first_sent_at + interval '1 hour'",
        "first_sent_at = NULL",
        "provider_ref = 'po_other'",
    ],
)
def test_what_was_sent_under_a_key_never_changes(owner: Connection, sending: int, change: str) -> None:
    owner.execute(text("UPDATE attempt SET first_sent_at = :now"), {"now": b.NOW})
    b.end_attempt(owner, sending, "succeeded")
    with refused(owner, "attempt_is_frozen"):
        owner.execute(text(f"UPDATE attempt SET {change} WHERE payout_id = :id"), {"id": sending})  # noqa: S608


ATTEMPT_STATES = ("started", "unknown", "absent", "declined", "succeeded")
ATTEMPT_EDGES = {
    ("started", "succeeded"),
    ("started", "declined"),
    ("started", "unknown"),
    ("unknown", "succeeded"),
    ("unknown", "declined"),
    ("unknown", "absent"),
}


@proves("declared_outcome_edge")
@pytest.mark.parametrize("start", ATTEMPT_STATES)
@pytest.mark.parametrize("end", ATTEMPT_STATES)
def test_an_outcome_is_told_once(owner: Connection, sending: int, start: str, end: str) -> None:
    path = {"started": [], "absent": ["unknown", "absent"]}.get(start, [start])
    for state in path:
        b.end_attempt(owner, sending, state, provider_ref="po_1" if state == "succeeded" else None)
    reference = "po_1" if end == "succeeded" else None
    if start == end or (start, end) in ATTEMPT_EDGES:
        b.end_attempt(owner, sending, end, provider_ref=reference)
    elif start == "succeeded":
        with refused(owner, "attempt_is_frozen"):  # its reference would go
            b.end_attempt(owner, sending, end, provider_ref=reference)
    else:
        with refused(owner, "declared_outcome_edge"):
            b.end_attempt(owner, sending, end, provider_ref=reference)


@proves("attempt.attempt_is_kept")
@pytest.mark.parametrize("act", ["DELETE FROM attempt", "TRUNCATE attempt CASCADE"])
def test_an_attempt_is_kept(owner: Connection, sending: int, act: str) -> None:
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))
    assert b.status_of(owner, sending) == "processing"


def call(payout: int, **different: object) -> dict[str, object]:
    good: dict[str, object] = {
        "payout_id": payout,
        "n": 1,
        "at": b.NOW,
        "what": "send",
        "outcome": "unknown",
        "duration_ms": 12,
    }
    return good | different


@bad_rows("attempt_call", ("declared_call", {"what": "guess"}), ("declared_outcome", {"outcome": "maybe"}))
def test_a_call_is_of_a_declared_kind_and_outcome(
    owner: Connection, sending: int, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        b.insert(owner, "attempt_call", call(sending, **different))
    b.insert(owner, "attempt_call", call(sending))


def transfer(**different: object) -> dict[str, object]:
    good: dict[str, object] = {
        "idem_key": "payout-1-1",
        "params_hash": b"params",
        "transfer_group": "group",
        "amount_minor": 100,
        "currency": "USD",
        "destination": "acct_1",
        "provider_ref": "po_1",
        "at": b.NOW,
    }
    return good | different


@bad_rows(
    "simulator_transfer",
    ("simulator_transfer_pkey", {"idem_key": "payout-0-1"}),
    ("simulator_reference_once", {"provider_ref": "po_0"}),
    ("simulator_transfer_amount_minor_check", {"amount_minor": 0}),
    ("moved_or_declined", {"code": "bank_down"}),
    ("moved_or_declined", {"provider_ref": None}),
)
def test_the_simulator_moves_or_declines_once_per_key(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    b.insert(owner, "simulator_transfer", transfer(idem_key="payout-0-1", provider_ref="po_0"))
    with refused(owner, rule):
        b.insert(owner, "simulator_transfer", transfer(**different))
    b.insert(owner, "simulator_transfer", transfer())
    b.insert(
        owner, "simulator_transfer", transfer(idem_key="payout-2-1", provider_ref=None, code="bank_down")
    )


@proves("simulator_silence.simulator_silence_pkey")
def test_a_key_falls_silent_once(owner: Connection) -> None:
    b.insert(owner, "simulator_silence", {"idem_key": "payout-1-1", "at": b.NOW})
    with refused(owner, "simulator_silence_pkey"):
        b.insert(owner, "simulator_silence", {"idem_key": "payout-1-1", "at": b.NOW})
