"""How often does the gate promote what it should, and what it should not? Simulated contests with a known truth.

The gate is the shipped one (`include.decisions.gate.judge`), with nine conditions and five slices. Beside it stand what public
pipelines do: "new > old" on clean rows, and `mlflow.validate_evaluation_results` with the smallest change that it accepts.

    make bench-gate_rates            # half an hour on two cores; TRIALS=100 for a first look
"""

import logging
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from bench import results
from include.decisions.gate.error_budget import Lane
from include.decisions.gate.judge import Contest, weigh
from include.decisions.gate.verdict import Circumstances, decide
from include.decisions.scoring.metrics import average_precision
from include.decisions.scoring.predictions import Floats, Ranking
from include.decisions.scoring.scorecard import CLEAN
from include.decisions.scoring.slices import Partition
from include.models.contract import Criteria

TRIALS = int(os.environ.get("TRIALS", "400"))
NOISY = tuple(f"noise {number}" for number in range(1, 9))
CONDITIONS = (CLEAN, *NOISY)
SLICES = 5
SIZES = {"multiclass": (500, 2000, 10_000), "binary": (500, 2000, 5000, 10_000)}
DIFFERENCES = (-2, -1, 0, 1, 2, 5)
TRAPS = ("one slice 10 worse", "one corruption 10 worse", "clean 2 up, noisy 3 down", "brittle")
POSITIVES = 0.2
CLASSES = np.arange(10)
# Of a row's variance: what both models find hard about it, what the noise does to both, and what is each model's own.
SHARED, OF_NOISE, OWN, OWN_NOISE = 0.79, 0.05, 0.12, 0.04
PAGE = Path(__file__).parent.parent / "docs/gate.md"
# Of one contest for itself; what the error budget leaves of them in a year is measured by field_years.py.
LEVELS: dict[Lane, float] = {"change": 0.05, "routine": 0.20}
GATES = ("change lane", "routine lane", "point estimate", "mlflow")
CRITERIA = {
    "multiclass": Criteria("accuracy", floor=0.5, noisy_floor=0.4, margin=0.01),
    "binary": Criteria("average_precision", floor=0.4, noisy_floor=0.3, margin=0.01),
}
BASE = {"multiclass": (0.85, 0.75), "binary": (0.70, 0.60)}
LEARNED = {"multiclass": '{"classes": 10, "most_frequent": [[0, 0.1]]}', "binary": f'{{"mean": {POSITIVES}}}'}


@dataclass(frozen=True)
class Truth:
    """The challenger's true difference to the champion, in points of the metric: clean, noisy, and where it is special."""

    name: str
    clean: float
    noisy: float
    slice_worse: float = 0.0
    corruption_worse: float = 0.0


TRUTHS = [Truth(f"{difference:+d}", difference, difference) for difference in DIFFERENCES] + [
    Truth(TRAPS[0], 2, 2, slice_worse=-10),
    Truth(TRAPS[1], 2, 2, corruption_worse=-10),
    Truth(TRAPS[2], 2, -3),
    Truth(TRAPS[3], 2, -35),
]


@cache
def skill_for(task: str, value: float) -> float:
    """How far a model's latent score must lie for the metric to have this value."""
    if task == "multiclass":
        return float(norm.ppf(value))
    rng = np.random.default_rng(1)
    labels = (rng.random(200_000) < POSITIVES).astype(float)
    noise = rng.normal(size=len(labels))
    return float(brentq(lambda skill: average_precision(labels, skill * labels + noise)[0] - value, -1, 8, xtol=1e-4))


def contest(task: str, truth: Truth, rows: int, seed: int) -> Contest:
    """One simulated contest: both models find the same rows hard, and differ by their own share of the variance."""
    rng = np.random.default_rng(seed)
    labels: Any = (rng.random(rows) < POSITIVES).astype(float) if task == "binary" else rng.integers(0, 10, rows)
    slices = rng.integers(0, SLICES, rows)
    shared, own = rng.normal(size=rows), rng.normal(size=(2, rows))
    answers: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    for condition in CONDITIONS:
        of_noise, own_noise = rng.normal(size=rows), rng.normal(size=(2, rows))
        for model in (0, 1):
            noise = np.sqrt(SHARED) * shared + np.sqrt(OF_NOISE) * of_noise
            noise += np.sqrt(OWN) * own[model] + np.sqrt(OWN_NOISE) * own_noise[model]
            skill = _skill(task, truth if model else None, condition, slices)
            answers[model][condition] = _answers(task, labels, skill, noise)
    partition = Partition(tuple(f"slice {number}" for number in range(SLICES)), slices)
    return Contest(
        task=task,  # type: ignore[arg-type]
        criteria=CRITERIA[task],
        labels=labels,
        challenger=answers[1],
        champion=answers[0],
        baselines=LEARNED[task],
        slices=[partition],
    )


