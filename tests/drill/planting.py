"""Planted bugs: each patch of `tests/drill/bugs` puts one money bug into a copy of the desk, and the drill must turn red.

A patch says on its first line what it does, and on its second which test is the likeliest to catch it; that one runs first,
and everything else of the quick drill only if it stays green. What no test catches is a weak drill. A patch that no longer
fits, or a copy that cannot even be tested, is an error and never counts as caught.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUGS = Path(__file__).parent / "bugs"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "data", "shots", "htmlcov", "*.log")
EVERYTHING = ("tests/drill", "tests/faults")
AT_ONCE = 2
TIMEOUT_S = 900
FAILED, NOTHING_FAILED = 1, 0
SUMMARY = re.compile(r"^(FAILED|ERROR) (\S+?)(?: - (.*))?$", re.MULTILINE)


class NotPlanted(Exception):
    """A patch that says nothing: it does not fit, or the copy could not be tested at all."""


@dataclass(frozen=True, kw_only=True)
class Bug:
    """One patch: what it does, and which tests are run first."""

    name: str
    sentence: str
    first: tuple[str, ...]
    patch: Path


@dataclass(frozen=True, kw_only=True)
class Caught:
    """What became of one bug; `by` is the test and what it said, or empty: it survived."""

    bug: Bug
    by: str
    seconds: float


def bugs() -> list[Bug]:
    """Return the planted bugs by name; refuses a patch without its two lines."""
    found = []
    for patch in sorted(BUGS.glob("*.patch")):
        sentence, first, *_ = patch.read_text().splitlines()
        if not sentence.endswith(".") or not first.startswith("First: "):
            raise NotPlanted(f"{patch.name} does not say what it does and what catches it")
        where = tuple(first.removeprefix("First: ").split())
        found.append(Bug(name=patch.stem, sentence=sentence, first=where, patch=patch))
    return found


@contextmanager
def copy_of_the_desk() -> Iterator[Path]:
    """Give a copy of the working tree, without its environment and history."""
    with tempfile.TemporaryDirectory(prefix="desk-planted-") as folder:
        copy = Path(folder) / "desk"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        yield copy


def put_in(bug: Bug, copy: Path, *, dry_run: bool = False) -> None:
    """Apply a bug's patch, exactly; refuses NotPlanted where it does not fit any more."""
    command = ["patch", "--batch", "--forward", "--fuzz=0", "--strip=1", f"--input={bug.patch}"]
    command += ["--dry-run"] if dry_run else ["--no-backup-if-mismatch"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotPlanted(f"{bug.name}.patch does not fit any more:\n{done.stdout}{done.stderr}")


def tested(copy: Path, *what: str) -> str:
    """Run these tests in a copy until one fails; return which did and what it said, or "" when all passed.

    Refuses NotPlanted when they could not be run.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", *what]
    done = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=_environment()
    )
    if done.returncode == NOTHING_FAILED:
        return ""
    said = SUMMARY.search(done.stdout)
    if done.returncode != FAILED or said is None or said[1] == "ERROR":
        raise NotPlanted(f"the tests could not be run:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return f"{said[2]}: {said[3] or ''}"


def _environment() -> dict[str, str]:
    """Nothing of ours but what a test run needs, so that no setting of this machine's decides."""
    kept = {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "DATABASE_URL", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name in kept}


def plant(bug: Bug) -> Caught:
    """Put one bug into a copy and run the quick drill there. Refuses NotPlanted."""
    begun = time.monotonic()
    with copy_of_the_desk() as copy:
        put_in(bug, copy)
        by = tested(copy, *bug.first) or tested(copy, *EVERYTHING)
    return Caught(bug=bug, by=by, seconds=time.monotonic() - begun)


def clean() -> str:
    """Run the quick drill in a copy without any bug; return what failed, or "" as it must be."""
    with copy_of_the_desk() as copy:
        return tested(copy, *EVERYTHING)


def plant_all(tell: Callable[[str], None], wanted: list[Bug]) -> list[str]:
    """Plant these bugs, two at a time, telling of each; return what is wrong with the drill."""

    def one(bug: Bug) -> tuple[str, str]:
        try:
            caught = plant(bug)
        except (NotPlanted, subprocess.TimeoutExpired) as fault:
            return f"  ERROR     {bug.name}: {fault}", f"{bug.name} was not planted"
        if not caught.by:
            return f"  SURVIVED  {bug.name}: {bug.sentence}", f"{bug.name} survived"
        test, _, said = caught.by.partition(": ")
        return f"  caught    {bug.name} in {caught.seconds:.0f} s by {test.rpartition('::')[2]}: {said}"[
            :230
        ], ""

    wrong = []
    with ThreadPoolExecutor(AT_ONCE) as workers:
        for line, fault in workers.map(one, wanted):
            tell(line)
            wrong += [fault] if fault else []
    return wrong
