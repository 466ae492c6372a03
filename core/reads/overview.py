"""The morning page: what needs me, what leaves today, what changed, what is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import BigInteger, Connection, cast, func, select, text

from core.decisions import APPROVED_BY_ME
from core.guards import FILE_METHODS, HOLD_WORDS, PARTNERS_MOVE
from core.reads.accounts import sent_back
from core.reads.frames import to_frame
from core.reads.operations import scheduler_beat
from core.reads.partner_subsets import TakenOut, taken_out
from core.reads.payments import waiting_count
from core.reads.tables import payout
from core.reads.timed import Waits, waiting_for_their_time
from core.reads.views import Waiting, leaves_today, open_views


@dataclass(frozen=True, kw_only=True)
class Need:
    """So many payouts wait for something: since when the oldest was queued, when the next moves by itself, and how
    many of them the reader has approved already.
    """

    count: int
    oldest_at: datetime | None
    next_at: datetime | None
    mine: int = 0


@dataclass(frozen=True, kw_only=True)
class SinceVisit:
    """What happened since a person was last here; paid: currency, count, net_minor; failed: code, count."""

    since: datetime
    paid: pd.DataFrame
    failed: pd.DataFrame
    queued: int
    new_partners: int


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What needs whom, and the frames of the morning; see the statements for their columns."""

    ready: Need
    second_person: Need
    blocked: Need
    blocked_by: pd.DataFrame
    retrying: Need
    unknown: Need
    aside: Need
    payments: Need
    sent_back: Need
    differences: Need
    taken_out: TakenOut
    leaves_today: pd.DataFrame
    timed: Waits
    since_visit: SinceVisit | None
    releases: pd.DataFrame
    health: pd.DataFrame


