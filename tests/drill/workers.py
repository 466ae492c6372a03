"""Real worker processes: `python -m tests.drill.workers` is the warm parent that forks one for every order it reads.

A worker does the desk's jobs as the scheduler does them: under the job's lock, on an engine of its own, through the real
SDK over HTTP. It writes every point it passes to a file, and is killed or stopped there when told to.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
NAME = "drill worker"
ENDED_WELL, ENDED_BADLY = 0, 3


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one worker does: jobs one after the other, each some seconds after `now`."""

    database: str
    stripe: str
    now: datetime
    jobs: Sequence[str]
    after_s: Sequence[float] = ()  # one for each job; none: all at `now`
    approves: Sequence[int] = ()  # payouts, for the "approve" among its jobs
    role: str | None = None
    threads: int = 1  # workers of the sender
    at: int | None = None  # the point where it gets the signal
    signal: int = signal.SIGKILL
    name: str = NAME

    def starts(self) -> list[tuple[str, datetime]]:
        """The jobs and when each is done."""
        after = self.after_s or [0.0] * len(self.jobs)
        return [(job, self.now + timedelta(seconds=s)) for job, s in zip(self.jobs, after, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a worker ended: its exit code or minus the signal, the points it passed, and what it had to say."""

    code: int
    points: list[str] = field(default_factory=list)
    said: str = ""


class Workers:
    """The warm parent, as the drill speaks to it; one object serves one thread at a time."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="drill-workers-")
        self._errors = (Path(self._folder.name) / "errors").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.drill.workers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._lock = threading.Lock()
        self._count = 0
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(120)
        self._errors.close()
        self._folder.cleanup()

    def start(self, task: Task) -> Worker:
        """Fork a worker and let it run."""
        self._count += 1
        marks = Path(self._folder.name) / f"{self._count}"
        marks.touch()
        pid = self._ask({"do": "start", "marks": str(marks), "task": asdict(task)})
        return Worker(workers=self, pid=pid, marks=marks)

    def run(self, task: Task) -> Ended:
        """Fork a worker and wait for its end."""
        return self.start(task).wait()

    def errors(self) -> str:
        """What all of them wrote to stderr so far."""
        return (Path(self._folder.name) / "errors").read_text()[-4000:]

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order, default=str) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, f"the warm parent is gone: {self.errors()}"
        return int(answer)


@dataclass(frozen=True)
class Worker:
    """One forked worker."""

    workers: Workers
    pid: int
    marks: Path

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.workers._ask({"do": "wait", "pid": self.pid, "stopped": False})
        return self._told(code)

    def wait_until_stopped(self) -> bool:
        """Wait until it stands still, or has ended: False."""
        return self.workers._ask({"do": "wait", "pid": self.pid, "stopped": True}) == -signal.SIGSTOP

    def _told(self, code: int) -> Ended:
        lines = self.marks.read_text().splitlines()
        said = [line.removeprefix("= ") for line in lines if line.startswith("= ")]
        points = [line for line in lines if not line.startswith("= ")]
        return Ended(code=code, points=points, said="; ".join(said))


def serve() -> None:
    """Fork workers until stdin ends; nothing here has threads, so a fork copies nothing half done."""
    import core.proposals
    import core.verify
    from jobs.job import all_jobs
    from jobs.provider import stripe_rail
    from tests.drill import doing

    del core
    all_jobs()
    stripe_rail("sk_test_warm", "acct_warm", "http://127.0.0.1:9")
    stripe_rail.cache_clear()
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            answer = os.fork()
            if answer == 0:
                _become(order, doing.work)
        else:
            answer = _wait(order["pid"], stopped=order["stopped"])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _wait(pid: int, *, stopped: bool) -> int:
    _, status = os.waitpid(pid, os.WUNTRACED if stopped else 0)
    if os.WIFSTOPPED(status):
        return -os.WSTOPSIG(status)
    return os.waitstatus_to_exitcode(status)


def _become(order: dict[str, Any], work: Any) -> None:  # noqa: ANN401 - imported late, so that the parent is warm
    told = order["task"] | {"now": datetime.fromisoformat(order["task"]["now"]).astimezone(UTC)}
    fd = os.open(order["marks"], os.O_WRONLY | os.O_APPEND)
    code = ENDED_BADLY
    with suppress(BaseException):
        code = work(Task(**told), fd)
    os._exit(code)


if __name__ == "__main__":
    serve()
