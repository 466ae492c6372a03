"""The embedded server: one for all, never lost, never handed out dead."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from db import server

STARTER = "import sys, pathlib; from db import server; print(server.start(pathlib.Path(sys.argv[1])))"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("desk")
    yield folder
    server.stop(folder)


def answer(url: str, question: str) -> object:
    with psycopg.connect(url, connect_timeout=60) as conn:
        row = conn.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def started_elsewhere(folder: Path) -> str:
    command = [sys.executable, "-c", STARTER, str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout.strip()


def test_processes_that_start_it_at_once_share_one_server_that_outlives_them(folder: Path):
    with ThreadPoolExecutor() as several:
        urls = set(several.map(started_elsewhere, [folder] * 3))

    [url] = urls
    assert server.start(folder) == url
    assert answer(url, "SELECT current_database()") == "paydesk"


def test_what_was_committed_survives_stop_and_start(folder: Path):
    with psycopg.connect(server.start(folder)) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 7 AS figure")

    assert server.is_running(folder)
    assert server.stop(folder) is True
    assert server.stop(folder) is False
    assert not server.is_running(folder)
    assert answer(server.start(folder), "SELECT figure FROM kept") == 7


def test_a_commit_is_on_disk_before_it_is_told(folder: Path):
    url = server.start(folder)
    assert {
        name: answer(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")
    } == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
    }


def test_our_settings_hold_and_a_persons_own_win(folder: Path):
    url = server.start(folder)
    assert answer(url, "SHOW shared_buffers") == "256MB"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET shared_buffers = '64MB'")

    server.stop(folder)
    assert answer(server.start(folder), "SHOW shared_buffers") == "64MB"


@pytest.mark.faults
def test_a_killed_server_is_started_again_with_what_was_committed(folder: Path):
    with psycopg.connect(server.start(folder)) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 7 AS figure")
    killed = postmaster(folder)

    os.kill(killed, signal.SIGKILL)
    url = server.start(folder)

    assert answer(url, "SELECT figure FROM kept") == 7
    assert postmaster(folder) != killed


@pytest.mark.faults
def test_a_pid_file_that_names_another_program_is_not_believed(folder: Path):
    server.start(folder)
    pid_file = folder / "postgres" / "postmaster.pid"
    left_behind = pid_file.read_text().splitlines()
    server.stop(folder)
    pid_file.write_text("\n".join([str(os.getpid()), *left_behind[1:]]) + "\n")

    assert answer(server.start(folder), "SELECT 1") == 1
    assert psutil.Process(postmaster(folder)).name().startswith("postgres")


@pytest.mark.faults
def test_making_it_cut_short_is_made_anew(folder: Path):
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    (folder / ".postgres.unfinished").touch()

    assert answer(server.start(folder), "SELECT 1") == 1


@pytest.mark.faults
def test_a_folder_that_holds_something_else_is_kept_and_the_fault_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "START_TIMEOUT_S", 0)
    (folder / "postgres").mkdir()
    theirs = folder / "postgres" / "letter.txt"
    theirs.write_text("dear")

    with pytest.raises(server.ServerDidNotStart, match="does not answer"):
        server.start(folder)
    assert theirs.read_text() == "dear"


def test_started_already_it_is_handed_out_at_once(folder: Path):
    server.start(folder)
    took_s = []
    for _ in range(3):
        before = time.perf_counter()
        server.start(folder)
        took_s.append(time.perf_counter() - before)
    assert min(took_s) < 2, took_s  # a busy machine takes its time now and then
