from datetime import UTC, datetime

from sqlalchemy import create_engine

from core.providers.simulator import Simulator
from core.providers.stripe import StripeTransfers
from core.settings import Settings
from jobs.job import Orders
from jobs.provider import make_provider

STRIPE = {
    "PAYDESK_PROVIDER": "stripe",
    "STRIPE_SECRET_KEY": "sk_test_of_the_platform",
    "STRIPE_ACCOUNT_ID": "acct_1Platform",
    "STRIPE_API_BASE": "http://127.0.0.1:12111",
}


def orders(**environ: str) -> Orders:
    return Orders(
        engine=create_engine("postgresql+psycopg://"),
        settings=Settings.from_env({"PAYDESK_ENV": "test", **environ}),
        now=datetime(2026, 11, 20, tzinfo=UTC),
        run_id=1,
    )


class TestMakeProvider:
    def test_is_the_simulator_unless_told_otherwise(self) -> None:
        assert isinstance(make_provider(orders()), Simulator)

    def test_is_stripe_by_its_settings_with_a_lease_longer_than_a_call(self) -> None:
        rail = make_provider(orders(**STRIPE))

        assert isinstance(rail, StripeTransfers)
        assert (rail.name, rail.account_id, rail.api_base) == (
            "stripe",
            "acct_1Platform",
            "http://127.0.0.1:12111",
        )
        assert rail.lease_s == 60 > sum(rail.timeouts_s)

    def test_is_one_for_all_jobs_of_the_process_so_that_they_share_one_rate(self) -> None:
        assert make_provider(orders(**STRIPE)) is make_provider(orders(**STRIPE))
