"""Events are written down once and applied once, whatever came first, twice, late, or broke in between."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Event, Thread

import pytest

from core.events import NotYet
from core.events.applying import PAUSES, STUCK_AFTER, Applied, apply_due
from core.events.inbox import record_events
from core.providers.events import ProviderEvent
from core.providers.stripe_answers import StripeRefused
from core.providers.stripe_events import StripeEvents
from core.refusals import Refusal
from tests.core.events.witness import MOVED, Witness, effects, event_of, states, witnessing
from tests.desk import DAY, NOW, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.telling import source_of

MINUTE = timedelta(minutes=1)


class Impossible(Refusal):
    """This cannot be."""

    code = "impossible"


@pytest.fixture
def witness() -> Iterator[Witness]:
    with witnessing() as witness:
        yield witness


@pytest.fixture
def source(fake: FakeStripe) -> StripeEvents:
    return source_of(fake)


def tell(desk: Desk, *events: ProviderEvent, came_by: str = "webhook") -> int:
    """Bring events, as a webhook unless told otherwise."""
    return desk.decide(
        lambda conn: record_events(
            conn, "stripe", events, came_by="poll" if came_by == "poll" else "webhook", now=NOW
        )
    )


def raises(fault: BaseException) -> object:
    def fail(_event: ProviderEvent) -> None:
        raise fault

    return fail


@pytest.mark.usefixtures("witness")
class TestRecording:
    def test_an_event_that_comes_twice_and_both_ways_is_written_down_once(self, desk: Desk) -> None:
        told = [
            tell(desk, event_of("evt_1")),
            tell(desk, event_of("evt_1"), event_of("evt_2"), came_by="poll"),
        ]
        assert told == [1, 1]
        assert tell(desk, event_of("evt_2"), event_of("evt_2"), came_by="webhook") == 0
        assert desk.column("SELECT ref || ' ' || came_by FROM provider_event ORDER BY ref") == [
            "evt_1 webhook",
            "evt_2 poll",
        ]

    def test_what_the_desk_does_not_act_on_leaves_no_row(self, desk: Desk) -> None:
        desk.partner("AFF1", account="acct_1")
        strangers = [
            event_of("evt_1", kind="test.unheard"),
            event_of("evt_2", kind=MOVED),  # of the platform itself
            event_of("evt_3", account="acct_1"),  # the platform's kind, on an account
            event_of("evt_4", kind=MOVED, account="acct_stranger"),
        ]
        assert tell(desk, *strangers) == 0
        assert tell(desk, event_of("evt_5", kind=MOVED, account="acct_1")) == 1
        assert desk.column("SELECT ref FROM provider_event") == ["evt_5"]


@pytest.mark.usefixtures("witness")
class TestApplying:
    def test_each_event_takes_effect_once_in_the_order_it_happened(
        self, desk: Desk, source: StripeEvents
    ) -> None:
        events = [event_of(f"evt_{n}", f"tr_{n}", at=NOW - n * MINUTE) for n in range(5)]
        random.Random(1).shuffle(events)
        tell(desk, *events)

        runs = [apply_due(desk.engine, source, now=NOW) for _ in range(3)]

        assert [run.applied for run in runs] == [5, 0, 0]
        assert effects(desk) == ["tr_4", "tr_3", "tr_2", "tr_1", "tr_0"]
        assert states(desk) == ["applied"] * 5
        assert desk.scalar("SELECT outcome FROM provider_event WHERE ref = 'evt_4'") == "saw tr_4"
        assert desk.faults() == []

    def test_one_look_answers_all_that_waits_about_an_object_and_each_row_gets_its_end(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        tell(desk, event_of("evt_1"), event_of("evt_2"), event_of("evt_3", "tr_2"), event_of("evt_4"))

        result = apply_due(desk.engine, source, now=NOW)

        assert (result.looks, result.applied) == (2, 4)
        assert sorted(witness.looked) == ["tr_1", "tr_2"]
        assert states(desk) == ["applied"] * 4

    def test_what_another_account_or_another_kind_tells_of_the_same_id_is_looked_at_for_itself(
        self, desk: Desk, source: StripeEvents
    ) -> None:
        desk.partner("A", account="acct_A")
        desk.partner("B", account="acct_B")
        events = [
            event_of("evt_1"),
            event_of("evt_2", kind="test.other"),
            event_of("evt_3", kind=MOVED, account="acct_A"),
            event_of("evt_4", kind=MOVED, account="acct_B"),
        ]
        with witnessing("test.other") as witness:
            tell(desk, *events)
            assert apply_due(desk.engine, source, now=NOW).looks == 4
        assert witness.looked == ["tr_1"] * 4

    def test_what_comes_while_an_object_is_looked_at_gets_a_look_of_its_own(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        tell(desk, event_of("evt_1"))
        witness.planning = lambda _event: tell(desk, event_of("evt_2"))

        result = apply_due(desk.engine, source, now=NOW)

        assert (result.looks, result.applied) == (2, 2)
        assert effects(desk) == ["tr_1", "tr_1"]

    def test_an_event_without_anything_to_do_is_ended_and_not_looked_at_again(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        witness.idle = True
        tell(desk, event_of("evt_1"))

        assert apply_due(desk.engine, source, now=NOW).ignored == 1
        assert apply_due(desk.engine, source, now=NOW + DAY).looks == 0
        assert desk.column("SELECT state || ': ' || outcome FROM provider_event") == [
            "ignored: nothing to do"
        ]

    def test_a_limit_counts_looks_and_the_rest_keep_their_turn(
        self, desk: Desk, source: StripeEvents
    ) -> None:
        tell(desk, *(event_of(f"evt_{n}", f"tr_{n}") for n in range(5)))
        assert apply_due(desk.engine, source, now=NOW, limit=2).applied == 2
        assert states(desk).count("waiting") == 3
        assert apply_due(desk.engine, source, now=NOW, stopping=lambda: True) == Applied()


class TestGoingWrong:
    @pytest.mark.parametrize("fault", [ValueError("ana@example.com"), KeyboardInterrupt(), SystemExit(1)])
    def test_an_effect_that_breaks_leaves_nothing_half_done_and_is_done_later_once(
        self, desk: Desk, source: StripeEvents, witness: Witness, fault: BaseException
    ) -> None:
        tell(desk, event_of("evt_1"))
        witness.before = raises(fault)  # type: ignore[assignment]
        if isinstance(fault, Exception):
            assert apply_due(desk.engine, source, now=NOW).later == 1
        else:
            with pytest.raises(type(fault)):  # the process ends here
                apply_due(desk.engine, source, now=NOW)
        assert (effects(desk), states(desk)) == ([], ["waiting"])
        assert "ana@" not in str(desk.scalar("SELECT error FROM provider_event"))

        witness.before = lambda _event: None
        for _ in range(3):
            apply_due(desk.engine, source, now=NOW + MINUTE)

        assert (effects(desk), states(desk)) == (["tr_1"], ["applied"])
        assert desk.scalar("SELECT error FROM provider_event") == ""
        assert desk.faults() == []

    def test_an_effect_whose_event_cannot_be_ended_is_undone_with_it(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        tell(desk, event_of("evt_1"))
        witness.wordless = True
        assert apply_due(desk.engine, source, now=NOW).later == 1
        assert (effects(desk), states(desk)) == ([], ["waiting"])

        witness.wordless = False
        assert apply_due(desk.engine, source, now=NOW + MINUTE).applied == 1
        assert effects(desk) == ["tr_1"]

    def test_what_has_not_come_yet_is_tried_with_growing_pauses_and_shown_after_three_days(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        tell(desk, event_of("evt_1"))
        witness.planning = raises(NotYet("its payout is not recorded"))  # type: ignore[assignment]
        tried: list[datetime] = []
        now = NOW
        while states(desk) == ["waiting"] and len(tried) < 50:
            tried.append(now)
            apply_due(desk.engine, source, now=now - timedelta(seconds=1))
            apply_due(desk.engine, source, now=now)
            now = desk.scalar("SELECT coalesce(next_try_at, :now) FROM provider_event", now=now)  # type: ignore[assignment]

        pauses = [later - earlier for earlier, later in pairwise(tried)]
        assert pauses[: len(PAUSES)] == list(PAUSES)
        assert set(pauses[len(PAUSES) :]) == {PAUSES[-1]}
        assert STUCK_AFTER < tried[-1] - NOW <= STUCK_AFTER + PAUSES[-1]
        assert desk.column("SELECT state || ': ' || error FROM provider_event") == [
            "stuck: its payout is not recorded"
        ]
        assert len(witness.looked) == len(tried) == desk.scalar("SELECT tries FROM provider_event")

    def test_what_cannot_be_is_kept_with_its_sentence_and_holds_nothing_back(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        def refuse_first(event: ProviderEvent) -> None:
            if event.ref == "evt_1":
                raise Impossible

        tell(desk, event_of("evt_1", at=NOW - DAY), event_of("evt_2", "tr_2"))
        witness.before = refuse_first

        result = apply_due(desk.engine, source, now=NOW)

        assert (result.stuck, result.applied) == (1, 1)
        assert (effects(desk), states(desk)) == (["tr_2"], ["stuck", "applied"])
        assert desk.scalar("SELECT error FROM provider_event WHERE ref = 'evt_1'") == "This cannot be."
        assert apply_due(desk.engine, source, now=NOW + DAY).looks == 0

    def test_a_provider_that_is_away_is_left_alone_after_three_questions_and_nothing_is_lost(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        tell(desk, *(event_of(f"evt_{n}", f"tr_{n}") for n in range(9)))
        witness.planning = raises(StripeRefused("Stripe could not be asked: no answer"))  # type: ignore[assignment]

        away = [apply_due(desk.engine, source, now=NOW + n * MINUTE) for n in range(3)]
        assert [run.looks for run in away] == [3, 3, 3]
        assert states(desk) == ["waiting"] * 9

        witness.planning = lambda _event: None
        for hours in range(6):
            apply_due(desk.engine, source, now=NOW + timedelta(hours=hours))
        assert (len(effects(desk)), set(states(desk))) == (9, {"applied"})

    def test_two_processes_at_one_event_apply_it_once(
        self, desk: Desk, source: StripeEvents, witness: Witness
    ) -> None:
        tell(desk, event_of("evt_1"))
        inside, go_on = Event(), Event()

        def wait(_event: ProviderEvent) -> None:
            inside.set()
            assert go_on.wait(60)

        witness.before = wait
        first = Thread(target=apply_due, args=(desk.engine, source), kwargs={"now": NOW})
        first.start()
        assert inside.wait(60)
        second = apply_due(
            desk.engine, source, now=NOW
        )  # it does not wait for the first, which holds the row
        go_on.set()
        first.join(30)

        assert (second.applied, second.later) == (0, 0)
        assert (effects(desk), states(desk)) == (["tr_1"], ["applied"])
