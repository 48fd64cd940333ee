"""What a candidate is trained on, and what names a training."""

import hashlib
import inspect
import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from include.decisions.scoring.conditions import drawn_by
from include.decisions.scoring.predictions import Labels
from include.formats.code_used import own_source
from include.models.contract import Candidate, Model
from include.noise.augment import augmented
from include.noise.suite import suite_for


def training_key(facts: dict[str, str]) -> str:
    """What names a training: a digest of everything that its result depends on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def recipe(model: Model, candidate: Candidate, pipeline: Any) -> str:
    """Digest of features, task, hyper-parameters and augmentation: equal recipes on fresher data are the routine lane."""
    parts = [
        repr(model.features),
        model.task,
        _without_addresses(repr(sorted(pipeline.get_params().items(), key=lambda item: item[0]))),
    ]
    if own := own_source(pipeline, candidate.build):
        parts.append(repr(sorted(own.items())))
    if candidate.artifact != "skops":
        parts.append(candidate.artifact)
    if candidate.parameters:
        parts.append(repr(sorted(candidate.parameters.items())))
    if candidate.augment is not None:
        parts += [repr(candidate.augment), suite_for(model, None).digest()]
    return hashlib.sha256("\n".join([*parts, inspect.getsource(candidate.build)]).encode()).hexdigest()[:16]


def recipes(model: Model, pool: Sequence[Candidate]) -> str:
    """Digest of the recipes of a whole pool, whatever their order; of what is searched it is the space that counts."""
    each = sorted(f"{_recipe_or_source(model, one)}{one.search or ''}" for one in pool)
    return hashlib.sha256("\n".join(each).encode()).hexdigest()[:16]


def _recipe_or_source(model: Model, candidate: Candidate) -> str:
    """The recipe; of a candidate that cannot be built, which is no reason for the others to fail, its source."""
    try:
        return recipe(model, candidate, candidate.pipeline())
    except Exception:  # noqa: BLE001 - a team's own code: `train` has told what it raises
        return inspect.getsource(candidate.build)


def rows_to_fit(model: Model, candidate: Candidate, rows: pd.DataFrame, labels: Labels) -> tuple[pd.DataFrame, Labels]:
    """The rows as they are, and, if the candidate asks for it, corrupted copies of them: of the same rows the same copies."""
    frame = rows[model.feature_names]
    if candidate.augment is None:
        return frame, labels
    return augmented(frame, labels, candidate.augment, suite_for(model, None), f"{drawn_by(model, rows)}:{candidate.seed}")


def _without_addresses(text: str) -> str:
    """Where in memory an object lies is no part of a recipe, and changes with every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)
