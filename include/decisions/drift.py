"""Drift: the checks that come before any statistic, and what a finding is."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from include.models.contract import Column

# A shift of Jensen-Shannon distance 0.1 moves a normal column by about 0.3 sigma. Issue of scale, not of significance: at the
# row counts of a period every shift is significant.
DISTANCE_THRESHOLD = 0.1
MISSING_RISE = 0.1
UNSEEN_SHARE = 0.02
COLLAPSED_SHARE = 0.5
# A column that is nearly always missing may well be so for a whole period.
RARE_SHARE = 0.9
# So may one that is mostly at one value: New York's visibility stood at its maximum for all of a clear week in October.
USUAL_SHARE = 0.5
_TAIL = 0.005


@dataclass(frozen=True)
class ColumnFinding:
    """What happened to one column; `broken` findings say that the feed is wrong, not the world."""

    column: str
    what: str
    broken: bool = False


def check_feed(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[Column], periods: pd.Series
) -> list[ColumnFinding]:
    """Rows, missingness, unseen values and frozen columns of the newest period against the champion's training rows.

    `periods` holds the period of each reference row: what is usual for a period is judged from whole periods.
    These come first, because a distance between distributions drops missing values: a column that is 60 % missing has "no
    drift".
    """
    findings = []
    usual_rows = float(periods.value_counts().median()) if len(periods) else 0.0
    if len(current) < COLLAPSED_SHARE * usual_rows:
        findings.append(ColumnFinding("(rows)", f"{len(current):,} rows, usually about {usual_rows:,.0f}", broken=True))
    for column in columns:
        findings += _check_column(reference[column.name], current[column.name], column, periods)
    return findings


def _check_column(reference: pd.Series, current: pd.Series, column: Column, periods: pd.Series) -> list[ColumnFinding]:
    missing, usually = float(current.isna().mean()), float(reference.isna().mean())
    if missing == 1 and usually < RARE_SHARE:
        return [ColumnFinding(column.name, f"missing in every row, usually in {usually:.0%}", broken=True)]
    if missing - usually > MISSING_RISE:
        return [ColumnFinding(column.name, f"missing in {missing:.0%} of rows, usually in {usually:.0%}")]
    if len(current) > 1 and current.nunique() == 1 and _never_stands_still(reference, periods):
        return [ColumnFinding(column.name, f"frozen at {current.dropna().tolist()[0]!r}", broken=True)]
    if column.kind == "category":
        unseen = float((~current.dropna().isin(reference.dropna().unique())).mean()) if current.notna().any() else 0.0
        if unseen > UNSEEN_SHARE:
            return [ColumnFinding(column.name, f"{unseen:.0%} of values were never seen in training")]
    return []


def _never_stands_still(values: pd.Series, periods: pd.Series) -> bool:
    """Whether no value makes up most of the reference, and no period of it has only one: a weekday stands still for a day."""
    # Missing counts as a value: the one holiday of a week is not a frozen column.
    commonest = values.value_counts(normalize=True, dropna=False).max()
    return bool(commonest <= USUAL_SHARE and values.groupby(periods).nunique(dropna=False).min() > 1)


def comparable(reference: pd.Series, current: pd.Series, column: Column) -> tuple[pd.Series, pd.Series]:
    """Both sides of a column made fit for a distance.

    Numbers are clipped to the reference's bulk, so that one outlier hides nothing. Plain floats and strings come out, whatever
    comes in; missing values are dropped (`check_feed` has judged them).
    """
    if column.kind == "number":
        reference, current = reference.dropna().astype("float64"), current.dropna().astype("float64")
        low, high = float(reference.quantile(_TAIL)), float(reference.quantile(1 - _TAIL))
        if low == high:
            # Clipped to one value, a column that was always the same could never drift.
            low, high = low - 1, high + 1
        return reference.clip(low, high), current.clip(low, high)
    return reference.dropna().astype("str").astype("object"), current.dropna().astype("str").astype("object")
