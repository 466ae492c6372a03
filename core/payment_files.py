"""Payment files: approved payouts of methods without an API leave in a file that a person hands in.

    make_file      1  lock, ask every guard of sending, claim each under its own key, write the file's lines        COMMIT
    file_document  -  the same bytes again whenever they are asked for (core/payment_contents.py)                   COMMIT
    mark_sent      2  the file was handed in, under the bank's reference (core/payment_handing.py)                  COMMIT
    mark_payments  3  what became of each payment (core/payment_marks.py)                                           COMMIT

A crash before a COMMIT leaves nothing: no attempt, no line. Between them a payout is in one file and in no other, and no rail
takes it up. A file that was not handed in may be cancelled: its attempts end as taken back, the payouts are approved as before.
After a backup was restored, a file made meanwhile is made again with the same references: compare it with the bank's first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text

from core.access import Actor
from core.claiming import Claim, StoppedMeanwhile, claim_payout
from core.decisions import Blocked, ChangedSince, Decision, Wanted, all_or_none, decide
from core.guards import FILE_METHODS, STOPS_SENDING, blocking_reasons
from core.payees import keep_payee, seal_details
from core.payment_contents import contents_of, note_file, read_file
from core.payment_formats import Debtor, check_sepa
from core.providers import Order
from core.refusals import Refusal
from core.vault import open_vault

LINES_MAX = 5_000
PROVIDER = "file"


class NotByFile(Refusal):
    """Payout {id} does not leave in a payment file: the rail in use pays it."""

    code = "not_by_file"


class MixedFile(Refusal):
    """A payment file has one program, one method and one currency: choose payouts of one kind."""

    code = "mixed_file"


class PaidByHand(Refusal):
    """These are paid by hand, with no file: mark each as paid, with its reference."""

    code = "paid_by_hand"


class NotByHand(Refusal):
    """Only payouts of the method manual are paid by hand: put the others into a payment file."""

    code = "not_by_hand"


class TooManyLines(Refusal):
    """A payment file has at most {most:,} payments: make several."""

    code = "too_many"


class NoEmail(Refusal):
    """The PayPal address of payout {id} is not the one that was approved."""

    code = "changed_since"


class StoppedJustNow(Refusal):
    """Sending was stopped while the file was made: nothing was put into it."""

    code = "sending_stopped"


@dataclass(frozen=True, kw_only=True)
class ByFile:
    """Claims for payment files; nobody takes such an attempt up, so its lease outlives everybody."""

    name: str = PROVIDER
    lease_s: int = 100 * 366 * 24 * 3600
    methods: frozenset[str] = frozenset(FILE_METHODS)


@dataclass(kw_only=True)
class MadeFile(Decision):
    """The answer for every payout asked for; `file_id` is None when nothing was free to go into a file."""

    file_id: int | None = None


def make_file(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    debtor: Debtor | None,
    actor: Actor,
    now: datetime,
    whole: bool = False,
) -> MadeFile:
    """Claim approved payouts of one program, method and currency and make one file of them; `debtor` is for the bank's format.

    Each is claimed through the guards of sending, and refused by name where one keeps it; `whole` refuses all for one.
    Refuses NotAllowed, MixedFile, TooManyLines, and where details cannot be opened what the vault refuses.
    """
    actor.must("write payment files")
    return make_for(conn, wanted, by_hand=False, debtor=debtor, actor=actor, now=now, whole=whole)


KINDS_OF = text("SELECT DISTINCT program_id, method, currency FROM payout WHERE id = ANY(:ids)")
ADD_FILE = text("""
    INSERT INTO payment_file (program_id, method, currency, payouts, total_minor, debtor, made_by, made_at)
    VALUES (:program_id, :method, :currency, :payouts, :total_minor, CAST(:debtor AS jsonb), :made_by, :now)
    RETURNING id
""")
ADD_LINES = text("""
    INSERT INTO payment_file_line (file_id, position, payout_id, n, reference, amount_minor, payee_ref)
    SELECT :file_id, r.position, r.payout_id, r.n, r.reference, r.amount_minor,
           coalesce(r.payee_ref, CASE WHEN p.method <> 'manual' THEN d.payee_ref END)
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (position int, payout_id bigint, n int, reference text,
                                                          amount_minor bigint, payee_ref uuid)
      JOIN payout p ON p.id = r.payout_id JOIN destination d ON d.id = p.destination_id
