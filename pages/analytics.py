"""How much came in, was earned, kept and paid; how old, how fast, by whom, and whether it lasts."""

from __future__ import annotations

from collections.abc import Callable

from pages.shared import (
    analytics_cash,
    analytics_customers,
    analytics_fees,
    analytics_frame,
    analytics_money,
    analytics_owed,
    analytics_partners,
    analytics_speed,
    frame,
)
from pages.shared.analytics_frame import Scope

DRAWN: dict[str, Callable[[Scope], None]] = {
    "money": analytics_money.view,
    "owed": analytics_owed.view,
    "speed": analytics_speed.view,
    "partners": analytics_partners.view,
    "customers": analytics_customers.view,
    "fees": analytics_fees.view,
    "cash": analytics_cash.view,
}


def page() -> None:
    """Draw the view that the address names."""
    person = frame.person()
    shown = analytics_frame.scope(now=frame.now(), masked=not person.may("see personal data"))
    span = f"{analytics_frame.in_words(shown.period)}, compared with the {shown.period.days} days before."
    caption = analytics_frame.AS_OF_NOW.get(shown.view) or f"{span} Days in {shown.period.zone}."
    frame.header("Analytics", caption, tools=lambda: analytics_frame.tools(shown))
    analytics_frame.views(shown)
    DRAWN[shown.view](shown)


page()
