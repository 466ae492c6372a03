"""Strays: transfers of ours at the provider that no attempt here made. A restored backup leaves them; they stop sending.

What a person has closed with a reason is explained, and what an attempt without an answer may have made is no stray.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from core.access import Actor
from core.providers import ProviderTransfer
from core.stops import Stop, stop_sending

# Our groups are a payout's random id.
OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UNEXPLAINED = """
           NOT EXISTS (SELECT 1 FROM attempt a WHERE a.provider = :provider AND a.provider_ref = t.ref)
       AND NOT EXISTS (SELECT 1 FROM payout p JOIN attempt a ON a.payout_id = p.id
                        WHERE p.ref = t.payout_ref AND a.provider = :provider AND a.state IN ('started', 'unknown'))
       AND NOT EXISTS (SELECT 1 FROM difference d
                        WHERE d.provider = :provider AND d.kind IN ('missing_here', 'duplicate') AND d.thing = t.ref
                          AND d.closed_at IS NOT NULL)"""
AMONG = text(f"""
    SELECT t.ref
      FROM unnest(CAST(:refs AS text[]), CAST(:groups AS uuid[])) WITH ORDINALITY AS t (ref, payout_ref, place)
     WHERE {UNEXPLAINED}
     ORDER BY t.place
""")  # noqa: S608 - put together of constants
SEEN = text(f"""
    SELECT t.ref
      FROM (SELECT provider_ref AS ref, payout_ref, created_at FROM provider_transfer
             WHERE provider = :provider AND seen_at = :seen_at AND payout_ref IS NOT NULL) t
     WHERE {UNEXPLAINED}
     ORDER BY t.created_at, t.ref
""")  # noqa: S608 - put together of constants


def strays_among(conn: Connection, provider: str, transfers: Iterable[ProviderTransfer]) -> list[str]:
    """Return the provider's references of those that carry our group and no attempt here made, oldest first."""
    named = [one for one in transfers if one.transfer_group and OURS.fullmatch(one.transfer_group)]
    named.sort(key=lambda one: (one.created_at, one.provider_ref))
    if not named:
        return []
    values = {
        "provider": provider,
        "refs": [one.provider_ref for one in named],
        "groups": [one.transfer_group for one in named],
    }
    return list(conn.execute(AMONG, values).scalars())


def strays_seen(conn: Connection, provider: str, *, seen_at: datetime) -> list[str]:
    """Return the same of all transfers that the reconciliation of `seen_at` has written down."""
    return list(conn.execute(SEEN, {"provider": provider, "seen_at": seen_at}).scalars())


def stop_for_strays(conn: Connection, refs: Sequence[str], *, actor: Actor, now: datetime) -> Stop:
    """Stop all sending, with the evidence; return the stop that stands."""
    rest = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
    why = f"The provider holds a transfer of ours that no attempt here made: {refs[0]}{rest}."
    return stop_sending(conn, why=why, actor=actor, now=now)
