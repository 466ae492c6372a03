"""Money that goes back, as the events of a provider bring it, for tests."""

from __future__ import annotations

from datetime import datetime

from core.access import Actor, job_actor
from core.corrections import correct_earning, correct_sale, reinstate_earning
from core.returns import Returned, book_return
from core.taking_back import Corrected
from tests.desk import NOW, Desk

SYNC = job_actor("sync")


def earning_of(desk: Desk, ref: str = "sale-AFF1") -> int:
    """The earning of a sale."""
    found = desk.scalar("SELECT id FROM earning WHERE source_ref = :ref AND corrects_id IS NULL", ref=ref)
    assert isinstance(found, int)
    return found


def correct(
    desk: Desk,
    amount_minor: int,
    *,
    earning: int | None = None,
    event: str = "refund:re_1",
    actor: Actor = SYNC,
    now: datetime = NOW,
) -> Corrected:
    """Take back so much of an earning, of the one that `Desk.funded` makes unless told otherwise."""
    earning_id = earning_of(desk) if earning is None else earning
    return desk.decide(
        lambda conn: correct_earning(
            conn,
            earning_id,
            event_ref=event,
            amount_minor=amount_minor,
            reason="refunded",
            actor=actor,
            now=now,
        )
    )


def refund(
    desk: Desk, sale: str, gross_minor: int, *, program: str = "creator", event: str = "refund:re_1"
) -> Corrected:
    """Give back so much of a sale's gross."""
    program_id = desk.scalar("SELECT id FROM program WHERE code = :code", code=program)
    assert isinstance(program_id, int)
    return desk.decide(
        lambda conn: correct_sale(
            conn,
            program_id,
            sale,
            gross_minor=gross_minor,
            event_ref=event,
            reason="refunded",
            actor=SYNC,
            now=NOW,
        )
    )


def reinstate(
    desk: Desk,
    event: str = "refund:re_1",
    *,
    by: str = "refund:re_1:failed",
    actor: Actor = SYNC,
    now: datetime = NOW,
) -> Corrected:
    """Put back what an event took."""
    return desk.decide(
        lambda conn: reinstate_earning(
            conn, event, by_event_ref=by, reason="the refund failed", actor=actor, now=now
        )
    )


def come_back(
    desk: Desk, payout: int, amount_minor: int, *, event: str = "trr_1", actor: Actor = SYNC
) -> Returned:
    """Book so much of a payout's net as come back."""
    return desk.decide(
        lambda conn: book_return(
            conn,
            payout,
            amount_minor=amount_minor,
            event_ref=event,
            reason="account closed",
            actor=actor,
            now=NOW,
        )
    )
