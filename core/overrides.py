"""A request beyond a rule: below the minimum, over the monthly cap, or of money whose release day has not come.

Two people agree on the amount and on each rule it breaks, with the figures they saw; the payout is made in the transaction
that confirms it, and neither of the two approves it. Whatever else keeps a partner from being paid stays in force: a hold,
a suspension, a missing destination, a fee that would eat the amount, an open request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.drafting import OverBalance, Payee, check_partner, read_payees
from core.money_words import Amount, written
from core.policy import Policy, resolve
from core.programs import PolicyVersion, current_policy
from core.refusals import Refusal
from core.requests import Asked, check_open_request, lock_payee, queue_request, read_amount
from core.second_person import Content, Kind, OutdatedProposal, Proposal


class NothingToOverride(Refusal):
    """{amount} breaks no rule for {partner}: request it as it is."""

    code = "nothing_to_override"


class OverEverything(OverBalance):
    """{asked} is more than {partner} has: {available} is available, and {maturing} waits for its release day."""

    code = "over_balance"


@dataclass(frozen=True, kw_only=True)
class Beyond:
    """A request beyond a rule as it stands now: whom it pays, by which policy, how much, and the rules it breaks."""

    payee: Payee
    version: PolicyVersion
    policy: Policy
    amount_minor: int
    rules: list[dict[str, Any]]

    @property
    def content(self) -> dict[str, Any]:
        """What two people agree on, as JSON."""
        return {
            "partner": self.payee.code,
            "amount_minor": self.amount_minor,
            "currency": self.payee.currency,
            "rules": self.rules,
        }


def override_content(amount: str, *, now: datetime) -> Content:
    """Return what a proposal of kind `override_request` asks for: `amount` in decimal major units, like `25.00`."""
    return {"amount": amount, "at": now.isoformat()}


def look_beyond(
    conn: Connection, partner_id: int, amount: str | int, *, now: datetime, locked: bool = False
) -> Beyond:
    """Return what a request of `amount` (text in major units, or minor units) would break at `now`.

    With `locked` the partner stays as they are until the end of the transaction. Refuses what no override allows:
    PartnerSuspended, OnHold, NoDestination, NotAnAmount, NotPositive, RequestOpen, and OverEverything.
    """
    if locked:
        lock_payee(conn, partner_id)
    (payee,) = read_payees(conn, [partner_id], now=now)
    version = current_policy(conn, payee.program_id, now=now)
    policy = resolve(version.policy, payee.tier, payee.overrides)
    check_partner(payee)
    amount_minor = read_amount(amount, payee.currency) if isinstance(amount, str) else amount
    check_open_request(conn, payee, policy)
    rules = [*_minimum(policy, amount_minor), *_cap(payee, policy, amount_minor)]
    if amount_minor > payee.available_minor:
        rules.append(_before_release(conn, payee, amount_minor))
    return Beyond(payee=payee, version=version, policy=policy, amount_minor=amount_minor, rules=rules)


def _minimum(policy: Policy, amount_minor: int) -> list[dict[str, Any]]:
    minimum = policy.min_payout_minor
    if amount_minor >= minimum:
        return []
    return [{"rule": "below_minimum", "minimum_minor": minimum, "short_minor": minimum - amount_minor}]


def _cap(payee: Payee, policy: Policy, amount_minor: int) -> list[dict[str, Any]]:
    cap = policy.max_per_partner_month_minor
    if cap is None or payee.cap_used_minor + amount_minor <= cap:
        return []
    figures = {"cap_minor": cap, "used_minor": payee.cap_used_minor, "month": f"{payee.cap_month:%Y-%m}"}
    return [{"rule": "cap_reached", **figures, "over_minor": payee.cap_used_minor + amount_minor - cap}]


# What only its day keeps, the next one first. What is on hold stays there: an override moves no hold.
MATURING = text("""
    SELECT o.earning_id, o.amount_minor, o.release_at
      FROM open_item o JOIN partner_balance b USING (partner_id)
     WHERE o.partner_id = :partner_id AND o.amount_minor > 0 AND NOT o.on_hold AND o.release_at > b.released_to
     ORDER BY o.release_at, o.earning_id
