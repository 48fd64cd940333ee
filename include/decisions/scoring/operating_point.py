"""What a binary model's answers lead to, where a score becomes a yes: counts and money, champion beside challenger."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import worth_of
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import Measured
from include.models.contract import Criteria, Money

_PER = 1_000


@dataclass(frozen=True)
class Outcomes:
    """Of every 1,000 rows: right and wrong yes, right and wrong no, and what all of them are worth; None without prices."""

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float
    money: float | None = None


@dataclass(frozen=True)
class OperatingPoint:
    """What each model's answers lead to; `rule` says when a score becomes a yes.

    `gain` is how much more money the challenger brings than the champion on 1,000 rows; None without prices or champion.
    """

    rule: str
    challenger: Outcomes
    champion: Outcomes | None = None
    gain: Measured | None = None
    currency: str = ""


def rule_in_words(criteria: Criteria) -> str:
    """When a score becomes a yes.

    >>> rule_in_words(Criteria("precision_at_budget", 0.8, 0.7, 0.01, review_budget=0.01))
    'a yes to the 1 % of rows with the highest scores'
    """
    if criteria.metric == "precision_at_budget":
        return f"a yes to the {100 * criteria.review_budget:g} % of rows with the highest scores"
    return f"a yes from a score of {criteria.threshold:g}"


def says_yes(criteria: Criteria, scores: Floats) -> NDArray[np.bool_]:
    """The rows that get a yes, shape (n,): as many as people can look at where that is what decides, else by the threshold.

    >>> says_yes(Criteria("roc_auc", 0.6, 0.5, 0.01), np.array([0.2, 0.5, 0.9])).tolist()
    [False, True, True]
    """
    if criteria.metric != "precision_at_budget":
        return np.asarray(scores >= criteria.threshold)
    looked_at = max(1, round(criteria.review_budget * len(scores)))
    yes = np.zeros(len(scores), dtype=bool)
    yes[np.argsort(-scores, kind="stable")[:looked_at]] = True
    return yes


def operating_point(criteria: Criteria, labels: Floats, scores: Mapping[str, Floats], clusters: Clusters) -> OperatingPoint:
    """From the scores of "challenger" and, where there is one, "champion" for the same n rows."""
    yes = {role: says_yes(criteria, each) for role, each in scores.items()}
    positive, money = labels > 0.5, criteria.money
    outcomes = {role: _outcomes(positive, each, money) for role, each in yes.items()}
    gain = None
    if money and "champion" in yes:
        more = _PER * (worth_of(positive, yes["challenger"], money) - worth_of(positive, yes["champion"], money))
        gain = Measured(float(more.mean()), *clusters.error(more - more.mean()))
    currency = money.currency if money else ""
    return OperatingPoint(rule_in_words(criteria), outcomes["challenger"], outcomes.get("champion"), gain, currency)


def _outcomes(positive: NDArray[np.bool_], yes: NDArray[np.bool_], money: Money | None) -> Outcomes:
    def share(rows: NDArray[np.bool_]) -> float:
        return _PER * float(rows.mean())

    worth = _PER * float(worth_of(positive, yes, money).mean()) if money else None
    return Outcomes(share(positive & yes), share(~positive & yes), share(positive & ~yes), share(~positive & ~yes), worth)
