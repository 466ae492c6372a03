"""Three months of the desk, day by day, up to this morning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from sqlalchemy import Engine, event, text

from core.decisions import Wanted
from core.ending import cancel_payouts, reject_payouts
from core.holds import lift_hold, place_hold
from core.programs import install_presets
from db.demo.automatic import AGREED_DAYS_AGO, agree_on_small_ones, propose_terms
from db.demo.desk import Desk
from db.demo.messages import tell_this_morning, write_messages
from db.demo.morning import leave_work
from db.demo.payment_files import file_some, hold_demo_key
from db.demo.people import Partner, invent_partners
from db.demo.requests import leave_requests
from db.demo.trade import Clientele, Market, Rows
from db.demo.waiting import agree_on_waiting, leave_some_waiting
from db.engine import make_engine

DAYS = 92
SEED = 20_250_125
FRIDAY = 5
FILE_DAYS = (1, 3, 5)  # Monday, Wednesday, Friday: each file brings what came since the last one
REJECTED, CANCELLED = 0.02, 0.01  # shares of what is reviewed
ASKS, ASKS_NOW = 1 / 14, 0.6  # chances that a partner asks on a day, usually and in the last days
ON_REQUEST = {"reseller", "creator", "affiliate"}
WHY_ASKED = ("Asked for by email", "Monthly request", "Requested on the phone", "Partner's own schedule")
WHY_REJECTED = (
    "Two orders of this week are still disputed",
    "Invoice missing",
    "Wrong month: partner asked to wait",
)
WHY_CANCELLED = ("Partner asked for a later date", "Requested twice by mistake")


def live_through(owner: Engine, *, data_dir: Path, now: datetime, days: int = DAYS) -> None:
    """Live the `days` before `now` on an empty, migrated database."""
    url = owner.url.render_as_string(hide_password=False)
    engine = make_engine(url, application_name="paydesk demo", pool_size=8)
    hold_demo_key(data_dir)
    # History that is invented may be invented again; it need not survive a power cut.
    event.listen(engine, "connect", _forget_the_disk)
    try:
        _live(engine, data_dir=data_dir, now=now.astimezone(UTC), days=days)
        with engine.begin() as conn:
            conn.execute(text("SELECT fold_totals()"))
    finally:
        engine.dispose()


def _forget_the_disk(connection: object, _record: object) -> None:
    connection.execute("SET synchronous_commit = off")  # type: ignore[attr-defined]
    connection.commit()  # type: ignore[attr-defined]


def _live(engine: Engine, *, data_dir: Path, now: datetime, days: int) -> None:
    rng = Random(SEED)
    today = now.date()
    begins_on = today - timedelta(days=days)
    desk = Desk(engine=engine, rng=rng, data_dir=data_dir, ends_at=now)
    partners = invent_partners(rng, begins_on=begins_on, today=today)
    market, clientele = Market(rng), Clientele(rng)

    desk.at(begins_on, 0, 15)
    with engine.begin() as conn:
        install_presets(conn, now=desk.now)
    desk.hire()
    known = [partner for partner in partners if partner.joined_on < begins_on]
    desk.take_in("partners", [partner.row() for partner in known], "partners.csv")
    before = desk.now - timedelta(days=58)
    desk.take_in(
        "customers", clientele.came_and_left(known, before, desk.now, share=0.09, leaving=0), "customers.csv"
    )

    sales: Rows = []
    for n in range(days + 1):
        day = begins_on + timedelta(days=n)
        is_recent = n >= days - 1
        desk.at(day, 0, 45)
        new = [partner for partner in partners if n and partner.joined_on == day - timedelta(days=1)]
        known += new
        desk.take_in("partners", [partner.row() for partner in new], f"partners-{day}.csv")
        sales += market.sales_of(day - timedelta(days=1), known)
        if day.isoweekday() in FILE_DAYS or is_recent:
            desk.take_in("sales", sales, f"sales-{day}.csv")
            sales = []
        if day.isoweekday() == 1:
            week_ago = desk.now - timedelta(days=7)
            came = clientele.came_and_left(known, week_ago, desk.now, share=0.05, leaving=0.01)
            desk.take_in("customers", came, f"customers-{day}.csv")
        if n == max(days - AGREED_DAYS_AGO, 1):
            agree_on_small_ones(desk, day, known)
        if day.isoweekday() > FRIDAY and not is_recent:
            continue  # nobody works, and the jobs of Monday catch up
        _night(desk, day)
        write_messages(desk, day, known, n=n, days=days)
        _holds(desk, day, known)
        _requests(desk, day, known, chance=ASKS_NOW if is_recent else ASKS)
        if not is_recent:
            _review(desk, day, left=days - n)
        if n < days:
            desk.at(day, 15, 30)
            desk.send()
            desk.resolve()
            desk.tell()
    agree_on_waiting(desk)
    leave_work(desk, known)
    tell_this_morning(desk)
    leave_some_waiting(desk)
    leave_requests(desk)
    propose_terms(desk, known)


def _night(desk: Desk, day: date) -> None:
    desk.at(day, 1, 30)
    desk.accrue()
    desk.at(day, 2, 0)
    desk.release()
    desk.at(day, 2, 15)
    desk.queue()
    if day.isoweekday() == 1 or desk.ends_at - desk.now < timedelta(days=2):
        desk.at(day, 6, 0)
        desk.reconcile()


FAILED_LONG_AGO = text("""
    SELECT id FROM hold WHERE reason = 'destination_failed' AND closed_at IS NULL AND opened_at < :before ORDER BY id
