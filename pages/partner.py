"""One partner's whole story: what they are owed, where it stands, what keeps it, and what holds for them."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.access import Actor
from core.reads.bounties import bounties_under_way
from core.reads.paid import paid_per_month
from core.reads.partner import PartnerHeader, PartnerStory, partner_story
from core.reads.partner_extras import partner_extras
from core.reports.files import statement_file
from db.engine import Connection
from pages.shared import (
    address,
    charts,
    colours,
    elements,
    frame,
    messages,
    own_terms,
    partner_actions,
    partner_backup,
    partner_beside,
    partner_cards,
    partner_lists,
    partner_outlook,
    status,
    taking_home,
    waiting_payments,
)
from pages.shared import (
    format as fmt,
)
from pages.shared.drawing import draw


def page() -> None:
    """Draw the page."""
    now, person = frame.now(), frame.person()
    code = address.given("code")
    masked = not person.may("see personal data")
    with frame.reading() as conn:
        story = partner_story(conn, code, now=now, masked=masked)
        extras = partner_extras(conn, story.header.id, now=now, masked=masked) if story else None
        monthly = paid_per_month(conn, story.header.id, now=now) if story else None
        bounties = bounties_under_way(conn, story.header.id, now=now, masked=masked) if story else None
    if story is None or extras is None or monthly is None:
        frame.header("Partner", "Whose story is this?")
        with elements.empty("No such partner", "The code in the address names nobody.", "person_off"):
            st.page_link("pages/partners.py", label="Find a partner", icon=":material/groups:")
        return
    if own_terms.editing():
        own_terms.edit(story, now)
        return
    header = story.header
    zone = ZoneInfo(header.zone)
    frame.header(
        fmt.plain(header.name or header.code),
        _caption(header, story),
        tools=partial(_tools, story),
    )
    partner_actions.dialogs(story, extras)
    st.markdown(" ".join(_badges(story, now)))
    partner_backup.offer(story, extras)
    partner_beside.waiting(extras, now, zone)
    partner_cards.figures(story, now, zone)
    pair = st.grid(2, min_column_width=400)
    partner_cards.held(pair, story, now, zone)
    with elements.card(pair, "Paid per month", f"net, by payment date, {header.zone}"):
        _paid(monthly, header.currency)
    partner_outlook.card(pair, story, now, zone)
    partner_cards.why_not_paid(pair, story, now, zone)
    partner_lists.behind(story, now, zone)
    cards = st.grid(2, min_column_width=400)
    partner_cards.holds(cards, story, now, zone)
    partner_beside.notes(cards, story.header.code, extras, now, zone)
    partner_cards.terms(cards, story, now, zone)
    partner_cards.destination(cards, story, now, zone, partner_backup.lines(extras, zone, now))
    if bounties is not None:
        partner_lists.bounties(bounties, header.currency, now, zone)
    if header.customers:
        partner_lists.customers(story, now, zone)
    messages.partner_card(header.id, now, zone)
    waiting_payments.outside(story, now, zone)
    partner_lists.statement(story, now, zone)


def _paid(monthly: pd.DataFrame, currency: str) -> None:
    if not monthly["count"].sum():
        st.caption("Nothing was paid in the last twelve months.")
        return
    chart = charts.money_over_time(
        monthly,
        [charts.Series("net_minor", "Paid", "green")],
        currency=currency,
        colours=colours.palette(st.context.theme.type),
        height=charts.SMALL,
        months=True,
    )
    draw(chart, key="paid")


def _caption(header: PartnerHeader, story: PartnerStory) -> str:
    tier = f", {header.tier}" if header.tier else ""
    account = header.account
    paid_to = f"{fmt.method(header.method)} {_ending(account)}" if account else fmt.method(header.method)
    schedule = story.terms.loc[story.terms["term"] == "Paid", "value"]
    words = f" · paid {schedule.iloc[0]}" if len(schedule) else ""
    return f"{header.code} · {fmt.plain(header.program_name)}{tier}{words} · {fmt.plain(paid_to)}"


def _ending(account: str) -> str:
    return f"to {account}" if "@" in account else f"account ending {account[-4:]}"


def _badges(story: PartnerStory, now: datetime) -> list[str]:
    header = story.header
    badges = [status.badge(header.status)]
    if header.destination_id is None:
        badges.append(status.tag("Details missing", "person_alert", "orange"))
    elif header.destination_changed and header.destination_opened_at is not None:
        badges.append(
            status.badge("new_destination", f"New destination, {fmt.ago(header.destination_opened_at, now)}")
        )
    if len(partner_cards.blocking_holds(story)):
        badges.append(status.badge("on_hold"))
    badges.append(status.tag(f"Partner since {_month(header.joined_on)}", "cake"))
    return badges


def _month(day: date) -> str:
    return f"{day:%b} {day.year}"


def _tools(story: PartnerStory) -> None:
    st.page_link(
        "pages/analytics.py",
        label="Analytics",
        icon=":material/insights:",
        query_params={"view": "partners", "partner": story.header.code},
    )
    taking_home.button(
        "Statement",
        partial(_statement, story.header.code),
        file_name=f"statement-{story.header.code}.csv",
        icon="description",
        told="Every movement of this partner’s money as CSV",
    )
    partner_actions.menu(story)


def _statement(code: str, conn: Connection, _actor: Actor) -> bytes:
    return b"".join(statement_file(conn, code))


page()
