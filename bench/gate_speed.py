"""What does a scorecard with joint bands cost, against resampling with scikit-learn? CPU seconds of one process.

Six metrics of two models under nine conditions, on all rows and on ten slices, with paired intervals that hold together.
The loop resamples rows and asks scikit-learn for the very same quantities; a thousand resamples are scaled from a few.
Like for like is a bootstrap of ours: a thousand draws of Gaussian multipliers on the influences.

    make bench-gate_speed
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics as textbook

from bench import results
from include.decisions.scoring.bands import covariance
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers, score
from include.decisions.scoring.metrics import Metric, metrics_of
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import CLEAN
from include.decisions.scoring.slices import Partition, everything
from include.models.contract import Criteria

ROWS, MANY, RESAMPLES, TRIED, DAYS = 100_000, 1_000_000, 1000, 2, 28
CONDITIONS = (CLEAN, *(f"noise {number}" for number in range(1, 9)))
SLICES = Partition(tuple(f"slice {number}" for number in range(10)), np.arange(0))
TEXTBOOK: dict[str, Callable[[Any, Any], float]] = {
    "roc_auc": textbook.roc_auc_score,
    "average_precision": textbook.average_precision_score,
    "f1": lambda y, p: textbook.f1_score(y, p >= 0.5, zero_division=0.0),
    "precision": lambda y, p: textbook.precision_score(y, p >= 0.5, zero_division=0.0),
    "log_loss": textbook.log_loss,
    "brier": textbook.brier_score_loss,
}
METRICS = [metric for name, metric in metrics_of("binary", Criteria("roc_auc", 0, 0, 0.01)).items() if name in TEXTBOOK]
AIMS = {
    "against the loop, times": 1000,
    "bootstrap against bootstrap, times": 50,
    "ten times the rows, times the CPU seconds": 13,
    "peak memory at a million rows, MB": 1000,
    f"rows of {DAYS} days, times rows that stand for themselves": 1.2,
}
Said = dict[str, Floats]


def world(rows: int) -> tuple[Floats, Said, Said, Partition]:
    """Labels, what two models say under each condition, and ten slices."""
    rng = np.random.default_rng(1)
    labels = (rng.random(rows) < 0.2).astype(float)

    def model(skill: float) -> Said:
        return {c: 1 / (1 + np.exp(1.5 - skill * labels - rng.normal(size=rows))) for c in CONDITIONS}

    return labels, model(1.05), model(1.0), Partition(SLICES.names, rng.integers(0, 10, rows))


def ours(labels: Floats, challenger: Said, champion: Said, slices: Partition, days: int = 0) -> None:
    """The scorecard as it is shipped; with `days`, rows come in as many."""
    rows = np.arange(len(labels))
    clusters = Clusters.of(rows * days // len(rows), "days") if days else Clusters.independent(len(rows))
    score(METRICS, Answers(labels, challenger, champion, clusters), 0.5, [slices])


def _by_days(given: tuple[Floats, Said, Said, Partition]) -> float:
    """CPU seconds with rows of DAYS days, divided by those with rows that stand for themselves; the two take turns."""
    turns = [(_cpu(lambda: ours(*given, days=DAYS)), _cpu(lambda: ours(*given))) for _ in range(5)]
    by_days, alone = np.array(turns).min(axis=0)
    return float(by_days / alone)


def our_bootstrap(labels: Floats, challenger: Said, champion: Said, slices: Partition) -> dict[str, float]:
    """The width of each metric's joint band from RESAMPLES draws of multipliers, instead of from the covariance."""
    parts = (everything(len(labels)), slices)
    influences = {m.name: [_differences(m, labels, challenger, champion, part) for part in parts] for m in METRICS}
    drawn = {m.name: [np.zeros((RESAMPLES, len(part.names), len(CONDITIONS))) for part in parts] for m in METRICS}
    rng = np.random.default_rng(2)
    for start in range(0, len(labels), 2000):
        some = slice(start, start + 2000)
        multipliers = rng.standard_normal((RESAMPLES, len(labels[some])))
        for name, draws in drawn.items():
            for part, influence, cells in zip(parts, influences[name], draws, strict=True):
                for number in range(len(part.names)):
                    rows = np.flatnonzero(part.codes[some] == number)
                    cells[:, number] += multipliers[:, rows] @ influence[some][rows]
    return {m.name: _width(parts, influences[m.name], drawn[m.name]) for m in METRICS}


