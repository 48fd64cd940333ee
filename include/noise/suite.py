"""The noise suite: which corruption befalls which columns, how severely, and the same bytes for the same seed."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, cast

import pandas as pd

from include.errors import DataError
from include.noise.catalogue import BY_NAME, CORRUPTIONS, Corruption, Mixture
from include.noise.conditions import Condition, CorruptedColumns, condition, described, stream
from include.noise.drawing import changed
from include.noise.planning import Featured, SuitePlan, check, columns_of
from include.noise.profile import NoiseProfile
from include.noise.spelling import Words

MILD = 0.05
SEVERE = 0.2
MOST_CONDITIONS = 16

# Raise it when a corruption gives other bytes for the same seed: scores made before and after do not compare.
VERSION = 2

# Below these shares of the cells a kind of corruption is taken as not there: alone, and as part of all that is there. On real
# titles up to 0.6 % of clean cells look misspelt; a default severity must not give way to that.
_MEASURABLE, _WORTH_ADDING = 0.01, 0.001
_TIMES = (1, 2)
# Missing comes last: what is gone can no longer be misspelt.
_ORDER = ("unseen", "outlier", "abbreviation", "typo", "case", "white_space", "mojibake", "missing")

Lists = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]


@dataclass(frozen=True)
class NoiseSuite:
    """The conditions that a model's rows are scored under, besides the clean one.

    `columns` are pairs of name and kind, `lists` the team's own lists of words. Neither their order nor that of the
    conditions changes what any of them does.
    """

    columns: tuple[tuple[str, str], ...]
    plan: tuple[Condition, ...]
    lists: Lists = ()

    @property
    def conditions(self) -> tuple[str, ...]:
        """The ids of the conditions, in the order of the plan."""
        return tuple(condition.id for condition in self.plan)

    def columns_of(self, condition: str) -> list[str]:
        """The columns that a condition befalls, by name.

        Raises:
            DataError: the suite has no such condition; the message lists those it has.
        """
        return self._find(condition).columns

    def apply(self, frame: pd.DataFrame, condition: str, seed_material: str) -> pd.DataFrame:
        """`frame` under one condition; rows, index, columns and their order are kept, the input is not altered.

        Pass feature columns only: a key that is also a feature would be corrupted with it. `seed_material` names the rows
        and the seed (a digest of them and a number, say). Every corruption of every column draws from a stream of its
        own, made of `seed_material`, the condition and both names, so it does not matter which other columns or conditions
        exist. What befalls several columns together (`exchanged`, `gone`, `missing_by_other`) depends on which those are.

        Raises:
            DataError: the suite has no such condition, the frame lacks a column, or a column cannot be corrupted as promised.
        """
        chosen = self._find(condition)
        if absent := [name for name in chosen.columns if name not in frame.columns]:
            raise DataError(f"noise {condition}: the rows have no column {', '.join(absent)}; pass the model's features.")
        noisy = frame.copy(deep=False)
        for part in chosen.parts:
            noisy = self.spoil(noisy, part, "holdout", seed_material, condition)
        return noisy

    def spoil(self, frame: pd.DataFrame, part: CorruptedColumns, *names: str) -> pd.DataFrame:
        """`frame` with one corruption in each of its columns; the streams of random numbers are named by `names`.

        Raises:
            DataError: a column cannot be corrupted as promised.
        """
        corruption, noisy = part.corruption, frame.copy(deep=False)
        if corruption.reach in ("columns", "columns of a kind"):
            for kind, named in self._together(part).items():
                rng = stream(*names, corruption.name, kind)
                noisy[named] = corruption.function(frame, named, dict(part.rates)[named[0]], rng)
            return noisy
        for name, rate in part.rates:
            rng = stream(*names, corruption.name, name)
            noisy[name] = corruption.function(frame[name], rate, rng, **self._more(frame, part, name))
        return noisy

    def describe(self) -> dict[str, Any]:
        """What the suite does, as JSON: version, columns, word lists, and each condition with its meaning and its rates."""
        return {
            "version": VERSION,
            "columns": dict(sorted(self.columns)),
            "words": {name: {right: list(others) for right, others in words} for name, words in self.lists if words},
            "conditions": [described(condition) for condition in sorted(self.plan, key=lambda condition: condition.id)],
        }

    def digest(self) -> str:
        """Sixteen hex digits that change when the suite would do anything else."""
        description = self.describe()
        for one in description["conditions"]:
            del one["meaning"]
        return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]

    def _together(self, part: CorruptedColumns) -> dict[str, list[str]]:
        """The columns that are given to a corruption at once."""
        if part.corruption.reach == "columns":
            return {"": list(part.columns)}
        kinds = dict(self.columns)
        return {kind: [name for name in part.columns if kinds[name] == kind] for kind in {kinds[c] for c in part.columns}}

    def _more(self, frame: pd.DataFrame, part: CorruptedColumns, name: str) -> dict[str, Any]:
        """What a corruption takes besides the column."""
        if part.corruption.words:
            return {"words": self._words(part.corruption.words)}
        if part.corruption.reach == "column and another":
            others = part.columns
            return {"other": frame[others[(others.index(name) + 1) % len(others)]]}
        return {}

    def _words(self, name: str) -> Words:
        return cast("Words", dict(dict(self.lists).get(name, ())))

    def _find(self, condition: str) -> Condition:
        by_id = {one.id: one for one in self.plan}
        if condition not in by_id:
            raise DataError(f"noise {condition!r} is not in the suite; it has: {', '.join(by_id) or 'no condition'}.")
        return by_id[condition]


def default_suite(model: Featured, severities: Iterable[float] = (SEVERE,)) -> NoiseSuite:
    """The usual corruptions of the model's kinds of column at each severity, changed by its noise plan.

    At one severity at most eleven conditions before the plan, each of which costs one scoring pass over the holdout.

    Raises:
        ModelError: the plan names a corruption or column that there is not, or one that do not go together.
    """
    check(model)
    columns = tuple(sorted((column.name, column.kind) for column in model.features))
    befallen = {corruption: names for corruption in CORRUPTIONS if (names := columns_of(model, corruption))}
    planned = [
        condition(corruption, rate, names)
        for default in severities
        for corruption, names in befallen.items()
        for rate in model.noise.severities.get(corruption.name, (default,))
    ]
    lists = _as_lists({"misspellings": model.noise.misspellings, "synonyms": model.noise.synonyms})
    return NoiseSuite(columns, tuple({one.id: one for one in planned}.values()), lists)


def suite_for(model: Featured, profile: NoiseProfile | None) -> NoiseSuite:
    """The default suite, at severities measured in production where they were, and all of production's noise at once.

    A corruption whose kind of corruption was measured in its columns (a share of 0.01 or more) is tried at the median of their
    rates and at twice that, unless the model's plan fixes its severities; the others stay at the default. The conditions
    `production` and `production x2` apply everything that was measured and that the plan does not drop, at its rate in each
    column and at twice that, but never at more than what is left, 1 minus the rate. Beyond 16 conditions the mildest of the
    measured ones are left out; `production` holds them.

    Raises:
        ModelError: the plan names a corruption or column that there is not, or one that do not go together.
    """
    suite = default_suite(model)
    if profile is None:
        return suite
    combined = _production(suite, profile, model.noise)
    single = [_measured(default, profile, model.noise) for default in suite.plan]
    mild = sorted((levels[0] for levels in single if len(levels) > 1), key=lambda one: one.rate)
    too_many = max(0, sum(map(len, single)) + len(combined) - MOST_CONDITIONS)
    left_out = {one.id for one in mild[:too_many]}
    return replace(suite, plan=tuple(one for levels in single for one in levels if one.id not in left_out) + combined)


def rates_made(clean: pd.DataFrame, noisy: pd.DataFrame) -> dict[str, float]:
    """For each column that differs, the share of all its cells that does: what a run records of the noise it made.

    Below the condition's rate where some cells could not be corrupted, such as those missing already.
    """
    shares = {name: float(changed(clean[name], noisy[name]).mean()) for name in clean.columns if len(clean)}
    return {name: share for name, share in shares.items() if share > 0}


def _measured(default: Condition, profile: NoiseProfile, plan: SuitePlan) -> list[Condition]:
    level = _level(default, profile)
    if level < _MEASURABLE or default.corruption.name in plan.severities or not isinstance(default.corruption, Corruption):
        return [default]
    rates = {_scaled(level, times) for times in _TIMES}
    return [condition(default.corruption, rate, tuple(default.columns)) for rate in sorted(rates)]


def _level(one: Condition, profile: NoiseProfile) -> float:
    """The median rate of this corruption in those of the condition's columns that show it, to two digits; 0 if none."""
    shown = [rate for name in one.columns if (rate := profile.rate(name, one.corruption.name)) >= _MEASURABLE]
    return float(f"{median(shown):.2g}") if shown else 0.0


