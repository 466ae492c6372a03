"""The fields of what a policy approves by itself."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.policy import Policy
from pages.shared import elements
from pages.shared.typed import Typed


def draw(cards: DeltaGenerator, policy: Policy, typed: Typed) -> None:
    """Draw the switch, the two limits, and for whom."""
    approval, said = policy.approval, typed.terms["approval"]
    with elements.card(cards, "What the policy approves by itself", "scheduled payouts with nothing unusual"):
        said["auto"] = st.checkbox("The policy approves small payouts", approval.auto, key=typed.key("auto"))
        if not said["auto"]:
            said["auto_up_to_minor"] = said["auto_per_day_minor"] = 0
            st.caption("A person approves every payout.")
            return
        said["auto_up_to_minor"] = (
            typed.amount("Up to, for one payout", "auto-up-to", approval.auto_up_to_minor) or 0
        )
        said["auto_per_day_minor"] = (
            typed.amount("At most a day, for all together", "auto-per-day", approval.auto_per_day_minor) or 0
        )
        everybody = st.checkbox(
            "For every partner",
            policy.auto_payout_enabled,
            key=typed.key("auto-everybody"),
            help="Without it, only for partners and tiers it is switched on for",
        )
        if everybody != policy.auto_payout_enabled:
            typed.terms["auto_payout_enabled"] = everybody
        st.caption(
            "Never what was asked for by hand, takes two people, goes to a changed destination, is far above the usual"
            " or on hold. What exceeds the day waits for a person."
        )
