"""Drift: which columns moved, by limits that come from the baseline's own periods."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import false_discovery_control

from include.decisions.drift.baseline import Baseline
from include.decisions.drift.chart_statistics import (
    COMPONENTS,
    MATERIAL_SHARE,
    UNSEEN,
    ChartStatistics,
    View,
    ViewBaseline,
    sampled,
    view_baseline,
)
from include.decisions.drift.control_charts import (
    FEWEST_PERIODS,
    CalmPeriod,
    History,
    change_p,
    level_p,
    moved_p,
)
from include.decisions.drift.domain_classifier import MATERIAL_GAIN, ROWS, as_statistics
from include.decisions.drift.summaries import Summary, column_of, is_of_words
from include.decisions.scoring.predictions import Floats
from include.noise.profile import NoiseProfile

# Expected share of false alarms: of those reported at once, and of those reported when they stand for a second period.
AT_ONCE, IN_A_ROW = 0.01, 0.05
# A column that the champion does not use still counts for a fifth of an average one.
_LEAST_WEIGHT = 0.2
# What is judged beside the columns.
PREDICTIONS, LABEL, TOGETHER, QUARANTINE = "(predictions)", "(label)", "(together)", "(quarantine)"
SHARE = "share"
_NOT_CHANCE, _UNSEEN_FIRST = 0.1, 1.5
# A missing or an unseen value is counted exactly; these kinds of noise have to be recognised.
_RECOGNISED = ("typo", "abbreviation", "case", "white_space", "mojibake", "outlier")


@dataclass(frozen=True)
class Compared:
    """One view of a column against the baseline, and the most telling statistic.

    `p` is of the whole view, corrected for everything about it that was looked at, and 1 where nothing is large enough to
    matter. `effect` is in standard deviations of the rank for a number's components, else a difference of shares; `now` and
    `usual` likewise.
    """

    view: str
    statistic: str = ""
    p: float = 1.0
    effect: float = 0.0
    now: float = 0.0
    usual: float = 0.0


@dataclass(frozen=True, eq=False)
class Newest:
    """What is known of the newest period.

    Its features, the champion's predictions, its noise, how well a classifier tells it from the baseline when asked with so
    many rows of each side; and the labels of the newest period that has them.
    """

    features: Summary
    predictions: Summary | None
    labels: Summary | None
    noise: NoiseProfile
    separability: float
    separability_rows: int


@dataclass(frozen=True, eq=False)
class Earlier:
    """What is remembered: for a view, its last calm period and how many periods ago that was; predictions and noise of before.

    Each noise comes with the views that stood out in its period: what is out of line does not teach what is usual.
    """

    calm: Mapping[str, tuple[View, int]]
    predictions: Sequence[Summary] = ()
    noise: Sequence[tuple[NoiseProfile, Collection[str]]] = ()


def compare_all(baseline: Baseline, newest: Newest, earlier: Earlier, lag: int) -> list[Compared]:
    """Everything about the newest period beside the baseline; `lag` is how many periods it lies after it."""
    compared = [
        compare(name, view, newest.features.views[name], lag, earlier.calm.get(name)) for name, view in baseline.views.items()
    ]
    compared += _predictions(newest, earlier.predictions)
    if newest.labels is not None:
        compared += [compare(LABEL, view, newest.labels.views[name], lag) for name, view in baseline.label_views.items()]
    compared += _noise(newest, [*((profile, ()) for profile in baseline.noise), *earlier.noise])
    return [*compared, *_together(baseline, newest)]


def _predictions(newest: Newest, before: Sequence[Summary]) -> list[Compared]:
    """The champion's predictions beside those on earlier periods that it had not seen: on its training rows it is too sure."""
    if newest.predictions is None or len(before) < FEWEST_PERIODS:
        return []
    views = {
        name: view_baseline([b.views[name] for b in before], max(newest.predictions.rows, 1))
        for name in newest.predictions.views
    }
    compared = [compare(PREDICTIONS, view, newest.predictions.views[name], 1) for name, view in views.items()]
    surest = min(compared, key=lambda one: one.p)
    return [replace(surest, p=min(1.0, surest.p * len(compared)))]


def _noise(newest: Newest, before: Sequence[tuple[NoiseProfile, Collection[str]]]) -> list[Compared]:
    """Each kind of noise that was found, beside how often it was found before; less of it is no drift."""
    compared, now = [], newest.noise
    for column, rates in now.rates.items():
        # Of categories the unseen are counted exactly; in a text, it takes recognition to tell a new word from a typing slip.
        is_text = any(column_of(view) == column and is_of_words(view) for view in newest.features.views)
        for noise in (noise for noise in (*_RECOGNISED, *([UNSEEN] if is_text else [])) if noise in rates):
            name = f"{column}: {noise}"
            usual = [sampled(profile.rate(column, noise), profile.rows) for profile, flagged in before if name not in flagged]
            compared.append(_risen(name, SHARE, sampled(rates[noise], now.rows), usual, MATERIAL_SHARE))
    quarantined = [sampled(profile.quarantined, profile.rows) for profile, flagged in before if QUARANTINE not in flagged]
    return [*compared, _risen(QUARANTINE, SHARE, sampled(now.quarantined, now.rows), quarantined, MATERIAL_SHARE)]


