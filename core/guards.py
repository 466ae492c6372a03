"""What keeps a payout from leaving. The page shows this list and the sender obeys it: there is no second one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from core.send_hours import rests_until

Whose = Literal["ours", "partner", "provider"]

HOLD_WORDS = {
    "new_partner": "the partner is new",
    "destination_changed": "the payout destination changed",
    "destination_failed": "the last payout could not be delivered to this destination",
    "dispute": "a sale is disputed",
    "review": "it is under review",
    "ineligible": "the partner is not eligible",
    "manual": "a person put it on hold",
    "kyc": "the partner's identity is not verified",
}
# Methods without an API: where the rail in use does not serve them, they leave in payment files.
FILE_METHODS = ("bank_transfer", "paypal", "check", "manual")
# Those of which a file needs more than the desk shows.
DETAILED = ("bank_transfer", "check")
# Who has to act so that the hold ends; all others are ours.
PARTNERS_MOVE = frozenset({"destination_failed", "kyc"})


@dataclass(frozen=True, kw_only=True)
class Blocking:
    """One reason why a payout may not leave now, whose move it is, and when it clears by itself."""

    code: str
    sentence: str
    whose: Whose
    clears_at: datetime | None = None


BLOCKING = text("""
    WITH wanted AS (
        SELECT p.*, t.status AS partner_status, t.destination_id AS destination_now
          FROM payout p JOIN partner t ON t.id = p.partner_id
         WHERE p.id = ANY(:payout_ids) AND p.status IN ('pending', 'approved', 'processing', 'retrying'))
    SELECT w.id, 'sending_stopped' AS code,
           CASE WHEN starts_with(s.stopped_by, 'user:') THEN substr(s.stopped_by, 6) ELSE 'the desk itself' END
           || ': ' || s.why AS detail, NULL::int AS figure, NULL::int AS of, NULL::timestamptz AS clears_at, 0 AS ord
      FROM wanted w CROSS JOIN sending_stop s WHERE s.started_at IS NULL
     UNION ALL
    SELECT w.id, 'approvals_missing', NULL,
           w.approvals_needed - a.n, w.approvals_needed, NULL, 1
      FROM wanted w
     CROSS JOIN LATERAL (SELECT count(DISTINCT actor) AS n FROM approval
                          WHERE payout_id = w.id AND decision = 'approve'
                            AND content_hash = payout_content_hash(w.id)) a
     WHERE w.status <> 'processing' AND a.n < w.approvals_needed
     UNION ALL
    SELECT w.id, 'partner_suspended', w.partner_status, NULL, NULL, NULL, 2
      FROM wanted w WHERE w.partner_status <> 'active' AND w.status <> 'processing'
     UNION ALL
    SELECT w.id, 'on_hold', h.reason, NULL, NULL, h.until, 3
      FROM wanted w
      JOIN hold h ON h.partner_id = w.partner_id AND h.closed_at IS NULL AND (h.until IS NULL OR h.until > :now)
     WHERE w.status <> 'processing'
       AND ((h.earning_id IS NULL AND (h.payout_id IS NULL OR h.payout_id = w.id))
            OR EXISTS (SELECT 1 FROM payout_item i WHERE i.payout_id = w.id AND i.earning_id = h.earning_id))
     UNION ALL
    SELECT w.id, 'no_destination', NULL, NULL, NULL, NULL, 4
      FROM wanted w WHERE w.destination_now IS NULL AND w.status <> 'processing'
     UNION ALL
    SELECT w.id, 'changed_since', NULL, NULL, NULL, NULL, 5
      FROM wanted w WHERE w.destination_now <> w.destination_id AND w.status <> 'processing'
     UNION ALL
    SELECT w.id, 'paid_already', NULL, NULL, NULL, NULL, 5
      FROM wanted w
     WHERE w.status IN ('approved', 'retrying') AND EXISTS (SELECT 1 FROM provider_transfer m WHERE m.payout_ref = w.ref)
     UNION ALL
    SELECT w.id, 'set_aside', w.aside_reason, NULL, NULL, w.aside_until::timestamptz, 6
      FROM wanted w WHERE w.status = 'pending' AND w.aside_until > CAST(:now AS timestamptz)::date
     UNION ALL
    SELECT w.id, 'waits_for_retry', w.retry_class, NULL, NULL, w.retry_at, 7
      FROM wanted w WHERE w.status = 'retrying' AND w.retry_at > :now
     UNION ALL
    SELECT w.id, 'send_delay', NULL, NULL, NULL, w.leaves_at, 8
      FROM wanted w WHERE w.status IN ('approved', 'retrying') AND w.leaves_at > :now
     UNION ALL
    SELECT w.id, 'outside_hours', jsonb_build_object('sending', l.terms -> 'sending', 'zone', g.zone)::text,
           (w.priority = 'urgent')::int, NULL, w.leaves_at, 8
      FROM wanted w JOIN policy l ON l.id = w.policy_id AND l.terms ? 'sending' JOIN program g ON g.id = w.program_id
     WHERE w.status IN ('approved', 'retrying')
     UNION ALL
    SELECT w.id, 'outcome_open', t.state, NULL, NULL, t.next_look_at, 8
      FROM wanted w JOIN attempt t ON t.payout_id = w.id AND t.state IN ('started', 'unknown')
     WHERE t.provider <> 'file'
     UNION ALL
    SELECT w.id, CASE WHEN w.method <> ALL (:file_methods) THEN 'method_not_served'
                      WHEN w.method = ANY (:detailed) AND d.payee_ref IS NULL THEN 'details_missing'
                      ELSE 'leaves_in_file' END, w.method, NULL, NULL, NULL, 9
      FROM wanted w CROSS JOIN rail_in_use r JOIN destination d ON d.id = w.destination_id
     WHERE w.method <> ALL (r.methods) AND w.status <> 'processing'
     UNION ALL
    SELECT w.id, 'in_file', f.state, f.id::int, NULL, NULL, 9
      FROM wanted w JOIN attempt t ON t.payout_id = w.id AND t.state = 'started' AND t.provider = 'file'
      JOIN payment_file_line l ON l.payout_id = t.payout_id AND l.n = t.n JOIN payment_file f ON f.id = l.file_id
     UNION ALL
    SELECT w.id, 'account_not_ready',
           (SELECT string_agg(why ->> 'sentence', '; ') FROM jsonb_array_elements(s.reasons) AS given (why)),
           (s.whose = 'provider')::int, NULL, NULL, 10
      FROM wanted w
      JOIN destination d ON d.id = w.destination_id
      JOIN account_state s ON s.account = d.account AND NOT s.ready
      JOIN rail_in_use r ON r.provider = s.provider
     WHERE w.status <> 'processing'
     ORDER BY 1, ord
