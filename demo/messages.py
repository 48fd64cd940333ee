"""What customers write to a shop over sixty weeks, and what they want: a generator with real misspellings.

No package that may be shipped holds real messages to a shop with their times and what they were about, so these are made:
phrases with choices and slots (data/messages.toml), greetings, fragments, two wishes in one message, words as people really
misspell them (data/misspellings.csv), slips of the finger, and agents who now and then file a message under the wrong
intent. Half-way through, after a television programme and a new law on labels, customers ask new questions.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from include.noise.spelling import misspelling
from include.noise.typing_slips import typo

SEED = 20230904
START = datetime(2023, 9, 4, tzinfo=UTC)
WEEKS, MESSAGES_A_WEEK = 60, 800
NEW_FROM = 32
NEW_AT_FIRST, NEW_IN_THE_END, NEW_GROWS_FOR = 0.07, 0.22, 5.0
NEW_WORDS_FOR_OLD = 0.2
TWO_WISHES, FRAGMENTS, MISSPELT, SLIPS, MISFILED = 0.08, 0.06, 0.2, 0.08, 0.02
LABEL_DAYS = 10
DAYS_OF_THE_WEEK = (0.19, 0.17, 0.15, 0.15, 0.14, 0.1, 0.1)
_DATA = Path(__file__).parent / "data"
_CHOICE, _SLOT = re.compile(r"\[([^\]]*)\]"), re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Grammar:
    """What messages are made of: the intents' phrases with their shares and seasons, the slots, what stands around."""

    intents: Mapping[str, Mapping[str, Any]]
    slots: Mapping[str, Sequence[str]]
    openings: Sequence[str]
    endings: Sequence[str]

    @classmethod
    def read(cls, path: Path = _DATA / "messages.toml") -> "Grammar":
        """The grammar in a file."""
        grammar = tomllib.loads(path.read_text("utf-8"))
        return cls(grammar["intents"], grammar["slots"], grammar["around"]["openings"], grammar["around"]["endings"])

    @property
    def new(self) -> list[str]:
        """The intents that first occur in the declared week."""
        return [name for name, intent in self.intents.items() if intent.get("late")]


def messages(seed: int = SEED) -> pd.DataFrame:
    """Every message of sixty weeks, oldest first: its text, the intent it was filed under, and when that is known.

    The same seed gives the same table.
    """
    rng, grammar = np.random.default_rng(seed), Grammar.read()
    week = np.repeat(np.arange(WEEKS), rng.poisson(MESSAGES_A_WEEK * (1 + 0.35 * _december(np.arange(WEEKS)))))
    shares, names = _shares(grammar), np.array(list(grammar.intents), dtype=object)
    wanted = np.array([rng.choice(len(names), p=shares[turn]) for turn in week])
    texts = [_message(grammar, names[one], turn, rng) for one, turn in zip(wanted, week.tolist(), strict=True)]
    both = rng.random(len(week)) < TWO_WISHES
    texts = [
        f"{text}. {_phrase(grammar, names[rng.choice(len(names), p=shares[turn])], turn, rng)}" if also else text
        for text, turn, also in zip(texts, week.tolist(), both, strict=True)
    ]
    filed = np.array([rng.choice(len(names), p=shares[turn]) for turn in week])
    intent = names[np.where(rng.random(len(week)) < MISFILED, filed, wanted)]
    return _delivered(week, _as_typed(pd.Series(texts), rng), intent, rng)


def share_of_the_new(week: NDArray[np.intp]) -> NDArray[np.float64]:
    """The planned share of each week's messages that ask new questions: none, then more and more."""
    grown = 1 - np.exp(-(week - NEW_FROM) / NEW_GROWS_FOR)
    return np.where(week < NEW_FROM, 0.0, NEW_AT_FIRST + (NEW_IN_THE_END - NEW_AT_FIRST) * grown)


