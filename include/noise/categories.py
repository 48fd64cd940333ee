"""Categories gone wrong: exchanged, never seen before, swept into "other", or written in another word for the same."""

from itertools import count, islice

import numpy as np
import pandas as pd

from include.noise.drawing import choose, held_to, plain, put, where_text
from include.noise.rewriting import Rewriting, rewritten
from include.noise.spelling import NO_WORDS, Words, without_vowels


def swap(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Categories are exchanged for another one of the column, drawn as often as it occurs. One category has no other.

    >>> swap(pd.Series(["a", "a", "b", "c"]), 0.5, np.random.default_rng(1)).tolist()
    ['a', 'c', 'c', 'c']
    """
    codes, categories = pd.factorize(values)
    chosen = choose((codes >= 0) & (len(categories) > 1), rate, rng)
    if not chosen.size:
        return values.copy()
    counts = np.bincount(codes[codes >= 0])
    ends = np.cumsum(counts)
    own = codes[chosen]
    # A draw from all rows with the rows of the cell's own category cut out of the line they stand in.
    drawn = rng.integers(0, ends[-1] - counts[own])
    drawn += np.where(drawn >= ends[own] - counts[own], counts[own], 0)
    before = plain(values)
    return held_to(chosen, before, put(before, chosen, categories.take(np.searchsorted(ends, drawn, side="right"))), "swap")


def unseen(values: pd.Series, rate: float, rng: np.random.Generator, variety: int = 5) -> pd.Series:
    """Categories turn into one of five texts (`variety`) that the column does not hold, as when a new shop opens.

    >>> unseen(pd.Series(["a", "b", "c", "d"]), 0.5, np.random.default_rng(1)).tolist()
    ['a', 'unseen 4', 'unseen 5', 'd']

    Raises:
        DataError: the column holds numbers; a category is text.
    """
    chosen = choose(where_text(values, "unseen"), rate, rng)
    if not chosen.size:
        return values.copy()
    before = plain(values)
    held = set(before.unique())
    names = list(islice((name for number in count(1) if (name := f"unseen {number}") not in held), variety))
    picked = np.array(names, dtype=object)[rng.integers(0, variety, chosen.size)]
    return held_to(chosen, before, put(before, chosen, picked), "unseen")


def rare_to_other(values: pd.Series, rate: float, rng: np.random.Generator, rarer_than: float = 0.05) -> pd.Series:
    """Rare categories, each below a twentieth of the column (`rarer_than`), are merged into "other".

    >>> rare_to_other(pd.Series(["a"] * 30 + ["b"]), 1.0, np.random.default_rng(1)).unique().tolist()
    ['a', 'other']

    Raises:
        DataError: the column holds numbers.
    """
    texts = where_text(values, "rare_to_other")
    before = plain(values)
    codes, categories = pd.factorize(before)
    counts = np.bincount(codes[codes >= 0], minlength=len(categories))
    rare = np.append((counts < rarer_than * counts.sum()) & (np.asarray(categories, dtype=object) != "other"), False)
    chosen = choose(texts & rare[codes], rate, rng)
    return held_to(chosen, before, put(before, chosen, "other"), "rare_to_other") if chosen.size else values.copy()


def synonym(values: pd.Series, rate: float, rng: np.random.Generator, words: Words = NO_WORDS) -> pd.Series:
    """Categories are written in another word for the same, from the team's own list, or else abbreviated.

    Abbreviated is: without vowels, or only the first letters. A short code that neither shortens stays as it is.

    >>> synonym(pd.Series(["Newark", "Kennedy", "NY"]), 1.0, np.random.default_rng(4), {"Kennedy": ["Idlewild"]}).tolist()
    ['New', 'Idlewild', 'NY']

    Raises:
        DataError: the column holds numbers.
    """
    known = {word.lower(): others for word, others in words.items()}

    def others(text: str) -> list[str]:
        listed = [other for other in known.get(text.lower(), ()) if other != text]
        return listed or [short for short in (without_vowels(text), text[:3].rstrip()) if short not in ("", text)]

    def write(text: str, draw: float) -> str:
        choices = others(text)
        return choices[int(draw * len(choices))]

    return rewritten(values, rate, rng, Rewriting("synonym", others, write))
