"""Is a model's file right about real data? Everything that would stop or mislead it later, in words, before it is trained.

A table is what a team has: features and label side by side, values as text, missing ones NaN, index 0 to n - 1.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd

from include.decisions.data.periods import choose_split, count_periods
from include.decisions.data.row_contract import RowContract, missing_columns, sort_rows
from include.decisions.data.values import as_numbers, as_texts
from include.decisions.scoring.clusters import FEWEST_CLUSTERS, Clusters
from include.decisions.scoring.predictions import Floats
from include.errors import NotEnoughHistory
from include.figures import figure
from include.models.contract import Column, Model, Task
from include.own_columns import LABEL_DELIVERED

GIVES_AWAY = 0.995
# For a binary model a ROC AUC of 0.9, which honest columns seldom reach alone; an hour may well explain a road's traffic.
SUSPICIOUS: Mapping[Task, float] = {"binary": 0.8, "multiclass": 0.95, "regression": 0.95}
_MOST_ROWS = 20_000
_FEWEST_ROWS = 50
# Errors in the label's own unit, which grow with it.
_IN_LABELS_UNIT = ("mae", "rmse", "pinball")
_FEWEST_PERIODS, _GROWN = 4, 1.5


@dataclass(frozen=True)
class SpecFinding:
    """`wrong` stops, `doubt` warns; what it is about, its value, what is accepted, and what to do next."""

    severity: Literal["wrong", "doubt"]
    what: str
    value: str
    accepted: str
    do: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.severity}: {self.what}: {self.value}. Expected: {self.accepted}. {self.do}"


def check_spec(model: Model, table: pd.DataFrame, now: datetime) -> list[SpecFinding]:
    """All findings, what is wrong first; the table is not changed. `now` is aware UTC.

    Where columns or times are missing nothing else can be checked, and only that is reported.
    """
    if absent := list(_absent(model, table)):
        return absent
    columns = _columns(model)
    checked = sort_rows(table, RowContract.of(model, columns))
    times, typed = checked.times, checked.good
    findings = [*_times(model, table, times, now), *_keys(model, table), *_values(model, table, checked.reasons)]
    if len(typed):
        findings += [
            *_giveaways(model, typed),
            *_history(model, typed, as_of(model, typed, now)),
            *_gaps(model, typed),
            *_growth(model, typed),
        ]
    return sorted(findings, key=lambda finding: finding.severity != "wrong")


def _growth(model: Model, typed: pd.DataFrame) -> Iterator[SpecFinding]:
    """A floor in the label's own unit, where that unit's level changes: what is good now is out of reach then."""
    if model.criteria.metric not in _IN_LABELS_UNIT:
        return
    known = typed[typed[model.label.name].notna()]
    sizes = known[model.label.name].abs().groupby(model.periods_of(known[model.feed.time])).median()
    if len(sizes) < 2 * _FEWEST_PERIODS:
        return
    quarter = len(sizes) // 4
    first, last = float(sizes.head(quarter).median()), float(sizes.tail(quarter).median())
    if min(first, last) <= 0 or max(first, last) < _GROWN * min(first, last):
        return
    yield SpecFinding(
        "doubt",
        f"criteria.floor {model.criteria.floor:g} and noisy_floor {model.criteria.noisy_floor:g}",
        f"{model.label.name} is {figure(last, 4)} in the newest quarter of the periods, {figure(first, 4)} in "
        "the first (typical size)",
        "floors that hold as the label grows",
        "Name floors for the level that you expect, or wide ones: each challenger has to beat the trivial answers anyway.",
    )


def as_of(model: Model, typed: pd.DataFrame, now: datetime) -> datetime:
    """When the labels of the newest row had come, or now: as of then the data are judged."""
    newest = model.period_of(typed[model.feed.time].max().to_pydatetime())
    return min(model.later(newest) + model.feed.label_delay, now)


def needs_more_rows(model: Model, rows: int, error: float) -> list[SpecFinding]:
    """Whether the held-out rows can show a loss of a margin at 95 % with 80 % power; `error` is the difference's on them.

    >>> from include.models import find_model
    >>> [finding.value for finding in needs_more_rows(find_model("traffic_volume"), 100, 16.0)]
    ['on 100 held-out rows the standard error of a difference is 16; about 396 show a loss of a margin in four of five cases']
    """
    needed = math.ceil(rows * ((1.645 + 0.842) * error / model.criteria.margin) ** 2) if np.isfinite(error) else 0
    if needed <= rows:
        return []
    value = (
        f"on {rows:,} held-out rows the standard error of a difference is {figure(error)}; about {needed:,} show a loss of "
        "a margin in four of five cases"
    )
    do = "Hold out more periods (holdout_periods), bring more data, or accept a wider margin."
    return [SpecFinding("doubt", f"criteria.margin {model.criteria.margin:g}", value, f"{needed:,} rows", do)]


def needs_more_clusters(model: Model, clusters: Clusters) -> list[SpecFinding]:
    """Whether the held-out rows are from clusters enough to tell a gain from chance."""
    if clusters.enough:
        return []
    expected = f"at least {FEWEST_CLUSTERS}: rows of the same one count as one where chance is weighed"
    do = _correct(model, "hold out more (holdout_periods), or name what makes rows independent (feed.cluster)")
    value = f"held-out rows of {clusters.present} {clusters.unit}"
    return [SpecFinding("doubt", f"holdout_periods {model.held_out}", value, expected, do)]


def _columns(model: Model) -> tuple[Column, ...]:
    """A label that has not come yet is not wrong, so it may be missing."""
    label = model.label
    return (*model.delivered, Column(label.name, label.kind, label.low, label.high, label.values, True))


def _absent(model: Model, table: pd.DataFrame) -> Iterator[SpecFinding]:
    here = ", ".join(map(str, table.columns))
    for name in missing_columns(table, RowContract.of(model, _columns(model))):
        yield SpecFinding(
            "wrong", f"column {name}", "it is not in the data", here, _correct(model, "name a column that is there")
        )
    if table.empty:
        yield SpecFinding("wrong", "the data", "they have no rows", "at least one row", "Name a file with rows.")


def _correct(model: Model, how: str) -> str:
    return f"In include/models/{model.name}.py {how}, or correct the data."


def _times(model: Model, table: pd.DataFrame, times: pd.Series, now: datetime) -> Iterator[SpecFinding]:
    name = model.feed.time
    if (bad := times.isna()).any():
        value = f"{int(bad.sum()):,} of {len(bad):,} rows hold no time, such as {table[name][bad].iloc[0]!r}"
        yield SpecFinding(
            "wrong", f"time {name}", value, "ISO 8601 such as 2024-05-01T12:00:00Z", _correct(model, "name another")
        )
    if (late := times > now).any():
        value = f"{int(late.sum()):,} rows lie in the future, such as {table[name][late].iloc[0]!r}"
        yield SpecFinding("wrong", f"time {name}", value, f"times until now, {now:%Y-%m-%dT%H:%MZ}", "Correct the data.")
    if len(times) > 1 and times.nunique() == 1:
        value = f"every row has the time {times.dropna().iloc[0]:%Y-%m-%dT%H:%MZ}"
        do = _correct(model, "name the column that says when each prediction is made")
        yield SpecFinding("wrong", f"time {name}", value, "times that put the rows in order", do)


def _keys(model: Model, table: pd.DataFrame) -> Iterator[SpecFinding]:
    key = list(model.feed.key)
    repeated = table.duplicated(key)
    if not repeated.any():
        return
    value = f"{int(repeated.sum()):,} of {len(table):,} rows repeat it, such as {table.loc[repeated, key].iloc[0].to_dict()}"
    same = table.duplicated([*model.feature_names, *key, model.feed.time, model.label.name])
    if same.sum() == repeated.sum():
        yield SpecFinding("doubt", f"key {', '.join(key)}", value, "each row once", "These rows are equal: they count once.")
    else:
        do = _correct(model, "add the columns to feed.key that tell such rows apart (often the time)")
        yield SpecFinding("wrong", f"key {', '.join(key)}", value, "a key that names one row", do)


def _values(model: Model, table: pd.DataFrame, reasons: dict[int, list[str]]) -> Iterator[SpecFinding]:
    """What the feed's check would say of each column, counted, with an example."""
    rows: dict[str, list[int]] = {}
    for row, broken in reasons.items():
        for reason in broken:
            rows.setdefault(reason, []).append(row)
    for reason, at in rows.items():
        name, _, problem = reason.partition(": ")
        if name == model.feed.time or name.startswith("key "):
            continue
        value = f"{len(at):,} of {len(table):,} values are {problem}, such as {table[name].iloc[at[0]]!r} in row {at[0] + 1}"
        share = model.feed.max_bad_share
        severity: Literal["wrong", "doubt"] = "wrong" if len(at) > share * len(table) else "doubt"
        after = "" if severity == "wrong" else " Such rows would go to quarantine."
        do = _correct(model, "widen the column's kind, range, values or optional") + after
        yield SpecFinding(severity, f"column {name}", value, f"at most {share:.0%} of a delivery", do)


