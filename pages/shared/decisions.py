"""The one way to run a decision from a page: one short transaction in a callback, told once and kept.

Streamlit may cut a run short at any of its own calls, also at an access of `st.session_state`. So everything a
decision needs is read before the transaction begins, and between begin and commit there is no Streamlit at all. What was
cut short behind the commit, or lost its answer, is told by the next run: it is remembered as on its way until it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.access import Actor, load_actor
from core.actions import claim_action, conclude_action, outcome_of
from core.refusals import Refusal
from core.sign_in import session_state as session_of
from db.engine import Connection
from pages.shared import address, desk, faults, keys
from pages.shared.desk import Person
from pages.shared.format import count, plain
from pages.shared.status import badge

RESULT, SHOWN_AT = "result", "result-shown-at"
TOKENS, SPENT = "tokens", "tokens-spent"
SETTLED = "settled"
ON_ITS_WAY = "decision-on-its-way"
SAME_CLICK = timedelta(seconds=2)
REFUSED_SHOWN = 5


class SessionEnded(Refusal):
    """Your session has ended: sign in again, and decide then."""

    code = "session_ended"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a click brought about, in Markdown: `badge` a status or outcome, `refused` pairs of what and why,
    `undo` the ids and versions of payouts that may be taken back, `page` and `page_id` where to go on.
    """

    badge: str
    headline: str
    then: str = ""
    refused: Sequence[tuple[str, str]] = ()
    undo: Sequence[tuple[int, int]] = field(default_factory=list)
    page: str = ""
    page_id: int = 0

    @property
    def is_decided(self) -> bool:
        """Whether something was decided: neither refused nor broken off."""
        return self.badge not in ("refused", "fault")


Work = Callable[[Connection, Actor, datetime], Outcome]


def token_for(name: str) -> UUID:
    """The token of the next decision of this name; it stays the same until that decision had its outcome and the page was
    drawn again as a whole: a dialog draws its button once more before it closes, right under a double click.
    """
    tokens: dict[str, UUID] = st.session_state.setdefault(TOKENS, {})
    return tokens.setdefault(name, uuid4())


def renew_tokens() -> None:
    """Give every decision that was made a new token; for the beginning of a run that draws the page as a whole."""
    spent: set[UUID] = st.session_state.get(SPENT, set())
    if spent:
        _forget(spent)
        st.session_state.pop(SPENT, None)


def digest(subjects: Iterable[object]) -> str:
    """A short word for many subjects in a decision's name, the same for the same ones in the same order."""
    return sha256(repr(list(subjects)).encode()).hexdigest()[:16]


def decide(name: str, token: UUID, work: Work) -> None:
    """Run a decision inside an `on_click` callback and keep its result for the next run.

    `work` gets the connection, the actor read in the same transaction, and the instant; it calls the operation and
    never Streamlit. A token seen before changes nothing and shows the first outcome; so does the second click of a
    double click, whose button was drawn with a new token in between. A refusal is shown as it is; anything else as one
    line with a reference, its trace in the log.
    """
    engine, person = desk.engine(), desk.person()
    try:
        recover(but=token)
    except Exception as fault:  # noqa: BLE001 - told, and in the log
        tell(broken_off(fault, f"decision {name} by {person.name}"))
        return
    now = datetime.now(UTC)
    token, idle = _same_click(name, now) or token, desk.is_idle(now)
    settled, refused, over = True, False, Future[Outcome | None]()
    st.session_state[ON_ITS_WAY] = (name, token, over)
    try:
        with engine.begin() as conn:
            actor = deciding(conn, person, idle=idle)
            if claim_action(conn, token, name, actor=actor, now=now):
                outcome = work(conn, actor, now)
                conclude_action(conn, token, asdict(outcome))
            else:
                outcome = _told(outcome_of(conn, token, name, actor=actor.name))
    except Refusal as refusal:
        refused = True
        outcome = Outcome(badge="refused", headline=plain(refusal.sentence))
    except Exception as fault:  # noqa: BLE001 - as above
        settled, outcome = False, broken_off(fault, f"decision {name} by {person.name}")
    except BaseException:
        over.set_result(None)
        raise
    over.set_result(outcome)
    tell(outcome)
    keys.decided(name)
    if settled and not refused:
        st.session_state[SETTLED] = (name, datetime.now(UTC), token)
    if settled:
        _used(token, outcome)


