"""What a change of policy would do today, beside what the policy does now."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import streamlit as st

from core.policy import Policy
from core.policy_changes import read_terms
from core.policy_preview import Outcome, Preview, preview_policy
from core.reads.programs import ProgramStory
from core.reads.words import SKIP_WORDS
from pages.shared import elements, frame, tables
from pages.shared import format as fmt

PREVIEW_TTL_S = 60
MOVED_SHOWN = 10


def draw(story: ProgramStory, policy: Policy) -> None:
    """Draw today's money under the newest version and under this policy, and the partners it changes most."""
    with st.spinner("Working out what it does to today’s money …", show_time=True):
        preview = _preview(story.id, _json(story.newest.policy), _json(policy))
    before, after, currency = preview.before, preview.after, story.program.currency
    st.markdown(elements.title("What it would do today", "if everything available were queued now"))
    figures = [
        ("Payouts", f"{before.payouts:,}", f"{after.payouts:,}"),
        ("Amount", fmt.money(before.amount_minor, currency), fmt.money(after.amount_minor, currency)),
        ("Fees", fmt.money(before.fee_minor, currency), fmt.money(after.fee_minor, currency)),
        ("Net", fmt.money(before.net_minor, currency), fmt.money(after.net_minor, currency)),
        ("Need a second person", f"{before.second_person:,}", f"{after.second_person:,}"),
        *_leaving(story, policy),
        *_by_policy(before, after, currency),
        *_not_paid(before, after),
    ]
    tables.rows(
        figures,
        ["", "Under this version", "After the change"],
        right=["Under this version", "After the change"],
    )
    if not preview.changed:
        st.caption("It would change no payout of today.")
        return
    moved = [
        (
            one.code,
            fmt.money(one.before_minor, currency) if one.before_minor is not None else "no payout",
            fmt.money(one.after_minor, currency) if one.after_minor is not None else "no payout",
            fmt.plain(one.why),
        )
        for one in preview.moved[:MOVED_SHOWN]
    ]
    with st.expander(
        f"{fmt.count(preview.changed, 'partner')} would get another amount", icon=":material/groups:"
    ):
        tables.rows(moved, ["Partner", "Before", "After", "Why"], right=["Before", "After"])
        if preview.changed > MOVED_SHOWN:
            st.caption(f"The {MOVED_SHOWN} it changes most.")


def _leaving(story: ProgramStory, policy: Policy) -> list[tuple[str, str, str]]:
    """When a payout that is approved this moment would leave, where the change says something about it."""
    old, new, now = story.newest.policy.sending, policy.sending, frame.now()
    if old == new:
        return []
    zone = ZoneInfo(story.program.zone)
    before, after = (
        "at once" if at <= now else fmt.moment(at, zone, now)
        for at in (old.leaves_at(now, zone), new.leaves_at(now, zone))
    )
    return [(f"Approved now, one leaves ({story.program.zone})", before, after)]


def _json(policy: Policy) -> str:
    return json.dumps(policy.model_dump(mode="json"), sort_keys=True)


def _by_policy(before: Outcome, after: Outcome, currency: str) -> list[tuple[str, str, str]]:
    sides = (before, after)
    if not any(side.by_policy for side in sides):
        return []
    was, will = (f"{side.by_policy:,}, {fmt.money(side.by_policy_minor, currency)}" for side in sides)
    return [("Approved by the policy", was, will)]


def _not_paid(before: Outcome, after: Outcome) -> list[tuple[str, str, str]]:
    codes = sorted({*before.not_paid, *after.not_paid})
    return [
        (SKIP_WORDS.get(code, code), f"{before.not_paid[code]:,}", f"{after.not_paid[code]:,}")
        for code in codes
    ]


@st.cache_data(ttl=PREVIEW_TTL_S, show_spinner=False)
def _preview(program_id: int, before: str, after: str) -> Preview:
    """Keyed by the terms as JSON, so that a run that only redraws works nothing out again."""
    with frame.reading() as conn:
        policies = (read_terms(json.loads(terms)) for terms in (before, after))
        return preview_policy(conn, program_id, *policies, now=frame.now())
