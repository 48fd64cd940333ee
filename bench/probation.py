"""How often does probation blame an equal champion, and how soon does it find a worse one? Simulated, with a known truth.

The shipped looks (`include.decisions.monitoring.probation`) on the shipped evidence, beside what people do without a plan:
looking after every period with a bound of 1.96, and looking once, at the end.

    make bench-probation            # four minutes on two cores; TRIALS=400 for a first look
"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from bench import results
from include.decisions.monitoring.probation import bounds, due, gain_over, look, planned
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers
from include.decisions.scoring.metrics import Metric, roc_auc
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import CLEAN, Measured
from include.models.contract import Probation

TRIALS = int(os.environ.get("TRIALS", "4000"))
PAGE = Path(__file__).parent.parent / "docs/probation.md"
PLAN = Probation()
ROWS = (60, 250, 1000)
# What the new one's latent score loses against the previous one's, and the points of area under the curve that this costs.
LOSSES = (0.0, 0.1, 0.2, 0.4)
# How much more a period's rows have than another's, as a factor between the largest and the smallest.
UNEVEN = 5.0
POSITIVES, SKILL, SHARED = 0.2, 1.2, 0.8
RULES = ("O'Brien-Fleming", "every period at 1.96", "once, at the end")
AUC = Metric("roc_auc", True, roc_auc)


@dataclass(frozen=True)
class SimulationCell:
    """Rows a period, the new version's loss, how the periods differ, and how many there are."""

    rows: int
    loss: float
    uneven: bool = False
    between_period_deviation: float = 0.0
    plan: Probation = PLAN


def trial(cell: SimulationCell, seed: int) -> dict[str, int]:
    """After how many periods each rule calls the new version worse; 0 for never."""
    rng = np.random.default_rng(seed)
    sizes = _sizes(cell, rng)
    labels, new, previous = _answers(cell, sizes, rng)
    ends = sizes.cumsum()
    z = np.array([_z(labels[:end], new[:end], previous[:end]) for end in ends])
    late = float(norm.isf(cell.plan.alpha))
    return {
        RULES[0]: _planned(cell.plan, labels, new, previous, ends),
        RULES[1]: int(np.argmax(z <= -late)) + 1 if (z <= -late).any() else 0,
        RULES[2]: len(z) if z[-1] <= -late else 0,
    }


def _planned(plan: Probation, labels: Floats, new: Floats, previous: Floats, ends: Any) -> int:
    taken = 0
    for periods, end in enumerate(ends, start=1):
        for number in due(plan, periods, taken):
            taken = number
            gain = _gain(labels[:end], new[:end], previous[:end])
            if look(plan, number, periods, gain).decision == "worse":
                return periods
    return 0


def _z(labels: Floats, new: Floats, previous: Floats) -> float:
    return _gain(labels, new, previous).z


def _gain(labels: Floats, new: Floats, previous: Floats) -> Measured:
    return gain_over(AUC, Answers(labels, {CLEAN: new}, None, Clusters.independent(len(labels))), previous)


def _sizes(cell: SimulationCell, rng: np.random.Generator) -> Any:
    if not cell.uneven:
        return np.full(cell.plan.periods, cell.rows)
    shares = np.exp(rng.uniform(0, np.log(UNEVEN), cell.plan.periods))
    return np.maximum(20, cell.rows * cell.plan.periods * shares / shares.sum()).astype(int)


