"""Why a payout is this much: its items by kind, the gross, the fee with its formula, the net."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from core.money import percent_of
from core.money_words import written
from core.reads import words
from core.reads.payout_header import PayoutHeader


def why_lines(header: PayoutHeader, items: pd.DataFrame, *, fee_words: str) -> pd.DataFrame:
    """Return the lines line, how, amount_minor, part (items, gross, fee, net); the items' lines add up to the gross."""
    priced = items["breakdown"].map(lambda kept: isinstance(kept, dict))
    lines: list[tuple[str, str, int, str]] = []
    for month in items[priced].itertuples():
        steps = month_steps(
            month.breakdown,  # type: ignore[arg-type]
            period=str(month.period),
            amount_minor=int(month.amount_minor),  # type: ignore[arg-type]
            currency=header.currency,
        )
        lines += [(*line, "items") for line in steps]
    for kind, group in items[~priced].groupby("kind"):
        total = int(group["amount_minor"].sum())
        lines.append(
            (_line(str(kind), group, ZoneInfo(header.zone)), _how(group, header.currency), total, "items")
        )
    lines.sort(key=lambda line: -line[2])
    lines.append(("Gross", "", header.amount_minor, "gross"))
    lines.append(("Fee", fee_words, -header.fee_minor, "fee"))
    lines.append(("Net", f"what goes out by {words.METHOD_WORDS[header.method]}", header.net_minor, "net"))
    frame = pd.DataFrame(lines, columns=["line", "how", "amount_minor", "part"])
    return frame.astype({"amount_minor": "Int64"})


def month_steps(
    kept: Mapping[str, Any], *, period: str, amount_minor: int, currency: str
) -> Iterator[tuple[str, str, int]]:
    """Yield the steps of a month's price (line, how, minor units) as they were kept with the earning; what was booked for it
    before is taken off.
    """
    month = f"{date.fromisoformat(f'{period}-01'):%B %Y}"
    names = {
        "share": f"{kept['services']:,} service{'' if kept['services'] == 1 else 's'} in {month}",
        "bonus": f"Bonus on the gross of {month}",
    }
    priced = 0
    for step in kept["lines"]:
        pct, base = words.percent(Decimal(step["pct"])), written(step["base_minor"], currency)
        how = f"{pct.removesuffix('%')} points on {base}" if step["label"] == "bonus" else f"{pct} of {base}"
        priced += step["amount_minor"]
        yield names[step["label"]], how, step["amount_minor"]
    if before := amount_minor - priced:
        yield f"Booked for {month} before", "the month was priced again", before


def _line(kind: str, group: pd.DataFrame, zone: tzinfo) -> str:
    named = f" ({group['source'].iloc[0]})" if len(group) == 1 else ""
    span = words.days(group["occurred_at"].min(), group["occurred_at"].max(), zone)
    return f"{words.counted(kind, len(group))}{named}, {span}"


def _how(group: pd.DataFrame, currency: str) -> str:
    amounts = [int(minor) for minor in group["amount_minor"]]
    bases = [int(minor) for minor in group["gross_minor"]]
    gross, least, most = sum(bases), min(amounts), max(amounts)
    if gross and bases != amounts:
        pct = (Decimal(sum(amounts)) * 100 / gross).quantize(Decimal("0.01"))
        same = all(abs(percent_of(base, pct) - part) <= 1 for base, part in zip(bases, amounts, strict=True))
        share = words.percent(pct) if same else f"on average {words.percent(pct)}"
        return f"{share} of {written(gross, currency)}"
    if least == most:
        each = written(least, currency)
        return each if len(amounts) == 1 else f"{len(amounts):,} × {each}"
    return f"each {written(least, currency)} to {written(most, currency)}"
