"""Worlds in which one known cause makes a champion lose, for the split of decisions/monitoring/causes.py."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from include.decisions.monitoring.causes import Problem, Sample, marks_of, why
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import best_classes
from include.models.contract import Column, Task
from include.noise.profile import learn_columns
from include.results import Why

COLUMNS = (*(Column(name, "number") for name in ("x", "u", "v", "w")), Column("g", "category"))
METRICS: dict[Task, str] = {"regression": "mae", "binary": "roc_auc", "multiclass": "accuracy"}
HARD = {"alpha": 0.3, "bravo": 0.5, "charlie": 0.7, "delta": 2.0}
# What is planted: the kind of cause, and how the worst place begins.
PLANTED = {
    "mix": ("mix", "g=delta"),
    "inputs": ("inputs", "x: median"),
    "answer": ("answer", "g=alpha"),
    "missing": ("corruption", "u: missing"),
    "outliers": ("corruption", "u: out of range"),
    "typos": ("corruption", "g: misspelt"),
}
# A larger x makes the classes easier to tell apart: there, inputs that move so cost nothing.
CASES = [(task, planted) for task in METRICS for planted in PLANTED if (task, planted) != ("multiclass", "inputs")]


def world(rng: np.random.Generator, planted: str, task: Task, rows: int) -> tuple[pd.DataFrame, Any]:
    """Features and labels; rows of the segment delta, and those with a large x, are harder.

    Beside what is in PLANTED: "all in another unit", a fault in every row, and "far away", inputs nowhere like before.
    """
    x, u, v, w = rng.normal(size=rows), rng.normal(size=rows), rng.normal(size=rows), rng.exponential(size=rows)
    g = rng.choice(list(HARD), rows, p=[0.1, 0.2, 0.2, 0.5] if planted == "mix" else [0.4, 0.3, 0.2, 0.1])
    x = x + 1.5 * (planted == "inputs") + 9 * (planted == "far away")
    hard = pd.Series(g).map(HARD).to_numpy() * (1 + 0.9 * np.maximum(x, 0))
    signal = 2 * x + u + 2 * (g == "bravo") - 2 * (g == "charlie") + np.where(g == "bravo", v, 0)
    value = signal + np.where((g == "alpha") & (planted == "answer"), 2 * v, 0) + hard * rng.normal(size=rows)
    frame = pd.DataFrame({"x": x, "u": u, "v": v, "w": w, "g": g})
    if planted == "missing":
        frame.loc[rng.random(rows) < 0.3, "u"] = np.nan
    if planted == "outliers":
        frame.loc[rng.random(rows) < 0.2, "u"] *= -1000
    if planted == "all in another unit":
        frame["u"] *= -1000
    if planted == "typos":
        frame["g"] = frame["g"].where(rng.random(rows) > 0.6, frame["g"].str[:2] + frame["g"].str[3:])
    classes = np.where(value > 1, "up", np.where(value < -1, "down", "same")).astype(object)
    return frame, {"regression": value, "binary": (value > 0) * 1.0, "multiclass": classes}[task]


@cache
def champion(task: Task) -> Callable[[pd.DataFrame], Any]:
    """A model of the world in which nothing is planted."""
    frame, labels = world(np.random.default_rng(0), "", task, 10_000)
    codes = {value: number for number, value in enumerate(HARD)}
    model = (HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier)(max_iter=60)
    model.fit(frame.assign(g=frame["g"].map(codes)), labels)

    def predict(rows: pd.DataFrame) -> Any:
        coded = rows.assign(g=rows["g"].map(codes))
        if task == "regression":
            return model.predict(coded)
        chances = model.predict_proba(coded)
        return chances[:, 1] if task == "binary" else best_classes(chances, model.classes_)

    return predict


def explained(task: Task, planted: str, seed: int, rows: int = 2_500, counts_up: bool = False) -> Why | None:
    """The split between a sample of before and one with what is planted, of so many rows each."""
    rng = np.random.default_rng(seed)
    (before, was), (now, have) = (world(rng, what, task, rows) for what in ("", planted))
    columns = (*COLUMNS, Column("n", "number")) if counts_up else COLUMNS
    before, now = before.assign(n=np.arange(rows)), now.assign(n=np.arange(rows, 2 * rows))
    learned = learn_columns(before, columns)

    def sample(frame: pd.DataFrame, labels: Any) -> Sample:
        marks = marks_of(frame, before, columns, learned)
        predictions = champion(task)(frame.drop(columns="n"))
        return Sample(frame, labels, predictions, Clusters.independent(len(labels)), marks)

    return why(sample(before, was), sample(now, have), Problem(columns, ["g"], task, METRICS[task], seed))
