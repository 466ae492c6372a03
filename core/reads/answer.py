"""The answer to a partner who asks where their money is, in plain words to copy into a reply."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from core.guards import HOLD_WORDS
from core.money_words import written
from core.reads.outlook import BY_EARNING, Kept
from core.reads.partner import PartnerStory
from core.reads.words import METHOD_WORDS, known

# Where a payout stands, as somebody outside would say it.
STANDS = {
    "pending": "being reviewed",
    "approved": "approved, leaves next",
    "processing": "being sent",
    "retrying": "not taken at the first try, tried again by itself",
}

# What `_kept` says by itself, with every hold there is.
SAID = frozenset({"partner_suspended", "on_hold", "no_destination"})


def answer(story: PartnerStory, *, now: datetime) -> str:
    """Return where a partner's money stands, what comes next and what keeps it, one sentence a line."""
    zone = ZoneInfo(story.header.zone)
    lines = [*_money(story, zone), *_next(story, zone), *_kept(story, zone)]
    who = f"{story.header.name} ({story.header.code})" if story.header.name else story.header.code
    return "\n".join([f"{who}, as of {_day(now, zone)}, days in {story.header.zone}", *lines])


def _day(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%-d %B %Y}"


def _money(story: PartnerStory, zone: tzinfo) -> Iterator[str]:
    balance, currency = story.balance, story.header.currency
    if balance.available_minor < 0:
        owed = written(-balance.available_minor, currency)
        yield f"Available: nothing; {owed} is owed to us and set off against what comes next."
    else:
        yield f"Available: {written(balance.available_minor, currency)}."
    if balance.held_minor:
        held = f"Held: {written(balance.held_minor, currency)}"
        dated = story.held[story.held["release_at"].notna()]
        if len(dated):
            first = dated.iloc[0]
            part = written(int(first["amount_minor"]), currency)
            held += f", of which {part} becomes available on {_day(first['release_at'], zone)}"
        yield f"{held}."
    for row in story.payouts[story.payouts["status"].isin(list(STANDS))].to_dict("records"):
        net, asked = written(int(row["net_minor"]), str(row["currency"])), _day(row["queued_at"], zone)
        yield f"On its way: {net} after fees by {METHOD_WORDS[row['method']]}, since {asked}, {STANDS[row['status']]}."
    if story.header.payouts_paid and story.header.last_paid_at is not None:
        paid = written(balance.paid_minor, currency)
        yield f"Paid so far: {paid} after fees, the last time on {_day(story.header.last_paid_at, zone)}."
    else:
        yield "Paid so far: nothing yet."


def _next(story: PartnerStory, zone: tzinfo) -> Iterator[str]:
    minimum = story.terms.loc[story.terms["term"] == "Minimum payout", "value"]
    least = "".join(
        f" Less than {one} is not paid out but kept for the next time."
        for one in minimum
        if one != written(0, story.header.currency)
    )
    if story.next_slot is None:
        yield f"Paid on request.{least}"
    else:
        yield f"Next payout day: {_day(story.next_slot, zone)} ({story.schedule}).{least}"


def _kept(story: PartnerStory, zone: tzinfo) -> Iterator[str]:
    if story.header.status != "active":
        yield f"No payout is made: the partner is {story.header.status}."
    if story.header.destination_id is None:
        yield "No payout is made: there is no destination to pay to yet."
    holds = story.holds
    blocking = holds[holds["in_force"] & holds["earning_id"].isna() & holds["payout_id"].isna()]
    for row in blocking.to_dict("records"):
        until = known(row["until"])
        ends = f" until {_day(until, zone)}" if until is not None else ""
        yield f"No payout is made{ends}: {HOLD_WORDS[row['reason']]}."
    for one in story.outlook.kept:
        if one.code not in SAID:
            yield f"{one.rule}; that clears {_clears(one, zone)}."
    skips = story.skips[~story.skips["reason"].isin([one.code for one in story.outlook.kept])]
    if len(skips) and (story.header.last_paid_at is None or skips.iloc[0]["at"] > story.header.last_paid_at):
        told = str(skips.iloc[0]["sentence"])
        yield f"Passed over on {_day(skips.iloc[0]['at'], zone)}: {told}."


def _clears(one: Kept, zone: tzinfo) -> str:
    if one.clears_at is None:
        return one.clears
    held = " with what is held" if one.clears == BY_EARNING else ""
    return f"on {_day(one.clears_at, zone)}{held}"
