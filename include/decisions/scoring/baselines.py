"""Trivial answers: predictions that need no model. A challenger that does not beat them has learned nothing."""

import json

import numpy as np

from include.decisions.scoring.predictions import KEPT, Labels, Predictions, Ranking
from include.models.contract import Task


def learned_from(task: Task, labels: Labels) -> str:
    """What trivial answers need to know of the training labels, as JSON: it becomes a tag on the version."""
    if task == "multiclass":
        classes, counts = np.unique(labels.astype(str), return_counts=True)
        best = np.argsort(-counts, kind="stable")[:KEPT]
        ranked = [[str(classes[number]), float(counts[number] / len(labels))] for number in best]
        return json.dumps({"classes": len(classes), "most_frequent": ranked})
    numbers = labels.astype("float64")
    return json.dumps({"mean": float(numbers.mean()), "median": float(np.median(numbers))})


def trivial_answers(task: Task, learned: str, count: int) -> dict[str, Predictions]:
    """The answers for `count` rows, by name.

    >>> {name: answers.tolist() for name, answers in trivial_answers("regression", '{"mean": 2.0, "median": 1.0}', 1).items()}
    {'always the mean': [2.0], 'always the median': [1.0]}
    """
    known = json.loads(learned)
    if task == "multiclass":
        labels, shares = zip(*known["most_frequent"], strict=True)
        ranking = Ranking(
            np.tile(np.array(labels, dtype=object), (count, 1)), np.tile(np.array(shares), (count, 1)), known["classes"]
        )
        return {"always the most frequent": ranking}
    if task == "regression":
        return {f"always the {name}": np.full(count, known[name]) for name in ("mean", "median")}
    return {
        "always the share of positives": np.full(count, known["mean"]),
        "always yes": np.ones(count),
        "always no": np.zeros(count),
    }
