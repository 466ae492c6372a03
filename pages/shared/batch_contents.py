"""A fixed batch on the screen: what it comes to, what is not in it, and its payouts, single ones taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.access import Actor
from core.batches import NotInBatch, leave_out
from core.reads.batch import BatchHeader
from db.engine import Connection
from pages.shared import decisions, desk, elements, tables
from pages.shared.decisions import Outcome, Work
from pages.shared.desk import Person
from pages.shared.faults import dialog
from pages.shared.format import count, method, money, plain, totals
from pages.shared.queue_columns import Sight, cells, configs, partner
from pages.shared.tables import each

COLUMNS = ("id", "partner", "net", "status", "signals", "customer", "method", "fee", "amount")
ROWS_AT_ONCE = 50
REASONS_SHOWN = 8
Refusals = Mapping[int, tuple[str, str]]


def net_totals(items: pd.DataFrame) -> dict[str, int]:
    """The net by currency that the batch was fixed with."""
    sums = items.groupby("currency")["fixed_net_minor"].sum()
    return {str(currency): int(minor) for currency, minor in sums.items()}


def passing(kept: pd.DataFrame, refusals: Refusals) -> pd.DataFrame:
    """The payouts of the batch that the decision will not refuse, as far as is known now."""
    return kept[~kept["id"].isin(list(refusals))]


def estimate(header: BatchHeader, kept: pd.DataFrame, refusals: Refusals, note: str) -> None:
    """Gross, fees and net by currency and method, of what the decision will take."""
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("Estimate", note))
        by_method(passing(kept, refusals), net="fixed_net_minor")
        if refusals:
            when = "will be" if header.decision is None else "were"
            st.caption(f"{count(len(refusals), 'payout')} of the batch {when} refused, not counted here.")


def by_method(rows: pd.DataFrame, *, net: str) -> None:
    """Draw gross, fees and net by currency and method; `net` names the column of the net."""
    lines: list[Sequence[str]] = []
    for currency, of_currency in rows.groupby("currency"):
        methods = list(of_currency.groupby("method"))
        lines += [_line(str(currency), method(str(name)), of_method, net) for name, of_method in methods]
        if len(methods) > 1:
            whole = _line(str(currency), "", of_currency, net)
            lines.append([f"**{text}**" if text else "" for text in whole])
    if lines:
        tables.rows(
            lines,
            ["Currency", "Method", "Payouts", "Gross", "Fees", "Net"],
            right=["Payouts", "Gross", "Fees", "Net"],
        )


def _line(currency: str, name: str, rows: pd.DataFrame, net: str) -> Sequence[str]:
    return (
        currency,
        name,
        f"{len(rows):,}",
        money(int(rows["amount_minor"].sum()), currency),
        money(-int(rows["fee_minor"].sum()), currency),
        money(int(rows[net].sum()), currency),
    )


def not_in_this_batch(grid: DeltaGenerator, items: pd.DataFrame, refusals: Refusals) -> None:
    """What was taken out and what will be refused, by reason, with counts and net."""
    reasons = {int(row.id): f"Taken out: {row.left_out}" for row in each(items[items["left_out"].notna()])}
    reasons |= {payout_id: sentence for payout_id, (_, sentence) in refusals.items()}
    out = items[items["id"].isin(list(reasons))]
    with elements.card(grid, "Not in this batch", f"{count(len(out), 'payout')}, {totals(net_totals(out))}"):
        if out.empty:
            st.caption("Everything in the batch may be decided.")
            return
        groups = sorted(
            out.assign(why=out["id"].map(reasons)).groupby("why"), key=lambda group: -len(group[1])
        )
        tables.rows(
            [
                (plain(str(why)), f"{len(rows):,}", totals(net_totals(rows)))
                for why, rows in groups[:REASONS_SHOWN]
            ],
            ["why", "count", "net"],
            right=["count", "net"],
            header=False,
        )


def payouts(header: BatchHeader, kept: pd.DataFrame, refusals: Refusals, who: Person) -> None:
    """The batch's payouts; those ticked can be taken out while nothing is decided."""
    if kept.empty:
        return
    pages = -(-len(kept) // ROWS_AT_ONCE)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(
            elements.title("In this batch", f"{count(len(kept), 'payout')}, as they are now"), width="content"
        )
        place = st.pagination(pages, key=f"batch_page_{header.id}") if pages > 1 else 1
    shown = kept.iloc[(place - 1) * ROWS_AT_ONCE : place * ROWS_AT_ONCE]
    undecided = header.decision is None and who.may("steer payouts")
    grid = cells(shown, COLUMNS, Sight(now=desk.now(), zone=desk.zone()))
    config = configs(COLUMNS)
    if refusals:
        grid.insert(3, "refused", [refusals.get(int(i), ("", ""))[1] for i in shown["id"]])
        config["refused"] = st.column_config.TextColumn(
            "Will be refused" if header.decision is None else "Refused", width=200
        )
    event = st.dataframe(
        grid,
        key=f"batch-{header.id}-{place}-{len(kept)}",
        height="content",
        row_height=32,
        hide_index=True,
        column_config=config,
        on_select="rerun",
        selection_mode=["multi-row", *tables.CLICKS] if undecided else tables.CLICKS,
    )
    for row, _ in event.selection.cells:
        st.switch_page("pages/payout.py", query_params={"id": str(shown.iloc[row]["id"])})
    chosen = shown.iloc[list(event.selection.rows)]
    if len(chosen) and undecided:
        with (
            st.bottom,
            st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"),
        ):
            st.markdown(
                f"**{len(chosen):,} selected**\u2003{totals(net_totals(chosen))} net", width="content"
            )
            if st.button(f"Take {len(chosen):,} out", icon=":material/event_busy:", key="take_out"):
                dialog(f"Take {count(len(chosen), 'payout')} out", "event_busy")(_take_out)(
                    header.id,
                    [
                        (int(row.id), partner(row), money(int(row.net_minor), row.currency))
                        for row in each(chosen)
                    ],
                )


