"""One partner by hand: taken in, changed, and their money sent elsewhere by two people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import streamlit as st

from core.access import Actor
from core.destination_details import details_content
from core.partner_edits import add_partner, destination_content, edit_partner, read_fields
from core.partners import METHODS, STATUSES
from core.payees import has_details
from core.programs import Program, program_by_code
from core.reads.partner import PartnerStory
from db.engine import Connection
from pages.shared import format as fmt
from pages.shared import frame, in_dialog, two_people
from pages.shared.decisions import Outcome, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed

# A field, what it is called, and what stands in it as an example.
FIELDS = {
    "name": ("Name", "Ana Silva"),
    "email": ("Email", "ana@example.com"),
    "tier": ("Tier", "none"),
    "country": ("Country, two letters", "PT"),
}
STRIPE = ("stripe", "stripe_instant")
PAYEE = {"payee_name": ("In the name of", "as the partner’s")}
# What a payment file needs of a method, and what stands in each field as an example.
DETAILS = {
    "bank_transfer": PAYEE
    | {
        "iban": ("IBAN", "DE89 3704 0044 0532 0130 00"),
        "bic": ("BIC, where the bank wants one", "COBADEFFXXX"),
        "account_number": ("or account number", "000123456789"),
        "routing_number": ("with its routing number", "021000021"),
    },
    "check": PAYEE
    | {
        "street": ("Street and number", "1 Main Street"),
        "city": ("City", "Springfield"),
        "postal_code": ("Postal code", "62701"),
        "post_country": ("Country, two letters", "US"),
    },
}
ADD = "add_partner"


def _key(decision: str, name: str) -> str:
    return field(decision, f"partner-field-{name}")


def _typed(decision: str, name: str) -> str:
    return typed(decision, f"partner-field-{name}")


@dialog("Add a partner", "person_add")
def add(known: list[Program]) -> None:
    """Ask for what a file of partners would have, and take one in."""
    by_code = {program.code: program for program in known}
    st.selectbox(
        "Program", list(by_code), format_func=lambda code: by_code[code].name, key=_key(ADD, "program")
    )
    left, right = st.columns(2)
    left.text_input("Code", key=_key(ADD, "code"), max_chars=100, placeholder="AFF1001")
    for place, (name, (label, example)) in enumerate(FIELDS.items()):
        box = right if place % 2 == 0 else left
        box.text_input(label, key=_key(ADD, name), placeholder=example, max_chars=254)
    right.date_input("Partner since", "today", key=_key(ADD, "joined_on"), format="YYYY-MM-DD")
    _method(ADD)
    in_dialog.buttons("Add the partner", "person_add", key="partner-add", on_click=_added, args=())


def _method(decision: str, chosen: str = METHODS[0], account: str = "") -> None:
    method = st.selectbox(
        "Paid by", METHODS, index=METHODS.index(chosen), format_func=fmt.method, key=_key(decision, "method")
    )
    if method in STRIPE:
        st.text_input(
            "Stripe account", value=account, key=_key(decision, "stripe_account_id"), placeholder="acct_…"
        )
    if method in DETAILS:
        boxes = st.columns(2)
        for place, (name, (label, example)) in enumerate(DETAILS[method].items()):
            boxes[place % 2].text_input(label, key=_key(decision, name), placeholder=example, max_chars=100)
        st.caption(
            ":material/lock: Kept encrypted. Everybody sees the last four; a payment file alone has all of it."
        )


def _details(decision: str, method: str) -> dict[str, str]:
    return {name: _typed(decision, name) for name in DETAILS.get(method, ())}


def _added() -> None:
    names = ("program", "code", *FIELDS, "joined_on", "method", "stripe_account_id")
    values = {name: _typed(ADD, name) for name in names} | {"status": "active"}
    values |= _details(ADD, values["method"])
    decision = f"{ADD}_{values['code']}"

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        values["currency"] = program_by_code(conn, values["program"]).currency
        add_partner(conn, values, actor=actor, now=now)
        return Outcome(
            badge="done",
            headline=f"{fmt.plain(values['name'])} is a partner.",
            then="Their sales can come in.",
        )

    in_dialog.decide_in_dialog(decision, token_for(decision), work)


@dialog("Edit the details", "edit")
def edit(story: PartnerStory) -> None:
    """Ask for what has changed, and why."""
    with frame.reading() as conn:
        known = read_fields(conn, story.header.code)
    decision = f"edit_partner_{story.header.code}"
    was = in_dialog.began_with(decision, "partner-field-name", known)
    left, right = st.columns(2)
    for place, (name, (label, example)) in enumerate(FIELDS.items()):
        box = left if place % 2 == 0 else right
        box.text_input(label, value=known[name], key=_key(decision, name), placeholder=example, max_chars=254)
    st.selectbox(
        "State",
        STATUSES,
        index=STATUSES.index(known["status"]),
        format_func=str.capitalize,
        key=_key(decision, "status"),
    )
    st.text_input("Reason", key=_key(decision, "why"), max_chars=500, placeholder="Why, for the audit")
    st.caption("A partner who is suspended or archived is not paid; what is queued waits.")
    args = (decision, token_for(decision), story.header.code, was)
    in_dialog.buttons("Keep the changes", "done", key="partner-edit", on_click=_edited, args=args)


def _edited(decision: str, token: UUID, code: str, was: Mapping[str, str]) -> None:
    said = {name: _typed(decision, name) for name in (*FIELDS, "status")}
    values = {name: value for name, value in said.items() if value != was[name].strip()}
    why = _typed(decision, "why")

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        partner_id = edit_partner(conn, code, values, why=why, actor=actor, now=now)
        return Outcome(
            badge="done",
            headline=f"{fmt.plain(code)} is changed.",
            then=f"Kept as history of partner {partner_id}.",
        )

    in_dialog.decide_in_dialog(decision, token, work)


@dialog("Change the destination", "swap_horiz")
def move(story: PartnerStory) -> None:
    """Ask where the money goes from now on, and propose it."""
    header = story.header
    st.markdown(
        "Once another person confirms, the money goes there. A changed destination is held for the days of the policy,"
        " and what is queued and not sent goes back to the balance."
    )
    decision = f"change_destination_{header.id}"
    _method(decision, header.method, header.account or "")
    if st.session_state.get(_key(decision, "method"), header.method) == "paypal":
        st.text_input("PayPal address", value=header.email or "", key=_key(decision, "paypal"), max_chars=254)
    st.text_input(
        "Reason",
        key=_key(decision, "why"),
        max_chars=500,
        placeholder="Who asked, and how you know it was them",
    )
    args = (decision, token_for(decision), header.id)
    in_dialog.buttons("Propose the destination", "group", key="partner-move", on_click=_moved, args=args)


def _moved(decision: str, token: UUID, partner_id: int) -> None:
    method, why = _typed(decision, "method"), _typed(decision, "why")
    account = _typed(decision, "stripe_account_id") if method in STRIPE else ""
    email = _typed(decision, "paypal") if method == "paypal" else ""
    details = _details(decision, method)

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        if has_details(details):
            content = details_content(conn, partner_id, method=method, values=details, actor=actor, now=now)
        else:
            content = destination_content(conn, method=method, account=account, email=email)
        return two_people.proposing("change_destination", partner_id, why, content)(conn, actor, now)

    in_dialog.decide_in_dialog(decision, token, work)
