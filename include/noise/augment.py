"""Training on noise: the clean rows, and corrupted copies of them whose draw no holdout shares."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.errors import ModelError
from include.noise.catalogue import BY_NAME, Corruption
from include.noise.conditions import CorruptedColumns, stream
from include.noise.suite import NoiseSuite


class AugmentPlan(Protocol):
    """How to augment: `Augment` in include/models/contract.py."""

    @property
    def copies(self) -> int:
        """How many corrupted copies of all rows."""

    @property
    def severity(self) -> float:
        """The rate, 0 to 1, of each corruption among the rows that it befalls."""

    @property
    def corruptions(self) -> Sequence[str]:
        """Which corruptions; none means all of the suite's."""


def augmented(
    frame: pd.DataFrame, labels: NDArray[Any], plan: AugmentPlan, suite: NoiseSuite, seed_material: str
) -> tuple[pd.DataFrame, NDArray[Any]]:
    """The clean rows and, below them, the plan's copies; n rows become (1 + copies) * n, and the labels follow.

    In each copy every row is given one kind of corruption, and each kind has the same number of rows, give or take one: the
    rows' cells are corrupted at the plan's severity. Copies keep the index labels of their rows. The draw is from streams that
    no condition of a suite uses, whatever the seed material. Columns that hold text keep their dtype, numbers become float64.

    Raises:
        ModelError: the plan names a corruption that the suite has not.
    """
    parts = _parts(plan, suite)
    copies = [_copy(frame, parts, suite, seed_material, str(number)) for number in range(plan.copies)] if parts else []
    return pd.concat([frame, *copies]), np.concatenate([labels] * (1 + len(copies)))


def _parts(plan: AugmentPlan, suite: NoiseSuite) -> list[CorruptedColumns]:
    columns = {one.corruption: one.columns for one in suite.plan if isinstance(one.corruption, Corruption)}
    names = plan.corruptions or [corruption.name for corruption in columns]
    if unknown := [name for name in names if BY_NAME.get(name) not in columns]:
        has = ", ".join(corruption.name for corruption in columns)
        raise ModelError(f"augment.corruptions: {', '.join(unknown)} is not in the model's noise suite, which has: {has}.")
    return [
        CorruptedColumns(BY_NAME[name], tuple((column, plan.severity) for column in columns[BY_NAME[name]])) for name in names
    ]


def _copy(
    frame: pd.DataFrame, parts: list[CorruptedColumns], suite: NoiseSuite, seed_material: str, number: str
) -> pd.DataFrame:
    names = ("augment", seed_material, number)
    dealt = stream(*names).permutation(len(frame)) % len(parts)
    spoilt = [suite.spoil(frame[dealt == turn], part, *names) for turn, part in enumerate(parts)]
    order = np.argsort(np.concatenate([np.flatnonzero(dealt == turn) for turn in range(len(parts))]))
    return pd.concat(spoilt).iloc[order]
