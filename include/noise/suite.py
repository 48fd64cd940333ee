"""The noise suite: which mess befalls which columns, how severely, and the same bytes for the same seed."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from include.errors import DataError
from include.noise import corruptions
from include.noise.corruptions import Corrupt

MILD = 0.05
SEVERE = 0.2

# Raise it when a corruption gives other bytes for the same seed: scores made before and after do not compare.
VERSION = 1


class Declared(Protocol):
    """A column as a model declares it: its name, and "number", "category" or "text"."""

    @property
    def name(self) -> str:
        """The column's name."""

    @property
    def kind(self) -> str:
        """What its values are."""


class Featured(Protocol):
    """What declares feature columns: a model."""

    @property
    def features(self) -> Sequence[Declared]:
        """Its columns."""


@dataclass(frozen=True)
class Corruption:
    """A kind of mess and the kinds of column it befalls; `name` is that of its function in `corruptions`."""

    name: str
    kinds: frozenset[str]

    @property
    def function(self) -> Corrupt:
        """The corruption of one column."""
        function: Corrupt = getattr(corruptions, self.name)
        return function

    @property
    def meaning(self) -> str:
        """Its first sentence, for reports."""
        return (self.function.__doc__ or "").strip().splitlines()[0]


CORRUPTIONS = (
    Corruption("missing", frozenset({"number", "category", "text"})),
    Corruption("outlier", frozenset({"number"})),
    Corruption("unit_slip", frozenset({"number"})),
    Corruption("swap", frozenset({"category"})),
    Corruption("unseen", frozenset({"category"})),
    Corruption("typo", frozenset({"category", "text"})),
)


@dataclass(frozen=True)
class Condition:
    """One corruption at one severity: `rate` is the share, 0 to 1, of each column's corruptible cells."""

    corruption: Corruption
    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"condition {self.id}: the rate is a share of the cells, so between 0 and 1")

    @property
    def id(self) -> str:
        """As in missing@0.2."""
        return f"{self.corruption.name}@{self.rate:g}"


@dataclass(frozen=True)
class NoiseSuite:
    """The conditions that a model's rows are scored under, besides the clean one.

    `columns` are pairs of name and kind. Neither their order nor that of the conditions changes what any of them does.
    """

    columns: tuple[tuple[str, str], ...]
    plan: tuple[Condition, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        """The ids of the conditions, in the order of the plan."""
        return tuple(condition.id for condition in self.plan)

    def columns_of(self, condition: str) -> list[str]:
        """The columns that a condition befalls, by name.

        Raises:
            DataError: the suite has no such condition; the message lists those it has.
        """
        kinds = self._find(condition).corruption.kinds
        return sorted(name for name, kind in self.columns if kind in kinds)

    def apply(self, frame: pd.DataFrame, condition: str, seed_material: str) -> pd.DataFrame:
        """`frame` under one condition; rows, index, columns and their order are kept, the input is not altered.

        Pass feature columns only: a key that is also a feature would be corrupted with it. `seed_material` names the rows
        and the seed (the snapshot's digest and a number, say). Every column draws from a stream of its own, made of
        `seed_material`, the condition and the column's name, so it does not matter which other columns or conditions exist.

        Raises:
            DataError: the suite has no such condition, the frame lacks a column, or a column cannot be corrupted as promised.
        """
        corrupt, rate = self._find(condition).corruption.function, self._find(condition).rate
        names = self.columns_of(condition)
        if absent := [name for name in names if name not in frame.columns]:
            raise DataError(f"noise {condition}: the rows have no column {', '.join(absent)}; pass the model's features.")
        noisy = frame.copy(deep=False)
        for name in names:
            noisy[name] = corrupt(frame[name], rate, _stream(seed_material, condition, name))
        return noisy

    def describe(self) -> dict[str, Any]:
        """What the suite does, as JSON: version, columns by name, and each condition with its meaning and its columns."""
        return {
            "version": VERSION,
            "columns": dict(sorted(self.columns)),
            "conditions": [
                {
                    "id": condition.id,
                    "corruption": condition.corruption.name,
                    "rate": condition.rate,
                    "meaning": condition.corruption.meaning,
                    "columns": self.columns_of(condition.id),
                }
                for condition in sorted(self.plan, key=lambda condition: condition.id)
            ],
        }

    def digest(self) -> str:
        """Sixteen hex digits that change when the suite would do anything else."""
        said = self.describe()
        for condition in said["conditions"]:
            del condition["meaning"]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def _find(self, condition: str) -> Condition:
        found = {one.id: one for one in self.plan}
        if condition not in found:
            raise DataError(f"noise {condition!r} is not in the suite; it has: {', '.join(found) or 'no condition'}.")
        return found[condition]


def default_suite(model: Featured, severities: Iterable[float] = (SEVERE,)) -> NoiseSuite:
    """Every corruption that befalls a kind of column the model has, at each severity.

    At one severity at most six conditions, each of which costs one scoring pass over the holdout.
    """
    columns = tuple(sorted((column.name, column.kind) for column in model.features))
    kinds = {kind for _, kind in columns}
    fitting = [corruption for corruption in CORRUPTIONS if corruption.kinds & kinds]
    return NoiseSuite(columns, tuple(Condition(corruption, rate) for rate in severities for corruption in fitting))


def rates_made(clean: pd.DataFrame, noisy: pd.DataFrame) -> dict[str, float]:
    """For each column that differs, the share of all its cells that does: what a run records of the noise it made.

    Below the condition's rate where some cells could not be corrupted, such as those missing already.
    """
    shares = {name: float(corruptions.changed(clean[name], noisy[name]).mean()) for name in clean.columns if len(clean)}
    return {name: share for name, share in shares.items() if share > 0}


def _stream(*names: str) -> np.random.Generator:
    """Random numbers of their own for these names; JSON keeps ("ab", "c") and ("a", "bc") apart."""
    said = json.dumps(names).encode()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(hashlib.sha256(said).digest(), "big")))