""")


def blocking_reasons(
    conn: Connection, payout_ids: Sequence[int], *, now: datetime
) -> dict[int, list[Blocking]]:
    """Return, for every payout asked for, why it may not leave at `now`; an empty list means it may."""
    reasons: dict[int, list[Blocking]] = {payout_id: [] for payout_id in payout_ids}
    files = {"file_methods": list(FILE_METHODS), "detailed": list(DETAILED)}
    for row in conn.execute(BLOCKING, {"payout_ids": list(payout_ids), "now": now} | files):
        clears_at = row.clears_at
        if row.code == "outside_hours":
            # The hours are the ones of the instant at which its delay is over: it rests on from then.
            clears_at = rests_until(row.detail, max(now, clears_at or now), urgent=bool(row.figure))
            if clears_at is None:
                continue
        sentence, whose = _words(row.code, row.detail, row.figure, row.of)
        reasons[row.id].append(Blocking(code=row.code, sentence=sentence, whose=whose, clears_at=clears_at))
    return reasons


def leaves_by_itself_at(reasons: Sequence[Blocking]) -> datetime | None:
    """Return when a payout leaves that only waits for its time; None where nothing keeps it, or something else does."""
    stops = [reason for reason in reasons if reason.code in STOPS_SENDING]
    times = [reason.clears_at for reason in stops if reason.code in ITS_TIME and reason.clears_at is not None]
    return max(times) if times and len(times) == len(stops) else None


PLAIN_WORDS: dict[str, tuple[str, Whose]] = {
    "no_destination": ("The partner has no payout destination", "partner"),
    "changed_since": ("The partner's destination is not the one this payout was made for", "ours"),
    "paid_already": ("The provider shows the transfer that paid it: it is never sent again", "ours"),
    "outcome_open": ("Being sent", "provider"),
    "send_delay": ("It waits after its approval, which can be taken back until then", "ours"),
    "outside_hours": ("It is not one of the hours in which the program's payouts leave", "ours"),
}


PAID_BY = {
    "stripe": "through Stripe",
    "stripe_instant": "through Stripe at once",
    "bank_transfer": "by bank transfer",
    "paypal": "by PayPal",
    "check": "by check",
    "manual": "by hand",
}


DETAILS_OF = {"bank_transfer": "bank account", "check": "postal address"}


def _words(code: str, detail: str | None, figure: int | None, of: int | None) -> tuple[str, Whose]:
    match code:
        case "sending_stopped":
            return (f"All sending is stopped by {detail}", "ours")
        case "approvals_missing":
            return (f"{(of or 0) - (figure or 0)} of {of} approvals", "ours")
        case "partner_suspended":
            return (f"The partner is {detail}", "ours")
        case "on_hold":
            whose: Whose = "partner" if detail in PARTNERS_MOVE else "ours"
            return (f"On hold: {HOLD_WORDS[detail or 'manual']}", whose)
        case "set_aside":
            return (f"Taken out of the review: {detail}", "ours")
        case "waits_for_retry":
            return (f"Refused for now ({detail}); tried again by itself", "provider")
        case "outcome_open" if detail == "unknown":
            return ("The provider gave no answer; the same request is asked for again", "provider")
        case "method_not_served":
            return (f"The provider in use does not pay {PAID_BY[detail or 'manual']}", "ours")
        case "account_not_ready":
            return (f"The account cannot be paid: {detail}", "provider" if figure else "partner")
    return PLAIN_WORDS.get(code) or _words_of_files(code, detail or "check", figure)


def _words_of_files(code: str, detail: str, figure: int | None) -> tuple[str, Whose]:
    if code == "details_missing":
        return (f"The {DETAILS_OF[detail]} is missing: enter it with the destination", "partner")
    if code == "leaves_in_file":
        return (f"Paid {PAID_BY[detail]}: it leaves with the next payment file", "ours")
    doing = "waits to be marked" if detail == "sent" else "was not handed in yet"
    return (f"In payment file {figure}, which {doing}", "ours")


# What may stand in the way of an approval or of sending; the rest only tells what is going on.
STOPS_APPROVAL = frozenset({"partner_suspended", "on_hold", "no_destination", "changed_since", "set_aside"})
STOPS_SENDING = frozenset(
    {
        "sending_stopped",
        "approvals_missing",
        "partner_suspended",
        "on_hold",
        "no_destination",
        "changed_since",
        "paid_already",
        "method_not_served",
        "details_missing",
        "account_not_ready",
        "send_delay",
        "outside_hours",
    }
)
# What ends by the clock alone, as the program's policy has it: nobody need do anything.
ITS_TIME = frozenset({"send_delay", "outside_hours"})
