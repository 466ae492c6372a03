"""What waits for somebody, as the Overview lists it: hers to decide, somebody else's move, and what is out until when."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from core.pauses import current_pauses
from core.proposals import open_proposals
from core.reads.overview import Need, Overview
from pages.shared import desk
from pages.shared.cells import number
from pages.shared.format import count, day, moment, span
from pages.shared.lines import line, quiet
from pages.shared.two_people import proposals_waiting

QUEUE, PARTNERS, OPERATIONS = "pages/queue.py", "pages/partners.py", "pages/operations.py"
RECONCILIATION = "pages/reconciliation.py"
BLOCKED_SHOWN = 3


def oldest(need: Need, now: datetime) -> str:
    """Since when the oldest of it waits."""
    return f"oldest {span(now - need.oldest_at)}" if need.oldest_at else "nothing waits"


def mine(seen: Overview, now: datetime) -> None:
    """Draw what the reader may decide, most pressing first."""
    kinds = [
        (seen.ready, "payout ready to approve", "payouts ready to approve", "fact_check", QUEUE, "ready"),
        (
            seen.second_person,
            "needs a second person",
            "need a second person",
            "group",
            QUEUE,
            "second_person",
        ),
        (seen.unknown, "unknown outcome", "unknown outcomes", "help", OPERATIONS, ""),
        (seen.differences, "difference to explain", "differences to explain", "balance", RECONCILIATION, ""),
        (seen.payments, "payment has no partner", "payments have no partner", "person_off", PARTNERS, ""),
    ]
    asked = proposals_waiting(now)
    waiting = [one for one in kinds if one[0].count > one[0].mine]
    for need, one, many, icon, page, view in waiting:
        yours = f"{need.mine:,} with your approval, " if need.mine else ""
        line(
            count(need.count, one, many),
            quiet(yours + oldest(need, now)),
            page=page,
            icon=icon,
            query={"view": view} if view else {},
        )
    if not waiting and not asked:
        st.markdown(
            ":small[:green[:material/task_alt:] Nothing waits for you. New payouts are queued at night.]"
        )


def taken_out(seen: Overview, now: datetime) -> None:
    """Draw what is kept out of the review, of the runs or of the timetable, and until when; without any, nothing."""
    out, zone = seen.taken_out, desk.zone()
    with desk.reading() as conn:
        pauses = sorted(current_pauses(conn, now=now).values(), key=lambda pause: pause.until)
    if not (seen.aside.count or out.ending or out.excluded or pauses):
        return
    st.caption("Taken out, and until when")
    if seen.aside.count and seen.aside.next_at:
        words = count(seen.aside.count, "payout set aside", "payouts set aside")
        back = day(seen.aside.next_at.date(), now.date())
        line(words, quiet(f"first back {back}"), page=QUEUE, icon="event_busy", query={"view": "aside"})
    if out.ending:
        words = count(out.ending, "partner’s hold ends within 7 days", "partners’ holds end within 7 days")
        first = quiet(f"first {moment(out.first_ends_at, zone, now)}")
        line(words, first, page=PARTNERS, icon="lock_clock", query={"only": "ending"})
    if out.excluded:
        words = count(out.excluded, "partner excluded", "partners excluded")
        line(
            words, quiet("until allowed again"), page=PARTNERS, icon="person_off", query={"only": "excluded"}
        )
    for pause in pauses:
        ends = quiet(f"until {moment(pause.until, zone, now)}")
        line(f"Job {pause.job} is paused", ends, page=OPERATIONS, icon="pause_circle")


def others(seen: Overview, now: datetime) -> None:
    """Draw what somebody else decides or moves, or what moves by itself."""
    whose = {"ours": "We decide", "partner": "Partner", "provider": desk.provider_name()}
    another = seen.second_person
    approved = another.count if another.count == another.mine else 0
    proposed = _proposed_by_me(now)
    if not (approved or proposed or len(seen.blocked_by) or seen.retrying.count or seen.sent_back.count):
        st.caption("Nothing waits for anybody else.")
        return
    if approved:
        words = count(approved, "waits for another approver", "wait for another approver")
        line(words, quiet("approved by you"), page=QUEUE, icon="group", query={"view": "second_person"})
    if proposed:
        words = count(len(proposed), "proposal of yours waits", "proposals of yours wait")
        until = quiet(f"for another, until {moment(min(proposed), desk.zone(), now)}")
        line(words, until, page=OPERATIONS, icon="how_to_vote")
    for row in seen.blocked_by.head(BLOCKED_SHOWN).itertuples(name="Blocked"):
        words = f"{count(number(row.count), 'waits', 'wait')}: {row.sentence}"
        line(words, quiet(whose[str(row.whose)]), page=QUEUE, icon="block", query={"view": "blocked"})
    if more := int(seen.blocked_by["count"].iloc[BLOCKED_SHOWN:].sum()):
        words = count(more, "waits for another reason", "wait for other reasons")
        line(words, page=QUEUE, icon="block", query={"view": "blocked"})
    if seen.sent_back.count:
        words = count(seen.sent_back.count, "was sent back by a bank", "were sent back by banks")
        back = {"view": "sent_back"}
        line(words, quiet(whose["partner"]), page=QUEUE, icon="assignment_return", query=back)
    if seen.retrying.count:
        words = count(seen.retrying.count, "retries by itself", "retry by themselves")
        due = seen.retrying.next_at is not None and seen.retrying.next_at <= now
        following = quiet("due now" if due else f"next {moment(seen.retrying.next_at, desk.zone(), now)}")
        line(words, following, page=QUEUE, icon="replay", query={"view": "retrying"})


def _proposed_by_me(now: datetime) -> list[datetime]:
    """When the reader's own open proposals expire."""
    me = f"user:{desk.person().name}"
    with desk.reading() as conn:
        return [one.expires_at for one in open_proposals(conn, now=now) if one.made_by == me]