""")
PARTNER = text("SELECT id FROM partner WHERE code = :code")
LAST_EARNING = text("SELECT max(earning_id) FROM open_item WHERE partner_id = :id AND amount_minor > 0")


def _holds(desk: Desk, day: date, known: list[Partner]) -> None:
    """Lift what has been mended; now and then a sale is disputed, a partner moves to another account."""
    desk.at(day, 8, 40)
    with desk.engine.begin() as conn:
        mia = desk.actor(conn, "mia")
        ago = {"before": desk.now - timedelta(days=4)}
        for hold_id in conn.execute(FAILED_LONG_AGO, ago).scalars().all():
            lift_hold(
                conn, hold_id, actor=mia, now=desk.now, note="Details confirmed with the partner by phone"
            )
    if day.day in {7, 21}:
        creator = desk.rng.choice([partner for partner in known if partner.program == "creator"])
        with desk.engine.begin() as conn:
            partner_id = conn.execute(PARTNER, {"code": creator.code}).scalar_one()
            earning_id = conn.execute(LAST_EARNING, {"id": partner_id}).scalar_one()
            if earning_id is not None:
                note = "The buyer says it did not take place"
                place_hold(
                    conn, partner_id, "dispute", actor=mia, now=desk.now, note=note, earning_id=earning_id
                )
    if day.day in {5, 15, 25}:
        movable = [n for n, partner in enumerate(known) if partner.account and partner.program in ON_REQUEST]
        n = desk.rng.choice(movable)
        known[n] = known[n].moved(desk.rng)
        desk.take_in("partners", [known[n].row()], f"partners-changed-{day}.csv")


def _requests(desk: Desk, day: date, known: list[Partner], *, chance: float) -> None:
    desk.at(day, 9, 5)
    for partner in known:
        if partner.program in ON_REQUEST and desk.rng.random() < chance:
            part = desk.rng.choice((Decimal(1), Decimal(1), Decimal("0.5"), Decimal("0.8")))
            desk.ask(partner.code, part, desk.rng.choice(WHY_ASKED))


def _review(desk: Desk, day: date, *, left: int) -> None:
    """Ada reviews what waits; a few are rejected or cancelled; the rest leaves at once, or by file when few days are left."""
    desk.at(day, 10, 10)
    keep = []
    for payout in desk.pending():
        wanted = [Wanted(id=payout.id, version=payout.version)]
        fate = desk.rng.random()
        if fate >= REJECTED + CANCELLED:
            keep.append(payout)
        elif fate < REJECTED:
            with desk.engine.begin() as conn:
                ben, reason = desk.actor(conn, "ben"), desk.rng.choice(WHY_REJECTED)
                reject_payouts(conn, wanted, actor=ben, now=desk.now, reason=reason)
        else:
            with desk.engine.begin() as conn:
                mia, reason = desk.actor(conn, "mia"), desk.rng.choice(WHY_CANCELLED)
                cancel_payouts(conn, wanted, actor=mia, now=desk.now, reason=reason)
    if keep:
        desk.approve_batch(keep)
        file_some(desk, left=left)
        desk.at(day, 10, 11)
        desk.send(silence=Decimal("0.01"))
        desk.at(day, 10, 20)
        desk.resolve()
        desk.tell()