def _giveaways(model: Model, typed: pd.DataFrame) -> Iterator[SpecFinding]:
    rows = typed[typed[model.label.name].notna()]
    rows = rows.sample(_MOST_ROWS, random_state=model.seed) if len(rows) > _MOST_ROWS else rows
    for column in model.features:
        same = bool(len(rows)) and as_texts(rows[column.name]).eq(as_texts(rows[model.label.name])).fillna(False).all()
        power = 1.0 if same else alone(rows[column.name], rows[model.label.name], column, model)
        if not power >= SUSPICIOUS[model.task]:
            continue
        value = "it equals the label" if same else f"alone it {_in_words(model.task, power)}"
        do = f"Is {column.name} known when the prediction is made? If not, take it out of FEATURES."
        severity: Literal["wrong", "doubt"] = "wrong" if power >= GIVES_AWAY else "doubt"
        accepted = f"a column that {_in_words(model.task, SUSPICIOUS[model.task])} at most"
        yield SpecFinding(severity, f"feature {column.name}", value, accepted, do)


def _in_words(task: Task, power: float) -> str:
    """What `alone` says, in the measure that it was made from.

    >>> _in_words("binary", 0.934)
    'ranks the labels with a ROC AUC of 0.967'
    """
    if task == "binary":
        return f"ranks the labels with a ROC AUC of {(1 + power) / 2:.3f}"
    if task == "regression":
        return f"explains the label with an R² of {power:.3f}"
    return f"takes away a share of {power:.3f} of the errors that always answering the commonest label makes"


