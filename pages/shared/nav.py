"""The navigation: which pages there are, who sees them, and the sidebar that leads to them."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import Page

from core.reads.filters import PayoutFilter
from core.reads.find import (
    FoundCorrection,
    FoundCustomer,
    FoundPartner,
    FoundPayout,
    FoundSale,
    find_anything,
)
from core.reads.operations import scheduler_beat
from core.reads.payouts import totals
from pages.shared import desk, sign_in
from pages.shared.desk import Person
from pages.shared.format import ago, plain

LOGO = "static/logo.svg"
SIDEBAR_COUNTS_TTL_S = 5
FIND, FOUND = "find_anything", "find_term"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One page: its file, its words, the section of the sidebar, and the right that shows it (None: everybody)."""

    file: str
    title: str
    icon: str
    section: str | None = None
    right: str | None = None
    hidden: bool = False

    @property
    def path(self) -> str:
        """Its part of the address."""
        return self.file.removeprefix("pages/").removesuffix(".py")


PAGES = (
    Place(file="pages/overview.py", title="Overview", icon="space_dashboard"),
    Place(file="pages/queue.py", title="Payout queue", icon="inbox", section="Pay"),
    Place(file="pages/payout.py", title="Payout", icon="payments", hidden=True),
    Place(file="pages/batch.py", title="Batch approval", icon="fact_check", section="Pay"),
    Place(file="pages/payment_files.py", title="Payment files", icon="request_quote", section="Pay"),
    Place(file="pages/partners.py", title="Partners", icon="groups", section="Pay"),
    Place(file="pages/partner.py", title="Partner", icon="person", hidden=True),
    Place(file="pages/customer.py", title="Customer", icon="person_pin", hidden=True),
    Place(file="pages/earning.py", title="Earning", icon="receipt_long", hidden=True),
    Place(file="pages/find.py", title="Find anything", icon="search", hidden=True),
    Place(file="pages/analytics.py", title="Analytics", icon="insights", section="Understand"),
    Place(file="pages/simulator.py", title="Policy simulator", icon="science", section="Understand"),
    Place(file="pages/month_end.py", title="Month end", icon="calendar_month", section="Understand"),
    Place(file="pages/as_of.py", title="As of", icon="event_repeat", section="Understand"),
    Place(file="pages/reconciliation.py", title="Reconciliation", icon="balance", section="Understand"),
    Place(file="pages/operations.py", title="Operations", icon="monitor_heart", section="Run"),
    Place(file="pages/imports.py", title="Import", icon="upload_file", section="Run"),
    Place(file="pages/programs.py", title="Programs", icon="policy", section="Run"),
    Place(file="pages/people.py", title="People", icon="badge", section="Run"),
    Place(file="pages/audit.py", title="Audit", icon="history_edu", section="Run"),
)


def register(person: Person | None) -> Page:
    """Tell Streamlit of the pages this person may open and return the one the address names.

    While nobody is signed in all are registered, so that the address survives the sign-in; none of them is run.
    """
    places = [place for place in PAGES if person is None or place.right is None or person.may(place.right)]
    pages = [
        st.Page(
            place.file,
            title=place.title,
            icon=f":material/{place.icon}:",
            url_path=place.path,
            default=place is places[0],
        )
        for place in places
    ]
    return st.navigation(pages, position="hidden")


def sidebar(person: Person) -> None:
    """Draw the sidebar: search, pages by section with the open payouts counted, and who is signed in."""
    open_payouts, silence = _state()
    with st.sidebar:
        st.text_input(
            "Find anything",
            key=FIND,
            type="search",
            placeholder="Find anything",
            icon=":material/search:",
            label_visibility="collapsed",
            on_change=_find,
        )
        for section in dict.fromkeys(place.section for place in PAGES):
            with st.container(gap="xxsmall"):
                if section:
                    st.caption(section)
                for place in PAGES:
                    if (
                        place.section == section
                        and not place.hidden
                        and (place.right is None or person.may(place.right))
                    ):
                        _link(place, open_payouts)
        st.space("small")
        with st.container(gap="xxsmall"):
            st.markdown(f"**:small[{plain(person.called)}]**")
            st.caption(", ".join(sorted(person.roles)).capitalize())
            st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=sign_in.sign_out)
        if desk.settings().provider == "simulator":
            st.caption(":material/science: Simulator: no money moves.")
        if silence:
            st.markdown(f":orange[:small[:material/schedule: {silence}]]")
    if term := st.session_state.pop(FOUND, None):
        _open(term, masked=not person.may("see personal data"))


def _link(place: Place, open_payouts: int) -> None:
    counted = f" :gray[:small[{open_payouts:,}]]" if place.path == "queue" and open_payouts else ""
    st.page_link(place.file, label=place.title + counted, icon=f":material/{place.icon}:", width="stretch")


@st.cache_data(ttl=SIDEBAR_COUNTS_TTL_S, show_spinner=False)
def _state() -> tuple[int, str]:
    """How many payouts are open, and a sentence when the scheduler is silent; the same for everybody."""
    now = desk.now()
    with desk.reading() as conn:
        open_totals = totals(conn, PayoutFilter(), now=now, masked=True)
        beat = scheduler_beat(conn)
    silence = ""
    if not beat.alive:
        last = f"silent, last sign of life {ago(beat.beat_at, now)}" if beat.beat_at else "not running"
        silence = f"The scheduler is {last}: nothing leaves meanwhile."
    return int(open_totals["count"].sum()), silence


def _open(term: str, *, masked: bool) -> None:
    """Open the one thing the term names; else the page that lists all it may mean."""
    with desk.reading() as conn:
        one = find_anything(conn, term, masked=masked).one
    match one:
        case FoundPayout():
            st.switch_page("pages/payout.py", query_params={"id": str(one.id)})
        case FoundPartner():
            st.switch_page("pages/partner.py", query_params={"code": one.code})
        case FoundSale(earning_id=int(earning_id)):
            st.switch_page("pages/earning.py", query_params={"id": str(earning_id)})
        case FoundCorrection():
            st.switch_page("pages/earning.py", query_params={"id": str(one.id)})
        case FoundSale():
            st.switch_page("pages/partner.py", query_params={"code": one.partner_code})
        case FoundCustomer():
            st.switch_page("pages/customer.py", query_params={"id": str(one.id)})
        case None:
            st.switch_page("pages/find.py", query_params={"q": term})


def _find() -> None:
    st.session_state[FOUND] = st.session_state[FIND].strip()
    st.session_state[FIND] = ""
