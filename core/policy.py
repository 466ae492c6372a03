"""A program's policy: the terms that say what is owed, when, how much of it at once, and who decides.

Terms come from four levels, the nearest one first: the partner's own overrides, the partner's tier, the program,
and what is built in here. Amounts are minor units of the program's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from core.commission import Commission
from core.fees import NO_FEE, Fee
from core.records import AmountMinor, Days, Record
from core.schedule import OnRequest, Schedule
from core.send_terms import Sending

Method = Literal["stripe", "stripe_instant", "bank_transfer", "paypal", "check", "manual"]
METHODS: tuple[Method, ...] = get_args(Method)
Level = Literal["partner", "tier", "program", "default"]

SaleKind = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]
Delay = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=30))]
Ladder = Annotated[tuple[Delay, ...], Field(min_length=1, max_length=10)]


class Said(Record):
    """Writes only the terms that were said, so that what is built in stays recognisable as built in."""

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {name: value for name, value in write(self).items() if name in self.model_fields_set}


class Hold(Said):
    """Days of 24 hours: until an earning is released, a new partner is paid, a changed destination is trusted."""

    days: Days = 0
    new_partner_days: Days = 0
    destination_change_days: Days = 7


class Approval(Record):
    """Who lets a payout leave: a second person above an amount, and below another one, up to a sum a day, perhaps nobody.

    `auto` lets the policy itself approve a scheduled payout of a partner it is switched on for, up to `auto_up_to_minor`
    each and `auto_per_day_minor` in a calendar day of the program's zone; without these limits it approves nothing.
    """

    dual_above_minor: AmountMinor
    auto: bool = False
    auto_up_to_minor: AmountMinor = 0
    auto_per_day_minor: AmountMinor = 0

    @model_validator(mode="after")
    def _policies_approve_what_is_small(self) -> Self:
        if self.auto_up_to_minor > self.dual_above_minor:
            raise ValueError("the policy approves no payout that takes a second person")
        if self.auto_per_day_minor < self.auto_up_to_minor:
            raise ValueError("what the policy approves a day is no less than what it approves at once")
        return self

    def people_needed(self, amount_minor: int) -> int:
        """How many people must approve a payout of this amount; the limit itself needs only one."""
        return 2 if amount_minor > self.dual_above_minor else 1


class Messages(Said):
    """What partners of a program are told unless they choose, and above which payouts the approvers hear at once.

    `notice_days` before a scheduled payout they hear of it, 0: never. `large_payout_minor` left out is the limit above
    which a second person approves.
    """

    language: Literal["en", "fr"] | None = None
    notice_days: Annotated[int, Field(strict=True, ge=0, le=30)] = 0
    sale_confirmed: bool = False
    large_payout_minor: AmountMinor | None = None


class Retry(Record):
    """The ladders of retries after a refusal for now, by its class, and how many retries follow the first try."""

    transient: Ladder = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
    limits: Ladder = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
    max: Annotated[int, Field(strict=True, ge=0, le=10)] = 3


class Overrides(Said):
    """The terms a tier or one partner may have of its own; what is not said here is taken from further out."""

    hold_days: Days | None = None
    new_partner_days: Days | None = None
    destination_change_days: Days | None = None
    min_payout_minor: AmountMinor | None = None
    max_per_partner_month_minor: AmountMinor | None = None
    schedule: Schedule | None = None
    auto_payout_enabled: bool | None = None
    fees: Mapping[Method, Fee] = {}


class Policy(Said):
    """The terms of a program, one version of them."""

    commission: Commission
    sale_kinds: tuple[SaleKind, ...] = ()
    deduction_kinds: tuple[SaleKind, ...] = ()
    approval: Approval
    hold: Hold = Hold()
    min_payout_minor: AmountMinor = 0
    max_per_partner_month_minor: AmountMinor | None = None
    schedule: Schedule = OnRequest()
    auto_payout_enabled: bool = False
    fees: Mapping[Method, Fee] = {}
    retry: Retry = Retry()
    sending: Sending = Sending()
    messages: Messages = Messages()
    one_open_request: bool = False
    accrues_from: date | None = None
    tiers: Mapping[str, Overrides] = {}

    @model_validator(mode="after")
    def _deductions_are_sales(self) -> Self:
        if strangers := set(self.deduction_kinds) - set(self.sale_kinds):
            raise ValueError(f"deduction kinds must be among the sale kinds: {', '.join(sorted(strangers))}")
        return self

    def fee(self, method: Method) -> Fee:
        """The fee of a payout by this method; nothing where none is said."""
        return self.fees.get(method, NO_FEE)

    @property
    def approves_by_itself(self) -> bool:
        """Whether the policy may approve a scheduled payout at all: it does so, and it is switched on."""
        return self.approval.auto and self.auto_payout_enabled and self.approval.auto_up_to_minor > 0


class Terms(Policy):
    """A policy as it holds for one partner, and the level that supplied each value.

    `source` is keyed by term: `min_payout_minor`, `hold.days`, `fees.paypal` and so on.
    """

    source: Mapping[str, Level]


# What an override is called, and the term it stands for.
OVERRIDES = {
    "hold_days": "hold.days",
    "new_partner_days": "hold.new_partner_days",
    "destination_change_days": "hold.destination_change_days",
    "min_payout_minor": "min_payout_minor",
    "max_per_partner_month_minor": "max_per_partner_month_minor",
    "schedule": "schedule",
    "auto_payout_enabled": "auto_payout_enabled",
}


def resolve(policy: Policy, tier: str | None, overrides: Overrides | Mapping[str, object]) -> Terms:
    """Work out what holds for a partner: its own overrides over its tier, the program and what is built in.

    A tier the program has no terms for changes nothing. Refuses overrides that are no valid terms with
    pydantic's ValidationError.
    """
    of_tier = policy.tiers.get(tier, NOTHING) if tier else NOTHING
    layers: tuple[tuple[Level, Overrides], ...] = (
        ("tier", of_tier),
        ("partner", Overrides.model_validate(overrides)),  # the nearest comes last and stays
    )
    terms: dict[str, object] = {name: getattr(policy, name) for name in Policy.model_fields}
    hold: dict[str, object] = {f"hold.{name}": getattr(policy.hold, name) for name in Hold.model_fields}
    fees = dict(policy.fees)
    source = _program_or_default(policy)
    for level, layer in layers:
        said = {
            term: value for name, term in OVERRIDES.items() if (value := getattr(layer, name)) is not None
        }
        source |= dict.fromkeys([*said, *(f"fees.{method}" for method in layer.fees)], level)
        hold |= {term: value for term, value in said.items() if term in hold}
        terms |= {term: value for term, value in said.items() if term in terms}
        fees |= layer.fees
    terms["hold"] = {term.removeprefix("hold."): value for term, value in hold.items()}
    return Terms.model_validate(terms | {"fees": fees, "source": source})


NOTHING = Overrides()


def _program_or_default(policy: Policy) -> dict[str, Level]:
    grouped = {"hold", "fees", "tiers"}
    said = {name: name in policy.model_fields_set for name in Policy.model_fields if name not in grouped}
    said |= {f"hold.{name}": name in policy.hold.model_fields_set for name in Hold.model_fields}
    said |= {f"fees.{method}": method in policy.fees for method in METHODS}
    return {term: "program" if by_program else "default" for term, by_program in said.items()}