def alone(values: pd.Series, label: pd.Series, column: Column, model: Model) -> float:
    """What one column alone says of the label, on rows that a small tree was not shown: at most 1, about 0 for nothing.

    Twice the area under the curve less 1 for a binary model, the share of the trivial answer's errors that go away for a
    multi-class one, R² for a regression. NaN for fewer than 50 rows or a single class.
    """
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if len(label) < _FEWEST_ROWS or label.nunique() < 2:
        return float("nan")
    known = as_numbers(values) if column.kind == "number" else _codes(values)
    shape = {"max_depth": 6, "min_samples_leaf": 5, "random_state": 0}
    order = np.random.default_rng(0).permutation(len(label))
    inputs, answers = known[order, None], label.to_numpy()[order]
    if model.task == "regression":
        predictions = cross_val_predict(DecisionTreeRegressor(**shape), inputs, answers.astype("float64"), cv=3)
        return float(1 - np.mean((answers - predictions) ** 2) / np.var(answers))
    if (smallest := label.value_counts().min()) < 3 and model.task == "binary":
        return float("nan")
    if model.task == "binary" and smallest >= 3:
        from include.decisions.scoring.metrics import roc_auc

        yes = answers.astype("float64")
        predictions = cross_val_predict(DecisionTreeClassifier(**shape), inputs, yes, cv=3, method="predict_proba")[:, 1]
        return float(2 * roc_auc(yes, predictions)[0] - 1)
    from sklearn.model_selection import KFold

    predictions = cross_val_predict(DecisionTreeClassifier(**shape), inputs, answers.astype(str), cv=KFold(3))
    usual = label.value_counts(normalize=True).iloc[0]
    return float((np.mean(predictions == answers.astype(str)) - usual) / (1 - usual))


def _codes(values: pd.Series) -> Floats:
    """Values by how often they come; the label has no say in it."""
    texts = as_texts(values)
    places = {value: float(place) for place, value in enumerate(texts.value_counts().index)}
    return np.asarray(texts.map(places).to_numpy("float64", na_value=float("nan")))


def _history(model: Model, typed: pd.DataFrame, moment: datetime) -> Iterator[SpecFinding]:
    """Whether there are periods, rows and positives enough to train, to hold out and to judge."""
    with_delivered = typed.assign(**{LABEL_DELIVERED: typed[model.label.name].notna() | model.label.optional})
    try:
        split = choose_split(count_periods(with_delivered, model, moment), model, None)
    except NotEnoughHistory as reason:
        value = f"{str(reason).rstrip('.')} (labels come {model.feed.label_delay} late, as of {moment:%Y-%m-%d})"
        accepted = f"{model.min_train_periods} + {model.held_out} periods ({model.feed.period}) with mature labels"
        yield SpecFinding("wrong", "history", value, accepted, _correct(model, "set feed.period or label_delay to what is so"))
        return
    times = typed[model.feed.time]
    label = typed.loc[(times >= split.holdout_start) & (times < split.holdout_end), model.label.name].dropna()
    where = f"holdout from {split.holdout_start:%Y-%m-%d}"
    do = "Raise holdout_periods, bring more data, or lower what criteria ask for."
    if len(label) < model.criteria.min_rows:
        yield SpecFinding(
            "wrong", where, f"{len(label):,} labelled rows", f"{model.criteria.min_rows:,} or more (min_rows)", do
        )
    if model.task == "binary":
        rarer = min(int((label == 1).sum()), int((label == 0).sum()))
        if rarer < model.criteria.min_positives:
            times_more = (
                f"; about {math.ceil(len(label) * model.criteria.min_positives / rarer):,} rows would do" if rarer else ""
            )
            value = f"{rarer:,} rows of the rarer class among {len(label):,}{times_more}"
            yield SpecFinding("wrong", where, value, f"{model.criteria.min_positives:,} or more (min_positives)", do)


def _gaps(model: Model, typed: pd.DataFrame) -> Iterator[SpecFinding]:
    starts = {start.to_pydatetime() for start in model.periods_of(typed[model.feed.time]).unique()}
    first, last = min(starts), max(starts)
    whole = model.periods_between(first, last) + 1
    if whole > len(starts):
        empty = next(start for turn in range(whole) if (start := model.later(first, turn)) not in starts)
        value = f"{whole - len(starts):,} of {whole:,} have no rows, the first starts on {empty:%Y-%m-%d %H:%M}"
        do = _correct(model, 'set feed.period to how often deliveries come: timedelta(weeks=1), "month" or "quarter"')
        yield SpecFinding("doubt", "periods of the feed", value, "rows in each", do)