def _skill(task: str, truth: Truth | None, condition: str, slices: Any) -> Floats:
    """The latent skill of each row under a condition; None is the champion."""
    clean, noisy = BASE[task]
    value = clean if condition == CLEAN else noisy
    if truth is None:
        return np.full(len(slices), skill_for(task, value))
    points = truth.clean if condition == CLEAN else truth.noisy
    points = truth.corruption_worse if truth.corruption_worse and condition == NOISY[0] else points
    skill = np.full(len(slices), skill_for(task, round(value + points / 100, 4)))
    if truth.slice_worse:
        skill[slices == 0] = skill_for(task, round(value + truth.slice_worse / 100, 4))
    return skill


def _answers(task: str, labels: Any, skill: Floats, noise: Floats) -> Any:
    if task == "binary":
        return 1 / (1 + np.exp(-(skill * labels + noise)))
    predicted = np.where(skill + noise > 0, labels, (labels + 1) % 10)
    return Ranking(predicted[:, None], np.full((len(predicted), 1), 0.9), 10)


def verdicts(task: str, truth: Truth, rows: int, seed: int) -> dict[str, str]:
    """What each gate says about one contest."""
    one = contest(task, truth, rows, seed)
    scorecard = weigh(one)
    clean = scorecard.clean
    assert clean.champion is not None
    return {
        "change lane": decide(scorecard, one.criteria, "change", Circumstances(level=LEVELS["change"])).verdict,
        "routine lane": decide(scorecard, one.criteria, "routine", Circumstances(level=LEVELS["routine"])).verdict,
        "point estimate": "promote" if clean.challenger > clean.champion else "keep",
        "mlflow": "promote" if _mlflow_passes(one.criteria.metric, clean.challenger, clean.champion) else "keep",
    }


def _mlflow_passes(metric: str, challenger: float, champion: float) -> bool:
    import mlflow
    from mlflow.models import MetricThreshold
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    make: Any = EvaluationResult  # without types
    candidate, baseline = (make(metrics={metric: value}, artifacts={}) for value in (challenger, champion))
    # It refuses a change of 0 or below, so a non-inferiority margin cannot be asked for.
    limit: Any = MetricThreshold
    threshold = limit(threshold=0.0, min_absolute_change=1e-9, greater_is_better=True)
    try:
        mlflow.validate_evaluation_results({metric: threshold}, candidate, baseline)
    except ModelValidationFailedException:
        return False
    return True


def _cell(cell: tuple[str, Truth, int]) -> dict[str, Any]:
    """The shares of each verdict over all trials of one cell of the table."""
    task, truth, rows = cell
    trials = [verdicts(task, truth, rows, seed=1_000_003 * trial + rows) for trial in range(TRIALS)]
    shares = {gate: {word: n / TRIALS for word, n in Counter(one[gate] for one in trials).items()} for gate in GATES}
    return {"task": task, "truth": truth.name, "rows": rows, "shares": shares}


def _few_positives() -> dict[str, float]:
    """25 positives among 500 rows: what the gate says, and what a point estimate does."""
    words: Counter[str] = Counter()
    point = 0
    for seed in range(TRIALS):
        one = contest("binary", TRUTHS[2], 500, seed)
        keep = np.r_[np.flatnonzero(one.labels == 1)[:25], np.flatnonzero(one.labels == 0)]
        cut = Contest(
            "binary",
            one.criteria,
            one.labels[keep],
            {c: predictions[keep] for c, predictions in one.challenger.items()},
            {c: predictions[keep] for c, predictions in (one.champion or {}).items()},
        )
        scorecard = weigh(cut)
        words[decide(scorecard, cut.criteria, "routine", Circumstances(level=LEVELS["routine"])).verdict] += 1
        point += scorecard.clean.challenger > (scorecard.clean.champion or 0)
    return {word: n / TRIALS for word, n in words.items()} | {"point estimate promotes": point / TRIALS}


