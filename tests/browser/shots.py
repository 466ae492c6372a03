"""A picture of every page, full and empty, both themes, two widths: `python -m tests.browser.shots [FOLDER] [NAME …]`.

The full desk is the demo after a look at the books, with a scheduler's heartbeat and no scheduler, so that it stands still;
the empty one has programs and people and nothing else. A page that shows a fault is named, and the command ends with 1. With
names only those pages are taken.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from playwright.sync_api import Browser, Page
from sqlalchemy import Engine, text

from core.access import Actor, load_actor
from core.batches import fix_batch
from core.programs import install_presets
from core.reads.filters import PayoutFilter
from core.reads.payouts import list_payouts
from core.settings import Settings
from core.users import add_user
from db import server
from db.demo import SIGN_INS, load
from db.engine import make_engine
from db.migrate import migrate
from jobs.scheduler import Heart
from tests.browser.desk import ROOT, dashboard, environment
from tests.browser.driving import FAULT, Theme, browser, new_page, settle, sign_in, tick, visit

SIZES = ((1440, 900), (1024, 768))
PASSWORDS = {name: password for name, password, _ in SIGN_INS}
SIGN_IN = "sign-in"  # what stands at every address before anybody is known
PAGES = {
    "overview": "",
    "queue": "queue",
    "queue-blocked": "queue?view=blocked",
    "batch-build": "batch",
    "payment-files": "payment_files",
    "partners": "partners",
    "analytics": "analytics",
    "analytics-owed": "analytics?view=owed",
    "analytics-speed": "analytics?view=speed",
    "analytics-partners": "analytics?view=partners",
    "analytics-customers": "analytics?view=customers",
    "analytics-fees": "analytics?view=fees",
    "analytics-cash": "analytics?view=cash",
    "simulator": "simulator",
    "month-end": "month_end",
    "as-of": "as_of",
    "reconciliation": "reconciliation?days=shown",
    "operations": "operations",
    "imports": "imports",
    "programs": "programs",
    "program": "programs?program=affiliate&edit=1",
    "people": "people",
    "audit": "audit",
    "find": "find?q=an",
}
# One of each kind: the newest payout with a status, the oldest that may be approved, a partner and a customer with much to tell.
ONES = {
    "payout-pending": """
        SELECT 'payout?id=' || min(p.id) FROM payout p
         WHERE status = 'pending' AND NOT EXISTS (SELECT FROM approval a WHERE a.payout_id = p.id)
           AND NOT EXISTS (SELECT FROM hold h WHERE h.partner_id = p.partner_id AND h.closed_at IS NULL)""",
    "payout-paid": "SELECT 'payout?id=' || max(id) FROM payout WHERE status = 'paid'",
    "payout-failed": "SELECT 'payout?id=' || max(id) FROM payout WHERE status = 'failed'",
    "partner": """
        SELECT 'partner?code=' || r.code FROM partner r JOIN hold h ON h.partner_id = r.id AND h.closed_at IS NULL
         ORDER BY (SELECT count(*) FROM payout p WHERE p.partner_id = r.id) DESC, r.id LIMIT 1""",
    "customer": """
        SELECT 'customer?id=' || c.id FROM customer c
         ORDER BY (SELECT count(*) FROM earning e WHERE e.customer_id = c.id) DESC, c.id LIMIT 1""",
    "earning": """
        SELECT 'earning?id=' || max(i.earning_id)
          FROM payout_item i JOIN payout p ON p.id = i.payout_id WHERE p.status = 'paid'""",
    "batch": "SELECT 'batch?id=' || max(id) FROM batch WHERE decision IS NULL",
    "batch-decided": "SELECT 'batch?id=' || max(id) FROM batch WHERE decision IS NOT NULL",
    "payment-file": "SELECT 'payment_files?id=' || min(id) FROM payment_file",
}
QUIET = ("release", "reconcile", "check")  # jobs that send nothing


def main() -> int:
    """Take the pictures into a folder, `shots` unless told otherwise; return 1 when a page shows a fault."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "shots")
    names = frozenset(sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    faults = _desk(folder, names, "", _fill, _one_of_each)
    faults += _desk(folder, names, "empty-", _leave_empty, lambda _engine: {})
    taken = len(list(folder.glob("*.png")))
    sys.stdout.write(f"{taken} pictures in {folder}; {len(faults)} show a fault\n")
    for fault in faults:
        sys.stdout.write(f"  {fault}\n")
    return 1 if faults else 0


def _fill(engine: Engine, data_dir: Path, now: datetime) -> None:
    load(engine, Settings.from_env({"PAYDESK_ENV": "demo", "PAYDESK_DATA_DIR": str(data_dir)}), now=now)
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    for job in QUIET:
        command = [sys.executable, "-m", "jobs", job]
        subprocess.run(command, cwd=ROOT, env=environment(url, data_dir, PAYDESK_ENV="demo"), check=True)
    with engine.begin() as conn:
        ready = list_payouts(conn, PayoutFilter(view="ready"), now=now, masked=False).frame["id"]
        ada = load_actor(conn, "ada", channel="page")
        fix_batch(conn, [int(one) for one in ready], filter_query={"view": "ready"}, actor=ada, now=now)


def _leave_empty(engine: Engine, _data_dir: Path, now: datetime) -> None:
    maker = Actor(name="os:pictures", channel="cli")
    with engine.begin() as conn:
        for name, password, roles in SIGN_INS:
            add_user(conn, name, password, roles, actor=maker, now=now, full_name=name.title(), rounds=4)


def _one_of_each(engine: Engine) -> Mapping[str, str]:
    with engine.connect() as conn:
        found = {name: conn.execute(text(query)).scalar() for name, query in ONES.items()}
    return {name: str(path) for name, path in found.items() if path is not None}


def _desk(
    folder: Path,
    names: frozenset[str],
    prefix: str,
    fill: Callable[[Engine, Path, datetime], None],
    ones: Callable[[Engine], Mapping[str, str]],
) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name)
        url = server.start(data_dir)
        try:
            engine, now = make_engine(url, application_name="paydesk pictures"), datetime.now(UTC)
            migrate(engine)
            with engine.begin() as conn:
                install_presets(conn, now=now)
            fill(engine, data_dir, now)
            pages = {**PAGES, **ones(engine)}
            wanted = {shown: path for shown, path in pages.items() if not names or shown in names}
            heart = Heart(engine)
            heart.start()
            with dashboard(url, data_dir, PAYDESK_ENV="demo") as address, browser() as opened:
                faults = _take(
                    opened, folder, address, wanted, prefix, sign_in_too=not names or SIGN_IN in names
                )
            heart.end()
            engine.dispose()
            return faults
        finally:
            server.stop(data_dir)


