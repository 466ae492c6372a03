"""As of an instant: what is shown for the past is what was seen then, and it comes out the same whenever it is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from core.decisions import Wanted
from core.ending import reject_payouts
from core.reports.as_of import ACCOUNTS, payouts_under_way, standing
from core.steering import take_back_payouts
from tests.desk import ADA, DAY, HOUR, NOW, Desk, Rail, declined


def each(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def stood(desk: Desk, at: datetime) -> dict[str, tuple[int, ...]]:
    """Every partner's balances at an instant."""
    with desk.engine.connect() as conn:
        found = standing(conn, at, masked=False, limit=None).partners
    return {
        str(row.code): tuple(int(getattr(row, f"{account}_minor")) for account in ACCOUNTS)
        for row in each(found)
    }


def queue(desk: Desk, at: datetime) -> dict[int, str]:
    with desk.engine.connect() as conn:
        found = payouts_under_way(conn, at, masked=False, limit=None)
    return {int(row.id): str(row.status) for row in each(found)}


def programs(desk: Desk, at: datetime) -> pd.DataFrame:
    with desk.engine.connect() as conn:
        return standing(conn, at, masked=False).programs


def live(desk: Desk) -> dict[datetime, tuple[dict[str, tuple[int, ...]], dict[int, str]]]:
    """A week of two partners, an hour's step at a time, with what stood after each step."""
    seen: dict[datetime, tuple[dict[str, tuple[int, ...]], dict[int, str]]] = {}
    made: dict[str, int] = {}

    def look(at: datetime) -> None:
        balances = {code: tuple(desk.balance(code)) for code in ("AFF1", "AFF2")}
        rows: list[Any] = desk.column(
            "SELECT id FROM payout WHERE status IN ('pending', 'approved', 'processing', 'retrying') ORDER BY id"
        )
        seen[at] = (balances, {int(id_): desk.status(int(id_)) for id_ in rows})

    start = NOW - 7 * DAY
    at = start
    desk.partner("AFF1", now=start - HOUR)
    desk.partner("AFF2", now=start - HOUR)
    desk.sale("AFF1", "100.00", ref="s1", at=at - HOUR, now=at)
    desk.sale("AFF2", "60.00", ref="s2", at=at - HOUR, now=at)
    look(at)
    at += HOUR
    desk.release(at)
    look(at)
    at += HOUR
    made["first"] = desk.request("AFF1", "40.00", now=at)
    made["second"] = desk.request("AFF2", "60.00", now=at)
    look(at)
    at += HOUR
    desk.approve(made["first"], now=at)
    desk.approve(made["second"], now=at)
    look(at)
    at += HOUR
    with desk.engine.begin() as conn:
        wanted = [Wanted(id=made["second"], version=None)]
        assert take_back_payouts(conn, wanted, actor=ADA, now=at).done
    look(at)
    at += HOUR
    desk.send(Rail(declined("network_timeout")), now=at)
    look(at)
    at += HOUR
    with desk.engine.begin() as conn:
        wanted = [Wanted(id=made["second"], version=None)]
        assert reject_payouts(conn, wanted, actor=ADA, now=at, reason="not owed").done
    look(at)
    at += 2 * DAY
    desk.send(Rail(), now=at)
    look(at)
    return seen


def test_every_past_instant_shows_what_was_seen_then(desk: Desk) -> None:
    for at, (balances, payouts) in live(desk).items():
        assert stood(desk, at) == balances, at
        assert queue(desk, at) == payouts, at
        assert stood(desk, at + HOUR / 2) == balances, "until the next step"


def test_what_is_reserved_is_what_the_payouts_under_way_hold(desk: Desk) -> None:
    for at in live(desk):
        found = programs(desk, at)
        assert list(found["reserved_minor"]) == list(found["payouts_minor"]), at
        affiliate = found[found["code"] == "affiliate"].iloc[0]
        total = sum(int(affiliate[f"{account}_minor"]) for account in ACCOUNTS)
        assert total == sum(sum(accounts) for accounts in stood(desk, at).values())


def test_before_a_partner_was_taken_in_there_is_nobody(desk: Desk) -> None:
    seen = live(desk)
    assert stood(desk, min(seen) - 2 * HOUR) == {}
    assert queue(desk, min(seen) - 2 * HOUR) == {}


def test_names_are_left_out_when_masked(desk: Desk) -> None:
    at = max(live(desk))
    with desk.engine.connect() as conn:
        assert standing(conn, at, masked=True).partners["name"].isna().all()
        assert standing(conn, at, masked=False, program="affiliate").partners_count == 2
        assert payouts_under_way(conn, at - 3 * DAY, masked=True)["partner_name"].isna().all()
