"""How a batch differs from the one approved before it, by currency: five quiet figures, then the partners that moved most."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.reads.batch import LastBatch
from pages.shared import elements, tables
from pages.shared.format import ABSENT, count, day, money, percent, plain, totals
from pages.shared.tables import each

MOVERS = 8  # in one currency; of several, each has its share of them


def difference(kept: pd.DataFrame, before: LastBatch, zone: ZoneInfo, now: datetime) -> None:
    """Draw the difference in each currency of the batch or of the batch before it; they are never added."""
    if kept.empty:
        st.markdown(elements.title("Difference from the last batch"))
        return
    at = day(before.decided_at.astimezone(zone).date(), now.astimezone(zone).date())
    last = before.items.groupby("currency")["net_minor"].sum()
    payouts = count(int(before.items["payouts"].sum()), "payout")
    nets = totals({str(currency): int(minor) for currency, minor in last.items()})
    st.markdown(elements.title("Difference from the last batch", f"{at}, {payouts}, {nets} net"))
    currencies = [str(one) for one in kept["currency"].value_counts().index]
    currencies += [str(one) for one in last.index if one not in currencies]
    for currency in currencies:
        _in_currency(kept, before, currency, movers=max(MOVERS // len(currencies), 3))
    st.caption("Usual: the median of the last three batches, of those that paid the partner.")


def _in_currency(kept: pd.DataFrame, before: LastBatch, currency: str, *, movers: int) -> None:
    ours, theirs = kept[kept["currency"] == currency], before.items[before.items["currency"] == currency]
    net, last = int(ours["fixed_net_minor"].sum()), int(theirs["net_minor"].sum())
    moves = _moves(ours, theirs)
    new, gone = int(moves["before"].isna().sum()), int(moves["net"].isna().sum())
    share = percent(float(moves["net"].max()) / net, decimals=1) if net else ABSENT
    grid = st.grid(5, min_column_width=108)
    _figure(grid.container(gap=None), f"Net, {currency}", money(net - last, currency, sign=True),
            percent((net - last) / last, decimals=1, sign=True) if last else "none in the last batch")  # fmt: skip
    _figure(
        grid.container(gap=None),
        "Payouts",
        f"{len(ours) - int(theirs['payouts'].sum()):+,}".replace("-", "−"),
        f"{new} new, {gone} gone",
    )
    _figure(grid.container(gap=None), "Against the usual", *_against_the_usual(net, currency, before))
    changed = int(ours["signals"].map(lambda signals: "new_destination" in signals).sum())
    _figure(
        grid.container(gap=None), "Changed destination", f"{changed:,}", f"of {len(ours):,} in this batch"
    )
    _figure(grid.container(gap=None), "Largest share", share, "of the net, one partner")
    usual = before.usual[before.usual["currency"] == currency].set_index("partner_id")["usual_minor"]
    _movers(moves.assign(usual=usual.reindex(moves.index)).head(movers), currency, before)


def _against_the_usual(net: int, currency: str, before: LastBatch) -> tuple[str, str]:
    """The batch against the median of the batches before it, and what that is."""
    usual = before.usual[before.usual["partner_id"].isna() & (before.usual["currency"] == currency)]
    if usual.empty or not int(usual["usual_minor"].iloc[0]):
        return ABSENT, "no batch in it before"
    median, batches = int(usual["usual_minor"].iloc[0]), int(usual["batches"].iloc[0])
    of = f"median of {batches}" if batches > 1 else "of one batch"
    return percent((net - median) / median, decimals=1, sign=True), f"{of}, {money(median, currency)}"


def _figure(box: st.delta_generator.DeltaGenerator, label: str, value: str, note: str) -> None:
    box.caption(label)
    box.markdown(f"**{value}**")
    box.caption(note)


def _moves(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """One row per partner: net and earnings now and before (missing: not in that batch), the change, and whether it is the
    first payout.
    """
    named = ours.assign(who=ours["partner_name"].fillna(ours["partner_code"]), first=ours["paid_before"] == 0)
    now = named.groupby("partner_id").agg(
        net=("fixed_net_minor", "sum"),
        who=("who", "first"),
        first=("first", "all"),
        earnings=("items", "sum"),
    )
    named = theirs.assign(who_before=theirs["partner_name"].fillna(theirs["partner_code"]))
    before = named.set_index("partner_id")[["net_minor", "who_before", "earnings"]].rename(
        columns={"net_minor": "before", "earnings": "earnings_before"}
    )
    moves = now.join(before, how="outer")
    moves["change"] = moves["net"].fillna(0) - moves["before"].fillna(0)
    moves["who"] = moves["who"].fillna(moves["who_before"])
    return moves.reindex(moves["change"].abs().sort_values(ascending=False).index)


def _movers(moves: pd.DataFrame, currency: str, last: LastBatch) -> None:
    lines = []
    for row in each(moves[moves["change"] != 0].reset_index()):
        now, before = pd.notna(row.net), pd.notna(row.before)
        share = _share(row) if now else "gone"
        lines.append(
            (
                plain(str(row.who)),
                money(int(row.net), currency) if now else ABSENT,
                money(int(row.before), currency) if before else ABSENT,
                money(int(row.change), currency, sign=True),
                share,
                because(row, last),
            )
        )
    if lines:
        columns = ["Top movers", "Now", "Last batch", "Change", "Of usual", "Because"]
        tables.rows(lines, columns, right=["Now", "Last batch", "Change", "Of usual"])


def _share(row: Any) -> str:  # noqa: ANN401 - a row of the moves
    """What a partner gets of what they usually get; new is who got nothing in those batches."""
    return percent(row.net / row.usual) if pd.notna(row.usual) and row.usual else "new"


def because(row: Any, last: LastBatch) -> str:  # noqa: ANN401 - a row of the moves
    """The plain main reason why a partner gets another sum than in the last batch."""
    if pd.isna(row.net):
        return "On hold" if row.partner_id in last.held else "No payout in this batch"
    if pd.isna(row.before) and bool(row.first):
        return "First payout"
    if row.partner_id in last.released:
        return "A hold has ended"
    earnings = count(int(row.earnings), "earning")
    if pd.isna(row.before):
        return earnings
    more = int(row.earnings) - int(row.earnings_before)
    if more:
        return f"{earnings}, {abs(more):,} {'more' if more > 0 else 'fewer'}"
    return f"{earnings} again, {'larger' if row.change > 0 else 'smaller'}"
