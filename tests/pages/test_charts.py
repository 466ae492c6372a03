from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from pages.shared import charts
from pages.shared.axes import money_ticks, short_money
from pages.shared.colours import DARK, LIGHT, palette

SALES = pd.DataFrame(
    {
        "day": [date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16)],
        "revenue_minor": [10_000_00, 25_000_00, 0],
        "earned_minor": [8_000_00, -500_00, 100],
    }
)
SERIES = [
    charts.Series("revenue_minor", "Revenue", "teal"),
    charts.Series("earned_minor", "Partner earnings", "blue", "dots"),
]


def test_money_ticks_are_round_and_span_every_amount_and_zero():
    values, texts = money_ticks([-18_400_00, 148_220_40], "EUR")

    assert texts == ["−€50k", "€0", "€50k", "€100k", "€150k"]
    assert values[0] <= -18_400
    assert values[-1] >= 148_220.4


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "EUR", "€0"),
        (150_000_00, "EUR", "€150k"),
        (-2_500_00, "EUR", "−€2.5k"),
        (1_234_567_00, "USD", "$1.2M"),
        (999, "USD", "$9.99"),
        (150_000, "JPY", "¥150k"),
        (1_500, "KWD", "KWD1.50"),
    ],
)
def test_an_axis_writes_money_short_in_the_currency_of_the_amount(minor: int, currency: str, text: str):
    assert short_money(minor, currency) == text


def test_a_bar_is_as_long_as_its_amount_in_major_units_and_hovers_with_the_exact_amount():
    figure = charts.money_over_time(SALES, SERIES, currency="EUR", colours=LIGHT).figure

    bars, line = figure.data
    assert list(bars.y) == [10_000.0, 25_000.0, 0.0]
    assert list(line.y) == [8_000.0, -500.0, 1.0]
    assert list(line.customdata) == ["€8,000.00", "−€500.00", "€1.00"]


def test_a_series_keeps_its_colour_by_meaning_when_another_one_is_left_out():
    both = charts.money_over_time(SALES, SERIES, currency="EUR", colours=DARK).figure
    alone = charts.money_over_time(SALES, SERIES[1:], currency="EUR", colours=DARK).figure

    assert both.data[1].line.color == alone.data[0].line.color == DARK.blue
    assert both.layout.showlegend is True
    assert alone.layout.showlegend is False


def test_the_sentence_of_a_chart_says_the_totals_and_the_peak():
    alt = charts.money_over_time(SALES, SERIES, currency="EUR", colours=LIGHT).alt

    assert alt == (
        "2 Nov to 16 Nov: Revenue €35,000.00, most at 9 Nov with €25,000.00;"
        " Partner earnings €7,501.00, most at 2 Nov with €8,000.00."
    )


def test_status_bars_wear_the_colours_of_their_badges():
    frame = pd.DataFrame({"status": ["pending", "failed", "cancelled"], "count": [372, 96, 1_028]})

    chart = charts.status_bars(frame, colours=LIGHT)

    (bars,) = chart.figure.data
    assert list(bars.marker.color) == [LIGHT.amber, LIGHT.red, LIGHT.gray]
    assert list(bars.text) == ["372", "96", "1,028"]
    assert chart.alt == "Payouts by status: 372 pending, 96 failed, 1,028 cancelled."


def test_a_ranking_says_amount_and_share_at_the_end_of_each_bar():
    frame = pd.DataFrame(
        {"name": ["Kiosk 24", "Vinyl & Co"], "amount_minor": [112_400_00, 61_000_00], "share": [0.062, 0.033]}
    )

    chart = charts.top_bars(frame, currency="EUR", colours=LIGHT)

    (bars,) = chart.figure.data
    assert list(bars.text) == ["€112.4k · 6.2%", "€61k · 3.3%"]
    assert chart.figure.layout.yaxis.autorange == "reversed"
    assert chart.alt == "Most first: Kiosk 24 €112,400.00; Vinyl & Co €61,000.00."


def test_an_empty_frame_draws_an_empty_figure_and_says_so():
    chart = charts.money_over_time(SALES.iloc[:0], SERIES, currency="EUR", colours=LIGHT)

    assert [len(trace.x or ()) for trace in chart.figure.data] == [0, 0]
    assert chart.alt == "Nothing to draw."


def test_anything_but_dark_is_light():
    assert palette("dark") is DARK
    assert palette(None) is LIGHT
