"""Stand-ins for outside systems, each as small as the tests allow."""

import dataclasses
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from math import ceil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from botocore.exceptions import ClientError

from include.adapters.fresh_process import ArtifactTrial
from include.adapters.hold_store import HoldStore
from include.adapters.lake import Lake
from include.adapters.landing import Landing
from include.adapters.ledger import Ledger
from include.adapters.lock import Locks
from include.adapters.memory_store import MemoryStore as BucketInMemory
from include.adapters.object_store import StoredObject
from include.adapters.registry import CHAMPION, TRAINING_KEY, Artifact, Crossing, LoggedTrial, Registry, Training, Version
from include.adapters.serving import Serving
from include.errors import (
    ArtifactChanged,
    RegistryError,
    RegistryUnreachable,
    TrialFailed,
)
from include.models.contract import Model
from include.services import Services
from include.settings import Settings


def client_error(code: str, status: int, *, retries: int = 0) -> ClientError:
    """What boto3 raises when an S3 store answers with this code."""
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": retries}}
    return ClientError(answer, "PutObject")


class CarelessS3:
    """An S3 client for a store that accepts conditions and ignores them, as several servers do.

    Errors in `refusals` are raised first, one for each write; with `writes_anyway`, after the bytes were written.
    """

    def __init__(self, *refusals: ClientError, writes_anyway: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self.refusals = list(refusals)
        self.writes_anyway = writes_anyway
        self.meta = SimpleNamespace(endpoint_url="http://careless.example")

    def put_object(self, *, Key: str, Body: bytes, **_ignored: str) -> dict[str, str]:
        """Write, whatever the conditions say."""
        if not self.refusals or self.writes_anyway:
            self.objects[Key] = Body
        if self.refusals:
            raise self.refusals.pop(0)
        return {"ETag": f'"{hash(Body)}"'}

    def get_object(self, *, Key: str, **_ignored: str) -> dict[str, io.BytesIO]:
        """Give the newest bytes, whatever the conditions say."""
        return {"Body": io.BytesIO(self.objects[Key])}

    def head_object(self, *, Key: str, **_ignored: str) -> dict[str, Any]:
        """Describe the newest bytes."""
        if Key not in self.objects:
            raise client_error("404", 404)
        body = self.objects[Key]
        return {"ETag": f'"{hash(body)}"', "ContentLength": len(body), "LastModified": datetime(2013, 1, 1, tzinfo=UTC)}

    def list_objects_v2(self, **_ignored: object) -> None:
        """The bucket is there."""

    def delete_object(self, *, Key: str, **_ignored: str) -> None:
        """Remove, or do nothing."""
        self.objects.pop(Key, None)


class Crash(BaseException):
    """The process is killed here: nothing in the code under test may catch it."""


class MemoryStore(BucketInMemory):
    """A bucket in memory whose clock is set by hand; the `crash_at`-th write from now on is never made."""

    def __init__(self, bucket: str = "bucket") -> None:
        super().__init__(bucket)
        self.now = datetime(2024, 1, 1, tzinfo=UTC)
        self.crash_at: int | None = None

    def put(self, key: str, data: bytes) -> str:
        # Copies of what is kept elsewhere are none of the writes that a test counts.
        if self.crash_at is not None and not key.startswith(("bundles/", "packs/")):
            self.crash_at -= 1
            if self.crash_at == 0:
                raise Crash(key)
        return super().put(key, data)

    def _now(self) -> datetime:
        return self.now


class CountingStore(MemoryStore):
    """A bucket that counts what is asked of it, by the first part of the key: every request in `asked`, reads in `reads`."""

    # S3 lists so many keys in one request.
    page = 1000

    def __init__(self) -> None:
        super().__init__("lake")
        self.asked: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()

    def read(self, key: str, *, etag: str | None = None) -> bytes:
        self._count(key)
        self.reads[key.split("/")[0]] += 1
        return super().read(key, etag=etag)

    def put(self, key: str, data: bytes) -> str:
        self._count(key)
        return super().put(key, data)

    def entries(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        found = list(super().entries(prefix, after=after))
        self._count(prefix, max(1, ceil(len(found) / self.page)))
        return iter(found)

    def _count(self, key: str, requests: int = 1) -> None:
        self.asked[key.split("/")[0]] += requests


EXAMPLE = pd.DataFrame({"x": [0.5, -0.5], "z": [0.0, 1.0], "colour": ["red", "blue"]})


class FakeRegistry(Registry):
    """Versions, aliases and reports of one model in memory; `champions` lists who was champion after every write.

    `down` makes everything raise, `unanswered` only the question of that number from now on; the `crash_at`-th write from
    now on is never made. `failing_trial` and `other_answers` are what a process of its own makes of an artifact.
    """

    def __init__(self) -> None:
        self.versions: dict[str, Version] = {}
        self.pipelines: dict[str, Any] = {}
        self.examples: dict[str, pd.DataFrame] = {}
        self.digests: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.model_tags: dict[str, str] = {}
        self.reports: dict[tuple[str, str], str] = {}
        self.descriptions: dict[str, str] = {}
        self.trainings: list[Training] = []
        self.champions: list[str | None] = []
        self.pictures: dict[tuple[str, str], bytes] = {}
        self.trials: dict[tuple[str, str, int], LoggedTrial] = {}
        self.failing_trial = ""
        self.other_answers = 0.0
        self.down = False
        self.unanswered: int | None = None
        self.crash_at: int | None = None

    def aliased(self, model_name: str, alias: str) -> Version | None:
        number = self.aliases.get(alias, "")
        return self.version(model_name, number) if self.exists(model_name, number) else None

    def champion(self, model_name: str) -> Version | None:
        return self.aliased(model_name, CHAMPION)

    def version(self, model_name: str, number: str) -> Version:
        if not self.exists(model_name, number):
            raise RegistryError(f"MLflow refused {model_name} version {number}: there is no such version")
        return self.versions[number]

    def exists(self, model_name: str, number: str) -> bool:
        self._answer()
        return number in self.versions and self.versions[number].model_name == model_name

    def all_versions(self, model_name: str) -> list[Version]:
        self._answer()
        return [version for version in self.versions.values() if version.model_name == model_name]

    def remove_version(self, model_name: str, number: str) -> None:
        self._write(lambda: self.versions.pop(number, None))
        self.aliases = {alias: carrier for alias, carrier in self.aliases.items() if carrier != number}

    def overview(self, model_name: str) -> tuple[dict[str, str], dict[str, str]]:
        return (dict(self.aliases), dict(self.model_tags)) if self.all_versions(model_name) else ({}, {})

    def annotate_model(self, model_name: str, tags: dict[str, str]) -> None:
        if not self.all_versions(model_name):
            raise RegistryError(f"MLflow refused {model_name}: there is no such model")
        self._write(lambda: self.model_tags.update(tags))

    def set_alias(self, model_name: str, alias: str, number: str) -> None:
        if not self.exists(model_name, number):
            raise RegistryError(f"MLflow refused {model_name}@{alias} -> {number}: there is no such version")
        self._write(lambda: self.aliases.update({alias: number}))

    def drop_alias(self, model_name: str, alias: str) -> None:
        self._write(lambda: self.aliases.pop(alias, None))

    def annotate(self, model_name: str, number: str, tags: dict[str, str], description: str | None = None) -> None:
        version = self.version(model_name, number)
        self._write(lambda: version.tags.update(tags))
        if description is not None:
            self.descriptions[number] = description

    def drop_tags(self, model_name: str, number: str, names: Iterable[str]) -> None:
        version = self.version(model_name, number)
        for name in names:
            self._write(partial(version.tags.pop, name, None))

    def run_url(self, run_id: str) -> str:
        self._answer()
        return f"http://registry.example/run/{run_id}"

    def version_url(self, model_name: str, number: str) -> str:
        return f"http://registry.example/{model_name}/{number}"

    def find_trained(self, model_name: str, training_key: str) -> Version | None:
        trained = (version for version in self.all_versions(model_name) if version.tags.get(TRAINING_KEY) == training_key)
        return next(trained, None)

    def register(self, model: Model, pipeline: Any, example: pd.DataFrame, training: Training) -> Version:
        self.trainings.append(training)
        return self.add(pipeline, training.tags | {TRAINING_KEY: training.key}, model.name, example)

    def add(self, pipeline: Any, tags: dict[str, str], model_name: str = "toy", example: pd.DataFrame = EXAMPLE) -> Version:
        """A version without a training."""
        number = str(max(map(int, self.versions), default=0) + 1)
        version = Version(model_name, number, f"run-{number}", dict(tags))
        self._write(lambda: self.versions.update({number: version}))
        self.pipelines[number], self.examples[number], self.digests[number] = pipeline, example, f"digest-of-{number}"
        return version

    def retag(self, number: str, tags: dict[str, str]) -> None:
        """Make a version one that a person registered, with these tags: of its run no promotion is known."""
        version = self.versions[number]
        self.versions[number] = Version(version.model_name, number, f"by hand {number}", tags, version.created)

    def artifact_digest(self, model_name: str, number: str) -> str:
        self.version(model_name, number)
        return self.digests[number]

    def artifact(self, model_name: str, number: str) -> Artifact:
        digest = self.artifact_digest(model_name, number)
        return Artifact(f"file of {number}".encode(), digest, ("scikit-learn==1.9.1",))

    def load(self, model: Model, number: str, expected_digest: str | None = None) -> Any:
        if expected_digest and self.artifact_digest(model.name, number) != expected_digest:
            raise ArtifactChanged(f"{model.name} version {number}: validated was {expected_digest[:16]}")
        self.version(model.name, number)
        return self.pipelines[number]

    def try_out(self, model: Model, number: str, rows: pd.DataFrame) -> ArtifactTrial:
        self.version(model.name, number)
        if self.failing_trial:
            raise TrialFailed(self.failing_trial)
        pipeline = self.pipelines[number]
        answer = pipeline.predict if model.task == "regression" else pipeline.predict_proba
        answers = np.asarray(answer(rows), dtype="float64") + self.other_answers
        return ArtifactTrial(load_seconds=0.1, latency_ms=2.0, size_mb=0.5, memory_mb=150.0, answers=answers)

    def across(self, model: Model, number: str, rows: pd.DataFrame, old_python: str) -> Crossing:
        here = self.try_out(model, number, rows)
        return Crossing(
            self.pipelines[number], "skops", dataclasses.replace(here, answers=here.answers - self.other_answers), here
        )

    def example(self, model_name: str, number: str) -> pd.DataFrame:
        self.version(model_name, number)
        return self.examples[number]

    def log_picture(self, run_id: str, path: str, png: bytes) -> str:
        self._write(lambda: self.pictures.update({(run_id, path): png}))
        return f"http://registry.example/picture/{run_id}/{path}"

    def read_picture(self, run_id: str, path: str) -> bytes:
        self._answer()
        if (run_id, path) not in self.pictures:
            raise RegistryError(f"MLflow refused {path} of run {run_id}: there is no such file")
        return self.pictures[run_id, path]

    def log_report(self, run_id: str, path: str, text: str) -> str:
        self._write(lambda: self.reports.update({(run_id, path): text}))
        return f"http://registry.example/{run_id}/{path}"

    def read_report(self, run_id: str, path: str) -> str:
        self._answer()
        if (run_id, path) not in self.reports:
            raise RegistryError(f"MLflow refused {path} of run {run_id}: there is no such file")
        return self.reports[run_id, path]

    def log_replay(self, model_name: str, digest: str, files: dict[str, str], tags: dict[str, str]) -> str:
        run = f"replay-{digest}"
        self._write(lambda: self.reports.update({(run, path): text for path, text in files.items()}))
        return f"http://registry.example/{run}/{next(iter(files))}"

    def log_trial(self, model_name: str, trial: LoggedTrial) -> None:
        self._write(lambda: self.trials.setdefault((model_name, trial.search, trial.number), trial))

    def tamper(self, number: str) -> None:
        """Other bytes stand where the artifact was."""
        self.digests[number] = "tampered"

    def _answer(self) -> None:
        self.unanswered = None if self.unanswered is None else self.unanswered - 1
        if self.down or self.unanswered == 0:
            raise RegistryUnreachable("the registry is down")

    def _write(self, change: Callable[[], object]) -> None:
        self._answer()
        if self.crash_at is not None:
            self.crash_at -= 1
            if self.crash_at == 0:
                raise Crash("in the registry")
        change()
        self.champions.append(self.aliases.get(CHAMPION))


def services(landing: MemoryStore, lake: MemoryStore, registry: FakeRegistry, serving: bool = False) -> Services:
    """The real landing and lake over stores in memory, beside a registry in memory."""
    return Services(
        settings=Settings.read({}),
        landing=Landing(landing),
        lake=Lake(lake),
        registry=registry,
        ledger=Ledger(lake),
        locks=Locks(lake, sleep=lambda _: None),
        holds=HoldStore(lake),
        serving=Serving(lake) if serving else None,
    )
