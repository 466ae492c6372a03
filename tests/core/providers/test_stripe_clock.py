"""A machine whose clock is wrong sends nothing, and says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.gate import Gate
from core.providers.stripe import StripeTransfers
from core.providers.stripe_clock import ClockSkewed, skew_s
from core.sending import send_due
from tests.desk import NOW, Balance, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.rails import moved

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("ahead_s", "words"), [(60, "s behind Stripe's"), (-60, "s ahead of Stripe's")])
def test_a_clock_that_is_wrong_claims_nothing_until_it_is_set(
    desk: Desk, fake: FakeStripe, rail: StripeTransfers, ahead_s: int, words: str
) -> None:
    payout = desk.approved()
    fake.service.ahead = timedelta(seconds=ahead_s)

    with pytest.raises(ClockSkewed, match=words):
        send_due(desk.engine, rail, now=NOW, gate=Gate())

    assert (desk.status(payout), moved(fake)) == ("approved", [])
    assert desk.balance("AFF1") == Balance(0, 75_00, 25_00, 0, 0)
    fake.service.ahead = timedelta()
    assert send_due(desk.engine, rail, now=NOW, gate=Gate()).succeeded == 1


@pytest.mark.parametrize(
    ("theirs_s", "took_s", "ahead_s"),
    [
        (0, 0.2, 0),  # the same second
        (-0.9, 0.2, 0),  # the header cuts its fraction off
        (20, 30, 0),  # written any time while we waited
        (-6.5, 0.2, 5),  # a bit over what counts
        (-61, 0.2, 60),
        (60, 0.2, -59.8),
        (60, 30, -30),
    ],
)
def test_only_what_cannot_be_waiting_counts(theirs_s: float, took_s: float, ahead_s: float) -> None:
    headers = {"Date": format_datetime(AT + timedelta(seconds=theirs_s), usegmt=True)}
    asked_at = AT.timestamp()

    assert skew_s(headers, asked_at=asked_at, answered_at=asked_at + took_s) == pytest.approx(ahead_s, abs=1)


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}, {"Date": ""}])
def test_an_answer_without_a_readable_date_says_nothing(headers: dict[str, str]) -> None:
    assert skew_s(headers, asked_at=0, answered_at=1) == 0
