"""A whole desk in one terminal: database, scheduler and dashboard, ended together."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType

from jobs.cli.output import plain
from jobs.cli.terms import Desk
from jobs.setup import load_demo, migrate_and_install

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
TICK_S = 0.2
END_WITHIN_S = 35.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
SETTLED_AFTER_S = 60.0  # a child that lived so long begins anew with the shortest pause


@dataclass
class Child:
    """A process of ours, started again when it dies."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    deaths: int = field(default=0)

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C reaches it through us, once. It speaks by its log, on stderr."""
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, stdin=quiet, stdout=quiet, start_new_session=True
        )
        self.started_at = time.monotonic()

    def look_after(self) -> None:
        """Say when it died, and start it again after a pause that grows."""
        at = time.monotonic()
        if self.process is None:
            if at >= self.start_again_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.deaths = 0 if at - self.started_at > SETTLED_AFTER_S else self.deaths + 1
        pause_s = min(FIRST_PAUSE_S * 2 ** min(self.deaths, 10), LONGEST_PAUSE_S)
        log.warning("the %s ended (%s) and is started again in %.0f s", self.name, code, pause_s)
        self.process, self.start_again_at = None, at + pause_s

    def stop(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, until: float) -> None:
        """Wait for its end, and force it when the time is up."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("the %s did not end in time and is killed", self.name)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run(desk: Desk, *, now: datetime | None) -> int:
    """Make the database ready, run scheduler and dashboard until SIGINT or SIGTERM, and stop all that was started."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask_to_stop)
    settings = desk.settings
    for port, setting in ((settings.port, "PAYDESK_PORT"), (settings.http_port, "PAYDESK_HTTP_PORT")):
        if _answers(port):
            _say(f"Port {port} is in use already: end what runs there, or set {setting} to another port.")
            return 1
    ours = settings.database_url is None and not _server_runs(settings.data_dir)
    try:
        _make_ready(desk)
        moved = [] if now is None else ["--now", plain(now)]
        children = [
            Child("scheduler", [sys.executable, "-m", "jobs", *moved]),
            Child("dashboard", _dashboard(settings.port)),
        ]
        _run_children(children, stop, desk)
    finally:
        if ours:
            from db.server import stop as stop_server

            desk.owner_engine.dispose()
            stop_server(settings.data_dir)
    return 0


def _make_ready(desk: Desk) -> None:
    _say("Making the database ready; the first time, with demo data, takes about a minute.")
    migrate_and_install(desk.owner_engine, now=desk.now)
    if desk.settings.env == "demo" and load_demo(desk.owner_engine, desk.settings, now=desk.now):
        log.info("the empty database was filled with the demo")


def _dashboard(port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.headless=true",
        f"--server.address={HOST}",
        f"--server.port={port}",
    ]


def _run_children(children: list[Child], stop: threading.Event, desk: Desk) -> None:
    told = False
    try:
        for child in children:
            child.start()
        while not stop.wait(TICK_S):
            for child in children:
                child.look_after()
            if not told and _answers(desk.settings.port):
                told = True
                _tell(desk)
    finally:
        for child in children:
            child.stop()
        until = time.monotonic() + END_WITHIN_S
        for child in children:
            child.wait(until)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=0.5):
            return True
    except OSError:
        return False


def _tell(desk: Desk) -> None:
    lines = [f"\nPaydesk is at http://localhost:{desk.settings.port}"]
    if desk.settings.env == "demo":
        from db.demo import SIGN_INS

        lines += ["", "Demo sign-ins (name, password, roles):"]
        lines += [f"  {name:<8} {password:<24} {', '.join(roles)}" for name, password, roles in SIGN_INS]
    if desk.settings.provider == "simulator":
        lines.append("\nSimulator: no money moves.")
    _say("\n".join([*lines, "Ctrl-C ends it.\n"]))


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _server_runs(data_dir: Path) -> bool:
    from db.server import is_running

    return is_running(data_dir)
