"""What a table's columns may be: kinds, time and label, guessed from their values. Each guess is to be checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import numpy as np
import pandas as pd

from include.decisions.data.values import as_numbers
from include.errors import DataError
from include.models.contract import Column, Criteria, Kind, Task
from include.periods import CalendarPeriod, Period

_LABEL_WORDS = ("label", "target", "y", "class", "outcome", "answer", "default", "fraud", "late", "left", "churn", "churned")
_FEW_VALUES = 50
_FEW_CODES = 20
_WORDS_OF_A_TEXT = 3
_A_MONTH = timedelta(days=28)
# Of fewer files it is chance that each holds a month of its own.
_FEWEST_FILES = 3


@dataclass(frozen=True)
class Guess:
    """What a table looks like; `labels` are all columns that may be the label, the likeliest first.

    `few` are features of few whole numbers, which may be codes.
    """

    task: Task
    label: Column
    features: tuple[Column, ...]
    key: tuple[str, ...]
    time: str
    period: Period
    criteria: Criteria
    labels: tuple[str, ...]
    few: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KnownColumns:
    """What is known of some columns beside their values.

    `kinds` says what they are, `number`, `time` or `text`: a text of digits is no number then. `labels` are those that came
    with the labels alone: the label is among them, and none of them is a feature. `files` are the rows of each file that the
    table was read from, one below the other; empty where that is not known.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    files: tuple[int, ...] = ()


def guess(table: pd.DataFrame, model_name: str, key: Sequence[str], known: KnownColumns | None = None) -> Guess:
    """Guess what each column of a table is beside its `key`; its values are text as written, missing ones NaN.

    Raises:
        DataError: there are no rows, no column holds times, the key does not identify the rows, or nothing is left to
            predict from.
    """
    if table.empty:
        raise DataError("the data have no rows: nothing can be guessed. Name a file with rows, or leave DATA out.")
    known = known or KnownColumns()
    kinds = {str(name): _kind(table[name], known.kinds.get(str(name), "")) for name in table.columns}
    times = [name for name, kind in kinds.items() if kind == "time"]
    if not times:
        raise DataError(
            f"no column holds times; there are {', '.join(kinds)}. Accepted is ISO 8601 such as 2024-05-01T12:00:00Z: add a "
            "column that says when each prediction would have been made."
        )
    check_key(table, key)
    labels = _labels(table, [name for name in known.labels or kinds if name not in (*key, times[0])], kinds, model_name)
    features = [name for name in kinds if name not in (*key, *times, *known.labels, labels[0])]
    if not features:
        raise DataError(
            f"beside key, time and label there is no column to predict from; there are {', '.join(kinds)}. Add one."
        )
    label, task = _label(table[labels[0]], kinds[labels[0]])
    return Guess(
        task=task,
        label=label,
        features=tuple(_column(table[name], kinds[name]) for name in features),
        key=tuple(key),
        time=times[0],
        period=_period(table[times[0]], known.files),
        criteria=_criteria(task, table[labels[0]]),
        labels=tuple(labels),
        few=frozenset(name for name in features if kinds[name] == "number" and _is_few_whole_numbers(table[name])),
    )


def kind_of(values: pd.Series) -> str:
    """`number`, `time`, `category` or `text`: what all values that are there can be read as.

    >>> [kind_of(pd.Series(cells)) for cells in (["1", None, "2.5"], ["2024-05-01"], ["gold", "free"])]
    ['number', 'time', 'category']
    """
    present = values.dropna()
    if np.isfinite(as_numbers(present)).all():
        return "number"
    if pd.to_datetime(present, utc=True, errors="coerce", format="ISO8601").notna().all():
        return "time"
    wordy = present.astype("str").map(lambda text: len(text.split())).mean() > _WORDS_OF_A_TEXT
    return "text" if wordy and present.nunique() > _FEW_VALUES else "category"


def _kind(values: pd.Series, known: str) -> str:
    guessed = kind_of(values)
    if known == "text":
        return guessed if guessed in ("category", "text") else "category"
    return known or guessed


def _column(values: pd.Series, kind: str) -> Column:
    known: Kind = "number" if kind == "number" else "text" if kind == "text" else "category"
    return Column(str(values.name), known, optional=bool(values.isna().any()))


