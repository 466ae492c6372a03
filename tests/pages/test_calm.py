"""What no page may forget: a chart says what it draws, a status is more than its colour, nothing comes from elsewhere."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from pages.shared import status

ROOT = Path(__file__).parents[2]


def calls(name: str) -> list[tuple[str, ast.Call]]:
    return [
        (path.name, node)
        for path in (ROOT / "pages").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def test_every_chart_and_every_picture_says_in_words_what_it_shows():
    for name in ("plotly_chart", "image"):
        drawn = calls(name)
        assert drawn
        for where, call in drawn:
            assert "alt" in {keyword.arg for keyword in call.keywords}, where


def test_no_status_signal_or_outcome_is_told_by_its_colour_alone():
    for looks in (status.STATUS, status.OUTCOMES, status.SIGNALS, status.PRIORITY):
        for code, look in looks.items():
            assert look.word, code
            assert look.icon, code
    for looks in (status.STATUS, status.OUTCOMES):
        assert all(look.glyph for look in looks.values())


def test_fonts_are_our_own_files_and_no_page_names_another_host():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    for face in config["theme"]["fontFaces"]:
        assert (ROOT / face["url"].removeprefix("app/")).is_file()
    for path in (ROOT / "pages").rglob("*.py"):
        hosts = re.findall(r"https?://([\w.-]+)", path.read_text())
        assert set(hosts) <= {"dashboard.stripe.com"}, path.name  # a link that a person follows, never loaded
