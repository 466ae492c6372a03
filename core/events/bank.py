"""A partner's account paid out to its bank: how far that got is kept with the payouts of ours it carries.

One of the account's usual payouts carries many transfers, which its balance transactions name. One that was asked for is
not told apart like that; ours carry the payout's reference. What came back from a bank goes along with a later payout,
whose balance transactions name the one that failed.

An instant payout that could not be asked for is not asked for again: the transfer is made and the money is the partner's,
so it leaves with the account's usual payouts, which are followed here all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from core.access import job_actor
from core.bank_arrival import FAILURES, BankPayout, Carried, note_arrival
from core.events import Effect, Handler, NotYet
from core.providers.events import EventSource, Facts, ProviderEvent
from core.strays import OURS

KINDS = frozenset(
    f"payout.{what}"
    for what in ("canceled", "created", "failed", "paid", "reconciliation_completed", "updated")
)
CAME_BACK = frozenset({"payout_failure", "payout_cancel"})
# A bank that refuses again and again: beyond this many the money is followed no further back.
STEPS_MAX = 10


@dataclass(kw_only=True)
class _Load:
    """What a bank payout carries: transfers by how often they came back before, and payouts it was asked for."""

    transfers: dict[str, int] = field(default_factory=dict)
    payout_refs: dict[str, int] = field(default_factory=dict)


def plan(source: EventSource, event: ProviderEvent, _now: datetime) -> Effect | None:
    """Ask for the bank payout and for what it carries."""
    account = event.account
    assert account is not None, event.kind
    facts = source.fetch("payout", event.object_ref, account=account)
    if facts is None:
        return None
    load = _Load()
    _look_into(source, account, facts, load, step=0)
    bank = _bank_payout(facts, account)

    def effect(conn: Connection, now: datetime) -> str:
        carried = _ours(conn, source.name, account, load)
        changed = note_arrival(conn, source.name, bank, carried, actor=job_actor("events"), now=now)
        if not carried:
            return "carries no payout of ours"
        return f"{bank.status}: news of {len(changed)} of {len(carried)} payouts"

    return effect


def _bank_payout(facts: Facts, account: str) -> BankPayout:
    arrival = facts.get("arrival_date")
    status = str(facts["status"])
    code = str(facts["failure_code"]) if status == "failed" and facts.get("failure_code") else None
    told = str(facts.get("failure_message") or code or "the bank gave no reason")
    return BankPayout(
        bank_ref=str(facts["id"]),
        account=account,
        status=status,
        made_at=datetime.fromtimestamp(int(facts["created"]), UTC),
        arrival_date=datetime.fromtimestamp(arrival, UTC).date() if isinstance(arrival, int) else None,
        failure_code=code,
        failure=(FAILURES.get(code or "", told))[:500] if status == "failed" else None,
    )


def _look_into(source: EventSource, account: str, facts: Facts, load: _Load, *, step: int) -> None:
    if facts.get("automatic") is False:
        ref = (facts.get("metadata") or {}).get("payout_ref")
        if isinstance(ref, str) and OURS.fullmatch(ref):
            load.payout_refs[ref] = max(step, load.payout_refs.get(ref, 0))
        return
    asked = {"payout": facts["id"], "expand": ["data.source"]}
    for line in source.listed("/v1/balance_transactions", asked, account=account):
        thing = line.get("source")
        ref = str(thing.get("id")) if isinstance(thing, Mapping) else str(thing)
        if line.get("type") in CAME_BACK and ref != facts["id"] and step < STEPS_MAX:
            before = source.fetch("payout", ref, account=account)
            if before is not None:
                _look_into(source, account, before, load, step=step + 1)
        elif ref.startswith(("py_", "ch_")):
            paid = thing if isinstance(thing, Mapping) else source.fetch("charge", ref, account=account)
            transfer = (paid or {}).get("source_transfer")
            if transfer is not None:
                load.transfers[str(transfer)] = max(step, load.transfers.get(str(transfer), 0))


BY_TRANSFER = text("""
    SELECT payout_id, provider_ref FROM attempt WHERE provider = :provider AND provider_ref = ANY(:refs)
""")
BY_REF = text("""
    SELECT id, ref::text AS ref, status FROM payout WHERE ref = ANY(CAST(:refs AS uuid[]))
""")
UNDER_WAY = text("""
    SELECT EXISTS (SELECT 1 FROM attempt WHERE state IN ('started', 'unknown') AND provider = :provider
                      AND params ->> 'destination' = :account)
""")


def _ours(conn: Connection, provider: str, account: str, load: _Load) -> dict[int, Carried]:
    """Return the payouts carried, by id. Raises NotYet while one of them may be ours by an outcome still open."""
    carried = {}
    refs = {"provider": provider, "refs": list(load.transfers)}
    found = {row.provider_ref: row.payout_id for row in conn.execute(BY_TRANSFER, refs)}
    for transfer, payout_id in found.items():
        carried[payout_id] = Carried(step=load.transfers[transfer], asked_for=False)
    open_here = {"provider": provider, "account": account}
    if len(found) < len(load.transfers) and conn.execute(UNDER_WAY, open_here).scalar_one():
        message = f"An outcome at {account} is not recorded yet"
        raise NotYet(message)
    for row in conn.execute(BY_REF, {"refs": list(load.payout_refs)}):
        if row.status not in {"paid", "reversed"}:
            message = f"Payout {row.id} is {row.status}: its outcome is not recorded yet"
            raise NotYet(message)
        carried[row.id] = Carried(step=load.payout_refs[row.ref], asked_for=True)
    return carried


HANDLER = Handler(kinds=KINDS, plan=plan, connected=True)
