"""Unexpected faults told to Sentry: what broke and where arrives, no name, account or amount does."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
FAILS = """
import logging, sys
import sentry_sdk
from core.channels.sentry import listen_for_faults

listen_for_faults(sys.argv[1], environment="test")
account = "DE89370400440532013000"

def settle_the_account():
    raise ValueError(f"Ana Silva has no {account}")

logging.getLogger("jobs").info("nothing happened to Ana Silva")
try:
    settle_the_account()
except ValueError:
    logging.getLogger("jobs").exception("settling %s failed", account)
sentry_sdk.flush(10)
"""


@pytest.fixture
def sentry() -> Iterator[tuple[str, list[str]]]:
    """A DSN of our own on this machine, and what was told there."""
    told: list[str] = []

    class Told(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(
                (gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body).decode()
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_said: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Told)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://key@127.0.0.1:{server.server_port}/1", told
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_fault_and_its_place_are_told_and_nothing_of_anybody(sentry: tuple[str, list[str]]) -> None:
    dsn, told = sentry
    subprocess.run([sys.executable, "-c", FAILS, dsn], cwd=ROOT, check=True, timeout=120)

    (fault,) = [one for one in told if '"exception"' in one]
    assert len(told) == 1, "one fault, and nothing else"
    for said in ("ValueError", "settle_the_account", "settling %s failed", '"environment":"test"'):
        assert said in fault, said
    for kept in ("DE89370400440532013000", "Ana Silva", "Context", "server_name"):
        assert kept not in fault, kept
