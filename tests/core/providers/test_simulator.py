import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from core.providers import Absent, Declined, Order, Succeeded, Unknown
from core.providers.simulator import RANDOM_REFUSALS, REFUSALS, SUCCESS, Simulator, dice
from tests.desk import NOW

NEVER, ALWAYS = Decimal(0), Decimal(1)


@pytest.fixture
def simulator(engine: Engine) -> Simulator:
    return Simulator(engine=engine, success=dict.fromkeys(SUCCESS, ALWAYS))


@pytest.fixture
def refusing(engine: Engine) -> Simulator:
    return Simulator(engine=engine, success=dict.fromkeys(SUCCESS, NEVER))


def order(
    payout_id: int = 1,
    n: int = 1,
    *,
    amount_minor: int = 24_75,
    method: str = "stripe",
    currency: str = "USD",
    key: str | None = None,
) -> Order:
    params = {
        "amount_minor": amount_minor,
        "currency": currency,
        "method": method,
        "destination": "acct_1",
        "transfer_group": f"group-{payout_id}",
    }
    return Order(key=key or f"po_{payout_id}_{n}", params=params, payout_id=payout_id, n=n, at=NOW)


def rows(simulator: Simulator) -> int:
    with simulator.engine.connect() as conn:
        return int(conn.execute(text("SELECT count(*) FROM simulator_transfer")).scalar_one())


def orders(count: int = 400) -> Iterator[Order]:
    return (order(payout_id) for payout_id in range(1, count + 1))


class TestSend:
    def test_writes_the_transfer_into_its_own_books_under_a_reference(self, simulator: Simulator) -> None:
        answer = simulator.send(order())

        assert isinstance(answer, Succeeded)
        assert re.fullmatch(r"po_20261120120000_[A-Z0-9]{8}", answer.provider_ref)
        assert simulator.find(order()) == Succeeded(provider_ref=answer.provider_ref)

    @pytest.mark.parametrize("share", [ALWAYS, NEVER])
    def test_of_the_same_key_returns_the_same_answer_and_moves_nothing_more(
        self, engine: Engine, share: Decimal
    ) -> None:
        simulator = Simulator(engine=engine, success={"stripe": share})
        first = simulator.send(order())
        other_settings = Simulator(engine=engine, success={"stripe": 1 - share})

        assert simulator.send(order()) == first
        assert other_settings.send(order()) == first  # another process after a restart, set up otherwise

        assert isinstance(first, Succeeded) == (share == ALWAYS)
        assert rows(simulator) == 1

    @pytest.mark.parametrize("changed", [{"amount_minor": 24_76}, {"currency": "EUR"}, {"method": "paypal"}])
    def test_of_a_used_key_with_other_parameters_is_an_error_that_proves_nothing(
        self, simulator: Simulator, changed: dict[str, object]
    ) -> None:
        simulator.send(order(key="k"))

        answer = simulator.send(order(key="k", **changed))  # type: ignore[arg-type]

        assert isinstance(answer, Unknown)
        assert (answer.code, rows(simulator)) == ("idempotency_error", 1)

    def test_of_one_key_by_many_at_once_moves_the_money_once(self, simulator: Simulator) -> None:
        with ThreadPoolExecutor(8) as threads:
            answers = set(threads.map(simulator.send, [order()] * 8))

        assert len(answers) == rows(simulator) == 1

    def test_refuses_in_its_four_ways_with_their_classes_and_words(self, refusing: Simulator) -> None:
        answers = Counter(refusing.send(one) for one in orders())

        expected = {
            Declined(code=code, error_class=REFUSALS[code][0], message=REFUSALS[code][1])
            for code in RANDOM_REFUSALS
        }
        assert set(answers) == expected
        assert min(answers.values()) > 60  # of 100 expected of each
        assert refusing.find(order()) == Absent()

    def test_says_the_words_people_know(self) -> None:
        assert {code: REFUSALS[code] for code in RANDOM_REFUSALS} == {
            "daily_transfer_limit": ("limits", "Daily transfer limit exceeded"),
            "invalid_bank_account": ("instruction", "Invalid bank account details"),
            "network_timeout": ("transient", "Network timeout during processing"),
            "account_restricted": ("account", "Account temporarily restricted"),
        }

    @pytest.mark.parametrize(("method", "share"), SUCCESS.items())
    def test_succeeds_by_the_share_of_its_method(self, method: str, share: Decimal) -> None:
        thrown = [dice(order(payout_id), "success") < share for payout_id in range(1, 20_001)]

        assert abs(sum(thrown) / len(thrown) - float(share)) < 0.005, method

    def test_comes_out_the_same_by_payout_and_attempt_whatever_the_key(self, engine: Engine) -> None:
        half = Simulator(engine=engine, success={"stripe": Decimal("0.5")})
        first = [type(half.send(order(payout_id, key=f"a{payout_id}"))) for payout_id in range(40)]
        again = [type(half.send(order(payout_id, key=f"b{payout_id}"))) for payout_id in range(40)]
        second_attempt = [type(half.send(order(payout_id, 2))) for payout_id in range(40)]

        assert first == again != second_attempt
        assert set(first) == {Succeeded, Declined}


