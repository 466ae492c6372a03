"""What the list of partners can be narrowed by; all of it stands in the address."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.reads.not_paid import NotPaid, counted_words
from core.reads.partner_subsets import Subset
from core.reads.partners import CURRENT, PartnerFilter, Skipped
from pages.shared import address, desk
from pages.shared.format import moment

ORDERS = {
    "available": ("most available first", True),
    "held": ("most held first", True),
    "reserved": ("most reserved first", True),
    "paid": ("most paid first", True),
    "code": ("by code", False),
    "name": ("by name", False),
}
STATES = {
    "": "Not archived",
    "active": "Active",
    "suspended": "Suspended",
    "archived": "Archived",
    "any": "Any state",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the address asks for."""

    filter: PartnerFilter
    status: str
    sort: str
    masked: bool

    @property
    def descending(self) -> bool:
        """Amounts begin with the largest, words with the first."""
        return ORDERS[self.sort][1]


def read_wanted(names: dict[str, str], last: NotPaid | None, *, masked: bool) -> Wanted:
    """Return what the address asks for; `names` are the programs by code, `last` the run whose reasons may be asked for."""
    search, status, skipped = address.given("search"), address.one_of("status", STATES, ""), _skipped(last)
    return Wanted(
        filter=PartnerFilter(
            search=search,
            program=address.one_of("program", names, "") or None,
            status=_state(status, everybody=bool(search or skipped)),
            skipped=skipped,
            subset=_subset(),
        ),
        status=status,
        sort=address.one_of("sort", ORDERS, "available"),
        masked=masked,
    )


def _state(status: str, *, everybody: bool) -> str | None:
    """The state to read. The archived are out of the list, unless they are asked for or searched."""
    if status in {"", "any"}:
        return None if status or everybody else CURRENT
    return status


def _skipped(last: NotPaid | None) -> Skipped | None:
    """The run and the reason the address asks for; without a run the last one."""
    reason = address.given("why")
    run_id = address.given_id("run") or (last and last.run_id)
    return Skipped(run_id=run_id, reason=reason) if reason and run_id else None


def _subset() -> Subset | None:
    """Whom a link asks for: `only=ending`, `only=excluded`, `only=new` since an instant."""
    match address.given("only"):
        case "ending" | "excluded" as kind:
            return Subset(kind=kind, at=desk.now())
        case "new":
            since = address.given_instant("since")
            return Subset(kind="new", at=since) if since else None
    return None


def subset_words(subset: Subset) -> str:
    """Whom a link asked for, in words."""
    match subset.kind:
        case "ending":
            return "with a hold that ends within 7 days"
        case "excluded":
            return "excluded or suspended, until somebody allows them again"
        case "new":
            return f"new since {moment(subset.at, desk.zone(), desk.now())}"


def draw(names: dict[str, str], wanted: Wanted, last: NotPaid | None) -> None:
    """Draw what the list can be narrowed by."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Search",
            value=wanted.filter.search,
            type="search",
            placeholder="Code, customer" if wanted.masked else "Name, code, email, account",
            icon=":material/search:",
            label_visibility="collapsed",
            key="partners-search",
            width=190,
            on_change=address.remember("partners-search", "search", then=_from_the_start),
        )
        _choice("program", {"": "All programs", **names}, wanted.filter.program or "", 158)
        _choice("status", STATES, wanted.status, 124)
        reasons = dict.fromkeys([*(last.by_reason if last else ()), *_asked_for(wanted)])
        if reasons:
            words = {"": "Paid or not"} | {reason: _not_paid_words(reason, last) for reason in reasons}
            _choice("why", words, wanted.filter.skipped.reason if wanted.filter.skipped else "", 190)
        _choice("sort", {key: words.capitalize() for key, (words, _) in ORDERS.items()}, wanted.sort, 162)
    if wanted.filter.subset is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f":material/link: Only partners {subset_words(wanted.filter.subset)}.", width="content"
            )
            st.button("Clear filters", type="tertiary", key="partners-all", on_click=clear)


def _asked_for(wanted: Wanted) -> list[str]:
    return [wanted.filter.skipped.reason] if wanted.filter.skipped else []


def _not_paid_words(reason: str, last: NotPaid | None) -> str:
    count = last.by_reason.get(reason, 0) if last else 0
    return f"{count:,} {counted_words(reason)}"


def _choice(name: str, options: dict[str, str], chosen: str, width: int) -> None:
    key = f"partners-{name}"
    default = "available" if name == "sort" else ""
    st.selectbox(
        name.capitalize(),
        list(options),
        index=list(options).index(chosen),
        format_func=options.__getitem__,
        label_visibility="collapsed",
        key=key,
        width=width,
        on_change=address.remember(key, name, default=default, then=_from_the_start),
    )


def order_by(sort: str) -> None:
    """Order all that match by this, where there is such an order."""
    if sort in ORDERS:
        st.session_state["partners-sort"] = sort
        address.put(sort=sort)
        _from_the_start()


def _from_the_start() -> None:
    address.put(cursor=None, run=None)


def clear() -> None:
    """Take every filter out of the address."""
    for key in ("partners-search", "partners-program", "partners-status", "partners-why"):
        st.session_state.pop(key, None)
    address.put(
        search=None, program=None, status=None, why=None, run=None, only=None, since=None, cursor=None
    )
