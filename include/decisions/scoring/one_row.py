"""One row, followed through a fitted pipeline: its answer, what each step hands on, and which features the answer hangs on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.decisions.scoring.answering import predict
from include.decisions.scoring.predictions import Ranking
from include.figures import figure
from include.models.contract import Model


@dataclass(frozen=True)
class Hangs:
    """What the answer would be if one feature had its typical value: `moved` is how much the answer changes then."""

    feature: str
    value: object
    typical: object
    moved: float


def answer_in_words(model: Model, pipeline: Any, row: pd.DataFrame) -> str:
    """The answer to one row; of several classes the three best."""
    answer = predict(model, pipeline, row)
    if isinstance(answer, Ranking):
        best = zip(answer.labels[0][:3], answer.probabilities[0][:3], strict=True)
        return ", ".join(f"{name} {chance:.3f}" for name, chance in best)
    return figure(float(answer[0]), 4)


def hangs_on(model: Model, pipeline: Any, row: pd.DataFrame, others: pd.DataFrame) -> list[Hangs]:
    """For each feature how the answer moves where its value is that of the middle of other rows, the largest move first.

    One feature at a time: what two of them do together is not seen. Of several classes it is the chance of the best one.
    """
    typical = {name: _typical(others[name]) for name in model.feature_names}
    swapped = pd.concat([row] * (1 + len(typical)), ignore_index=True)
    for number, (name, value) in enumerate(typical.items(), start=1):
        swapped.loc[number, name] = value  # type: ignore[call-overload]
    answers = _numbers(predict(model, pipeline, swapped))
    found = [
        Hangs(name, row[name].iloc[0], typical[name], float(answers[number] - answers[0]))
        for number, name in enumerate(typical, start=1)
    ]
    return sorted(found, key=lambda one: -abs(one.moved))


def handed_on(pipeline: Any, row: pd.DataFrame) -> Iterator[tuple[str, list[tuple[str, object]]]]:
    """For each step before the last one of a scikit-learn pipeline its name, and what it makes of the row, by name.

    Steps that hand on nothing to look at are left out: None, "passthrough", and what has no `transform`, such as a sampler.
    """
    values: Any = row[list(getattr(pipeline, "feature_names_in_", row.columns))]
    names = list(values.columns)
    for name, step in getattr(pipeline, "steps", [])[:-1]:
        if not hasattr(step, "transform"):
            continue
        values = step.transform(values)
        names = _names(step, names, np.asarray(_dense(values)).shape[1])
        yield name, list(zip(names, np.asarray(_dense(values))[0], strict=True))


def _names(step: Any, before: list[str], count: int) -> list[str]:
    try:
        return [str(name) for name in step.get_feature_names_out(before)]
    except (AttributeError, ValueError, TypeError):
        return [f"column {number}" for number in range(count)]


def _dense(values: Any) -> Any:
    return values.toarray() if hasattr(values, "toarray") else values


def _typical(values: pd.Series) -> object:
    present = values.dropna()
    if present.empty:
        return np.nan
    return present.median() if pd.api.types.is_numeric_dtype(present) else present.mode().iloc[0]


def _numbers(answers: Any) -> Any:
    """A number for each row: of several classes the chance of the one that the first row's answer begins with."""
    if isinstance(answers, Ranking):
        best = np.full(len(answers.labels), answers.labels[0][0], dtype=object)
        return answers.probability_of(best)
    return answers
