"""The grid of partners and their balances."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import format as fmt
from pages.shared import frame, partner_filters, tables
from pages.shared.cells import instant, number
from pages.shared.decisions import digest
from pages.shared.lines import card_text
from pages.shared.status import Look

# Why a partner's money does not leave, short enough for a pill.
WHY = {
    "owes_us": Look(word="Owes us", colour="red", icon="trending_down", glyph=""),
    "partner_suspended": Look(word="Suspended", colour="red", icon="block", glyph=""),
    "no_destination": Look(word="Details missing", colour="orange", icon="person_alert", glyph=""),
    "on_hold": Look(word="On hold", colour="yellow", icon="lock", glyph=""),
    "new_partner": Look(word="New partner", colour="yellow", icon="lock", glyph=""),
    "destination_changed": Look(word="New destination", colour="orange", icon="swap_horiz", glyph=""),
    "destination_failed": Look(word="Details refused", colour="orange", icon="person_alert", glyph=""),
    "ineligible": Look(word="Ineligible", colour="red", icon="person_off", glyph=""),
    "kyc": Look(word="Not verified", colour="orange", icon="person_alert", glyph=""),
    "below_minimum": Look(word="Below minimum", colour="gray", icon="low_priority", glyph=""),
    "fee_exceeds_amount": Look(word="Below fee", colour="gray", icon="low_priority", glyph=""),
    "cap_reached": Look(word="Cap reached", colour="gray", icon="low_priority", glyph=""),
    "request_open": Look(word="Request open", colour="gray", icon="low_priority", glyph=""),
}
HOLDS = frozenset({"dispute", "review", "manual"})
NO_PILL = frozenset(
    {"nothing_available", "not_positive", "not_due"}
)  # nothing there to leave: no reason is needed


HEADS = {"partner": "name"}  # what a column is called among the orders


def draw(found: pd.DataFrame, now: datetime, *, masked: bool) -> None:
    """Draw one page of partners; a click on a row opens that partner, on the head of a column orders by it. With `masked` the
    code stands for the name.
    """
    codes = [str(code) for code in found["code"]]
    shown = pd.DataFrame(
        {
            "partner": [card_text(row.name) or str(row.code) for row in found.itertuples(index=False)],
            "code": codes,
            "available": _amounts(found, "available_minor"),
            "held": _amounts(found, "held_minor"),
            "releases": [fmt.until(at, now) if card_text(at) else "" for at in found["next_release_at"]],
            "reserved": _amounts(found, "reserved_minor"),
            "paid": _amounts(found, "paid_minor"),
            "why": [
                _why(card_text(row.why_not_code), number(row.available_minor)) for row in found.itertuples()
            ],
            "program": [str(program) for program in found["program"]],
            "last": [_last(at, now) for at in found["last_paid_at"]],
        }
    )
    if masked:
        shown = shown.drop(columns="partner")
    key = f"partners-{digest(codes)}"
    st.dataframe(
        shown,
        key=key,
        hide_index=True,
        height="content",
        row_height=32,
        on_select=partial(_open, key, codes),
        selection_mode=tables.CLICKS,
        column_config={
            "partner": st.column_config.TextColumn("Partner", width=166),
            "code": st.column_config.TextColumn("Code", width=84),
            "available": tables.figures("Available", width=112),
            "held": tables.figures("Held", width=104),
            "releases": tables.figures("Releases", width=82),
            "reserved": tables.figures("Reserved", width=104),
            "paid": tables.figures("Paid, all time", width=118),
            "why": tables.pills("Not paid because", WHY, width=128),
            "program": st.column_config.TextColumn("Program", width=116),
            "last": st.column_config.TextColumn("Last paid", width=74),
        },
        alt="Partners with their balances; a click on a row opens the partner.",
    )
    if chosen := st.session_state.pop("partner-to-open", None):
        st.switch_page("pages/partner.py", query_params={"code": chosen})


def _open(key: str, codes: list[str]) -> None:
    selection = st.session_state[key]["selection"]
    for row, _ in selection["cells"]:
        st.session_state["partner-to-open"] = codes[int(row)]
    for column in selection["columns"]:
        partner_filters.order_by(HEADS.get(column, column))


def _amounts(found: pd.DataFrame, column: str) -> list[str]:
    texts = [
        fmt.money(int(minor), str(currency)) if int(minor) else fmt.ABSENT
        for minor, currency in zip(found[column], found["currency"], strict=True)
    ]
    return [f"{text:>14}" for text in texts]  # so that the grid's own menu sorts them as amounts


def _why(code: str, available_minor: int) -> list[str]:
    if available_minor < 0:
        return [WHY["owes_us"].word]
    if not code or code in NO_PILL:
        return []
    return [WHY["on_hold" if code in HOLDS or code not in WHY else code].word]


def _last(at: object, now: datetime) -> str:
    when = instant(at)
    if when is None:
        return ""
    local = when.astimezone(frame.zone())
    year = "" if local.year == now.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}"
