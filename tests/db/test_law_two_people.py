"""Proposals and the stop switch: one person asks, another decides, and while a stop stands nothing leaves."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests import builders as b
from tests.db.law import bad_rows, proves, refused, state


@bad_rows(
    "proposal",
    ("proposal_says_why", {"why": ""}),
    ("proposal_names_something", {"ids": []}),
    ("proposal_expires_later", {"expires_at": b.NOW}),
)
def test_a_proposal_says_what_why_and_until_when(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    with refused(owner, rule):
        b.proposal(owner, **different)
    b.proposal(owner)


@bad_rows(
    "proposal",
    ("declared_proposal_decision", {"decision": "perhaps"}),
    ("proposal_decided_by_someone", {"decided_by": None}),
    ("proposal_decided_by_someone", {"decided_at": None}),
    ("proposal_decided_by_someone", {"decision": None}),
    ("proposal_needs_a_second_person", {"by": "user:mia"}),
    ("proposal_needs_a_second_person", {"by": "user:mia", "decision": "refuse"}),
    ("proposal_decided_in_time", {"decided_at": b.NOW + b.DAY}),
    ("proposal_refusal_has_a_reason", {"decision": "refuse", "decide_note": ""}),
)
def test_a_decision_is_another_persons_in_time_and_says_why_not(
    owner: Connection, rule: str, different: dict[str, object]
) -> None:
    proposal = b.proposal(owner)
    with refused(owner, rule):
        b.decide_proposal(owner, proposal, **different)  # type: ignore[arg-type]
    b.decide_proposal(owner, proposal)


@proves("proposal.proposal_is_decided_once", "proposal_begins_open", "proposal_is_decided_once")
@pytest.mark.parametrize("again", ["confirm", "refuse"])
def test_a_proposal_begins_undecided_and_is_decided_once(owner: Connection, again: str) -> None:
    decided = {"decision": "confirm", "decided_by": "user:ann", "decided_at": b.NOW}
    with refused(owner, "proposal_begins_open"):
        b.proposal(owner, **decided)
    proposal = b.proposal(owner)
    b.decide_proposal(owner, proposal)
    with refused(owner, "proposal_is_decided_once"):
        b.decide_proposal(owner, proposal, again, "user:bob")
    with refused(owner, "proposal_is_decided_once"):
        owner.execute(text("UPDATE proposal SET decision = NULL, decided_by = NULL, decided_at = NULL"))


@proves("proposal_is_frozen")
@pytest.mark.parametrize(
    "change",
    [
        "kind = 'proved_absent'",
        "subject = 'payout'",
        "ids = '{2}'",
        "content = '{\"attempt\": 2}'",
        "why = 'other'",
        "made_by = 'user:eve'",
        "made_at = made_at - interval '1 day'",
        "expires_at = expires_at + interval '1 day'",
    ],
)
def test_what_was_proposed_never_changes_not_even_with_its_decision(owner: Connection, change: str) -> None:
    b.proposal(owner)
    decided = "decision = 'confirm', decided_by = 'user:ann', decided_at = made_at"
    for act in (change, f"{change}, {decided}"):
        with refused(owner, "proposal_is_frozen"):
            owner.execute(text(f"UPDATE proposal SET {act}"))  # noqa: S608


def test_the_digest_binds_kind_subject_ids_and_content(owner: Connection) -> None:
    rows: list[dict[str, object]] = [
        {},
        {"kind": "other"},
        {"subject": "payout"},
        {"ids": [2]},
        {"ids": [1, 2]},
        {"content": '{"a": 1}'},
    ]
    for different in rows:
        b.proposal(owner, **different)
    b.proposal(owner, why="said otherwise")
    digests = owner.execute(text("SELECT digest FROM proposal ORDER BY id")).scalars().all()
    assert len({bytes(digest) for digest in digests}) == len(rows)
    assert digests[-1] == digests[0]


@proves("proposal.proposal_is_kept", "sending_stop.sending_stop_is_kept")
@pytest.mark.parametrize("table", ["proposal", "sending_stop"])
@pytest.mark.parametrize("act", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_proposed_and_stopped_is_kept(owner: Connection, table: str, act: str) -> None:
    b.stop(owner)
    b.proposal(owner)
    with refused(owner, "history_is_added_to_never_edited"):
        owner.execute(text(act.format(table)))


@bad_rows(
    "sending_stop",
    ("stop_says_why", {"why": ""}),
    ("started_again_whole", {"started_by": "user:ann"}),
)
def test_a_stop_says_why(owner: Connection, rule: str, different: dict[str, object]) -> None:
    with refused(owner, rule):
        b.stop(owner, **different)
    b.stop(owner)


@proves("sending_stop.one_open_stop")
def test_one_stop_stands_at_a_time(owner: Connection) -> None:
    first = b.stop(owner)
    with refused(owner, "one_open_stop"):
        b.stop(owner)
    b.start(owner, first, agreed(owner, first))
    b.stop(owner)


def agreed(owner: Connection, stop: int) -> int:
    proposal = b.proposal(owner, ids=[stop])
    b.decide_proposal(owner, proposal)
    return proposal


@proves("sending_stop.stop_ends_by_two_people", "stop_ends_by_two_people", "stop_begins_open")
def test_a_stop_ends_only_by_a_confirmed_proposal_about_itself(owner: Connection) -> None:
    rule = "stop_ends_by_two_people"
    done = agreed(owner, b.stop(owner))
    stop = owner.execute(text("SELECT id FROM sending_stop")).scalar_one()
    b.start(owner, stop, done)
    with refused(owner, "stop_begins_open"):
        b.stop(owner, started_at=b.NOW, started_by="user:ann", proposal_id=done)
    stop = b.stop(owner)

    with refused(owner, rule):  # one about another stop
        b.start(owner, stop, done)
    proposal = b.proposal(owner, ids=[stop])
    with refused(owner, rule):  # undecided
        b.start(owner, stop, proposal)
    no = b.proposal(owner, ids=[stop])
    b.decide_proposal(owner, no, "refuse")
    with refused(owner, rule):
        b.start(owner, stop, no)
    others: list[dict[str, object]] = [
        {"kind": "proved_absent"},
        {"subject": "payout"},
        {"ids": [stop, stop + 1]},
    ]
    for other in others:
        foreign = b.proposal(owner, **({"ids": [stop]} | other))
        b.decide_proposal(owner, foreign)
        with refused(owner, rule):
            b.start(owner, stop, foreign)
    b.decide_proposal(owner, proposal)
    with refused(owner, rule):  # in the name of somebody who did not confirm it
        b.start(owner, stop, proposal, by="user:mia")
    b.start(owner, stop, proposal)


@proves("stop_is_frozen")
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(
    "change", ["why = 'other'", "stopped_by = 'user:eve'", "stopped_at = stopped_at - interval '1 day'"]
)
def test_who_stopped_and_why_never_changes(owner: Connection, *, ended: bool, change: str) -> None:
    stop = b.stop(owner)
    if ended:
        b.start(owner, stop, agreed(owner, stop))
    with refused(owner, "stop_is_frozen"):
        owner.execute(text(f"UPDATE sending_stop SET {change}"))  # noqa: S608


def test_a_stop_that_ended_stands_no_more(owner: Connection) -> None:
    stop = b.stop(owner)
    b.start(owner, stop, agreed(owner, stop))
    with refused(owner, "stop_is_frozen"):
        owner.execute(
            text("UPDATE sending_stop SET started_at = NULL, started_by = NULL, proposal_id = NULL")
        )


@pytest.fixture
def approved(owner: Connection) -> int:
    ana = b.partner(owner, b.program(owner))
    payout = b.payout(owner, ana, [b.earning(owner, ana, 100_00)])
    b.approve(owner, payout)
    return payout


@proves("attempt.nothing_leaves_while_stopped", "nothing_leaves_while_stopped")
def test_no_attempt_begins_while_a_stop_stands(owner: Connection, approved: int) -> None:
    stop = b.stop(owner)
    with refused(owner, "nothing_leaves_while_stopped"):
        b.claim(owner, approved)
    b.start(owner, stop, agreed(owner, stop))
    b.claim(owner, approved)


@proves("attempt.absent_by_two_people", "absent_by_two_people")
def test_an_attempt_is_absent_only_by_a_confirmed_proposal_about_itself(
    owner: Connection, approved: int
) -> None:
    b.claim(owner, approved)
    b.end_attempt(owner, approved, "unknown")
    about: dict[str, object] = {"kind": "proved_absent", "subject": "payout", "ids": [approved]}
    absent = text("UPDATE attempt SET state = 'absent' WHERE payout_id = :id")
    rows = (
        about | {"kind": "start_sending", "content": '{"attempt": 1}'},
        about | {"subject": "partner", "content": '{"attempt": 1}'},
        about | {"content": '{"attempt": 2}'},
        about | {"content": "{}"},
        about | {"ids": [approved, approved + 1], "content": '{"attempt": 1}'},
        about | {"ids": [approved + 1], "content": '{"attempt": 1}'},
    )
    for row in rows:
        b.decide_proposal(owner, b.proposal(owner, **row))
    waiting = b.proposal(owner, **about, content='{"attempt": 1}')
    no = b.proposal(owner, **about, content='{"attempt": 1}')
    b.decide_proposal(owner, no, "refuse")

    with refused(owner, "absent_by_two_people"):
        owner.execute(absent, {"id": approved})

    b.decide_proposal(owner, waiting)
    owner.execute(absent, {"id": approved})


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE proposal SET content = '{}'",
        "UPDATE proposal SET made_by = 'user:eve'",
        "DELETE FROM proposal",
        "UPDATE sending_stop SET why = 'nothing'",
        "DELETE FROM sending_stop",
        "TRUNCATE sending_stop",
        "ALTER TABLE sending_stop DISABLE TRIGGER USER",
        "ALTER TABLE attempt DISABLE TRIGGER nothing_leaves_while_stopped",
    ],
)
def test_the_app_cannot_edit_what_was_proposed_or_stopped(owner: Connection, act: str) -> None:
    b.proposal(owner)
    b.stop(owner)
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    before = state(owner)
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(act))
    assert getattr(caught.value.orig, "sqlstate", None) == "42501"
    assert state(owner) == before


def test_the_app_can_stop_propose_confirm_and_start(owner: Connection) -> None:
    owner.execute(text("SET LOCAL ROLE paydesk_app"))
    stop = b.stop(owner)
    b.start(owner, stop, agreed(owner, stop))
    assert owner.execute(text("SELECT started_by FROM sending_stop")).scalar_one() == "user:ann"
