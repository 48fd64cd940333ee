"""The picture on the decision card: noise, slices and cost, to be understood in three seconds."""

import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

from matplotlib.figure import Figure

from include.decisions.gate.budgets import Cost
from include.decisions.gate.verdict import Decision
from include.decisions.scoring.calibration import Bin
from include.decisions.scoring.in_use import InUse
from include.decisions.scoring.scorecard import ALL_ROWS, CLEAN, Cell, Measured, Scorecard
from include.figures import figure
from include.models.contract import Criteria
from include.reports.card_words import CORRUPTIONS, names_of
from include.reports.decision_card import CardFacts

CHAMPION, CHALLENGER, SLICE, HARM = "#8a8f98", "#1f6feb", "#5b8a72", "#c62828"
_MOST_SLICES = 10
_COSTS = (("latency_ms", "one answer, ms"), ("size_mb", "artifact, MB"), ("memory_mb", "memory, MB"))


def decision_picture(
    decision: Decision, scorecard: Scorecard, criteria: Criteria, severities: Mapping[str, tuple[str, float]], facts: CardFacts
) -> bytes:
    """A PNG of four panels. `severities` gives for each noisy condition its corruption and its rate."""
    # As wide as MLflow's page is beside its assistant: a wider picture is cut there, not shrunk.
    figure = Figure(figsize=(10.4, 8.6), dpi=80, layout="constrained")
    rooms: Any = [["noise", "noise"], ["forest", "calibration"], ["forest", "costs"]]
    panels = figure.subplot_mosaic(rooms, width_ratios=(1.9, 1), height_ratios=(1.25, 1, 0.6))
    _draw_calibration(panels["calibration"], facts.in_use)
    _draw_noise(panels["noise"], scorecard, criteria, severities)
    _draw_forest(panels["forest"], scorecard, criteria, names_of(severities, facts.fixed))
    _draw_costs(panels["costs"], facts.cost, facts.champion_cost)
    title = f"{decision.verdict}: {shorten(decision.reasons[0], 90, placeholder=' …')}"
    figure.suptitle(_plain(title), fontsize=12, fontweight="bold")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_noise(axes: Any, scorecard: Scorecard, criteria: Criteria, severities: Mapping[str, tuple[str, float]]) -> None:
    """A group of dots per corruption, from clean to the most severe, both models."""
    by_kind: dict[str, list[Cell]] = defaultdict(list)
    for cell in scorecard.conditions:
        if cell.condition != CLEAN:
            by_kind[severities[cell.condition][0]].append(cell)
    kinds = [CLEAN, *by_kind]
    for place, kind in enumerate(kinds):
        steps = [scorecard.clean] if kind == CLEAN else sorted(by_kind[kind], key=lambda cell: severities[cell.condition][1])
        across = [place + 0.22 * (step - (len(steps) - 1) / 2) for step in range(len(steps))]
        if scorecard.clean.champion is not None:
            axes.plot(across, [cell.champion for cell in steps], "o-", color=CHAMPION, label="champion" if not place else None)
        axes.plot(across, [cell.challenger for cell in steps], "o-", color=CHALLENGER, label="" if place else "challenger")
    axes.hlines(criteria.floor, -0.4, 0.4, color=HARM, linewidth=1, label="floor")
    axes.hlines(criteria.noisy_floor, 0.6, len(kinds) - 0.6, color=HARM, linewidth=1)
    axes.set_xticks(range(len(kinds)), [_plain(CORRUPTIONS.get(kind, kind)) for kind in kinds], rotation=35, ha="right")
    better = "higher" if scorecard.higher_is_better else "lower"
    axes.set_title(f"{scorecard.rows:,} held-out rows: clean, then each kind of noise ({better} is better)", fontsize=11)
    axes.set_ylabel(scorecard.metric)
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="best")
    _bare(axes)


