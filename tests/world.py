"""A small desk with people and payouts in every status, made by the desk's own operations, dated relative to an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from core.access import Actor
from core.decisions import Wanted, approve_payouts
from core.ending import reject_payouts
from core.providers.simulator import Simulator
from core.sending import send_due
from core.steering import set_aside
from core.users import add_user
from tests import builders

PASSWORD = "correct horse battery"
HOST = Actor(name="os:test", channel="cli")
PEOPLE = {
    "ada": ("Ada Lindqvist", ("approver", "operator")),
    "ben": ("Ben Okafor", ("approver",)),
    "max": ("Max Weiss", ("maker",)),
    "vera": ("Vera Nowak", ("viewer",)),
}
NAMES = (
    "Mara Lindqvist", "Chiara Okafor", "Northlight Studio", "Sanne Weiss", "Nadia Weiss", "Dario Ferreira",
    "Leila Nowak", "Salon Meridian", "Dario Novák", "Vinyl & Co", "Elif Lund", "Felix Adler", "Yara Costa",
    "Sofia Almeida", "Kiosk 24 GmbH", "Hafen Resale", "Jonas Berg", "Pavel Novák", "Orchard Affiliates", "Ines Ferreira",
)  # fmt: skip
PROGRAMS = ("reseller", "affiliate", "creator", "broker-bounty")
METHODS = ("stripe", "stripe", "paypal", "bank_transfer", "stripe_instant", "check")
DAY = timedelta(days=1)


@dataclass(kw_only=True)
class World:
    """The payouts that were made, in order, and who may act on them."""

    payouts: list[int] = field(default_factory=list)

    def actor(self, name: str) -> Actor:
        """A person of PEOPLE as they act on a page."""
        return Actor(name=f"user:{name}", channel="page", roles=frozenset(PEOPLE[name][1]))


def add_people(conn: Connection, *, now: datetime) -> None:
    """Everybody of PEOPLE, with the one PASSWORD."""
    for name, (full_name, roles) in PEOPLE.items():
        add_user(conn, name, PASSWORD, roles, actor=HOST, now=now - DAY, full_name=full_name, rounds=4)


def pending(conn: Connection, amounts_minor: Sequence[int], *, now: datetime, **partner: str) -> int:
    """One pending payout of these earnings for a partner of its own, queued a day ago."""
    given: dict[str, str] = {"program": "affiliate", "method": "stripe", "name": "Ana Silva"} | partner
    program_id = conn.execute(
        text("SELECT id FROM program WHERE code = :code"), {"code": given["program"]}
    ).scalar_one()
    partner_id = builders.partner(
        conn, program_id, method=given["method"], name=given["name"], released_to=now - timedelta(hours=1)
    )
    earned = [
        builders.earning(
            conn,
            partner_id,
            amount,
            gross_minor=amount * 8,
            occurred_at=now - (9 + place) * DAY,
            release_at=now - 2 * DAY,
        )
        for place, amount in enumerate(amounts_minor)
    ]
    return builders.payout(
        conn, partner_id, earned, queued_at=now - DAY, cap_month=now.date().replace(day=1), fee_minor=25
    )


def populate(engine: Engine, *, now: datetime) -> World:
    """People, sixty payouts over four programs, and what people and the sender made of the first half of them."""
    world = World()
    with engine.begin() as conn:
        add_people(conn, now=now)
        for place in range(60):
            amounts = [(place * 7919 + part * 104729) % 90000 + 2500 for part in range(1 + place % 5)]
            world.payouts.append(
                pending(
                    conn,
                    amounts,
                    now=now - timedelta(hours=7 * place),
                    program=PROGRAMS[place % len(PROGRAMS)],
                    method=METHODS[place % len(METHODS)],
                    name=NAMES[place % len(NAMES)],
                )
            )
    ada, wanted = world.actor("ada"), [Wanted(id=payout) for payout in world.payouts]
    with engine.begin() as conn:
        approve_payouts(conn, wanted[30:], actor=ada, now=now, reason="weekly run")
        reject_payouts(conn, wanted[28:30], actor=ada, now=now, reason="entered twice")
        set_aside(
            conn,
            wanted[26:28],
            until=(now + 5 * DAY).date(),
            reason="waits for an invoice",
            actor=ada,
            now=now,
        )
    send_due(engine, Simulator(engine=engine), now=now, limit=24)
    return world
