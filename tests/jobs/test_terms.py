"""What the words of a command line may say."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime

import pytest

from jobs.cli.main import build_parser, main
from jobs.cli.terms import WrongUsage


def read(*argv: str) -> Namespace:
    return build_parser().parse_args(argv)


def test_an_id_is_plain_digits():
    assert (read("payout", "10").id, read("payout", "0010").id) == (10, 10)
    for given in ("1_0", " 10", "10 ", "+10", "\u0661", "\uff11", "1.0", "0", "", "ten", str(2**63)):
        with pytest.raises(WrongUsage, match="number from 1"):
            read("payout", given)


def test_an_instant_lies_in_years_the_desk_can_count_with():
    assert read("verify", "--now", "2026-11-20T12:00:00+02:00").now == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert read("verify", "--now", "2026-11-20").now == datetime(2026, 11, 20, tzinfo=UTC)
    for given in (
        "0001-01-01T00:00:00+14:00",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
        "1969-12-31",
        "",
        "soon",
    ):
        with pytest.raises(WrongUsage, match="instant"):
            read("verify", "--now", given)


@pytest.mark.parametrize(
    "argv",
    [
        ("summary", "\udcff"),
        ("approve", "1", "--as", "\udcff"),
        ("approve", "1_0", "--as", "ada"),
        ("health", "--now", "0001-01-01T00:00:00Z"),
        ("queue", "--now", "9999-12-31T23:59:59Z"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]):
    assert main([*argv, "--json"]) == 2
    shown = capsys.readouterr()
    assert list(json.loads(shown.out)) == ["error"]
    assert "Traceback" not in shown.err
