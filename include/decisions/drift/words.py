"""Drift in words: what moved, said so that a person knows where to look."""

from collections.abc import Mapping
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
from include.decisions.drift.comparison import ANSWERS, LABEL, QUARANTINE, SHARE, TOGETHER, Compared, Newest
from include.decisions.drift.summaries import TEXT_WORDS, Numbers, Values, is_of_words
from include.decisions.scoring.predictions import Floats
from include.noise.profile import IN_WORDS
from include.results import Moved
from include.untrusted_text import of_data

Kind = Literal["shift", "new", "mess", "answers", "label", "together"]
_SPECIAL: dict[str, Kind] = {ANSWERS: "answers", LABEL: "label", TOGETHER: "together", QUARANTINE: "mess"}
_SHAPES = {
    "spread": ("wider", "narrower"),
    "skew": ("more to the upper end", "more to the lower end"),
    "tails": ("heavier in the tails", "lighter in the tails"),
}
_NEW_WORDS = f": {UNSEEN}"
_EXAMPLES = 3
# An example that fewer rows have could be somebody's name.
_FEWEST_ROWS = 10


def kind_of(one: Compared) -> Kind:
    """Which kind of finding it is: what triage goes by."""
    if one.view in _SPECIAL:
        return _SPECIAL[one.view]
    if one.figure == UNSEEN or one.view.endswith(_NEW_WORDS):
        return "new"
    return "mess" if one.figure in (MISSING, SHARE) else "shift"


def as_moved(one: Compared, what: str, weight: float, in_a_row: int, before: float, seasons: Mapping[str, str]) -> Moved:
    """The reference that is handed on; `what` are its words, `before` its effect in the period before."""
    return Moved(
        view=one.view,
        kind=kind_of(one),
        what=what,
        effect=round(one.effect, 4),
        before=round(before, 4),
        in_a_row=in_a_row,
        weight=round(weight, 4),
        season=seasons.get(one.view, ""),
        summary=f"{one.view}: {what}",
    )


def in_words(one: Compared, reference: Baseline, newest: Newest) -> str:
    """What moved, from what to what."""
    if one.view == TOGETHER:
        return f"a classifier tells it from the training rows: area under the curve {one.now:.2f}, usually {one.usual:.2f}"
    if one.view == QUARANTINE:
        return f"{one.now:.1%} of the delivered rows broke the contract, usually {one.usual:.1%}"
    if one.view.endswith(_NEW_WORDS):
        new = _examples(one.view.removesuffix(_NEW_WORDS) + TEXT_WORDS, reference, newest)
        return f"{one.now:.1%} of its texts have words never seen in training{new}, usually {one.usual:.1%}"
    if one.figure == SHARE:
        mess = one.view.rpartition(": ")[2]
        return f"{one.now:.1%} of its values are {IN_WORDS.get(mess, mess)}, usually {one.usual:.1%}"
    if one.figure == MISSING:
        return f"missing in {one.now:.0%} of rows, usually in {one.usual:.0%}"
    things = "words" if is_of_words(one.view) else "values"
    if one.figure == UNSEEN:
        return f"{one.now:.1%} of its {things} were never seen in training{_examples(one.view, reference, newest)}"
    if one.figure in COMPONENTS:
        return _moved_number(one, reference, newest)
    name = f"the rarer {things}" if one.figure == OTHERS else of_data(one.figure.removeprefix(VALUE))
    return f"{name}: {one.now:.1%} of its {things}, usually {one.usual:.1%}"


def _moved_number(one: Compared, reference: Baseline, newest: Newest) -> str:
    if one.figure != COMPONENTS[0]:
        return f"{_SHAPES[one.figure][one.effect < 0]} ({one.effect:+.2f})"
    view, usual = newest.features.views.get(one.view), reference.views.get(one.view)
    if not isinstance(view, Numbers) or not isinstance(usual, NumberBaseline):
        return f"{'higher' if one.effect > 0 else 'lower'} ({one.effect:+.2f})"
    edges = reference.grid[one.view]
    return f"median {_median(usual.whole, edges):.4g} → {_median(view, edges):.4g}"


def _median(view: Numbers, edges: Floats) -> float:
    """The middle of the bin that holds the median."""
    at = int(np.searchsorted(np.cumsum(view.counts), view.present / 2))
    low = max(edges[at - 1], view.low) if at else view.low
    high = min(edges[at], view.high) if at < len(edges) else view.high
    return float((low + high) / 2)


def _examples(name: str, reference: Baseline, newest: Newest) -> str:
    view, usual = newest.features.views.get(name), reference.views.get(name)
    if not isinstance(view, Values) or not isinstance(usual, ValueBaseline) or usual.whole.buckets is not None:
        return ""
    often = {value: n for value, n in view.counts.items() if n >= _FEWEST_ROWS and value not in usual.whole.counts}
    common = sorted(often, key=lambda value: (-often[value], value))[:_EXAMPLES]
    return f" (most often {', '.join(map(of_data, common))})" if common else ""
