"""The space that a candidate's parameters are searched in, and what a search may cost; as light as the models' files."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = bool | int | float | str | None


def in_words(parameters: Mapping[str, Value]) -> str:
    """Chosen parameters for people.

    >>> in_words({"rate": 0.123456, "leaves": 31, "kind": None})
    'rate 0.123, leaves 31, kind None'
    """
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in parameters.items()
    )


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`, both included; with `log` small and large ones are tried alike (both above 0)."""

    low: float
    high: float
    log: bool = False

    @property
    def fault(self) -> str | None:
        """What cannot be used, in words; None where all can."""
        numbers = (self.low, self.high)
        if not all(isinstance(end, int | float) and math.isfinite(end) for end in numbers) or self.low >= self.high:
            return "low must be a number below high"
        return "with log, low must be above 0" if self.log and self.low <= 0 else None

    def holds(self, value: object) -> bool:
        """Whether a value lies in it."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Whole(Between):
    """A whole number from `low` to `high`, both included; `log` as in `Between`."""

    low: int
    high: int

    @property
    def fault(self) -> str | None:
        """What cannot be used, in words; None where all can."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return super().fault if whole else "low and high must be whole numbers"

    def holds(self, value: object) -> bool:
        """Whether a value lies in it."""
        return isinstance(value, int) and super().holds(value)


@dataclass(frozen=True, init=False)
class OneOf:
    """One of some values: texts, numbers, True, False or None, as in OneOf("gini", "entropy")."""

    values: tuple[Value, ...]

    def __init__(self, *values: Value) -> None:
        object.__setattr__(self, "values", values)

    @property
    def fault(self) -> str | None:
        """What cannot be used, in words; None where all can."""
        if not all(isinstance(value, bool | int | float | str | None) for value in self.values):
            return "values must be texts, numbers, True, False or None; let build turn them into what it needs"
        return "name at least two values, each once" if len(set(self.values)) < max(2, len(self.values)) else None

    def holds(self, value: object) -> bool:
        """Whether a value is one of them."""
        return any(type(value) is type(one) and value == one for one in self.values)


Dimension: TypeAlias = Between | Whole | OneOf


@dataclass(frozen=True)
class Search:
    """Parameters of `build` are searched in a space, by name; at most so many `trials`, and none begins after `minutes`.

    The first trial is what `build` does without a search. The minutes are those that all trials took, also in an earlier try
    of the task.
    """

    space: Mapping[str, Dimension] = field(hash=False)
    trials: int = 20
    minutes: float = 30.0

    def fault(self, first: Mapping[str, Any]) -> str | None:
        """What cannot be used, in a sentence; `first` is what `build` does without a search, by name. None where all can."""
        if not isinstance(self.space, Mapping) or not self.space:
            return f'space {self.space!r}: name a parameter of build, such as {{"learning_rate": Between(0.01, 0.3)}}'
        for name, within in self.space.items():
            if not isinstance(within, Between | OneOf):
                return f"space[{name!r}] {within!r}: accepted are Between(…), Whole(…) and OneOf(…)"
            if within.fault:
                return f"space[{name!r}] {within!r}: {within.fault}"
            if name not in first:
                return f"space[{name!r}]: build takes no {name} that has a default; write def build(seed, {name}=…)"
            if not within.holds(first[name]):
                return f"space[{name!r}] {within!r} does not hold build's own {name}={first[name]!r}, the first that is tried"
        if not isinstance(self.trials, int) or self.trials < 2:
            return f"trials {self.trials!r}: at least 2, of which the first is what build does without a search"
        return None if self.minutes > 0 else f"minutes {self.minutes!r}: must be above 0"

    def holds(self, parameters: Mapping[str, Any]) -> bool:
        """Whether these are values for all of the space, and lie in it."""
        return parameters.keys() == self.space.keys() and all(self.space[name].holds(parameters[name]) for name in self.space)
