"""Drift: which columns moved, by limits that come from the reference's own periods."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

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
    benjamini_hochberg,
    change_p,
    level_p,
    moved_p,
)
from include.decisions.drift.domain_classifier import MATERIAL_GAIN, ROWS, as_figure
from include.decisions.drift.summaries import Summary, column_of, is_of_words
from include.decisions.scoring.predictions import Floats
from include.noise.profile import NoiseProfile

# Expected share of false findings: of those told at once, and of those told when they stand for a second period.
AT_ONCE, IN_A_ROW = 0.01, 0.05
# A column that the champion does not use still counts for a fifth of an average one.
_LEAST_WEIGHT = 0.2
# What is judged beside the columns.
ANSWERS, LABEL, TOGETHER, QUARANTINE = "(answers)", "(label)", "(together)", "(quarantine)"
SHARE = "share"
_NOT_CHANCE, _UNSEEN_FIRST = 0.1, 1.5
# A missing or an unseen value is counted exactly; these kinds of mess have to be recognised.
_RECOGNISED = ("typo", "abbreviation", "case", "white_space", "mojibake", "outlier")


@dataclass(frozen=True)
class Compared:
    """One view of a column against the reference, and the figure that tells most.

    `p` is of the whole view, corrected for everything about it that was looked at, and 1 where nothing is large enough to
    matter. `effect` is in standard deviations of the rank for a number's components, else a difference of shares; `now` and
    `usual` likewise.
    """

    view: str
    figure: str = ""
    p: float = 1.0
    effect: float = 0.0
    now: float = 0.0
    usual: float = 0.0


@dataclass(frozen=True, eq=False)
class Newest:
    """What is known of the newest period.

    Its features, the champion's answers, its mess, how well a classifier tells it from the reference when asked with so many
    rows of each side; and the labels of the newest period that has them.
    """

    features: Summary
    answers: Summary | None
    labels: Summary | None
    mess: NoiseProfile
    told_apart: float
    told_apart_rows: int


@dataclass(frozen=True, eq=False)
class Earlier:
    """What is remembered: for a view, its last calm period and how many periods ago that was; answers and mess of before.

    Each mess comes with the views that stood out in its period: what is out of line does not teach what is usual.
    """

    calm: Mapping[str, tuple[View, int]]
    answers: Sequence[Summary] = ()
    mess: Sequence[tuple[NoiseProfile, Collection[str]]] = ()


def compare_all(reference: Baseline, newest: Newest, earlier: Earlier, lag: int) -> list[Compared]:
    """Everything about the newest period beside the reference; `lag` is how many periods it lies after it."""
    found = [
        compare(name, view, newest.features.views[name], lag, earlier.calm.get(name)) for name, view in reference.views.items()
    ]
    found += _answers(newest, earlier.answers)
    if newest.labels is not None:
        found += [compare(LABEL, view, newest.labels.views[name], lag) for name, view in reference.label_views.items()]
    found += _mess(newest, [*((profile, ()) for profile in reference.mess), *earlier.mess])
    return [*found, *_together(reference, newest)]


def _answers(newest: Newest, before: Sequence[Summary]) -> list[Compared]:
    """The champion's answers beside those on earlier periods that it had not seen: on its training rows it is too sure."""
    if newest.answers is None or len(before) < FEWEST_PERIODS:
        return []
    views = {
        name: view_baseline([b.views[name] for b in before], max(newest.answers.rows, 1)) for name in newest.answers.views
    }
    found = [compare(ANSWERS, view, newest.answers.views[name], 1) for name, view in views.items()]
    surest = min(found, key=lambda one: one.p)
    return [replace(surest, p=min(1.0, surest.p * len(found)))]


def _mess(newest: Newest, before: Sequence[tuple[NoiseProfile, Collection[str]]]) -> list[Compared]:
    """Each kind of mess that was found, beside how often it was found before; less of it is no drift."""
    found, now = [], newest.mess
    for column, rates in now.rates.items():
        # Of categories the unseen are counted exactly; in a text, it takes recognition to tell a new word from a slip.
        is_text = any(column_of(view) == column and is_of_words(view) for view in newest.features.views)
        for mess in (mess for mess in (*_RECOGNISED, *([UNSEEN] if is_text else [])) if mess in rates):
            name = f"{column}: {mess}"
            usual = [sampled(profile.rate(column, mess), profile.rows) for profile, stood in before if name not in stood]
            found.append(_risen(name, SHARE, sampled(rates[mess], now.rows), usual, MATERIAL_SHARE))
    quarantined = [sampled(profile.quarantined, profile.rows) for profile, stood in before if QUARANTINE not in stood]
    return [*found, _risen(QUARANTINE, SHARE, sampled(now.quarantined, now.rows), quarantined, MATERIAL_SHARE)]


