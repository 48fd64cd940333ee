"""What a model's noise plan says: whether it can be done, and which columns each corruption befalls."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from include.errors import ModelError
from include.noise.catalogue import BY_NAME, Corruption, Declared
from include.noise.spelling import Words


class SuitePlan(Protocol):
    """What a model changes about the default suite: `NoisePlan` in include/models/contract.py."""

    @property
    def add(self) -> Sequence[str]:
        """Corruptions besides those of the default suite, on every kind of column that they can befall."""

    @property
    def drop(self) -> Sequence[str]:
        """Corruptions that the suite goes without."""

    @property
    def severities(self) -> Mapping[str, Sequence[float]]:
        """Rates, 0 to 1, of a corruption, in place of the default or the measured ones."""

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
        """The only columns that a corruption befalls; naming them adds it."""

    @property
    def misspellings(self) -> Words:
        """From the right word to what people write; a list adds the corruption `misspelling`."""

    @property
    def synonyms(self) -> Words:
        """From a category to other words for it; a list adds the corruption `synonym`."""


class Featured(Protocol):
    """What declares feature columns and a noise plan: a model."""

    @property
    def name(self) -> str:
        """Its name, for messages."""

    @property
    def features(self) -> Sequence[Declared]:
        """Its columns."""

    @property
    def noise(self) -> SuitePlan:
        """What it changes about the default suite."""


def check(model: Featured) -> None:
    """Refuse a noise plan that cannot be done.

    Raises:
        ModelError: the plan names a corruption or column that there is not, or one that do not go together.
    """
    plan, kinds = model.noise, {column.name: column.kind for column in model.features}
    for part, named in (("add", plan.add), ("drop", plan.drop), ("severities", plan.severities), ("columns", plan.columns)):
        if unknown := [name for name in named if name not in BY_NAME]:
            _refuse(model, f"{part}: there is no corruption {', '.join(unknown)}; there are: {', '.join(BY_NAME)}")
    for name, columns in plan.columns.items():
        can = [column for column, kind in kinds.items() if kind in BY_NAME[name].kinds]
        if wrong := [column for column in columns if column not in can]:
            _refuse(model, f"columns: {name} cannot befall {', '.join(wrong)}; it can befall: {', '.join(can) or 'no column'}")
    for name in dict.fromkeys([*plan.add, *plan.severities, *plan.columns]):
        if name not in plan.drop and not columns_of(model, BY_NAME[name]):
            _refuse(model, f"add: {name} is not in the suite: add it, and see that there are columns that it can befall")
    if "misspelling" in (*plan.add, *plan.columns) and not plan.misspellings:
        _refuse(model, "add: misspelling takes the words from noise.misspellings, which is empty")
    for name, rates in plan.severities.items():
        if wrong_rates := [f"{rate:g}" for rate in rates if not 0 <= rate <= 1]:
            _refuse(model, f"severities: {name} {', '.join(wrong_rates)}: a rate is a share of the cells, so between 0 and 1")


def _refuse(model: Featured, message: str) -> None:
    raise ModelError(f"model {model.name!r}: noise.{message}. Correct it in include/models/{model.name}.py.")


def columns_of(model: Featured, corruption: Corruption) -> tuple[str, ...]:
    """The columns that a corruption befalls in this model's suite: none, if it is not in it."""
    plan = model.noise
    if corruption.name in plan.drop:
        return ()
    listed = bool(corruption.words and getattr(plan, corruption.words))
    requested = listed or corruption.name in plan.add or corruption.name in plan.columns
    kinds = corruption.kinds if requested else corruption.usual
    narrowed = plan.columns.get(corruption.name)
    named = sorted((c.kind, c.name) for c in model.features if c.kind in kinds and (narrowed is None or c.name in narrowed))
    if corruption.reach == "columns of a kind":
        of_kind = [[name for its, name in named if its == kind] for kind in sorted(kinds)]
        return tuple(sorted(name for names in of_kind for name in names[: len(names) // 2 * 2]))
    if corruption.reach == "column and another" and len(named) < 2:
        return ()
    return tuple(sorted(name for _, name in named))
