"""Pulling money of a paid payout back: what one person proposes, and what a second one sets going by confirming it.

Confirming writes the reversal with its key and its frozen parameters, and nothing else: the scheduler asks the provider
(`core/reversing.py`). While sending is stopped it may be agreed on, and nothing is asked of the provider.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, text

from core import audit
from core.access import Actor
from core.decisions import UnknownPayout
from core.ledger import lock_partners
from core.money import BadAmount, parse_amount
from core.money_words import Amount, written
from core.providers import params_hash
from core.refusals import Refusal
from core.second_person import Content, Kind, OutdatedProposal, Proposal

# Providers that take money of a transfer back.
REVERSES = frozenset({"stripe", "simulator"})


class NothingOut(Refusal):
    """Nothing of payout {payout} is out that could be pulled back: it is {status}."""

    code = "nothing_out"


class CannotBeReversed(Refusal):
    """Payout {payout} was not paid through a provider that gives money back: ask the partner for it."""

    code = "cannot_be_reversed"


class ReversalUnderWay(Refusal):
    """Money of payout {payout} is being pulled back already: what comes of that is waited for."""

    code = "under_way"


class NotAnAmount(Refusal):
    """That is not an amount."""

    code = "not_an_amount"


class MoreThanOut(Refusal):
    """{amount} cannot be pulled back: {left} of payout {payout} is still out."""

    code = "more_than_out"


@dataclass(frozen=True, kw_only=True)
class Out:
    """What of a payout is still out, in minor units, and where; `transfer` is the provider's reference of what paid."""

    payout_id: int
    partner_id: int
    partner_code: str
    status: str
    currency: str
    still_out_minor: int
    provider: str | None
    transfer: str | None
    under_way: bool  # a reversal without an outcome

    @property
    def can_be_reversed(self) -> bool:
        """Whether a reversal may be proposed now."""
        return (
            self.status == "paid"
            and self.still_out_minor > 0
            and self.provider in REVERSES
            and not self.under_way
        )


OUT = text("""
    SELECT p.id AS payout_id, p.partner_id, t.code AS partner_code, p.status, p.currency, a.provider,
           a.provider_ref AS transfer,
           CASE WHEN p.status = 'paid' THEN p.net_minor - (
               SELECT coalesce(sum(l.amount_minor), 0) FROM ledger_transfer l
                WHERE l.payout_id = p.id AND l.kind = 'return') ELSE 0 END::bigint AS still_out_minor,
           EXISTS (SELECT 1 FROM reversal r WHERE r.payout_id = p.id AND r.state IN ('started', 'unknown')) AS under_way
      FROM payout p JOIN partner t ON t.id = p.partner_id
      LEFT JOIN attempt a ON a.payout_id = p.id AND a.state = 'succeeded'
     WHERE p.id = :payout_id
""")


def what_is_out(conn: Connection, payout_id: int) -> Out:
    """Return what of a payout could be pulled back. Refuses UnknownPayout."""
    row = conn.execute(OUT, {"payout_id": payout_id}).mappings().one_or_none()
    if row is None:
        raise UnknownPayout(id=payout_id)
    return Out(**row)


def reversal_content(amount: str | None) -> Content:
    """Return what a proposal of kind `reverse_payout` asks for: an amount in major units, None for all that is still out.

    Proposing it refuses UnknownPayout, NothingOut, CannotBeReversed, ReversalUnderWay, NotAnAmount and MoreThanOut.
    """
    return {"amount": amount}


READ_PARTNER = text("SELECT partner_id FROM payout WHERE id = :payout_id")
LOCK_PAYOUT = text("SELECT id FROM payout WHERE id = :payout_id FOR UPDATE")