def check_key(table: pd.DataFrame, key: Sequence[str]) -> None:
    """A key names every row once, and has no empty cell.

    Raises:
        DataError: it does not; the message says how many rows repeat, or which column has empty cells.
    """
    columns = [str(name) for name in table.columns]
    if unknown := [name for name in key if name not in columns] or (["(none)"] if not key else []):
        raise DataError(
            f"key {', '.join(unknown)}: not a column of the data; there are {', '.join(columns)}. Name those that together "
            "identify a row."
        )
    if gaps := [name for name in key if table[name].isna().any()]:
        raise DataError(f"key {', '.join(gaps)}: it has empty cells, and a key must not. Name other columns, or fill them.")
    if repeated := int(table.duplicated(list(key)).sum()):
        raise DataError(
            f"key {', '.join(key)}: {repeated:,} of {len(table):,} rows repeat an earlier one. Accepted are columns that "
            "together identify a row: add one, such as the time, or remove repeated rows."
        )


def _labels(table: pd.DataFrame, names: Sequence[str], kinds: dict[str, str], model_name: str) -> list[str]:
    """The model's name or a usual word first, then what holds 0 and 1, then the last column."""

    def rank(name: str) -> tuple[bool, bool, bool, int]:
        words = name.lower().split("_")
        named = name.lower() == model_name or any(word in (*_LABEL_WORDS, *model_name.split("_")) for word in words)
        return not named, not _is_binary(table[name]), kinds[name] == "text", -names.index(name)

    candidates = [name for name in names if kinds[name] != "time"]
    if not candidates:
        raise DataError(f"no column is left to be the label; there are {', '.join(kinds)}. Add the column to be predicted.")
    return sorted(candidates, key=rank)[:3]


def _is_few_whole_numbers(values: pd.Series) -> bool:
    """A code, perhaps, whose size means nothing."""
    numbers = as_numbers(values.dropna())
    return len(numbers) > _FEW_VALUES and len(set(numbers.tolist())) <= _FEW_CODES and bool((numbers % 1 == 0).all())


def _is_binary(values: pd.Series) -> bool:
    return set(as_numbers(values.dropna()).tolist()) == {0.0, 1.0}


def _label(values: pd.Series, kind: str) -> tuple[Column, Task]:
    name = str(values.name)
    if _is_binary(values):
        return Column(name, "number", low=0, high=1), "binary"
    if kind == "number":
        return Column(name, "number"), "regression"
    return Column(name, "category"), "multiclass"


def _period(values: pd.Series, files: tuple[int, ...]) -> Period:
    """Quarters or months where each file holds one, or where no rows come in between.

    Else weeks where they make twelve periods or more, else days.
    """
    times = pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601")
    if calendar := _period_of_files(times, files):
        return calendar
    apart = times.drop_duplicates().sort_values().diff().median()
    if apart >= _A_MONTH:
        return "quarter" if apart >= 2 * _A_MONTH else "month"
    return timedelta(weeks=1) if times.max() - times.min() >= timedelta(weeks=12) else timedelta(days=1)


def _period_of_files(times: pd.Series, files: tuple[int, ...]) -> CalendarPeriod | None:
    """The month or quarter of the calendar that each of three files or more holds, and no other one does."""
    if len(files) < _FEWEST_FILES or sum(files) != len(times):
        return None
    number = np.repeat(np.arange(len(files)), files)
    for period, code in (("month", "M"), ("quarter", "Q")):
        of_row = times.dt.tz_convert(None).dt.to_period(code)
        each = of_row.groupby(number).agg(["nunique", "first"])
        if (each["nunique"] == 1).all() and each["first"].is_unique:
            return cast("CalendarPeriod", period)
    return None


def _criteria(task: Task, label: pd.Series) -> Criteria:
    """Somewhat better than a trivial answer; the owner knows what is good enough."""
    if task == "binary":
        return Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02)
    if task == "multiclass":
        usual = float(label.value_counts(normalize=True).iloc[0])
        return Criteria(metric="accuracy", floor=round(usual, 3), noisy_floor=round(usual, 3), margin=0.02)
    numbers = as_numbers(label.dropna())
    spread = float(np.abs(numbers - np.median(numbers)).mean()) or 1.0
    floor, noisy, margin = (float(f"{share * spread:.3g}") for share in (0.9, 1.0, 0.03))
    return Criteria(metric="mae", floor=floor, noisy_floor=noisy, margin=margin)
