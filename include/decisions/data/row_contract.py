"""The contract: which rows of a delivery go on, and why the others do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.compute as pc

from include.models.contract import Column, Model

# No feed is older, and no calendar that people keep differs from this one since.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
# A row may carry a time that is still to come, as forecasts do: up to a year after it was delivered.
AHEAD = timedelta(days=366)
# Words such as "now" are times for pandas.
_BEGINS_AS_A_TIME = r"^\d{4}"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# What a boolean is as a number.
_BOOLEANS = {"True": "1", "False": "0", "true": "1", "false": "0"}


@dataclass(frozen=True)
class RowContract:
    """What each row of a stream must satisfy; `binary` names a label that is 0 or 1, `latest` bounds the times."""

    key: tuple[str, ...]
    time: str
    columns: tuple[Column, ...]
    binary: str = ""
    latest: datetime | None = None

    @classmethod
    def of(cls, model: Model, columns: tuple[Column, ...], delivered_at: datetime | None = None) -> "RowContract":
        """The contract of some columns of a model; with the time of the delivery also that of its times."""
        is_binary = model.task == "binary" and model.label.name in [column.name for column in columns]
        latest = delivered_at + AHEAD if delivered_at else None
        return cls(model.feed.key, model.feed.time, columns, model.label.name if is_binary else "", latest)

    @property
    def names(self) -> list[str]:
        """The columns that a delivery must have."""
        return list(dict.fromkeys([*self.key, self.time, *(column.name for column in self.columns)]))


@dataclass(frozen=True)
class Sorted:
    """A delivery, sorted: `good` rows with their types; `reasons` of the others, by the index of the delivery.

    `numbers` are the good rows in that index; `replaced` are those of the others that only gave way to a later row of the same
    key. `times` are those of all rows, NaT where there is none.
    """

    good: pd.DataFrame
    numbers: "pd.Index[int]"
    reasons: dict[int, list[str]]
    replaced: frozenset[int]
    times: pd.Series


def missing_columns(delivered: pd.DataFrame, contract: RowContract) -> list[str]:
    """The columns that every row would lack."""
    return [name for name in contract.names if name not in delivered.columns]


def sort_rows(delivered: pd.DataFrame, contract: RowContract, broken: Mapping[int, str] | None = None) -> Sorted:
    """Check every row of a delivery against the contract; each row has a number of its own in the delivery's index.

    A row is bad when a value cannot be read as its column's kind, is missing where it must not be, or is outside of its range
    or domain. All of a row's reasons are kept; a `broken` one, of which no value could be read, has that reason alone. Of
    several good rows with the same key the last one counts.
    """
    reasons: dict[int, list[str]] = {}
    typed = pd.DataFrame(index=delivered.index)
    typed[contract.time] = times = _read_times(delivered[contract.time], contract, reasons)
    for name in contract.key:
        if name not in typed:
            typed[name] = _read_key(delivered[name], name, reasons)
    for column in contract.columns:
        typed[column.name] = _read_values(delivered[column.name], column, reasons)
    if contract.binary:
        label = typed[contract.binary]
        _note(reasons, label.notna() & ~label.isin([0, 1]), f"{contract.binary}: neither 0 nor 1")
    _add_contract_failures(typed, contract.columns, reasons)
    reasons |= {row: [reason] for row, reason in (broken or {}).items()}
    good = typed.drop(index=list(reasons))
    replaced = good.index[good.duplicated([*contract.key], keep="last")]
    reasons |= {int(row): [replaced_reason(contract.key)] for row in replaced}
    good = good.drop(index=replaced)
    return Sorted(good.reset_index(drop=True), good.index, reasons, frozenset(map(int, replaced)), times)


def replaced_reason(key: Sequence[str]) -> str:
    """Why a good row does not go on where a later one has its key."""
    return f"key {', '.join(key)}: a later row of the file replaces it"


def replaced_later(keys: "Sequence[np.ndarray[Any, np.dtype[np.uint64]]]") -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """For the rows of all pieces, one after the other, whether a later row has the same key; `keys` as of `digests`."""
    whole = np.concatenate(keys) if keys else np.zeros((0, 2), np.uint64)
    order = np.lexsort((whole[:, 1], whole[:, 0]))
    same_as_next = (whole[order][1:] == whole[order][:-1]).all(axis=1)
    replaced = np.zeros(len(whole), dtype=bool)
    replaced[order[:-1][same_as_next]] = True
    return replaced


def _read_times(values: pd.Series, contract: RowContract, reasons: dict[int, list[str]]) -> pd.Series:
    name, texts = contract.time, values.astype("str")
    texts = texts.where(texts.str.contains(_BEGINS_AS_A_TIME))
    times = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
    _note(reasons, times.isna(), f"{name}: not a time")
    early = times < EARLIEST
    _note(reasons, early, f"{name}: before the year {EARLIEST.year}")
    late = times > contract.latest if contract.latest else times.isna() & False
    _note(reasons, late, f"{name}: more than a year after it was delivered")
    return times.mask(early | late)


def _read_key(values: pd.Series, name: str, reasons: dict[int, list[str]]) -> pd.Series:
    texts = values.astype("str")
    _note(reasons, values.isna() | (texts.str.strip() == ""), f"{name}: missing in the key")
    return texts


def _read_values(values: pd.Series, column: Column, reasons: dict[int, list[str]]) -> pd.Series:
    if column.kind != "number":
        return values.astype("str")
    numbers = _nearest_floats(values.astype("str").replace(_BOOLEANS))
    _note(reasons, numbers.isna() & values.notna(), f"{column.name}: not a number")
    return numbers


def _nearest_floats(texts: pd.Series) -> pd.Series:
    """The 64-bit floats nearest to what is written, NaN for what is no finite number.

    Arrow reads them: pandas' own reader gives a neighbour for one of six texts with seventeen digits.
    """
    written = pc.utf8_trim_whitespace(arrow.array(texts, arrow.string(), from_pandas=True))
    written = pc.if_else(pc.match_substring_regex(written, _NUMBER), written, None)
    numbers = pc.cast(written, arrow.float64()).to_numpy(zero_copy_only=False)
    return pd.Series(numbers, index=texts.index).replace([float("inf"), float("-inf")], float("nan"))


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