def recover(*, but: UUID | None = None) -> None:
    """Tell what a decision brought about whose run never came to tell it, and ask for it no more; `but` is the token of the
    click at hand.
    """
    left: tuple[str, UUID, Future[Outcome | None]] | None = st.session_state.get(ON_ITS_WAY)
    if left is None or left[1] == but:
        return
    name, token, over = left
    undone = over.result()  # a click elsewhere begins a run at once, while the one before is still deciding
    with desk.reading() as conn:
        kept = outcome_of(conn, token, name, actor=f"user:{desk.person().name}")
    if kept is not None:
        outcome = Outcome(**kept)
        tell(outcome)
        _used(token, outcome)
    elif undone is not None:  # a refusal or a fault, which the database does not know
        tell(undone)
    st.session_state.pop(ON_ITS_WAY, None)
    keys.decided(name)


def broken_off(
    fault: Exception,
    what: str,
    *,
    headline: str = "Something went wrong.",
    then: str = "Click again: what was already decided is not decided twice.",
) -> Outcome:
    """A click that was not carried out, with a reference to `what` it was in the log."""
    return Outcome(badge="fault", headline=headline, then=f"{then} Reference {faults.noted(fault, what)}.")


def tell(outcome: Outcome) -> None:
    """Let the next page that is drawn tell this."""
    st.session_state[RESULT] = asdict(outcome)
    st.session_state.pop(SHOWN_AT, None)


def _same_click(name: str, now: datetime) -> UUID | None:
    """The token this decision was settled under a moment ago, with none in between; nobody reads an outcome and decides
    anew that fast.
    """
    last: tuple[str, datetime, UUID] | None = st.session_state.get(SETTLED)
    if last is None or last[0] != name or not timedelta(0) <= now - last[1] < SAME_CLICK:
        return None
    return last[2]


def _used(token: UUID, outcome: Outcome) -> None:
    """Let the next decision have a token of its own; this one is told. What was refused may be clicked again as it stands."""
    if outcome.is_decided:
        st.session_state[SPENT] = {token, *st.session_state.get(SPENT, ())}
    else:
        _forget({token})
    st.session_state.pop(ON_ITS_WAY, None)


def _forget(used: set[UUID]) -> None:
    tokens: dict[str, UUID] = st.session_state.get(TOKENS, {})
    st.session_state[TOKENS] = {name: token for name, token in tokens.items() if token not in used}


def deciding(conn: Connection, person: Person, *, idle: bool = False) -> Actor:
    """Who decides, with the roles of this moment; a session that was ended, or left alone too long, decides nothing."""
    user = session_of(conn, person.name)
    if idle or user is None or user.epoch != person.epoch:
        raise SessionEnded
    return load_actor(conn, person.name, channel="page")


def _told(kept: dict[str, Any] | None) -> Outcome:
    if kept is None:
        return Outcome(badge="refused", headline="This was already decided.")
    return Outcome(**kept)


def last_result() -> Outcome | None:
    """The outcome of the last decision, until it is closed."""
    kept = st.session_state.get(RESULT)
    return None if kept is None else Outcome(**kept)


def show_result(tool: Callable[[Outcome], None]) -> None:
    """Draw the strip of the last decision, which stays until it is closed or its page is left; `tool` draws what can be done
    about it.
    """
    result = last_result()
    if result is None:
        return
    if st.session_state.setdefault(SHOWN_AT, _place()) != _place():
        _close()
        return
    if result.page:
        _close()
        st.switch_page(result.page, query_params={"id": str(result.page_id)})
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            line = f"{badge(result.badge)}\u2003**{result.headline}** {result.then}"
            st.markdown(line, width="content")
            with st.container(horizontal=True, vertical_alignment="center", width="content"):
                tool(result)
                st.button(
                    "",
                    icon=":material/close:",
                    type="tertiary",
                    key="close_result",
                    help="Close",
                    on_click=_close,
                )
        for what, why in result.refused[:REFUSED_SHOWN]:
            st.markdown(f":small[:orange[:material/front_hand:] **{what}** {why}]")
        rest = len(result.refused) - REFUSED_SHOWN
        if rest > 0:
            st.markdown(f":small[:gray[and {count(rest, 'more', 'more')}]]")


def leave() -> None:
    """Leave what was told behind with its page; a refusal that was not drawn yet goes along, and names what it is about."""
    result = last_result()
    if result is not None and (result.is_decided or SHOWN_AT in st.session_state):
        _close()


def _place() -> tuple[str, ...]:
    """The page, and whose it is: what was decided about one partner says nothing on the page of another."""
    context = get_script_run_ctx()
    page = "" if context is None else context.page_script_hash
    return (page, address.given("id"), address.given("code"))


def _close() -> None:
    st.session_state.pop(RESULT, None)
    st.session_state.pop(SHOWN_AT, None)
