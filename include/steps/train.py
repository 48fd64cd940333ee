"""Train: fit the model's pipeline on the training snapshot and register the challenger.

In: the snapshots. Out: a version with the alias `challenger`. The run in MLflow records data set digest, commit, seed, lock,
parameters, signature and example; the artifact is a skops file, never a pickle.
Safe to run again: the training is named by everything that goes into it, so a second run finds the first one's version, and
closes what a killed one left open.
"""

import hashlib
import inspect
import json
import re
import time
from importlib.metadata import version as installed
from importlib.resources import files
from typing import Any

import pandas as pd

from include.adapters.compute import computing
from include.adapters.registry import CHALLENGER, Training, Version
from include.alerts.texts import run_url
from include.decisions.scoring.baselines import learned_from
from include.decisions.scoring.predictions import Labels
from include.models.contract import Model
from include.noise.augment import augmented
from include.noise.suite import suite_for
from include.request import Request
from include.results import Assembled, Snapshot, Trained
from include.services import Services
from include.settings import Settings
from include.steps.assemble import labelled, labels_of

IF_IT_FAILS = "No challenger was registered; the champion is unchanged."

# A tag: what trivial answers would have learned from the same labels.
BASELINES = "baselines"
_EXAMPLE_ROWS = 5
_RUNTIME = ("scikit-learn", "pandas", "numpy", "scipy", "skops")


def run(services: Services, model: Model, request: Request, assembled: Assembled) -> Trained:
    """The challenger, trained now or found."""
    if assembled.train is None or assembled.holdout is None:
        return Trained(version=None, summary=f"nothing to train: {assembled.skipped}")
    pipeline = model.candidate.pipeline()
    rows = labelled(model, services.lake.read_snapshot(model, assembled.train.digest), request.as_of)
    facts = _facts(services, model, assembled.train, len(rows), pipeline)
    if request.force:
        facts |= {"forced_by": request.run_id}
    found = services.registry.find_trained(model.name, training_key(facts))
    made = found or _train(services, model, request, assembled, pipeline, rows, facts)
    if made.number != assembled.champion_version:
        services.registry.set_alias(model.name, CHALLENGER, made.number)
    return Trained(
        version=made.number,
        run_id=made.run_id,
        artifact_digest=services.registry.artifact_digest(model.name, made.number),
        version_url=services.registry.version_url(model.name, made.number),
        run_url=services.registry.run_url(made.run_id),
        summary=f"challenger is version {made.number}, "
        + ("found: this very training was done before" if found else "trained now"),
    )


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


def airflow_run_url(settings: Settings, model: Model, run_id: str) -> str:
    """The page of the retraining in Airflow."""
    return run_url(settings.airflow_url, f"{model.name}.retrain", run_id)


def _without_addresses(text: str) -> str:
    """Where in memory an object lies is no part of a recipe, and changes with every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _facts(services: Services, model: Model, train: Snapshot, labelled_rows: int, pipeline: Any) -> dict[str, str]:
    return {
        "train_digest": train.digest,
        "labelled_rows": str(labelled_rows),
        "recipe": recipe(model, pipeline),
        "criteria": model.criteria_digest,
        "seed": str(model.candidate.seed),
        "git": services.settings.git_commit,
        "lock": _lock_digest(),
    }


def _lock_digest() -> str:
    lock = files("include").joinpath("..", "requirements.txt")
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.is_file() else "unlocked"


def _train(
    services: Services,
    model: Model,
    request: Request,
    assembled: Assembled,
    pipeline: Any,
    rows: pd.DataFrame,
    facts: dict[str, str],
) -> Version:
    train, holdout = assembled.train, assembled.holdout
    assert train is not None
    assert holdout is not None
    labels = labels_of(model, rows)
    began = time.perf_counter()
    with computing(services.settings, model):
        pipeline.fit(*rows_to_fit(model, rows, labels, train.digest))
    metrics = {"fit_seconds": time.perf_counter() - began}
    tags = facts | {
        "model": model.name,
        "trained_from": train.start.isoformat(),
        "trained_until": train.end.isoformat(),
        "holdout_digest": holdout.digest,
        "trigger": request.reason[:500],
        "airflow_run": request.run_id,
        "airflow_run_url": airflow_run_url(services.settings, model, request.run_id),
        BASELINES: learned_from(model.task, labels),
    }
    training = Training(
        key=training_key(facts),
        params=_params(pipeline),
        metrics=metrics,
        tags=tags,
        requirements=[f"{name}=={installed(name)}" for name in _RUNTIME],
        dataset_name=model.name,
        dataset_digest=train.digest,
        files={"model_source.py": inspect.getsource(inspect.getmodule(model.candidate.build) or model.candidate.build)},
    )
    return services.registry.register(model, pipeline, _example(model, rows), training)


def rows_to_fit(model: Model, rows: pd.DataFrame, labels: Labels, drawn_by: str) -> tuple[pd.DataFrame, Labels]:
    """The rows as they are, and, if the model asks for it, corrupted copies of them; `drawn_by` fixes the draw."""
    frame = rows[model.feature_names]
    if model.candidate.augment is None:
        return frame, labels
    return augmented(frame, labels, model.candidate.augment, suite_for(model, None), f"{drawn_by}:{model.candidate.seed}")


def _params(pipeline: Any) -> dict[str, Any]:
    """The last step's own parameters; whole estimators in them would only repeat it."""
    return {name: str(value)[:500] for name, value in pipeline[-1].get_params(deep=False).items()}


def _example(model: Model, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[model.feature_names].head(_EXAMPLE_ROWS)
