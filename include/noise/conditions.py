"""Conditions: which corruptions befall which columns at once, at which rates, from which stream of random numbers."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.noise.catalogue import Corruption, Mixture


@dataclass(frozen=True)
class CorruptedColumns:
    """One corruption and, for each column that it befalls, its rate: the share, 0 to 1, of the corruptible cells."""

    corruption: Corruption
    rates: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", tuple(sorted(self.rates)))
        if wrong := [f"{name} {rate:g}" for name, rate in self.rates if not 0 <= rate <= 1]:
            raise ValueError(f"{self.corruption.name}: {', '.join(wrong)}: a rate is a share of the cells, so between 0 and 1")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it befalls, by name."""
        return tuple(name for name, _ in self.rates)


@dataclass(frozen=True)
class Condition:
    """What the rows go through at once: one corruption at one severity, or several (`parts`, in this order).

    `corruption` and `rate` say it in short. For combined conditions `corruption` names the mixture, and `rate` is how many
    times what was measured it is.
    """

    id: str
    corruption: Corruption | Mixture
    rate: float
    parts: tuple[CorruptedColumns, ...]

    @property
    def columns(self) -> list[str]:
        """The columns that it befalls, by name."""
        return sorted({name for part in self.parts for name in part.columns})


def condition(corruption: Corruption, rate: float, columns: tuple[str, ...]) -> Condition:
    """One corruption at one severity on these columns; its id is as in missing@0.2.

    Raises:
        ValueError: the rate is no share.
    """
    return Condition(
        f"{corruption.name}@{rate:g}",
        corruption,
        rate,
        (CorruptedColumns(corruption, tuple((name, rate) for name in columns)),),
    )


def described(condition: Condition) -> dict[str, Any]:
    """What a condition does, as JSON."""
    return {
        "id": condition.id,
        "corruption": condition.corruption.name,
        "mechanism": condition.corruption.mechanism,
        "rate": condition.rate,
        "meaning": condition.corruption.meaning,
        "columns": condition.columns,
        "parts": [{"corruption": part.corruption.name, "rates": dict(part.rates)} for part in condition.parts],
    }


def stream(*names: str) -> np.random.Generator:
    """Random numbers of their own for these names; JSON keeps ("ab", "c") and ("a", "bc") apart."""
    material = json.dumps(names).encode()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(hashlib.sha256(material).digest(), "big")))
