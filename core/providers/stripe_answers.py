"""What Stripe's answer to a transfer means, as a table: succeeded, a definite no, or unknown.

Unknown is the answer to everything that is not certain. Two things decide most rows:

- A definite no needs a body that only Stripe writes. A proxy's page, a lock conflict (409), a failed dependency (424)
  and every 5xx say nothing about the money.
- Stripe checks the API key (401, 403) and the request rate (429) before it looks at the idempotency key. Such a refusal
  moved nothing itself, and says nothing about an earlier call under the same key. So 429 is always asked again with the
  same key and spends no retry, and 401 and 403 are a definite no only for a key that never went out before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.providers import Declined, ErrorClass, Succeeded, Unknown

# The one class that spends no retry, blames no partner and lets the run wait: what is wrong is ours to mend.
OURS: ErrorClass = "platform_balance"

# Codes of a definite no. Every other one refuses the instruction: it would be refused again.
CODES: dict[str, ErrorClass] = {
    "balance_insufficient": OURS,
    "insufficient_funds": OURS,
    "api_key_expired": OURS,
    "platform_api_key_expired": OURS,
    "secret_key_required": OURS,
    "livemode_mismatch": OURS,
    "testmode_charges_only": OURS,
    "insufficient_capabilities_for_transfer": "account",
    "transfers_not_allowed": "account",
    "account_invalid": "account",
    "account_closed": "account",
    "resource_missing": "account",
    "payouts_limit_exceeded": "limits",
    "instant_payouts_limit_exceeded": "limits",
}

Meaning = Literal["unknown", "waits for people", "declined", "declined, if the key is new"]
SERVER_ERROR = 500


class StripeRefused(RuntimeError):
    """A reading of Stripe's that did not succeed: nothing is claimed until it does; the message says why."""


class WrongAccount(RuntimeError):
    """The API key belongs to another account or mode than the settings name: nothing may be sent with it."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What came back instead of a transfer; no `http_status`: no answer, no `error_type`: no body of Stripe's."""

    http_status: int | None
    error_type: str | None
    code: str | None
    message: str
    request_id: str | None


@dataclass(frozen=True)
class Row:
    """One situation: what it means, and the code and class it gets where Stripe gave none of its own."""

    situation: str
    fits: Callable[[Failure], bool]
    meaning: Meaning
    code: str
    error_class: ErrorClass = "instruction"


# Read from above: the first row that fits decides.
TABLE = (
    Row("no answer", lambda f: f.http_status is None, "unknown", "no_answer"),
    Row("a body that is not Stripe's", lambda f: f.error_type is None, "unknown", "unreadable_answer"),
    Row(
        "the key was used with other parameters",
        lambda f: f.error_type == "idempotency_error",
        "waits for people",
        "idempotency_error",
    ),
    Row(
        "the key is in flight elsewhere",
        lambda f: f.http_status == 409 or f.code == "idempotency_key_in_use",  # noqa: PLR2004 - HTTP
        "unknown",
        "idempotency_key_in_use",
    ),
    Row("a dependency failed", lambda f: f.http_status == 424, "unknown", "dependency_failed"),  # noqa: PLR2004
    Row(
        "too many requests",
        lambda f: f.http_status == 429 or f.code in {"rate_limit", "lock_timeout"},  # noqa: PLR2004
        "unknown",
        "rate_limit",
    ),
    Row("Stripe broke", lambda f: (f.http_status or 0) >= SERVER_ERROR, "unknown", "server_error"),
    Row(
        "our key is refused",
        lambda f: f.http_status == 401,  # noqa: PLR2004
        "declined, if the key is new",
        "authentication_failed",
        OURS,
    ),
    Row(
        "our key may not do this",
        lambda f: f.http_status == 403,  # noqa: PLR2004
        "declined, if the key is new",
        "permission_denied",
        OURS,
    ),
    Row(
        "refused",
        lambda f: (
            f.http_status in {400, 402, 404} and f.error_type in {"invalid_request_error", "card_error"}
        ),
        "declined",
        "invalid_request",
    ),
    Row("anything else", lambda _: True, "unknown", "odd_answer"),
)


def row_of(failure: Failure) -> Row:
    """Return the row of the table that decides."""
    return next(row for row in TABLE if row.fits(failure))


def classify(
    failure: Failure, *, asked_before: bool, codes: Mapping[str, ErrorClass] = CODES
) -> Declined | Unknown:
    """Return what a failure means; `asked_before`: an earlier call under this key may have reached Stripe.

    `codes` classes the codes of a definite no, of a transfer unless told otherwise.
    """
    row = row_of(failure)
    code = failure.code or row.code
    new_key_only = row.meaning == "declined, if the key is new"
    if row.meaning == "declined" or (new_key_only and not asked_before):
        error_class = codes.get(code, row.error_class)
        return Declined(
            code=code, error_class=error_class, message=failure.message, request_id=failure.request_id
        )
    return Unknown(
        message=failure.message,
        code=code if row.meaning != "waits for people" else row.code,
        request_id=failure.request_id,
        ask_again=row.meaning != "waits for people",
    )


def judge_transfer(
    answer: Mapping[str, Any], asked: Mapping[str, Any], *, livemode: bool, request_id: str | None
) -> Succeeded | Unknown:
    """Return Succeeded only for a transfer of exactly what was asked, in the mode of our key.

    `asked` has amount, currency, destination, transfer_group as sent. Another one waits for people: asking again would
    show the same, and it is never adopted.
    """
    ref = answer.get("id")
    if not isinstance(ref, str) or not ref.startswith("tr_"):
        return Unknown(message="The answer names no transfer", code="no_transfer_id", request_id=request_id)
    expected = {name: asked[name] for name in ("amount", "currency", "destination", "transfer_group")}
    expected["livemode"] = livemode
    wrong = [
        f"{name} {answer.get(name)!r} instead of {value!r}"
        for name, value in expected.items()
        if answer.get(name) != value or type(answer.get(name)) is not type(value)
    ]
    if wrong:
        message = f"Transfer {ref} is not what was asked for: {', '.join(wrong)}"
        return Unknown(message=message[:500], code="wrong_transfer", request_id=request_id, ask_again=False)
    return Succeeded(provider_ref=ref, request_id=request_id)


def judge_listed(
    listed: list[dict[str, Any]], asked: Mapping[str, Any], *, livemode: bool
) -> Succeeded | Unknown | None:
    """Return what the transfers of one group prove: one that fits, or None when there are none; all else is for people."""
    if not listed:
        return None
    if len(listed) > 1:
        refs = ", ".join(str(one.get("id")) for one in listed)
        return Unknown(
            message=f"Several transfers carry this payout's group: {refs}"[:500],
            code="duplicate_transfers",
            ask_again=False,
        )
    return judge_transfer(listed[0], asked, livemode=livemode, request_id=None)
