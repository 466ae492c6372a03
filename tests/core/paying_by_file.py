"""Payouts by methods that no rail serves, for tests: partners with details, approved payouts, files of them."""

from __future__ import annotations

from sqlalchemy import Engine, text

from core.access import Actor
from core.account_checks import tell_rail
from core.decisions import Wanted
from core.payment_contents import file_document
from core.payment_files import MadeFile, make_file
from core.payment_formats import Debtor
from core.payment_handing import mark_sent
from core.payment_marks import Mark, Marked, Result, mark_payments
from core.vault import hold_key
from tests.desk import DAY, MIA, NOW, Desk, Rail

SECRET = "tests keep this secret: " + "0123456789abcdef"
IBANS = ("DE89370400440532013000", "FR1420041010050500013M02606", "NL91ABNA0417164300")
OURS = Debtor(name="Paydesk GmbH", iban="DE02120300000000202051", bic="BYLADEM1001")
MAX = Actor(name="user:max", channel="cli", roles=frozenset({"maker"}))
HEAD = "program,code,name,email,tier,country,currency,method,stripe_account_id,joined_on,status"
DETAILS = "payee_name,iban,bic,account_number,routing_number,street,city,postal_code,post_country"


class StripeAlone(Rail):
    """A rail that pays Stripe's methods and no others."""

    methods = frozenset({"stripe", "stripe_instant"})


def with_files(desk: Desk) -> Desk:
    """The desk as its processes know it when the rail in use serves Stripe's methods alone."""
    hold_key(SECRET)
    with desk.engine.begin() as conn:
        tell_rail(conn, StripeAlone(), now=NOW)
    return desk


def paid_by(
    desk: Desk,
    code: str,
    method: str,
    *,
    program: str = "creator",
    name: str = "Ana Silva",
    **details: str,
) -> str:
    """A partner paid by this method with these details and 90.00 or 100.00 available."""
    currency = "EUR" if program == "creator" else "USD"
    cells = ",".join(details.get(column, "") for column in DETAILS.split(","))
    row = f"{program},{code},{name},{code.lower()}@example.com,,DE,{currency},{method},,2025-01-01,active"
    taken = desk.take_in("partners", f"{HEAD},{DETAILS}\n{row},{cells}\n")
    assert taken.added == 1, taken.problems
    kind = "booking" if program == "creator" else "commission"
    desk.sale(code, "100.00", ref=f"sale-{code}", program=program, kind=kind, at=NOW - 40 * DAY)
    desk.release()
    return code


def by_bank(desk: Desk, code: str = "CRE1", iban: str = IBANS[0]) -> str:
    return paid_by(desk, code, "bank_transfer", iban=iban)


def by_check(desk: Desk, code: str = "CRE2") -> str:
    return paid_by(
        desk, code, "check", street="1 Main Street", city="Berlin", postal_code="10115", post_country="DE"
    )


def approved_for(desk: Desk, *codes: str, amount: str = "25.00") -> list[int]:
    """An approved payout of each partner, by ada."""
    payouts = [desk.request(code, amount) for code in codes]
    assert desk.approve(*payouts).done == payouts
    return payouts


def file_of(desk: Desk, *payouts: int, actor: Actor = MIA) -> int:
    """One payment file of these payouts."""
    made = make(desk, *payouts, actor=actor)
    assert made.file_id is not None, made.refused
    return made.file_id


def make(desk: Desk, *payouts: int, actor: Actor = MIA) -> MadeFile:
    wanted = [Wanted(id=payout) for payout in payouts]
    return desk.decide(lambda conn: make_file(conn, wanted, debtor=OURS, actor=actor, now=NOW))


def sent(desk: Desk, file_id: int, *, actor: Actor = MIA) -> int:
    desk.decide(lambda conn: mark_sent(conn, file_id, reference="BANK-77", actor=actor, now=NOW))
    return file_id


def content(desk: Desk, file_id: int, form: str = "csv") -> bytes:
    return desk.decide(lambda conn: file_document(conn, file_id, form=form, actor=MIA, now=NOW)).content


def references(desk: Desk, file_id: int) -> list[str]:
    found = desk.column(
        "SELECT reference FROM payment_file_line WHERE file_id = :id ORDER BY position", id=file_id
    )
    return [str(reference) for reference in found]


def mark(
    desk: Desk, reference: str, outcome: Result, *, actor: Actor = MIA, reason: str = "account closed"
) -> Marked:
    said = Mark(reference=reference, outcome=outcome, on=NOW.date(), reason=reason)
    return desk.decide(lambda conn: mark_payments(conn, [said], actor=actor, now=NOW))


def sealed_columns(engine: Engine) -> bytes:
    """Every sealed detail of the database, joined."""
    with engine.connect() as conn:
        return b"".join(bytes(row) for row in conn.execute(text("SELECT sealed FROM payee")).scalars())
