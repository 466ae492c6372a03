"""The queue run: one payout for every partner whose schedule is due, and a dated reason for everyone else who was due.

A slot is due when it comes after the last one served and at or before `now`; several missed slots make one payout. A
slot is served by a payout, and also by a run that found too little (below the minimum, over the cap, eaten by its fee):
the next try is the next slot. A slot whose partner was blocked or had nothing yet stays due, so that whoever mends the
cause need not wait for the next one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from core import audit
from core.access import Actor, job_actor
from core.automatic import Chosen, approve_chosen, choose
from core.drafting import Payee, draft_all, read_payees
from core.ledger import lock_partners
from core.policy import Policy, resolve
from core.programs import PolicyVersion, current_policy, lock_programs
from core.refusals import Refusal
from core.runs import RunResult, partner_ranges, unit_of_work
from core.schedule import latest_slot
from core.taking import Draft, build_payouts, take_all

# Refusals that a later slot may cure, but the rest of this one will not.
SERVED_ALL_THE_SAME = frozenset({"below_minimum", "cap_reached", "fee_exceeds_amount"})

ADD_SKIPS = text("""
    INSERT INTO skip (run_id, partner_id, slot, reason, figures, at)
    SELECT :run_id, partner_id, slot, reason, figures, :now
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (partner_id bigint, slot timestamptz, reason text, figures jsonb)
""")
SERVE_SLOTS = text("""
    UPDATE partner p SET last_slot = r.slot
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (partner_id bigint, slot timestamptz)
     WHERE p.id = r.partner_id
""")


class Terms:
    """The policies in force during one run, resolved once per tier and set of overrides."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._current: dict[int, PolicyVersion] = {}
        self._resolved: dict[tuple[int, str | None, str], Policy] = {}

    def of(self, conn: Connection, payee: Payee) -> tuple[int, Policy]:
        """Return the policy version's id and the terms that hold for this partner."""
        current = self._current.get(payee.program_id)
        if current is None:
            current = current_policy(conn, payee.program_id, now=self._now)
            self._current[payee.program_id] = current
        key = (payee.program_id, payee.tier, json.dumps(payee.overrides, sort_keys=True))
        if key not in self._resolved:
            self._resolved[key] = resolve(current.policy, payee.tier, payee.overrides)
        return current.id, self._resolved[key]


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def due_slot(payee: Payee, policy: Policy, *, now: datetime) -> datetime | None:
    """Return the slot this partner is due for, or None."""
    slot = latest_slot(policy.schedule, zone=_zone(payee.zone), since=payee.joined_on, now=now)
    served = slot is not None and payee.last_slot is not None and slot <= payee.last_slot
    return None if served else slot


def queue_due(
    engine: Engine,
    *,
    now: datetime,
    run_id: int,
    program: str | None = None,
    partner: str | None = None,
    limit: int | None = None,
    dry_run: bool = False,
) -> RunResult:
    """Queue what is due, partner range by partner range; `details["skipped"]` counts the reasons why not.

    `limit` is a number of payouts; `details["approved_by_policy"]` counts those the policy approved at once, and
    `details["whole"]` tells whether the run looked at everybody. A run that is
    repeated finds nothing due any more.
    """
    result, skipped, terms, approved = RunResult(), Counter[str](), Terms(now), 0
    with engine.connect() as conn:
        ranges = list(partner_ranges(conn, program=program, partner=partner))
    for partner_ids in ranges:
        if limit is not None and result.count >= limit:
            break
        left = None if limit is None else limit - result.count
        with unit_of_work(engine, dry_run=dry_run) as conn:
            queued = queue_range(conn, partner_ids, terms, now=now, run_id=run_id, limit=left)
        result.count += len(queued.drafts)
        approved += queued.approved
        for draft in queued.drafts:
            result.amounts[draft.currency] += draft.take.amount_minor
        skipped.update(skip["reason"] for skip in queued.skips)
    result.details["skipped"] = [{"reason": reason, "count": n} for reason, n in sorted(skipped.items())]
    result.details["approved_by_policy"] = approved
    result.details["whole"] = program is None and partner is None and limit is None
    return result


@dataclass(kw_only=True)
class Queued:
    """What one range came to: its payouts as drafted, each with its terms, the skips, and how many were approved at once."""

    drafts: list[Draft] = field(default_factory=list)
    terms: list[Policy] = field(default_factory=list)
    skips: list[dict[str, Any]] = field(default_factory=list)
    approved: int = 0


def queue_range(
    conn: Connection,
    partner_ids: Sequence[int],
    terms: Terms,
    *,
    now: datetime,
    run_id: int,
    limit: int | None = None,
) -> Queued:
    """Queue one range of partners in the caller's transaction; what the policy approves by itself is approved in it."""
    actor = job_actor("queue")
    before_lock = read_payees(conn, partner_ids, now=now)
    lock_programs(conn, {payee.program_id for payee in before_lock})
    wanted = [p.id for p in before_lock if due_slot(p, terms.of(conn, p)[1], now=now) is not None]
    if not wanted:
        return Queued()
    lock_partners(conn, wanted)
    everything = take_all(conn, wanted)
    queued = Queued()
    served: list[dict[str, Any]] = []
    for payee in read_payees(conn, wanted, now=now):
        policy_id, policy = terms.of(conn, payee)
        slot = due_slot(payee, policy, now=now)
        if slot is None or not payee.has_open_items or (limit is not None and len(queued.drafts) >= limit):
            continue
        serves = {"partner_id": payee.id, "slot": slot.isoformat()}
        try:
            draft = draft_all(
                conn,
                payee,
                policy,
                everything.get(payee.id),
                policy_id=policy_id,
                slot=slot,
                actor=actor,
                now=now,
            )
        except Refusal as refusal:
            figures = {"sentence": refusal.sentence} | {k: str(v) for k, v in refusal.figures.items()}
            queued.skips.append(serves | {"reason": refusal.code, "figures": figures})
            if refusal.code in SERVED_ALL_THE_SAME:
                served.append(serves)
        else:
            queued.drafts.append(draft)
            queued.terms.append(policy)
            served.append(serves)
    queued.approved = _write(conn, queued, served, actor=actor, now=now, run_id=run_id).count
    return queued


def _write(
    conn: Connection,
    queued: Queued,
    served: list[dict[str, Any]],
    *,
    actor: Actor,
    now: datetime,
    run_id: int,
) -> Chosen:
    ids = build_payouts(conn, queued.drafts, now=now)
    conn.execute(SERVE_SLOTS, {"rows": json.dumps(served)})
    conn.execute(ADD_SKIPS, {"rows": json.dumps(queued.skips), "run_id": run_id, "now": now})
    # The days are locked before the head of the audit, which every run waits for.
    chosen = choose(conn, dict(zip(ids, queued.terms, strict=True)), now=now)
    if ids:
        details = {"run_id": run_id, "skipped": len(queued.skips)}
        audit.record(conn, "payout.queued", subject="payout", ids=ids, actor=actor, now=now, details=details)
    approve_chosen(conn, chosen, now=now)
    return chosen
