"""Soundness: whether these rows can decide between these versions at all, before any model is asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd

from include.decisions.data.periods import label_known
from include.decisions.scoring.predictions import Labels
from include.models.contract import Model
from include.untrusted_text import of_data


def older_than_training(holdout_start: datetime, trained_until: Mapping[str, datetime]) -> list[str]:
    """No version is judged on rows that it may have been trained on; `trained_until` is per version."""
    return [
        f"version {number} was trained on rows until {until:%Y-%m-%d}, the holdout starts on {holdout_start:%Y-%m-%d}"
        for number, until in trained_until.items()
        if holdout_start < until
    ]


def changed_criteria(model: Model, fixed: str) -> list[str]:
    """The success criteria may not change after a challenger's training; `fixed` is the digest from its training."""
    now = model.criteria_digest
    return [] if fixed == now else [f"the success criteria were changed after training: version has {fixed}, the model {now}"]


def immature(model: Model, delivered: pd.DataFrame, as_of: datetime) -> list[str]:
    """Labels that come early are not like those that come late: with 80 % of them the worse model wins 5 times of 6."""
    known = float(label_known(delivered, model, as_of).mean()) if len(delivered) else 0.0
    if known >= model.feed.mature_share:
        return []
    return [f"labels of the holdout are immature: {known:.0%} are known, {model.feed.mature_share:.0%} are needed"]


def unusable_labels(model: Model, labels: Labels) -> list[str]:
    """Too few to compute anything, or not what the task is about."""
    problems = [f"the holdout has {len(labels)} labelled rows"] if len(labels) < 2 else []
    classes = set(labels.tolist())
    if model.task == "binary" and classes != {0.0, 1.0}:
        problems.append(
            f"labels of the holdout are {of_data(sorted(classes)[:5])}; a binary model needs both 0 and 1, and nothing else"
        )
    return problems


def overlap(key: Sequence[str], delivered: pd.DataFrame, seen: pd.DataFrame, champion: str) -> list[str]:
    """Rows that the champion has seen flatter it: five per cent of them flip the sign for tree models."""
    shared = delivered[list(key)].merge(seen[list(key)], on=list(key))
    if shared.empty:
        return []
    first = of_data(dict(shared.iloc[0]))
    return [f"{len(shared)} rows of the holdout are in champion {champion}'s training data, such as {first}"]
