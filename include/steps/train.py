"""Train: fit the model's pipeline on the training snapshot and register the challenger.

In: the snapshots. Out: a version with the alias `challenger`. The run in MLflow records data set digest, commit, seed, lock,
parameters, signature and example; the artifact is a skops file, never a pickle.
Safe to run again: the training is named by everything that goes into it, so a second run finds the first one's version, and
closes what a killed one left open.
"""

import hashlib
import inspect
import time
from dataclasses import dataclass
from importlib.metadata import version as installed
from importlib.resources import files
from typing import Any

import pandas as pd

from include.adapters.compute import computing
from include.adapters.registry import BASELINES, CHALLENGER, TAKEN_IN, Training, Version
from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.training import recipe, rows_to_fit, training_key
from include.decisions.scoring.baselines import learned_from
from include.models.contract import Model
from include.results import Assembled, Snapshot, Trained
from include.services import StepContext

IF_IT_FAILS = "No challenger was registered; the champion is unchanged."

_EXAMPLE_ROWS = 5
_RUNTIME = ("scikit-learn", "pandas", "numpy", "scipy", "skops")


@dataclass(frozen=True)
class _Work:
    """One training: its context, the two snapshots, the unfitted pipeline, the labelled rows, and the facts that name it."""

    context: StepContext
    train: Snapshot
    holdout: Snapshot
    pipeline: Any
    rows: pd.DataFrame
    facts: dict[str, str]


def run(context: StepContext, assembled: Assembled) -> Trained:
    """The challenger, trained now or found."""
    if assembled.train is None or assembled.holdout is None:
        return Trained(version=None, summary=f"nothing to train: {assembled.skipped}")
    registry, name = context.services.registry, context.model.name
    work = _work(context, assembled.train, assembled.holdout)
    known = registry.find_trained(name, training_key(work.facts))
    version = known or _train(work)
    if version.number != assembled.champion_version:
        registry.set_alias(name, CHALLENGER, version.number)
    how = "found: exactly this training was done before" if known else "trained now"
    return Trained(
        version=version.number,
        run_id=version.run_id,
        artifact_digest=registry.artifact_digest(name, version.number),
        version_url=registry.version_url(name, version.number),
        run_url=registry.run_url(version.run_id),
        summary=f"challenger is version {version.number}, {how}",
    )


def _work(context: StepContext, train: Snapshot, holdout: Snapshot) -> _Work:
    services, model, request = context.services, context.model, context.request
    pipeline = model.candidate.pipeline()
    rows = labelled(model, services.lake.read_snapshot(model, train.digest), request.as_of)
    facts = {
        "train_digest": train.digest,
        "labelled_rows": str(len(rows)),
        "recipe": recipe(model, pipeline),
        "criteria": model.criteria_digest,
        "seed": str(model.candidate.seed),
        "git": services.settings.git_commit,
        "lock": _lock_digest(),
    }
    if request.force:
        facts["forced_by"] = request.run_id
    return _Work(context, train, holdout, pipeline, rows, facts)


def _lock_digest() -> str:
    lock = files("include").joinpath("..", "requirements.txt")
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.is_file() else "unlocked"


def _train(work: _Work) -> Version:
    services, model, request = work.context.services, work.context.model, work.context.request
    labels = labels_of(model, work.rows)
    began = time.perf_counter()
    with computing(services.settings, model):
        work.pipeline.fit(*rows_to_fit(model, work.rows, labels, work.train.digest))
    fit_seconds = time.perf_counter() - began
    tags = work.facts | {
        "model": model.name,
        "trained_from": work.train.start.isoformat(),
        "trained_until": work.train.end.isoformat(),
        "holdout_digest": work.holdout.digest,
        "trigger": request.reason[:500],
        "pipeline_run": request.run_id,
        "pipeline_run_url": request.url,
        BASELINES: learned_from(model.task, labels),
        TAKEN_IN: str(services.lake.times_taken_in(model.name)),
    }
    build = model.candidate.build
    training = Training(
        key=training_key(work.facts),
        params=_params(work.pipeline),
        metrics={"fit_seconds": fit_seconds},
        tags=tags,
        requirements=[f"{name}=={installed(name)}" for name in _RUNTIME],
        dataset_name=model.name,
        dataset_digest=work.train.digest,
        files={"model_source.py": inspect.getsource(inspect.getmodule(build) or build)},
    )
    return services.registry.register(model, work.pipeline, _example(model, work.rows), training)


def _params(pipeline: Any) -> dict[str, Any]:
    """The last step's own parameters; whole estimators in them would only repeat it."""
    return {name: str(value)[:500] for name, value in pipeline[-1].get_params(deep=False).items()}


def _example(model: Model, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[model.feature_names].head(_EXAMPLE_ROWS)
