"""Evidence: champion and challenger on the same rows under the same noise, with paired intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from include.decisions.metrics import Floats, Metric

CLEAN = "clean"
Z80, Z95 = float(norm.ppf(0.80)), float(norm.ppf(0.95))
_Z95_TWO_SIDED = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Measured:
    """A metric's value with its standard error, in the metric's own unit."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the two-sided 95 % interval."""
        return self.value - _Z95_TWO_SIDED * self.error

    @property
    def high(self) -> float:
        """Upper end of the two-sided 95 % interval."""
        return self.value + _Z95_TWO_SIDED * self.error


@dataclass(frozen=True)
class Condition:
    """One row of the scorecard; `champion` and `gain` are None where there is no champion.

    `gain` is challenger against champion, turned so that more is better.
    """

    name: str
    challenger: float
    challenger_error: float
    champion: float | None
    gain: Measured | None


@dataclass(frozen=True)
class Evidence:
    """A whole scorecard. `blend` is the declared mix of clean and noisy that decides."""

    metric: str
    rows: int
    positives: int | None
    conditions: tuple[Condition, ...]
    noisy_challenger: float | None
    noisy_champion: float | None
    blend: Measured | None

    @property
    def clean(self) -> Condition:
        """The scorecard's clean row."""
        return next(condition for condition in self.conditions if condition.name == CLEAN)


def measure(metric: Metric, labels: Floats, predictions: Floats) -> Measured:
    """The metric with the standard error that its influences give."""
    return Measured(metric.value(labels, predictions), standard_error(metric.influence(labels, predictions)))


def standard_error(influence: Floats) -> float:
    """Standard error of a statistic from its influences, shape (n,)."""
    return float(np.sqrt(np.mean(influence**2) / len(influence)))


def compare(
    metric: Metric,
    labels: Floats,
    challenger: Mapping[str, Floats],
    champion: Mapping[str, Floats] | None,
    noisy_share: float,
) -> Evidence:
    """Score both models on every condition; each mapping goes from condition to predictions of shape (n,), `clean` among them.

    The blend is (1 - noisy_share) * clean + noisy_share * mean over the noisy conditions. Its influence is the same mix of
    the rows' influences, so that a row's clean and corrupted copies are never taken for independent rows.
    """
    weights = _weights(list(challenger), noisy_share)
    conditions, blend = [], 0.0
    blend_influence = np.zeros(len(labels))
    for name, predictions in challenger.items():
        value, influence = metric.value(labels, predictions), metric.influence(labels, predictions)
        error = standard_error(influence)
        if champion is None:
            conditions.append(Condition(name, value, error, None, None))
            continue
        other = metric.value(labels, champion[name])
        influence = influence - metric.influence(labels, champion[name])
        gain = Measured(metric.gain(value - other), standard_error(influence))
        conditions.append(Condition(name, value, error, other, gain))
        blend += weights[name] * gain.value
        blend_influence += weights[name] * influence
    return Evidence(
        metric=metric.name,
        rows=len(labels),
        positives=int((labels > 0.5).sum()) if set(np.unique(labels)) <= {0.0, 1.0} else None,
        conditions=tuple(conditions),
        noisy_challenger=_mean([c.challenger for c in conditions if c.name != CLEAN]),
        noisy_champion=_mean([c.champion for c in conditions if c.name != CLEAN and c.champion is not None]),
        blend=Measured(blend, standard_error(blend_influence)) if champion is not None else None,
    )


def _weights(names: list[str], noisy_share: float) -> dict[str, float]:
    noisy = [name for name in names if name != CLEAN]
    share = noisy_share if noisy else 0.0
    return {CLEAN: 1 - share} | {name: share / len(noisy) for name in noisy}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
