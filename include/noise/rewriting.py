"""Rewriting drawn texts, one by one, and drawing only among those that can be."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.noise.drawing import Mask, choose, held_to, plain, put, where_text

CanWrite = Callable[[str], object]
Write = Callable[[str, float], str]


@dataclass(frozen=True)
class Rewriting:
    """How texts are changed: `name` is the corruption's; `can_write` is truthy for a text that `write` can change.

    `write(text, draw)` gives the changed text for a draw from 0 to below 1. Empty text is never changed.
    """

    name: str
    can_write: CanWrite
    write: Write


def rewritten(values: pd.Series, rate: float, rng: np.random.Generator, how: Rewriting) -> pd.Series:
    """The column with the drawn cells rewritten.

    Raises:
        DataError: the column holds numbers, or a text came back as it was.
    """
    writable = where_text(values, how.name)
    before = plain(values)
    chosen = choose(_where_writable(before, writable, how.can_write), rate, rng)
    if not chosen.size:
        return values.copy()
    draws = rng.random(chosen.size).tolist()
    news = np.empty(chosen.size, dtype=object)
    news[:] = [how.write(text, draw) for text, draw in zip(before.iloc[chosen].tolist(), draws, strict=True)]
    return held_to(chosen, before, put(before, chosen, news), how.name)


def split(draw: float, choices: int) -> tuple[int, float]:
    """One of so many choices, counted from 0, and a fresh draw from 0 to below 1 made of what is left.

    >>> split(0.625, 4)
    (2, 0.5)
    """
    scaled = draw * choices
    return int(scaled), scaled % 1


def _where_writable(before: pd.Series, texts: Mask, can_write: CanWrite) -> Mask:
    """Which of the texts can be rewritten, found out once per distinct text."""
    codes, distinct = pd.factorize(before)
    able = [isinstance(text, str) and text != "" and bool(can_write(text)) for text in distinct.tolist()]
    return np.asarray(texts & np.array([*able, False])[codes])
