"""What is wrong now, in sentences, with the money that waits because of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from core.alerts import UNKNOWN_AFTER, rates_over_limit
from core.pauses import current_pauses
from jobs.job import all_jobs

SILENT_AFTER = timedelta(seconds=30)  # the scheduler's heart beats every five seconds
LATE_AFTER = timedelta(minutes=30)
HANGS_AFTER = timedelta(minutes=15)
STUCK_AFTER = timedelta(hours=2)  # release runs every hour


@dataclass(frozen=True, kw_only=True)
class MoneyAtRisk:
    """An amount in minor units of a currency."""

    currency: str
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that needs a person."""

    name: str
    sentence: str
    money_at_risk: tuple[MoneyAtRisk, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one instant of the database, so that sums taken one after another agree."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        yield conn


def find_faults(conn: Connection, *, now: datetime, books_note: str | None = None) -> list[Fault]:
    """Return every fault that stands at `now`, the worst first.

    The books are recomputed, in one snapshot when `conn` is in REPEATABLE READ, unless `books_note` says what the
    last check found ("": nothing).
    """
    books = _broken_books(conn) if books_note is None else books_note
    faults = [Fault(name="books_broken", sentence=books)] if books else []
    faults += _stopped(conn)
    faults += _old_unknown(conn, now)
    faults += _open_differences(conn)
    faults += _untold(conn, now)
    faults += _stuck_events(conn, now)
    faults += _silent_scheduler(conn)
    faults += _late_jobs(conn, now)
    faults += _failing_jobs(conn)
    faults += _stuck_earnings(conn, now)
    faults += [
        Fault(name=rate.name, sentence=rate.sentence, figures={"found": rate.found or 0, "limit": rate.limit})
        for rate in rates_over_limit(conn, now=now)
    ]
    return faults


READ_BOOKS_NOTE = text("SELECT note FROM heartbeat WHERE job = 'check'")
# A silent scheduler tells nobody anything, and a stop has a message of its own.
TOLD_OTHERWISE = frozenset({"scheduler_silent", "sending_stopped"})


def last_books_note(conn: Connection) -> str:
    """Return what the last check found wrong with the books, "": nothing."""
    note: str = conn.execute(READ_BOOKS_NOTE).scalar_one_or_none() or ""
    return "" if note.startswith(FAILED) else note


def standing_alerts(conn: Connection, *, now: datetime) -> dict[str, Mapping[str, float]]:
    """Return what the team is alerted of by name, with its figures; the books as the last check found them."""
    faults = find_faults(conn, now=now, books_note=last_books_note(conn))
    return {fault.name: fault.figures for fault in reversed(faults) if fault.name not in TOLD_OTHERWISE}


def _broken_books(conn: Connection) -> str:
    from core.verify import verify

    broken = [f"{check.name} ({check.found})" for check in verify(conn)[0] if not check.ok]
    return f"The books do not hold: {', '.join(broken)}." if broken else ""


OLD_UNKNOWN = text("""
    SELECT currency, count(*) AS n, sum(amount_minor) AS amount_minor FROM (
        SELECT p.currency, p.net_minor AS amount_minor
          FROM attempt a JOIN payout p ON p.id = a.payout_id
         WHERE a.state IN ('unknown', 'absent') AND p.status = 'processing' AND a.started_at < :before
         UNION ALL
        SELECT currency, amount_minor FROM reversal WHERE state = 'unknown' AND sent_at < :before) open_outcomes
     GROUP BY currency ORDER BY currency
""")


def _old_unknown(conn: Connection, now: datetime) -> list[Fault]:
    rows = conn.execute(OLD_UNKNOWN, {"before": now - UNKNOWN_AFTER}).all()
    if not rows:
        return []
    n = sum(row.n for row in rows)
    sentence = f"{_plural(n, 'payout')} sent or pulled back over an hour ago got no answer yet: the money may have moved."
    return [Fault(name="unknown_outcomes", sentence=sentence, money_at_risk=_money(rows))]


DIFFERENCES = text("""
    SELECT currency, count(*) AS n, sum(amount_minor) AS amount_minor FROM difference
     WHERE closed_at IS NULL GROUP BY currency ORDER BY currency
""")


def _open_differences(conn: Connection) -> list[Fault]:
    rows = conn.execute(DIFFERENCES).all()
    if not rows:
        return []
    n = sum(row.n for row in rows)
    sentence = (
        f"{_plural(n, 'difference')} between the provider's books and ours: somebody looks, and closes each."
    )
    return [Fault(name="open_differences", sentence=sentence, money_at_risk=_money(rows))]


EVENTS = text("SELECT count(*) AS n, min(received_at) AS oldest FROM provider_event WHERE state = 'stuck'")


def _stuck_events(conn: Connection, now: datetime) -> list[Fault]:
    row = conn.execute(EVENTS).one()
    if not row.n:
        return []
    sentence = (
        f"{_plural(row.n, 'event')} of the provider could not be applied, the oldest for {_span(now - row.oldest)}:"
        " somebody looks at why."
    )
    return [Fault(name="stuck_events", sentence=sentence)]


UNTOLD_AFTER = timedelta(hours=2)


def _untold(conn: Connection, now: datetime) -> list[Fault]:
    from core.reads.messages import outbox_state

    outbox = outbox_state(conn)
    faults = []
    if wrong := outbox.failed + outbox.unclear:
        sentence = f"{_plural(wrong, 'message')} failed or got no answer: Operations has each, to send again or drop."
        faults.append(Fault(name="messages_failed", sentence=sentence))
    # Without a mail server they wait on purpose.
    if outbox.set_up and outbox.oldest is not None and outbox.oldest < now - UNTOLD_AFTER:
        span = _span(now - outbox.oldest)
        sentence = f"{_plural(outbox.waiting, 'message')} waiting to be sent, the oldest for {span}."
        faults.append(Fault(name="messages_late", sentence=sentence))
    return faults


WAITING = text("""
    SELECT currency, sum(net_minor) AS amount_minor FROM payout
     WHERE status IN ('approved', 'processing', 'retrying') GROUP BY currency ORDER BY currency
""")


def _stopped(conn: Connection) -> list[Fault]:
    from core.stops import current_stop

    stop = current_stop(conn)
    if stop is None:
        return []
    sentence = f"All sending is stopped since {stop.stopped_at:%d %b %Y %H:%M} UTC by {stop.who}: {stop.why}"
    return [
        Fault(name="sending_stopped", sentence=sentence, money_at_risk=_money(conn.execute(WAITING).all()))
    ]


SILENCE = text("SELECT extract(epoch FROM now() - max(beat_at)) FROM heartbeat WHERE job = 'scheduler'")


def _silent_scheduler(conn: Connection) -> list[Fault]:
    silent_s = conn.execute(SILENCE).scalar_one()
    if silent_s is not None and silent_s < SILENT_AFTER.total_seconds():
        return []
    since = (
        "has never run"
        if silent_s is None
        else f"has been silent for {_span(timedelta(seconds=int(silent_s)))}"
    )
    sentence = f"The scheduler {since}: nothing is sent, released or queued until it is back."
    return [
        Fault(name="scheduler_silent", sentence=sentence, money_at_risk=_money(conn.execute(WAITING).all()))
    ]


SERVED = text("SELECT job, max(slot) AS served FROM job_run WHERE ok AND slot IS NOT NULL GROUP BY job")
HANGING = text("""
    SELECT job, extract(epoch FROM now() - started_at) AS since_s FROM heartbeat
     WHERE job <> 'scheduler' AND started_at < now() - :after ORDER BY job
""")


def _late_jobs(conn: Connection, now: datetime) -> list[Fault]:
    faults = []
    served: dict[str, datetime] = {row.job: row.served for row in conn.execute(SERVED)}
    paused = current_pauses(conn, now=now)
    for job in all_jobs().values():
        if job.name in paused:  # on purpose, with a reason and an end
            continue
        # Judged by the slot before: one that is under way, or was just missed, is not late yet.
        slot = job.slots.latest(now - LATE_AFTER) if job.slots else None
        if slot is not None and job.name in served and served[job.name] < slot:
            sentence = f"{job.name} has not done its run of {slot:%d %b %Y %H:%M} UTC."
            faults.append(Fault(name="job_late", sentence=sentence))
    for row in conn.execute(HANGING, {"after": HANGS_AFTER}):
        span = _span(timedelta(seconds=int(row.since_s)))
        faults.append(Fault(name="job_hangs", sentence=f"{row.job} has been running for {span}."))
    return faults


FAILED = "failed: "  # how the heartbeat's note begins when the last run failed
LAST_FAILED = text("SELECT job, note FROM heartbeat WHERE starts_with(note, :failed) ORDER BY job")


def _failing_jobs(conn: Connection) -> list[Fault]:
    return [
        Fault(name="job_failing", sentence=f"The last run of {row.job} {row.note}")
        for row in conn.execute(LAST_FAILED, {"failed": FAILED})
    ]


STUCK = text("""
    SELECT g.currency, count(*) AS n, sum(o.amount_minor) AS amount_minor
      FROM partner_balance b
      JOIN open_item o ON o.partner_id = b.partner_id AND o.release_at > b.released_to AND o.release_at <= :before
      JOIN partner p ON p.id = b.partner_id JOIN program g ON g.id = p.program_id
     WHERE b.released_to < :before AND NOT o.on_hold
     GROUP BY g.currency ORDER BY g.currency
""")


def _stuck_earnings(conn: Connection, now: datetime) -> list[Fault]:
    rows = conn.execute(STUCK, {"before": now - STUCK_AFTER}).all()
    if not rows:
        return []
    n = sum(row.n for row in rows)
    sentence = f"{_plural(n, 'earning')} should have been released over two hours ago and still held."
    return [Fault(name="stuck_earnings", sentence=sentence, money_at_risk=_money(rows))]


def _money(rows: Sequence[Row[Any]]) -> tuple[MoneyAtRisk, ...]:
    return tuple(MoneyAtRisk(currency=row.currency, amount_minor=int(row.amount_minor)) for row in rows)


def _plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _span(span: timedelta) -> str:
    if span < timedelta(minutes=1):
        return f"{span // timedelta(seconds=1)} s"
    if span < timedelta(hours=2):
        return f"{span // timedelta(minutes=1)} min"
    return f"{span // timedelta(hours=1):,} h"
