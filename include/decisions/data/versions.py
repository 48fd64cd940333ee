"""Rows as they were delivered over time: each row in all its versions, and from when to when each one counted."""

from datetime import datetime

import pandas as pd

from include.own_columns import KNOWN_FROM, KNOWN_UNTIL


def known_at(rows: pd.DataFrame, as_of: datetime | pd.Series) -> pd.DataFrame:
    """The version of each row that counted as of a time, which may be another one for each row.

    Rows without KNOWN_FROM and KNOWN_UNTIL have one version. A missing time is open: from the beginning, or until now.
    """
    if KNOWN_FROM not in rows:
        return rows
    began = rows[KNOWN_FROM].isna() | (rows[KNOWN_FROM] <= as_of)
    return rows[began & (rows[KNOWN_UNTIL].isna() | (rows[KNOWN_UNTIL] > as_of))]


def newest(rows: pd.DataFrame) -> pd.DataFrame:
    """The version of each row that counts now."""
    return rows[rows[KNOWN_UNTIL].isna()] if KNOWN_FROM in rows else rows


def was_changed(rows: pd.DataFrame) -> pd.Series:
    """For each row, whether it is one of several versions, or was taken away later."""
    if KNOWN_FROM not in rows:
        return pd.Series(False, index=rows.index)
    return rows[KNOWN_FROM].notna() | rows[KNOWN_UNTIL].notna()
