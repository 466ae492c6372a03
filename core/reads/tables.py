"""The tables that composed queries name. The law is the DDL; these are only its words for SQLAlchemy Core."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Integer, Text, column, table

_WHEN = DateTime(timezone=True)

payout = table(
    "payout",
    column("id", BigInteger),
    column("program_id", Integer),
    column("partner_id", BigInteger),
    column("status", Text),
    column("amount_minor", BigInteger),
    column("fee_minor", BigInteger),
    column("net_minor", BigInteger),
    column("currency", Text),
    column("method", Text),
    column("destination_id", BigInteger),
    column("approvals_needed", Integer),
    column("priority", Text),
    column("priority_rank", Integer),
    column("queued_at", _WHEN),
    column("aside_until", Date),
    column("retry_at", _WHEN),
    column("leaves_at", _WHEN),
    column("due_at", _WHEN),
    column("policy_id", BigInteger),
    column("processed_at", _WHEN),
    column("version", Integer),
)
payout_counter = table(
    "payout_counter",
    column("program_id", Integer),
    column("status", Text),
    column("method", Text),
    column("currency", Text),
    column("n", BigInteger),
    column("amount_minor", BigInteger),
    column("net_minor", BigInteger),
)
payout_item = table(
    "payout_item", column("payout_id", BigInteger), column("earning_id", BigInteger), column("live", Boolean)
)
program = table(
    "program", column("id", Integer), column("code", Text), column("currency", Text), column("zone", Text)
)
partner = table(
    "partner",
    column("id", BigInteger),
    column("program_id", Integer),
    column("code", Text),
    column("identity_id", BigInteger),
    column("status", Text),
    column("destination_id", BigInteger),
    column("created_at", _WHEN),
)
identity = table("identity", column("id", BigInteger), column("name", Text), column("email", Text))
partner_balance = table(
    "partner_balance",
    column("partner_id", BigInteger),
    column("held", BigInteger),
    column("available", BigInteger),
    column("reserved", BigInteger),
    column("paid", BigInteger),
)
destination = table(
    "destination", column("id", BigInteger), column("account", Text), column("payee_ref", Text)
)
account_state = table(
    "account_state", column("provider", Text), column("account", Text), column("ready", Boolean)
)
bank_arrival = table("bank_arrival", column("payout_id", BigInteger), column("status", Text))
rail_in_use = table("rail_in_use", column("provider", Text), column("methods"))
hold = table(
    "hold",
    column("partner_id", BigInteger),
    column("earning_id", BigInteger),
    column("payout_id", BigInteger),
    column("reason", Text),
    column("until", _WHEN),
    column("closed_at", _WHEN),
)
skip = table("skip", column("run_id", BigInteger), column("partner_id", BigInteger), column("reason", Text))
approval = table(
    "approval",
    column("payout_id", BigInteger),
    column("content_hash"),
    column("actor", Text),
    column("decision", Text),
)
