"""Reversals: what two people agreed on and no more, once, within what was paid, and kept as it was."""

import json
from collections.abc import Mapping

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.building import reversals as r
from tests.db.law import bad_rows, commits, proves, refused, state


@pytest.fixture
def paid(owner: Connection) -> int:
    """A payout of 100.00, paid."""
    return paid_payout(owner)


def paid_payout(owner: Connection) -> int:
    ana = b.partner(owner, b.program(owner))
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    b.approve(owner, payout)
    b.claim(owner, payout)
    b.pay(owner, payout)
    commits(owner)
    return payout


@bad_rows(
    "reversal",
    ("reversal_n_check", {"n": 0}),
    ("reversal_of_some_money", {"amount_minor": 0}),
    ("provider_can_reverse", {"provider": "rail"}),
    ("declared_reversal_state", {"state": "sent"}),
    ("reversal_sent_before_its_outcome", {"state": "unknown"}),
    ("reversal_sent_whole", {"first_sent_at": b.NOW}),
    ("reversed_with_a_reference", {"provider_ref": "trr_1"}),
    ("reversal_ends_at_some_time", {"ended_at": b.NOW}),
)
def test_a_reversal_is_as_declared(
    owner: Connection, paid: int, rule: str, different: dict[str, object]
) -> None:
    values = {"n": 1} | different
    with refused(owner, rule):
        r.reversal(owner, paid, **values)  # type: ignore[arg-type]
    r.reversal(owner, paid)


@proves("reversal.reversed_only_by_two_people", "reversed_only_by_two_people")
@pytest.mark.parametrize(
    "different",
    [
        {"kind": "proved_absent"},
        {"subject": "partner"},
        {"content": json.dumps({"amount_minor": 10_01, "currency": "USD"})},
        {"content": json.dumps({"amount_minor": 10_00, "currency": "EUR"})},
        {"content": "{}"},
    ],
)
def test_money_is_pulled_back_only_as_two_people_agreed(
    owner: Connection, paid: int, different: Mapping[str, object]
) -> None:
    agreed = r.agree_reversal(owner, paid, 10_00, **different)
    with refused(owner, "reversed_only_by_two_people"):
        r.reversal(owner, paid, proposal_id=agreed)
    r.reversal(owner, paid)


@pytest.mark.parametrize("decision", [None, "refuse"])
def test_a_proposal_that_nobody_confirmed_pulls_nothing_back(
    owner: Connection, paid: int, decision: str | None
) -> None:
    content = json.dumps({"amount_minor": 10_00, "currency": "USD"})
    asked = b.proposal(owner, kind="reverse_payout", subject="payout", ids=[paid], content=content)
    if decision is not None:
        b.decide_proposal(owner, asked, decision)
    with refused(owner, "reversed_only_by_two_people"):
        r.reversal(owner, paid, proposal_id=asked)


def test_what_was_agreed_about_another_payout_pulls_nothing_back(owner: Connection, paid: int) -> None:
    other = r.agree_reversal(owner, paid_payout(owner), 10_00)
    with refused(owner, "reversed_only_by_two_people"):
        r.reversal(owner, paid, proposal_id=other)


@proves("reversal.one_reversal_per_proposal")
def test_what_was_agreed_once_is_pulled_back_once(owner: Connection, paid: int) -> None:
    agreed = r.agree_reversal(owner, paid, 10_00)
    r.reversal(owner, paid, proposal_id=agreed)
    r.send_reversal(owner, paid)
    r.end_reversal(owner, paid, "declined")
    with refused(owner, "one_reversal_per_proposal"):
        r.reversal(owner, paid, 2, proposal_id=agreed)


@proves("reversed_as_it_was_paid")
@pytest.mark.parametrize(
    "change", [{"transfer": "po_other"}, {"amount_minor": 10_01}, {"currency": "EUR"}, {"reversal_ref": "x"}]
)
def test_it_asks_for_what_was_agreed_of_the_transfer_that_paid(
    owner: Connection, paid: int, change: Mapping[str, object]
) -> None:
    r.reversal(owner, paid)
    right = owner.execute(text("SELECT ref, params FROM reversal")).one()
    r.send_reversal(owner, paid)
    r.end_reversal(owner, paid, "declined")
    other = "11111111-1111-1111-1111-111111111111"
    params = right.params | {"reversal_ref": other}
    with refused(owner, "reversed_as_it_was_paid"):
        r.reversal(owner, paid, 2, ref=other, params=json.dumps(params | change))
    r.reversal(owner, paid, 2, ref=other, params=json.dumps(params))