def _draw_forest(axes: Any, scorecard: Scorecard, criteria: Criteria, names: Mapping[str, str]) -> None:
    """Gains with their 95 % intervals: the mix that decides, the conditions, the slices that are worst off.

    Where there is no champion, the challenger's own values.
    """
    compared = scorecard.blend is not None
    lines: list[tuple[str, Measured, str]] = [("clean/noisy mix", scorecard.blend, "black")] if scorecard.blend else []
    slices = [cell for cell in scorecard.slices if cell.tested]
    worst = sorted(slices, key=lambda cell: _shown(cell, scorecard).value * (1 if compared else _sign(scorecard)))
    harmed = {harm.where.split(",")[0] for harm in scorecard.harms}
    for cell in [*scorecard.conditions, *worst[:_MOST_SLICES]]:
        whole = cell.where == ALL_ROWS
        name = cell.condition if whole else cell.where
        shown_as = names.get(name, name) if whole else name
        lines.append((shown_as, _shown(cell, scorecard), HARM if name in harmed else CHALLENGER if whole else SLICE))
    for place, (_, shown, colour) in enumerate(reversed(lines)):
        axes.plot([shown.low, shown.high], [place, place], color=colour, linewidth=2)
        axes.plot(shown.value, place, "o", color=colour, markersize=5)
    if compared:
        axes.axvline(0, color="black", linewidth=0.8)
        axes.axvline(-criteria.largest_harm, color=HARM, linewidth=0.8, linestyle="--")
    axes.locator_params(axis="x", nbins=6)
    axes.set_yticks(range(len(lines)), [_plain(name) for name, _, _ in reversed(lines)], fontsize=8)
    axes.set_title(
        "Challenger against champion; dashed: the harm that refuses" if compared else "Challenger alone, 95 % intervals",
        fontsize=11,
    )
    _bare(axes)


def _shown(cell: Cell, scorecard: Scorecard) -> Measured:
    return cell.gain if scorecard.blend and cell.gain else cell.measured


def _sign(scorecard: Scorecard) -> int:
    return 1 if scorecard.higher_is_better else -1


def _draw_calibration(axes: Any, used: InUse) -> None:
    """What was predicted against what happened, in tenths of the rows; on the line, a prediction is true on average."""
    if not used.calibration:
        axes.set_axis_off()
        return
    for role, colour in (("champion", CHAMPION), ("challenger", CHALLENGER)):
        if bins := used.calibration.get(role):
            predicted, observed = [one.predicted for one in bins], [one.observed for one in bins]
            below, above = ([abs(at - end) for at, end in zip(observed, ends, strict=True)] for ends in _ends(bins))
            axes.errorbar(
                predicted, observed, yerr=[below, above], fmt="o-", color=colour, markersize=4, linewidth=1, elinewidth=0.8
            )
    low, high = min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color="black", linewidth=0.8)
    axes.set_title("Predicted → observed", fontsize=11)
    axes.tick_params(labelsize=8)
    _bare(axes)


def _ends(bins: Sequence[Bin]) -> tuple[list[float], list[float]]:
    """The ends of the bins' intervals; none where a bin's rows are all of one cluster."""
    low = [one.low if math.isfinite(one.low) else one.observed for one in bins]
    return low, [one.high if math.isfinite(one.high) else one.observed for one in bins]


def _draw_costs(axes: Any, cost: Cost, champion_cost: Cost | None) -> None:
    """Each cost relative to the champion's, or alone, with its value beside it."""
    rows = [(label, getattr(cost, key), getattr(champion_cost, key, None)) for key, label in _COSTS]
    rows = [row for row in rows if row[1] is not None]
    if not rows:
        axes.set_axis_off()
        return
    for place, (_, spent, its) in enumerate(reversed(rows)):
        largest = max(spent, its or 0.0) or 1.0
        for offset, value, colour in ((0.2, its, CHAMPION), (-0.2, spent, CHALLENGER)):
            if value is not None:
                axes.barh(place + offset, value / largest, height=0.36, color=colour)
                axes.text(value / largest + 0.02, place + offset, _number(value), va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in reversed(rows)])
    axes.set_xlim(0, 1.4)
    axes.set_xticks([])
    axes.set_title("What it costs to serve", fontsize=11)
    _bare(axes)


def _plain(text: str) -> str:
    """Two dollars in a text would make matplotlib read it as a formula."""
    return text.replace("$", r"\$")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else figure(value)


def _bare(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
