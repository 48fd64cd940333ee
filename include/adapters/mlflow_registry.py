"""The model registry over MLflow, with errors that say what to do."""

import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mlflow
import pandas as pd
import requests
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import FileInfo, Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from include.adapters.artifacts import KeptFile, log_pipeline
from include.adapters.fresh_process import ArtifactTrial, try_artifact
from include.adapters.registry import (
    CHAMPION,
    DESCRIPTION_LIMIT,
    TRAINING_KEY,
    Artifact,
    Crossing,
    LoggedTrial,
    Registry,
    Training,
    Version,
)
from include.errors import RegistryError, RegistryUnreachable
from include.formats.port import file_of
from include.models.contract import Model

# Where MLflow keeps the default server of a process.
_DEFAULT_SERVER = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
_REPLAY, _SEARCH, _TRIAL = "replay", "search", "trial"
# What MLflow has for the end of a run.
_STATUS = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_LONGEST_TAG = 5000
_ABSENT = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
_LATER = (408, 429)
_LONGEST = 300
_NO_SUCH_ALIAS = re.compile(r"alias .* not found", re.IGNORECASE)


class MlflowRegistry(Registry):
    """One MLflow server, or MLflow on a file of this machine."""

    def __init__(self, tracking_uri: str, page_url: str) -> None:
        self._tracking_uri = tracking_uri
        self._page_url = page_url
        self._client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)

    @classmethod
    def in_folder(cls, folder: Path, model_name: str, page_url: str) -> "MlflowRegistry":
        """A registry of one model without a server: a SQLite file in the folder, and the artifacts beside it."""
        # It would tell each table that it makes.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        registry = cls(f"sqlite:///{folder / 'mlflow.db'}", page_url)
        # Without a place of its own an experiment would write into the working directory.
        registry._client.create_experiment(model_name, artifact_location=(folder / "artifacts").as_uri())
        return registry

    # Versions and aliases

    def aliased(self, model_name: str, alias: str) -> Version | None:
        with _translate_errors(f"{model_name}@{alias}"):
            found = _or_none(lambda: self._client.get_model_version_by_alias(model_name, alias))
            return _version(found) if found else None

    def champion(self, model_name: str) -> Version | None:
        return self.aliased(model_name, CHAMPION)

    def version(self, model_name: str, number: str) -> Version:
        with _translate_errors(f"{model_name} version {number}"):
            return _version(self._client.get_model_version(model_name, number))

    def exists(self, model_name: str, number: str) -> bool:
        with _translate_errors(f"{model_name} version {number}"):
            return _or_none(lambda: self._client.get_model_version(model_name, number)) is not None

    def all_versions(self, model_name: str) -> list[Version]:
        with _translate_errors(model_name):
            found, page = [], None
            while page is None or page:
                some = self._client.search_model_versions(f"name = {_quoted(model_name)}", page_token=page or None)
                found += [_version(version) for version in some]
                page = some.token or ""
            return sorted(found, key=lambda version: int(version.number))

    def remove_version(self, model_name: str, number: str) -> None:
        with _translate_errors(f"{model_name} version {number}"):
            found = _or_none(lambda: self._client.get_model_version(model_name, number))
            if found is None:
                return
            if model_id := _logged_model(found):
                logged = self._client.get_logged_model(model_id)
                # Deleting a logged model only marks it: the files are what costs.
                with self._as_mlflow_default():
                    files: Any = get_artifact_repository(logged.artifact_location)
                    files.delete_artifacts()
                self._client.delete_logged_model(model_id)
            self._client.delete_model_version(model_name, number)

    def overview(self, model_name: str) -> tuple[dict[str, str], dict[str, str]]:
        with _translate_errors(model_name):
            found = _or_none(lambda: self._client.get_registered_model(model_name))
            if found is None:
                return {}, {}
            return {alias: str(number) for alias, number in found.aliases.items()}, dict(found.tags)

    def annotate_model(self, model_name: str, tags: dict[str, str]) -> None:
        with _translate_errors(model_name):
            for name, value in tags.items():
                self._client.set_registered_model_tag(model_name, name, value)

    def set_alias(self, model_name: str, alias: str, number: str) -> None:
        with _translate_errors(f"{model_name}@{alias} -> {number}"):
            self._client.set_registered_model_alias(model_name, alias, number)

    def drop_alias(self, model_name: str, alias: str) -> None:
        with _translate_errors(f"{model_name}@{alias}"):
            self._client.delete_registered_model_alias(model_name, alias)

    def annotate(self, model_name: str, number: str, tags: dict[str, str], description: str | None = None) -> None:
        with _translate_errors(f"{model_name} version {number}"):
            for name, value in tags.items():
                self._client.set_model_version_tag(model_name, number, name, value)
            if description is not None:
                self._client.update_model_version(model_name, number, description[:DESCRIPTION_LIMIT])

    def drop_tags(self, model_name: str, number: str, names: Iterable[str]) -> None:
        with _translate_errors(f"{model_name} version {number}"):
            for name in names:
                self._client.delete_model_version_tag(model_name, number, name)

    def version_url(self, model_name: str, number: str) -> str:
        return f"{self._page_url}/#/models/{quote(model_name, safe='')}/versions/{quote(number, safe='')}"

    def run_url(self, run_id: str) -> str:
        with _translate_errors(f"run {run_id}"):
            return f"{self._page_url}/#/experiments/{self._client.get_run(run_id).info.experiment_id}/runs/{run_id}"

    def artifact_url(self, run_id: str, path: str, experiment_id: str) -> str:
        """The page of a run's artifact, for people."""
        return f"{self._page_url}/#/experiments/{experiment_id}/runs/{run_id}/artifacts/{quote(path)}"

    # Training

    def find_trained(self, model_name: str, training_key: str) -> Version | None:
        with _translate_errors(model_name):
            asked = f"name = {_quoted(model_name)} and tags.{TRAINING_KEY} = {_quoted(training_key)}"
            found = self._client.search_model_versions(asked)
            return _version(min(found, key=lambda version: int(version.version))) if found else None

    def register(self, model: Model, pipeline: Any, example: pd.DataFrame, training: Training) -> Version:
        with _translate_errors(model.name), self._as_mlflow_default():
            experiment = mlflow.set_experiment(model.name)
            self._close_dead_runs(experiment.experiment_id, training.key)
            tags, run_name = (
                training.tags | {TRAINING_KEY: training.key},
                f"{model.name} {training.tags['trained_until'][:10]}",
            )
            # The tags come with the run: one that was killed before it had its key would never be found and closed.
            with mlflow.start_run(run_name=run_name, tags=tags) as run:
                mlflow.log_params(training.params)
                mlflow.log_metrics(training.metrics)
                self._log_dataset(example, training)
                for path, text in training.files.items():
                    mlflow.log_text(text, path)
                info = log_pipeline(model, pipeline, example, training)
            _require(file_of(training.artifact), self._client.list_logged_model_artifacts(info.model_id))
            self._ensure_registered(model)
            made = self._client.create_model_version(
                model.name, info.model_uri, run.info.run_id, tags=tags, model_id=info.model_id, await_creation_for=0
            )
            return _version(made)

    @contextmanager
    def _as_mlflow_default(self) -> Iterator[None]:
        """Some of MLflow's functions take no client and ask the process's default server: this one, inside the block."""
        before = {name: os.environ.get(name) for name in _DEFAULT_SERVER}
        mlflow.set_tracking_uri(self._tracking_uri)
        mlflow.set_registry_uri(self._tracking_uri)
        try:
            yield
        finally:
            # MLflow also writes them into the environment, where our own settings are read from.
            mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
            mlflow.set_registry_uri(None)  # type: ignore[arg-type]
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def _log_dataset(self, example: pd.DataFrame, training: Training) -> None:
        dataset = from_pandas(example, name=training.dataset_name, digest=training.dataset_digest[:36])
        mlflow.log_input(dataset, context="training")

    def _ensure_registered(self, model: Model) -> None:
        if _or_none(lambda: self._client.get_registered_model(model.name)) is None:
            self._client.create_registered_model(model.name, tags={"owner": model.owner}, description=model.description)

    def _close_dead_runs(self, experiment_id: str, training_key: str) -> None:
        """A killed task leaves its run RUNNING for ever: nothing else will close it."""
        asked = f"tags.{TRAINING_KEY} = {_quoted(training_key)} and status = 'RUNNING'"
        for run in self._client.search_runs([experiment_id], asked):
            self._client.set_terminated(run.info.run_id, status="KILLED")

    # Artifacts

    def artifact_digest(self, model_name: str, number: str) -> str:
        with self._downloaded(model_name, number) as kept:
            return kept.digest

    def artifact(self, model_name: str, number: str) -> Artifact:
        with self._downloaded(model_name, number) as kept:
            return kept.artifact()

    def load(self, model: Model, number: str, expected_digest: str | None = None) -> Any:
        with self._downloaded(model.name, number) as kept:
            return kept.load(model, expected_digest)

    def try_out(self, model: Model, number: str, rows: pd.DataFrame) -> ArtifactTrial:
        with self._downloaded(model.name, number) as kept:
            kept.refuse_undeclared(model)
            kept.refuse_other_libraries()
            return try_artifact(kept.path, kept.format.name, model.trusted_types, rows)

    def across(self, model: Model, number: str, rows: pd.DataFrame, old_python: str) -> Crossing:
        with self._downloaded(model.name, number) as kept:
            kept.refuse_undeclared(model)
            trials = [
                try_artifact(kept.path, kept.format.name, model.trusted_types, rows, python)
                for python in (old_python, sys.executable)
            ]
            return Crossing(kept.load(model, upgraded=True), kept.format.name, *trials)

    def example(self, model_name: str, number: str) -> pd.DataFrame:
        with self._downloaded(model_name, number) as kept:
            rows = mlflow.models.Model.load(str(kept.folder)).load_input_example(str(kept.folder))
        if not isinstance(rows, pd.DataFrame) or rows.empty:
            raise RegistryError(
                f"{model_name} version {number} was kept without an example to try it with: it was not registered by the "
                "pipeline. Name another version."
            )
        return rows

    def log_picture(self, run_id: str, path: str, png: bytes) -> str:
        with _translate_errors(f"run {run_id}"), tempfile.TemporaryDirectory() as folder:
            (Path(folder) / path).write_bytes(png)
            self._client.log_artifact(run_id, f"{folder}/{path}")
            self._require_kept(run_id, path)
        return f"{self._page_url}/get-artifact?path={quote(path)}&run_uuid={quote(run_id)}"

    def log_report(self, run_id: str, path: str, text: str) -> str:
        with _translate_errors(f"run {run_id}"):
            self._client.log_text(run_id, text, path)
            self._require_kept(run_id, path)
            return self.artifact_url(run_id, path, self._client.get_run(run_id).info.experiment_id)

    def read_report(self, run_id: str, path: str) -> str:
        with _translate_errors(f"{path} of run {run_id}"), tempfile.TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(run_id, path, folder)).read_text(encoding="utf-8")

    def read_picture(self, run_id: str, path: str) -> bytes:
        with _translate_errors(f"{path} of run {run_id}"), tempfile.TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(run_id, path, folder)).read_bytes()

    def log_replay(self, model_name: str, digest: str, files: dict[str, str], tags: dict[str, str]) -> str:
        with _translate_errors(f"the replay of {model_name}"):
            experiment = self._experiment(model_name)
            run = self._run_named(experiment, f"{model_name} replay", {_REPLAY: digest})
            for name, value in tags.items():
                self._client.set_tag(run.info.run_id, name, value)
            for path, text in files.items():
                self._client.log_text(run.info.run_id, text, path)
                self._require_kept(run.info.run_id, path)
            self._client.set_terminated(run.info.run_id)
            return self.artifact_url(run.info.run_id, next(iter(files)), experiment)

    def log_trial(self, model_name: str, trial: LoggedTrial) -> None:
        with _translate_errors(f"a trial of {model_name}"):
            experiment = self._experiment(model_name)
            parent = self._run_named(experiment, trial.title, {_SEARCH: trial.search, _TRIAL: "all"}).info.run_id
            number = str(trial.number)
            nested = {_SEARCH: trial.search, _TRIAL: number, MLFLOW_PARENT_RUN_ID: parent}
            run = self._run_named(experiment, f"trial {number}", nested, trial.metrics.get("seconds", 0.0))
            if run.info.status != "RUNNING":
                return
            self._log_all(run.info.run_id, trial.params, trial.metrics, {"outcome": trial.outcome, "problem": trial.problem})
            best = {"best": trial.best_value} if trial.best_value is not None else {}
            self._log_all(parent, {}, best, {f"best_{name}": text for name, text in trial.best.items()}, step=trial.number)
            # The search's run is complete after each trial: one that is killed leaves nothing open.
            self._client.set_terminated(parent)
            self._client.set_terminated(run.info.run_id, status=_STATUS[trial.outcome])

    def _log_all(
        self, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float], tags: Mapping[str, str], step: int = 0
    ) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, step) for name, value in metrics.items()],
            params=[Param(name, str(value)[:500]) for name, value in params.items()],
            tags=[RunTag(name, text[:_LONGEST_TAG]) for name, text in tags.items() if text],
        )

    def _run_named(self, experiment: str, title: str, names: Mapping[str, str], seconds: float = 0.0) -> Run:
        """The run that carries these tags; else a new one, which began so many seconds ago."""
        asked = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in names.items())
        found = self._client.search_runs([experiment], asked)
        began = int((time.time() - seconds) * 1000)
        return found[0] if found else self._client.create_run(experiment, began, dict(names), run_name=title)

    def _require_kept(self, run_id: str, path: str) -> None:
        _require(path, self._client.list_artifacts(run_id, path.rpartition("/")[0] or None))

    def _experiment(self, model_name: str) -> str:
        found = self._client.get_experiment_by_name(model_name)
        try:
            return str(found.experiment_id) if found else str(self._client.create_experiment(model_name))
        except MlflowException:
            # Another task of the pool may have made it meanwhile.
            if found := self._client.get_experiment_by_name(model_name):
                return str(found.experiment_id)
            raise

    @contextmanager
    def _downloaded(self, model_name: str, number: str) -> Iterator[KeptFile]:
        with tempfile.TemporaryDirectory() as folder:
            with _translate_errors(f"{model_name} version {number}"), self._as_mlflow_default():
                uri = f"models:/{model_name}/{number}"
                path = Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder, tracking_uri=self._tracking_uri))
            yield KeptFile(model_name, number, path)


