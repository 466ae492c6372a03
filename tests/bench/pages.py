"""`python -m tests.bench.pages`: how long each page takes on a desk of a year (tests/bench/filling.py), without the browser.

A page is run whole as the dashboard would, by the person who sees most of it; the first figure is the first time it is opened.
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from unittest.mock import patch

from sqlalchemy import text
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from db.engine import make_engine
from pages.shared import faults
from pages.shared.sign_in import STATUS, USERNAME
from tests.bench.filling import desk_of_a_year
from tests.world import add_people

APP = Path(__file__).parents[2] / "app.py"
TIMEOUT_S = 300
CALLS = 3
# A payout, a partner, a customer and an earning out of the middle of many.
PAGES = {
    "overview": {},
    "queue": {},
    "queue, ready": {"view": "ready"},
    "queue, blocked": {"view": "blocked"},
    "queue, paid": {"view": "paid"},
    "queue, a name": {"view": "all", "search": "Partner 777"},
    "batch": {},
    "payout": {"id": "{payout}"},
    "partners": {},
    "partners, a name": {"search": "Partner 777"},
    "partner": {"code": "P777"},
    "customer": {"id": "777"},
    "earning": {"id": "777"},
    "find": {"q": "s777"},
    "find, a name": {"q": "Partner 777"},
    "analytics": {},
    "analytics, a year": {"period": "365"},
    "analytics, owed": {"view": "owed"},
    "analytics, speed": {"view": "speed"},
    "analytics, partners": {"view": "partners"},
    "analytics, customers": {"view": "customers"},
    "analytics, fees": {"view": "fees"},
    "analytics, cash": {"view": "cash"},
    "simulator": {"program": "creator"},
    "simulator, hold": {"program": "creator", "hold": "14"},
    "as_of": {},
    "month_end": {},
    "reconciliation": {},
    "operations": {},
    "imports": {},
    "programs": {},
    "people": {},
    "audit": {},
    "payment_files": {},
}


def ended(fault: Exception, place: faults.Place) -> None:  # noqa: ARG001 - as it is called
    """What a page would tell in words of its own ends the command."""
    raise fault


def seconds(page: str, query: dict[str, str]) -> float:
    """How long one whole run of a page took; a page that shows a fault ends the command."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.session_state[STATUS], app.session_state[USERNAME] = True, "ada"
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"pages/{page}.py")
    begun = time.perf_counter()
    app.run()
    took = time.perf_counter() - begun
    if app.exception:
        raise SystemExit(f"{page}: {app.exception[0].message}")
    return took


def measure(payout_id: int) -> None:
    """Print the first and the median time of each page."""
    PagesManager.uses_pages_directory = False
    print(f"{'':<28}{'first':>10}{'then':>10}")
    for name, query in PAGES.items():
        page = name.split(",", maxsplit=1)[0]
        given = {key: value.format(payout=payout_id) for key, value in query.items()}
        first, *then = (seconds(page, given) for _ in range(CALLS + 1))
        print(f"{name:<28}{first:>8.2f} s{median(then):>8.2f} s", flush=True)


def main() -> None:
    """Fill, measure, print."""
    now = datetime.now(UTC).replace(microsecond=0)
    with (
        desk_of_a_year("python -m tests.bench.pages", __doc__, now=now) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        owner = make_engine(url, application_name="paydesk bench", pool_size=1)
        with owner.begin() as conn:
            add_people(conn, now=now)
            waiting = conn.execute(text("SELECT max(id) FROM payout WHERE status = 'pending'")).scalar_one()
        owner.dispose()
        os.environ |= {"DATABASE_URL": url, "PAYDESK_ENV": "test", "PAYDESK_DATA_DIR": folder}
        with patch.object(faults, "tell", ended):
            measure(waiting)


if __name__ == "__main__":
    main()
