"""What holds for whom, since when, and who agreed to it."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from zoneinfo import ZoneInfo

import streamlit as st

from core.days import first_instant
from core.policy import Policy
from core.policy_changes import policy_content, read_terms
from core.proposals import open_proposals
from core.reads.programs import (
    ProgramStory,
    Version,
    changes_between,
    list_programs,
    policy_lines,
    program_story,
)
from core.refusals import Refusal
from core.second_person import Proposal
from pages.shared import address, decisions, elements, frame, policy_effect, policy_form, tables, two_people
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to, number
from pages.shared.lines import quiet
from pages.shared.typed import Typed

BEGINNING = 2000  # a program's first version is in effect from long before its first sale
NO_DATE = "As soon as another person confirms"
ON_A_DATE = "On a date"


def page() -> None:
    """Draw the list, or the one program the address names."""
    code = address.given("program")
    if not code:
        _all()
        return
    now = frame.now()
    with frame.reading() as conn:
        story = program_story(conn, code, now=now)
        waiting = [
            one
            for one in open_proposals(conn, now=now)
            if one.kind == "change_policy" and story is not None and story.id in one.ids
        ]
        others = {one.id: two_people.others(conn, "change policies", but=one.made_by) for one in waiting}
    if story is None:
        frame.header("Program", "Which one?")
        with elements.empty("No such program", "The code in the address names none.", "search_off"):
            st.page_link("pages/programs.py", label="All programs", icon=":material/policy:")
    elif address.given("edit") and frame.person().may("change policies"):
        _edit(story, now)
    else:
        _story(story, waiting, others, now)


def _all() -> None:
    now, zone = frame.now(), frame.zone()
    with frame.reading() as conn:
        found = list_programs(conn, now=now)
    frame.header("Programs", "What holds for whom, and since when?", at=now)
    if found.empty:
        elements.empty(
            "No program yet", "The presets come with the database: python -m jobs db migrate", "policy"
        )
        return
    for row in tables.each(found):
        with st.container(border=True, gap="small"):
            partners = fmt.count(number(row.partners), "active partner")
            with st.container(
                horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
            ):
                st.button(
                    f"**{fmt.plain(str(row.name))}**",
                    type="tertiary",
                    key=f"program-{row.code}",
                    on_click=_go,
                    args=(str(row.code),),
                )
                theirs = linked_to("partners", partners, program=str(row.code))
                st.markdown(f":small[{theirs}] {quiet(f'· {row.currency} · {row.zone}')}", width="content")
            next_at = instant(row.next_at)
            following = f", the next one from {fmt.moment(next_at, zone, now)}" if next_at else ""
            held = "at once" if row.held == "no days" else f"after {row.held}"
            commission, schedule = fmt.plain(str(row.commission)), fmt.plain(str(row.schedule))
            least = fmt.plain(str(row.minimum))
            st.markdown(
                f":small[{commission[0].upper()}{commission[1:]}, released {held}; paid {schedule}, from {least}.]"
                f" :gray[:small[Policy version {row.version}{following}]]"
            )


def _go(code: str | None) -> None:
    """Go to a program, or to the list; what was decided about the one that was shown stays behind."""
    decisions.leave()
    address.put(program=code)


def _story(story: ProgramStory, waiting: list[Proposal], others: dict[int, list[str]], now: datetime) -> None:
    program, zone = story.program, frame.zone()
    note = f"{program.code} · {program.currency} · days in {program.zone}"
    frame.header(fmt.plain(program.name), note, tools=partial(_tools, waiting))
    for one in waiting:
        with st.container(border=True, gap="small"):
            two_people.show_proposal(one, others[one.id], now, zone)
            proposed = read_terms(one.content["terms"])
            _changes(changes_between(story.newest.policy, proposed, program.currency))
            _when(one, zone, now)
            policy_effect.draw(story, proposed)
    current = story.current
    pair = st.grid(2, min_column_width=400)
    with elements.card(pair, f"In force: version {current.version}", _since(current.effective_at, now, zone)):
        tables.pairs(
            [(term, fmt.plain(value)) for term, value in policy_lines(current.policy, program.currency)]
        )
    with elements.card(pair, "Every version", "the newest first; a payout keeps the one it was queued under"):
        for version in story.versions:
            _version(version, now, zone)


def _tools(waiting: list[Proposal]) -> None:
    st.button(
        "All programs",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=_go,
        args=(None,),
    )
    st.page_link(
        "pages/simulator.py",
        label="Try a change",
        icon=":material/science:",
        query_params={"program": address.given("program")},
    )
    if frame.person().may("change policies") and not waiting:
        st.button("Change the policy", icon=":material/edit:", on_click=address.put, kwargs={"edit": "1"})


def _since(effective_at: datetime, now: datetime, zone: ZoneInfo) -> str:
    return (
        "from the beginning"
        if effective_at.year < BEGINNING
        else f"since {fmt.moment(effective_at, zone, now)}"
    )


def _version(version: Version, now: datetime, zone: ZoneInfo) -> None:
    ahead = version.effective_at > now
    since = (
        f"takes effect {fmt.moment(version.effective_at, zone, now)}"
        if ahead
        else _since(version.effective_at, now, zone)
    )
    who = (
        "came with the program"
        if version.confirmed_by is None
        else f"proposed by {fmt.plain(fmt.person(version.made_by))}, confirmed by {fmt.plain(fmt.person(version.confirmed_by))}"
    )
    st.markdown(f"**:small[Version {version.version}]**\u2002:small[{since}] :gray[:small[{who}]]")
    if version.why:
        st.markdown(f":small[“{fmt.plain(version.why)}”]")
    _changes(version.changes)


def _changes(changes: list[tuple[str, str, str]]) -> None:
    if changes:
        tables.rows(
            [(term, fmt.plain(before), fmt.plain(after)) for term, before, after in changes],
            ["Term", "Before", "After"],
        )


def _when(one: Proposal, zone: ZoneInfo, now: datetime) -> None:
    given = one.content["effective_at"]
    at = None if given is None else datetime.fromisoformat(given)
    words = (
        "as soon as it is confirmed" if at is None or at <= now else f"from {fmt.moment(at, zone, now)} on"
    )
    st.caption(f"It holds {words}. What is queued already keeps the version it was queued under.")


def _edit(story: ProgramStory, now: datetime) -> None:
    program, newest = story.program, story.newest
    frame.header(
        f"Change {fmt.plain(program.name)}",
        f"Version {newest.version + 1}, once another person confirms it",
        tools=_back,
    )
    typed = policy_form.draw(
        newest.policy, currency=program.currency, prefix=f"policy-{program.code}-{newest.version}"
    )
    effective_at = _effective(program.zone, now)
    policy, faults = _read(typed)
    with st.container(border=True, gap="small"):
        if policy is None or faults:
            st.markdown(elements.title("What this would change"))
            for fault in faults:
                st.markdown(f":small[:orange[:material/edit:] {fmt.plain(fault)}]")
            return
        changes = changes_between(newest.policy, policy, program.currency)
        if not changes:
            st.markdown(elements.title("What this would change", "nothing yet"))
            return
        st.markdown(elements.title("What this would change"))
        _changes(changes)
        policy_effect.draw(story, policy)
        with st.container(horizontal=True, horizontal_alignment="right"):
            if elements.primary("Propose the change", "group", key="propose-policy"):
                content = policy_content(typed.terms, effective_at)
                two_people.ask_why(
                    "Propose the change",
                    "group",
                    f"{fmt.count(len(changes), 'term')} of {fmt.plain(program.name)} will change"
                    " once another person confirms.",
                    name=f"change_policy_{story.id}_{newest.version}",
                    work=lambda why: two_people.proposing("change_policy", story.id, why, content),
                    then=partial(address.put, edit=None),
                )


def _back() -> None:
    st.button("Back", icon=":material/arrow_back:", on_click=address.put, kwargs={"edit": None})


def _effective(zone: str, now: datetime) -> datetime | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        when = st.radio("It holds", [NO_DATE, ON_A_DATE], horizontal=True, key="policy-when")
        if when == NO_DATE:
            return None
        day = st.date_input("From the first instant of", min_value=now.date(), key="policy-day", width=200)
    return first_instant(day, ZoneInfo(zone)) if isinstance(day, date) else None


def _read(typed: Typed) -> tuple[Policy | None, list[str]]:
    try:
        return read_terms(typed.terms), typed.faults
    except Refusal as refusal:
        return None, [*typed.faults, refusal.sentence]


page()
