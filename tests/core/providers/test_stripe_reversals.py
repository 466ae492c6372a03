"""Pulled back through Stripe: agreed on at the desk, asked for by the rail, and both books agree to the cent."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.gate import Gate
from core.providers import Absent, Declined, Order, Succeeded, Unknown
from core.providers.stripe import StripeTransfers
from core.reconciling import reconcile
from core.reversing import reverse_due
from core.sending import send_due
from core.stops import stop_sending
from tests.core.agreeing import confirmed, proposed, started_again
from tests.core.pulling_back import agreed_back
from tests.core.sending_back import come_back
from tests.desk import DAY, HOUR, NOW, OLA, Balance, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.faults import Gate as Held
from tests.stripe.faults import Kind

MINUTE = timedelta(minutes=1)
PAID = Balance(0, 75_00, 0, 24_75, 25)


@pytest.fixture
def payout(desk: Desk, fake: FakeStripe, rail: StripeTransfers) -> int:
    """24.75 net paid, of 100.00 there."""
    payout = desk.approved("AFF1", "25.00")
    send_due(desk.engine, rail, now=NOW)
    assert desk.balance("AFF1") == PAID
    assert len(fake.books()) == 1
    return payout


def path(fake: FakeStripe) -> str:
    """Where reversals of the one transfer are made and listed."""
    return f"/v1/transfers/{fake.books()[0].id}/reversals"


def taken_back(fake: FakeStripe) -> list[int]:
    """What came back, in the books of the fake."""
    return [entry.amount for entry in fake.books() if entry.kind == "reversal"]


def returns(desk: Desk) -> list[object]:
    """What came back, in our books."""
    return desk.column("SELECT amount_minor FROM ledger_transfer WHERE kind = 'return' ORDER BY id")


def states(desk: Desk) -> list[object]:
    return desk.column("SELECT state FROM reversal ORDER BY payout_id, n")


def asked(fake: FakeStripe) -> list[str | None]:
    """The keys of all requests to pull back."""
    return [one.key for one in fake.asked("POST", path(fake))]


def pull(desk: Desk, rail: StripeTransfers, now: datetime = NOW) -> int:
    return reverse_due(desk.engine, rail, now=now).count


class TestPullingBack:
    def test_all_of_it_comes_back_once_and_both_books_agree(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        agreed_back(desk, payout)
        assert (taken_back(fake), states(desk), desk.balance("AFF1")) == ([], ["started"], PAID)

        assert [pull(desk, rail) for _ in range(3)] == [1, 0, 0]

        [_, entry] = fake.books()
        assert (entry.amount, entry.key) == (24_75, desk.scalar("SELECT idem_key FROM reversal"))
        assert desk.scalar("SELECT provider_ref FROM reversal") == entry.id
        assert desk.scalar("SELECT source_ref FROM earning WHERE kind = 'return'") == entry.id
        assert (states(desk), returns(desk), desk.status(payout)) == (["succeeded"], [24_75], "reversed")
        assert desk.balance("AFF1") == Balance(24_75, 75_00, 0, 0, 25)
        [request] = fake.asked("POST", path(fake))
        assert request.params == {
            "amount": "2475",
            "metadata": {"reversal_ref": desk.scalar("SELECT ref::text FROM reversal")},
        }
        assert desk.faults() == []

    def test_two_parts_come_back_under_keys_of_their_own_and_reconcile_finds_nothing(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        agreed_back(desk, payout, "10.00")
        pull(desk, rail)
        assert desk.status(payout) == "paid"
        assert desk.balance("AFF1") == Balance(10_00, 75_00, 0, 14_75, 25)

        agreed_back(desk, payout, "14.75")
        pull(desk, rail)

        assert (taken_back(fake), returns(desk)) == ([10_00, 14_75], [10_00, 14_75])
        assert len(set(asked(fake))) == 2
        assert desk.status(payout) == "reversed"
        assert reconcile(desk.engine, rail, now=NOW + HOUR).count == 0
        assert desk.faults() == []

    def test_a_refusal_is_the_end_of_it_and_another_proposal_may_follow(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        why = "The connected account has insufficient funds to cover this reversal."
        fault = {"status": 400, "type": "invalid_request_error", "code": "balance_insufficient"}
        fake.fault("error", path=path(fake), message=why, **fault)
        agreed_back(desk, payout)

        assert reverse_due(desk.engine, rail, now=NOW).declined == 1
        assert pull(desk, rail, NOW + DAY) == 0

        assert desk.column("SELECT state || ' ' || code || ': ' || message FROM reversal") == [
            f"declined balance_insufficient: {why}"
        ]
        assert (taken_back(fake), returns(desk), desk.status(payout)) == ([], [], "paid")
        assert desk.balance("AFF1") == PAID
        agreed_back(desk, payout)
        pull(desk, rail)
        assert (states(desk), taken_back(fake)) == (["declined", "succeeded"], [24_75])
        assert len(set(asked(fake))) == 2
        assert desk.faults() == []

    def test_what_came_back_outside_meanwhile_is_refused_by_stripe_and_booked_once(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        agreed_back(desk, payout)
        outside = fake.platform.reverse(fake.books()[0].id, {}, key=None)
        come_back(desk, payout, 24_75, event=outside["id"])

        pull(desk, rail)

        assert desk.column("SELECT state || ' ' || code FROM reversal") == [
            "declined transfer_reversal_amount_invalid"
        ]
        assert (taken_back(fake), returns(desk), desk.status(payout)) == ([24_75], [24_75], "reversed")
        assert desk.faults() == []


class TestAnAnswerThatGotLost:
    @pytest.mark.parametrize("kind", ["refuse", "drop_before", "drop_after", "half_body", "html", "empty"])
    def test_is_asked_for_under_the_same_key_and_comes_back_once(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int, kind: Kind
    ) -> None:
        fake.fault(kind, path=path(fake))
        agreed_back(desk, payout)

        assert reverse_due(desk.engine, rail, now=NOW).unknown == 1
        assert (states(desk), returns(desk), desk.balance("AFF1")) == (["unknown"], [], PAID)
        assert pull(desk, rail, NOW + MINUTE - timedelta(seconds=1)) == 0
        assert reverse_due(desk.engine, rail, now=NOW + MINUTE).succeeded == 1

        assert (len(asked(fake)), len(set(asked(fake)))) == (2, 1)
        assert (taken_back(fake), returns(desk)) == ([24_75], [24_75])
        assert (states(desk), desk.status(payout)) == (["succeeded"], "reversed")
        assert desk.faults() == []

    @pytest.mark.parametrize("kind", ["error", "error_after"])
    def test_and_a_500_that_stripe_repeats_for_the_key_ends_in_what_its_books_say(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int, kind: Kind
    ) -> None:
        fake.fault(kind, path=path(fake), status=500)
        agreed_back(desk, payout)
        for hours in range(27):
            fake.clock.advance(HOUR)
            pull(desk, rail, NOW + hours * HOUR)

        moved = [24_75] if kind == "error_after" else []
        assert (taken_back(fake), returns(desk)) == (moved, moved)
        assert states(desk) == ["succeeded" if moved else "unknown"]
        assert len(set(asked(fake))) == 1
        last = NOW + 23 * HOUR
        assert desk.scalar("SELECT max(at) < :last FROM reversal_call WHERE what = 'reverse'", last=last)
        assert desk.faults() == []

    def test_a_key_in_flight_elsewhere_is_asked_again(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        conflict = {"status": 409, "type": "invalid_request_error", "code": "idempotency_key_in_use"}
        fake.fault("error", path=path(fake), kept=False, **conflict)
        agreed_back(desk, payout)

        pull(desk, rail)
        assert desk.column("SELECT state || ' ' || code FROM reversal") == ["unknown idempotency_key_in_use"]
        pull(desk, rail, NOW + MINUTE)

        assert (taken_back(fake), returns(desk), len(set(asked(fake)))) == ([24_75], [24_75], 1)
        assert desk.faults() == []

    @pytest.mark.parametrize("kind", ["delay_before", "delay_after"])
    def test_an_answer_slower_than_we_wait_is_asked_for_again(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int, kind: Kind
    ) -> None:
        gate = Held()
        fake.fault(kind, path=path(fake), gate=gate)
        hasty = replace(rail, timeouts_s=(10.0, 2.0))  # its other questions are answered in time
        agreed_back(desk, payout)

        assert reverse_due(desk.engine, hasty, now=NOW).unknown == 1
        gate.opened.set()
        now = NOW
        while states(desk) == ["unknown"] and now < NOW + HOUR:
            now += MINUTE
            pull(desk, rail, now)

        assert (taken_back(fake), returns(desk), len(set(asked(fake)))) == ([24_75], [24_75], 1)
        assert desk.faults() == []

    def test_a_key_that_stripe_may_have_forgotten_is_never_sent_again_but_found(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("drop_after", path=path(fake))
        agreed_back(desk, payout, "10.00")
        pull(desk, rail)
        for number in range(120):  # not on the first page any more
            fake.platform.reverse(fake.books()[0].id, {"amount": 1 + number % 2}, key=None)
        fake.clock.advance(25 * HOUR)

        pull(desk, rail, NOW + 25 * HOUR)

        assert len(asked(fake)) == 1
        assert (states(desk), returns(desk)) == (["succeeded"], [10_00])
        assert desk.scalar("SELECT provider_ref FROM reversal") == fake.books()[1].id
        assert desk.faults() == []

    def test_what_stripe_never_got_waits_for_two_people_after_three_looks_and_then_for_a_new_proposal(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("drop_before", path=path(fake))
        agreed_back(desk, payout)
        for hours in (0, 24, 25, 26, 27, 28):
            pull(desk, rail, NOW + hours * HOUR)

        assert len(asked(fake)) == 1
        assert desk.scalar("SELECT absent_looks FROM reversal") == 3
        assert desk.scalar("SELECT next_look_at FROM reversal") is None
        confirmed(desk, proposed(desk, "reversal_absent", payout))
        assert (states(desk), returns(desk), desk.balance("AFF1")) == (["absent"], [], PAID)
        assert pull(desk, rail, NOW + 29 * HOUR) == 0

        agreed_back(desk, payout)
        pull(desk, rail)

        assert (states(desk), taken_back(fake), returns(desk)) == (
            ["absent", "succeeded"],
            [24_75],
            [24_75],
        )
        assert desk.faults() == []

    def test_a_list_that_lags_is_looked_at_again_and_the_reversal_adopted(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("drop_after", path=path(fake))
        agreed_back(desk, payout)
        pull(desk, rail)
        fake.platform.list_lag = 25 * HOUR + 10 * MINUTE
        fake.clock.advance(25 * HOUR)
        pull(desk, rail, NOW + 25 * HOUR)
        assert (states(desk), returns(desk)) == (["unknown"], [])

        fake.clock.advance(HOUR)
        pull(desk, rail, NOW + 26 * HOUR)

        assert (len(asked(fake)), states(desk), returns(desk)) == (1, ["succeeded"], [24_75])
        assert desk.faults() == []

    def test_an_answer_of_another_amount_is_never_booked_and_waits_for_people(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        fake.fault("alter", path=path(fake), values={"amount": "1001"})
        agreed_back(desk, payout, "10.00")

        for hours in (0, 1, 25, 26):
            pull(desk, rail, NOW + hours * HOUR)

        assert (len(asked(fake)), taken_back(fake), returns(desk)) == (1, [10_01], [])
        assert desk.column("SELECT state || ' ' || code FROM reversal") == ["unknown wrong_reversal"]
        assert desk.scalar("SELECT next_look_at FROM reversal") is None


class TestACrash:
    def test_before_the_request_is_made_up_for_under_the_same_key(
        self,
        desk: Desk,
        fake: FakeStripe,
        rail: StripeTransfers,
        payout: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        agreed_back(desk, payout)
        with monkeypatch.context() as dying:
            dying.setattr(StripeTransfers, "reverse", killed)
            with pytest.raises(Killed):
                pull(desk, rail)
        assert (states(desk), len(asked(fake))) == (["started"], 0)
        assert pull(desk, rail) == 0  # the lease is the dead process's

        over(desk)
        pull(desk, rail)

        assert (taken_back(fake), returns(desk), len(asked(fake))) == ([24_75], [24_75], 1)
        assert desk.faults() == []

    def test_after_the_request_and_before_the_record_comes_back_once(
        self,
        desk: Desk,
        fake: FakeStripe,
        rail: StripeTransfers,
        payout: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        agreed_back(desk, payout)
        with monkeypatch.context() as dying:
            dying.setattr("core.reversing.record_reversal", killed)
            with pytest.raises(Killed):
                pull(desk, rail)
        assert (states(desk), taken_back(fake), returns(desk)) == (["started"], [24_75], [])

        over(desk)
        pull(desk, rail)

        assert (len(asked(fake)), len(set(asked(fake)))) == (2, 1)
        assert (taken_back(fake), returns(desk), desk.status(payout)) == ([24_75], [24_75], "reversed")
        assert desk.faults() == []

    def test_after_the_request_and_a_day_without_anybody_is_found_and_not_asked_for_again(
        self,
        desk: Desk,
        fake: FakeStripe,
        rail: StripeTransfers,
        payout: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        agreed_back(desk, payout)
        with monkeypatch.context() as dying:
            dying.setattr("core.reversing.record_reversal", killed)
            with pytest.raises(Killed):
                pull(desk, rail)
        over(desk)
        fake.clock.advance(DAY)

        pull(desk, rail, NOW + DAY)

        assert (len(asked(fake)), taken_back(fake), returns(desk)) == (1, [24_75], [24_75])
        assert desk.faults() == []

    def test_whoever_wakes_up_after_the_lease_writes_nothing(
        self,
        desk: Desk,
        fake: FakeStripe,
        rail: StripeTransfers,
        payout: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        agreed_back(desk, payout)
        real = StripeTransfers.reverse

        def slow(self: StripeTransfers, order: Order) -> Succeeded | Declined | Unknown:
            answer = real(self, order)
            over(desk)
            monkeypatch.setattr(StripeTransfers, "reverse", real)
            pull(desk, rail)
            return Declined(code="late", error_class="account", message=str(answer))

        monkeypatch.setattr(StripeTransfers, "reverse", slow)
        pull(desk, rail)

        assert (states(desk), taken_back(fake), returns(desk)) == (["succeeded"], [24_75], [24_75])
        assert desk.column("SELECT outcome FROM reversal_call ORDER BY id") == ["succeeded", "declined"]
        assert desk.faults() == []

    def test_whose_lease_is_somebody_elses_by_then_decides_nothing_either(
        self,
        desk: Desk,
        fake: FakeStripe,
        rail: StripeTransfers,
        payout: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        agreed_back(desk, payout)
        with monkeypatch.context() as late:

            def taken_over(_self: StripeTransfers, _order: Order) -> Declined:
                with desk.engine.begin() as conn:
                    conn.exec_driver_sql("UPDATE reversal SET lease_epoch = lease_epoch + 1")
                return Declined(code="late", error_class="account", message="no")

            late.setattr(StripeTransfers, "reverse", taken_over)
            pull(desk, rail)
        assert (states(desk), desk.column("SELECT outcome FROM reversal_call")) == (["started"], ["declined"])

        over(desk)
        pull(desk, rail)

        assert (states(desk), taken_back(fake), returns(desk)) == (["succeeded"], [24_75], [24_75])
        assert desk.faults() == []


class TestAnEventThatCameFirst:
    @pytest.mark.parametrize("amount", ["24.75", "10.00"])
    def test_has_booked_it_and_the_record_books_nothing_more(  # noqa: PLR0917 - fixtures
        self,
        desk: Desk,
        fake: FakeStripe,
        rail: StripeTransfers,
        payout: int,
        monkeypatch: pytest.MonkeyPatch,
        amount: str,
    ) -> None:
        agreed_back(desk, payout, amount)
        with monkeypatch.context() as dying:
            dying.setattr("core.reversing.record_reversal", killed)
            with pytest.raises(Killed):
                pull(desk, rail)
        entry = fake.books()[1]
        come_back(desk, payout, entry.amount, event=entry.id)
        assert desk.faults() == []

        over(desk)
        pull(desk, rail)

        assert (states(desk), taken_back(fake), returns(desk)) == (
            ["succeeded"],
            [entry.amount],
            [entry.amount],
        )
        assert desk.faults() == []

    def test_and_one_that_comes_later_books_nothing_more(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        agreed_back(desk, payout, "10.00")
        pull(desk, rail)

        assert come_back(desk, payout, 10_00, event=fake.books()[1].id).again

        assert returns(desk) == [10_00]
        assert desk.faults() == []


class TestABackupThatIsOlder:
    def test_than_the_request_is_looked_up_before_anything_is_asked_once_the_key_may_be_forgotten(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        agreed_back(desk, payout, "10.00")
        ref = desk.scalar("SELECT ref::text FROM reversal")
        done = fake.platform.reverse(
            fake.books()[0].id, {"amount": 10_00, "metadata": {"reversal_ref": ref}}, key=None
        )
        fake.clock.advance(DAY)

        pull(desk, rail, NOW + DAY)

        assert (asked(fake), taken_back(fake), returns(desk)) == ([], [10_00], [10_00])
        assert desk.scalar("SELECT provider_ref FROM reversal") == done["id"]
        assert desk.faults() == []

    def test_and_what_was_never_asked_is_asked_then(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        agreed_back(desk, payout, "10.00")

        pull(desk, rail, NOW + DAY)

        assert (len(asked(fake)), taken_back(fake), returns(desk)) == (1, [10_00], [10_00])

    def test_that_does_not_know_a_transfer_stops_before_anything_is_pulled_back(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        agreed_back(desk, payout)
        stray = {"amount": "100", "currency": "usd", "destination": "acct_1"}
        group = "0b54b1b5-6f10-4f0f-9a51-7d5d0d4f1c11"
        fake.platform.create_transfer(stray | {"transfer_group": group}, key=None)

        reverse_due(desk.engine, rail, now=NOW, gate=Gate())

        assert desk.scalar("SELECT count(*) FROM sending_stop WHERE started_at IS NULL") == 1
        assert (asked(fake), states(desk), returns(desk)) == ([], ["started"], [])


class TestTheStop:
    def test_lets_nothing_be_asked_for_and_goes_on_where_it_stood(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int
    ) -> None:
        stop = desk.decide(lambda conn: stop_sending(conn, why="looks wrong", actor=OLA, now=NOW))
        agreed_back(desk, payout)

        assert pull(desk, rail) == 0
        assert (asked(fake), states(desk)) == ([], ["started"])

        started_again(desk, stop)
        pull(desk, rail)
        assert (taken_back(fake), returns(desk)) == ([24_75], [24_75])

    @pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
    def test_lets_what_left_before_only_be_looked_up(
        self, desk: Desk, fake: FakeStripe, rail: StripeTransfers, payout: int, kind: Kind
    ) -> None:
        fake.fault(kind, path=path(fake))
        agreed_back(desk, payout)
        pull(desk, rail)
        stop = desk.decide(lambda conn: stop_sending(conn, why="looks wrong", actor=OLA, now=NOW))

        pull(desk, rail, NOW + MINUTE)

        moved = [24_75] if kind == "drop_after" else []
        assert (len(asked(fake)), taken_back(fake), returns(desk)) == (1, moved, moved)
        started_again(desk, stop)
        pull(desk, rail, NOW + HOUR)
        assert (taken_back(fake), returns(desk)) == ([24_75], [24_75])
        assert desk.faults() == []


class TestTheRail:
    ORDER = Order(
        key="rv_1", params={"amount_minor": 10_00, "currency": "USD", "reversal_ref": "r-1"}, payout_id=1, n=1, at=NOW
    )  # fmt: skip

    def order(self, fake: FakeStripe, **params: object) -> Order:
        frozen = self.ORDER.params | {"transfer": fake.books()[0].id} | params
        return replace(self.ORDER, params=frozen)

    @pytest.mark.usefixtures("payout")
    @pytest.mark.parametrize(
        ("edit", "code"),
        [
            ({"without": ("id",)}, "no_reversal_id"),
            ({"values": {"id": "tr_1"}}, "no_reversal_id"),
            ({"values": {"amount": 10_01}}, "wrong_reversal"),
            ({"values": {"amount": "1000"}}, "wrong_reversal"),
            ({"values": {"currency": "eur"}}, "wrong_reversal"),
            ({"values": {"transfer": "tr_1"}}, "wrong_reversal"),
            ({"values": {"metadata": {}}}, "wrong_reversal"),
        ],
    )
    def test_judges_a_200_by_what_was_asked(
        self, fake: FakeStripe, rail: StripeTransfers, edit: dict[str, object], code: str
    ) -> None:
        fake.fault("edit", path=path(fake), **edit)

        outcome = rail.reverse(self.order(fake))

        assert isinstance(outcome, Unknown)
        assert (outcome.code, outcome.ask_again) == (code, code == "no_reversal_id")

    @pytest.mark.usefixtures("payout")
    def test_never_adopts_another_ones_reversal_or_one_of_several(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        order, transfer = self.order(fake), fake.books()[0].id
        assert isinstance(rail.find_reversal(order), Absent)
        fake.platform.reverse(transfer, {"amount": 10_00, "metadata": {"reversal_ref": "r-2"}}, key=None)
        assert isinstance(rail.find_reversal(order), Absent)
        ours = {"amount": 5_00, "metadata": {"reversal_ref": "r-1"}}
        fake.platform.reverse(transfer, ours, key=None)
        wrong = rail.find_reversal(order)
        assert isinstance(wrong, Unknown)
        assert (wrong.code, wrong.ask_again) == ("wrong_reversal", False)
        assert isinstance(rail.find_reversal(self.order(fake, amount_minor=5_00)), Succeeded)
        fake.platform.reverse(transfer, ours, key=None)
        several = rail.find_reversal(self.order(fake, amount_minor=5_00))
        assert isinstance(several, Unknown)
        assert several.code == "duplicate_reversals"

    @pytest.mark.usefixtures("payout")
    def test_waits_while_stripe_is_too_busy_and_asks_again_with_the_same_key(
        self, fake: FakeStripe, rail: StripeTransfers
    ) -> None:
        fake.fault("error", path=path(fake), status=429, code="rate_limit", kept=False, times=2)

        assert isinstance(rail.reverse(self.order(fake)), Succeeded)

        assert (len(asked(fake)), taken_back(fake)) == (3, [10_00])

    @pytest.mark.usefixtures("payout")
    @pytest.mark.parametrize(("again", "kind"), [(False, Declined), (True, Unknown)])
    def test_takes_a_refused_key_of_ours_for_a_no_only_the_first_time(
        self, fake: FakeStripe, rail: StripeTransfers, *, again: bool, kind: type
    ) -> None:
        fake.service.secret_key = "sk_test_rolled"

        assert isinstance(rail.reverse(replace(self.order(fake), asked_before=again)), kind)
        assert isinstance(rail.find_reversal(self.order(fake)), Unknown)
        assert taken_back(fake) == []


class Killed(BaseException):
    """The process is gone: nothing of ours may catch it."""


def killed(*_given: object, **_named: object) -> Unknown:
    raise Killed


def over(desk: Desk) -> None:
    """Let the lease of whoever holds it run out."""
    with desk.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE reversal SET lease_until = clock_timestamp() - interval '1 second'")
