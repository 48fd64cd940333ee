"""The linear baseline fits whatever columns a model declares, with values missing and unseen."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io as sio

from include.decisions.contest.linear_baseline import linear_baseline, pool
from include.decisions.scoring.answering import predict
from include.models import all_models
from include.models.contract import Column, Model
from tests.toy import MODEL, changed

COLUMNS = (Column("x", "number", optional=True), Column("colour", "category"), Column("text", "text", optional=True))
COUNT = 300


def rows(seed: int = 1) -> pd.DataFrame:
    """Numbers, categories and texts, each with values missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=COUNT),
            "colour": rng.choice(["red", "green", "blue"], COUNT),
            "text": rng.choice(["a red hat", "blue shoes", "green"], COUNT),
        }
    )
    for column in frame:
        frame.loc[rng.choice(COUNT, 10, replace=False), column] = None
    return frame


def model_of(task: str) -> Model:
    """The toy model with these columns."""
    label = Column("y", "category") if task == "multiclass" else Column("y", "number")
    metric = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae"}[task]
    return changed(task=task, label=label, features=COLUMNS, metric=metric)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_fits_and_answers_rows_with_missing_unseen_and_far_values(task: str) -> None:
    """And its artifact needs no type to be trusted beyond those that skops trusts."""
    frame = rows()
    labels: Any = {
        "binary": frame["x"].fillna(0) > 0,
        "multiclass": frame["colour"].fillna("red"),
        "regression": 3 * frame["x"].fillna(0),
    }[task]
    model = model_of(task)
    candidate = linear_baseline(model)
    pipeline = candidate.pipeline().fit(frame, np.asarray(labels))
    odd = rows(2).assign(colour="violet", x=1e6)
    predict(model, pipeline, odd)
    assert set(sio.get_untrusted_types(data=sio.dumps(pipeline))) <= set(candidate.trusted_types)


def test_it_is_in_every_pool_and_comes_last() -> None:
    """Behind the declared candidates, whose order decides ties; on the window of the first one."""
    for model in [*all_models(), MODEL]:
        names = [candidate.name for candidate in pool(model)]
        assert names == [*(candidate.name for candidate in model.candidates), "baseline"]
        assert pool(model)[-1].train_periods == model.candidate.train_periods
