"""Files being taken in, in threads of their own: a closed tab or a second click stops none and begins none twice."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread

import streamlit as st

from core.imports import Counts, ImportResult, import_file
from core.refusals import Refusal
from db.engine import Engine
from pages.shared import desk, faults
from pages.shared.decisions import deciding
from pages.shared.desk import Person

KEPT = 20  # runs whose outcome can still be looked at


@dataclass(frozen=True, kw_only=True)
class File:
    """What was dropped: its name, its kind and its bytes."""

    name: str
    kind: str
    data: bytes

    @property
    def check_key(self) -> str:
        """The same file of the same kind is the same work."""
        return f"check-{self._digest()}"

    @property
    def import_key(self) -> str:
        """Likewise."""
        return f"import-{self._digest()}"

    def _digest(self) -> str:
        return f"{self.kind}-{hashlib.sha256(self.data).hexdigest()}"


@dataclass(kw_only=True)
class Run:
    """One file on its way in, or only checked: how far, and in the end its result with the rejects, or one sentence."""

    file_name: str
    kind: str
    done: Counts = field(default_factory=Counts)
    result: ImportResult | None = None
    rejects: bytes | None = None
    fault: str | None = None

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.result is not None or self.fault is not None


class Runs:
    """The runs of this process by key; the oldest finished ones are forgotten."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs: dict[str, Run] = {}

    def of(self, key: str) -> Run | None:
        """Return the run of a file, under way or over."""
        return self._runs.get(key)

    def begin(self, key: str, run: Run, work: Thread) -> Run:
        """Start the work, unless the same is under way already."""
        with self._lock:
            there = self._runs.get(key)
            if there is not None and not there.over:
                return there
            for old in [each for each, kept in self._runs.items() if kept.over][:-KEPT]:
                del self._runs[old]
            self._runs[key] = run
        work.start()
        return run

    def forget(self, file: File) -> None:
        """Have the same file be looked at anew."""
        with self._lock:
            for kept in (file.check_key, file.import_key):
                self._runs.pop(kept, None)


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """The one list of this process."""
    return Runs()


def check(file: File, person: Person) -> Run:
    """Begin to work out what a file would do; nothing is changed."""
    return _begin(file.check_key, file, person, dry_run=True)


def take_in(file: File, person: Person) -> Run:
    """Begin to take a file in."""
    return _begin(file.import_key, file, person, dry_run=False)


def _begin(key: str, file: File, person: Person, *, dry_run: bool) -> Run:
    run = Run(file_name=file.name, kind=file.kind)
    given = (desk.engine(), desk.settings().data_dir.resolve() / "rejects", run, file, person)
    work = Thread(
        target=_work, args=given, kwargs={"dry_run": dry_run}, name=f"import {file.name}", daemon=False
    )
    return runs().begin(key, run, work)


def _work(engine: Engine, folder: Path, run: Run, file: File, person: Person, *, dry_run: bool) -> None:
    now = datetime.now(UTC)
    try:
        with TemporaryDirectory() as of_a_check:
            with engine.begin() as conn:
                actor = deciding(conn, person)
            result = import_file(
                engine,
                file.kind,
                file.data,
                file_name=file.name,
                actor=actor,
                now=now,
                rejects_dir=Path(of_a_check) if dry_run else folder,
                dry_run=dry_run,
                told=lambda counts: _tell(run, counts),
            )
            if result.rejects_file is not None:
                run.rejects = result.rejects_file.read_bytes()
    except Refusal as refusal:
        run.fault = refusal.sentence
        return
    except Exception as fault:  # noqa: BLE001 - told, and in the log
        run.fault = (
            "Something went wrong. What went in stays; take the file in again and the rest follows."
            f" Reference {faults.noted(fault, f'the import of {file.name}')}."
        )
        return
    run.result = result


def _tell(run: Run, counts: Counts) -> None:
    figures = asdict(counts)
    run.done = Counts(**{name: figures[name] for name in asdict(Counts())})