def _together(reference: Baseline, newest: Newest) -> list[Compared]:
    if not np.isfinite(newest.told_apart):
        return []
    usual = [as_figure(area, ROWS) for area in reference.told_apart if np.isfinite(area)]
    return [_risen(TOGETHER, "told apart", as_figure(newest.told_apart, newest.told_apart_rows), usual, MATERIAL_GAIN)]


def _risen(name: str, figure: str, now: ChartStatistics, usual: Sequence[ChartStatistics], material: float) -> Compared:
    """One figure, of which only a rise matters."""
    if len(usual) < FEWEST_PERIODS:
        return Compared(name)
    history = History(np.stack([one.values for one in usual]), np.stack([one.variances for one in usual]))
    was, is_now = float(np.mean([one.effects[0] for one in usual])), float(now.effects[0])
    p = float(level_p(history, now.values, now.variances)[0]) if is_now - was >= material else 1.0
    return Compared(name, figure, p, is_now - was, is_now, was)


def compare(
    name: str, reference: ViewBaseline, current: View, lag: int, baseline: tuple[View, int] | None = None
) -> Compared:
    """How a view of the newest period stands out.

    `lag` is how many periods it lies after the reference; `baseline` is the view in the last period in which it was calm, and
    how many periods ago that was.
    """
    found = reference.figures(current)
    p, effects = level_p(reference.history, found.values, found.variances), found.effects - reference.usual
    if baseline is not None:
        before = reference.figures(baseline[0])
        since = CalmPeriod(before.values, before.variances, baseline[1])
        changed = change_p(reference.history, found.values, found.variances, since)
        effects = np.where(changed < p, found.effects - before.effects, effects)
        p = np.minimum(1.0, 2 * np.minimum(p, changed))
    names, usual = list(reference.names), reference.usual
    now, material = found.effects, reference.material
    if unseen := reference.unseen(current):
        p = np.append(p, _unseen_p(reference, current, lag, baseline))
        names, usual, now = [*names, UNSEEN], np.append(usual, 0.0), np.append(now, unseen)
        effects, material = np.append(effects, unseen), np.append(material, reference.material_unseen)
    told = _most_telling(names, p, effects, material)
    p = np.where(np.abs(effects) >= material, np.minimum(1.0, p * _looks(names)), 1.0)
    if p.min() >= 1:
        return Compared(name)
    return Compared(name, names[told], float(p.min()), float(effects[told]), float(now[told]), float(usual[told]))


def _unseen_p(reference: ViewBaseline, current: View, lag: int, baseline: tuple[View, int] | None) -> Floats:
    """More unseen values than so far ahead of what is known are usual, or than in the last calm period."""
    now = sampled(reference.unseen(current), current.present)
    p = level_p(reference.unseen_history(lag), now.values, now.variances)
    if baseline is None or baseline[1] >= lag:
        return p
    view, back = baseline
    before = sampled(reference.unseen(view), view.present)
    changes = reference.unseen_changes(lag, back)
    moved = moved_p(changes, now.values - before.values, now.variances + before.variances, back)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(p, moved)))


def _most_telling(names: Sequence[str], p: Floats, effects: Floats, material: Floats) -> int:
    """Which figure to tell people of: the largest that is not mere chance; what is unseen is more than what is rare."""
    size = np.where(p <= _NOT_CHANCE, np.abs(effects) / material, 0.0)
    # Of rows that all lie beyond the reference the higher components are larger, and say less.
    size /= np.array([1 + 2 * COMPONENTS.index(name) if name in COMPONENTS else 1 for name in names])
    if UNSEEN in names:
        size[names.index(UNSEEN)] *= _UNSEEN_FIRST
    return int(np.argmax(size))


def standing(compared: Sequence[Compared], importance: Mapping[str, float], rate: float) -> list[Compared]:
    """Those that stand at a false discovery rate; what the champion uses most is looked at hardest.

    `importance` is each view's share of all that the champion uses, summing to 1; a view that it does not name has none.
    """
    weights = np.array([_LEAST_WEIGHT / len(compared) + importance.get(one.view, 0.0) for one in compared])
    stands = benjamini_hochberg(np.array([one.p for one in compared]), weights / weights.mean(), rate)
    return [one for one, stand in zip(compared, stands, strict=True) if stand]


def _looks(names: Sequence[str]) -> Floats:
    """What each p-value is multiplied by, for all that was looked at; half is left to the figure that moves most often.

    That is a number's level, and of values the share that is unseen.
    """
    first = COMPONENTS[0] if COMPONENTS[0] in names else UNSEEN
    return np.where(np.array(names) == first, 2.0, 2.0 * max(len(names) - (first in names), 1))
