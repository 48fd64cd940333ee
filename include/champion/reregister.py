"""Bringing a version over an upgrade of its libraries: loaded by the old ones, saved by the new ones, its answers compared.

An interpreter of the old environment loads the version and answers; so does a fresh process of this one. Where the answers are
the same, what was loaded here is registered as a version of its own, with the old one's tags, and tried again from its new
file. If the old version is champion, the new one takes its place, by an entry in the ledger that names it. Safe to run again:
what was registered before is found.
"""

import json
from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import TYPE_CHECKING

from include.adapters.registry import OWN_CODE, TRAINING_KEY, Training, Version
from include.champion.handover import Author, Subject, handover
from include.champion.promoted_tags import as_promoted
from include.decisions.data.training import training_key
from include.decisions.scoring.predictions import same
from include.errors import AnswersDiffer, ObjectMissing
from include.formats import format_named
from include.formats.code_used import requirements_of
from include.services import StepContext

if TYPE_CHECKING:
    import pandas as pd

    from include.adapters.fresh_process import ArtifactTrial

# Rounding in the last digits may depend on a library's release.
TOLERANCE = 1e-6
_ROWS = 1000
_OF_THIS_VERSION_ALONE = ("ledger.", "was_champion", "rolled_back", TRAINING_KEY, OWN_CODE)


@dataclass(frozen=True)
class Reregistered:
    """What came of it: the version that stands for the old one, on how many rows they agreed, and whether it is champion."""

    version: str
    instead_of: str
    rows: int
    champion: bool


def reregister(context: StepContext, number: str, old_python: str) -> Reregistered:
    """Register a version again, with the libraries that are here; `old_python` is an interpreter of those that made it.

    Raises:
        TrialFailed: one of the two environments cannot load it and answer.
        AnswersDiffer: they do not answer alike, and the version stays as it is.
    """
    services, model = context.services, context.model
    old = as_promoted(services, services.registry.version(model.name, number))
    rows = _rows(context, old)
    crossing = services.registry.across(model, number, rows, old_python)
    _require_same(context, old, crossing.before, crossing.here)
    libraries = requirements_of(crossing.pipeline, *format_named(crossing.format).libraries)
    facts = {"reregisters": number, "libraries": json.dumps(libraries), "run": old.run_id}
    training = Training(
        key=training_key(facts),
        params={},
        metrics={},
        tags={name: text for name, text in old.tags.items() if not name.startswith(_OF_THIS_VERSION_ALONE)}
        | {"reregisters": number, OWN_CODE: old.tags.get(OWN_CODE, "{}")},
        requirements=libraries,
        dataset_name=model.name,
        dataset_digest=old.tag("train_digest"),
        artifact=crossing.format,
    )
    known = services.registry.find_trained(model.name, training.key)
    new = known or services.registry.register(model, crossing.pipeline, rows.head(5), training)
    _require_same(context, old, crossing.before, services.registry.try_out(model, new.number, rows))
    return Reregistered(new.number, number, len(rows), _take_over(context, old, new, len(rows)))


def _rows(context: StepContext, version: Version) -> "pd.DataFrame":
    """Rows to ask: of the hold-out that it was judged on, or those that are kept beside it."""
    services, model = context.services, context.model
    try:
        rows = services.lake.read_snapshot(model, version.tag("holdout_digest"))
    except (ObjectMissing, LookupError):
        return services.registry.example(model.name, version.number)
    return rows[model.feature_names].head(_ROWS).reset_index(drop=True)


def _require_same(context: StepContext, version: Version, before: "ArtifactTrial", here: "ArtifactTrial") -> None:
    if same(before.answers, here.answers, tolerance=TOLERANCE):
        return
    largest = float(abs(before.answers - here.answers).max()) if before.answers.shape == here.answers.shape else float("nan")
    name = context.model.name
    raise AnswersDiffer(
        f"{name} version {version.number}: with the libraries that are here its answers differ by up to {largest:g}, "
        f"accepted is {TOLERANCE:g}. It stays as it is: run {name}.retrain with force, or install what it was made by."
    )


def _take_over(context: StepContext, old: Version, new: Version, rows: int) -> bool:
    """Make the new version champion where the old one is; whether it is champion now."""
    registry, request = context.services.registry, context.request
    by = ", ".join(f"{name} {installed(name)}" for name in ("scikit-learn", "skops"))
    reason = f"version {new.number} is version {old.number}, saved again by {by}: the same answers to {rows:,} rows. "
    evidence = {
        "reregisters": old.number,
        "artifact_digest": registry.artifact_digest(context.model.name, new.number),
        "champion_version": old.number,
        "tags": dict(new.tags),
        "mlflow_run": new.run_id,
    }
    with handover(context, "reregister") as begun:
        if begun.state.champion == old.number:
            about = Subject(f"{new.number} reregisters {old.number}", new.number)
            begun.move("promoting", about, Author(request.asked_by, reason + request.reason), evidence)
        return begun.state.champion == new.number
