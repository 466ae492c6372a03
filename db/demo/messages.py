"""What partners chose to be told, what the team is told every morning, and a mailbox that is not there any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta

from sqlalchemy import text

from core.advance_notice import tell_of_upcoming
from core.channels import Delivery, Letter
from core.channels.folder import Folder
from core.daily_news import remind, tell_of_the_day
from core.message_preferences import Choice, choose_messages
from core.message_tests import ask_test_message
from core.policy_changes import policy_content
from core.programs import current_policy, program_by_code
from core.proposals import confirm, propose
from core.settings import DEMO_SENDER
from db.demo.desk import Desk
from db.demo.people import Partner

CHOSEN_DAYS_AGO = 40
TOLD_AT = time(6, 35)
MADE_BY = "job:remind"
NOTICE_DAYS = 3
OWN_NOTICE_DAYS = 30  # of a reseller who is paid once a month


def write_messages(desk: Desk, day: date, partners: list[Partner], *, n: int, days: int) -> None:
    """On the n-th of so many days, agree on what is told, or write down what is told because of the time."""
    if day == _worked_on(day + timedelta(days=max(days - CHOSEN_DAYS_AGO, 1) - n)):
        agree_on_messages(desk, day, partners)
    if n >= days - CHOSEN_DAYS_AGO:
        tell_the_day(desk, day)


def _worked_on(day: date) -> date:
    """This day, or the Monday after it where nobody works on it."""
    return day + timedelta(days={6: 2, 7: 1}.get(day.isoweekday(), 0))


def agree_on_messages(desk: Desk, day: date, partners: list[Partner]) -> None:
    """Barbers hear of a payout three days before; who lives in France is written to in French; three ask for more."""
    desk.at(day, TOLD_AT.hour, 0)
    with desk.engine.begin() as conn:
        program = program_by_code(conn, "barber")
        terms = current_policy(conn, program.id, now=desk.now).policy.model_dump(mode="json")
        terms["messages"] = {"notice_days": NOTICE_DAYS}
        alma, ada = desk.actor(conn, "alma"), desk.actor(conn, "ada")
        why, content = "Barbers plan their rent by it", policy_content(terms, None)
        made = propose(
            conn, "change_policy", ids=[program.id], content=content, why=why, actor=alma, now=desk.now
        )
        confirm(conn, made, actor=ada, now=desk.now)
    barber, creator, reseller = (_first(partners, program) for program in ("barber", "creator", "reseller"))
    for partner in partners:
        wanted: dict[Choice, bool] = {}
        if partner is barber:
            wanted = {("payout_paid", "sms"): True}
        if partner is creator:
            wanted = {("sale_confirmed", "email"): True, ("milestone", "email"): False}
        language = "fr" if partner.country == "FR" else None
        days = OWN_NOTICE_DAYS if partner is reseller else None
        if language or wanted or days:
            with desk.engine.begin() as conn:
                choose_messages(
                    conn,
                    partner.code,
                    language=language,
                    notice_days=days,
                    phone="+15555550123" if partner is barber else None,
                    wanted=wanted,
                    actor=desk.actor(conn, "mia"),
                    now=desk.now,
                )


def _first(partners: list[Partner], program: str) -> Partner | None:
    return next((one for one in partners if one.program == program), None)


def tell_the_day(desk: Desk, day: date) -> None:
    """Write down what is told because of the time."""
    desk.at(day, TOLD_AT.hour, TOLD_AT.minute)
    with desk.engine.begin() as conn:
        tell_of_the_day(conn, made_by=MADE_BY, now=desk.now)
        remind(conn, made_by=MADE_BY, now=desk.now)
    tell_of_upcoming(desk.engine, made_by=MADE_BY, now=desk.now)
    desk.tell()


@dataclass(frozen=True, kw_only=True)
class Mailboxes:
    """The demo's folder, without a mailbox that is gone and one that is full."""

    folder: Folder
    gone: str
    full: str

    def deliver(self, letter: Letter) -> Delivery:
        """Write the letter's file; one to a mailbox that is gone is refused, one to a full mailbox waits."""
        for _, address in letter.to:
            if address == self.gone:
                return Delivery(outcome="refused", words="550 5.1.1 No such mailbox here")
            if address == self.full:
                return Delivery(outcome="later", words="452 4.2.2 Mailbox full")
        return self.folder.deliver(letter)

    def close(self) -> None:
        """Hold nothing open."""


PAID = text("""
    SELECT DISTINCT w.email FROM message m JOIN partner p ON p.id = m.partner_id JOIN identity w ON w.id = p.identity_id
     WHERE m.state = 'waiting' AND m.channel = 'email' AND m.kind = 'payout_paid' AND w.email IS NOT NULL
     ORDER BY w.email LIMIT 2
""")


def tell_this_morning(desk: Desk) -> None:
    """Deliver this morning's news: one mailbox is gone, another one is full and tried again; a test waits in French."""
    with desk.engine.connect() as conn:
        gone, full = (*conn.execute(PAID).scalars(), "", "")[:2]
    folder = Folder(folder=desk.data_dir / "mail", sender=DEMO_SENDER)
    desk.tell(Mailboxes(folder=folder, gone=gone, full=full))
    with desk.engine.begin() as conn:
        ask_test_message(
            conn,
            "payout_rejected",
            to="alma@example.com",
            channel="email",
            language="fr",
            actor=desk.actor(conn, "alma"),
            now=desk.now,
        )
