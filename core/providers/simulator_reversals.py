"""The simulator's books of what it took back: each key once, and never more of a transfer than was moved by it."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, text

from core.providers import Absent, Declined, Order, Succeeded, Unknown, params_hash

TOO_MUCH = "amount_above_remainder"
WORDS = {
    TOO_MUCH: "The amount is greater than what is left of the transfer",
    "resource_missing": "There is no such transfer",
}

READ = text("SELECT params_hash, provider_ref, code FROM simulator_reversal WHERE idem_key = :key")
LEFT = text("""
    SELECT t.amount_minor - coalesce(sum(r.amount_minor), 0)::bigint
      FROM simulator_transfer t
      LEFT JOIN simulator_reversal r ON r.transfer = t.provider_ref AND r.provider_ref IS NOT NULL
     WHERE t.provider_ref = :transfer AND t.currency = :currency
     GROUP BY t.amount_minor
""")
WRITE = text("""
    INSERT INTO simulator_reversal (idem_key, params_hash, transfer, reversal_ref, amount_minor, currency, provider_ref,
                                    code, at)
    VALUES (:key, :params_hash, :transfer, :reversal_ref, :amount_minor, :currency, :provider_ref, :code, :at)
""")


def take_back(conn: Connection, order: Order) -> Succeeded | Declined | Unknown:
    """Replay what the key already did, or take the money back and write it down; the caller holds the currency's lock."""
    digest = params_hash(order.params)
    known = conn.execute(READ, {"key": order.key}).one_or_none()
    if known is not None:
        if bytes(known.params_hash) != digest:
            return Unknown(message="This key was used with other parameters", code="idempotency_error")
        return _outcome(known.provider_ref, known.code)
    left: int | None = conn.execute(LEFT, order.params).scalar_one_or_none()
    code = None
    if left is None:
        code = "resource_missing"
    elif order.params["amount_minor"] > left:
        code = TOO_MUCH
    ref = None if code is not None else f"trr_{hashlib.sha256(order.key.encode()).hexdigest()[:24]}"
    values = order.params | {"key": order.key, "params_hash": digest, "at": order.at}
    conn.execute(WRITE, values | {"provider_ref": ref, "code": code})
    return _outcome(ref, code)


FIND = text("""
    SELECT provider_ref FROM simulator_reversal
     WHERE transfer = :transfer AND reversal_ref = :reversal_ref AND provider_ref IS NOT NULL
""")


def find_taken_back(conn: Connection, order: Order) -> Succeeded | Absent | Unknown:
    """Look an order up by the reference it carries."""
    refs = list(conn.execute(FIND, order.params).scalars())
    if len(refs) > 1:
        return Unknown(message="Several reversals carry this reference", code="duplicate")
    return Succeeded(provider_ref=refs[0]) if refs else Absent()


def _outcome(ref: str | None, code: str | None) -> Succeeded | Declined:
    if ref is not None:
        return Succeeded(provider_ref=ref)
    assert code is not None
    return Declined(code=code, error_class="instruction", message=WORDS[code])
