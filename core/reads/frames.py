"""Rows as pandas frames in which whole numbers stay whole numbers, also where one is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import CursorResult


def to_frame(result: CursorResult[Any]) -> pd.DataFrame:
    """Return all rows as a frame with nullable dtypes; no row gives the columns without rows."""
    columns = list(result.keys())
    rows = [tuple(row) for row in result]
    return pd.DataFrame(rows, columns=columns, dtype="object").convert_dtypes()
