"""Drift in words: what moved, so that a person knows where to look."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from include.decisions.drift.baseline import Baseline
from include.decisions.drift.chart_statistics import (
    COMPONENTS,
    MISSING,
    OTHERS,
    UNSEEN,
    VALUE,
    NumberBaseline,
    ValueBaseline,
)
from include.decisions.drift.comparison import LABEL, PREDICTIONS, QUARANTINE, SHARE, TOGETHER, Compared, Newest
from include.decisions.drift.summaries import TEXT_WORDS, Numbers, Values, is_of_words
from include.decisions.scoring.predictions import Floats
from include.figures import figure
from include.noise.profile import IN_WORDS
from include.results import Moved
from include.untrusted_text import of_data

Kind = Literal["shift", "new", "noise", "predictions", "label", "together", "volume"]
_SPECIAL: dict[str, Kind] = {PREDICTIONS: "predictions", LABEL: "label", TOGETHER: "together", QUARANTINE: "noise"}
_SHAPES = {
    "spread": ("wider", "narrower"),
    "skew": ("more to the upper end", "more to the lower end"),
    "tails": ("heavier in the tails", "lighter in the tails"),
}
_NEW_WORDS = f": {UNSEEN}"
_EXAMPLES = 3
# An example that fewer rows have could be a person's name.
_FEWEST_ROWS = 10


def kind_of(one: Compared) -> Kind:
    """Which kind of finding it is: what triage goes by."""
    if one.view in _SPECIAL:
        return _SPECIAL[one.view]
    if one.statistic == UNSEEN or one.view.endswith(_NEW_WORDS):
        return "new"
    return "noise" if one.statistic in (MISSING, SHARE) else "shift"


@dataclass(frozen=True)
class Record:
    """What stands beside a view: its weight, for how many periods it has stood, and its effect in the period before."""

    weight: float
    in_a_row: int
    before: float


def as_moved(one: Compared, what: str, record: Record, season: str) -> Moved:
    """The result that is handed on; `what` describes it, `season` explains it where one does."""
    return Moved(
        view=one.view,
        kind=kind_of(one),
        what=what,
        effect=round(one.effect, 4),
        before=round(record.before, 4),
        in_a_row=record.in_a_row,
        weight=round(record.weight, 4),
        season=season,
        summary=f"{one.view}: {what}",
    )


def in_words(one: Compared, baseline: Baseline, newest: Newest) -> str:
    """What moved, from what to what."""
    if one.view == TOGETHER:
        return f"a classifier tells it from the training rows: area under the curve {one.now:.2f}, usually {one.usual:.2f}"
    if one.view == QUARANTINE:
        return f"{one.now:.1%} of the delivered rows broke the contract, usually {one.usual:.1%}"
    if one.view.endswith(_NEW_WORDS):
        new = _examples(one.view.removesuffix(_NEW_WORDS) + TEXT_WORDS, baseline, newest)
        return f"{one.now:.1%} of its texts have words never seen in training{new}, usually {one.usual:.1%}"
    if one.statistic == SHARE:
        noise = one.view.rpartition(": ")[2]
        return f"{one.now:.1%} of its values are {IN_WORDS.get(noise, noise)}, usually {one.usual:.1%}"
    if one.statistic == MISSING:
        return f"missing in {one.now:.0%} of rows, usually in {one.usual:.0%}"
    things = "words" if is_of_words(one.view) else "values"
    if one.statistic == UNSEEN:
        return f"{one.now:.1%} of its {things} were never seen in training{_examples(one.view, baseline, newest)}"
    if one.statistic in COMPONENTS:
        return _moved_number(one, baseline, newest)
    name = f"the rarer {things}" if one.statistic == OTHERS else of_data(one.statistic.removeprefix(VALUE))
    return f"{name}: {one.now:.1%} of its {things}, usually {one.usual:.1%}"


def _moved_number(one: Compared, baseline: Baseline, newest: Newest) -> str:
    if one.statistic != COMPONENTS[0]:
        return f"{_SHAPES[one.statistic][one.effect < 0]} ({one.effect:+.2f})"
    view, usual = newest.features.views.get(one.view), baseline.views.get(one.view)
    if not isinstance(view, Numbers) or not isinstance(usual, NumberBaseline):
        return f"{'higher' if one.effect > 0 else 'lower'} ({one.effect:+.2f})"
    edges = baseline.grid[one.view]
    return f"median {figure(_median(usual.whole, edges), 4)} → {figure(_median(view, edges), 4)}"


def _median(view: Numbers, edges: Floats) -> float:
    """The middle of the bin that holds the median."""
    at = int(np.searchsorted(np.cumsum(view.counts), view.present / 2))
    low = max(edges[at - 1], view.low) if at else view.low
    high = min(edges[at], view.high) if at < len(edges) else view.high
    return float((low + high) / 2)


def _examples(name: str, baseline: Baseline, newest: Newest) -> str:
    view, usual = newest.features.views.get(name), baseline.views.get(name)
    if not isinstance(view, Values) or not isinstance(usual, ValueBaseline) or usual.whole.buckets is not None:
        return ""
    often = {value: n for value, n in view.counts.items() if n >= _FEWEST_ROWS and value not in usual.whole.counts}
    common = sorted(often, key=lambda value: (-often[value], value))[:_EXAMPLES]
    return f" (most often {', '.join(map(of_data, common))})" if common else ""
