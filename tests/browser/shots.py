"""A picture of every page, both themes, two widths: `python -m tests.browser.shots [FOLDER] [URL NAME PASSWORD]`.

Without an address it makes a desk of its own, fills it, and ends it.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from playwright.sync_api import Page

from core.programs import install_presets
from db import server
from db.engine import make_engine
from db.migrate import migrate
from tests.browser.desk import dashboard
from tests.browser.driving import Theme, browser, new_page, settle, sign_in, tick
from tests.world import PASSWORD, populate

SIZES = ((1440, 900), (1024, 768))
PAGES = {
    "overview": "",
    "queue": "queue",
    "payout": "payout?id=2",
    "payout-paid": "payout?id=60",
    "batch-build": "batch",
    "partners": "partners",
    "analytics": "analytics",
    "month-end": "month_end",
    "reconciliation": "reconciliation?days=shown",
    "imports": "imports",
    "programs": "programs",
    "program": "programs?program=affiliate&edit=1",
    "operations": "operations",
    "people": "people",
    "audit": "audit",
}


def main() -> None:
    """Take the pictures into a folder, `shots` unless told otherwise."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "shots")
    folder.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 2:
        take(folder, *sys.argv[2:5])
        return
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name)
        url = server.start(data_dir)
        try:
            engine, now = make_engine(url, application_name="paydesk pictures"), datetime.now(UTC)
            migrate(engine)
            with engine.begin() as conn:
                install_presets(conn, now=now)
            populate(engine, now=now)
            engine.dispose()
            with dashboard(url, data_dir) as address:
                take(folder, address, "ada", PASSWORD)
        finally:
            server.stop(data_dir)


def take(folder: Path, url: str, name: str, password: str) -> None:
    """Take every page of a running desk as this person."""
    with browser() as opened:
        for theme in get_args(Theme):
            for width, height in SIZES:
                page = new_page(opened, width=width, height=height, theme=theme)
                sign_in(page, url, name, password)
                for shown, path in PAGES.items():
                    page.goto(f"{url}/{path}")
                    page.get_by_role("button", name="Sign out").wait_for()
                    settle(page)
                    page.screenshot(path=folder / f"{shown}_{theme}_{width}.png")
                _with_a_dialog(page, url, folder, f"{theme}_{width}")
                page.context.close()


def _with_a_dialog(page: Page, url: str, folder: Path, suffix: str) -> None:
    page.goto(f"{url}/queue?view=ready")
    page.get_by_role("button", name="Sign out").wait_for()
    settle(page)
    tick(page, 0, 1, 2)
    page.screenshot(path=folder / f"queue-selected_{suffix}.png")
    page.get_by_role("button", name="Approve 3 ·").click()
    page.get_by_role("dialog").wait_for()
    settle(page)
    page.screenshot(path=folder / f"queue-dialog_{suffix}.png")


if __name__ == "__main__":
    main()
