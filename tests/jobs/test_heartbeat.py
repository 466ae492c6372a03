"""Somebody outside hears of a desk without faults, and of no other; that they do not listen harms nothing."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from sqlalchemy import Engine, text

from jobs.heartbeat import beat
from tests.jobs.terminal import Run

HEARD: list[str] = []


class Listener(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        HEARD.append(self.path)
        self.send_response(503 if self.path == "/busy" else 200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def outside() -> Iterator[str]:
    """An address somebody listens at; what they hear is in HEARD."""
    HEARD.clear()
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_check_without_a_fault_is_heard_and_one_with_a_fault_is_not(
    desk: Run, engine: Engine, outside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYDESK_HEARTBEAT_URL", f"{outside}/beat/1")
    assert desk("check")[1]["count"] == 0  # type: ignore[index]
    assert HEARD == ["/beat/1"]
    assert desk("check", "--dry-run")[0] == 0
    assert HEARD == ["/beat/1"]

    with engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO sending_stop (why, stopped_by, stopped_at) VALUES ('a look', 'user:mia', now())"
            )
        )
    assert desk("check")[1]["count"] == 1  # type: ignore[index]
    assert HEARD == ["/beat/1"]


def test_an_address_that_does_not_answer_or_says_no_harms_nothing(
    outside: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert beat(f"{outside}/fine")
    assert not beat(f"{outside}/busy")
    assert not beat("http://127.0.0.1:9/secret-token")
    assert "secret-token" not in caplog.text