def _content_now(conn: Connection, ids: Sequence[int], asked: Content) -> Content | None:
    (payout_id,) = ids
    partner_id: int | None = conn.execute(READ_PARTNER, {"payout_id": payout_id}).scalar_one_or_none()
    if partner_id is None:
        raise UnknownPayout(id=payout_id)
    lock_partners(conn, [partner_id])
    conn.execute(LOCK_PAYOUT, {"payout_id": payout_id})
    out = what_is_out(conn, payout_id)
    if "amount" in asked:
        amount_minor = _wanted(out, asked["amount"])
    else:
        amount_minor = asked["amount_minor"]
        if not out.can_be_reversed or amount_minor > out.still_out_minor:
            return None
    return {
        "amount_minor": amount_minor,
        "currency": out.currency,
        "still_out_minor": out.still_out_minor,
        "partner_code": out.partner_code,
        "provider": out.provider,
        "transfer": out.transfer,
    }


def _wanted(out: Out, amount: str | None) -> int:
    if out.status != "paid" or out.still_out_minor == 0:
        raise NothingOut(payout=out.payout_id, status=out.status)
    if out.provider not in REVERSES:
        raise CannotBeReversed(payout=out.payout_id)
    if out.under_way:
        raise ReversalUnderWay(payout=out.payout_id)
    if amount is None:
        return out.still_out_minor
    try:
        amount_minor = parse_amount(amount, out.currency)
    except BadAmount as fault:
        raise NotAnAmount(str(fault)) from fault
    if amount_minor <= 0:
        raise NotAnAmount("What is pulled back is above zero.")
    if amount_minor > out.still_out_minor:
        wanted, left = (Amount(minor, out.currency) for minor in (amount_minor, out.still_out_minor))
        raise MoreThanOut(amount=wanted, left=left, payout=out.payout_id)
    return amount_minor


NEXT_N = text("SELECT coalesce(max(n), 0) + 1 FROM reversal WHERE payout_id = :payout_id")
ADD = text("""
    INSERT INTO reversal (payout_id, n, ref, idem_key, provider, params, params_hash, amount_minor, currency, proposal_id,
                          started_at)
    VALUES (:payout_id, :n, :ref, :idem_key, :provider, CAST(:params AS jsonb), :params_hash, :amount_minor, :currency,
            :proposal_id, :now)
""")


def _set_going(conn: Connection, proposal: Proposal, actor: Actor, now: datetime) -> None:
    (payout_id,) = proposal.ids
    content = proposal.content
    if content["provider"] not in REVERSES:
        raise OutdatedProposal(id=proposal.id)
    n: int = conn.execute(NEXT_N, {"payout_id": payout_id}).scalar_one()
    ref = str(uuid4())
    params: dict[str, object] = {
        "amount_minor": content["amount_minor"],
        "currency": content["currency"],
        "reversal_ref": ref,
        "transfer": content["transfer"],
    }
    values = {
        "payout_id": payout_id,
        "n": n,
        "ref": ref,
        # Random, never a serial number: unique across a restored or a second database.
        "idem_key": f"rv_{ref}_{n}",
        "provider": content["provider"],
        "params": json.dumps(params),
        "params_hash": params_hash(params),
        "amount_minor": content["amount_minor"],
        "currency": content["currency"],
        "proposal_id": proposal.id,
        "now": now,
    }
    conn.execute(ADD, values)
    details = {
        "reversal": n,
        "amount_minor": content["amount_minor"],
        "proposal": proposal.id,
        "proposed_by": proposal.made_by,
        "why": proposal.why,
    }
    audit.record(
        conn,
        "payout.reversal_agreed",
        subject="payout",
        ids=[payout_id],
        actor=actor,
        now=now,
        details=details,
    )


def _about(content: Content) -> str:
    amount = written(content["amount_minor"], content["currency"])
    return f"{amount} of {content['partner_code']}, transfer {content['transfer']}"


REVERSE_PAYOUT = Kind(
    proposed_by="propose reversals",
    right="reverse payouts",
    subject="payout",
    sentence="Pull money of a paid payout back",
    content_now=_content_now,
    carry_out=_set_going,
    about=_about,
    then="Two people agreed. The scheduler pulls it back next, unless sending is stopped.",
)
