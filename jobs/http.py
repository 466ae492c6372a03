"""The scheduler's own port, on this machine only: /healthz for a monitor, /metrics for Prometheus, Stripe's webhooks."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from jobs.clock import Clock
from jobs.health import Fault, find_faults, last_books_note
from jobs.webhook import PATH, StripeWebhook

if TYPE_CHECKING:
    from prometheus_client.core import Metric

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
SILENT_FOR_S = 15.0  # a caller that says nothing for so long is hung up on

READ_PAYOUTS = text("""
    SELECT status, currency, sum(n) AS n, sum(net_minor) AS net_minor FROM payout_counter GROUP BY 1, 2 ORDER BY 1, 2
""")
READ_JOBS = text("""
    SELECT DISTINCT ON (job) job, extract(epoch FROM ended_at) AS ended_at, ok, count FROM job_run ORDER BY job, id DESC
""")
READ_BEATS = text("SELECT job, extract(epoch FROM now() - beat_at) AS age_s FROM heartbeat ORDER BY job")
READ_EVENTS = text("""
    SELECT 'waiting' AS state, count(*) AS n FROM provider_event WHERE state = 'waiting'
     UNION ALL SELECT 'stuck', count(*) FROM provider_event WHERE state = 'stuck'
""")


def read_faults(conn: Connection, clock: Clock) -> list[Fault]:
    """Return what is wrong now; the books as the last check found them, since a monitor asks often."""
    return find_faults(conn, now=clock.now(), books_note=last_books_note(conn))


class Figures:
    """The desk's figures, read when Prometheus asks."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Yield payouts by status and currency, the jobs' last runs and beats, and the faults that stand."""
        from prometheus_client.core import GaugeMetricFamily

        payouts = GaugeMetricFamily("paydesk_payouts", "Payouts by status", labels=["status", "currency"])
        money = GaugeMetricFamily(
            "paydesk_payouts_net_minor", "Their net, minor units", labels=["status", "currency"]
        )
        ended = GaugeMetricFamily(
            "paydesk_job_last_run_timestamp_seconds", "End of the last recorded run", labels=["job"]
        )
        succeeded = GaugeMetricFamily("paydesk_job_last_run_ok", "Whether it succeeded", labels=["job"])
        beats = GaugeMetricFamily(
            "paydesk_heartbeat_age_seconds", "Since the last sign of life", labels=["job"]
        )
        events = GaugeMetricFamily(
            "paydesk_events", "The provider's, that wait or got stuck", labels=["state"]
        )
        faults = GaugeMetricFamily("paydesk_faults", "Faults that stand now", labels=["name"])
        with self._engine.connect() as conn:
            for row in conn.execute(READ_PAYOUTS):
                payouts.add_metric([row.status, row.currency], float(row.n))
                money.add_metric([row.status, row.currency], float(row.net_minor))
            for row in conn.execute(READ_JOBS):
                ended.add_metric([row.job], float(row.ended_at))
                succeeded.add_metric([row.job], float(row.ok))
            for row in conn.execute(READ_BEATS):
                beats.add_metric([row.job], float(row.age_s))
            for row in conn.execute(READ_EVENTS):
                events.add_metric([row.state], float(row.n))
            names = [fault.name for fault in read_faults(conn, self._clock)]
        for name in sorted(set(names)):
            faults.add_metric([name], names.count(name))
        return [payouts, money, ended, succeeded, beats, events, faults]


def serve(
    engine: Engine, clock: Clock, port: int, webhook: StripeWebhook | None = None
) -> ThreadingHTTPServer | None:
    """Serve until `shutdown()`, in a thread; None when the port is taken, which stops no payout."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(engine, clock))

    class Handler(BaseHTTPRequestHandler):
        timeout = SILENT_FOR_S

        def do_POST(self) -> None:
            taken = webhook.take(self.headers, self.rfile.read) if webhook and self.path == PATH else None
            self._answer(taken or HTTPStatus.NOT_FOUND, "text/plain", b"")

        def do_GET(self) -> None:
            try:
                if self.path == "/healthz":
                    with engine.connect() as conn:
                        faults = read_faults(conn, clock)
                    body = {
                        "ok": not faults,
                        "faults": [{"name": f.name, "sentence": f.sentence} for f in faults],
                    }
                    status = HTTPStatus.OK if not faults else HTTPStatus.SERVICE_UNAVAILABLE
                    self._answer(status, "application/json", json.dumps(body).encode())
                elif self.path == "/metrics":
                    self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/healthz, /metrics\n")
            except Exception:
                log.exception("%s failed", self.path)
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "application/json", b'{"ok": false}')

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            log.debug(format, *args)

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as fault:
        log.warning("no /healthz on port %d: %s", port, fault)
        return None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server
