"""Differences between the provider's books and ours: how they are found, kept, and closed by a person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.providers.balances import BookedDay
from core.refusals import Refusal

# What such a payout still waits for is to be sent.
WAITS = frozenset({"pending", "approved", "retrying"})
# A list may lag behind: what succeeded less than this ago is not missing yet.
LISTED_AFTER = timedelta(minutes=10)


class UnknownDifference(Refusal):
    """There is no difference {id}."""

    code = "unknown_difference"


class DifferenceClosed(Refusal):
    """Difference {id} has already been closed by {who}; the reason was: {why}."""

    code = "closed"


class DifferenceMoved(Refusal):
    """Another comparison found other figures for this difference since you looked; look again before you close it."""

    code = "changed_since"


class ClosingNeedsReason(Refusal):
    """Closing a difference needs a reason: what it was, and what was done about it."""

    code = "no_reason"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A difference found for the first time; `amount_minor` is what is in question."""

    id: int
    kind: str
    provider_ref: str | None
    currency: str
    amount_minor: int


# Both books in pairs. `theirs`: what this run saw, beside the payout whose attempt made it (`ours`), or else whose group
# it carries. `lost`: what we paid and this run did not see. Amounts are net payouts and whole transfers.
PAIRS = """
    theirs AS MATERIALIZED (
        SELECT m.provider_ref, m.transfer_group, m.payout_ref, m.amount_minor, m.currency, m.destination,
               m.reversed_minor, m.created_at, coalesce(own.id, named.id) AS payout_id, own.id IS NOT NULL AS ours,
               own.net_minor, own.currency AS our_currency, a.params ->> 'destination' AS our_destination,
               coalesce(back.amount_minor, 0) AS returned_minor, under_way.payout_id IS NOT NULL AS in_flight,
               own.id IS NULL AND m.payout_ref IS NOT NULL AND EXISTS (
                   SELECT 1 FROM provider_transfer o
                    WHERE o.payout_ref = m.payout_ref AND o.provider = m.provider AND o.provider_ref <> m.provider_ref
                      AND ((o.created_at, o.provider_ref) < (m.created_at, m.provider_ref)
                           OR EXISTS (SELECT 1 FROM attempt s WHERE s.provider = o.provider
                                         AND s.provider_ref = o.provider_ref))) AS again
          FROM provider_transfer m
          LEFT JOIN attempt a ON a.provider = m.provider AND a.provider_ref = m.provider_ref
          LEFT JOIN payout own ON own.id = a.payout_id
          LEFT JOIN payout named ON named.ref = m.payout_ref AND own.id IS NULL
          LEFT JOIN attempt under_way ON under_way.payout_id = named.id AND under_way.provider = m.provider
                AND under_way.state IN ('started', 'unknown')
          LEFT JOIN LATERAL (SELECT sum(amount_minor)::bigint AS amount_minor FROM ledger_transfer
                              WHERE payout_id = own.id AND kind = 'return') back ON true
         WHERE m.provider = :provider AND m.seen_at = :now AND m.created_at < :now),
    lost AS MATERIALIZED (
        SELECT a.provider_ref, a.payout_id, a.started_at, p.net_minor, p.currency, a.params ->> 'destination' AS our_destination
          FROM attempt a JOIN payout p ON p.id = a.payout_id
         WHERE a.provider = :provider AND a.state = 'succeeded' AND a.started_at >= :since AND a.ended_at < :listed_by
           AND NOT EXISTS (SELECT 1 FROM provider_transfer m WHERE m.provider = a.provider
                              AND m.provider_ref = a.provider_ref AND m.seen_at = :now))"""