""")
KEEP_DIGESTS = text("UPDATE payment_file SET digests = CAST(:digests AS jsonb) WHERE id = :file_id")


def make_for(
    conn: Connection,
    wanted: Sequence[Wanted],
    *,
    by_hand: bool,
    debtor: Debtor | None,
    actor: Actor,
    now: datetime,
    whole: bool,
) -> MadeFile:
    """Do what `make_file` does; `by_hand`: for payouts that a person pays with no file, and marks at once."""
    right = "mark payments" if by_hand else "write payment files"
    made, free = _free_of(conn, wanted, right=right, actor=actor, now=now)
    if whole:
        all_or_none(made, len(wanted))
    kinds = conn.execute(KINDS_OF, {"ids": free}).all()
    if len(kinds) > 1:
        raise MixedFile
    if any((kind.method == "manual") != by_hand for kind in kinds):
        raise NotByHand if by_hand else PaidByHand
    claims = _claim(conn, free, made, now=now)
    if whole:
        all_or_none(made, len(wanted))
    if not claims:
        return made
    kind = kinds[0]
    values = {
        "program_id": kind.program_id,
        "method": kind.method,
        "currency": kind.currency,
        "payouts": len(claims),
        "total_minor": sum(claim.order.params["amount_minor"] for claim in claims),
        "debtor": json.dumps(asdict(debtor)) if debtor and _is_euro_transfer(kind) else None,
        "made_by": actor.name,
        "now": now,
    }
    made.file_id = int(conn.execute(ADD_FILE, values).scalar_one())
    payees = _paypal_payees(conn, claims, actor=actor, now=now) if kind.method == "paypal" else {}
    lines = [
        {
            "position": place,
            "payout_id": claim.order.payout_id,
            "n": claim.order.n,
            "reference": reference_of(claim.order),
            "amount_minor": claim.order.params["amount_minor"],
            "payee_ref": payees.get(claim.order.payout_id),
        }
        for place, claim in enumerate(claims, start=1)
    ]
    conn.execute(ADD_LINES, {"file_id": made.file_id, "rows": json.dumps(lines)})
    digests = {}
    if kind.method != "manual":
        file = read_file(conn, made.file_id)
        for name, content in contents_of(conn, file, now=now).items():
            if name == "sepa":
                check_sepa(content)
            digests[name] = hashlib.sha256(content).hexdigest()
        conn.execute(KEEP_DIGESTS, {"file_id": made.file_id, "digests": json.dumps(digests)})
    made.done = sorted(claim.order.payout_id for claim in claims)
    details = {name: values[name] for name in ("method", "currency", "total_minor")}
    note_file(conn, "made", made.file_id, actor, now, details | {"payouts": made.done, "digests": digests})
    return made


def _free_of(
    conn: Connection, wanted: Sequence[Wanted], *, right: str, actor: Actor, now: datetime
) -> tuple[MadeFile, list[int]]:
    """Lock what is wanted and return the refusals and the ids that nothing keeps."""
    if len(wanted) > LINES_MAX:
        raise TooManyLines(most=LINES_MAX)
    decision, rows = decide(conn, wanted, right=right, statuses=frozenset({"approved"}), actor=actor)
    made = MadeFile(refused=decision.refused)
    reasons = blocking_reasons(conn, [row.id for row in rows], now=now)
    free = []
    for row in rows:
        stop = next((reason for reason in reasons[row.id] if reason.code in STOPS_SENDING), None)
        if stop is not None:
            made.refuse(row.id, Blocked(sentence=stop.sentence), code=stop.code)
        elif not any(reason.code == "leaves_in_file" for reason in reasons[row.id]):
            made.refuse(row.id, NotByFile(id=row.id))
        else:
            free.append(row.id)
    return made, free


def _is_euro_transfer(kind: Row[tuple[int, str, str]]) -> bool:
    return (kind.method, kind.currency) == ("bank_transfer", "EUR")


def _claim(conn: Connection, payout_ids: Sequence[int], made: MadeFile, *, now: datetime) -> list[Claim]:
    claims = []
    for payout_id in payout_ids:
        try:
            claim = claim_payout(conn, payout_id, ByFile(), now=now)
        except StoppedMeanwhile as fault:
            raise StoppedJustNow from fault
        if claim is None:
            made.refuse(payout_id, ChangedSince(id=payout_id))
        else:
            claims.append(claim)
    return claims


def reference_of(order: Order) -> str:
    """Return what the bank carries to the payee and back: of the payout's random reference, the same in every copy of the
    database.
    """
    group = str(order.params["transfer_group"]).replace("-", "")
    return f"PD{group[:16].upper()}-{order.n}"


EMAILS = text("""
    SELECT p.id, p.partner_id, t.code, coalesce(i.name, '') AS name, i.email, d.fingerprint
      FROM payout p JOIN partner t ON t.id = p.partner_id JOIN identity i ON i.id = t.identity_id
      JOIN destination d ON d.id = p.destination_id
     WHERE p.id = ANY(:ids)
""")


def _paypal_payees(
    conn: Connection, claims: Sequence[Claim], *, actor: Actor, now: datetime
) -> dict[int, str]:
    """Keep the address of each as it is now, once it is proved to be the one that was approved."""
    vault, refs = open_vault(conn, now=now), {}
    for row in conn.execute(EMAILS, {"ids": [claim.order.payout_id for claim in claims]}):
        email = (row.email or "").strip()
        if hashlib.sha256(f"paypal|{email.casefold()}".encode()).digest() != bytes(row.fingerprint):
            raise NoEmail(id=row.id)
        payee = seal_details(vault, "paypal", {"name": row.name or row.code, "email": email}, code=row.code)
        keep_payee(conn, payee, partner_id=row.partner_id, method="paypal", actor=actor, now=now)
        refs[row.id] = payee.ref
    return refs
