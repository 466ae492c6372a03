"""The last weeks' transfers and checks in payment files: handed in by a maker, and marked when the bank had told.

On the days they are made the desk stands as with a rail that pays Stripe's methods alone; the rest of the demo is paid by the
simulator, which serves every method.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from core.account_checks import tell_rail
from core.decisions import Wanted
from core.payment_files import make_file
from core.payment_formats import Debtor
from core.payment_handing import mark_sent
from core.payment_marks import Mark, mark_payments
from core.providers.simulator import Simulator
from core.reads.payment_files import Ready, ready_payouts
from core.vault import hold_key, holds_key
from db.demo.desk import Desk
from db.secrets import made_secret

LAST_DAYS, BANK_TAKES = 9, timedelta(days=2)
OURS = Debtor(name="Paydesk Demo GmbH", iban="DE02120300000000202051", bic="BYLADEM1001")
METHODS = ("bank_transfer", "check")
CLOSED_ONE_IN = 5


def hold_demo_key(data_dir: Path) -> None:
    """Let this process seal the invented details, where the edge has not given it a key."""
    if not holds_key():
        hold_key(made_secret(data_dir, "details"))


STRIPE_ALONE = frozenset({"stripe", "stripe_instant"})
REFERENCES = text("SELECT reference FROM payment_file_line WHERE file_id = :id ORDER BY position")


# Handed in for so long that the bank has told, and marked by nobody.
TOLD = text("""
    SELECT DISTINCT f.id FROM payment_file f JOIN payment_file_line l ON l.file_id = f.id JOIN attempt a USING (payout_id, n)
     WHERE f.state = 'sent' AND f.sent_at < :before AND a.state = 'started' ORDER BY f.id
""")


def file_some(desk: Desk, *, left: int) -> None:
    """Mark what the bank has told of by now, and make files of what is approved, where few days of the story are left."""
    if left > LAST_DAYS:
        return
    with desk.engine.begin() as conn:
        told = conn.execute(TOLD, {"before": desk.now - BANK_TAKES}).scalars().all()
        for file_id in told:
            _mark(desk, conn, file_id)
    with desk.engine.begin() as conn:
        tell_rail(conn, Simulator(engine=desk.engine, methods=STRIPE_ALONE), now=desk.now)
        groups = [one for one in ready_payouts(conn, now=desk.now) if one.method in METHODS and one.wanted]
    for group in groups:
        _hand_in(desk, group)
    with desk.engine.begin() as conn:
        tell_rail(conn, Simulator(engine=desk.engine), now=desk.now)


def _hand_in(desk: Desk, group: Ready) -> None:
    wanted = [Wanted(id=id_, version=version) for id_, version in group.wanted]
    with desk.engine.begin() as conn:
        mia = desk.actor(conn, "mia")
        file_id = make_file(conn, wanted, debtor=OURS, actor=mia, now=desk.now).file_id
    if file_id is None:
        return
    with desk.engine.begin() as conn:
        reference = f"{'CHK' if group.method == 'check' else 'TRX'}-{desk.now:%m%d}-{file_id:04d}"
        mark_sent(conn, file_id, reference=reference, actor=mia, now=desk.now)


def _mark(desk: Desk, conn: Connection, file_id: int) -> None:
    references = conn.execute(REFERENCES, {"id": file_id}).scalars().all()
    on = desk.now.date()
    marks = [
        Mark(reference=one, outcome="returned", on=on, reason="Account closed, says the bank")
        if place % CLOSED_ONE_IN == CLOSED_ONE_IN - 1
        else Mark(reference=one, outcome="paid", on=on)
        for place, one in enumerate(references)
    ]
    mark_payments(conn, marks, actor=desk.actor(conn, "mia"), now=desk.now)