# What a person closed is not asked again, as long as it is the same; what an open row says follows the books.
WRITE = text(f"""
    WITH {PAIRS},
    found (kind, thing, provider_ref, payout_id, amount_minor, currency, at, figures) AS (
        SELECT CASE WHEN again THEN 'duplicate' ELSE 'missing_here' END, provider_ref, provider_ref, payout_id,
               amount_minor, currency, created_at,
               jsonb_build_object('theirs_minor', amount_minor, 'theirs_destination', destination,
                                  'transfer_group', transfer_group, 'reversed_minor', reversed_minor)
          FROM theirs WHERE NOT ours AND (again OR NOT in_flight)
         UNION ALL
        SELECT 'wrong_amount', provider_ref, provider_ref, payout_id,
               CASE WHEN currency = our_currency THEN abs(amount_minor - net_minor) ELSE amount_minor END, currency,
               created_at,
               jsonb_build_object('ours_minor', net_minor, 'ours_currency', our_currency, 'theirs_minor', amount_minor)
          FROM theirs WHERE ours AND (amount_minor, currency) IS DISTINCT FROM (net_minor, our_currency)
         UNION ALL
        SELECT 'wrong_destination', provider_ref, provider_ref, payout_id, amount_minor, currency, created_at,
               jsonb_build_object('ours_destination', our_destination, 'theirs_destination', destination,
                                  'theirs_minor', amount_minor)
          FROM theirs WHERE ours AND destination IS DISTINCT FROM our_destination
         UNION ALL
        SELECT 'missing_there', provider_ref, provider_ref, payout_id, net_minor, currency, started_at,
               jsonb_build_object('ours_minor', net_minor, 'ours_destination', our_destination)
          FROM lost
         UNION ALL
        SELECT 'total', concat_ws(' ', day, currency, destination), NULL, NULL,
               abs(sum(amount_minor - reversed_minor) - sum(net_minor - returned_minor))::bigint, currency,
               day AT TIME ZONE 'UTC',
               jsonb_build_object('ours_minor', sum(net_minor - returned_minor),
                                  'theirs_minor', sum(amount_minor - reversed_minor),
                                  'theirs_destination', destination)
          FROM (SELECT *, date_trunc('day', created_at AT TIME ZONE 'UTC') AS day FROM theirs
                 WHERE ours AND created_at >= :since AND amount_minor = net_minor AND currency = our_currency) agreed
         GROUP BY day, currency, destination
        HAVING sum(amount_minor - reversed_minor) <> sum(net_minor - returned_minor)
         UNION ALL
        SELECT 'balance', concat_ws(' ', day, currency), NULL, NULL, abs(sum(booked_minor) - sum(listed_minor))::bigint,
               currency, day::timestamp AT TIME ZONE 'UTC',
               jsonb_build_object('booked_minor', sum(booked_minor), 'listed_minor', sum(listed_minor))
          FROM (SELECT day, currency, amount_minor AS booked_minor, 0 AS listed_minor
                  FROM jsonb_to_recordset(CAST(:booked AS jsonb)) AS b (day date, currency text, amount_minor bigint)
                 UNION ALL
                SELECT (created_at AT TIME ZONE 'UTC')::date, currency, 0, amount_minor FROM theirs
                 WHERE created_at >= :since AND created_at < :listed_by AND CAST(:booked AS jsonb) IS NOT NULL) both_lists
         GROUP BY day, currency
        HAVING sum(booked_minor) <> sum(listed_minor)),
    gone AS (
        UPDATE difference d SET gone_at = :now
         WHERE d.provider = :provider AND d.closed_at IS NULL AND d.gone_at IS NULL AND d.at >= :since AND d.at < :now
           AND NOT EXISTS (SELECT 1 FROM found f WHERE f.kind = d.kind AND f.thing = d.thing)),
    written AS (
        INSERT INTO difference (provider, kind, thing, provider_ref, payout_id, amount_minor, currency, at, figures,
                                run_id, found_at)
        SELECT :provider, f.kind, f.thing, f.provider_ref, f.payout_id, f.amount_minor, f.currency, f.at, f.figures,
               :run_id, :now
          FROM found f
         WHERE NOT EXISTS (SELECT 1 FROM difference c
                            WHERE c.provider = :provider AND c.kind = f.kind AND c.thing = f.thing
                              AND c.closed_at IS NOT NULL AND c.amount_minor = f.amount_minor
                              AND c.figures - 'reversed_minor' = f.figures - 'reversed_minor')
         ORDER BY f.kind, f.thing
        ON CONFLICT (provider, kind, thing) WHERE closed_at IS NULL DO UPDATE
           SET figures = excluded.figures, amount_minor = excluded.amount_minor, currency = excluded.currency,
               gone_at = NULL
         WHERE (difference.figures, difference.amount_minor, difference.gone_at)
               IS DISTINCT FROM (excluded.figures, excluded.amount_minor, NULL)
        RETURNING id, run_id, kind, provider_ref, currency, amount_minor)
    SELECT id, kind, provider_ref, currency, amount_minor FROM written WHERE run_id = :run_id ORDER BY id
""")  # noqa: S608 - put together of constants
FORGET_DAYS = text(
    "DELETE FROM reconciled_day WHERE provider = :provider AND day >= :first_day AND day <= :last_day"
)
WRITE_DAYS = text(f"""
    WITH {PAIRS}
    INSERT INTO reconciled_day (provider, day, currency, ours, ours_minor, theirs, theirs_minor)
    SELECT :provider, (at AT TIME ZONE 'UTC')::date, currency, sum(ours), sum(ours_minor), sum(theirs), sum(theirs_minor)
      FROM (SELECT created_at AS at, currency, 0 AS ours, 0 AS ours_minor, 1 AS theirs,
                   amount_minor - reversed_minor AS theirs_minor
              FROM theirs WHERE ours OR again OR NOT in_flight
             UNION ALL
            SELECT created_at, our_currency, 1, net_minor - returned_minor, 0, 0 FROM theirs WHERE ours
             UNION ALL
            SELECT started_at, currency, 1, net_minor, 0, 0 FROM lost) both_books
     WHERE at >= :since
     GROUP BY 2, 3
""")  # noqa: S608 - put together of constants
OPEN = text("SELECT count(*) FROM difference WHERE provider = :provider AND closed_at IS NULL")


