"""Batches: payouts fixed at one moment and decided once, as the person saw it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.decisions import Decision, Refused, Wanted, approve_payouts
from core.ending import reject_payouts
from core.money_words import written
from core.refusals import Refusal
from core.steering import process_payouts, set_aside

# More than a person can review in one sitting; also what one decision locks at once.
BATCH_MAX = 5_000

# What a batch may be decided to, the right that takes, and the operation that does it.
DECIDE = {
    "approve": ("approve payouts", approve_payouts),
    "reject": ("reject payouts", reject_payouts),
    "process": ("steer payouts", process_payouts),
}


class EmptyBatch(Refusal):
    """No payout is in this batch, so there is nothing to decide."""

    code = "empty_batch"


class BatchTooLarge(Refusal):
    """{asked} payouts are more than one batch may hold ({limit}); narrow the filter."""

    code = "batch_too_large"


class BatchDecided(Refusal):
    """This batch was already decided by {who}."""

    code = "batch_decided"


class NotInBatch(Refusal):
    """Payout {id} is not in this batch any more."""

    code = "not_in_batch"


class TotalDiffers(Refusal):
    """The batch comes to {actual} now, not the {seen} you confirmed; look again before you decide."""

    code = "changed_since"


ADD_BATCH = text("""
    INSERT INTO batch (made_by, made_at, filter) VALUES (:made_by, :now, CAST(:filter AS jsonb)) RETURNING id
""")
FIX_ITEMS = text("""
    INSERT INTO batch_item (batch_id, payout_id, version, net_minor)
    SELECT :batch_id, p.id, p.version, p.net_minor FROM payout p WHERE p.id = ANY(:payout_ids)
""")


def fix_batch(
    conn: Connection,
    payout_ids: Sequence[int],
    *,
    filter_query: Mapping[str, str],
    actor: Actor,
    now: datetime,
) -> int:
    """Fix payouts with the versions and amounts they have now, and return the batch's id.

    Refuses an empty batch, one above BATCH_MAX, and an actor who may not steer payouts.
    """
    actor.must("steer payouts")
    if not payout_ids:
        raise EmptyBatch
    if len(payout_ids) > BATCH_MAX:
        raise BatchTooLarge(asked=len(payout_ids), limit=BATCH_MAX)
    values = {"made_by": actor.name, "now": now, "filter": json.dumps(dict(filter_query))}
    batch_id: int = conn.execute(ADD_BATCH, values).scalar_one()
    conn.execute(FIX_ITEMS, {"batch_id": batch_id, "payout_ids": list(payout_ids)})
    return batch_id


LOCK_BATCH = text("SELECT decided_by FROM batch WHERE id = :batch_id FOR UPDATE")
LEAVE_OUT = text("""
    UPDATE batch_item SET left_out = :reason
     WHERE batch_id = :batch_id AND payout_id = :payout_id AND left_out IS NULL
    RETURNING payout_id, version
""")


def leave_out(
    conn: Connection,
    batch_id: int,
    payout_id: int,
    *,
    reason: str,
    until: date,
    actor: Actor,
    now: datetime,
) -> Decision:
    """Take one payout out of an undecided batch and out of the review until a day; refuses NotInBatch, and as set_aside does.

    One that was decided meanwhile leaves the batch all the same.
    """
    actor.must("steer payouts")
    _undecided(conn, batch_id)
    row = conn.execute(
        LEAVE_OUT, {"batch_id": batch_id, "payout_id": payout_id, "reason": reason}
    ).one_or_none()
    if row is None:
        raise NotInBatch(id=payout_id)
    return set_aside(conn, [Wanted(id=payout_id)], until=until, reason=reason, actor=actor, now=now)


ITEMS = text("""
    SELECT i.payout_id, i.version, i.net_minor, p.currency
      FROM batch_item i JOIN payout p ON p.id = i.payout_id
     WHERE i.batch_id = :batch_id AND i.left_out IS NULL
     ORDER BY i.payout_id
""")
CLOSE = text("""
    UPDATE batch SET decision = :decision, decided_by = :actor, decided_at = :now, outcome = CAST(:outcome AS jsonb)
     WHERE id = :batch_id AND decision IS NULL
""")
MARK_PAYOUTS = text("UPDATE payout SET batch_id = :batch_id WHERE id = ANY(:ids)")


def decide_batch(
    conn: Connection,
    batch_id: int,
    decision: str,
    *,
    totals_minor: Mapping[str, int],
    passed_over: Collection[Refused] = (),
    actor: Actor,
    now: datetime,
    reason: str = "",
    whole: bool = False,
) -> Decision:
    """Decide a batch once: `approve`, `reject` or `process`, at the versions it was fixed with.

    `passed_over` are payouts of it that the person was told would be refused, and why: they are, whatever has changed
    since. `totals_minor` is the net by currency of the rest, as the person confirmed it; where that comes to something
    else the batch is refused whole, a single payout that changed since is refused by name. Somebody without the right
    uses no batch up.
    """
    right, operation = DECIDE[decision]
    actor.must(right)
    # The batch row is locked before partners and payouts by every caller, and by nothing that holds those.
    _undecided(conn, batch_id)
    told = {one.id: one for one in passed_over}
    fixed = conn.execute(ITEMS, {"batch_id": batch_id}).all()
    items = [item for item in fixed if item.payout_id not in told]
    if not items:
        raise EmptyBatch
    totals: dict[str, int] = {}
    for item in items:
        totals[item.currency] = totals.get(item.currency, 0) + item.net_minor
    if totals != dict(totals_minor):
        raise TotalDiffers(actual=_words(totals), seen=_words(totals_minor))
    wanted = [Wanted(id=item.payout_id, version=item.version) for item in items]
    answer = operation(conn, wanted, actor=actor, now=now, reason=reason, whole=whole)
    answer.refused += [told[item.payout_id] for item in fixed if item.payout_id in told]
    outcome = {
        "done": answer.done,
        "waiting": answer.waiting,
        "refused": [{"id": one.id, "code": one.code, "sentence": one.sentence} for one in answer.refused],
    }
    values = {"batch_id": batch_id, "decision": decision, "actor": actor.name, "now": now}
    conn.execute(CLOSE, values | {"outcome": json.dumps(outcome)})
    conn.execute(MARK_PAYOUTS, {"batch_id": batch_id, "ids": answer.done + answer.waiting})
    details = {"decision": decision, "totals_minor": totals, "refused": len(answer.refused)}
    audit.record(
        conn, "batch.decided", subject="batch", ids=[batch_id], actor=actor, now=now, details=details
    )
    return answer


def _undecided(conn: Connection, batch_id: int) -> None:
    decided_by = conn.execute(LOCK_BATCH, {"batch_id": batch_id}).scalar_one_or_none()
    if decided_by is not None:
        raise BatchDecided(who=decided_by.removeprefix("user:"))


def _words(totals_minor: Mapping[str, int]) -> str:
    return " and ".join(written(amount, currency) for currency, amount in sorted(totals_minor.items()))
