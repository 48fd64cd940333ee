"""Stand-ins for outside systems, each as small as the tests allow."""

import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from botocore.exceptions import ClientError

from include.adapters.fresh_process import ArtifactTrial
from include.adapters.lake import Lake
from include.adapters.landing import Landing
from include.adapters.ledger import Ledger
from include.adapters.lock import Locks
from include.adapters.memory_store import MemoryStore as BucketInMemory
from include.adapters.registry import CHAMPION, Artifact, Training, Version
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

    def head_bucket(self, **_ignored: str) -> None:
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
        if self.crash_at is not None:
            self.crash_at -= 1
            if self.crash_at == 0:
                raise Crash(key)
        return super().put(key, data)

    def _now(self) -> datetime:
        return self.now


class FakeRegistry:
    """Versions, aliases and reports in memory; `champions` tells who was champion after every write.

    `down` makes everything raise, `unanswered` only the question of that number from now on; the `crash_at`-th write from
    now on is never made. A pipeline comes back as it was given; `tamper` changes its digest.
    """

    def __init__(self) -> None:
        self.versions: dict[str, Version] = {}
        self.pipelines: dict[str, Any] = {}
        self.digests: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.model_tags: dict[str, str] = {}
        self.reports: dict[tuple[str, str], str] = {}
        self.descriptions: dict[str, str] = {}
        self.trainings: list[Training] = []
        self.champions: list[str | None] = []
        self.pictures: dict[tuple[str, str], bytes] = {}
        self.examples = pd.DataFrame({"x": [0.5, -0.5], "z": [0.0, 1.0], "colour": ["red", "blue"]})
        self.failing_trial = ""
        self.other_answers = 0.0
        self.down = False
        self.unanswered: int | None = None
        self.crash_at: int | None = None

    def aliased(self, model_name: str, alias: str) -> Version | None:
        self._answer()
        number = self.aliases.get(alias)
        return self.versions[number] if number else None

    def champion(self, model_name: str) -> Version | None:
        return self.aliased(model_name, CHAMPION)

    def version(self, model_name: str, number: str) -> Version:
        self._answer()
        return self.versions[number]

    def exists(self, model_name: str, number: str) -> bool:
        self._answer()
        return number in self.versions

    def all_versions(self, model_name: str) -> list[Version]:
        self._answer()
        return list(self.versions.values())

    def remove_version(self, model_name: str, number: str) -> None:
        self._write(lambda: self.versions.pop(number, None))
        self.aliases = {alias: carrier for alias, carrier in self.aliases.items() if carrier != number}

    def overview(self, model_name: str) -> tuple[dict[str, str], dict[str, str]]:
        self._answer()
        return dict(self.aliases), dict(self.model_tags)

    def annotate_model(self, model_name: str, tags: dict[str, str]) -> None:
        if not self.versions:
            raise RegistryError(f"there is no model {model_name}")
        self._write(lambda: self.model_tags.update(tags))

    def set_alias(self, model_name: str, alias: str, number: str) -> None:
        self._answer()
        if number not in self.versions:
            raise RegistryError(f"{alias} -> {number}: there is no such version")
        self._write(lambda: self.aliases.update({alias: number}))

    def drop_alias(self, model_name: str, alias: str) -> None:
        self._write(lambda: self.aliases.pop(alias, None))

    def annotate(self, model_name: str, number: str, tags: dict[str, str], description: str | None = None) -> None:
        self._write(lambda: self.versions[number].tags.update(tags))
        if description is not None:
            self.descriptions[number] = description

    def drop_tags(self, model_name: str, number: str, names: Iterable[str]) -> None:
        for name in names:
            self._write(lambda name=name: self.versions[number].tags.pop(name, None))

    def run_url(self, run_id: str) -> str:
        return f"http://registry.example/run/{run_id}"

    def version_url(self, model_name: str, number: str) -> str:
        return f"http://registry.example/{model_name}/{number}"

    def find_trained(self, model_name: str, training_key: str) -> Version | None:
        self._answer()
        return next((version for version in self.versions.values() if version.tags.get("training_key") == training_key), None)

    def register(self, model: Model, pipeline: Any, example: pd.DataFrame, training: Training) -> Version:
        self.trainings.append(training)
        return self.add(pipeline, training.tags | {"training_key": training.key})

    def add(self, pipeline: Any, tags: dict[str, str]) -> Version:
        number = str(len(self.versions) + 1)
        self._write(lambda: self.versions.update({number: Version("toy", number, f"run-{number}", dict(tags))}))
        self.pipelines[number], self.digests[number] = pipeline, f"digest-of-{number}"
        return self.versions[number]

    def artifact_digest(self, model_name: str, number: str) -> str:
        self._answer()
        return self.digests[number]

    def artifact(self, model_name: str, number: str) -> Artifact:
        self._answer()
        return Artifact(f"file of {number}".encode(), self.digests[number], ("scikit-learn==1.9.1",))

    def load(self, model: Model, number: str, expected_digest: str | None = None) -> Any:
        if expected_digest and self.artifact_digest(model.name, number) != expected_digest:
            raise ArtifactChanged(f"version {number}")
        self._answer()
        return self.pipelines[number]

    def try_out(self, model: Model, number: str, rows: pd.DataFrame) -> ArtifactTrial:
        """No process is started: `failing_trial` says what one would have said."""
        self._answer()
        if self.failing_trial:
            raise TrialFailed(self.failing_trial)
        pipeline = self.pipelines[number]
        answer = pipeline.predict if model.task == "regression" else pipeline.predict_proba
        answers = np.asarray(answer(rows), dtype="float64") + self.other_answers
        return ArtifactTrial(load_seconds=0.1, latency_ms=2.0, size_mb=0.5, memory_mb=150.0, answers=answers)

    def example(self, model_name: str, number: str) -> pd.DataFrame:
        self._answer()
        return self.examples

    def log_picture(self, run_id: str, path: str, png: bytes) -> str:
        self._write(lambda: self.pictures.update({(run_id, path): png}))
        return f"http://registry.example/picture/{run_id}/{path}"

    def log_report(self, run_id: str, path: str, text: str) -> str:
        self._write(lambda: self.reports.update({(run_id, path): text}))
        return f"http://registry.example/{run_id}/{path}"

    def read_report(self, run_id: str, path: str) -> str:
        self._answer()
        return self.reports[run_id, path]

    def log_replay(self, model_name: str, digest: str, files: dict[str, str], tags: dict[str, str]) -> str:
        run = f"replay-{digest}"
        self._write(lambda: self.reports.update({(run, path): text for path, text in files.items()}))
        return f"http://registry.example/{run}/{next(iter(files))}"

    def tamper(self, number: str) -> None:
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
    fake: Any = registry
    return Services(
        settings=Settings.read({}),
        landing=Landing(landing),
        lake=Lake(lake),
        registry=fake,
        ledger=Ledger(lake),
        locks=Locks(lake, sleep=lambda _: None),
        serving=Serving(lake) if serving else None,
    )