def _scaled(rate: float, times: int) -> float:
    """So many times the rate, but no more than what is left."""
    return float(f"{min(times * rate, 1 - rate):.4g}")


def _production(suite: NoiseSuite, profile: NoiseProfile, plan: SuitePlan) -> tuple[Condition, ...]:
    """Everything that was measured in these columns at once, and twice that."""
    kinds = dict(suite.columns)
    made = []
    for times, name in zip(_TIMES, ("production", "production x2"), strict=True):
        parts = []
        for corruption in (BY_NAME[corruption] for corruption in _ORDER if corruption not in plan.drop):
            measured = {column: profile.rate(column, corruption.name) for column in kinds if kinds[column] in corruption.kinds}
            rates = [(column, _scaled(rate, times)) for column, rate in measured.items() if rate >= _WORTH_ADDING]
            parts += [CorruptedColumns(corruption, tuple(rates))] if rates else []
        mixture = Mixture("production", "Everything that was measured in production, at once.")
        made += [Condition(name, mixture, float(times), tuple(parts))] if parts else []
    return tuple(made)


def _as_lists(lists: Mapping[str, Words]) -> Lists:
    """The team's own lists of words, as the suite holds them."""
    return tuple(
        (name, tuple((right, tuple(others)) for right, others in sorted(words.items())))
        for name, words in sorted(lists.items())
    )