def _width(parts: tuple[Partition, ...], influences: list[Floats], drawn: list[Floats]) -> float:
    sizes = [np.bincount(part.codes, minlength=len(part.names))[None, :, None] for part in parts]
    cells = np.concatenate([(d / n).reshape(RESAMPLES, -1) for d, n in zip(drawn, sizes, strict=True)], axis=1)
    errors = np.sqrt(np.diag(covariance(list(zip(parts, influences, strict=True)), Clusters.independent(len(influences[0])))))
    return float(np.quantile(np.abs(cells / errors).max(axis=1), 0.95))


def _differences(metric: Metric, labels: Floats, challenger: Said, champion: Said, part: Partition) -> Floats:
    differences = np.zeros((len(labels), len(CONDITIONS)))
    for number in range(len(part.names)):
        rows = part.rows_of(number)
        for column, c in enumerate(CONDITIONS):
            one, other = (metric.estimate(labels[rows], predictions[c][rows])[1] for predictions in (challenger, champion))
            differences[rows, column] = one - other
    return differences


def the_loop(labels: Floats, challenger: Said, champion: Said, slices: Partition, resamples: int) -> Floats:
    """What one writes first: resample rows, and ask scikit-learn. Differences of shape (resamples, cells)."""
    rng = np.random.default_rng(3)
    differences = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(labels), len(labels))
        codes = slices.codes[drawn]
        cuts = [drawn, *(drawn[codes == number] for number in range(len(slices.names)))]
        differences.append(
            [
                TEXTBOOK[m.name](labels[rows], challenger[c][rows]) - TEXTBOOK[m.name](labels[rows], champion[c][rows])
                for m in METRICS
                for rows in cuts
                for c in CONDITIONS
            ]
        )
    return np.array(differences)


def _cpu(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _agree() -> float:
    """The middle ratio of our standard errors to those that 60 resamples of the loop find, on 1,000 rows."""
    labels, challenger, champion, slices = world(1000)
    spread = the_loop(labels, challenger, champion, slices, 60).std(axis=0)
    cells = score(METRICS, Answers(labels, challenger, champion, Clusters.independent(len(labels))), 0.5, [slices]).cells
    return float(np.median([cell.gain.error for cell in cells if cell.gain] / spread))


def _alone(rows: int) -> dict[str, float]:
    """CPU seconds and peak memory of a scorecard in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "bench.gate_speed", str(rows)], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> int:
    """Measure in turns, print, write."""
    if len(sys.argv) > 1:
        given = world(int(sys.argv[1]))
        cpu = _cpu(lambda: ours(*given))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print(json.dumps({"cpu seconds": cpu, "peak memory MB": peak}))
        return 0
    given = world(ROWS)
    one = min(_cpu(lambda: ours(*given)) for _ in range(3))
    widths: dict[str, float] = {}
    bootstrap = _cpu(lambda: widths.update(our_bootstrap(*given)))
    loop = _cpu(lambda: the_loop(*given, TRIED)) / TRIED * RESAMPLES
    labels, challenger, champion, slices = given
    shipped = score(METRICS, Answers(labels, challenger, champion, Clusters.independent(len(labels))), 0.5, [slices]).critical
    small, large = _alone(ROWS), _alone(MANY)
    against = dict(
        zip(
            AIMS,
            (
                loop / one,
                loop / bootstrap,
                large["cpu seconds"] / small["cpu seconds"],
                large["peak memory MB"],
                _by_days(given),
            ),
            strict=True,
        )
    )
    figures = {
        "rows": ROWS,
        "cells": len(METRICS) * len(CONDITIONS) * (1 + len(slices.names)),
        "cpu seconds": {"ours": one, "our bootstrap": bootstrap, f"loop, {RESAMPLES} resamples scaled from {TRIED}": loop},
        "a million rows": large,
        "our standard errors to the loop's, middle ratio": _agree(),
        "band widths, shipped to bootstrap, largest gap": max(
            abs(shipped[name] / width - 1) for name, width in widths.items()
        ),
        "against aims": against,
    }
    met = all(against[a] >= AIMS[a] if "against" in a else against[a] <= AIMS[a] for a in AIMS)
    results.write("gate_speed", figures, AIMS, met)
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
