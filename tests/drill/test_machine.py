"""The quick part of the state machine: the same few schedules in every run of the tests."""

from tests.drill import machine


def test_any_order_of_people_faults_and_time_pays_once_and_both_books_agree() -> None:
    report = machine.run(1, quick=True)

    assert report.runs >= machine.QUICK_SCHEDULES
    assert report.figures["paid"] > 10
    assert report.figures["unknown"] > 5