# Each blocked payout once, by the move that is needed first: ours, else the partner's.
BLOCKED_BY = text("""
    SELECT reason, count(*) AS count, min(queued_at) AS oldest_at
      FROM (SELECT p.queued_at,
                   CASE WHEN r.status <> 'active' THEN 'partner_suspended'
                        WHEN r.destination_id IS NULL THEN 'no_destination'
                        WHEN r.destination_id <> p.destination_id THEN 'changed_since'
                        ELSE coalesce((SELECT h.reason FROM hold h
                               WHERE h.partner_id = p.partner_id AND h.closed_at IS NULL
                                 AND (h.until IS NULL OR h.until > :now)
                                 AND ((h.earning_id IS NULL AND (h.payout_id IS NULL OR h.payout_id = p.id))
                                      OR h.earning_id IN (SELECT i.earning_id FROM payout_item i
                                                           WHERE i.payout_id = p.id AND i.live))
                               ORDER BY h.reason = ANY(:partners_move), h.id LIMIT 1),
                              (SELECT CASE WHEN p.method = ANY(:file_methods) THEN 'details_missing' ELSE 'method_not_served' END
                                 FROM rail_in_use u WHERE p.method <> ALL (u.methods)),
                              (SELECT 'account_' || s.whose FROM destination d
                                 JOIN account_state s ON s.account = d.account AND NOT s.ready
                                 JOIN rail_in_use u ON u.provider = s.provider
                                WHERE d.id = p.destination_id)) END AS reason
              FROM payout p JOIN partner r ON r.id = p.partner_id
             WHERE p.id = ANY(:ids)) blocked
     GROUP BY reason ORDER BY count(*) DESC, reason
""")
OTHER_WORDS = {
    "partner_suspended": "the partner is not active",
    "no_destination": "there is no destination to pay to",
    "changed_since": "the destination is not the one they were made for",
    "details_missing": "the bank account or postal address is missing",
    "method_not_served": "the provider in use does not pay by their method",
    "account_partner": "the account cannot be paid before its owner acts",
    "account_provider": "the account cannot be paid before the provider is through with it",
}
# Whose move it is when it is not ours.
OTHERS_MOVE = {
    "no_destination": "partner",
    "details_missing": "partner",
    "account_partner": "partner",
    "account_provider": "provider",
} | (dict.fromkeys(PARTNERS_MOVE, "partner"))
UNKNOWN = text("""
    SELECT count(*) AS n, min(first_sent_at) AS oldest_at, min(next_look_at) AS next_at
      FROM attempt WHERE state = 'unknown'
""")
RETRYING = text("""
    SELECT count(*) AS n, min(queued_at) AS oldest_at, min(retry_at) AS next_at
      FROM payout WHERE status = 'retrying'
""")
BACK_ON = text("""
    SELECT min(aside_until)::timestamp AT TIME ZONE 'UTC' FROM payout WHERE status = 'pending' AND aside_until > :today
""")
DIFFERENCES = text("""
    SELECT count(*) AS n, min(found_at) AS oldest_at FROM difference WHERE closed_at IS NULL
""")
PAID_SINCE = text("""
    SELECT currency, count(*) AS count, sum(net_minor)::bigint AS net_minor
      FROM payout WHERE status IN ('paid', 'reversed') AND processed_at > :since GROUP BY currency ORDER BY currency
""")
FAILED_SINCE = text("""
    SELECT coalesce(reason_code, 'failed') AS code, max(reason) AS reason, count(*) AS count
      FROM payout WHERE status = 'failed' AND processed_at > :since GROUP BY 1 ORDER BY 3 DESC, 1
""")
NEW_SINCE = text("""
    SELECT (SELECT count(*) FROM partner WHERE created_at > :since) AS partners,
           (SELECT count(*) FROM payout WHERE queued_at > :since) AS queued
""")
EARLIEST_MARK = text("SELECT min(released_to) FROM partner_balance")
# By the day of release in each program's zone; what is overdue counts today, what is on hold has no day. Nothing is
# held from before the earliest mark, and the planner estimates far better when it is told that mark.
# By quarters of an hour first, of which every zone's offset is a multiple.
RELEASES = text("""
    SELECT greatest((s.release_at AT TIME ZONE g.zone)::date, (:now AT TIME ZONE g.zone)::date) AS day, g.currency,
           sum(s.n)::bigint AS count, sum(s.amount)::bigint AS amount_minor
      FROM (SELECT r.program_id, date_bin('15 minutes', o.release_at, 'epoch') AS release_at, count(*) AS n,
                   sum(o.amount_minor) AS amount
              FROM open_item o JOIN partner_balance b ON b.partner_id = o.partner_id JOIN partner r ON r.id = o.partner_id
             WHERE o.release_at > :mark AND o.release_at < CAST(:now AS timestamptz) + interval '30 days'
               AND o.release_at > b.released_to AND o.amount_minor > 0 AND NOT o.on_hold
             GROUP BY 1, 2) s
      JOIN program g ON g.id = s.program_id
     GROUP BY 1, 2 ORDER BY 1, 2
""")
# The last run of every job, and its last beat by the database's own clock.
HEALTH = text("""
    SELECT h.job AS name, extract(epoch FROM now() - h.beat_at)::float AS age_s, h.beat_at AS at, r.ok, r.error
      FROM heartbeat h
      LEFT JOIN LATERAL (SELECT ok, error FROM job_run WHERE job = h.job ORDER BY id DESC LIMIT 1) r ON true
     WHERE h.job <> 'scheduler' ORDER BY h.job
""")
# The totals that must agree at any moment, cheap enough for a page; the rest is proven by verify.
BOOKS = text("""
    SELECT coalesce((SELECT sum(reserved) FROM partner_balance), 0)
         - coalesce((SELECT sum(amount_minor) FROM payout_counter
                      WHERE status IN ('pending', 'approved', 'processing', 'retrying')), 0) AS difference
""")