FAULT, DONE = "take_out_fault", "take_out_done"


def _take_out(batch_id: int, chosen: Sequence[tuple[int, str, str]]) -> None:
    if st.session_state.pop(DONE, False):
        st.rerun()
    name = f"take out of {batch_id}: {[payout_id for payout_id, _, _ in chosen]}"
    token = decisions.token_for(name)
    tables.rows(
        [(str(i), plain(who), net) for i, who, net in chosen[:10]],
        ["Payout", "Partner", "Net"],
        right=["Net"],
    )
    tomorrow = desk.now().date() + timedelta(days=1)
    st.text_input("Reason (required, kept with the payout)", key=f"why-{token}", max_chars=500)
    st.date_input(
        "They stay out until", value=tomorrow + timedelta(days=6), min_value=tomorrow, key=f"day-{token}"
    )
    if fault := st.session_state.pop(FAULT, None):
        st.warning(fault, icon=":material/edit:")

    def on_click() -> None:
        reason, until = str(st.session_state.get(f"why-{token}") or ""), st.session_state[f"day-{token}"]
        if not reason.strip():
            st.session_state[FAULT] = "Say why: the reason is kept with the payout."
            return
        ids = [payout_id for payout_id, _, _ in chosen]
        decisions.decide(name, token, _leaving_out(batch_id, ids, reason, until))
        st.session_state[DONE] = True

    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep them in"):
            st.rerun()
        elements.primary(
            f"Take {count(len(chosen), 'payout')} out", "event_busy", key=f"out-{token}", on_click=on_click
        )


def _leaving_out(batch_id: int, ids: Sequence[int], reason: str, until: date) -> Work:
    """Each is taken out by itself: one that was decided meanwhile is out, but not out of the review."""

    def run(conn: Connection, actor: Actor, now: datetime) -> Outcome:
        told, out, aside = [], 0, 0
        for payout_id in sorted(ids):
            try:
                answer = leave_out(
                    conn, batch_id, payout_id, reason=reason, until=until, actor=actor, now=now
                )
            except NotInBatch as refusal:
                told.append((f"Payout {payout_id}:", plain(refusal.sentence)))
                continue
            out, aside = out + 1, aside + len(answer.done)
            told += [(f"Payout {one.id}: not set aside.", plain(one.sentence)) for one in answer.refused]
        if not out:
            return Outcome(badge="refused", headline="Nothing was taken out.", refused=told)
        return Outcome(
            badge="set_aside" if aside else "done",
            headline=f"{count(out, 'payout')} taken out.",
            then=f"Back in the review on {until.isoformat()}." if aside else "",
            refused=told,
        )

    return run
