"""One partner's own terms: what would hold, what it would do, and the proposal of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import streamlit as st

from core.money import BadAmount, parse_amount
from core.own_terms import read_own_terms, terms_content, written
from core.policy import Overrides, resolve
from core.programs import current_policy
from core.proposals import open_proposals
from core.reads.own_terms import own_of
from core.reads.partner import PartnerStory
from core.refusals import Refusal
from core.schedule import Monthly, Schedule, Weekly
from core.terms_preview import Side, TermsPreview, preview_own_terms
from pages.shared import address, elements, frame, own_terms_form, tables, two_people
from pages.shared import format as fmt
from pages.shared.lines import quiet
from pages.shared.typed import Typed

KIND = "change_terms"
EDIT = "terms"  # what the address says while they are edited
SUGGESTED: dict[str, Schedule] = {"month": Monthly(day=1), "week": Weekly(weekday=5)}


def editing() -> bool:
    """Whether the address asks for the form, and the person may use it."""
    return bool(address.given(EDIT)) and frame.person().may("change terms")


def button(story: PartnerStory, now: datetime) -> None:
    """Draw what the proposed terms would do, or the way to the form; the proposal itself stands at the page's top."""
    with frame.reading() as conn:
        waiting = [
            one for one in open_proposals(conn, now=now) if one.kind == KIND and story.header.id in one.ids
        ]
    for one in waiting:
        with st.expander("What the proposed terms would do", icon=":material/visibility:"):
            _effect(story, read_own_terms(one.content["terms"]), now)
    if not waiting and frame.person().may("change terms"):
        st.button("Change the terms", icon=":material/edit:", key="change-terms", on_click=_go, args=("1",))


def _go(where: str | None) -> None:
    address.put(**{EDIT: where, "schedule": None, "minimum": None})


def edit(story: PartnerStory, now: datetime) -> None:
    """Draw the form, what it would change, and the button that proposes it."""
    header = story.header
    who = fmt.plain(header.name or header.code)
    frame.header(
        f"The terms of {who}", "What holds for this partner alone, once another person confirms", tools=_back
    )
    with frame.reading() as conn:
        own = own_of(conn, header.code)
        policy = current_policy(conn, own.program_id, now=now).policy
    typed = own_terms_form.draw(
        _suggested(own.terms, header.currency),
        resolve(policy, header.tier, {}),
        currency=header.currency,
        prefix="-".join(("own", header.code, str(own.version), *_asked())),
    )
    wanted, faults = _read(typed)
    with st.container(border=True, gap="small"):
        if wanted is None or faults:
            st.markdown(elements.title("What this would change"))
            for fault in faults:
                st.markdown(f":small[:orange[:material/edit:] {fmt.plain(fault)}]")
            return
        if written(wanted) == written(own.terms):
            st.markdown(elements.title("What this would change", "nothing yet"))
            return
        _effect(story, wanted, now)
        with st.container(horizontal=True, horizontal_alignment="right"):
            if elements.primary("Propose the terms", "group", key="propose-terms"):
                content = terms_content(written(wanted))
                two_people.ask_why(
                    "Propose the terms",
                    "group",
                    f"They hold for {who} once another person confirms. Who proposes them never approves a payout that is"
                    " queued under them.",
                    name=f"change_terms_{header.id}_{own.version}",
                    work=lambda why: two_people.proposing(KIND, header.id, why, content),
                    then=partial(_go, None),
                )


def suggestion(*, schedule: str = "", minimum: str = "") -> dict[str, str]:
    """What an address says for the form to come filled in with one of SUGGESTED, or with a minimum in major units."""
    return {EDIT: "1"} | {
        name: value for name, value in (("schedule", schedule), ("minimum", minimum)) if value
    }


def _asked() -> list[str]:
    """What the address suggests: another suggestion has fields of its own."""
    return [value for name in ("schedule", "minimum") if (value := address.given(name))]


def _suggested(own: Overrides, currency: str) -> Overrides:
    """A partner's own terms with what the address suggests; what cannot be read suggests nothing."""
    found: dict[str, object] = {}
    if (schedule := SUGGESTED.get(address.given("schedule"))) is not None:
        found["schedule"] = schedule
    with suppress(BadAmount):
        found["min_payout_minor"] = parse_amount(address.given("minimum"), currency)
    return own.model_copy(update=found)


def _back() -> None:
    st.button("Back", icon=":material/arrow_back:", on_click=_go, args=(None,))


def _read(typed: Typed) -> tuple[Overrides | None, Sequence[str]]:
    try:
        return read_own_terms(typed.terms), typed.faults
    except Refusal as refusal:
        return None, [*typed.faults, refusal.sentence]


def _effect(story: PartnerStory, wanted: Overrides, now: datetime) -> None:
    with frame.reading() as conn:
        found = preview_own_terms(conn, story.header.id, wanted, now=now)
    st.markdown(elements.title("What this would change"))
    if found.changes:
        lines = [
            (term, f"{fmt.plain(old)} {quiet(was)}", f"{fmt.plain(new)} {quiet(now_set)}")
            for term, old, was, new, now_set in found.changes
        ]
        tables.rows(lines, ["Term", "Before", "After"])
    st.markdown(elements.title("What it would do", f"days in {story.header.zone}"))
    zone = ZoneInfo(story.header.zone)
    tables.rows(_figures(found, zone, now), ["", "As it is", "After the change"])
    st.caption(
        "How long money is held counts for what is earned from then on. What is queued already keeps what it was queued with."
    )


def _figures(found: TermsPreview, zone: ZoneInfo, now: datetime) -> list[tuple[str, str, str]]:
    def both(name: str, words: Callable[[Side], str]) -> tuple[str, str, str]:
        return name, words(found.before), words(found.after)

    lines = [
        both("Today’s balance", lambda side: fmt.plain(side.today)),
        both("Next dates", lambda side: _dates(side, zone, now)),
    ]
    if found.before.new_until != found.after.new_until:
        lines.append(both("New until", lambda side: fmt.moment(side.new_until, zone, now)))
    if found.before.approves_by_itself != found.after.approves_by_itself:
        lines.append(both("Policy may approve", lambda side: "yes" if side.approves_by_itself else "no"))
    return lines


def _dates(side: Side, zone: ZoneInfo, now: datetime) -> str:
    if not side.dates and side.due is None:
        return "on request"
    today = now.astimezone(zone).date()
    dates = [fmt.day(at.astimezone(zone).date(), today) for at in side.dates]
    return ", ".join(["next run", *dates] if side.due is not None else dates)
