"""The contract: which rows of a delivery go on, and why the others do not."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from include.models.contract import Column


@dataclass(frozen=True)
class Sorted:
    """A delivery, sorted: `good` rows with their types; `reasons` of the bad ones, by the index of the delivery."""

    good: pd.DataFrame
    reasons: dict[int, list[str]]


def missing_columns(delivered: pd.DataFrame, key: Sequence[str], time: str, columns: Sequence[Column]) -> list[str]:
    """The columns that every row would lack."""
    wanted = dict.fromkeys([*key, time, *(column.name for column in columns)])
    return [name for name in wanted if name not in delivered.columns]


def sort_rows(delivered: pd.DataFrame, key: Sequence[str], time: str, columns: Sequence[Column]) -> Sorted:
    """Check every row of a delivery against the contract; the delivery's index must be 0 to n - 1.

    A row is bad when a value cannot be read as its column's kind, is missing where it must not be, is outside of its range or
    domain, or when an earlier row of the delivery has the same key. All of a row's reasons are kept.
    """
    reasons: dict[int, list[str]] = {}
    typed = pd.DataFrame(index=delivered.index)
    typed[time] = _read_times(delivered[time], time, reasons)
    for name in key:
        if name not in typed:
            typed[name] = _read_key(delivered[name], name, reasons)
    for column in columns:
        typed[column.name] = _read_values(delivered[column.name], column, reasons)
    _add_contract_failures(typed, columns, reasons)
    for row in typed.index[typed.duplicated([*key], keep="first") & ~typed.index.isin(list(reasons))]:
        reasons.setdefault(int(row), []).append(f"key {', '.join(key)}: repeats an earlier row")
    return Sorted(typed.drop(index=list(reasons)).reset_index(drop=True), reasons)


def _read_times(values: pd.Series, name: str, reasons: dict[int, list[str]]) -> pd.Series:
    times = pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
    _note(reasons, times.isna(), f"{name}: not a time")
    return times


def _read_key(values: pd.Series, name: str, reasons: dict[int, list[str]]) -> pd.Series:
    text = _as_text(values)
    _note(reasons, values.isna() | (text.str.strip() == ""), f"{name}: missing in the key")
    return text


def _read_values(values: pd.Series, column: Column, reasons: dict[int, list[str]]) -> pd.Series:
    if column.kind == "number":
        numbers = pd.to_numeric(values, errors="coerce").astype("float64").replace([float("inf"), float("-inf")], float("nan"))
        _note(reasons, numbers.isna() & values.notna(), f"{column.name}: not a number")
        return numbers
    return _as_text(values).where(values.notna(), None)


def _as_text(values: pd.Series) -> pd.Series:
    """Whole numbers read "7" also where one missing value made pandas hold the others as 7.0."""
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("str")


def _add_contract_failures(typed: pd.DataFrame, columns: Sequence[Column], reasons: dict[int, list[str]]) -> None:
    schema = pa.DataFrameSchema({column.name: _column_schema(column) for column in columns})
    try:
        schema.validate(typed, lazy=True)
    except pa.errors.SchemaErrors as errors:
        for failure in errors.failure_cases.itertuples():
            row_reasons = reasons.setdefault(int(failure.index), [])
            broken = f"{failure.column}: {failure.check if failure.check != 'not_nullable' else 'missing'}"
            # A value that could not be read is missing only because of that: one reason is enough.
            if not any(reason.startswith(f"{failure.column}: not a") for reason in row_reasons):
                row_reasons.append(broken)


def _column_schema(column: Column) -> pa.Column:
    checks = []
    if column.low is not None:
        checks.append(pa.Check.ge(column.low, error=f"below {column.low:g}"))
    if column.high is not None:
        checks.append(pa.Check.le(column.high, error=f"above {column.high:g}"))
    if column.values:
        checks.append(pa.Check.isin(list(column.values), error=f"not one of {', '.join(column.values)}"))
    return pa.Column(float if column.kind == "number" else None, checks, nullable=column.optional)


def _note(reasons: dict[int, list[str]], wrong: pd.Series, reason: str) -> None:
    for row in wrong.index[wrong]:
        reasons.setdefault(int(row), []).append(reason)
