"""Do the gate's error rates hold where rows come in clusters? Simulated contests, judged by rows and judged by clusters.

As gate_rates.py simulates them, except that a part of what makes a row hard, and of what one model sees better than the other,
is common to the rows of a day. The gate is the shipped one; "by rows" is the same gate told that each row stands for itself,
which is what it assumed until now.

    make bench-field_clusters        # twenty minutes on two cores; TRIALS=50 for a first look
"""

import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from bench import results
from bench.gate_rates import BASE, CRITERIA, LEARNED, LEVELS, OF_NOISE, OWN, OWN_NOISE, POSITIVES, SHARED, skill_for
from include.decisions.gate.judge import Contest, weigh
from include.decisions.gate.verdict import Circumstances, decide
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import blend_gain
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.predictions import Floats, Ranking
from include.decisions.scoring.scorecard import CLEAN
from include.models.contract import Criteria

TRIALS = int(os.environ.get("TRIALS", "400"))
PAGE = Path(__file__).parent.parent / "docs/gate.md"
ROWS = 5000
COUNTS = (5, 14, 30, 200)
# The part of a latent score that the rows of a day share.
COMMON = (0.0, 0.1, 0.6)
CONDITIONS = (CLEAN, "noise 1", "noise 2")
TASKS = ("binary", "multiclass", "regression")
LANES = tuple(LEVELS)
# The mean absolute error of a champion on rows whose labels vary by 1, and a point of it.
MAE, POINT = 0.5, 0.01
ALL_CRITERIA = CRITERIA | {"regression": Criteria("mae", floor=0.7, noisy_floor=0.8, margin=0.01)}


@dataclass(frozen=True)
class FieldCell:
    """One cell of the table: `points` is how much better the challenger truly is, `common` the part that days share."""

    task: str
    points: int
    clusters: int
    common: float
    uneven: bool
    rows: int = ROWS
    positives: float = POSITIVES

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"{self.clusters} days{', uneven' if self.uneven else ''}, {self.common:g} shared"


def cells() -> list[FieldCell]:
    """Equal models in every world; better and worse ones where days have one size."""
    worlds = list(product(TASKS, COUNTS, COMMON))
    equal = [FieldCell(task, 0, count, common, uneven) for task, count, common in worlds for uneven in (False, True)]
    return equal + [FieldCell(task, points, count, common, False) for points in (-1, 2) for task, count, common in worlds]


def contest(cell: FieldCell, seed: int) -> Contest:
    """One simulated contest."""
    rng = np.random.default_rng([seed, cell.clusters, int(100 * cell.common), cell.points + 10])
    shares = rng.dirichlet(np.full(cell.clusters, 4.0)) if cell.uneven else np.full(cell.clusters, 1 / cell.clusters)
    codes = np.sort(rng.choice(cell.clusters, cell.rows, p=shares))

    def drawn(models: int) -> Floats:
        """Standard normal, partly the same for all rows of a day."""
        of_days, of_rows = rng.normal(size=(models, cell.clusters)), rng.normal(size=(models, cell.rows))
        return np.asarray(np.sqrt(cell.common) * of_days[:, codes] + np.sqrt(1 - cell.common) * of_rows)

    labels = _labels(cell, rng)
    shared, own = drawn(1)[0], drawn(2)
    said: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    for condition in CONDITIONS:
        of_noise, own_noise = rng.normal(size=cell.rows), rng.normal(size=(2, cell.rows))
        for model in (0, 1):
            noise = np.sqrt(SHARED) * shared + np.sqrt(OF_NOISE) * of_noise
            noise += np.sqrt(OWN) * own[model] + np.sqrt(OWN_NOISE) * own_noise[model]
            said[model][condition] = _said(cell.task, labels, noise, condition != CLEAN, cell.points * model)
    return Contest(
        task=cell.task,  # type: ignore[arg-type]
        criteria=ALL_CRITERIA[cell.task],
        labels=labels,
        challenger=said[1],
        champion=said[0],
        baselines=LEARNED.get(cell.task, '{"mean": 0.0, "median": 0.0}'),
        clusters=Clusters.of(codes, "days"),
    )


def _labels(cell: FieldCell, rng: np.random.Generator) -> Any:
    if cell.task == "regression":
        return rng.normal(size=cell.rows)
    return (rng.random(cell.rows) < cell.positives).astype(float) if cell.task == "binary" else rng.integers(0, 10, cell.rows)


def _said(task: str, labels: Any, noise: Floats, noisy: bool, points: int) -> Any:
    if task == "regression":
        error = (MAE + 0.05 * noisy - POINT * points) * np.sqrt(np.pi / 2)
        return labels + error * noise
    skill = skill_for(task, round(BASE[task][noisy] + points / 100, 4))
    if task == "binary":
        return norm.cdf(skill * labels + noise)
    predicted = np.where(skill + noise > 0, labels, (labels + 1) % 10)
    return Ranking(predicted[:, None], np.full((len(predicted), 1), 0.9), 10)


