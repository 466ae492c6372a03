"""The provider's own list is enough: late, out of order, while it is paged, after a crash, and on connected accounts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from core.events.applying import apply_due
from core.events.polling import KEPT_FOR, poll_accounts, poll_platform, watermark
from core.events.questions import open_questions
from core.providers.stripe_answers import StripeRefused
from core.sending import send_due
from tests.core.events.witness import HAPPENED, MOVED, Witness, effects, states, witnessing
from tests.desk import DAY, HOUR, NOW, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.parts import Body, Refusal
from tests.stripe.rails import rail_to
from tests.stripe.telling import apply_all, source_of

MINUTE = timedelta(minutes=1)


@pytest.fixture
def witness() -> Iterator[Witness]:
    with witnessing() as witness:
        yield witness


def happens(fake: FakeStripe, n: int) -> Body:
    return fake.platform.emit(HAPPENED, {"id": f"tr_{n}", "object": "transfer"})


def looks(fake: FakeStripe) -> list[str | None]:
    """The accounts whose lists were asked for, in order."""
    return [asked.account for asked in fake.asked("GET", "/v1/events")]


@pytest.mark.usefixtures("witness")
class TestPlatform:
    @pytest.mark.parametrize("seed", range(3))
    def test_events_that_show_up_to_ten_minutes_late_in_any_order_take_effect_once_each(
        self, desk: Desk, fake: FakeStripe, seed: int
    ) -> None:
        dice, told, now = random.Random(seed), 0, NOW
        for _ in range(30):
            for _ in range(dice.randint(0, 3)):
                event = happens(fake, told)
                fake.platform.late_events[event["id"]] = timedelta(seconds=dice.randint(0, 600))
                told += 1
            step = timedelta(seconds=dice.randint(20, 150))
            fake.clock.advance(step)
            now += step
            apply_all(desk, fake, now)
        fake.clock.advance(10 * MINUTE)
        apply_all(desk, fake, now + 10 * MINUTE)

        assert sorted(map(str, effects(desk))) == sorted(f"tr_{n}" for n in range(told))
        assert set(states(desk)) == {"applied"}

    def test_events_that_come_while_the_list_is_paged_are_not_skipped(
        self, desk: Desk, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(250):
            happens(fake, n)
        pages, show = [], fake.platform.list_events

        def show_and_grow(params: Mapping[str, Any], account: str | None) -> Body:
            page = show(params, account)
            pages.append(len(page["data"]))
            happens(fake, 1_000 + len(pages))
            return page

        monkeypatch.setattr(fake.platform, "list_events", show_and_grow)
        poll_platform(desk.engine, source_of(fake), now=NOW)
        assert pages == [0, 100, 100, 51]
        monkeypatch.undo()
        apply_all(desk, fake, NOW + MINUTE)

        assert len(effects(desk)) == len(set(effects(desk))) == 250 + len(pages)

    def test_a_poll_that_breaks_off_keeps_what_it_read_and_the_next_one_reads_the_rest(
        self, desk: Desk, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(8):
            happens(fake, n)
            fake.clock.advance(DAY)
        now = NOW + 8 * DAY
        poll_platform(desk.engine, source_of(fake), now=NOW)
        calls, show = count(1), fake.platform.list_events

        def show_two(params: Mapping[str, Any], account: str | None) -> Body:
            if next(calls) > 2:
                raise Refusal(500, None, "An unknown error occurred")
            return show(params, account)

        monkeypatch.setattr(fake.platform, "list_events", show_two)
        with pytest.raises(StripeRefused):
            poll_platform(desk.engine, source_of(fake), now=now)
        monkeypatch.undo()
        read = len(states(desk))
        assert 1 < read < 8

        apply_all(desk, fake, now)

        assert sorted(map(str, effects(desk))) == sorted(f"tr_{n}" for n in range(8))

    def test_a_process_that_dies_between_reading_and_applying_loses_nothing(
        self, desk: Desk, fake: FakeStripe
    ) -> None:
        happens(fake, 1)
        poll_platform(desk.engine, source_of(fake), now=NOW)
        assert (effects(desk), states(desk)) == ([], ["waiting"])
        fake.stop()  # whoever comes next applies it from the inbox: this handler asks nobody
        apply_due(desk.engine, source_of(fake), now=NOW + DAY)
        assert (effects(desk), states(desk)) == (["tr_1"], ["applied"])

    def test_a_time_longer_than_the_list_goes_back_is_written_down_once_and_reading_goes_on(
        self, desk: Desk, fake: FakeStripe
    ) -> None:
        poll_platform(desk.engine, source_of(fake), now=NOW)
        fake.clock.advance(DAY)
        happens(fake, 1)  # nobody will ever see this one
        fake.clock.advance(40 * DAY)
        happens(fake, 2)
        now = NOW + 41 * DAY

        gaps = [poll_platform(desk.engine, source_of(fake), now=now + n * MINUTE).gap for n in range(3)]
        apply_all(desk, fake, now)

        assert gaps == [(NOW - 10 * MINUTE, now - KEPT_FOR), None, None]
        assert desk.scalar("SELECT count(*) FROM event_gap") == 1
        assert effects(desk) == ["tr_2"]

    def test_any_number_of_kinds_is_asked_for_in_lists_that_stripe_takes(
        self, desk: Desk, fake: FakeStripe
    ) -> None:
        kinds = [f"test.kind_{n}" for n in range(45)]
        with witnessing(*kinds):
            for n, kind in enumerate(kinds):
                fake.platform.emit(kind, {"id": f"tr_{n}"})
            apply_all(desk, fake)
            assert len(effects(desk)) == 45
        assert max(len(asked.params["types"]) for asked in fake.asked("GET", "/v1/events")) == 20


@pytest.mark.usefixtures("witness")
class TestAccounts:
    def paid(self, desk: Desk, fake: FakeStripe, *codes: str) -> None:
        """One paid payout to an account of each partner's own."""
        for code in codes:
            fake.platform.add_account(f"acct_{code}")
            desk.funded(code, account=f"acct_{code}")
            assert desk.approve(desk.request(code, "25.00")).done
        assert send_due(desk.engine, rail_to(fake), now=NOW).succeeded == len(codes)

    def test_only_accounts_with_an_open_question_are_asked(self, desk: Desk, fake: FakeStripe) -> None:
        self.paid(desk, fake, "A")
        desk.funded("B", account="acct_B")
        for code in "AB":
            fake.platform.emit(MOVED, {"id": f"po_{code}"}, account=f"acct_{code}")

        apply_all(desk, fake)

        assert set(looks(fake)) == {None, "acct_A"}
        assert effects(desk) == ["po_A"]
        told = desk.column("SELECT account FROM provider_event WHERE account IS NOT NULL")
        assert told == ["acct_A"]

    def test_a_bank_that_took_the_money_is_asked_about_for_a_week_more(
        self, desk: Desk, fake: FakeStripe
    ) -> None:
        self.paid(desk, fake, "A", "B")
        arrival = """
            INSERT INTO bank_arrival (payout_id, provider, account, bank_ref, step, asked_for, made_at, status, as_of)
            SELECT min(id), 'stripe', 'acct_A', 'po_1', 0, false, :now, 'paid', :now FROM payout
        """
        desk.decide(lambda conn: conn.execute(text(arrival), {"now": NOW + DAY}))
        for days in (7, 8, 9):
            poll_accounts(desk.engine, source_of(fake), now=NOW + days * DAY)
        assert looks(fake) == ["acct_A", "acct_B", "acct_A", "acct_B", "acct_B"]

    def test_an_account_that_is_not_ready_is_asked_about_while_a_payout_waits_for_it(
        self, desk: Desk, fake: FakeStripe
    ) -> None:
        desk.funded("A", account="acct_A")
        state = """
            INSERT INTO account_state (provider, account, ready, reasons, whose, due, had_bank, asked_at, checked_at)
            VALUES ('stripe', 'acct_A', false, '[{"code": "no_bank_account", "sentence": "No bank"}]', 'partner', '{}',
                    false, :now, :now)
        """
        desk.decide(lambda conn: conn.execute(text(state), {"now": NOW}))
        poll_accounts(desk.engine, source_of(fake), now=NOW)
        assert looks(fake) == []
        desk.request("A", "25.00")
        poll_accounts(desk.engine, source_of(fake), now=NOW)
        assert looks(fake) == ["acct_A"]

    def test_how_far_the_looks_are_behind_is_known(self, desk: Desk, fake: FakeStripe) -> None:
        self.paid(desk, fake, "A", "B")
        with desk.engine.connect() as conn:
            behind = open_questions(conn, "stripe", now=NOW + HOUR)
            assert (behind.accounts, behind.oldest) == (2, NOW)
            poll_accounts(desk.engine, source_of(fake), now=NOW + HOUR)
            assert open_questions(conn, "stripe", now=NOW + HOUR).oldest == NOW + HOUR
            assert open_questions(conn, "simulator", now=NOW).accounts == 0

    def test_after_two_weeks_nobody_asks_any_more(self, desk: Desk, fake: FakeStripe) -> None:
        self.paid(desk, fake, "A")
        poll_accounts(desk.engine, source_of(fake), now=NOW + 14 * DAY)
        poll_accounts(desk.engine, source_of(fake), now=NOW + 14 * DAY + MINUTE)
        assert looks(fake) == ["acct_A"]

    def test_those_looked_at_longest_ago_come_first_and_what_was_not_reached_is_next(
        self, desk: Desk, fake: FakeStripe
    ) -> None:
        self.paid(desk, fake, "A", "B", "C")
        source = source_of(fake)

        def look(now_h: int, most: int) -> tuple[int, int]:
            before = len(looks(fake))
            polled = poll_accounts(
                desk.engine,
                source,
                now=NOW + now_h * HOUR,
                enough=lambda: len(looks(fake)) - before >= most,
            )
            return polled.accounts, polled.not_reached

        assert [look(1, 2), look(2, 2), look(3, 9)] == [(2, 1), (2, 1), (3, 0)]
        assert looks(fake) == [f"acct_{name}" for name in "ABCABAC"]

    def test_an_account_just_looked_at_is_left_alone_for_a_while(self, desk: Desk, fake: FakeStripe) -> None:
        self.paid(desk, fake, "A")
        for minutes in (0, 1, 9, 10, 11):
            poll_accounts(desk.engine, source_of(fake), now=NOW + minutes * MINUTE, again_after=10 * MINUTE)
        assert len(looks(fake)) == 2

    def test_what_an_account_tells_late_is_read_when_it_shows(self, desk: Desk, fake: FakeStripe) -> None:
        self.paid(desk, fake, "A")
        event = fake.platform.emit(MOVED, {"id": "po_1"}, account="acct_A")
        fake.platform.late_events[event["id"]] = 9 * MINUTE
        apply_all(desk, fake, NOW + MINUTE)
        assert effects(desk) == []
        fake.clock.advance(9 * MINUTE)
        apply_all(desk, fake, NOW + 9 * MINUTE)
        assert effects(desk) == ["po_1"]
        with desk.engine.connect() as conn:
            assert watermark(conn, "stripe", "acct_A") == NOW - MINUTE

    def test_an_account_that_left_or_cannot_be_read_holds_back_no_other(
        self, desk: Desk, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.paid(desk, fake, "A", "B", "C")
        fake.platform.emit(MOVED, {"id": "po_1"}, account="acct_C")
        late = fake.platform.emit(MOVED, {"id": "po_2"}, account="acct_B")
        del fake.platform.accounts["acct_A"]
        show = fake.platform.list_events

        def show_but_b(params: Mapping[str, Any], account: str | None) -> Body:
            if account == "acct_B":
                raise Refusal(500, None, "An unknown error occurred")
            return show(params, account)

        monkeypatch.setattr(fake.platform, "list_events", show_but_b)
        apply_all(desk, fake)
        monkeypatch.undo()
        assert "po_1" in effects(desk)
        assert "po_2" not in effects(desk)

        apply_all(desk, fake, NOW + MINUTE)
        assert [effects(desk).count(ref) for ref in ("po_1", "po_2")] == [1, 1]
        assert late["id"] in desk.column("SELECT ref FROM provider_event")

    def test_a_stripe_that_is_away_ends_the_looks_at_accounts_after_three(
        self, desk: Desk, fake: FakeStripe
    ) -> None:
        self.paid(desk, fake, "A", "B", "C", "D")
        fake.fault("error", method="GET", path="/v1/events", times=None)
        with pytest.raises(StripeRefused):
            poll_accounts(desk.engine, source_of(fake), now=NOW)
        assert len(looks(fake)) == 3
