"""What a candidate is trained on, and what names a training."""

import hashlib
import inspect
import json
import re
from typing import Any

import pandas as pd

from include.decisions.scoring.predictions import Labels
from include.models.contract import Model
from include.noise.augment import augmented
from include.noise.suite import suite_for


def training_key(facts: dict[str, str]) -> str:
    """What names a training: a digest of everything that its result depends on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def recipe(model: Model, pipeline: Any) -> str:
    """Digest of features, task, hyper-parameters and augmentation: equal recipes on fresher data are the routine lane."""
    parts = [
        repr(model.features),
        model.task,
        _without_addresses(repr(sorted(pipeline.get_params().items(), key=lambda item: item[0]))),
    ]
    if model.candidate.augment is not None:
        parts += [repr(model.candidate.augment), suite_for(model, None).digest()]
    return hashlib.sha256("\n".join([*parts, inspect.getsource(model.candidate.build)]).encode()).hexdigest()[:16]


def rows_to_fit(model: Model, rows: pd.DataFrame, labels: Labels, drawn_by: str) -> tuple[pd.DataFrame, Labels]:
    """The rows as they are, and, if the model asks for it, corrupted copies of them; `drawn_by` fixes the draw."""
    frame = rows[model.feature_names]
    if model.candidate.augment is None:
        return frame, labels
    return augmented(frame, labels, model.candidate.augment, suite_for(model, None), f"{drawn_by}:{model.candidate.seed}")


def _without_addresses(text: str) -> str:
    """Where in memory an object lies is no part of a recipe, and changes with every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)