def overview(conn: Connection, *, now: datetime, since: datetime | None = None, reader: str = "") -> Overview:
    """Return the morning page; `since` is the person's visit before, None leaves that card out; `reader` as in history."""
    mark = conn.execute(EARLIEST_MARK).scalar_one()
    waiting = open_views(conn, now=now)
    again = conn.execute(RETRYING).one()
    unknown = conn.execute(UNKNOWN).one()
    payments, oldest_payment = waiting_count(conn)
    back_on = conn.execute(BACK_ON, {"today": now.date()}).scalar_one()
    returned, returned_at = sent_back(conn)
    differing = conn.execute(DIFFERENCES).one()
    return Overview(
        ready=_need(waiting["ready"]),
        second_person=_second_person(conn, waiting["second_person"], reader),
        blocked=_need(waiting["blocked"]),
        blocked_by=_blocked_by(conn, waiting["blocked"].ids, now=now),
        retrying=Need(count=again.n, oldest_at=again.oldest_at, next_at=again.next_at),
        unknown=Need(count=unknown.n, oldest_at=unknown.oldest_at, next_at=unknown.next_at),
        aside=_need(waiting["aside"], next_at=back_on),
        payments=Need(count=payments, oldest_at=oldest_payment, next_at=None),
        sent_back=Need(count=returned, oldest_at=returned_at, next_at=None),
        differences=Need(count=differing.n, oldest_at=differing.oldest_at, next_at=None),
        taken_out=taken_out(conn, now=now),
        leaves_today=_leaves_today(conn, now=now),
        timed=waiting_for_their_time(conn, now=now),
        since_visit=None if since is None else _since_visit(conn, since),
        releases=to_frame(conn.execute(RELEASES, {"now": now, "mark": mark})),
        health=health(conn),
    )


def _need(waiting: Waiting, *, next_at: datetime | None = None) -> Need:
    return Need(count=waiting.count, oldest_at=waiting.oldest_at, next_at=next_at)


def _second_person(conn: Connection, waiting: Waiting, reader: str) -> Need:
    asked = {"ids": list(waiting.ids), "actor": reader}
    mine = len(set(conn.execute(APPROVED_BY_ME, asked).scalars()))
    return Need(count=waiting.count, oldest_at=waiting.oldest_at, next_at=None, mine=mine)


def _leaves_today(conn: Connection, *, now: datetime) -> pd.DataFrame:
    """Return currency, method, count, net_minor of what the queue's view of the same name lists."""
    net = cast(func.sum(payout.c.net_minor), BigInteger)
    query = (
        select(payout.c.currency, payout.c.method, func.count().label("count"), net.label("net_minor"))
        .where(leaves_today(conn, now=now))
        .group_by(payout.c.currency, payout.c.method)
        .order_by(payout.c.currency, net.desc(), payout.c.method)
    )
    return to_frame(conn.execute(query))


def _blocked_by(conn: Connection, ids: Sequence[int], *, now: datetime) -> pd.DataFrame:
    frame = to_frame(
        conn.execute(
            BLOCKED_BY,
            {
                "ids": list(ids),
                "now": now,
                "partners_move": sorted(PARTNERS_MOVE),
                "file_methods": list(FILE_METHODS),
            },
        )
    )
    whose = [OTHERS_MOVE.get(reason, "ours") for reason in frame["reason"]]
    said = [OTHER_WORDS.get(reason) or HOLD_WORDS[reason] for reason in frame["reason"]]
    return frame.assign(whose=pd.Series(whose, dtype="object"), sentence=pd.Series(said, dtype="object"))


def _since_visit(conn: Connection, since: datetime) -> SinceVisit:
    fresh = conn.execute(NEW_SINCE, {"since": since}).one()
    return SinceVisit(
        since=since,
        paid=to_frame(conn.execute(PAID_SINCE, {"since": since})),
        failed=to_frame(conn.execute(FAILED_SINCE, {"since": since})),
        queued=fresh.queued,
        new_partners=fresh.partners,
    )


def health(conn: Connection) -> pd.DataFrame:
    """Return name, state (ok, late, failing, silent), detail and at: the scheduler, every job that ever beat, the books."""
    beat = scheduler_beat(conn)
    state = "ok" if beat.alive else "silent"
    rows = [("scheduler", state, "" if beat.alive else "decisions wait until it is back", beat.beat_at)]
    for job in conn.execute(HEALTH):
        failed = job.ok is False
        detail = (job.error or "").splitlines()[:1] if failed else []
        rows.append((job.name, "failing" if failed else "ok", "".join(detail), job.at))
    difference = int(conn.execute(BOOKS).scalar_one())
    agree = (
        "reserved is what the open payouts hold" if not difference else f"reserved differs by {difference}"
    )
    rows.append(("books", "failing" if difference else "ok", agree, None))
    return pd.DataFrame(rows, columns=["name", "state", "detail", "at"], dtype="object").astype(
        {"at": "datetime64[us, UTC]"}
    )
