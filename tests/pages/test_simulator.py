"""The policy simulator as a person sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from tests.desk import Desk

Open = Callable[..., AppTest]
DAY = timedelta(days=1)


@pytest.fixture
def asked(desk: Engine, now: datetime, tmp_path: Path) -> Engine:
    """An affiliate who asked for $40 twenty days ago and for $20 ten days ago."""
    life = Desk(desk, tmp_path)
    life.partner("AF-1")
    life.sale("AF-1", "60.00", ref="s1", at=now - 21 * DAY, now=now - 21 * DAY)
    life.release(now - 21 * DAY)
    for amount, days in (("40.00", 20), ("20.00", 10)):
        life.request("AF-1", amount, now=now - days * DAY)
    return desk


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def shown(table: Any) -> pd.DataFrame:  # noqa: ANN401 - an element of AppTest
    """A table as it is read: figures that are aligned right stand in what is displayed."""
    given = convert_arrow_bytes_to_pandas_df(table.proto.arrow_data.styler.display_values)
    return given.set_axis(table.value.columns, axis="columns")


def words(app: AppTest) -> str:
    parts = [one.value for one in (*app.markdown, *app.caption)]
    return "\n".join([*parts, *(table.value.to_string() for table in app.table)])


@pytest.mark.usefixtures("asked")
def test_the_terms_in_force_show_what_happened(open_page: Open) -> None:
    app = open_page("vera", "simulator", program="affiliate")
    assert not app.exception
    assert figures(app)["Payouts"] == "2"
    assert figures(app)["Put into payouts, USD"] == "$60.00"
    assert "What is tried" not in words(app)
    assert "Nothing is tried yet: change a term above" in words(app)
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert [trace["customdata"][-1] for trace in spec["data"]] == ["$60.00"] * 3
    assert app.get("plotly_chart")[0].proto.alt


@pytest.mark.usefixtures("asked")
def test_a_minimum_of_the_address_makes_one_payout_of_two(open_page: Open) -> None:
    app = open_page("ada", "simulator", program="affiliate", minimum="45", cash="table")
    assert not app.exception
    assert figures(app)["Payouts"] == "1"
    assert figures(app)["Put into payouts, USD"] == "$60.00"
    assert figures(app)["Fees"] == "$0.25"
    assert "What is tried" in words(app)
    assert "Nothing is tried yet" not in words(app)


def test_what_a_longer_hold_still_holds_has_a_row_and_every_column_the_same_sum(
    desk: Engine, open_page: Open, now: datetime, tmp_path: Path
) -> None:
    life = Desk(desk, tmp_path)
    life.partner("AF-1", now=now - 60 * DAY)
    for back, amount in ((50, "60.00"), (35, "25.00"), (3, "10.00")):
        at = now - back * DAY
        life.sale("AF-1", amount, ref=f"s{back}", at=at, now=at)
    life.release(now - 1 * DAY)
    life.request("AF-1", "60.00", now=now - DAY)

    app = open_page("vera", "simulator", program="affiliate", hold="40")

    assert not app.exception
    table = next(shown(one) for one in app.table if "Still held at the end" in set(one.value.iloc[:, 0]))
    cells = {str(row.iloc[0]): [_minor(str(cell)) for cell in row.iloc[1:]] for _, row in table.iterrows()}
    parts = [cells[name] for name in ("Put into payouts", "Left at the end", "Still held at the end")]
    assert [sum(column) for column in zip(*parts, strict=True)] == cells["**In all**"] == [9_500] * 3
    assert cells["Still held at the end"] == [0, 0, 3_500]


def _minor(cell: str) -> int:
    digits = "".join(one for one in cell if one.isdigit())
    return int(digits or 0) * (-1 if "−" in cell else 1)


@pytest.mark.usefixtures("asked")
def test_what_is_typed_stands_in_the_address_and_is_tried_at_once(open_page: Open) -> None:
    app = open_page("ada", "simulator", program="affiliate")
    app.text_input(key="tried-affiliate-fixed").set_value("1").run()
    assert "1" in app.query_params["fixed"]
    assert figures(app)["Fees"] == "$2.00"


@pytest.mark.usefixtures("asked")
def test_what_cannot_be_read_is_named_and_nothing_is_tried(open_page: Open) -> None:
    app = open_page("ada", "simulator", program="affiliate", minimum="4,5")
    assert not app.exception
    assert "Minimum" in words(app)
    assert not app.metric
    beyond = open_page("ada", "simulator", program="affiliate", pct="250")
    assert not beyond.exception
    assert not beyond.metric


def test_a_program_without_payouts_says_so(open_page: Open) -> None:
    app = open_page("ada", "simulator", program="creator", schedule="daily", hold="14")
    assert not app.exception
    assert "Nothing to replay" in words(app)