def _together(baseline: Baseline, newest: Newest) -> list[Compared]:
    if not np.isfinite(newest.separability):
        return []
    usual = [as_statistics(area, ROWS) for area in baseline.separability if np.isfinite(area)]
    return [_risen(TOGETHER, "told apart", as_statistics(newest.separability, newest.separability_rows), usual, MATERIAL_GAIN)]


def _risen(name: str, statistic: str, now: ChartStatistics, usual: Sequence[ChartStatistics], material: float) -> Compared:
    """One statistic, of which only a rise matters."""
    if len(usual) < FEWEST_PERIODS:
        return Compared(name)
    history = History(np.stack([one.values for one in usual]), np.stack([one.variances for one in usual]))
    was, is_now = float(np.mean([one.effects[0] for one in usual])), float(now.effects[0])
    p = float(level_p(history, now.values, now.variances)[0]) if is_now - was >= material else 1.0
    return Compared(name, statistic, p, is_now - was, is_now, was)


def compare(name: str, baseline: ViewBaseline, current: View, lag: int, calm: tuple[View, int] | None = None) -> Compared:
    """How a view of the newest period stands out.

    `lag` is how many periods it lies after the baseline; `calm` is the view in the last period in which it was calm, and
    how many periods ago that was.
    """
    new = baseline.statistics(current)
    p, effects = level_p(baseline.history, new.values, new.variances), new.effects - baseline.usual
    if calm is not None:
        before = baseline.statistics(calm[0])
        since = CalmPeriod(before.values, before.variances, calm[1])
        changed = change_p(baseline.history, new.values, new.variances, since)
        effects = np.where(changed < p, new.effects - before.effects, effects)
        p = np.minimum(1.0, 2 * np.minimum(p, changed))
    names, usual = list(baseline.names), baseline.usual
    now, material = new.effects, baseline.material
    if unseen := baseline.unseen(current):
        p = np.append(p, _unseen_p(baseline, current, lag, calm))
        names, usual, now = [*names, UNSEEN], np.append(usual, 0.0), np.append(now, unseen)
        effects, material = np.append(effects, unseen), np.append(material, baseline.material_unseen)
    top = _most_telling(names, p, effects, material)
    p = np.where(np.abs(effects) >= material, np.minimum(1.0, p * _looks(names)), 1.0)
    if p.min() >= 1:
        return Compared(name)
    return Compared(name, names[top], float(p.min()), float(effects[top]), float(now[top]), float(usual[top]))


def _unseen_p(baseline: ViewBaseline, current: View, lag: int, calm: tuple[View, int] | None) -> Floats:
    """More unseen values than so far ahead of what is known are usual, or than in the last calm period."""
    now = sampled(baseline.unseen(current), current.present)
    p = level_p(baseline.unseen_history(lag), now.values, now.variances)
    if calm is None or calm[1] >= lag:
        return p
    view, back = calm
    before = sampled(baseline.unseen(view), view.present)
    changes = baseline.unseen_changes(lag, back)
    moved = moved_p(changes, now.values - before.values, now.variances + before.variances, back)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(p, moved)))


def _most_telling(names: Sequence[str], p: Floats, effects: Floats, material: Floats) -> int:
    """The statistic to report: the largest that is not mere chance; what is unseen is more than what is rare."""
    size = np.where(p <= _NOT_CHANCE, np.abs(effects) / material, 0.0)
    # Of rows that all lie beyond the baseline the higher components are larger, and say less.
    size /= np.array([1 + 2 * COMPONENTS.index(name) if name in COMPONENTS else 1 for name in names])
    if UNSEEN in names:
        size[names.index(UNSEEN)] *= _UNSEEN_FIRST
    return int(np.argmax(size))


def standing(compared: Sequence[Compared], importance: Mapping[str, float], rate: float) -> list[Compared]:
    """Those that stand at a false discovery rate; what the champion uses most is looked at hardest.

    `importance` is each view's share of all that the champion uses, summing to 1; a view that it does not name has none.
    """
    if not compared:
        return []
    weights = np.array([_LEAST_WEIGHT / len(compared) + importance.get(one.view, 0.0) for one in compared])
    # Each p-value is divided by its weight: Genovese, Roeder and Wasserman, Biometrika 93 (2006).
    weighted = np.array([one.p for one in compared]) / (weights / weights.mean())
    significant = false_discovery_control(np.minimum(1.0, weighted)) <= rate
    return [one for one, is_significant in zip(compared, significant, strict=True) if is_significant]


def _looks(names: Sequence[str]) -> Floats:
    """What each p-value is multiplied by, for all that was looked at; half is left to the statistic that moves most often.

    That is a number's level, and of values the share that is unseen.
    """
    first = COMPONENTS[0] if COMPONENTS[0] in names else UNSEEN
    return np.where(np.array(names) == first, 2.0, 2.0 * max(len(names) - (first in names), 1))
