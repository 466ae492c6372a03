"""Invented partners: believable names of many countries, addresses at example.com."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from db.demo.details import details_of

NAMES: dict[str, tuple[str, str]] = {
    "DE": ("Lena Jonas Greta Felix Klara Emil", "Schäfer Brandt Vogel Krüger Lindner Weiß"),
    "FR": ("Chloé Hugo Inès Louis Manon Théo", "Moreau Lefèvre Girard Fontaine Roussel Mercier"),
    "ES": ("Lucía Mateo Carmen Álvaro Noa Pablo", "García Castillo Ortega Núñez Vidal Serrano"),
    "PL": ("Zofia Łukasz Hanna Kacper Maja Piotr", "Kowalski Wójcik Nowak Zieliński Mazur Król"),
    "SE": ("Astrid Nils Ebba Oskar Saga Björn", "Lindqvist Åkesson Holm Bergström Sjöberg Ek"),
    "IT": ("Giulia Marco Elena Luca Chiara Dario", "Rossi Ferrari Conti Greco Marino Galli"),
    "GB": ("Amelia Oliver Grace Harry Isla Rhys", "Hughes Bennett Clarke Walsh Fraser Doyle"),
    "US": ("Maya Ethan Zoe Caleb Naomi Marcus", "Johnson Rivera Parker Brooks Nguyen Coleman"),
    "BR": ("Beatriz Thiago Larissa Rafael Ana Caio", "Silva Almeida Barbosa Teixeira Rocha Moraes"),
    "IN": ("Priya Arjun Ananya Rohan Kavya Vikram", "Sharma Nair Iyer Banerjee Kapoor Reddy"),
    "JP": ("Yuki Hiro Sakura Kenji Aoi Ren", "Tanaka Ito Yamamoto Sato Mori Kobayashi"),
    "NG": ("Chidi Amara Tunde Ngozi Femi Ify", "Okafor Adeyemi Balogun Eze Obi Lawal"),
}
EVERY_LATE, EVERY_WITHOUT_ACCOUNT = 9, 12  # one partner in so many of a program
LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss", "ø": "o", "æ": "ae"})


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """The partners of one program: how many, the head of their codes, their methods (as often as named)."""

    program: str
    head: str
    size: int
    methods: str
    currency: str = "USD"
    tiers: str = ""


CROWDS = (
    Crowd(program="broker-bounty", head="BRB", size=20, methods="stripe stripe stripe bank_transfer paypal"),
    Crowd(program="broker-recurring", head="BRR", size=18, methods="stripe stripe bank_transfer check"),
    Crowd(
        program="reseller",
        head="RSL",
        size=22,
        methods="stripe bank_transfer bank_transfer paypal",
        tiers="affiliate reseller reseller technology white_label",
    ),
    Crowd(program="creator", head="CRE", size=26, methods="stripe stripe paypal", currency="EUR"),
    Crowd(program="affiliate", head="AFF", size=22, methods="stripe paypal paypal check"),
    Crowd(program="barber", head="BAR", size=14, methods="stripe stripe stripe_instant bank_transfer"),
)


@dataclass(frozen=True, kw_only=True)
class Partner:
    """One row of the partners file; `pace` is how busy they are, 1 the usual."""

    program: str
    code: str
    name: str
    email: str
    tier: str
    country: str
    currency: str
    method: str
    account: str
    joined_on: date
    pace: float
    status: str = "active"

    def row(self) -> dict[str, str]:
        """The partner as the file has it."""
        return {
            "program": self.program,
            "code": self.code,
            "name": self.name,
            "email": self.email,
            "tier": self.tier,
            "country": self.country,
            "currency": self.currency,
            "method": self.method,
            "stripe_account_id": self.account,
            "joined_on": self.joined_on.isoformat(),
            "status": self.status,
        } | details_of(self.method, self.code, self.country)

    def moved(self, rng: Random) -> Partner:
        """The same partner with another Stripe account."""
        return replace(self, account=new_account(rng))

    def suspended(self) -> Partner:
        """The same partner, suspended."""
        return replace(self, status="suspended")


def invent_partners(rng: Random, *, begins_on: date, today: date) -> list[Partner]:
    """Invent the partners of all programs: most joined long ago, some on the way, a few have no account yet."""
    names = [
        (country, f"{first} {last}")
        for country, (firsts, lasts) in NAMES.items()
        for first in firsts.split()
        for last in lasts.split()
    ]
    rng.shuffle(names)
    partners = []
    for crowd in CROWDS:
        for n in range(crowd.size):
            country, name = names.pop()
            method = rng.choice(crowd.methods.split())
            is_late = n % EVERY_LATE == 0
            ago = rng.randint(5, (today - begins_on).days - 5) if is_late else rng.randint(130, 900)
            partners.append(
                Partner(
                    program=crowd.program,
                    code=f"{crowd.head}{1001 + n}",
                    name=name,
                    email=email_of(name),
                    tier=rng.choice(crowd.tiers.split()) if crowd.tiers else "",
                    country=country,
                    currency=crowd.currency,
                    method=method,
                    account=new_account(rng)
                    if method.startswith("stripe") and n % EVERY_WITHOUT_ACCOUNT
                    else "",
                    joined_on=today - timedelta(days=ago),
                    pace=rng.choice((0.4, 0.7, 1.0, 1.0, 1.4, 2.2)),
                )
            )
    return partners


def email_of(name: str) -> str:
    """An address at example.com made of a name's plain letters."""
    plain = unicodedata.normalize("NFKD", name.translate(LETTERS)).encode("ascii", "ignore").decode()
    return f"{plain.lower().replace(' ', '.')}@example.com"


def new_account(rng: Random) -> str:
    """A Stripe account id that nobody has."""
    return f"acct_{rng.getrandbits(56):014X}"
