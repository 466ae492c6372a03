"""What one person proposes and another confirms or refuses, as every page shows it, and the dialog that asks why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import RIGHTS, Actor
from core.proposals import KINDS, confirm, open_proposals, propose, refuse_proposal
from core.second_person import Content, Proposal
from core.stops import current_stop
from core.users import User, list_users
from db.engine import Connection
from pages.shared import elements, frame, keys, status
from pages.shared import format as fmt
from pages.shared.decisions import Outcome, Work, decide, last_result, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed
from pages.shared.lines import line, quiet

OPERATIONS = "pages/operations.py"
REASON = "two-people-reason"


def decidable(conn: Connection, *, now: datetime) -> list[Proposal]:
    """Return the open proposals the person signed in may confirm."""
    person = frame.person()
    return [
        one
        for one in open_proposals(conn, now=now)
        if one.made_by != f"user:{person.name}" and person.may(KINDS[one.kind].right)
    ]


def proposals_waiting(now: datetime) -> bool:
    """Draw lines for what stands still until somebody decides; return whether there was any."""
    with frame.reading() as conn:
        mine, stop = decidable(conn, now=now), current_stop(conn)
    if stop is not None:
        line("Sending is stopped", quiet(f"by {fmt.plain(stop.who)}"), page=OPERATIONS, icon="front_hand")
    if mine:
        words = f"{fmt.count(len(mine), 'proposal')} to confirm or refuse"
        line(words, quiet(f"oldest {fmt.span(now - mine[0].made_at)}"), page=OPERATIONS, icon="group")
    return bool(mine) or stop is not None


def others(conn: Connection, right: str, *, but: str) -> list[str]:
    """Return who else may decide, by the name colleagues say; `but` is an actor's name."""
    return [
        _called(user)
        for user in list_users(conn)
        if user.active and RIGHTS[right].intersection(user.roles) and f"user:{user.name}" != but
    ]


def _called(user: User) -> str:
    return user.full_name or user.name


def show_proposal(
    one: Proposal,
    may_decide: Sequence[str],
    now: datetime,
    zone: ZoneInfo,
    *,
    evidence: Callable[[], object] = lambda: None,
) -> None:
    """Draw one open proposal: what, why, by whom, until when, its `evidence`, and the buttons of whoever may decide on it."""
    person, kind = frame.person(), KINDS[one.kind]
    mine, made_by = one.made_by == f"user:{person.name}", fmt.plain(fmt.person(one.made_by))
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        with st.container(gap=None, width="stretch"):
            about = f"\u2002:small[{fmt.plain(kind.about(one.content))}]" if kind.about(one.content) else ""
            st.markdown(f"{status.badge('waits')}\u2002**:small[{kind.sentence}]**{about}")
            st.markdown(
                f":small[“{fmt.plain(one.why)}”] :gray[:small[proposed by {made_by},"
                f" {fmt.moment(one.made_at, zone, now)}, open until {fmt.moment(one.expires_at, zone, now)}]]"
            )
            if mine:
                names = " or ".join(fmt.plain(name) for name in may_decide) or "nobody else yet"
                st.markdown(f":small[:gray[Your own proposal. May confirm it: {names}.]]")
        evidence()
        if mine or not person.may(kind.right):
            return
        name = f"confirm_proposal_{one.id}"
        if st.button("Refuse", icon=":material/block:", key=f"refuse-{one.id}", width="content"):
            ask_why(
                "Refuse the proposal",
                "block",
                f"{kind.sentence}: “{fmt.plain(one.why)}”, proposed by {made_by}.",
                name=f"refuse_proposal_{one.id}",
                work=lambda why: _refusing(one.id, why),
            )
        st.button(
            "Confirm", icon=":material/done:", key=f"confirm-{one.id}", width="content",
            on_click=decide, args=(name, token_for(name), _confirming(one.id)),
        )  # fmt: skip


def _confirming(proposal_id: int) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        done = confirm(conn, proposal_id, actor=actor, now=now)
        kind = KINDS[done.kind]
        return Outcome(badge="done", headline=f"{kind.sentence}: confirmed.", then=kind.then)

    return run


def _refusing(proposal_id: int, why: str) -> Work:
    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        refuse_proposal(conn, proposal_id, note=why, actor=actor, now=now)
        return Outcome(badge="done", headline="The proposal is refused.", then="Nothing was changed.")

    return run


def proposing(kind: str, subject_id: int, why: str, content: Content | None = None) -> Work:
    """Return the decision that proposes this kind about one thing, and what is asked for where the kind needs it."""

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        propose(conn, kind, ids=[subject_id], why=why, content=content, actor=actor, now=now)
        names = others(conn, KINDS[kind].right, but=actor.name)
        who = " or ".join(fmt.plain(name) for name in names)
        then = (
            f"{who} may confirm it." if who else "Nobody else may confirm it yet: a second person is needed."
        )
        return Outcome(badge="waits", headline=f"{KINDS[kind].sentence}: proposed.", then=then)

    return run


def ask_why(
    title: str,
    icon: str,
    sentence: str,
    *,
    name: str,
    work: Callable[[str], Work],
    then: Callable[[], None] | None = None,
) -> None:
    """Open a dialog that says what will be done and takes the reason it needs; `name` is the decision's, and `then` leaves a
    form that is done with.
    """
    dialog(title, icon, on_dismiss=keys.answered)(_ask)(
        title, icon, sentence, name=name, work=work, then=then
    )


def _ask(
    title: str,
    icon: str,
    sentence: str,
    *,
    name: str,
    work: Callable[[str], Work],
    then: Callable[[], None] | None,
) -> None:
    st.markdown(sentence)
    st.text_input(
        "Reason",
        key=field(name, REASON),
        max_chars=500,
        placeholder="What you saw, and what was done about it",
    )
    st.caption("The reason is shown to everybody it concerns and is kept in the audit.")
    token = token_for(name)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="why-cancel", on_click=keys.answered) or elements.primary(
            title, icon, key="why-done", on_click=_asked, args=(name, token, work, then)
        ):
            st.rerun()


def _asked(name: str, token: UUID, work: Callable[[str], Work], then: Callable[[], None] | None) -> None:
    decide(name, token, work(typed(name, REASON)))
    keys.answered()
    result = last_result()
    if then is not None and result is not None and result.is_decided:
        then()
