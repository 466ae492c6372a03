"""What a policy approves by itself: small scheduled payouts with nothing unusual about them, up to a sum a day.

The queue asks in the transaction that writes them. The program's day is held until its end, so of two runs the second sees
what the first one approved; the database refuses whatever the version it names does not allow. What is left to a person
keeps the reason. Sending obeys every guard as if a person had approved.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

from core.access import Actor, policy_actor
from core.days import day_of
from core.decisions import Wanted, approve_payouts
from core.guards import STOPS_APPROVAL, blocking_reasons
from core.money_words import written
from core.policy import Policy


@dataclass(kw_only=True)
class Chosen:
    """What the policies approve of a run: payouts by the version that does, with its words; and how many it left."""

    approved: dict[Actor, list[int]] = field(default_factory=lambda: defaultdict(list))
    words: dict[Actor, str] = field(default_factory=dict)
    left: int = 0

    @property
    def count(self) -> int:
        """How many payouts are approved."""
        return sum(len(ids) for ids in self.approved.values())


# Usual is the median of up to 24 earlier paid payouts, as the queue shows it.
LOOK = text("""
    SELECT p.id, p.program_id, g.code, g.zone, l.version, p.amount_minor, p.currency, p.approvals_needed,
           d.replaces_id IS NOT NULL AND NOT earlier.known_destination AS new_destination,
           earlier.paid_before >= 3 AND p.amount_minor > 3 * earlier.usual_minor AS above_usual,
           EXISTS (SELECT 1 FROM payout_writers(p.id) AS writer WHERE starts_with(writer, 'user:')) AS written_by_hand,
           again.id AS again_after, again.status AS ended_as
      FROM payout p
      JOIN program g ON g.id = p.program_id
      JOIN policy l ON l.id = p.policy_id
      JOIN destination d ON d.id = p.destination_id
     CROSS JOIN LATERAL (
            SELECT count(*) AS paid_before,
                   percentile_disc(0.5) WITHIN GROUP (ORDER BY q.amount_minor) AS usual_minor,
                   coalesce(bool_or(q.destination_id = p.destination_id AND q.status = 'paid'), false) AS known_destination
              FROM (SELECT amount_minor, destination_id, status FROM payout q
                     WHERE q.partner_id = p.partner_id AND q.status IN ('paid', 'reversed') AND q.id < p.id
                     ORDER BY q.id DESC LIMIT 24) q) earlier
      LEFT JOIN payout again ON again.id = payout_again_after(p.id)
     WHERE p.id = ANY(:ids)
     ORDER BY p.program_id, p.id
""")
LOCK_DAY = text("SELECT lock_policy_day(:program_id, :day)")
LEAVE = text("""
    INSERT INTO left_to_person (payout_id, reason, sentence, at)
    SELECT payout_id, reason, sentence, :now
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (payout_id bigint, reason text, sentence text)
""")


def choose(conn: Connection, queued: Mapping[int, Policy], *, now: datetime) -> Chosen:
    """Sort out which payouts of a run the policy approves, by id and the terms they were queued under.

    Holds the days of their programs until the end of the transaction. Where the policy might have approved and a person
    must look, the reason is written. Payouts it is not switched on for are nobody's business here.
    """
    chosen = Chosen()
    asked = {payout_id: terms for payout_id, terms in queued.items() if terms.approves_by_itself}
    if not asked:
        return chosen
    rows = list(conn.execute(LOOK, {"ids": list(asked)}))
    stops = blocking_reasons(conn, list(asked), now=now)
    left: list[dict[str, object]] = []
    used: dict[int, int] = {}
    for row in rows:  # by program, as their days are locked
        terms = asked[row.id]
        why = _why_a_person(row, terms) or _blocked(stops[row.id])
        if why is None:
            if row.program_id not in used:
                day = day_of(now, ZoneInfo(row.zone))
                values = {"program_id": row.program_id, "day": day}
                used[row.program_id] = conn.execute(LOCK_DAY, values).scalar_one()
            why = _day_full(row, terms, used[row.program_id])
        if why is not None:
            left.append({"payout_id": row.id, "reason": why[0], "sentence": why[1]})
            continue
        used[row.program_id] += row.amount_minor
        actor = policy_actor(row.code, row.version)
        chosen.approved[actor].append(row.id)
        chosen.words[actor] = _words(terms, row.currency)
    conn.execute(LEAVE, {"rows": json.dumps(left), "now": now})
    chosen.left = len(left)
    return chosen


def approve_chosen(conn: Connection, chosen: Chosen, *, now: datetime) -> None:
    """Approve what was chosen, as the policies' own decision: the same decision as a person's, guards and all."""
    for actor, ids in chosen.approved.items():
        wanted = [Wanted(id=payout_id) for payout_id in ids]
        approve_payouts(conn, wanted, actor=actor, now=now, reason=chosen.words[actor], whole=True)


Why = tuple[str, str] | None


def _why_a_person(row: Row[Any], terms: Policy) -> Why:
    up_to = terms.approval.auto_up_to_minor
    if row.amount_minor > up_to:
        amount = written(row.amount_minor, row.currency)
        return (
            "above_amount",
            f"{amount} is above the {written(up_to, row.currency)} the policy approves by itself",
        )
    if row.new_destination:
        return "new_destination", "Nothing has been paid to this destination since it was changed"
    if row.approvals_needed > 1:
        return "second_person", "It takes two people"
    if row.above_usual:
        return "above_usual", "It is more than three times what the partner usually gets"
    if row.written_by_hand:
        return "written_by_hand", "A person wrote an earning in it by hand"
    if row.again_after is not None:
        return (
            "paid_again",
            f"It pays again what payout {row.again_after} did not: that one was {row.ended_as}",
        )
    return None


# Whoever may take in sales may also hand in payment files and mark them: a person who can do neither looks at those.
STOPS_THE_POLICY = STOPS_APPROVAL | {"leaves_in_file"}


def _blocked(reasons: Iterable[Any]) -> Why:
    stop = next((reason for reason in reasons if reason.code in STOPS_THE_POLICY), None)
    return None if stop is None else ("blocked", stop.sentence)


def _day_full(row: Row[Any], terms: Policy, used_minor: int) -> Why:
    a_day = terms.approval.auto_per_day_minor
    if used_minor + row.amount_minor <= a_day:
        return None
    used, most = (written(minor, row.currency) for minor in (used_minor, a_day))
    return "day_full", f"The policy has approved {used} of the {most} it may today"


def _words(terms: Policy, currency: str) -> str:
    up_to, a_day = (
        written(minor, currency)
        for minor in (terms.approval.auto_up_to_minor, terms.approval.auto_per_day_minor)
    )
    return f"The policy approves up to {up_to} each and {a_day} a day"
