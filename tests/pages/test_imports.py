from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from core.programs import install_presets
from tests import builders

Open = Callable[..., AppTest]
HEADER = "program,partner_code,kind,source_ref,occurred_at,gross,currency,description\n"
GOOD = "affiliate,AFF1,commission,s1,2026-11-01T10:00:00Z,100.00,USD,Order\n"
BAD = "affiliate,NOBODY,commission,s2,2026-11-01T10:00:00Z,7.00,USD,Order\n"


def words(app: AppTest) -> str:
    said = [*(one.value for one in app.markdown), *(one.value for one in app.caption)]
    return "\n".join(said).replace("\\", "")


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def cells(app: AppTest) -> str:
    return "\n".join(str(one.value.to_string()) for one in app.table).replace("\\", "")


def finished(app: AppTest) -> AppTest:
    """The page as it is once the work behind it has come to its end."""
    for thread in threading.enumerate():
        if thread.name.startswith("import "):
            thread.join()
    return app.run()


def cells_as_written(app: AppTest) -> str:
    return "\n".join(str(one.value.to_string()) for one in app.table)


def dropped(open_page: Open, content: str, *, name: str = "max") -> AppTest:
    app = open_page(name, "imports")
    app.file_uploader[0].set_value(("november.csv", content.encode(), "text/csv")).run()
    return finished(app)


def sales(desk: Engine) -> list[tuple[str, int]]:
    with desk.connect() as conn:
        return [(row[0], row[1]) for row in conn.execute(text("SELECT source_ref, gross_minor FROM sale"))]


@pytest.fixture
def partner(desk: Engine, now: datetime) -> None:
    """An affiliate whom a file can name."""
    with desk.begin() as conn:
        install_presets(conn, now=now)
        program = conn.execute(text("SELECT id FROM program WHERE code = 'affiliate'")).scalar_one()
        builders.partner(conn, program, "AFF1")


@pytest.mark.usefixtures("partner")
class TestImport:
    def test_a_file_is_shown_first_and_taken_in_only_by_the_button(
        self, desk: Engine, open_page: Open
    ) -> None:
        app = dropped(open_page, HEADER + GOOD + BAD)

        assert not app.exception
        assert "nothing is written yet" in words(app)
        assert (figures(app)["New"], figures(app)["Refused"]) == ("1", "1")
        assert "The new ones come to $100.00 gross." in words(app)
        assert "There is no partner NOBODY." in cells(app)
        assert sales(desk) == []

        app.button(key="import-go").click().run()
        app = finished(app)

        assert not app.exception
        assert "Taken in" in words(app)
        assert sales(desk) == [("s1", 100_00)]

    def test_the_same_file_again_adds_nothing_and_says_so(self, desk: Engine, open_page: Open) -> None:
        first = dropped(open_page, HEADER + GOOD)
        first.button(key="import-go").click().run()
        finished(first)

        again = dropped(open_page, HEADER + GOOD)
        assert "Taken in" in words(again)
        next(button for button in again.button if button.label == "Another file").click().run()
        once_more = dropped(open_page, HEADER + GOOD)

        assert figures(once_more)["Known already"] == "1"
        assert "taking it in would change nothing" in words(once_more)
        assert sales(desk) == [("s1", 100_00)]

    def test_a_file_that_is_none_of_ours_is_asked_about(self, open_page: Open) -> None:
        app = dropped(open_page, "a,b\n1,2\n")
        assert not app.exception
        assert app.button_group(key="import-kind").value is None

    def test_a_file_that_cannot_be_read_says_what_to_do(self, open_page: Open) -> None:
        app = open_page("max", "imports")
        app.file_uploader[0].set_value(("x.csv", HEADER.encode("utf-16"), "text/csv")).run()
        assert "save it as CSV UTF-8" in words(finished(app))

    def test_a_viewer_sees_what_came_in_and_can_drop_nothing(self, open_page: Open) -> None:
        app = open_page("vera", "imports")
        assert len(app.file_uploader) == 0
        assert "takes a maker, operator or admin" in words(app)

    def test_before_anything_is_dropped_there_are_files_to_fill_in(self, open_page: Open) -> None:
        app = open_page("max", "imports")
        assert [one.proto.label for one in app.get("download_button")] == ["Partners", "Customers", "Sales"]

    def test_every_file_opens_with_what_it_did_and_the_rows_that_did_not_go_in(
        self, desk: Engine, open_page: Open
    ) -> None:
        app = dropped(open_page, HEADER + GOOD + BAD)
        app.button(key="import-go").click().run()
        finished(app)
        with desk.connect() as conn:
            run = conn.execute(text("SELECT id FROM import_file")).scalar_one()
        assert f"[november\\.csv](/imports?run={run})" in cells_as_written(open_page("vera", "imports"))

        app = open_page("max", "imports", run=str(run))
        assert not app.exception
        assert figures(app) == {
            "New": "1", "Changed": "0", "Known already": "0", "Refused": "1", "In conflict": "0"
        }  # fmt: skip
        assert "NOBODY" in cells(app)
        assert f"(/audit?of=import+{run})" in app.table[-1].proto.SerializeToString().decode(errors="ignore")
        assert [one.proto.label for one in app.get("download_button")] == ["Rejects"]

        app = open_page("vera", "imports", run=str(run))
        assert "NOBODY" not in cells(app)
        assert not app.get("download_button")

    def test_a_number_that_is_no_file_says_so(self, open_page: Open) -> None:
        assert "No such file" in words(open_page("max", "imports", run="999"))
