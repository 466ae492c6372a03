"""Which payout comes next in a review: the rows of the queue as they were last seen, page after page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from core.reads.filters import PayoutFilter
from core.reads.payouts import PayoutPage, list_payouts
from pages.shared import desk

SEEN = "queue_seen"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One page of the queue: its payouts, in what order they stood, and where the page behind it begins."""

    ids: tuple[int, ...]
    wanted: PayoutFilter
    sort: str
    descending: bool
    cursor: str | None


def remember(wanted: PayoutFilter, listed: PayoutPage, *, sort: str, descending: bool) -> None:
    """Keep what the queue shows now."""
    ids = tuple(int(payout_id) for payout_id in listed.frame["id"])
    st.session_state[SEEN] = Seen(
        ids=ids, wanted=wanted, sort=sort, descending=descending, cursor=listed.next
    )


def after(payout_id: int, *, now: datetime, masked: bool) -> int | None:
    """Return the payout behind this one in the queue as it was last seen; at its end, or from elsewhere, the first
    that is ready. None: there is no other.
    """
    seen: Seen | None = st.session_state.get(SEEN)
    if seen is not None and payout_id in seen.ids:
        rest = seen.ids[seen.ids.index(payout_id) + 1 :]
        if rest:
            return rest[0]
        if seen.cursor is not None:
            with desk.reading() as conn:
                listed = list_payouts(
                    conn, seen.wanted, now=now, masked=masked, sort=seen.sort, descending=seen.descending,
                    cursor=seen.cursor,
                )  # fmt: skip
            if not listed.frame.empty:
                remember(seen.wanted, listed, sort=seen.sort, descending=seen.descending)
                return int(listed.frame["id"].iloc[0])
    with desk.reading() as conn:
        ready = list_payouts(conn, PayoutFilter(view="ready"), now=now, masked=True)
    return next((int(other) for other in ready.frame["id"] if other != payout_id), None)
