"""What partners asked for beside the usual: an override that waits for its second person, a payout before its slot, a
backup for who was refused, notes, and one partner who may not be paid.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, Row, text

from core.backups import backup_content
from core.by_hand import enter_by_hand
from core.early_payouts import request_early_payout
from core.eligibility import mark_ineligible
from core.money import plain
from core.overrides import override_content
from core.partner_edits import destination_content
from core.partner_notes import add_note
from core.proposals import confirm, propose
from core.refusals import Refusal
from db.demo.desk import Desk

NOTES = (
    "Prefers a call before noon; answers mails within a day.",
    "Asked to be paid at the end of the month from the new year on. Told them the schedule is changed by two people.",
    "Their accountant asked for the yearly total. Sent the statement.",
)

FIT = """
    p.status = 'active' AND p.destination_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.partner_id = p.id AND h.earning_id IS NULL AND h.closed_at IS NULL
                       AND (h.until IS NULL OR h.until > :now))
"""
TOO_LITTLE = text(f"""
    SELECT p.id, p.code, g.currency, b.available
      FROM partner p JOIN program g ON g.id = p.program_id JOIN partner_balance b ON b.partner_id = p.id
     WHERE g.code IN ('reseller', 'broker-recurring', 'barber') AND b.available >= 1000 AND {FIT}
     ORDER BY b.available, p.id
""")  # noqa: S608 - composed of constants
HELD_ONLY = text(f"""
    SELECT p.id, p.code, g.currency, b.available + b.held AS available
      FROM partner p JOIN program g ON g.id = p.program_id JOIN partner_balance b ON b.partner_id = p.id
     WHERE g.code IN ('affiliate', 'reseller', 'creator') AND b.available >= 0 AND b.held >= 2000 AND {FIT}
     ORDER BY b.held, p.id
""")  # noqa: S608 - same
SCHEDULED = text(f"""
    SELECT p.id, p.code FROM partner p JOIN program g ON g.id = p.program_id
      JOIN partner_balance b ON b.partner_id = p.id
     WHERE g.code = 'barber' AND b.available >= -30000 AND {FIT}
     ORDER BY p.id
""")  # noqa: S608 - same
REFUSED = text("""
    SELECT p.id, p.code FROM hold h JOIN partner p ON p.id = h.partner_id
     WHERE h.reason = 'destination_failed' AND h.closed_at IS NULL AND p.status = 'active' ORDER BY h.id DESC LIMIT 1
""")
WAITING = text(f"""
    SELECT p.id, p.code FROM partner p JOIN payout o ON o.partner_id = p.id AND o.status = 'pending'
     WHERE {FIT} ORDER BY p.id DESC LIMIT 1
""")  # noqa: S608 - same


def leave_requests(desk: Desk) -> None:
    """Leave what was asked for this morning, each by the person who would."""
    desk.now = desk.ends_at
    _override(desk)
    _early(desk)
    _backup(desk)
    _block_and_note(desk)


def _found(conn: Connection, query: object, desk: Desk) -> list[Row[tuple[object, ...]]]:
    return list(conn.execute(query, {"now": desk.now}))  # type: ignore[call-overload]


def _override(desk: Desk) -> None:
    """The first two that break a rule and nothing else: less than the minimum, and before the release."""
    for query, why in (
        (TOO_LITTLE, "They close their shop this week and asked for what is left"),
        (HELD_ONLY, "Rent is due on Monday; the sales are confirmed by phone"),
    ):
        with desk.engine.connect() as conn:
            candidates = _found(conn, query, desk)
        for one in candidates:
            try:
                with desk.engine.begin() as conn:
                    amount = plain(one.available, one.currency)
                    propose(
                        conn,
                        "override_request",
                        ids=[one.id],
                        why=why,
                        content=override_content(amount, now=desk.now),
                        actor=desk.actor(conn, "mia"),
                        now=desk.now,
                    )
            except Refusal:
                continue
            break


def _early(desk: Desk) -> None:
    with desk.engine.connect() as conn:
        candidates = _found(conn, SCHEDULED, desk)
    for one in candidates[:1]:
        best, why = (
            "Best of the month, as agreed with the shop",
            "Asked not to wait: the car is at the garage",
        )
        with desk.engine.begin() as conn:
            mia, ref = desk.actor(conn, "mia"), f"best-{desk.now:%Y-%m}"
            enter_by_hand(conn, one.code, "bonus", "400.00", ref=ref, reason=best, actor=mia, now=desk.now)
        desk.release()
        with desk.engine.begin() as conn:
            request_early_payout(conn, one.code, reason=why, actor=mia, now=desk.now)


def _backup(desk: Desk) -> None:
    """Who was refused for good has a backup, kept by two people before that."""
    with desk.engine.connect() as conn:
        refused = conn.execute(REFUSED).one_or_none()
    if refused is None:
        return
    asked_at = desk.now - timedelta(minutes=30)
    with desk.engine.begin() as conn:
        mia, ada = desk.actor(conn, "mia"), desk.actor(conn, "ada")
        asked = destination_content(conn, method="paypal", email=f"{refused.code.lower()}.backup@example.com")
        made = propose(
            conn,
            "set_backup",
            ids=[refused.id],
            why="Named on the phone, called back on the known number",
            content=backup_content(asked),
            actor=mia,
            now=asked_at,
        )
        confirm(conn, made, actor=ada, now=desk.now)


def _block_and_note(desk: Desk) -> None:
    with desk.engine.connect() as conn:
        waiting = _found(conn, WAITING, desk)
        known = _found(conn, SCHEDULED, desk)
    with desk.engine.begin() as conn:
        mia, ada = desk.actor(conn, "mia"), desk.actor(conn, "ada")
        for one in waiting:
            reason = "Sales came from their own address; waits for their answer"
            mark_ineligible(conn, one.code, reason=reason, actor=mia, now=desk.now)
            add_note(conn, one.code, "Wrote to them about the sales of last week.", actor=mia, now=desk.now)
        for one, note in zip(known, NOTES, strict=False):
            add_note(conn, one.code, note, actor=ada, now=desk.now)
