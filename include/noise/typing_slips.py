"""Slips of the finger: a neighbouring key, a letter dropped, doubled, or exchanged with the next."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from include.noise.rewriting import Rewriting, rewritten, split

_ROWS_OF_KEYS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def typo(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts get one slip of the finger: a neighbouring key, a letter dropped, doubled, or exchanged with the next.

    Where the slip drawn is not possible (no neighbour known, one letter only, equal letters) a letter is doubled. Empty
    text cannot be mistyped.

    >>> typo(pd.Series(["Newark", "Kennedy", "LaGuardia"]), 1.0, np.random.default_rng(1)).tolist()
    ['Newarrk', 'Kenn2dy', 'LaGuardiia']

    Raises:
        DataError: the column holds numbers.
    """
    return rewritten(values, rate, rng, Rewriting("typo", bool, _mistyped))


def neighbour_key(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts get one letter or digit from a key beside the right one, on a keyboard of the kind QWERTY.

    >>> neighbour_key(pd.Series(["Newark", "Kennedy", "LaGuardia"]), 1.0, np.random.default_rng(1)).tolist()
    ['Newarl', 'K2nnedy', 'LaGuardis']
    """
    return rewritten(values, rate, rng, Rewriting("neighbour_key", lambda text: any(map(_has_neighbour, text)), _by_neighbour))


def dropped_letter(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts lose one letter; of a single letter nothing would be left.

    >>> dropped_letter(pd.Series(["Newark", "Kennedy", "LaGuardia"]), 1.0, np.random.default_rng(1)).tolist()
    ['Newar', 'Knnedy', 'LaGuardi']
    """
    return rewritten(values, rate, rng, Rewriting("dropped_letter", lambda text: len(text) > 1, _dropped))


def doubled_letter(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts have one letter twice.

    >>> doubled_letter(pd.Series(["Newark", "Kennedy", "LaGuardia"]), 1.0, np.random.default_rng(1)).tolist()
    ['Newarkk', 'Keennedy', 'LaGuardiaa']
    """
    return rewritten(values, rate, rng, Rewriting("doubled_letter", bool, _doubled))


def transposed_letters(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts have two neighbouring letters exchanged; equal ones do not count.

    >>> transposed_letters(pd.Series(["Newark", "Kennedy", "LaGuardia"]), 1.0, np.random.default_rng(1)).tolist()
    ['eNwark', 'Knenedy', 'aLGuardia']
    """
    return rewritten(values, rate, rng, Rewriting("transposed_letters", lambda text: len(set(text)) > 1, _transposed))


def _mistyped(text: str, draw: float) -> str:
    slip, draw = split(draw, len(_SLIPS))
    possible, write = _SLIPS[slip]
    return write(text, draw) if possible(text, int(draw * len(text))) else _doubled(text, draw)


def _by_neighbour(text: str, draw: float) -> str:
    place, pick = split(draw, len(text))
    at = next(at for at in _from(place, len(text)) if _has_neighbour(text[at]))
    near = _NEIGHBOURS[text[at].lower()]
    key = near[int(pick * len(near))]
    return text[:at] + (key.upper() if text[at].isupper() else key) + text[at + 1 :]


def _dropped(text: str, draw: float) -> str:
    at = int(draw * len(text))
    return text[:at] + text[at + 1 :]


def _doubled(text: str, draw: float) -> str:
    at = int(draw * len(text))
    return text[: at + 1] + text[at:]


def _transposed(text: str, draw: float) -> str:
    at = next(at for at in _from(int(draw * len(text)), len(text)) if text[at] != text[at + 1 : at + 2] != "")
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _from(place: int, length: int) -> list[int]:
    """All places, beginning here."""
    return [*range(place, length), *range(place)]


def _neighbours() -> dict[str, str]:
    """For each key the keys around it, on the row itself and on the rows above and below."""
    around: dict[str, str] = {}
    for number, row in enumerate(_ROWS_OF_KEYS):
        rows = _ROWS_OF_KEYS[max(0, number - 1) : number + 2]
        for place, key in enumerate(row):
            near = "".join(other[max(0, place - 1) : place + 2] for other in rows)
            around[key] = near.replace(key, "")
    return around


_NEIGHBOURS = _neighbours()


def _has_neighbour(letter: str) -> bool:
    return letter.lower() in _NEIGHBOURS


Possible = Callable[[str, int], bool]
_SLIPS: tuple[tuple[Possible, Callable[[str, float], str]], ...] = (
    (lambda text, at: _has_neighbour(text[at]), _by_neighbour),
    (lambda text, at: len(text) > 1, _dropped),
    (lambda text, at: text[at : at + 2] not in (text[at], text[at] * 2), _transposed),
    (lambda text, at: True, _doubled),
)
