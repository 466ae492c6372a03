"""The command line on a database of the test's own."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from jobs.cli.main import main
from tests.jobs.terminal import NOW, SECRET, Run


@pytest.fixture
def environment(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of a desk on this test's own database."""
    for name in list(os.environ):
        if name.startswith("PAYDESK_"):
            monkeypatch.delenv(name)
    settings = {
        "DATABASE_URL": make_url(database).set(drivername="postgresql").render_as_string(hide_password=False),
        "PAYDESK_ENV": "test",
        "PAYDESK_DATA_DIR": str(tmp_path / "data"),
        "PAYDESK_HTTP_PORT": "18599",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(logging.root, "handlers", list(logging.root.handlers))  # a command sets its own
    return settings


@pytest.fixture
def run(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command with --json and returns its exit code and document."""
    del environment

    def run(*argv: str, stdin: str = "", now: str = NOW) -> tuple[int, object]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main([*argv, "--json", "--now", now])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def desk(run: Run) -> Run:
    """The same, on a desk with its programs and people."""
    assert run("db", "migrate")[0] == 0
    for name, role in (("mia", "maker"), ("ada", "approver"), ("vic", "viewer")):
        assert run("users", "add", name, "--role", role, stdin=SECRET + "\n")[0] == 0
    return run