def churn(seed: int = 1) -> float:
    """Share of clean rows on which exactly one of two equal multi-class models is right."""
    one = contest("multiclass", TRUTHS[2], 100_000, seed)
    right = [np.asarray(predictions[CLEAN].labels[:, 0] == one.labels) for predictions in (one.challenger, one.champion or {})]  # type: ignore[union-attr]
    return float((right[0] != right[1]).mean())


AIMS = {
    "change lane, truly worse models promoted, largest share": 0.025,
    "change lane, equal models promoted, largest share": 0.05,
    "change lane, 2 better promoted: 2,000 rows at 10 % churn": 0.80,
    "change lane, 2 better promoted: 1,000 positives": 0.80,
    "change lane, traps refused at 2,000 rows or more, smallest share": 1.0,
    "25 positives blocked": 1.0,
}


def figures_of_aims(cells: list[dict[str, Any]], few: dict[str, float]) -> dict[str, float]:
    """The figure that stands against each aim."""

    def promoted(truths: tuple[str, ...], rows: tuple[int, ...] = (), task: str = "") -> list[float]:
        return [
            cell["shares"]["change lane"].get("promote", 0.0)
            for cell in cells
            if cell["truth"] in truths and (not rows or cell["rows"] in rows) and task in ("", cell["task"])
        ]

    reached = (
        max(promoted(("-2", "-1"))),
        max(promoted(("+0",))),
        promoted(("+2",), (2000,), "multiclass")[0],
        promoted(("+2",), (5000,), "binary")[0],
        1 - max(promoted(TRAPS, (2000, 5000, 10_000))),
        few.get("blocked", 0.0),
    )
    return dict(zip(AIMS, reached, strict=True))


def tables(figures: dict[str, Any]) -> str:
    """The shares of promotions as markdown: one table a task, sizes side by side."""
    lines = []
    for task, sizes in SIZES.items():
        cells = {(c["truth"], c["rows"]): c["shares"] for c in figures["cells"] if c["task"] == task}
        side = " / ".join(f"{rows:,}" for rows in sizes)
        lines += [
            f"**{task}, {CRITERIA[task].metric}**; promoted at {side} rows, per cent of {figures['trials']} contests",
            "",
            "| true difference, points | " + " | ".join(GATES) + " |",
            "| --- |" + " ---: |" * len(GATES),
        ]
        for truth in TRUTHS:
            shares = [[cells[truth.name, rows][gate].get("promote", 0.0) for rows in sizes] for gate in GATES]
            lines.append(f"| {truth.name} | " + " | ".join(" / ".join(f"{100 * s:.3g}" for s in of) for of in shares) + " |")
        lines.append("")
    few = figures["25 positives"]
    lines.append(
        f"With 25 positives among 500 rows and equal models: blocked {few.get('blocked', 0):.0%}; "
        f"a point estimate promotes {few['point estimate promotes']:.0%}."
    )
    return "\n".join(lines)


def main() -> int:
    """Simulate every cell on all cores."""
    logging.disable(logging.INFO)  # MLflow logs each of its validations
    cases = [(task, truth, rows) for task, sizes in SIZES.items() for truth, rows in product(TRUTHS, sizes)]
    cells = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for number, cell in enumerate(pool.map(_cell, cases), start=1):
            cells.append(cell)
            print(f"{number}/{len(cases)}  {cell['task']} {cell['truth']} {cell['rows']:,}: {cell['shares']['change lane']}")
            sys.stdout.flush()
    few = _few_positives()
    against = figures_of_aims(cells, few)
    met = all(
        against[aim] <= wanted if "truly worse" in aim or "equal" in aim else against[aim] >= wanted
        for aim, wanted in AIMS.items()
    )
    figures = {"trials": TRIALS, "churn": churn(), "against aims": against, "25 positives": few, "cells": cells}
    results.write("gate_rates", figures, AIMS, met)
    results.into_page(PAGE, "gate_rates", tables(figures))
    for aim, figure in against.items():
        print(f"{aim}: {figure:.3f} (aim {AIMS[aim]})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