""")


def _before_release(conn: Connection, payee: Payee, amount_minor: int) -> dict[str, Any]:
    wanted, reached = amount_minor - payee.available_minor, 0
    earnings: list[dict[str, Any]] = []
    for row in conn.execute(MATURING, {"partner_id": payee.id}):
        if reached >= wanted:
            break
        reached += row.amount_minor
        day = row.release_at.astimezone(UTC).isoformat()
        earnings.append({"earning_id": row.earning_id, "amount_minor": row.amount_minor, "release_at": day})
    if reached < wanted:
        minors = {"asked": amount_minor, "available": payee.available_minor, "maturing": reached}
        figures = {name: Amount(minor, payee.currency) for name, minor in minors.items()}
        raise OverEverything(partner=payee.code, **figures)
    figures_minor = {"available_minor": payee.available_minor, "early_minor": wanted}
    return {"rule": "before_release", **figures_minor, "earnings": earnings}


def _content_now(conn: Connection, ids: Sequence[int], asked: Content) -> Content | None:
    (partner_id,) = ids
    if "at" not in asked:  # confirming: what holds by then is worked out when it is made
        lock_payee(conn, partner_id)
        return asked
    at = datetime.fromisoformat(asked["at"])
    beyond = look_beyond(conn, partner_id, str(asked["amount"]), now=at, locked=True)
    if not beyond.rules:
        amount = Amount(beyond.amount_minor, beyond.payee.currency)
        raise NothingToOverride(amount=amount, partner=beyond.payee.code)
    return beyond.content


# The mark stays where it is: what is named leaves its day, and whatever else matures then is not touched.
RELEASE_EARLY = text("""
    WITH early AS (
        UPDATE open_item o SET release_at = b.released_to
          FROM partner_balance b
         WHERE b.partner_id = o.partner_id AND o.partner_id = :partner_id AND o.earning_id = ANY(:earning_ids)
           AND NOT o.on_hold AND o.amount_minor > 0 AND o.release_at > b.released_to
        RETURNING o.earning_id, o.partner_id, o.amount_minor)
    INSERT INTO ledger_transfer (partner_id, kind, from_account, to_account, amount_minor, currency, earning_id, effective_at)
    SELECT partner_id, 'lift', 'held', 'available', amount_minor, :currency, earning_id, :now FROM early ORDER BY earning_id
""")
ADD_OVERRIDE = text("""
    INSERT INTO payout_override (payout_id, proposal_id, rules, proposed_by, confirmed_by, at)
    SELECT :payout_id, id, content -> 'rules', made_by, decided_by, :now FROM proposal WHERE id = :proposal_id
""")
NOTE_EARLY = text("""
    INSERT INTO early_release (payout_id, earning_id, amount_minor, release_at)
    SELECT :payout_id, i.earning_id, i.amount_minor, e.day
      FROM payout_item i
      JOIN unnest(CAST(:earning_ids AS bigint[]), CAST(:days AS timestamptz[])) AS e (earning_id, day) USING (earning_id)
     WHERE i.payout_id = :payout_id
""")


def _pay(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    (partner_id,) = proposal.ids
    try:
        beyond = look_beyond(conn, partner_id, int(proposal.content["amount_minor"]), now=now, locked=True)
    except OverEverything as fault:
        raise OutdatedProposal(id=proposal.id) from fault
    if beyond.content != dict(proposal.content):
        raise OutdatedProposal(id=proposal.id)
    # Whoever proposed it made the payout; whoever confirmed it had a part in it too.
    proposer = Actor(name=proposal.made_by, channel=actor.channel)
    days = _days(beyond)
    values = {"partner_id": partner_id, "earning_ids": list(days), "days": list(days.values()), "now": now}
    if days:
        conn.execute(RELEASE_EARLY, values | {"currency": beyond.payee.currency})
    asked = Asked(payee=beyond.payee, policy_id=beyond.version.id, policy=beyond.policy)
    payout_id = queue_request(
        conn, asked, beyond.amount_minor, reason=proposal.why, actor=proposer, now=now, days=days
    )
    values |= {"payout_id": payout_id, "proposal_id": proposal.id}
    conn.execute(ADD_OVERRIDE, values)
    if days:
        conn.execute(NOTE_EARLY, values)
    details = {
        "partner": beyond.payee.code,
        "amount_minor": beyond.amount_minor,
        "override": beyond.rules,
        "proposal": proposal.id,
        "proposed_by": proposal.made_by,
        "reason": proposal.why,
    }
    audit.record(
        conn, "payout.requested", subject="payout", ids=[payout_id], actor=actor, now=now, details=details
    )


def _days(beyond: Beyond) -> dict[int, datetime]:
    """Return, by earning, the day an early release goes before."""
    return {
        earning["earning_id"]: datetime.fromisoformat(earning["release_at"])
        for rule in beyond.rules
        for earning in rule.get("earnings", ())
    }


def rule_words(rule: Content, currency: str) -> str:
    """Write one broken rule with its figures."""

    def money(name: str) -> str:
        return written(rule[name], currency)

    match rule["rule"]:
        case "below_minimum":
            return f"{money('short_minor')} below the minimum of {money('minimum_minor')}"
        case "cap_reached":
            used = f"{money('used_minor')} is paid or on its way in {rule['month']}"
            return f"{money('over_minor')} over the monthly cap of {money('cap_minor')}, {used}"
        case _:
            days = [datetime.fromisoformat(earning["release_at"]) for earning in rule["earnings"]]
            first, last = (f"{day:%-d %b %Y}" for day in (min(days), max(days)))
            until = first if first == last else f"{first} to {last}"
            return f"{money('early_minor')} before its release day ({until})"


def _about(content: Content) -> str:
    currency = content["currency"]
    rules = "; ".join(rule_words(rule, currency) for rule in content["rules"])
    return f"{written(content['amount_minor'], currency)} to {content['partner']}: {rules}"


OVERRIDE_REQUEST = Kind(
    right="override rules",
    subject="partner",
    sentence="Pay a request beyond a rule",
    content_now=_content_now,
    carry_out=_pay,
    about=_about,
    then="Two people agreed. The payout waits in the queue for a third person’s approval.",
)
