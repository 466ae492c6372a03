"""Pausing a job from the command line: by a person, with a reason and an end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.terminal import SECRET, Run

UNTIL = "2026-11-21T12:00:00+00:00"


@pytest.fixture
def ops(desk: Run) -> Run:
    assert desk("users", "add", "ola", "--role", "operator", stdin=SECRET + "\n")[0] == 0
    return desk


def pause(run: Run, *argv: str) -> tuple[int, Any]:
    return run("pause", "queue", "--until", UNTIL, "--reason", "looked at", "--as", "ola", *argv)


def test_a_job_is_paused_and_resumed_by_name(ops: Run) -> None:
    code, made = pause(ops)
    assert (code, made["job"], made["reason"], made["paused_by"]) == (0, "queue", "looked at", "user:ola")
    assert ops("resume", "queue", "--as", "ola") == (0, {"job": "queue", "paused": False})
    code, refused = ops("resume", "queue", "--as", "ola")
    assert (code, refused["refused"]) == (1, "not_paused")  # type: ignore[index]


@pytest.mark.parametrize(
    "argv",
    [
        ["pause", "nothing", "--until", UNTIL, "--reason", "why", "--as", "ola"],
        ["pause", "retry", "--until", UNTIL, "--reason", "why", "--as", "ola"],
        ["pause", "queue", "--until", "2020-01-01", "--reason", "why", "--as", "ola"],
        ["pause", "queue", "--until", UNTIL, "--as", "ola"],
        ["pause", "queue", "--until", UNTIL, "--reason", "why"],
    ],
)
def test_a_wrong_pause_is_wrong_usage(ops: Run, argv: list[str]) -> None:
    assert ops(*argv)[0] == 2


@pytest.mark.parametrize(
    ("job", "user", "code"), [("send", "ola", "never_paused"), ("queue", "ada", "not_allowed")]
)
def test_money_in_flight_is_never_paused_and_it_takes_the_right(
    ops: Run, job: str, user: str, code: str
) -> None:
    exit_code, refused = ops("pause", job, "--until", UNTIL, "--reason", "why", "--as", user)
    assert (exit_code, refused["refused"]) == (1, code)  # type: ignore[index]