def judged(one: Contest) -> dict[str, Any]:
    """The verdicts of both lanes, and the interval of the gain."""
    scorecard = weigh(one)
    assert scorecard.blend is not None
    verdicts = {
        lane: decide(scorecard, one.criteria, lane, Circumstances(level=level)).verdict for lane, level in LEVELS.items()
    }
    return verdicts | {"low": scorecard.blend.low, "high": scorecard.blend.high, "design effect": scorecard.design_effect}


def _true_gain(cell: FieldCell) -> float:
    return cell.points * (POINT if cell.task == "regression" else 0.01)


def simulated(cell: FieldCell) -> dict[str, Any]:
    """Shares over all trials of one cell."""
    by: dict[str, list[dict[str, Any]]] = {"rows": [], "clusters": []}
    correlations = []
    for seed in range(TRIALS):
        one = contest(cell, seed)
        by["clusters"].append(judged(one))
        by["rows"].append(judged(replace(one, clusters=None)))
        metric = metrics_of(one.task, one.criteria)[one.criteria.metric]
        _, influence = blend_gain(metric, one.answers, one.champion or {}, one.criteria.noisy_share)
        correlations.append(one.answers.clusters.correlation(influence))
    truth = _true_gain(cell)
    answer: dict[str, Any] = {"cell": cell.name, "task": cell.task, "points": cell.points}
    for name, trials in by.items():
        promoted = {lane: Counter(trial[lane] for trial in trials)["promote"] / TRIALS for lane in LANES}
        covers = float(np.mean([trial["low"] < truth < trial["high"] for trial in trials]))
        answer[name] = promoted | {"covers": covers, "width": float(np.mean([t["high"] - t["low"] for t in trials]))}
    answer["design effect"] = float(np.mean([trial["design effect"] for trial in by["clusters"]]))
    answer["correlation"] = float(np.mean(correlations))
    return answer | {"clusters count": cell.clusters, "common": cell.common, "uneven": cell.uneven}


AIMS = {
    "change lane, equal models promoted from 14 days on, mean over the cells": 0.05,
    "change lane, 1 point worse promoted, largest share": 0.025,
    "95 % intervals from 14 days on cover, smallest share": 0.93,
}


def figures_of_aims(found: list[dict[str, Any]]) -> dict[str, float]:
    """The figure that stands against each aim."""
    enough = [one for one in found if one["clusters count"] >= 14]
    equal = [one["clusters"]["change"] for one in enough if one["points"] == 0]
    worse = [one["clusters"]["change"] for one in found if one["points"] < 0]
    return dict(zip(AIMS, (float(np.mean(equal)), max(worse), min(one["clusters"]["covers"] for one in enough)), strict=True))


def table(figures: dict[str, Any]) -> str:
    """The shares as markdown, by rows and by clusters side by side."""
    lines = [
        f"{ROWS:,} rows, {figures['trials']} contests a cell, per cent; *by rows* → **by clusters**. ICC and design effect "
        "are those of the gain on the clean/noisy mix.",
        "",
        "| rows of | ICC | design effect | equal, change lane | equal, routine lane | 1 worse, change | 2 better, change | "
        "interval covers |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for task in TASKS:
        lines.append(f"| **{task}, {ALL_CRITERIA[task].metric}** | | | | | | | |")
        of_task = [one for one in figures["cells"] if one["task"] == task]
        for one in [one for one in of_task if one["points"] == 0]:
            others = {other["points"]: other for other in of_task if other["cell"] == one["cell"]}
            shown = [
                _side(one, "change"),
                _side(one, "routine"),
                _side(others.get(-1), "change"),
                _side(others.get(2), "change"),
            ]
            about = f"{one['correlation']:.2f} | {one['design effect']:.1f}"
            lines.append(f"| {one['cell']} | {about} | {' | '.join(shown)} | {_side(one, 'covers')} |")
    return "\n".join(lines)


def _side(one: dict[str, Any] | None, what: str) -> str:
    return "" if one is None else f"*{100 * one['rows'][what]:.3g}* → **{100 * one['clusters'][what]:.3g}**"


def main() -> int:
    """Simulate every cell on all cores."""
    found, cases = [], cells()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for number, one in enumerate(pool.map(simulated, cases), start=1):
            found.append(one)
            print(f"{number}/{len(cases)}  {one['task']} {one['points']:+d} {one['cell']}: {one['rows']} {one['clusters']}")
            sys.stdout.flush()
    against = figures_of_aims(found)
    met = all(figure >= AIMS[aim] if "cover" in aim else figure <= AIMS[aim] for aim, figure in against.items())
    figures = {"trials": TRIALS, "against aims": against, "cells": found}
    results.write("field_clusters", figures, AIMS, met)
    results.into_page(PAGE, "field_clusters", table(figures))
    for aim, figure in against.items():
        print(f"{aim}: {figure:.3f} (aim {AIMS[aim]})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
