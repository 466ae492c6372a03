"""A transfer of ours at the provider: what came back of it is booked, and one that no attempt made stops all sending."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from core.access import job_actor
from core.events import Effect, Handler, NotYet
from core.providers import ProviderTransfer
from core.providers.events import EventSource, Facts, ProviderEvent
from core.providers.stripe_money import minor_amount
from core.returns import book_return
from core.strays import OURS, stop_for_strays, strays_among

ATTEMPT = text("SELECT payout_id FROM attempt WHERE provider = :provider AND provider_ref = :provider_ref")
UNDER_WAY = text("""
    SELECT EXISTS (SELECT 1 FROM payout p JOIN attempt a ON a.payout_id = p.id
                    WHERE p.ref::text = :transfer_group AND a.provider = :provider AND a.state IN ('started', 'unknown'))
""")


def plan(source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
    """Ask for the transfer and all that came back of it, by us or outside; each reversal is booked once, by its id."""
    facts = source.fetch("transfer", event.object_ref)
    if facts is None:
        return None
    shown = _shown(facts)
    path = f"/v1/transfers/{shown.provider_ref}/reversals"
    reversals = list(source.listed(path, {})) if shown.reversed_minor else []

    def effect(conn: Connection, now: datetime) -> str:
        return _take_in(conn, source.name, shown, reversals, now=now)

    return effect


def _shown(facts: Facts) -> ProviderTransfer:
    currency = str(facts["currency"]).upper()
    return ProviderTransfer(
        provider_ref=str(facts["id"]),
        transfer_group=facts.get("transfer_group"),
        amount_minor=minor_amount(int(facts["amount"]), currency),
        currency=currency,
        destination=str(facts.get("destination")),
        reversed_minor=minor_amount(int(facts.get("amount_reversed") or 0), currency),
        created_at=datetime.fromtimestamp(int(facts["created"]), UTC),
    )


def _take_in(
    conn: Connection, provider: str, shown: ProviderTransfer, reversals: Sequence[Facts], *, now: datetime
) -> str:
    ids = {"provider": provider, "provider_ref": shown.provider_ref, "transfer_group": shown.transfer_group}
    payout_id = conn.execute(ATTEMPT, ids).scalar_one_or_none()
    if payout_id is None:
        if strays := strays_among(conn, provider, [shown]):
            stop_for_strays(conn, strays, actor=job_actor("events"), now=now)
            return "a transfer of ours that no attempt here made: sending is stopped"
        if OURS.fullmatch(shown.transfer_group or "") and conn.execute(UNDER_WAY, ids).scalar_one():
            message = f"The outcome of the attempt that made {shown.provider_ref} is not recorded yet"
            raise NotYet(message)
        return "no transfer of ours"
    booked = [
        book_return(
            conn,
            payout_id,
            amount_minor=minor_amount(int(reversal["amount"]), shown.currency),
            event_ref=str(reversal["id"]),
            reason=f"reversed at the provider ({reversal['id']})",
            actor=job_actor("events"),
            now=now,
        )
        for reversal in sorted(reversals, key=lambda one: (one["created"], one["id"]))
    ]
    new = sum(not one.again for one in booked)
    return f"{new} of {len(booked)} reversals of payout {payout_id} booked" if booked else "as it was made"


HANDLER = Handler(kinds=frozenset({"transfer.created", "transfer.reversed", "transfer.updated"}), plan=plan)
