from core.providers.pace import Pace
from tests.stripe.rails import Seconds


class TestPace:
    def test_never_lets_20_calls_into_one_second(self) -> None:
        seconds = Seconds()
        pace = Pace(rate_per_s=14, burst=5, clock=seconds, sleep=seconds.sleep)
        calls = []
        for _ in range(200):
            assert pace.wait(float("inf"))
            calls.append(seconds.now_s)

        assert max(sum(1 for at in calls if begin <= at < begin + 1) for begin in calls) < 20
        assert calls[-1] - calls[0] < 200 / 14

    def test_fills_up_again_while_nobody_calls_but_only_to_the_burst(self) -> None:
        seconds = Seconds()
        pace = Pace(rate_per_s=10, burst=3, clock=seconds, sleep=seconds.sleep)
        for _ in range(3):
            pace.wait(float("inf"))
        seconds.now_s += 60

        for _ in range(4):
            pace.wait(float("inf"))

        assert [round(each, 3) for each in seconds.waited] == [0.1]

    def test_takes_no_turn_that_would_come_too_late(self) -> None:
        seconds = Seconds()
        pace = Pace(rate_per_s=10, burst=1, clock=seconds, sleep=seconds.sleep)
        pace.pause(2)

        assert not pace.wait(seconds() + 1)
        assert seconds.waited == []
        assert pace.wait(seconds() + 3)
        assert seconds.waited == [2]

    def test_a_call_that_yields_waits_behind_all_others_and_leaves_them_the_burst(self) -> None:
        seconds = Seconds()
        pace = Pace(rate_per_s=10, burst=3, clock=seconds, sleep=seconds.sleep)
        for _ in range(3):
            pace.wait(float("inf"))

        assert not pace.wait(seconds() + 0.29, yielding=True)
        assert pace.wait(float("inf"), yielding=True)
        assert [round(each, 3) for each in seconds.waited] == [0.3]
        for _ in range(2):
            pace.wait(float("inf"))
        assert len(seconds.waited) == 1
