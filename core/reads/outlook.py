"""What keeps a partner's money today: every rule that would refuse a payout, by how much, and the day it clears.

The rules are those of `core/drafting.py`, asked one after the other as if those before had cleared. Nothing is locked and
nothing written, so a figure may be a moment old.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from core.days import first_instant, next_month
from core.drafting import NothingAvailable, Payee, check_partner, read_payees
from core.fees import fee_minor
from core.money_words import Amount
from core.policy import Policy
from core.policy_preview import would_draft
from core.programs import partner_terms
from core.queueing import SERVED_ALL_THE_SAME, due_slot
from core.reads.words import why_not_paid
from core.refusals import Refusal
from core.schedule import next_slot
from core.taking import Draft, Take, take_all

# What must happen where no date is known.
CLEARS = {
    "partner_suspended": "when somebody activates them",
    "on_hold": "when somebody lifts the hold",
    "no_destination": "when their details come in",
    "request_open": "when that payout has ended",
}
BY_EARNING = "by what is earned from now on"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One rule that keeps the money: in words, what is short of it in minor units where an amount is, and when it clears:
    an instant, or else `clears` in words.
    """

    code: str
    rule: str
    short_minor: int | None
    clears_at: datetime | None
    clears: str


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a payout of now would be, in minor units, None where a rule keeps it; the rules; and when it is paid.

    `on_request`: nothing is paid unless asked for. `due`: the next queue run pays. `paid_at` is the slot that pays once
    everything has cleared, None where that is not known. `capped_minor` is what the month's cap leaves for later.
    """

    amount_minor: int | None
    capped_minor: int
    fee_minor: int
    kept: tuple[Kept, ...]
    on_request: bool
    due: bool
    paid_at: datetime | None


# By the day in the program's zone; what is on hold has no day of its own.
RELEASES = text("""
    SELECT max(o.release_at) AS at, sum(o.amount_minor)::bigint AS amount_minor, sum(e.gross_minor)::bigint AS gross_minor
      FROM open_item o JOIN partner_balance b USING (partner_id) JOIN earning e ON e.id = o.earning_id
     WHERE o.partner_id = :id AND NOT o.on_hold AND o.amount_minor > 0 AND o.release_at > b.released_to
     GROUP BY (o.release_at AT TIME ZONE :zone)::date ORDER BY 1
""")
OPEN_REQUEST = text("""
    SELECT id FROM payout WHERE partner_id = :id AND origin = 'request' AND one_open_request
       AND status IN ('pending', 'approved', 'processing', 'retrying') ORDER BY id LIMIT 1
