"""What was pulled back of a payout and what came back of it, for its story."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, text

from core.reads.frames import to_frame
from core.reads.timeline import Event
from core.reads.words import known, person

REVERSALS = text("""
    SELECT r.n, r.amount_minor, r.currency, r.state, r.code, r.message, r.provider_ref, r.request_id, r.started_at,
           r.first_sent_at, r.ended_at, r.next_look_at, r.looks, r.absent_looks, left(r.idem_key, 12) AS key_begins,
           p.why, p.made_by, p.decided_by
      FROM reversal r JOIN proposal p ON p.id = r.proposal_id WHERE r.payout_id = :id ORDER BY r.n
""")
RETURNS = text("""
    SELECT t.effective_at AS at, t.amount_minor, e.source_ref, e.made_by
      FROM ledger_transfer t JOIN earning e ON e.id = t.earning_id
     WHERE t.payout_id = :id AND t.kind = 'return' ORDER BY t.id
""")


def reversals_of(conn: Connection, payout_id: int) -> pd.DataFrame:
    """Return the reversals by us, the oldest first, each with who proposed and confirmed it and why."""
    return to_frame(conn.execute(REVERSALS, {"id": payout_id}))


def returns_of(conn: Connection, payout_id: int) -> pd.DataFrame:
    """Return what came back, whoever pulled it: at, amount_minor, source_ref (the provider's), made_by."""
    return to_frame(conn.execute(RETURNS, {"id": payout_id}))


ENDS = {
    "declined": ("Not pulled back: the provider refused", "declined"),
    "absent": ("The reversal was proved absent at the provider", "absent"),
}


def came_back(reversals: pd.DataFrame, returns: pd.DataFrame) -> list[Event]:
    """Return the lines of the story that tell what was pulled back by whom and why, and what came back."""
    events = []
    for row in reversals.to_dict("records"):
        people = f"{person(row['made_by'])} and {person(row['decided_by'])}"
        what = f"To be pulled back, by {people}: {row['why']}"
        amount = int(row["amount_minor"])
        events.append(Event(at=row["started_at"], what=what, kind="reversal", amount_minor=amount))
        if row["state"] in ENDS:
            words, kind = ENDS[row["state"]]
            told = f": {row['message']}" if row["state"] == "declined" and known(row["message"]) else ""
            events.append(Event(at=row["ended_at"], what=f"{words}{told}", kind=kind))
    ours = set(reversals["provider_ref"].dropna())
    for row in returns.to_dict("records"):
        outside = "" if row["source_ref"] in ours else ", not pulled by us"
        what = f"Came back{outside}: {row['source_ref']}"
        events.append(Event(at=row["at"], what=what, kind="reversed", amount_minor=int(row["amount_minor"])))
    return events


def coming_back(reversals: pd.DataFrame) -> list[Event]:
    """Return where a reversal without an outcome stands, and what comes next."""
    still = reversals[reversals["state"].isin(["started", "unknown"])]
    if still.empty:
        return []
    row = still.iloc[-1]
    amount = int(row["amount_minor"])
    if row["state"] == "started":
        now = Event(at=None, what="Being pulled back", kind="reversal", amount_minor=amount, state="now")
        return [
            now,
            Event(at=None, what="On hold for review once it is back", kind="reversed", state="future"),
        ]
    what = "The provider gave no answer to the reversal; nothing is pulled twice"
    now = Event(at=None, what=what, kind="unknown", amount_minor=amount, state="now")
    look = known(row["next_look_at"])
    following = "Asked for again" if look is not None else "Two people look at it on Operations"
    return [now, Event(at=look, what=following, kind="unknown", state="future")]
