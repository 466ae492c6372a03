"""The scheduler process: the timetable, what wakes it, its heart, its port, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from types import FrameType

import psycopg
from psycopg import sql
from sqlalchemy import Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from core.settings import Settings
from jobs import watchdog
from jobs.clock import Clock
from jobs.http import serve
from jobs.job import all_jobs
from jobs.timetable import Desk, Timetable
from jobs.webhook import StripeWebhook

log = logging.getLogger(__name__)

DATABASE_AWAY = (SQLAlchemyError, psycopg.Error, OSError)
BEAT_S = 5.0
FROZEN_AFTER_S = 90.0  # the database's time limits are shorter: a heart that slow is stuck
END_WITHIN_S = 25.0
WAKES = {
    "paydesk_send": "send",
    "paydesk_events": "events",
    "paydesk_reconcile": "reconcile",
}  # channel of NOTIFY, and the job
WAKES_ANY = "paydesk_job"  # its payload names the job

# A backend whose process was killed or cut off notices within seconds, and its locks end with it.
NOTICE_THE_DEAD = (
    "SET client_connection_check_interval = '2s'",
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    "SET tcp_user_timeout = '30s'",
)


def notice_the_dead(engine: Engine) -> None:
    """Have every session of this engine end soon after its process does."""

    @event.listens_for(engine, "connect")
    def _set(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in NOTICE_THE_DEAD:
            cursor.execute(statement)
        cursor.close()
        connection.commit()


def run(engine: Engine, settings: Settings, clock: Clock) -> int:
    """Work until SIGTERM or SIGINT; returns the exit code, 0 once the units in hand are done."""
    notice_the_dead(engine)
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    desk = Desk(engine, settings, clock, all_jobs().values())
    timetable = Timetable(desk)
    server = serve(engine, clock, settings.http_port, StripeWebhook(engine, clock, settings))
    heart = Heart(engine)
    heart.start()
    listener = Listener(engine, timetable, stop)
    listener.start()
    timetable.start()
    watchdog.notify("READY=1")
    log.info("the scheduler works: %s", ", ".join(timetable.workers))
    timetable.run_until(stop, each_tick=heart.report)
    watchdog.notify("STOPPING=1")
    log.info("stopping: nothing new is begun, what is in hand is finished")
    left = timetable.stop(within_s=END_WITHIN_S)
    heart.end()
    if server is not None:
        server.shutdown()
    if left:
        # Their transactions are rolled back and taken up again; a thread that hangs must not keep the process.
        log.warning("still at work, and ended: %s", ", ".join(left))
        logging.shutdown()
        os._exit(0)
    log.info("stopped")
    return 0


BEAT = text("""
    INSERT INTO heartbeat (job, beat_at, started_at) VALUES ('scheduler', now(), now())
    ON CONFLICT (job) DO UPDATE SET beat_at = now(), started_at = CASE WHEN :first THEN now() ELSE heartbeat.started_at END
""")
LAST_BEAT = text("UPDATE heartbeat SET started_at = NULL WHERE job = 'scheduler'")


class Heart(threading.Thread):
    """Writes the scheduler's heartbeat, and tells systemd that it got round."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name="heart", daemon=True)
        self._engine = engine
        self._ended = threading.Event()
        self._round_at = time.monotonic()
        self._reported_at = 0.0

    def run(self) -> None:
        """Beat until ended; a database that is away is logged, and no reason to be restarted."""
        first = True
        while True:
            try:
                with self._engine.begin() as conn:
                    conn.execute(BEAT, {"first": first})
                first = False
            except DATABASE_AWAY as fault:
                log.warning("no heartbeat: %s", fault)
            self._round_at = time.monotonic()
            if self._ended.wait(BEAT_S):
                return

    def report(self) -> None:
        """Tell systemd this process is alive, as long as the heart gets round."""
        at = time.monotonic()
        if at - self._reported_at >= BEAT_S and at - self._round_at < FROZEN_AFTER_S:
            watchdog.notify("WATCHDOG=1")
            self._reported_at = at

    def end(self) -> None:
        """Stop beating and say that nobody is at work any more."""
        self._ended.set()
        self.join(2)
        try:
            with self._engine.begin() as conn:
                conn.execute(LAST_BEAT)
        except DATABASE_AWAY as fault:
            log.warning("no last heartbeat: %s", fault)


class Listener(threading.Thread):
    """Wakes a job when the database says there is work for it: an approved payout, an event of the provider's."""

    def __init__(self, engine: Engine, timetable: Timetable, stop: threading.Event) -> None:
        super().__init__(name="listener", daemon=True)
        self._engine = engine
        self._timetable = timetable
        self._ending = stop

    def run(self) -> None:
        """Listen, and listen again after a lost connection: the timetable looks every two seconds anyway."""
        while not self._ending.is_set():
            try:
                self._listen()
            except DATABASE_AWAY as fault:
                log.warning("not listening: %s", fault)
                self._ending.wait(5)

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()  # its own, never lent again
        if not isinstance(connection, psycopg.Connection):
            message = f"notifications come through psycopg, not {type(connection).__name__}"
            raise TypeError(message)
        with connection:
            connection.rollback()
            connection.autocommit = True
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(WAKES_ANY)))
            for channel, job in WAKES.items():
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                self._timetable.wake(job)  # for what came while nobody listened
            while not self._ending.is_set():
                for told in connection.notifies(timeout=1, stop_after=1):
                    self._timetable.wake(WAKES.get(told.channel, told.payload))
