"""Importance: how far predictions move when a column is shuffled. It needs no labels, and says which drift may matter."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from include.decisions.scoring.predictions import Predictions, Ranking, numbers_of


def importance_of(
    answer: Callable[[pd.DataFrame], Predictions], rows: pd.DataFrame, columns: Sequence[str], seed: int
) -> dict[str, float]:
    """Each column's share of the movement, summing to 1; equal shares where nothing moves.

    The label-free sibling of permutation importance (Breiman, Mach. Learn. 45, 2001): on training rows, a loss would flatter
    what was learned by heart.

    >>> rows = pd.DataFrame({"used": np.arange(100.0), "unused": np.arange(100.0)})
    >>> importance_of(lambda frame: frame["used"].to_numpy(), rows, ["used", "unused"], seed=1)
    {'used': 1.0, 'unused': 0.0}
    """
    rng = np.random.default_rng(seed)
    plain = answer(rows)
    moved = {}
    for name in columns:
        shuffled = rows.assign(**{name: rows[name].to_numpy()[rng.permutation(len(rows))]})
        moved[name] = _distance(plain, answer(shuffled))
    total = sum(moved.values())
    return {name: float(move / total) if total else 1 / len(moved) for name, move in moved.items()}


def _distance(one: Predictions, other: Predictions) -> float:
    if isinstance(one, Ranking) and isinstance(other, Ranking):
        return float((one.labels[:, 0] != other.labels[:, 0]).mean())
    return float(np.abs(numbers_of(one) - numbers_of(other)).mean()) if len(one) else 0.0
