import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.commission import Bonus, External, FlatMonthly, FlatOnce, Percent, Step, Tiered
from core.fees import NO_FEE, Fee
from core.money import exponent
from core.policy import METHODS, Approval, Hold, Overrides, Policy, Retry, resolve
from core.presets import PRESETS
from core.schedule import Daily, Monthly, OnRequest, Weekly

POLICIES = {preset.code: preset.policy for preset in PRESETS}

days = st.integers(0, 3660) | st.none()
minors = st.integers(0, 10**12) | st.none()
said_fees = st.dictionaries(
    st.sampled_from(METHODS), st.builds(Fee, fixed_minor=st.integers(0, 999)), max_size=3
)
layers = st.builds(
    Overrides,
    hold_days=days,
    new_partner_days=days,
    destination_change_days=days,
    min_payout_minor=minors,
    max_per_partner_month_minor=minors,
    schedule=st.sampled_from([Daily(), OnRequest(), Monthly(day=31)]) | st.none(),
    fees=said_fees,
)


class TestPresets:
    def test_are_the_six_programs_in_their_currency_and_zone(self) -> None:
        assert [(preset.code, preset.currency, preset.zone) for preset in PRESETS] == [
            ("broker-bounty", "USD", "UTC"),
            ("broker-recurring", "USD", "UTC"),
            ("reseller", "USD", "UTC"),
            ("creator", "EUR", "UTC"),
            ("affiliate", "USD", "UTC"),
            ("barber", "USD", "UTC"),
        ]
        assert {exponent(preset.currency) for preset in PRESETS} == {2}, "their amounts are written in cents"

    def test_commission_as_their_program_does(self) -> None:
        assert POLICIES["broker-bounty"].commission == FlatOnce(amount_minor=50_000, active_days=60)
        assert POLICIES["broker-recurring"].commission == FlatMonthly(amount_minor=5_000)
        assert POLICIES["reseller"].commission == External()
        assert POLICIES["creator"].commission == Percent(pct=Decimal(90))
        assert POLICIES["affiliate"].commission == External()
        assert POLICIES["barber"].commission == Tiered(
            base_pct=Decimal(70),
            steps=(Step(above_services=50, pct=Decimal(72)), Step(above_services=100, pct=Decimal(75))),
            bonus=Bonus(points=Decimal(2), above_gross_minor=1_000_000),
        )

    @pytest.mark.parametrize(
        ("code", "sale_kinds", "deduction_kinds"),
        [
            ("broker-bounty", (), ()),
            ("broker-recurring", (), ()),
            ("reseller", ("commission",), ()),
            ("creator", ("booking",), ()),
            ("affiliate", ("commission",), ()),
            ("barber", ("service", "deduction"), ("deduction",)),
        ],
    )
    def test_take_their_own_kinds_of_sales(
        self, code: str, sale_kinds: tuple[str, ...], deduction_kinds: tuple[str, ...]
    ) -> None:
        assert POLICIES[code].sale_kinds == sale_kinds
        assert POLICIES[code].deduction_kinds == deduction_kinds

    @pytest.mark.parametrize(
        ("code", "hold_days", "new_partner_days", "min_payout_minor", "cap_minor"),
        [
            ("broker-bounty", 0, 60, 10_000, 500_000),
            ("broker-recurring", 0, 60, 10_000, 500_000),
            ("creator", 7, 0, 0, None),
            ("affiliate", 0, 0, 0, None),
            ("barber", 0, 0, 5_000, None),
        ],
    )
    def test_hold_and_limit_as_their_program_does(
        self, code: str, hold_days: int, new_partner_days: int, min_payout_minor: int, cap_minor: int | None
    ) -> None:
        policy = POLICIES[code]

        assert policy.hold == Hold(
            days=hold_days, new_partner_days=new_partner_days, destination_change_days=7
        )
        assert policy.min_payout_minor == min_payout_minor
        assert policy.max_per_partner_month_minor == cap_minor

    @pytest.mark.parametrize(
        ("tier", "min_payout_minor"),
        [("affiliate", 5_000), ("reseller", 10_000), ("white_label", 100_000), ("technology", 20_000)],
    )
    def test_resellers_have_the_minimum_of_their_tier(self, tier: str, min_payout_minor: int) -> None:
        terms = resolve(POLICIES["reseller"], tier, {})

        assert terms.min_payout_minor == min_payout_minor
        assert terms.source["min_payout_minor"] == "tier"

    def test_are_paid_on_their_schedule(self) -> None:
        assert {code: policy.schedule for code, policy in POLICIES.items()} == {
            "broker-bounty": Daily(),
            "broker-recurring": Monthly(day=1),
            "reseller": OnRequest(),
            "creator": OnRequest(),
            "affiliate": OnRequest(),
            "barber": Weekly(weekday=5),
        }

    def test_charge_their_fees(self) -> None:
        assert POLICIES["affiliate"].fees == {
            "stripe": Fee(fixed_minor=25),
            "paypal": Fee(pct=Decimal(2)),
            "check": Fee(fixed_minor=500),
        }
        assert POLICIES["barber"].fees == {
            "stripe": Fee(pct=Decimal("0.25"), fixed_minor=25, base="gross"),
            "stripe_instant": Fee(pct=Decimal("1.25"), fixed_minor=25, base="gross"),
            "bank_transfer": Fee(fixed_minor=50, base="gross"),
        }
        assert [code for code, policy in POLICIES.items() if not policy.fees] == [
            "broker-bounty",
            "broker-recurring",
            "reseller",
            "creator",
        ]

    def test_only_creators_have_one_open_request(self) -> None:
        assert [code for code, policy in POLICIES.items() if policy.one_open_request] == ["creator"]

    def test_all_need_a_second_person_strictly_above_1000_and_never_approve_by_themselves(self) -> None:
        for policy in POLICIES.values():
            assert policy.approval.people_needed(100_000) == 1
            assert policy.approval.people_needed(100_001) == 2
            assert policy.approval.auto is False

    def test_all_retry_on_the_built_in_ladders(self) -> None:
        for policy in POLICIES.values():
            assert policy.retry.transient == (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
            assert policy.retry.limits == (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
            assert policy.retry.max == 3

    def test_accrue_back_to_sign_up(self) -> None:
        assert {policy.accrues_from for policy in POLICIES.values()} == {None}

    @pytest.mark.parametrize("code", POLICIES)
    def test_come_back_from_json_the_same_to_the_level(self, code: str) -> None:
        policy = POLICIES[code]

        read_back = Policy.model_validate(json.loads(json.dumps(policy.model_dump(mode="json"))))

        assert read_back == policy
        assert resolve(read_back, None, {}).source == resolve(policy, None, {}).source


class TestResolve:
    POLICY = Policy(
        commission=External(),
        approval=Approval(dual_above_minor=100_000),
        hold=Hold(days=7),
        min_payout_minor=5_000,
        fees={"stripe": Fee(fixed_minor=25), "paypal": Fee(pct=Decimal(2))},
        tiers={"gold": Overrides(min_payout_minor=2_000, hold_days=3, fees={"paypal": NO_FEE})},
    )

    def test_takes_partner_over_tier_over_program_over_built_in_and_says_so(self) -> None:
        terms = resolve(self.POLICY, "gold", {"hold_days": 14, "fees": {"check": {"fixed_minor": 500}}})

        assert (terms.hold.days, terms.source["hold.days"]) == (14, "partner")
        assert (terms.min_payout_minor, terms.source["min_payout_minor"]) == (2_000, "tier")
        assert (terms.hold.destination_change_days, terms.source["hold.destination_change_days"]) == (
            7,
            "default",
        )
        assert (terms.fee("stripe"), terms.source["fees.stripe"]) == (Fee(fixed_minor=25), "program")
        assert (terms.fee("paypal"), terms.source["fees.paypal"]) == (NO_FEE, "tier")
        assert (terms.fee("check"), terms.source["fees.check"]) == (Fee(fixed_minor=500), "partner")
        assert (terms.fee("manual"), terms.source["fees.manual"]) == (NO_FEE, "default")
        assert (terms.schedule, terms.source["schedule"]) == (OnRequest(), "default")
        assert (terms.retry, terms.source["retry"]) == (Retry(), "default")
        assert terms.source["approval"] == "program"

    def test_counts_a_program_that_says_what_is_built_in_as_the_program(self) -> None:
        saying = self.POLICY.model_copy(update={"retry": Retry(), "hold": Hold(destination_change_days=7)})

        assert resolve(saying, None, {}).source["retry"] == "program"
        assert resolve(saying, None, {}).source["hold.destination_change_days"] == "program"

    @pytest.mark.parametrize("tier", [None, "", "silver"])
    def test_leaves_the_program_as_it_is_for_a_tier_without_terms(self, tier: str | None) -> None:
        terms = resolve(self.POLICY, tier, {})

        assert (terms.min_payout_minor, terms.source["min_payout_minor"]) == (5_000, "program")

    def test_takes_a_zero_as_said(self) -> None:
        terms = resolve(self.POLICY, "gold", {"min_payout_minor": 0})

        assert (terms.min_payout_minor, terms.source["min_payout_minor"]) == (0, "partner")

    def test_leaves_the_policy_untouched(self) -> None:
        before = self.POLICY.model_dump_json()

        resolve(self.POLICY, "gold", {"fees": {"stripe": {"fixed_minor": 999}}, "hold_days": 1})

        assert self.POLICY.model_dump_json() == before

    @given(layers, layers)
    def test_always_takes_the_nearest_level_that_said_something(
        self, of_tier: Overrides, own: Overrides
    ) -> None:
        policy = self.POLICY.model_copy(update={"tiers": {"gold": of_tier}})

        terms = resolve(policy, "gold", own)

        found = {
            "hold_days": terms.hold.days,
            "new_partner_days": terms.hold.new_partner_days,
            "destination_change_days": terms.hold.destination_change_days,
            "min_payout_minor": terms.min_payout_minor,
            "max_per_partner_month_minor": terms.max_per_partner_month_minor,
            "schedule": terms.schedule,
        }
        of_program = resolve(policy, None, {})
        programs = {
            "hold_days": of_program.hold.days,
            "new_partner_days": of_program.hold.new_partner_days,
            "destination_change_days": of_program.hold.destination_change_days,
            "min_payout_minor": of_program.min_payout_minor,
            "max_per_partner_month_minor": of_program.max_per_partner_month_minor,
            "schedule": of_program.schedule,
        }
        for name, value in found.items():
            wanted = [one for one in (getattr(own, name), getattr(of_tier, name)) if one is not None]
            assert value == (wanted or [programs[name]])[0]
        for method in METHODS:
            assert terms.fee(method) == own.fees.get(method, of_tier.fees.get(method, policy.fee(method)))

    @pytest.mark.parametrize(
        "overrides",
        [
            {"min_payout": 5_000},
            {"min_payout_minor": -1},
            {"min_payout_minor": 50.0},
            {"hold_days": "7"},
            {"hold_days": True},
            {"schedule": {"kind": "hourly"}},
            {"fees": {"cash": {}}},
            {"commission": {"kind": "external"}},
        ],
    )
    def test_refuses_overrides_that_are_no_terms(self, overrides: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            resolve(self.POLICY, None, overrides)


class TestDeclaringAPolicy:
    @pytest.mark.parametrize(
        ("term", "value"),
        [
            ("commission", {"kind": "flat", "amount_minor": 1}),
            ("commission", {"kind": "flat_once"}),
            ("commission", {"kind": "percent", "pct": 90.0}),
            ("commission", {"kind": "percent", "pct": "100.5"}),
            (
                "commission",
                {
                    "kind": "tiered",
                    "base_pct": "70",
                    "steps": [{"above_services": 100, "pct": "75"}, {"above_services": 50, "pct": "72"}],
                },
            ),
            ("approval", {}),
            ("deduction_kinds", ["rent"]),
            ("sale_kinds", ["Booking!"]),
            ("retry", {"transient": []}),
            ("retry", {"limits": ["-PT1H"]}),
            ("hold", {"day": 7}),
            ("accrues_from", "yesterday"),
            ("minimum", 100),
        ],
    )
    def test_refuses_terms_that_say_nothing_sound(self, term: str, value: object) -> None:
        written = POLICIES["creator"].model_dump(mode="json") | {term: value}

        with pytest.raises(ValidationError):
            Policy.model_validate(written)

    def test_is_frozen(self) -> None:
        with pytest.raises(ValidationError):
            POLICIES["creator"].min_payout_minor = 1  # type: ignore[misc]  # that is the point

    def test_may_stop_accruing_at_a_date(self) -> None:
        written = POLICIES["broker-bounty"].model_dump(mode="json") | {"accrues_from": "2026-01-01"}

        assert Policy.model_validate(written).accrues_from == date(2026, 1, 1)
