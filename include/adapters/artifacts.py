"""The file behind a version: kept in the format that its candidate declares, and loaded only as the model's file allows."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import skops.io
from mlflow.exceptions import MlflowException
from mlflow.models import Model as LoggedModel
from mlflow.models import infer_signature
from mlflow.models.utils import _save_example
from skops.io.exceptions import UntrustedTypesFoundException

from include.adapters.registry import OWN_CODE, Artifact, Training
from include.errors import ArtifactChanged, OtherLibraries, UntrustedModel
from include.formats import format_named
from include.formats.code_used import other_libraries
from include.formats.port import PREFIX, Format, Untrusted, file_of
from include.formats.skops_file import unknown_types
from include.models.contract import Model

_SKOPS = "skops"
_FLAVOR = "proving_ground"
_LONGEST = 300


@dataclass(frozen=True)
class KeptFile:
    """The downloaded artifact of one version: a folder with the file, and the libraries that made it."""

    model_name: str
    number: str
    folder: Path

    @property
    def title(self) -> str:
        """The version, in messages."""
        return f"{self.model_name} version {self.number}"

    @cached_property
    def format(self) -> Format:
        """By the name of the file, which is the format's.

        Raises:
            UntrustedModel: there is no file of a format that is known.
        """
        for path in sorted(self.folder.glob(f"{PREFIX}*")):
            with suppress(KeyError):
                return format_named(path.name.removeprefix(PREFIX))
        raise UntrustedModel(
            f"{self.title} holds no model.skops and no file of another format that is known, and nothing else is loaded (a "
            "pickle runs code). Register it through the pipeline, in the format that its candidate declares."
        )

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / file_of(self.format.name)

    @cached_property
    def data(self) -> bytes:
        """What is in it."""
        return self.path.read_bytes()

    @property
    def digest(self) -> str:
        """Sha256 of these very bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def requirements(self) -> tuple[str, ...]:
        """The libraries that trained it, as they were written down beside it."""
        named = self.folder / "requirements.txt"
        lines = named.read_text(encoding="utf-8").split() if named.is_file() else []
        # MLflow names itself in each.
        return tuple(line for line in lines if self.format.apart or not line.startswith("mlflow=="))

    def artifact(self) -> Artifact:
        """To be handed on."""
        own_code = (LoggedModel.load(str(self.folder)).metadata or {}).get(OWN_CODE, {})
        return Artifact(self.data, self.digest, self.requirements, self.format.name, own_code)

    def load(self, model: Model, expected_digest: str | None = None, upgraded: bool = False) -> Any:
        """What answers, from the very bytes that were digested; see Registry.load. `upgraded`: whatever libraries made it."""
        if expected_digest and self.digest != expected_digest:
            raise ArtifactChanged(
                f"{self.title}: the artifact has digest {self.digest[:16]}, validated was "
                f"{expected_digest[:16]}. The artifact was replaced. If it is champion run {model.name}.rollback, else "
                "train and validate again."
            )
        self.refuse_undeclared(model)
        if not upgraded:
            self.refuse_other_libraries()
        try:
            return self.format.load(self.data, model.trusted_types)
        except Untrusted as error:
            if error.types:
                raise UntrustedModel(
                    f"{self.title} {_short(error)}, which the model does not trust. {to_paste(model, error.types)}"
                ) from error
            raise UntrustedModel(
                f"{self.title}: its {self.path.name} {_short(error)}. It was replaced: put the alias on another version, "
                f"or run {model.name}.retrain with force."
            ) from error

    def refuse_undeclared(self, model: Model) -> None:
        """Stop where no candidate of the model declares the format: what a file is called is not believed."""
        if self.format.name not in model.formats:
            raise UntrustedModel(
                f"{self.title} is kept as {self.path.name}, and no candidate of {model.name} declares "
                f"artifact={self.format.name!r}; declared are {', '.join(sorted(model.formats))}. Declare it again in "
                f"include/models/{model.name}.py, or put the alias on another version."
            )

    def refuse_other_libraries(self) -> None:
        """Stop before loading where the libraries that it consists of are of other releases here."""
        if other := other_libraries(self.requirements):
            raise OtherLibraries(
                f"{self.title} was made by {'; '.join(other)}. It is not loaded: its answers might be others. Run "
                f"python -m include.cli reregister {self.model_name} --version {self.number}, or install what it was made by."
            )


def to_paste(model: Model, types: Sequence[str]) -> str:
    """What to write into the model's file, ready to paste."""
    lines = "".join(f"    {name!r},\n" for name in sorted({*types, *model.declared_types})).replace("'", '"')
    return f"If they are harmless, paste into the candidate in include/models/{model.name}.py:\ntrusted_types=(\n{lines}),\n"


def log_pipeline(model: Model, pipeline: Any, example: pd.DataFrame, training: Training) -> Any:
    """Keep a fitted pipeline as an artifact of the run that is open, and say what MLflow calls it.

    Raises:
        UntrustedModel: it has types that the model does not trust, or parts that its format cannot hold.
    """
    about = {
        "signature": infer_signature(example, pipeline.predict(example)),
        "input_example": example,
        "pip_requirements": training.requirements,
        "metadata": {OWN_CODE: json.loads(training.tags.get(OWN_CODE, "{}"))},
    }
    if training.artifact == _SKOPS:
        return _log_skops(model, pipeline, about)
    try:
        flavor = _Flavor(format_named(training.artifact), pipeline, model.trusted_types)
        return LoggedModel.log(artifact_path=None, name="model", flavor=flavor, **about)
    except Untrusted as error:
        raise UntrustedModel(
            f"{model.name}: the pipeline cannot be kept as {training.artifact}: it {_short(error)}. Correct build in "
            f"include/models/{model.name}.py, or declare another artifact=."
        ) from error


def _log_skops(model: Model, pipeline: Any, about: dict[str, Any]) -> Any:
    try:
        return mlflow.sklearn.log_model(
            pipeline, name="model", serialization_format=_SKOPS, skops_trusted_types=list(model.trusted_types), **about
        )
    except MlflowException as error:
        # MLflow gives it the code that an outage has.
        if not isinstance(error.__context__, UntrustedTypesFoundException):
            raise
        types = unknown_types(skops.io.dumps(pipeline), model.trusted_types)
        raise UntrustedModel(
            f"{model.name}: the pipeline cannot be kept, because loading it would create {', '.join(types)}. "
            f"{to_paste(model, types)}Then run {model.name}.retrain."
        ) from error


@dataclass(frozen=True)
class _Flavor:
    """A flavor of MLflow's for a file in one of our formats."""

    format: Format
    pipeline: Any
    trusted: tuple[str, ...]
    __name__ = _FLAVOR

    def save_model(self, path: str, mlflow_model: Any, **about: Any) -> None:
        """What MLflow calls with the folder that it keeps."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        file = file_of(self.format.name)
        self.format.save(self.pipeline, about["input_example"], folder / file, self.trusted)
        (folder / "requirements.txt").write_text("\n".join(about["pip_requirements"]) + "\n", encoding="utf-8")
        mlflow_model.signature = about["signature"]
        _save_example(mlflow_model, about["input_example"], path)
        mlflow_model.add_flavor(_FLAVOR, format=self.format.name, file=file)
        mlflow_model.save(folder / "MLmodel")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]
