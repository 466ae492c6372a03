"""Rows of the desk in the domain's words, written in the order the law allows; amounts in minor units of the program's currency.

Every function writes one thing with all that belongs to it (an earning with its ledger row and open item, a payout with
its items and reservation), so that a test says only what it is about.
"""

from tests.building.earnings import Balance, balance, earning, fact, hold, move, open_item
from tests.building.partners import (
    currency_of,
    customer,
    destination,
    identity,
    partner,
    policy,
    policy_of,
    program,
    program_of,
    refund,
    sale,
    user,
)
from tests.building.payouts import (
    approve,
    attempt,
    claim,
    content_hash,
    decision,
    end,
    end_attempt,
    item,
    pay,
    payout,
    payout_row,
    set_status,
    status_of,
)
from tests.building.proposals import agree_absent, decide_proposal, proposal, start, stop
from tests.building.rows import DAY, NOW, change, insert, insert_returning_id

__all__ = [
    "DAY",
    "NOW",
    "Balance",
    "agree_absent",
    "approve",
    "attempt",
    "balance",
    "change",
    "claim",
    "content_hash",
    "currency_of",
    "customer",
    "decide_proposal",
    "decision",
    "destination",
    "earning",
    "end",
    "end_attempt",
    "fact",
    "hold",
    "identity",
    "insert",
    "insert_returning_id",
    "item",
    "move",
    "open_item",
    "partner",
    "pay",
    "payout",
    "payout_row",
    "policy",
    "policy_of",
    "program",
    "program_of",
    "proposal",
    "refund",
    "sale",
    "set_status",
    "start",
    "status_of",
    "stop",
    "user",
]
