"""How people write words: by their sound, without vowels, with digits for words, and in a team's own misspellings."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from include.noise.rewriting import Rewriting, rewritten, split

Words = Mapping[str, Sequence[str]]
NO_WORDS: Words = {}

# What stands for whole words in messages and on labels.
SHORT_WORDS = {
    "and": "&",
    "are": "r",
    "ate": "8",
    "before": "b4",
    "for": "4",
    "great": "gr8",
    "later": "l8r",
    "one": "1",
    "please": "pls",
    "see": "c",
    "thanks": "thx",
    "to": "2",
    "too": "2",
    "two": "2",
    "with": "w/",
    "you": "u",
    "your": "ur",
}
# Longer sounds first: of those that begin at one letter, the first is taken.
_SOUNDS = {
    "tion": "shun",
    "ough": "o",
    "ight": "ite",
    "que": "k",
    "ph": "f",
    "ck": "k",
    "gh": "g",
    "kn": "n",
    "wr": "r",
    "wh": "w",
    "qu": "kw",
    "ee": "ea",
    "ea": "ee",
    "ie": "ei",
    "ei": "ie",
    "oo": "u",
    "ou": "ow",
    "ai": "ay",
    "th": "t",
    "sh": "sch",
    "ce": "se",
    "ci": "si",
    "ca": "ka",
    "co": "ko",
    "cu": "ku",
    "ll": "l",
    "ss": "s",
    "tt": "t",
    "nn": "n",
    "x": "ks",
    "z": "s",
    "y": "i",
}
_SOUND = re.compile("|".join(_SOUNDS), re.ASCII | re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+")
_WORD_APART = re.compile(r"([A-Za-z]+)")
_INNER_VOWEL = re.compile(r"(?<=[A-Za-z])[aeiou]", re.ASCII | re.IGNORECASE)
_SHORTEST_WORD = 4


def phonetic(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts have one sound written another way: ph as f, ck as k, tion as shun.

    >>> phonetic(pd.Series(["Phone", "deck lock", "bbb"]), 1.0, np.random.default_rng(1)).tolist()
    ['Fone', 'dek lock', 'bbb']
    """
    return rewritten(values, rate, rng, Rewriting("phonetic", lambda text: _SOUND.search(text) is not None, _by_sound))


def abbreviation(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Words lose their vowels, or a digit stands for them; at least one word of each text drawn, and half of the others.

    >>> abbreviation(pd.Series(["shirt for work", "a bag"]), 1.0, np.random.default_rng(5)).tolist()
    ['shrt 4 wrk', 'a bag']
    """
    return rewritten(values, rate, rng, Rewriting("abbreviation", _can_shorten, _abbreviated))


def misspelling(values: pd.Series, rate: float, rng: np.random.Generator, words: Words = NO_WORDS) -> pd.Series:
    """Texts have one word written as in a team's own list of misspellings, from the right word to what people write.

    >>> misspelling(pd.Series(["Red jewellery", "bag"]), 1.0, np.random.default_rng(1), {"jewellery": ["jewelry"]}).tolist()
    ['Red jewelry', 'bag']
    """
    listed = {right.lower(): tuple(wrong) for right, wrong in words.items()}
    # The longest first, so that "t shirt" is found before "shirt"; without a word, nothing is.
    any_word = "|".join(re.escape(word) for word in sorted(listed, key=len, reverse=True)) or r"(?!)"
    pattern = re.compile(rf"(?<!\w)(?:{any_word})(?!\w)", re.ASCII | re.IGNORECASE)

    def choices(text: str) -> list[tuple[re.Match[str], str]]:
        matches = pattern.finditer(text)
        return [(match, wrong) for match in matches for wrong in listed[match.group().lower()] if wrong != match.group()]

    def write(text: str, draw: float) -> str:
        possible = choices(text)
        match, wrong = possible[int(draw * len(possible))]
        return _spliced(text, match, wrong)

    return rewritten(values, rate, rng, Rewriting("misspelling", choices, write))


def without_vowels(text: str) -> str:
    """The text without its vowels, but for those that begin a word.

    >>> without_vowels("Orange shirt")
    'Orng shrt'
    """
    return _INNER_VOWEL.sub("", text)


@lru_cache(maxsize=100_000)
def shortened(word: str) -> str:
    """The word as on a label; words of three letters and fewer only where a digit or letter stands for them.

    >>> [shortened(word) for word in ("work", "For", "bag")]
    ['wrk', '4', 'bag']
    """
    short = SHORT_WORDS.get(word.lower())
    return short or (without_vowels(word) if len(word) >= _SHORTEST_WORD else word)


def _by_sound(text: str, draw: float) -> str:
    # The first from a random place on, or else the first of all: a list of all sounds takes five times as long.
    sound = _SOUND.search(text, int(draw * len(text))) or _SOUND.search(text)
    return _spliced(text, sound, _SOUNDS[sound.group().lower()]) if sound else text


def _can_shorten(text: str) -> bool:
    return any(shortened(match.group()) != match.group() for match in _WORD.finditer(text))


def _abbreviated(text: str, draw: float) -> str:
    parts = _WORD_APART.split(text)  # words at the odd places, what is between them at the even ones
    able = [at for at in range(1, len(parts), 2) if shortened(parts[at]) != parts[at]]
    sure, draw = split(draw, len(able))
    coins = int(draw * 2**40)
    for number, at in enumerate(able):
        if number == sure or coins >> number & 1:
            parts[at] = shortened(parts[at])
    return "".join(parts)


def _spliced(text: str, match: re.Match[str], replacement: str) -> str:
    """The replacement in place of what was found, with a capital where that had one."""
    if match.group().isupper() and len(match.group()) > 1:
        replacement = replacement.upper()
    elif match.group()[0].isupper():
        replacement = replacement[:1].upper() + replacement[1:]
    return text[: match.start()] + replacement + text[match.end() :]
