"""The queue's filter and its address."""

from datetime import UTC, date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reads.filters import DAYS, METHODS, PRIORITIES, STATUSES, VIEWS, PayoutFilter

CODES = st.none() | st.text(st.characters(exclude_characters="\x00"), min_size=1, max_size=50).map(
    str.strip
).filter(bool)


@given(
    st.builds(
        PayoutFilter,
        view=st.sampled_from(VIEWS),
        status=st.none() | st.sampled_from(STATUSES),
        priority=st.none() | st.sampled_from(PRIORITIES),
        method=st.none() | st.sampled_from(METHODS),
        program=CODES,
        currency=CODES,
        partner=CODES,
        days=st.none() | st.sampled_from(list(DAYS)),
        since=st.none() | st.dates(),
        until=st.none() | st.dates(),
        queued_after=st.none() | st.datetimes(timezones=st.just(UTC)),
        ended_after=st.none() | st.datetimes(timezones=st.just(UTC)),
        search=CODES.map(lambda code: code or ""),
    )
)
def test_a_filter_survives_its_address(wanted: PayoutFilter):
    query = wanted.to_query()
    assert all(isinstance(value, str) for value in query.values())
    assert PayoutFilter.from_query(query) == wanted


def test_the_plain_filter_needs_no_address():
    assert PayoutFilter().to_query() == {}


@pytest.mark.parametrize(
    "query",
    [
        {"view": "everything", "status": "sleeping", "priority": "9", "method": "cash", "days": "1y"},
        {"since": "yesterday", "until": "2026-02-30", "stranger": "x"},
        {"queued_after": "2026-03-01", "ended_after": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_unknown_values_of_an_address_ask_nothing(query: dict[str, str]):
    assert PayoutFilter.from_query(query) == PayoutFilter()


def test_a_search_is_cut_and_loses_what_the_database_cannot_hold():
    wanted = PayoutFilter.from_query({"search": "  ab\x00c" + "x" * 500})
    assert wanted.search.startswith("abcx")
    assert len(wanted.search) <= 200
    assert PayoutFilter.from_query({"since": "2026-03-01"}).since == date(2026, 3, 1)
