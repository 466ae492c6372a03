"""The one question after every scenario: do the fake Stripe's books and ours tell the same story, to the cent?

No payout is paid twice, none that we call paid is missing there, nothing left that was not approved and written down
before it left; every law of our own books holds; and nothing that was approved is left lying without somebody's move.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from sqlalchemy import Engine, Row, text

from core.guards import STOPS_SENDING, blocking_reasons
from core.verify import verify
from tests.stripe.fake import FakeStripe
from tests.stripe.parts import Body
from tests.stripe.platform import Entry

WRITTEN = """
    SELECT p.approvals_needed <= (SELECT count(DISTINCT actor) FROM approval a
                                   WHERE a.payout_id = p.id AND a.decision = 'approve' AND a.content_hash = t.approved_hash)
      FROM attempt t JOIN payout p ON p.id = t.payout_id WHERE t.idem_key = %s
"""


@dataclass
class Witness:
    """Stands at the fake: whenever a transfer is made there, another session looks whether its attempt is committed.

    What was made while the database was away is `unseen`, and looked at when the books are compared.
    """

    fake: FakeStripe
    database: str
    unwritten: list[str] = field(default_factory=list)
    unapproved: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    seen: int = 0

    def __post_init__(self) -> None:
        platform = self.fake.platform
        create = platform.create_transfer

        def create_transfer(params: Body, *, key: str | None) -> Body:
            made = create(params, key=key)
            self._look(key)
            return made

        platform.create_transfer = create_transfer  # type: ignore[assignment, method-assign]

    def _look(self, key: str | None) -> None:
        if key is None:
            return
        try:
            with psycopg.connect(self.database, autocommit=True) as conn:
                row = conn.execute(WRITTEN, [key]).fetchone()
        except psycopg.OperationalError:
            self.unseen.append(key)
            return
        self.seen += 1
        if row is None:
            self.unwritten.append(key)
        elif row[0] is not True:
            self.unapproved.append(key)


PAYOUTS = text("""
    SELECT p.id, p.ref::text AS ref, p.status, p.net_minor, p.currency, d.account AS destination,
           (SELECT coalesce(sum(amount_minor), 0) FROM ledger_transfer l WHERE l.payout_id = p.id AND l.kind = 'settle')
               AS settled,
           (SELECT coalesce(sum(amount_minor), 0) FROM ledger_transfer l WHERE l.payout_id = p.id AND l.kind = 'return')
               AS returned,
           p.approvals_needed > (SELECT count(DISTINCT actor) FROM approval a JOIN attempt t USING (payout_id)
                                  WHERE a.payout_id = p.id AND a.decision = 'approve'
                                    AND a.content_hash = t.approved_hash) AS unapproved
      FROM payout p LEFT JOIN destination d ON d.id = p.destination_id
     WHERE EXISTS (SELECT 1 FROM attempt t WHERE t.payout_id = p.id AND t.provider = 'stripe')
        OR p.status IN ('paid', 'reversed')
""")
ATTEMPTS = text("""
    SELECT payout_id, n, idem_key, state, provider_ref, next_look_at, code, message FROM attempt
     WHERE provider = 'stripe' ORDER BY 1, 2
