"""The metrics: a value, and each row's influence on it.

An influence is what one row adds to the metric, centred on zero. Where rows are independent, the standard error over n of
them is `sqrt(mean(influence ** 2) / n)`; clusters.py says what it is where they are not. And because influences of the same
rows can be subtracted, paired differences between two models need no resampling (Hampel, J. Am. Stat. Assoc. 69, 1974).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.leave_one_out import BINS, beyond_influence
from include.decisions.scoring.predictions import KEPT, Floats, Labels, Ranking
from include.decisions.scoring.scorecard import Measured
from include.errors import ModelError
from include.models.contract import Criteria, Model, Money, OwnMetric, Task

Estimate = tuple[float, Floats]
Difference = TypeVar("Difference", float, Floats)
_BLOCKS = 200
_AT_BUDGET = "precision_at_budget"
# What a team's own function may raise where it has no value: that blocks where it decides, and is reported where it does not.
_NOT_COMPUTABLE = (ValueError, TypeError, ArithmeticError, LookupError)


@dataclass(frozen=True)
class Metric:
    """A named metric. `function(labels, predictions)` gives its value and the influences of the n rows, shape (n,).

    With `takes_clusters` it takes the rows' clusters as well. NaN where it has no value: a ranking metric where only one class
    is present, for example. Where the value lies between 0 and 1, `trials(labels, predictions)` is at most how many trials of
    a share its error is worth; None where it has no such ends. `is_share` says that it is the share of some rows.
    """

    name: str
    higher_is_better: bool
    function: Callable[..., Estimate]
    own: bool = False
    trials: Callable[[Any, Any], float] | None = None
    is_share: bool = False
    takes_clusters: bool = False

    def estimate(self, labels: Any, predictions: Any, clusters: Clusters | None = None) -> Estimate:
        """The value and the influences; without clusters the rows count as independent."""
        if self.takes_clusters:
            return self.function(labels, predictions, clusters or Clusters.independent(len(labels)))
        return self.function(labels, predictions)

    def measure(self, labels: Any, predictions: Any, clusters: Clusters) -> tuple[Measured, Floats]:
        """The value with its standard error, and the influences."""
        value, influence = self.estimate(labels, predictions, clusters)
        trials = None if self.trials is None else self.trials(labels, predictions)
        return Measured(value, *clusters.error(influence), trials), influence

    def doubt(self, labels: Any, predictions: Any) -> float:
        """Variance that a paired difference of two such values has at least, however often the two agreed.

        Of shares, that of two more rows on which they differ (Bonett and Price, J. Educ. Behav. Stat. 37, 2012): two models
        that were right on the same rows may yet differ on the next ones. 0 of other metrics.
        """
        return 2 / (self.trials(labels, predictions) + 2) ** 2 if self.is_share and self.trials else 0.0

    def gain(self, difference: Difference) -> Difference:
        """The difference, of values or of influences, turned so that more is better."""
        return difference if self.higher_is_better else -difference


def metrics_of(task: Task, criteria: Criteria) -> dict[str, Metric]:
    """Every metric that is computed for a task, by name: the scorecard's columns.

    `precision_at_budget` is one of them only where it decides or where the model sets the budget.
    """
    asks = criteria.metric == _AT_BUDGET or criteria.review_budget != Criteria.review_budget
    return {name: metric for name, metric in _known(task, criteria).items() if asks or metric.own or name != _AT_BUDGET}


def all_metrics() -> dict[Task, list[Metric]]:
    """Every metric that a model may be judged by, by task; a `hit_rate_at_` has any depth that is kept."""
    criteria = Criteria("roc_auc", floor=0, noisy_floor=0, margin=1, money=Money(0, 0, 0, 0))
    return {"binary": _binary(criteria), "multiclass": _multiclass(criteria), "regression": _regression(criteria)}


def _known(task: Task, criteria: Criteria) -> dict[str, Metric]:
    metrics = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[task](criteria)
    metrics += [
        Metric(own.name, own.higher_is_better, _own(own), own=True, takes_clusters=True) for own in criteria.own_metrics
    ]
    return {metric.name: metric for metric in metrics}


def primary_metric(model: Model) -> Metric:
    """The metric that decides.

    Raises:
        ModelError: the task has no such metric, or one that saying everything or nothing satisfies.
    """
    known = _known(model.task, model.criteria)
    if model.criteria.metric in ("precision", "recall"):
        raise ModelError(
            f"model {model.name!r}: criteria.metric {model.criteria.metric!r} cannot decide alone: one right yes, or a "
            f"yes to everything, is perfect. Use average_precision, f1 or money in include/models/{model.name}.py."
        )
    if model.criteria.metric not in known:
        raise ModelError(
            f"model {model.name!r}: criteria.metric {model.criteria.metric!r} does not exist for a {model.task} model; "
            f"there are: {', '.join(known)}. Correct it in include/models/{model.name}.py."
        )
    return known[model.criteria.metric]


def _binary(criteria: Criteria) -> list[Metric]:
    threshold, budget = criteria.threshold, criteria.review_budget
    metrics = [
        Metric("roc_auc", True, roc_auc, trials=_worth_of_an_area),
        Metric(
            "average_precision",
            True,
            average_precision,
            takes_clusters=True,
            trials=lambda y, _: float((y > 0.5).sum()),
        ),
        _share(_AT_BUDGET, lambda y, p: precision_at_budget(y, p, budget), lambda y, _: max(budget * len(y), 1.0)),
        _share("f1", lambda y, p: _f1(y, p >= threshold), lambda y, p: ((y > 0.5).sum() + (p >= threshold).sum()) / 2),
        _share(
            "precision",
            lambda y, p: _ratio((y > 0.5) & (p >= threshold), p >= threshold),
            lambda _, p: (p >= threshold).sum(),
        ),
        _share("recall", lambda y, p: _ratio((y > 0.5) & (p >= threshold), y > 0.5), lambda y, _: (y > 0.5).sum()),
        Metric("log_loss", False, lambda y, p: _mean(-np.log(np.clip(np.where(y > 0.5, p, 1 - p), 1e-15, 1)))),
        Metric("brier", False, lambda y, p: _mean((y - p) ** 2)),
    ]
    money = criteria.money
    return [*metrics, Metric("money", True, lambda y, p: _money(y, p >= threshold, money))] if money else metrics


def _multiclass(criteria: Criteria) -> list[Metric]:
    depth_asked = criteria.metric.removeprefix("hit_rate_at_")
    if criteria.metric.startswith("hit_rate_at_") and (not depth_asked.isdigit() or not 1 <= int(depth_asked) <= KEPT):
        raise ModelError(f"criteria.metric {criteria.metric!r}: {KEPT} classes a row are kept; use hit_rate_at_1 to {KEPT}.")
    deep = sorted({5, *(int(depth) for depth in [criteria.metric.removeprefix("hit_rate_at_")] if depth.isdigit())})
    return [
        _share("accuracy", lambda y, ranking: _mean(ranking.labels[:, 0] == y)),
        *(_share(f"hit_rate_at_{depth}", _hit_rate(depth)) for depth in deep),
        Metric("macro_f1", True, macro_f1),
        Metric("log_loss", False, lambda y, ranking: _mean(-np.log(np.clip(ranking.probability_of(y), 1e-15, 1)))),
    ]


def _share(
    name: str,
    function: Callable[[Any, Any], Estimate],
    trials: Callable[[Any, Any], float] = lambda labels, _: len(labels),
) -> Metric:
    return Metric(name, True, function, trials=lambda labels, said: float(trials(labels, said)), is_share=True)


def _worth_of_an_area(labels: Any, _: Any) -> float:
    """A mean over pairs: it varies two or three times less than a share of the rarer class (Hanley, McNeil 1982)."""
    positives = float((labels > 0.5).sum())
    return 3 * min(positives, len(labels) - positives)


def _regression(criteria: Criteria) -> list[Metric]:
    quantile = criteria.quantile
    return [
        Metric("mae", False, lambda y, p: _mean(np.abs(y - p))),
        Metric("rmse", False, _rmse),
        Metric("r2", True, _r2),
        Metric("pinball", False, lambda y, p: _mean(np.maximum(quantile * (y - p), (quantile - 1) * (y - p)))),
    ]


def roc_auc(labels: Floats, scores: Floats) -> Estimate:
    """Area under the ROC curve; labels are 0 or 1.

    A row's placement is the share of rows of the other class that it is ranked on the right side of, ties counting half:
    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), in one sort as in Sun and Xu (2014).

    >>> roc_auc(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.35]))[0]
    0.75
    """
    positive, share = labels > 0.5, float(np.mean(labels > 0.5))
    if share in (0.0, 1.0):
        return _nothing(labels)
    order, first, last = _sorted_ties(scores)
    hits = np.concatenate([[0], np.cumsum(positive[order])])
    above_positives = (hits[first] + hits[last]) / 2
    above_all = (first + last) / 2
    placements = np.empty(len(scores))
    n_pos, n_neg = hits[-1], len(scores) - hits[-1]
    placements[order] = np.where(positive[order], (above_all - above_positives) / n_neg, 1 - above_positives / n_pos)
    value = float(placements[positive].mean())
    return value, np.where(positive, (placements - value) / share, (placements - value) / (1 - share))


def average_precision(labels: Floats, scores: Floats, clusters: Clusters | None = None) -> Estimate:
    """Mean precision over the positives, at each one's score; labels are 0 or 1. Clusters: see leave_one_out.py.

    With A(s) and B(s) the shares of positives and of all rows at or above s, AP = E[y A(s) / B(s)] / P(y). Its derivative in
    the direction of one row (y0, s0) is (y0 prec(s0) + y0 G(s0) - H(s0) - y0 AP) / P(y), where G and H are the means of
    y / B(s) and y prec(s) / B(s) over the rows at or below s0.

    >>> average_precision(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.35]))[0].__round__(4)
    0.8333
    """
    positive, share = labels > 0.5, float(np.mean(labels > 0.5))
    if share in (0.0, 1.0):
        return _nothing(labels)
    n = len(scores)
    order, first, last = _sorted_ties(scores)
    y = positive[order].astype("float64")
    below = np.concatenate([[0.0], np.cumsum(y)])
    at_or_above = (n - first) / n
    precision = (below[-1] - below[first]) / n / at_or_above
    value = float((y * precision).sum() / below[-1])
    total_g = np.concatenate([[0.0], np.cumsum(y / at_or_above)]) / n
    total_h = np.concatenate([[0.0], np.cumsum(y * precision / at_or_above)]) / n
    influence = np.empty(n)
    influence[order] = (y * (precision + total_g[last] - value) - total_h[last]) / share
    if clusters:
        bins = BINS - (BINS * below[first] // below[-1]).astype("intp")
        influence[order] += beyond_influence(bins, y, clusters.at(order))
    return value, influence


def precision_at_budget(labels: Floats, scores: Floats, budget: float) -> Estimate:
    """Share of positives among the highest-scored `budget` of the rows, 0 to 1; labels are 0 or 1.

    Rows with the score at which the budget ends share what is left of it, as if chance chose among them. With phi(s) the part
    of a row that is looked at (1 above the threshold, 0 below it), V = E[y phi(s)] / b. One more row (y0, s0) also moves the
    threshold, so that phi keeps its mean b: rows there, positive with probability p, go in or out. The derivative is
    (phi(s0) (y0 - p) - b (V - p)) / b: the trimmed mean's (Hampel, 1974), for the best instances of Clemencon and Vayatis
    (JMLR 8, 2007). p is estimated from the k ** 0.8 rows around the k-th.

    >>> precision_at_budget(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.35]), 0.5)[0]
    0.5
    """
    n = len(scores)
    if n == 0:
        return _nothing(labels)
    order, first, last = _sorted_ties(-scores)
    y = (labels[order] > 0.5).astype("float64")
    k = min(max(budget * n, 1.0), float(n))
    at = int(np.ceil(k)) - 1
    looked_at = np.zeros(n)
    looked_at[: first[at]] = 1.0
    looked_at[first[at] : last[at]] = (k - first[at]) / (last[at] - first[at])
    half = int(np.ceil(k**0.8 / 2))
    near = y[first[max(at - half, 0)] : last[min(at + half, n - 1)]].mean()
    value = float(y @ looked_at / k)
    influence = np.empty(n)
    influence[order] = looked_at * (y - near) * n / k - (value - near)
    return value, influence


def macro_f1(labels: Labels, ranking: Ranking) -> Estimate:
    """Mean F1 over the classes that occur among labels and first answers."""
    codes = np.unique(np.concatenate([labels, ranking.labels[:, 0]]), return_inverse=True)[1]
    true, predicted = codes[: len(labels)], codes[len(labels) :]
    classes = int(codes.max()) + 1
    right = true == predicted
    both = (np.bincount(true, minlength=classes) + np.bincount(predicted, minlength=classes)) / len(labels)
    f1 = 2 * np.bincount(true[right], minlength=classes) / len(labels) / both
    influence = (2 * right / both[true] - f1[true] / both[true] - f1[predicted] / both[predicted]) / classes
    return float(f1.mean()), np.asarray(influence)


def _hit_rate(depth: int) -> Callable[[Labels, Ranking], Estimate]:
    return lambda labels, ranking: _mean((ranking.labels[:, :depth] == labels[:, None]).any(axis=1))


def _sorted_ties(scores: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The order of the scores, and for each place in it where its run of equal scores begins and ends (exclusive)."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(starts, len(scores)))
    return order, np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)


def _mean(per_row: NDArray[Any]) -> Estimate:
    values = np.asarray(per_row, dtype="float64")
    value = float(values.mean()) if len(values) else float("nan")
    return value, values - value


def _ratio(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> Estimate:
    """Share of `part` in `whole`; the influence of a ratio, by the delta method."""
    share = float(whole.mean()) if len(whole) else 0.0
    if share == 0:
        return _nothing(whole)
    value = float(part.mean()) / share
    return value, (part - value * whole) / share


def _f1(labels: Floats, predicted: NDArray[np.bool_]) -> Estimate:
    positive = labels > 0.5
    both = float(positive.mean() + predicted.mean()) / 2 if len(labels) else 0.0
    if both == 0:
        return _nothing(labels)
    value = float((positive & predicted).mean()) / both
    return value, ((positive & predicted) - value * (positive.astype("float64") + predicted) / 2) / both


def _money(labels: Floats, predicted: NDArray[np.bool_], money: Money) -> Estimate:
    return _mean(worth_of(labels > 0.5, predicted, money))


def worth_of(positive: NDArray[np.bool_], predicted: NDArray[np.bool_], money: Money) -> Floats:
    """What the answer to each row is worth, shape (n,), from what is so and whether it got a yes."""
    right = np.where(predicted, money.true_positive, money.false_negative)
    wrong = np.where(predicted, money.false_positive, money.true_negative)
    return np.where(positive, right, wrong).astype("float64")


def _rmse(labels: Floats, predictions: Floats) -> Estimate:
    square, influence = _mean((labels - predictions) ** 2)
    root = float(np.sqrt(square))
    return root, influence / (2 * root) if root else influence


def _r2(labels: Floats, predictions: Floats) -> Estimate:
    error, of_error = _mean((labels - predictions) ** 2)
    spread, of_spread = _mean((labels - labels.mean()) ** 2)
    if not spread > 0:
        return _nothing(labels)
    return 1 - error / spread, -(of_error - error / spread * of_spread) / spread


def _own(own: OwnMetric) -> Callable[[Any, Any, Clusters], Estimate]:
    """A mean over rows has the rows' deviations as influences; any other number gets them from a block jackknife.

    Leaving out one of B blocks moves the metric by d; each of the block's rows gets the influence that makes the variance of
    the whole the jackknife's (B - 1) / B * sum(d ** 2): Efron and Stein, Ann. Stat. 9 (1981). A block is a cluster, or some
    of them where there are many, the same ones for both models, so differences stay paired.
    """

    def estimate(labels: Any, predictions: Any, clusters: Clusters) -> Estimate:
        def called(rows: Any) -> Any:
            chosen = predictions[rows]
            return own.function(labels[rows], chosen.labels if isinstance(chosen, Ranking) else chosen)

        everything = np.ones(len(labels), dtype=bool)
        n = len(labels)
        try:
            whole = called(everything)
            if np.ndim(whole) and np.shape(whole) != (n,):
                raise ModelError(
                    f"own metric {own.name!r} gave an array of shape {np.shape(whole)} for {n} rows; accepted is one "
                    "number, or one per row. Correct the function in the model's file."
                )
            return _mean(whole) if np.ndim(whole) else jackknifed(float(whole), called, clusters)
        except _NOT_COMPUTABLE:
            return _nothing(labels)

    def jackknifed(whole: float, called: Callable[[Any], Any], clusters: Clusters) -> Estimate:
        dealt = np.random.default_rng(clusters.count).permutation(clusters.count) % _BLOCKS
        block, n = dealt[clusters.codes], len(clusters.codes)
        rows, squares = (np.bincount(dealt, clusters.sizes**power, minlength=_BLOCKS) for power in (1, 2))
        moved = np.zeros(_BLOCKS)
        for number in np.flatnonzero(rows):
            # A mean of n rows moves by the sum of a block's influences over the n - rows that are left.
            moved[number] = (whole - float(called(block != number))) * (n - rows[number])
        # A block of several clusters speaks for all of them: theirs are so large that their squares add up to the block's.
        influence = (moved / np.sqrt(np.maximum(squares, 1)))[block]
        influence -= influence.mean()
        return (whole, influence) if np.isfinite(influence).all() else (float("nan"), np.full(n, np.nan))

    return estimate


def _nothing(rows: NDArray[Any]) -> Estimate:
    return float("nan"), np.full(len(rows), np.nan)