def test_only_what_was_paid_is_pulled_back_by_the_provider_that_paid_it(owner: Connection, paid: int) -> None:
    rule = "reversed_as_it_was_paid"
    with refused(owner, rule):
        r.reversal(owner, paid, provider="stripe")
    ana = b.partner(owner, b.program(owner))
    pending = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    with refused(owner, rule):
        r.reversal(owner, pending)


@proves("reversals_stay_within_the_payout")
def test_no_more_is_pulled_back_than_is_still_out(owner: Connection, paid: int) -> None:
    rule = "reversals_stay_within_the_payout"
    with refused(owner, rule):
        r.reversal(owner, paid, amount_minor=100_01)
    r.reversal(owner, paid, amount_minor=60_00)
    r.send_reversal(owner, paid)
    r.end_reversal(owner, paid, "succeeded")
    r.come_back(owner, paid, 15_00, "trr_outside")
    with refused(owner, rule):
        r.reversal(owner, paid, 2, amount_minor=25_01)
    r.reversal(owner, paid, 2, amount_minor=25_00)
    commits(owner)


@proves("reversal_begins_unsent")
@pytest.mark.parametrize(
    "different",
    [
        {},
        {"state": "unknown"},
        {"state": "declined", "ended_at": b.NOW},
        {"state": "succeeded", "provider_ref": "trr_1", "ended_at": b.NOW},
    ],
)
def test_a_reversal_begins_unsent(owner: Connection, paid: int, different: Mapping[str, object]) -> None:
    sent: dict[str, object] = {"sent_at": b.NOW, "first_sent_at": b.NOW, "lease_until": b.NOW}
    with refused(owner, "reversal_begins_unsent"):
        r.reversal(owner, paid, **(sent | dict(different)))  # type: ignore[arg-type]


@proves("reversal.one_open_reversal_per_payout", "reversal.reversal_pkey")
def test_one_is_open_at_a_time(owner: Connection, paid: int) -> None:
    rule = "one_open_reversal_per_payout"
    r.reversal(owner, paid)
    with refused(owner, rule):
        r.reversal(owner, paid, 2)
    r.send_reversal(owner, paid)
    with refused(owner, rule):
        r.reversal(owner, paid, 2)
    r.end_reversal(owner, paid, "unknown")
    with refused(owner, rule):
        r.reversal(owner, paid, 2)
    r.end_reversal(owner, paid, "absent")
    with refused(owner, "reversal_pkey"):
        r.reversal(owner, paid, 1)
    r.reversal(owner, paid, 2)


@proves("reversal.reversal_key_once", "reversal.reversal_ref_once", "reversal.reversal_reference_once")
def test_keys_and_references_are_used_once(owner: Connection, paid: int) -> None:
    other = paid_payout(owner)
    r.reversal(owner, paid)
    used = owner.execute(text("SELECT ref::text, idem_key, params FROM reversal")).one()
    with refused(owner, "reversal_key_once"):
        r.reversal(owner, other, idem_key=used.idem_key)
    with refused(owner, "reversal_ref_once"):
        r.reversal(owner, other, ref=used.ref)
    r.reversal(owner, other)
    for payout in (paid, other):
        r.send_reversal(owner, payout)
    r.end_reversal(owner, paid, "succeeded", provider_ref="trr_1")
    r.come_back(owner, other, 10_00, "trr_2")
    with refused(owner, "reversal_reference_once"):
        owner.execute(
            text("UPDATE reversal SET state = 'succeeded', ended_at = :now, provider_ref = 'trr_1' WHERE payout_id = :id"),
            {"id": other, "now": b.NOW},
        )  # fmt: skip