""")


def agree(
    engine: Engine, fake: FakeStripe, *, quiescent: bool = True, witness: Witness | None = None
) -> dict[str, int]:
    """Assert that both books tell one story and return what they hold: transfers, paid, cents, open.

    At every instant no payout has two transfers, no transfer is without its attempt and approvals, and what we call paid
    is there with exactly its money. When nothing is in flight, `quiescent`, a transfer is there for what we call paid and
    for nothing else, save for what waits in a person's hands.
    """
    with engine.connect() as conn:
        payouts = {row.ref: row for row in conn.execute(PAYOUTS)}
        attempts = defaultdict(list)
        for row in conn.execute(ATTEMPTS):
            attempts[row.payout_id].append(row)
    made: dict[str | None, list[Entry]] = defaultdict(list)
    back: dict[str, int] = defaultdict(int)
    for entry in fake.books():
        if entry.key is None and entry.transfer_group is None:
            continue  # made by hand at Stripe: reconciliation's to find
        if entry.kind == "transfer":
            made[entry.transfer_group].append(entry)
        else:
            back[entry.transfer] += entry.amount
    strangers = [entry.id for group, entries in made.items() if group not in payouts for entry in entries]
    assert not strangers, f"transfers that no payout of ours made: {strangers}"
    open_ones = 0
    for ref, payout in payouts.items():
        tries = attempts[payout.id]
        open_ones += any(each.state in {"started", "unknown"} for each in tries)
        _one(payout, tries, made[ref], back, quiescent=quiescent)
    if witness is not None:
        _told(witness, attempts)
    _laws(engine)
    cents = sum(entry.amount for entries in made.values() for entry in entries) - sum(back.values())
    paid = sum(payout.status in {"paid", "reversed"} for payout in payouts.values())
    return {"transfers": sum(map(len, made.values())), "paid": paid, "cents": cents, "open": open_ones}


def _one(
    payout: Row[tuple[object, ...]],
    tries: list[Row[tuple[object, ...]]],
    there: list[Entry],
    back: dict[str, int],
    *,
    quiescent: bool,
) -> None:
    who = f"payout {payout.id} ({payout.status}, {payout.ref})"
    left = [entry for entry in there if back[entry.id] < entry.amount]
    assert len(left) <= 1, f"{who} is paid {len(left)} times: {there}"
    assert not payout.unapproved, f"{who} was sent without its approvals"
    keys = {each.idem_key for each in tries}
    assert all(entry.key in keys for entry in there), f"{who} left under a key we never wrote: {there}"
    if payout.status in {"paid", "reversed"}:
        succeeded = [each for each in tries if each.state == "succeeded"]
        assert len(there) == len(succeeded) == 1, f"{who} has {len(there)} transfers, {len(succeeded)} ends"
        [entry], [end] = there, succeeded
        ours = (payout.net_minor, payout.settled, payout.currency, payout.destination, end.provider_ref)
        theirs = (entry.amount, entry.amount, entry.currency.upper(), entry.destination, entry.id)
        assert ours == theirs, f"{who}: ours {ours}, theirs {theirs}"
        assert end.idem_key == entry.key, f"{who} ended under {end.idem_key}, left under {entry.key}"
        if quiescent:
            assert payout.returned == back[entry.id], f"{who}: {payout.returned} back, {back[entry.id]} there"
        return
    in_flight = [each for each in tries if each.state in {"started", "unknown"}]
    for_people = [each for each in in_flight if each.state == "unknown" and each.next_look_at is None]
    allowed = for_people if quiescent else in_flight
    assert not there or allowed, f"{who} is not paid here, and there: {there}; ours: {tries}"


def _told(witness: Witness, attempts: dict[int, list[Row[tuple[object, ...]]]]) -> None:
    assert not witness.unwritten, f"transfers made before their attempt was committed: {witness.unwritten}"
    assert not witness.unapproved, f"transfers made without their approvals: {witness.unapproved}"
    keys = {each.idem_key for tries in attempts.values() for each in tries}
    lost = [key for key in witness.unseen if key not in keys]
    assert not lost, f"transfers whose attempt the database does not know: {lost}"


def _laws(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        checks, _ = verify(conn)
    broken = [f"{check.name}: {check.found} {check.detail}" for check in checks if not check.ok]
    assert not broken, f"our own books do not hold: {broken}"


NOT_ENDED = text("""
    SELECT p.id, p.status, p.retry_at, t.state, t.next_look_at
      FROM payout p
      LEFT JOIN LATERAL (SELECT state, next_look_at FROM attempt WHERE payout_id = p.id ORDER BY n DESC LIMIT 1) t ON true
     WHERE p.status IN ('approved', 'processing', 'retrying')
     ORDER BY p.id
""")


def drained(engine: Engine, *, now: datetime) -> dict[str, int]:
    """Assert that nothing approved is left lying: it has ended, is blocked for a reason shown, or waits for people."""
    figures = {"blocked": 0, "for_people": 0}
    with engine.connect() as conn:
        rows = conn.execute(NOT_ENDED).all()
        reasons = blocking_reasons(conn, [row.id for row in rows], now=now)
    for row in rows:
        codes = {reason.code for reason in reasons[row.id]}
        if row.status == "processing":
            assert row.state == "unknown", f"payout {row.id} is being sent by nobody: {row}"
            assert row.next_look_at is None, f"payout {row.id} is still asked about: {row}"
            figures["for_people"] += 1
        else:
            assert codes & STOPS_SENDING, f"payout {row.id} could leave and did not: {row}, {codes}"
            figures["blocked"] += 1
    return figures
