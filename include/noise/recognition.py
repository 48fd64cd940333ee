"""Recognising corruption in a column: what its training rows taught, and which fresh values deviate from that, and how."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import PlainSerializer

from include.noise.characters import looks_misread
from include.noise.drawing import plain
from include.noise.spelling import SHORT_WORDS, without_vowels

_WORD = re.compile(r"[^\W_]+")
# Shorter words have so many neighbours that one edit says nothing; the slip may have cost a letter.
_SHORTEST_KNOWN = 4
_USUAL_STYLE = 0.8
_RARE_WORD = 10_000


@dataclass(frozen=True)
class Vocabulary:
    """Words or values in small letters; those of four letters and more are recognised in a misspelling."""

    known: Annotated[frozenset[str], PlainSerializer(sorted)]

    def knows(self, word: str) -> bool:
        """Whether the word is known, or a plural or singular of it."""
        return word in self.known or word.removesuffix("s") in self.known or f"{word}s" in self.known

    def is_abbreviated(self, word: str) -> bool:
        """Whether the word is unknown, and a known one without its vowels or the digit that stands for it.

        >>> [Vocabulary(frozenset({"shirt", "for"})).is_abbreviated(word) for word in ("shrt", "4", "shirt", "shirrt")]
        [True, True, False, False]
        """
        return word not in self.known and word in self._short

    def is_misspelt(self, word: str) -> bool:
        """Whether the word is unknown, and one letter more, less, other or exchanged away from a known one; no plural of it.

        >>> [Vocabulary(frozenset({"shirt"})).is_misspelt(word) for word in ("shirrt", "shrit", "shift", "shirts", "short")]
        [True, True, True, False, True]
        """
        if self.knows(word):
            return False
        return (
            word in self._one_less
            or any(shorter in self._long for shorter in _one_less(word))
            or any(pattern in self._patterns for pattern in _one_other(word))
            or any(exchanged in self._long for exchanged in _exchanges(word))
        )

    @cached_property
    def _long(self) -> frozenset[str]:
        return frozenset(word for word in self.known if len(word) >= _SHORTEST_KNOWN and not any(map(str.isdigit, word)))

    @cached_property
    def _short(self) -> frozenset[str]:
        digits = {short for word, short in SHORT_WORDS.items() if word in self.known}
        return frozenset(digits | {without_vowels(word) for word in self._long})

    @cached_property
    def _one_less(self) -> frozenset[str]:
        return frozenset(shorter for word in self._long for shorter in _one_less(word))

    @cached_property
    def _patterns(self) -> frozenset[str]:
        return frozenset(pattern for word in self._long for pattern in _one_other(word))


@dataclass(frozen=True)
class LearnedColumn:
    """What the training rows of one column of text taught.

    `usual` leads from a value in small letters to the way it is mostly written; `style` is the case of most texts, if most
    have one.
    """

    kind: str
    usual: Mapping[str, str]
    words: Vocabulary
    style: str | None


def learn(values: pd.Series, kind: str) -> LearnedColumn:
    """What a column of training rows teaches.

    A word of running text counts as known when one row in 10,000 has it: training rows hold misspellings too.
    """
    counts = _counts(values)
    usual: dict[str, str] = {}
    for value in counts:  # the most frequent first
        usual.setdefault(value.casefold(), value)
    if kind == "category":
        return LearnedColumn(kind, usual, Vocabulary(frozenset(usual)), None)
    words: Counter[str] = Counter()
    styles: Counter[str | None] = Counter()
    for text, count in counts.items():
        styles[_style(text)] += count
        words.update(dict.fromkeys(_words(text), count))
    often = max(1, sum(counts.values()) // _RARE_WORD)
    del styles[None]
    style, most = max(styles.items(), key=lambda item: item[1], default=(None, 0))
    return LearnedColumn(
        kind,
        {},
        Vocabulary(frozenset(word for word, count in words.items() if count >= often)),
        style if most >= _USUAL_STYLE * sum(styles.values()) else None,
    )


def corruption_rates(values: pd.Series, known: LearnedColumn) -> dict[str, float]:
    """Share of the cells that hold a value, by the corruption that makes such cells; only what was found.

    >>> colours = learn(pd.Series(["orange", "purple", "white"] * 5), "category")
    >>> corruption_rates(pd.Series(["orange", "Orange", "purple ", "wht", "orang", "teal", "orange", "orange"]), colours)
    {'case': 0.125, 'white_space': 0.125, 'abbreviation': 0.125, 'typo': 0.125, 'unseen': 0.125}
    """
    counts, corrupted = _counts(values), Counter[str]()
    recognise = _in_category if known.kind == "category" else _in_text
    for value, count in counts.items():
        for corruption in recognise(value, known):
            corrupted[corruption] += count
    return {corruption: count / sum(counts.values()) for corruption, count in corrupted.items()}


def corrupted_rows(values: pd.Series, known: LearnedColumn) -> "dict[str, np.ndarray[Any, np.dtype[np.bool_]]]":
    """For each corruption that any cell has, which rows have it, shape (n,)."""
    recognise = _in_category if known.kind == "category" else _in_text
    texts = plain(values)
    of_value = {value: set(recognise(value, known)) for value in _counts(values)}
    kinds = sorted({kind for of in of_value.values() for kind in of})
    return {kind: texts.map(lambda text, kind=kind: kind in of_value.get(text, ())).to_numpy(bool) for kind in kinds}


def _in_category(value: str, known: LearnedColumn) -> Iterator[str]:
    if looks_misread(value):
        yield "mojibake"
        return
    tidy = " ".join(value.split())
    if tidy != value:
        yield "white_space"
    folded = tidy.casefold()
    if folded in known.usual:
        if known.usual[folded].strip() != tidy:
            yield "case"
    elif known.words.is_abbreviated(folded):
        yield "abbreviation"
    elif known.words.is_misspelt(folded):
        yield "typo"
    else:
        yield "unseen"


def _in_text(text: str, known: LearnedColumn) -> Iterator[str]:
    if looks_misread(text):
        yield "mojibake"
        return
    if " ".join(text.split()) != text:
        yield "white_space"
    if known.style and _style(text) not in (known.style, None):
        yield "case"
    unknown = [word for word in _words(text) if word not in known.words.known]
    if any(map(known.words.is_abbreviated, unknown)):
        yield "abbreviation"
    elif any(map(known.words.is_misspelt, unknown)):
        yield "typo"
    if any(_is_new(word, known.words) for word in unknown):
        yield "unseen"


def _is_new(word: str, words: Vocabulary) -> bool:
    """Whether an unknown word is no misspelling, no short form and no number: the text is about something new."""
    plain = len(word) >= _SHORTEST_KNOWN and not any(map(str.isdigit, word))
    return plain and not (words.knows(word) or words.is_abbreviated(word) or words.is_misspelt(word))


def _counts(values: pd.Series) -> dict[str, int]:
    """How often each text occurs, the most frequent first."""
    counts = plain(values).dropna().value_counts()
    return {
        text: int(count) for text, count in zip(counts.index.tolist(), counts.tolist(), strict=True) if isinstance(text, str)
    }


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _style(text: str) -> str | None:
    """Capitals, small letters, or a mixture; None for text without a letter that has a case."""
    if text.isupper():
        return "upper"
    return "lower" if text.islower() else ("mixed" if text.lower() != text.upper() else None)


def _one_less(word: str) -> Iterable[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


def _one_other(word: str) -> Iterable[str]:
    return (word[:at] + "\0" + word[at + 1 :] for at in range(len(word)))


def _exchanges(word: str) -> Iterable[str]:
    return (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))