def _answers(cell: SimulationCell, sizes: Any, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Labels and both versions' scores: they find the same rows hard, and have a fifth of the variance to themselves."""
    rows = int(sizes.sum())
    labels = (rng.random(rows) < POSITIVES).astype(float)
    labels[:2] = 0, 1
    shared, own = rng.normal(size=rows), rng.normal(size=(2, rows))
    # What one period does to one version and not to the other, beyond chance: rows of a period are then not independent.
    favour = np.repeat(rng.normal(scale=cell.between_period_deviation, size=len(sizes)), sizes)
    new, previous = (np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * one for one in own)
    return labels, new + (SKILL - cell.loss + favour) * labels, previous + SKILL * labels


def run_cell(cell: SimulationCell) -> dict[str, Any]:
    """Share of trials in which each rule calls the new version worse, and after how many periods."""
    trials = [trial(cell, 7_919 * number + cell.rows) for number in range(TRIALS)]
    after = {rule: [one[rule] for one in trials if one[rule]] for rule in RULES}
    return {
        "rows": cell.rows,
        "points": _points(cell.loss),
        "uneven": cell.uneven,
        "between_period_deviation": cell.between_period_deviation,
        "looks": cell.plan.looks,
        "periods": cell.plan.periods,
        "worse": {rule: len(periods) / TRIALS for rule, periods in after.items()},
        "after": {rule: float(np.mean(periods)) if periods else None for rule, periods in after.items()},
    }


def _points(loss: float) -> float:
    """Points of area under the curve that a loss costs: the two classes are normal with the same variance."""
    auc = norm.cdf(np.array([SKILL, SKILL - loss]) / np.sqrt(2))
    return float(100 * (auc[0] - auc[1]))


CELLS = (
    [SimulationCell(rows, loss) for loss in LOSSES for rows in ROWS]
    + [SimulationCell(250, 0.0, uneven=True), SimulationCell(250, 0.0, between_period_deviation=0.1)]
    + [
        SimulationCell(250, 0.0, plan=Probation(periods=12, looks=4)),
        SimulationCell(250, 0.0, plan=Probation(periods=28, looks=4)),
    ]
)


def tables(figures: dict[str, Any]) -> str:
    """The tables of docs/probation.md."""
    cells = figures["cells"]
    lines = [_head("plan", *(f"look {number}" for number in range(1, 6)))]
    for looks in (1, 2, 3, 4, 5):
        shown = [f"-{bound:.3f}" for bound in bounds(Probation(periods=looks, looks=looks))]
        lines.append(f"| {looks} look{'s' * (looks > 1)} | " + " | ".join(shown + [""] * (5 - looks)) + " |")
    lines += ["", _head("true loss, points", "rows a period", *RULES, "found after")]
    for cell in cells:
        if not (cell["uneven"] or cell["between_period_deviation"] or cell["periods"] != PLAN.periods):
            after = cell["after"][RULES[0]]
            found_after = f"{after:.1f} periods" if cell["points"] and after else ""
            lines.append(f"| {cell['points']:.1f} | {cell['rows']:,} | {_shares(cell)} | {found_after} |")
    lines += ["", _head("two equal versions, 250 rows a period", *RULES)]
    for cell in cells:
        if cell["rows"] == 250 and not cell["points"]:
            lines.append(f"| {_named(cell)} | {_shares(cell)} |")
    return "\n".join(lines)


def _named(cell: dict[str, Any]) -> str:
    about = f"{cell['periods']} periods, {cell['looks']} looks"
    about += f"; one period up to {UNEVEN:.0f} times as large as another" if cell["uneven"] else ""
    return about + ("; each period favours one version beyond chance" if cell["between_period_deviation"] else "")


def _shares(cell: dict[str, Any]) -> str:
    return " | ".join(f"{cell['worse'][rule]:.1%}" for rule in RULES)


def _head(*names: str) -> str:
    return "| " + " | ".join(names) + " |\n| --- |" + " ---: |" * (len(names) - 1)


def main() -> int:
    """Simulate every cell on all cores."""
    with ProcessPoolExecutor(int(os.environ.get("CORES", os.cpu_count() or 1))) as pool:
        cells = list(pool.map(run_cell, CELLS))
    equal = [cell["worse"][RULES[0]] for cell in cells if not cell["points"] and not cell["between_period_deviation"]]
    # Three standard errors of the simulation.
    most = PLAN.alpha + 3 * (PLAN.alpha * (1 - PLAN.alpha) / TRIALS) ** 0.5
    figures = {"trials": TRIALS, "planned": planned(PLAN), "largest false alarm rate": max(equal), "cells": cells}
    results.write("probation", figures, {"false alarm rate at most": most}, max(equal) <= most)
    results.into_page(PAGE, "probation", tables(figures))
    print(tables(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
