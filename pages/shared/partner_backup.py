"""A partner's second method: kept by two people, and offered as one click once the first one has failed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import streamlit as st

from core.access import Actor
from core.backups import Backup, backup_content, content_of_backup
from core.destination_details import details_content
from core.partner_edits import destination_content
from core.partners import METHODS
from core.payees import has_details
from core.reads.partner import PartnerStory
from core.reads.partner_extras import PartnerExtras
from db.engine import Connection
from pages.shared import elements, frame, in_dialog, two_people
from pages.shared import format as fmt
from pages.shared.decisions import Outcome, Work, token_for
from pages.shared.faults import dialog
from pages.shared.in_dialog import field, typed
from pages.shared.partner_edit import DETAILS
from pages.shared.two_people import ask_why

STRIPE = ("stripe", "stripe_instant")
NONE = "none"
METHOD, ACCOUNT, EMAIL, WHY = (f"backup-{name}" for name in ("method", "account", "email", "why"))


def words(backup: Backup, extras: PartnerExtras) -> str:
    """Write where a backup goes, as far as the reader may see it."""
    address = backup.goes_to or extras.backup_email
    masked = not frame.person().may("see personal data")
    return fmt.method(backup.method) + (f", {fmt.plain(address)}" if address and not masked else "")


def lines(extras: PartnerExtras, zone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    """Return the backup as a line of the card of the destination; none without one."""
    if extras.backup is None:
        return []
    kept = f":gray[kept {fmt.moment(extras.backup.at, zone, now)}]"
    return [("Backup", f"{words(extras.backup, extras)} {kept}")]


def offer(story: PartnerStory, extras: PartnerExtras) -> None:
    """Say that the destination failed and offer the backup; one click proposes the change with everything filled in."""
    if not extras.destination_failed:
        return
    with (
        st.container(border=True),
        st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"),
    ):
        failed = (
            ":red[:material/error:] **:small[The last payout could not be delivered to this destination]**"
        )
        if extras.backup is None:
            st.markdown(
                f"{failed} :small[:gray[There is no backup: ask the partner for new details.]]",
                width="content",
            )
            return
        there = words(extras.backup, extras)
        st.markdown(f"{failed} :small[The backup is {there}. Nothing goes there by itself.]", width="content")
        proposed = any(one.kind == "change_destination" for one in extras.waiting)
        if (
            frame.person().may("change destinations")
            and not proposed
            and elements.primary("Propose the backup", "swap_horiz", key="backup-use")
        ):
            use(story, extras)


def use(story: PartnerStory, extras: PartnerExtras) -> None:
    """Ask why, and propose to change the destination to the backup."""
    if extras.backup is None:
        return
    partner_id = story.header.id

    def work(why: str) -> Work:
        def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
            content = content_of_backup(conn, partner_id)
            return two_people.proposing("change_destination", partner_id, why, content)(conn, actor, now)

        return run

    ask_why(
        "Propose the backup",
        "swap_horiz",
        f"The money would go to **{words(extras.backup, extras)}** once another person confirms. As with any new"
        " destination, a hold begins and what is queued and not sent goes back to the balance.",
        name=f"use_backup_{partner_id}",
        work=work,
    )


@dialog("Keep a backup method", "alt_route")
def keep(story: PartnerStory) -> None:
    """Ask for the second method, and propose it."""
    st.markdown(
        "A backup is proposed when the first method fails for good. Nothing is ever paid to it before two people make it"
        " the destination; keeping it takes a second person too."
    )
    options = [*(method for method in METHODS if method != story.header.method), story.header.method, NONE]
    label = {NONE: "None any more"}
    name = f"set_backup_{story.header.id}"
    method = st.selectbox(
        "Paid by",
        options,
        format_func=lambda one: label.get(one) or fmt.method(one),
        key=field(name, METHOD),
    )
    if method in STRIPE:
        st.text_input("Stripe account", key=field(name, ACCOUNT), placeholder="acct_…")
    if method == "paypal":
        st.text_input("PayPal address", key=field(name, EMAIL), max_chars=254, placeholder="ana@example.com")
    if method in DETAILS:
        boxes = st.columns(2)
        for place, (detail, (words_, example)) in enumerate(DETAILS[method].items()):
            key = field(name, f"backup-{detail}")
            boxes[place % 2].text_input(words_, key=key, placeholder=example, max_chars=100)
        st.caption(":material/lock: Kept encrypted. Everybody sees the last four.")
    st.text_input(
        "Reason", key=field(name, WHY), max_chars=500, placeholder="Who asked, and how you know it was them"
    )
    args = (name, token_for(name), story.header.id)
    in_dialog.buttons("Propose the backup", "group", key="partner-backup", on_click=_kept, args=args)


def _kept(name: str, token: UUID, partner_id: int) -> None:
    method, why = typed(name, METHOD), typed(name, WHY)
    account = typed(name, ACCOUNT) if method in STRIPE else ""
    email = typed(name, EMAIL) if method == "paypal" else ""
    details = {detail: typed(name, f"backup-{detail}") for detail in DETAILS.get(method, ())}

    def work(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        if has_details(details):
            sealed = details_content(conn, partner_id, method=method, values=details, actor=actor, now=now)
            return two_people.proposing("set_backup", partner_id, why, backup_content(sealed))(
                conn, actor, now
            )
        asked = (
            None if method == NONE else destination_content(conn, method=method, account=account, email=email)
        )
        return two_people.proposing("set_backup", partner_id, why, backup_content(asked))(conn, actor, now)

    in_dialog.decide_in_dialog(name, token, work)
