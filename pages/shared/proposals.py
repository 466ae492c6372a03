"""The card of proposals that wait for a second person and are shown nowhere else on Operations."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import streamlit as st

from core.proposals import KINDS, open_proposals
from core.second_person import Proposal
from pages.shared import elements, frame, two_people
from pages.shared import format as fmt

# Where the evidence of a kind stands; the others have a card of their own on this page.
PLACES = {
    "change_destination": ("pages/partner.py", "Partner", "code", "partner"),
    "change_policy": ("pages/programs.py", "Change", "program", "program"),
    "change_terms": ("pages/partner.py", "Partner", "code", "partner"),
    "override_request": ("pages/partner.py", "Partner", "code", "partner"),
    "set_backup": ("pages/partner.py", "Partner", "code", "partner"),
    "reverse_payout": ("pages/payout.py", "Payout", "id", None),
    "paid_outside": ("pages/reconciliation.py", "Difference", None, None),
}


def card(now: datetime, zone: ZoneInfo) -> None:
    """Draw what waits; without any, nothing."""
    with frame.reading() as conn:
        waiting = [one for one in open_proposals(conn, now=now) if one.kind in PLACES]
        names = {one.id: two_people.others(conn, KINDS[one.kind].right, but=one.made_by) for one in waiting}
    if not waiting:
        return
    with st.container(border=True, gap="small"):
        st.markdown(
            elements.title("Proposals", fmt.count(len(waiting), "waits for", "wait for") + " a second person")
        )
        for one in waiting:
            two_people.show_proposal(one, names[one.id], now, zone, evidence=partial(_evidence, one))


def _evidence(one: Proposal) -> None:
    page, label, name, key = PLACES[one.kind]
    value = str(one.ids[0]) if key is None else str(one.content[key])
    st.page_link(page, label=label, query_params={name: value} if name else None)
