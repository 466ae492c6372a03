"""What partners and approvers are told because of an act on many rows: each in one statement, in the act's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from core.copying import copy_into, new_ids
from core.messages.milestone import MILESTONES
from core.money import exponent
from core.outbox import ToTell, tell, tell_partners

LARGE = text("""
    SELECT p.program_id, count(*) AS payouts, sum(p.amount_minor)::bigint AS total_minor,
           (array_agg(p.id ORDER BY p.amount_minor DESC, p.id))[1] AS payout_id, min(p.id) AS first, max(p.id) AS last
      FROM payout p JOIN policy v ON v.id = p.policy_id
     WHERE p.id = ANY(:ids)
       AND p.amount_minor > coalesce((v.terms #>> '{messages,large_payout_minor}')::bigint,
                                     (v.terms #>> '{approval,dual_above_minor}')::bigint)
     GROUP BY p.program_id ORDER BY p.program_id
""")


def tell_of_large(conn: Connection, payout_ids: Sequence[int], *, made_by: str, now: datetime) -> None:
    """Tell the approvers of those of these new payouts that are above their program's limit: one message a program."""
    for row in conn.execute(LARGE, {"ids": list(payout_ids)}).all():
        about = {"payout_id": row.payout_id, "payouts": row.payouts, "total_minor": row.total_minor}
        once = f"{row.program_id}:{row.first}-{row.last}"
        tell(conn, "large_payout", about=about, once=once, made_by=made_by, now=now)


PARTNERS_OF = text("SELECT id, partner_id FROM payout WHERE id = ANY(:ids) ORDER BY id")


def tell_of_rejected(conn: Connection, payout_ids: Sequence[int], *, made_by: str, now: datetime) -> None:
    """Tell the partners of these payouts that they were rejected."""
    rows = conn.execute(PARTNERS_OF, {"ids": list(payout_ids)})
    what = [ToTell(row.partner_id, {"payout_id": row.id}, str(row.id)) for row in rows]
    tell_partners(conn, "payout_rejected", what, made_by=made_by, now=now)


PAID_IN_ALL = text("""
    SELECT b.paid, (SELECT max((m.about ->> 'reached_minor')::bigint) FROM message m
                     WHERE m.partner_id = b.partner_id AND m.kind = 'milestone') AS told
      FROM partner_balance b WHERE b.partner_id = :partner_id
""")


def tell_of_milestone(
    conn: Connection, partner_id: int, *, net_minor: int, currency: str, made_by: str, now: datetime
) -> None:
    """Tell a partner who was just paid this much that all they were paid has reached a round sum, the highest one, once."""
    row = conn.execute(PAID_IN_ALL, {"partner_id": partner_id}).one()
    unit = 10 ** exponent(currency)
    reached = [units * unit for units in MILESTONES if row.paid - net_minor < units * unit <= row.paid]
    if not reached or (row.told is not None and row.told >= reached[-1]):
        return
    about = {"reached_minor": reached[-1]}
    once = f"{partner_id}:{reached[-1]}"
    tell(conn, "milestone", about=about, once=once, partner_id=partner_id, made_by=made_by, now=now)


LISTENING = text("""
    SELECT p.id, p.program_id = ANY(:told_by_program) AS by_program FROM partner p
     WHERE p.id = ANY(:partner_ids)
       AND (p.program_id = ANY(:told_by_program)
            OR EXISTS (SELECT 1 FROM message_choice c
                        WHERE c.partner_id = p.id AND c.kind = 'sale_confirmed' AND c.wanted))
     ORDER BY p.id
""")


def tell_of_sales(
    conn: Connection,
    sales_by_partner: Mapping[int, Collection[int]],
    *,
    told_by_program: Collection[int],
    made_by: str,
    now: datetime,
) -> None:
    """Tell the partners who want to hear of it that these sales came in: one message each, however many there are.

    `sales_by_partner` are the ids of new sales of partners that are locked; `told_by_program` the programs whose partners
    hear of it unless they chose otherwise.
    """
    values = {"partner_ids": list(sales_by_partner), "told_by_program": list(told_by_program)}
    what = []
    for row in conn.execute(LISTENING, values):
        sales = sales_by_partner[row.id]
        first, last = min(sales), max(sales)
        about = {"partner": row.id, "sales": len(sales), "first": first, "last": last}
        what.append(ToTell(row.id, about, f"{first}-{last}", wanted=row.by_program))
    tell_partners(conn, "sale_confirmed", what, made_by=made_by, now=now)


TELL_FORMER = text("""
    INSERT INTO message (kind, partner_id, about, once, recipient, to_identity_id, made_by, made_at, waiting_since,
                         next_try_at)
    SELECT m.kind, m.partner_id, m.about, m.once, 'former', f.identity_id, m.made_by, m.made_at, m.waiting_since, m.next_try_at
      FROM unnest(CAST(:onces AS text[]), CAST(:identity_ids AS bigint[])) AS f (once, identity_id)
      JOIN message m ON m.once = f.once AND m.channel = 'email' AND m.recipient = 'reader'
     ORDER BY m.id
""")


def tell_of_changes(
    conn: Connection,
    moved: Mapping[int, Mapping[str, int]],
    former_emails: Mapping[int, str],
    *,
    made_by: str,
    now: datetime,
) -> None:
    """Tell partners that their money goes elsewhere or that their address was changed, at the address before as well.

    `moved` says of each partner whose money moves what their notice tells; `former_emails` are the addresses that were
    replaced. The old address gets a row of its own, which is blanked once the message has gone.
    """
    changed = {"changed_s": int(now.timestamp())}
    of_kind: dict[str, list[ToTell]] = defaultdict(list)
    for partner_id in sorted({*moved, *former_emails}):
        kind = "destination_changed" if partner_id in moved else "contact_changed"
        about = {**changed, **moved.get(partner_id, {})}
        of_kind[kind].append(ToTell(partner_id, about, f"{partner_id}:{now.timestamp()}"))
    for kind, what in of_kind.items():
        tell_partners(conn, kind, what, made_by=made_by, now=now)
        _tell_former(conn, {f"{kind}:{one.once}": former_emails.get(one.partner_id) for one in what})


def _tell_former(conn: Connection, emails: Mapping[str, str | None]) -> None:
    known = {once: email for once, email in emails.items() if email}
    if not known:
        return
    ids = new_ids(conn, "identity", len(known))
    copy_into(conn, "identity", ("id", "email"), list(zip(ids, known.values(), strict=True)))
    conn.execute(TELL_FORMER, {"onces": list(known), "identity_ids": ids})
