"""The pack of a closed month: its files in one archive, which comes out byte for byte the same whenever it is asked for.

Partners stand in it by their code, since names may be blanked, and each file's SHA-256 is in `SHA256SUMS`. What a provider
told is not in it: a later reconciliation looks again. The caller gives a connection in REPEATABLE READ.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from zipfile import ZIP_STORED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection

from core.account_codes import account_codes
from core.days import month_bounds
from core.refusals import Refusal
from core.reports.as_of import in_pieces, payouts_under_way, standing
from core.reports.export import csv_bytes
from core.reports.files import journal_file, rollforward_file
from core.reports.month_end import MonthEnd

LAST = timedelta(microseconds=1)  # before the next month's first instant
READABLE = 0o644 << 16
SUMS = "SHA256SUMS"


class MonthNotOver(Refusal):
    """{month} is not over in every program; its pack can be made once it is."""

    code = "month_not_over"


def month_pack(conn: Connection, found: MonthEnd) -> bytes:
    """Return the archive of a month: roll-forward, journal, the company's account codes, and every program's balances by
    partner and payouts under way at its last instant. Refuses MonthNotOver.
    """
    if not found.over:
        raise MonthNotOver(month=found.month)
    files = dict(_files(conn, found))
    sums = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    archive = io.BytesIO()
    with ZipFile(archive, "w", ZIP_STORED) as pack:
        for name, content in [*files.items(), (SUMS, sums.encode())]:
            info = ZipInfo(name)  # the format's own first day, whenever it is made
            info.create_system, info.external_attr = 3, READABLE
            pack.writestr(info, content)
    return archive.getvalue()


def _files(conn: Connection, found: MonthEnd) -> Iterator[tuple[str, bytes]]:
    month = found.month
    codes = account_codes(conn)
    yield f"roll-forward-{month}.csv", b"".join(rollforward_file(found))
    yield f"journal-{month}.csv", b"".join(journal_file(conn, found))
    named = pd.DataFrame(sorted(codes.items()), columns=["account", "code"], dtype="object")
    yield "account-codes.csv", csv_bytes([named])
    balances, payouts = [], []
    for roll in found.rolls:
        at = _closing(month, ZoneInfo(roll.program.zone))
        code = roll.program.code
        stood = standing(conn, at, masked=True, program=code, limit=None).partners
        under_way = payouts_under_way(conn, at, masked=True, program=code, limit=None)
        balances.append(stood.drop(columns="name"))
        payouts.append(under_way.drop(columns="partner_name"))
    yield f"balances-{month}.csv", _together(balances)
    yield f"payouts-under-way-{month}.csv", _together(payouts)


def _closing(month: str, zone: ZoneInfo) -> datetime:
    return month_bounds(month, zone)[1] - LAST


def _together(frames: list[pd.DataFrame]) -> bytes:
    """One file of every program; one that has no rows leaves none, whenever it was added."""
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return csv_bytes(piece for frame in filled for piece in in_pieces(frame))