class TestSilence:
    def test_meets_only_the_first_send_of_a_key(self, engine: Engine) -> None:
        silent = Simulator(engine=engine, success={"stripe": ALWAYS}, silence=ALWAYS)
        moved_before_the_second = Counter[bool]()
        for one in orders(40):
            assert isinstance(silent.send(one), Unknown)
            moved_before_the_second[isinstance(silent.find(one), Succeeded)] += 1

            assert isinstance(silent.send(one), Succeeded)

        assert rows(silent) == 40
        assert min(moved_before_the_second[True], moved_before_the_second[False]) > 8

    def test_is_never_met_unless_asked_for(self, simulator: Simulator) -> None:
        assert {type(simulator.send(one)) for one in orders(100)} == {Succeeded}


class TestFind:
    def test_finds_nothing_that_was_never_sent_or_was_refused(self, refusing: Simulator) -> None:
        assert refusing.find(order()) == Absent()
        assert isinstance(refusing.send(order()), Declined)
        assert refusing.find(order()) == Absent()
        assert rows(refusing) == 1

    def test_finds_what_a_later_attempt_moved(self, refusing: Simulator, simulator: Simulator) -> None:
        refusing.send(order(n=1))
        moved = simulator.send(order(n=2))

        assert simulator.find(order(n=1)) == moved

    def test_says_so_when_money_moved_twice_for_one_payout(self, simulator: Simulator) -> None:
        simulator.send(order(n=1))
        simulator.send(order(n=2))

        answer = simulator.find(order())

        assert isinstance(answer, Unknown)
        assert answer.code == "duplicate"


class TestBalance:
    def test_is_unlimited_where_none_is_set(self, simulator: Simulator) -> None:
        assert simulator.balance_minor("USD") is None

    def test_is_spent_to_the_last_cent_and_never_beyond(self, engine: Engine) -> None:
        simulator = Simulator(engine=engine, success={"stripe": ALWAYS}, balance={"USD": 50_00})
        assert isinstance(simulator.send(order(1, amount_minor=30_00)), Succeeded)
        assert simulator.balance_minor("USD") == 20_00

        short = simulator.send(order(2, amount_minor=20_01))
        exact = simulator.send(order(3, amount_minor=20_00))
        other = simulator.send(order(4, amount_minor=10**9, currency="EUR"))

        assert isinstance(short, Declined)
        assert (short.code, short.error_class) == ("balance_insufficient", "platform_balance")
        assert (type(exact), type(other)) == (Succeeded, Succeeded)
        assert simulator.balance_minor("USD") == 0

    def test_is_not_overdrawn_by_many_at_once(self, engine: Engine) -> None:
        simulator = Simulator(engine=engine, success={"stripe": ALWAYS}, balance={"USD": 55})
        with ThreadPoolExecutor(8) as threads:
            answers = Counter(
                type(answer)
                for answer in threads.map(simulator.send, [order(n, amount_minor=10) for n in range(1, 9)])
            )

        assert answers == {Succeeded: 5, Declined: 3}
        assert simulator.balance_minor("USD") == 5