def write_differences(
    conn: Connection,
    provider: str,
    *,
    run_id: int,
    since: datetime,
    now: datetime,
    booked: Sequence[BookedDay] | None = None,
) -> tuple[list[Found], int]:
    """Compare what the run of this `now` saw with our books; return the differences nobody knew, and how many are open.

    `booked` is what the provider's account book says of the days from `since` until LISTED_AFTER ago; None: it has none.
    One row per thing while it is open, so a second run writes nothing new.
    """
    values = {
        "provider": provider,
        "run_id": run_id,
        "since": since,
        "now": now,
        "listed_by": now - LISTED_AFTER,
        "first_day": since.date(),
        "last_day": now.date(),
        "booked": None if booked is None else json.dumps([vars(day) for day in booked], default=str),
    }
    new = [
        Found(
            id=row.id,
            kind=row.kind,
            provider_ref=row.provider_ref,
            currency=row.currency,
            amount_minor=row.amount_minor,
        )
        for row in conn.execute(WRITE, values)
    ]
    conn.execute(FORGET_DAYS, values)
    conn.execute(WRITE_DAYS, values)
    return new, conn.execute(OPEN, {"provider": provider}).scalar_one()


class WouldBePaidAgain(Refusal):
    """Payout {payout} is {status} here, and the provider shows the transfer that paid it: approve it, so that the next
    comparison books it as paid, or reject or cancel it, and book the transfer as paid outside.
    """

    code = "would_be_paid_again"


LOCK = text("""
    SELECT d.provider, d.kind, d.thing, d.payout_id, d.amount_minor, d.currency, d.figures, d.gone_at, d.closed_at,
           d.closed_by, d.close_reason, p.status AS payout_status
      FROM difference d LEFT JOIN payout p ON p.id = d.payout_id
     WHERE d.id = :id FOR UPDATE OF d
""")
CLOSE = text("""
    UPDATE difference SET closed_at = :now, closed_by = :actor, close_reason = :reason WHERE id = :id AND closed_at IS NULL
""")


def close_difference(
    conn: Connection,
    difference_id: int,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    seen: Mapping[str, object] | None = None,
) -> None:
    """Close a difference with what it was; neither book changes. `seen` are the figures a screen showed, None when there
    was none.

    Refuses NotAllowed, ClosingNeedsReason, UnknownDifference, DifferenceClosed, DifferenceMoved, and WouldBePaidAgain
    while the transfer's own payout still waits to be sent.
    """
    actor.must("close differences")
    reason = reason.strip()
    if not reason:
        raise ClosingNeedsReason
    row = conn.execute(LOCK, {"id": difference_id}).one_or_none()
    if row is None:
        raise UnknownDifference(id=difference_id)
    if row.closed_at is not None:
        who = row.closed_by.removeprefix("user:")
        raise DifferenceClosed(id=difference_id, who=who, why=row.close_reason)
    if seen is not None and _asked_again_by(seen) != _asked_again_by(row.figures):
        raise DifferenceMoved
    if row.kind == "missing_here" and row.gone_at is None and row.payout_status in WAITS:
        raise WouldBePaidAgain(payout=row.payout_id, status=row.payout_status)
    conn.execute(CLOSE, {"id": difference_id, "actor": actor.name, "reason": reason, "now": now})
    details = {"reason": reason, "provider": row.provider, "kind": row.kind, "thing": row.thing}
    details |= {"payout": row.payout_id, "amount_minor": row.amount_minor, "currency": row.currency}
    audit.record(
        conn,
        "difference.closed",
        subject="difference",
        ids=[difference_id],
        actor=actor,
        now=now,
        details=details,
    )


def _asked_again_by(figures: Mapping[str, object]) -> dict[str, object]:
    """The figures that make a closed difference be asked again when they change."""
    return {name: value for name, value in figures.items() if name != "reversed_minor"}