@proves("reversal.reversal_is_frozen", "reversal_is_frozen")
@pytest.mark.parametrize(
    "change",
    [
        "n = n + 1",
        "ref = gen_random_uuid()",
        "idem_key = 'other'",
        "provider = 'stripe'",
        "params = '{\"amount_minor\": 1}'",
        "params_hash = 'x'",
        "amount_minor = 1",
        "currency = 'EUR'",
        "started_at = started_at + interval '1 hour'",
        "sent_at = sent_at + interval '1 hour'",
        "first_sent_at = first_sent_at + interval '1 hour'",
        "first_sent_at = NULL",
        "provider_ref = 'trr_other'",
        "ended_at = ended_at + interval '1 hour'",
    ],
)
def test_what_was_pulled_back_under_a_key_never_changes(owner: Connection, paid: int, change: str) -> None:
    r.reversal(owner, paid)
    r.send_reversal(owner, paid)
    r.end_reversal(owner, paid, "succeeded")
    with refused(owner, "reversal_is_frozen"):
        owner.execute(text(f"UPDATE reversal SET {change} WHERE payout_id = :id"), {"id": paid})  # noqa: S608


STATES = ("started", "unknown", "absent", "declined", "succeeded")
EDGES = {
    ("started", "succeeded"),
    ("started", "declined"),
    ("started", "unknown"),
    ("unknown", "succeeded"),
    ("unknown", "declined"),
    ("unknown", "absent"),
}


@proves("declared_reversal_edge")
@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("end", STATES)
def test_its_outcome_is_told_once(owner: Connection, paid: int, start: str, end: str) -> None:
    r.reversal(owner, paid)
    r.send_reversal(owner, paid)
    path = {"started": [], "absent": ["unknown", "absent"]}.get(start, [start])
    for one in path:
        r.end_reversal(owner, paid, one)
    if start == end:
        return
    if (start, end) in EDGES:
        r.end_reversal(owner, paid, end)
        commits(owner)
        return
    rule = "reversal_is_frozen" if start == "succeeded" else "declared_reversal_edge"
    kept: dict[str, object] = {"ended_at": None} if start in {"started", "unknown"} else {}
    ref = "trr_1" if end == "succeeded" else None
    with refused(owner, rule):
        b.change(owner, "reversal", {"state": end, "provider_ref": ref} | kept, "payout_id = :id", id=paid)


@proves("reversal.reversal_absent_by_two_people", "reversal_absent_by_two_people")
def test_a_reversal_is_absent_only_by_a_confirmed_proposal_about_itself(owner: Connection, paid: int) -> None:
    r.reversal(owner, paid)
    r.send_reversal(owner, paid)
    r.end_reversal(owner, paid, "unknown")
    about: dict[str, object] = {"kind": "reversal_absent", "subject": "payout", "ids": [paid]}
    rows = (
        about | {"kind": "proved_absent", "content": '{"reversal": 1}'},
        about | {"subject": "partner", "content": '{"reversal": 1}'},
        about | {"content": '{"reversal": 2}'},
        about | {"content": "{}"},
        about | {"ids": [paid, paid + 1], "content": '{"reversal": 1}'},
        about | {"ids": [paid + 1], "content": '{"reversal": 1}'},
    )
    for row in rows:
        b.decide_proposal(owner, b.proposal(owner, **row))
    b.decide_proposal(owner, b.proposal(owner, **about, content='{"reversal": 1}'), "refuse")

    with refused(owner, "reversal_absent_by_two_people"):
        b.change(owner, "reversal", {"state": "absent", "ended_at": b.NOW}, "payout_id = :id", id=paid)

    r.end_reversal(owner, paid, "absent")


@proves("reversal.nothing_leaves_while_stopped")
def test_nothing_is_pulled_back_for_the_first_time_while_sending_is_stopped(
    owner: Connection, paid: int
) -> None:
    stop = b.stop(owner)
    r.reversal(owner, paid)  # agreeing goes on
    with refused(owner, "nothing_leaves_while_stopped"):
        r.send_reversal(owner, paid)
    agreed = b.proposal(owner, ids=[stop])
    b.decide_proposal(owner, agreed)
    b.start(owner, stop, agreed)
    r.send_reversal(owner, paid)
    b.stop(owner)
    r.end_reversal(owner, paid, "unknown")  # what was sent before is looked up