def _take(
    opened: Browser, folder: Path, url: str, pages: Mapping[str, str], prefix: str, *, sign_in_too: bool
) -> list[str]:
    """Take the pages as whoever sees most of them, an approver; the one dialog that every morning sees, on a full desk."""
    faults = []
    for theme in get_args(Theme):
        for width, height in SIZES:
            page = new_page(opened, width=width, height=height, theme=theme)
            if sign_in_too:
                page.goto(url)
                page.get_by_label("Password", exact=True).wait_for()
                settle(page)
                page.screenshot(path=folder / f"{prefix}{SIGN_IN}_{theme}_{width}.png")
            sign_in(page, url, "ada", PASSWORDS["ada"])
            for shown, path in pages.items():
                visit(page, f"{url}/{path}")
                name = f"{prefix}{shown}_{theme}_{width}"
                page.screenshot(path=folder / f"{name}.png")
                if page.locator(FAULT).count():
                    faults.append(name)
            if not prefix and "queue" in pages:
                _with_a_dialog(page, url, folder, f"{theme}_{width}")
            page.context.close()
    return faults


def _with_a_dialog(page: Page, url: str, folder: Path, suffix: str) -> None:
    visit(page, f"{url}/queue?view=ready")
    tick(page, 0, 1, 2)
    page.screenshot(path=folder / f"queue-selected_{suffix}.png")
    page.get_by_role("button", name="Approve 3 ·").click()
    page.get_by_role("dialog").wait_for()
    settle(page)
    page.screenshot(path=folder / f"queue-dialog_{suffix}.png")


if __name__ == "__main__":
    sys.exit(main())
