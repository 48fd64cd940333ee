"""Do the intervals that a card prints hold the truth as often as they say? Simulated contests, by metric, rows and clusters.

For every metric of a task, the challenger's own value and its gain over the champion; the truth is the mean over all contests
of a cell. Contests are those of field_clusters.py, the challenger 1 point better.

    make bench-field_coverage        # fifteen minutes on two cores; TRIALS=50 for a first look
"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import results
from bench.field_clusters import FieldCell, contest
from include.decisions.gate.judge import weigh
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.scorecard import ALL_ROWS, CLEAN, Measured

TRIALS = int(os.environ.get("TRIALS", "400"))
PAGE = Path(__file__).parent.parent / "docs/gate.md"
# Rows, the share of positives, clusters (0 where each row stands for itself), and what the rows of a cluster share.
WORLDS = ((300, 0.2, 0, 0.0), (300, 0.067, 0, 0.0), (2000, 0.01, 0, 0.0), (5000, 0.2, 0, 0.0), (5000, 0.2, 30, 0.1))
TASKS = ("binary", "multiclass", "regression")
AIMS = {"95 % intervals cover, smallest share of a gain": 0.93, "of a value": 0.93, "largest share": 0.98}


def covered(job: tuple[str, tuple[int, float, int, float]]) -> list[dict[str, Any]]:
    """For each metric, how often the intervals of value and gain hold the truth."""
    task, (rows, positives, clusters, common) = job
    cell = FieldCell(task, 1, clusters or rows, common, uneven=False, rows=rows, positives=positives)
    seen: dict[str, dict[str, list[Measured]]] = {}
    for seed in range(TRIALS):
        one = contest(cell, seed)
        one = one if clusters else replace(one, clusters=None)
        criteria = replace(one.criteria, min_rows=1, min_positives=1)
        one = replace(one, criteria=criteria, baselines=None)
        metrics = sorted(metrics_of(one.task, criteria).values(), key=lambda metric: metric.name != criteria.metric)
        scorecard = weigh(one, metrics)
        for found in scorecard.cells:
            if found.where == ALL_ROWS and found.condition == CLEAN and found.gain:
                kinds = seen.setdefault(found.metric, {"value": [], "gain": []})
                kinds["value"].append(found.measured)
                kinds["gain"].append(found.gain)
        assert scorecard.blend is not None
        seen.setdefault("clean/noisy mix", {"gain": []})["gain"].append(scorecard.blend)
    about = {"task": task, "rows": rows, "positives": positives if task == "binary" else None, "clusters": clusters}
    return [about | {"metric": name} | {kind: _share(of) for kind, of in kinds.items()} for name, kinds in seen.items()]


def _share(measured: list[Measured]) -> float | None:
    """The share that holds the mean of all; None where the metric mostly has no value."""
    usable = [one for one in measured if np.isfinite(one.value) and np.isfinite(one.low)]
    if len(usable) < TRIALS / 2:
        return None
    truth = float(np.mean([one.value for one in usable]))
    return float(np.mean([one.low <= truth <= one.high for one in usable]))


def table(found: list[dict[str, Any]]) -> str:
    """Coverage as markdown: of the gain, and in brackets of the challenger's own value."""
    lines = [f"Per cent of {TRIALS} contests in which the 95 % interval of the gain (of the value) holds the truth."]
    for task in TASKS:
        worlds = [world for world in WORLDS if task == "binary" or world[1] == 0.2]
        names = list(dict.fromkeys(one["metric"] for one in found if one["task"] == task))
        lines += [
            "",
            f"| {task} | {' | '.join(_named(task, world) for world in worlds)} |",
            "| --- |" + " ---: |" * len(worlds),
        ]
        for name in names:
            shown = []
            for rows, positives, clusters, _ in worlds:
                same = {"task": task, "metric": name, "rows": rows, "clusters": clusters}
                one = next(one for one in found if same.items() <= one.items() and one["positives"] in (None, positives))
                own = f" ({100 * one['value']:.3g})" if one.get("value") is not None else ""
                shown.append("no value" if one["gain"] is None else f"{100 * one['gain']:.3g}{own}")
            lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def _named(task: str, world: tuple[int, float, int, float]) -> str:
    rows, positives, clusters, common = world
    of = f", {round(rows * positives)} positive" if task == "binary" else ""
    return f"{rows:,} rows{of}" + (f", {clusters} days, {common:g} shared" if clusters else "")


def main() -> int:
    """Simulate every world on all cores."""
    jobs = [(task, world) for task in TASKS for world in WORLDS if task == "binary" or world[1] == 0.2]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = [one for cell in pool.map(covered, jobs) for one in cell]
    gains = [one["gain"] for one in found if one["gain"] is not None]
    values = [one["value"] for one in found if one.get("value") is not None]
    against = dict(zip(AIMS, (min(gains), min(values), max(gains + values)), strict=True))
    met = min(gains) >= 0.93 and min(values) >= 0.93 and max(gains + values) <= 0.98
    results.write("field_coverage", {"trials": TRIALS, "against aims": against, "cells": found}, AIMS, bool(met))
    results.into_page(PAGE, "field_coverage", table(found))
    print(table(found), *(f"{aim}: {figure:.3f} (aim {AIMS[aim]})" for aim, figure in against.items()), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
