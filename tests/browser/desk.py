"""A real dashboard on a database of its own, started and ended by whoever needs one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 60


def environment(database_url: str, data_dir: Path, **settings: str) -> dict[str, str]:
    """What a process of this desk is told."""
    ours = {"DATABASE_URL": database_url, "PAYDESK_ENV": "test", "PAYDESK_DATA_DIR": str(data_dir)}
    return os.environ | ours | settings


def free_port() -> int:
    """A port nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def scheduler(database_url: str, data_dir: Path, **settings: str) -> Iterator[None]:
    """A scheduler at work, asked to end at the end."""
    environ = environment(database_url, data_dir, PAYDESK_HTTP_PORT=str(free_port()), **settings)
    with (data_dir / "scheduler.log").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs"], cwd=ROOT, env=environ, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def dashboard(database_url: str, data_dir: Path, **settings: str) -> Iterator[str]:
    """The address of a dashboard that answers."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    command += ["--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    environ = environment(database_url, data_dir, **settings)
    log = data_dir / "dashboard.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
        try:
            _answers(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{url}/_stcore/health", timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    message = f"the dashboard does not answer: {log.read_text()}"
    raise RuntimeError(message)