@proves("reversal.reversal_has_its_return", "reversal_has_its_return")
@pytest.mark.parametrize(
    ("amount_minor", "event"), [(None, ""), (10_00, "trr_other"), (9_99, "trr_1")], ids=str
)
def test_a_reversal_that_succeeded_is_in_the_books_at_commit(
    owner: Connection, paid: int, amount_minor: int | None, event: str
) -> None:
    r.reversal(owner, paid)
    r.send_reversal(owner, paid)
    ended = {"state": "succeeded", "ended_at": b.NOW, "provider_ref": "trr_1"}
    with refused(owner, "reversal_has_its_return"):
        b.change(owner, "reversal", ended, "payout_id = :id", id=paid)
        if amount_minor is not None:
            r.come_back(owner, paid, amount_minor, event)
    r.come_back(owner, paid, 10_00, "trr_1")  # an event was faster
    b.change(owner, "reversal", ended, "payout_id = :id", id=paid)
    commits(owner)


@proves("reversal.reversal_is_kept")
@pytest.mark.parametrize("act", ["DELETE FROM reversal", "TRUNCATE reversal CASCADE"])
def test_a_reversal_is_kept(owner: Connection, paid: int, act: str) -> None:
    r.reversal(owner, paid)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act))


def call(payout: int, **different: object) -> dict[str, object]:
    good: dict[str, object] = {
        "payout_id": payout,
        "n": 1,
        "at": b.NOW,
        "what": "reverse",
        "outcome": "unknown",
        "duration_ms": 12,
    }
    return good | different


@bad_rows(
    "reversal_call",
    ("declared_reversal_call", {"what": "send"}),
    ("declared_reversal_outcome", {"outcome": "maybe"}),
)
def test_a_call_is_of_a_declared_kind_and_outcome(
    owner: Connection, paid: int, rule: str, different: dict[str, object]
) -> None:
    r.reversal(owner, paid)
    with refused(owner, rule):
        b.insert(owner, "reversal_call", call(paid, **different))
    b.insert(owner, "reversal_call", call(paid))


def taken_back(**different: object) -> dict[str, object]:
    good: dict[str, object] = {
        "idem_key": "rv-1",
        "params_hash": b"params",
        "transfer": "po_1",
        "reversal_ref": "ref",
        "amount_minor": 100,
        "currency": "USD",
        "provider_ref": "trr_1",
        "at": b.NOW,
    }
    return good | different


@bad_rows(
    "simulator_reversal",
    ("simulator_reversal_pkey", {"idem_key": "rv-0"}),
    ("simulator_reversal_reference_once", {"provider_ref": "trr_0"}),
    ("simulator_reversal_amount_minor_check", {"amount_minor": 0}),
    ("reversed_or_declined", {"code": "bank_down"}),
    ("reversed_or_declined", {"provider_ref": None}),
)
def test_the_simulator_takes_back_or_declines_once_per_key(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    b.insert(owner, "simulator_reversal", taken_back(idem_key="rv-0", provider_ref="trr_0"))
    with refused(owner, rule):
        b.insert(owner, "simulator_reversal", taken_back(**different))
    b.insert(owner, "simulator_reversal", taken_back())
    b.insert(owner, "simulator_reversal", taken_back(idem_key="rv-2", provider_ref=None, code="no_funds"))


@proves("reversal_call.history", "simulator_reversal.history")
@pytest.mark.parametrize("table", ["reversal_call", "simulator_reversal"])
@pytest.mark.parametrize("act", ["UPDATE {} SET code = code", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_asked_and_answered_is_kept(owner: Connection, paid: int, table: str, act: str) -> None:
    r.reversal(owner, paid)
    b.insert(owner, "reversal_call", call(paid))
    b.insert(owner, "simulator_reversal", taken_back())
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act.format(table)))


@pytest.mark.parametrize(
    "act",
    [
        "DELETE FROM reversal",
        "TRUNCATE reversal CASCADE",
        "UPDATE reversal_call SET outcome = 'succeeded'",
        "DELETE FROM simulator_reversal",
        "ALTER TABLE reversal DISABLE TRIGGER USER",
        "DROP INDEX one_open_reversal_per_payout",
    ],
)
def test_the_app_cannot_edit_what_was_pulled_back(owner: Connection, paid: int, act: str) -> None:
    r.reversal(owner, paid)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
    assert state(owner) == before


def test_the_app_can_pull_back_as_two_people_agreed(owner: Connection, paid: int) -> None:
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    r.reversal(owner, paid)
    r.send_reversal(owner, paid)
    r.end_reversal(owner, paid, "succeeded")
    commits(owner)
    assert owner.execute(text("SELECT state FROM reversal")).scalar_one() == "succeeded"