def _shares(grammar: Grammar) -> NDArray[np.float64]:
    """How likely each intent is in each week, shape (weeks, intents)."""
    week = np.arange(WEEKS)
    seasons = {"december": 1 + 1.2 * _december(week), "january": 1 + 1.2 * _january(week), "": np.ones(WEEKS)}
    table = np.stack([one["share"] * seasons[one.get("season", "")] for one in grammar.intents.values()], axis=1)
    late = np.array([bool(one.get("late")) for one in grammar.intents.values()])
    new = share_of_the_new(week)[:, None]
    parts = [part / part.sum(axis=1, keepdims=True) for part in (table * ~late, table * late)]
    return np.asarray(parts[0] * (1 - new) + parts[1] * new)


def _december(week: NDArray[np.intp]) -> NDArray[np.float64]:
    """From nothing in mid October to one in the middle of December, and down again."""
    return np.asarray(np.exp(-(((week - 14.5) / 3.0) ** 2)))


def _january(week: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(((week - 19.0) / 3.0) ** 2)))


def _message(grammar: Grammar, intent: str, week: int, rng: Generator) -> str:
    """A message with one wish: a greeting perhaps, the wish or a piece of it, an ending perhaps."""
    words = _phrase(grammar, intent, week, rng).split()
    if len(words) > 4 and rng.random() < FRAGMENTS:
        begin = int(rng.integers(len(words) - 3))
        words = words[begin : begin + 4]
    parts = [_one(grammar.openings, rng), " ".join(words), _one(grammar.endings, rng)]
    return ", ".join(part for part in parts if part)


def _phrase(grammar: Grammar, intent: str, week: int, rng: Generator) -> str:
    known = grammar.intents[intent]
    late = known.get("late_phrases", ()) if week >= NEW_FROM and rng.random() < NEW_WORDS_FOR_OLD else ()
    text = _CHOICE.sub(lambda match: _one(match[1].split("|"), rng), _one(late or known["phrases"], rng))
    while "{" in text:
        text = _SLOT.sub(lambda match: _filled(grammar, match[1], rng), text)
    return " ".join(text.split())


def _filled(grammar: Grammar, slot: str, rng: Generator) -> str:
    return str(rng.integers(100_000, 999_999)) if slot == "number" else _one(grammar.slots[slot], rng)


def _one(choices: Sequence[str], rng: Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _as_typed(texts: pd.Series, rng: Generator) -> pd.Series:
    """One word of every fifth message as people misspell it, a slip of the finger in some, capitals where people use them."""
    listed = pd.read_csv(_DATA / "misspellings.csv")
    words = dict(zip(listed["word"], listed["misspelt"].str.split(), strict=True))
    typed = misspelling(texts, MISSPELT, rng, words)
    typed = typo(typed, SLIPS, rng)
    capitalised = rng.random(len(typed)) < 0.5
    questions = rng.random(len(typed)) < 0.3
    typed = typed.where(~capitalised, typed.str[:1].str.upper() + typed.str[1:])
    return typed.where(~questions, typed + "?")


def _delivered(week: NDArray[np.intp], texts: pd.Series, intent: NDArray[Any], rng: Generator) -> pd.DataFrame:
    day = rng.choice(7, len(week), p=DAYS_OF_THE_WEEK)
    second = (rng.normal(14, 4, len(week)) % 24 * 3600).astype("int64")
    time = pd.Series(pd.to_datetime(START) + pd.to_timedelta((week * 7 + day) * 86_400 + second, unit="s"))
    answer_days = np.clip(1 + rng.gamma(2.0, 1.5, len(week)), 1, LABEL_DAYS)
    known = time + pd.to_timedelta((answer_days * 86_400).astype("int64"), unit="s")
    table = pd.DataFrame({"time": time, "text": texts, "intent": intent, "known": known}).sort_values(
        "time", ignore_index=True
    )
    table.insert(0, "message", "M" + pd.Series(np.arange(len(table))).astype(str).str.zfill(6))
    return table.astype({"time": "datetime64[ms, UTC]", "known": "datetime64[ms, UTC]", "text": "str", "intent": "str"})