""")


def partner_outlook(conn: Connection, partner_id: int, *, now: datetime) -> Outlook:
    """Return what would be paid to a partner now, what keeps it, and when that clears."""
    (payee,) = read_payees(conn, [partner_id], now=now)
    policy = partner_terms(conn, partner_id, now=now).policy
    zone = ZoneInfo(payee.zone)
    nothing = Take(partner_id=partner_id, amount_minor=0, gross_minor=0, earning_ids=[])
    taken = take_all(conn, [partner_id]).get(partner_id, nothing)
    on_request = policy.schedule.kind == "on_request"
    releases = [_add(taken, row) for row in _running(conn, payee)]
    kept = [
        _kept(refusal, payee, policy, taken, releases, now=now)
        for refusal in _refusals(payee, policy, taken, now=now)
    ]
    if on_request and (asked := conn.execute(OPEN_REQUEST, {"id": partner_id}).scalar()) is not None:
        rule = f"One request at a time: payout {asked} is under way"
        kept.append(_named("request_open", rule))
    draft = None if kept else would_draft(payee, policy, taken, now=now)
    due = due_slot(payee, policy, now=now) is not None
    cleared = [one.clears_at for one in kept if one.clears_at is not None]
    paid_at = None
    if not on_request and len(cleared) == len(kept):
        stays = due and not SERVED_ALL_THE_SAME.intersection(one.code for one in kept)
        after = max([now, *cleared])
        paid_at = after if stays else next_slot(policy.schedule, zone=zone, now=after)
    made = draft if isinstance(draft, Draft) else None
    return Outlook(
        amount_minor=made.take.amount_minor if made else None,
        capped_minor=taken.amount_minor - made.take.amount_minor if made else 0,
        fee_minor=made.fee_minor if made else 0,
        kept=tuple(kept),
        on_request=on_request,
        due=due,
        paid_at=paid_at,
    )


def _running(conn: Connection, payee: Payee) -> list[tuple[datetime, int, int]]:
    """The days of release, with everything that is released up to each."""
    rows = conn.execute(RELEASES, {"id": payee.id, "zone": payee.zone}).all()
    amounts, grosses = (
        accumulate(row.amount_minor for row in rows),
        accumulate(row.gross_minor for row in rows),
    )
    return [(row.at, amount, gross) for row, amount, gross in zip(rows, amounts, grosses, strict=True)]


def _add(taken: Take, released: tuple[datetime, int, int]) -> tuple[datetime, Take]:
    at, amount, gross = released
    more = replace(taken, amount_minor=taken.amount_minor + amount, gross_minor=taken.gross_minor + gross)
    return at, more


def _refusals(payee: Payee, policy: Policy, taken: Take, *, now: datetime) -> Iterator[Refusal]:
    """Every rule that refuses, each asked as if those before had cleared; one about the amount is the last."""
    while (refusal := _refusal(payee, policy, taken, now=now)) is not None:
        yield refusal
        match refusal.code:
            case "partner_suspended":
                payee = replace(payee, status="active")
            case "on_hold":
                payee = replace(payee, hold_reason=None, hold_until=None)
            case "no_destination":
                payee = replace(payee, destination_id=0)
            case "cap_reached":
                payee = replace(payee, cap_used_minor=0)
            case _:
                return


def _refusal(payee: Payee, policy: Policy, taken: Take, *, now: datetime) -> Refusal | None:
    try:
        check_partner(payee)
    except Refusal as refusal:
        return refusal
    if taken.amount_minor <= 0:
        return NothingAvailable(partner=payee.code, available=Amount(taken.amount_minor, payee.currency))
    found = would_draft(payee, policy, taken, now=now)
    return found if isinstance(found, Refusal) else None


def _kept(
    refusal: Refusal,
    payee: Payee,
    policy: Policy,
    taken: Take,
    releases: list[tuple[datetime, Take]],
    *,
    now: datetime,
) -> Kept:
    figures = {name: str(value) for name, value in refusal.figures.items()}
    rule = why_not_paid(refusal.code, figures, payee.currency)
    next_cap = first_instant(next_month(payee.cap_month), ZoneInfo(payee.zone))
    match refusal.code:
        case "on_hold":
            return _named(refusal.code, rule, payee.hold_until)
        case "cap_reached":
            return _named(refusal.code, rule, next_cap)
        case "partner_suspended" | "no_destination":
            return _named(refusal.code, rule)
    this_month = replace(payee, status="active", hold_reason=None, hold_until=None, destination_id=0)
    free = replace(this_month, cap_used_minor=0)
    # Until the month is over its cap holds; what is released in it is tried in both months.
    tries = [(next_cap, taken, free)]
    for at, more in releases:
        tries += [(at, more, this_month)] if at < next_cap else []
        tries.append((max(at, next_cap), more, free))
    enough = [at for at, more, who in tries if _refusal(who, policy, more, now=now) is None]
    return Kept(
        code=refusal.code,
        rule=rule,
        short_minor=_least(payee, policy, taken) - taken.amount_minor or None,
        clears_at=min(enough, default=None),
        clears=BY_EARNING,
    )


def _named(code: str, rule: str, clears_at: datetime | None = None) -> Kept:
    return Kept(code=code, rule=rule, short_minor=None, clears_at=clears_at, clears=CLEARS.get(code, ""))


def _least(payee: Payee, policy: Policy, taken: Take) -> int:
    """The least amount that the minimum and the fee let through; never below what is there."""
    terms, least = policy.fee(payee.method), max(policy.min_payout_minor, taken.amount_minor, 1)

    def left(amount: int) -> int:
        return amount - fee_minor(terms, gross_minor=taken.gross_minor, amount_minor=amount)

    most = least + 100 * (fee_minor(terms, gross_minor=taken.gross_minor, amount_minor=least) + 1)
    return least + bisect_left(range(least, most), 1, key=left)
