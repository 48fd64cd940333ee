"""Rewriting drawn texts, one by one, and drawing only among those that can be."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from include.noise.drawing import Mask, choose, held_to, plain, put, where_text

CanWrite = Callable[[str], object]
Write = Callable[[str, float], str]


def rewritten(
    values: pd.Series, rate: float, rng: np.random.Generator, can_write: CanWrite, write: Write, name: str
) -> pd.Series:
    """The column with `write(text, draw)` in the drawn cells, `draw` a number from 0 to below 1.

    `can_write` is truthy for a text that `write` can change; empty text never can be.

    Raises:
        DataError: the column holds numbers, or a text came back as it was.
    """
    writable = where_text(values, name)
    before = plain(values)
    chosen = choose(_where_writable(before, writable, can_write), rate, rng)
    if not chosen.size:
        return values.copy()
    draws = rng.random(chosen.size).tolist()
    news = np.empty(chosen.size, dtype=object)
    news[:] = [write(text, draw) for text, draw in zip(before.iloc[chosen].tolist(), draws, strict=True)]
    return held_to(chosen, before, put(before, chosen, news), name)


def split(draw: float, choices: int) -> tuple[int, float]:
    """One of so many choices, counted from 0, and a fresh draw from 0 to below 1 made of what is left.

    >>> split(0.625, 4)
    (2, 0.5)
    """
    scaled = draw * choices
    return int(scaled), scaled % 1


def _where_writable(before: pd.Series, texts: Mask, can_write: CanWrite) -> Mask:
    """Asked once for each text that occurs, however often."""
    codes, found = pd.factorize(before)
    able = [isinstance(text, str) and text != "" and bool(can_write(text)) for text in found.tolist()]
    return np.asarray(texts & np.array([*able, False])[codes])
