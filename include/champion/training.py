"""A training: one candidate fitted on a snapshot, and registered as a version that says what made it.

A training is named by everything that goes into it, so that a second try finds the version of the first one.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.adapters.compute import computing
from include.adapters.registry import ARTIFACT, BASELINES, OWN_CODE, PARAMETERS, POOL, REPEATS, TAKEN_IN, Training, Version
from include.code_version import lock_digest
from include.decisions.contest.linear_baseline import pool
from include.decisions.contest.repeats import repeats
from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.training import recipe, recipes, rows_to_fit, training_key
from include.decisions.scoring.baselines import learned_from
from include.formats import format_named
from include.formats.code_used import own_code, requirements_of, source_files
from include.models.contract import Candidate
from include.results import Snapshot
from include.services import StepContext

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class Work:
    """One training: its context, the candidate, the snapshot, the unfitted pipeline, its rows, and the facts that name it."""

    context: StepContext
    candidate: Candidate
    train: Snapshot
    pipeline: Any
    rows: "pd.DataFrame"
    facts: dict[str, str]

    @classmethod
    def of(cls, context: StepContext, candidate: Candidate, train: Snapshot, **facts: str) -> "Work":
        """The training of a candidate on the labelled rows of a snapshot; `facts` name it beside what always does."""
        services, model, request = context.services, context.model, context.request
        pipeline = candidate.pipeline()
        rows = labelled(model, services.lake.read_snapshot(model, train.digest), request.as_of)
        named = {
            "train_digest": train.digest,
            "labelled_rows": str(len(rows)),
            "candidate": candidate.name,
            "recipe": recipe(model, candidate, pipeline),
            "criteria": model.criteria_digest,
            "seed": str(candidate.seed),
            "git": services.settings.git_commit,
            "lock": lock_digest(),
        }
        parameters = {PARAMETERS: json.dumps(candidate.parameters, sort_keys=True)} if candidate.parameters else {}
        forced = {"forced_by": request.run_id} if request.force else {}
        return cls(context, candidate, train, pipeline, rows, named | parameters | facts | forced)

    def find(self) -> Version | None:
        """The version that exactly this training made before, or None."""
        return self.context.services.registry.find_trained(self.context.model.name, training_key(self.facts))

    def train_now(self, tags: Mapping[str, str]) -> Version:
        """Fit and register; `tags` come on the version beside the facts."""
        services, model, request = self.context.services, self.context.model, self.context.request
        labels, began = labels_of(model, self.rows), time.perf_counter()
        with computing(services.settings, model):
            self.pipeline.fit(*rows_to_fit(model, self.candidate, self.rows, labels))
        fit_seconds = time.perf_counter() - began
        repeated = repeats(model, self.candidate, self.rows)
        always = {
            "model": model.name,
            "trained_from": self.train.start.isoformat(),
            "trained_until": self.train.end.isoformat(),
            "trigger": request.reason[:500],
            "pipeline_run": request.run_id,
            "pipeline_run_url": request.url,
            BASELINES: learned_from(model.task, labels),
            POOL: recipes(model, pool(model)),
            TAKEN_IN: str(services.lake.times_taken_in(model.name)),
            ARTIFACT: self.candidate.artifact,
            REPEATS: {True: "yes", False: "no", None: "not known"}[repeated],
            OWN_CODE: json.dumps(own_code(self.pipeline), sort_keys=True),
        }
        build = self.candidate.build
        training = Training(
            key=training_key(self.facts),
            params=_params(self.pipeline) | {name: str(value)[:500] for name, value in self.candidate.parameters.items()},
            metrics={"fit_seconds": fit_seconds},
            tags=self.facts | always | dict(tags),
            requirements=requirements_of(self.pipeline, *format_named(self.candidate.artifact).libraries),
            dataset_name=model.name,
            dataset_digest=self.train.digest,
            files=source_files(self.pipeline, build),
            artifact=self.candidate.artifact,
        )
        example = self.rows[model.feature_names].head(_EXAMPLE_ROWS)
        return services.registry.register(model, self.pipeline, example, training)


def _params(pipeline: Any) -> dict[str, Any]:
    """The last step's own parameters, or those of a model that has no steps; whole estimators in them would only repeat it."""
    last = pipeline.steps[-1][1] if hasattr(pipeline, "steps") else pipeline
    return {name: str(value)[:500] for name, value in last.get_params(deep=False).items()}