def _require(path: str, kept: Iterable[FileInfo]) -> None:
    """Prove an upload: a login page in front of the artifacts answers 200 to it, too."""
    if path not in {file.path for file in kept}:
        raise MlflowException(f"{path} was uploaded and is not there")


def _version(found: ModelVersion) -> Version:
    if not found.version:
        # What a proxy's empty page with status 200 becomes: it must not pass for a version.
        raise MlflowException("the answer was empty")
    return Version(
        model_name=str(found.name),
        number=str(found.version),
        run_id=str(found.run_id or ""),
        tags=dict(found.tags),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC) if found.creation_timestamp else None,
    )


def _logged_model(found: ModelVersion) -> str:
    """The id of the model behind a version: MLflow's answer names it only in its source."""
    source = str(found.source)
    return source.removeprefix("models:/") if source.startswith("models:/m-") else ""


def _quoted(text: str) -> str:
    """A value for MLflow's filter language, which knows no way to escape a quote."""
    if not re.fullmatch(r"[\w.-]+", text):
        raise RegistryError(f"{text[:100]!r} cannot be searched for: letters, digits, _, - and . are accepted. Rename it.")
    return f"'{text}'"


def _or_none(call: Callable[[], Any]) -> Any:
    """None for what does not exist; every other failure stays one: an outage must never look like "no champion"."""
    try:
        return call()
    except MlflowException as error:
        missing_alias = error.error_code == "INVALID_PARAMETER_VALUE" and _NO_SUCH_ALIAS.search(str(error))
        if error.error_code == _ABSENT or missing_alias:
            return None
        raise


@contextmanager
def _translate_errors(about: str) -> Iterator[None]:
    about = about[:_LONGEST]
    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        if _may_pass(error):
            raise RegistryUnreachable(
                f"MLflow did not answer about {about}: {_short(error)}. "
                "Nothing was decided; check the server, then clear the task."
            ) from error
        raise RegistryError(
            f"MLflow refused {about}: {_short(error)}. Look the version up in its page, then clear the task."
        ) from error


def _may_pass(error: MlflowException | requests.RequestException) -> bool:
    """Whether trying again can help. Refusals of artifacts come as what `requests` raises, all others as MLflow's."""
    if isinstance(error, MlflowException):
        # MLflow's client asks again after a time-out; where the first request was carried out, the second one meets its rows.
        if "IntegrityError" in str(error):
            return True
        return error.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
    status = error.response.status_code if error.response is not None else None
    return status is None or status >= 500 or status in _LATER


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]
