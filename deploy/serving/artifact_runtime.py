"""An MLServer runtime for what the pipeline publishes: it loads the formats of include/formats, and unpickles nothing.

It refuses a file whose digest is not the one it was published under, types that are not scikit-learn's, NumPy's, SciPy's or
named in TRUSTED_TYPES (separated by commas), a team's own code that is not here or not the same, and, unless
OTHER_LIBRARIES=allow, a model that was trained by libraries of other versions than are here. A format that runs whatever code
its file holds is loaded only where TRUSTED_FORMATS names it. MLServer then goes on with the version that it has.
"""

import hashlib
import json
import os
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlserver import MLModel, ModelSettings
from mlserver.errors import InferenceError, MLServerError
from mlserver.types import Datatype, InferenceRequest, InferenceResponse, Parameters, RequestInput, ResponseOutput
from mlserver.utils import to_absolute_path

from include.formats import format_named
from include.formats.code_used import source_digest
from include.formats.port import Format, Untrusted, file_of

_HARMLESS = ("sklearn.", "numpy.", "scipy.")


class ArtifactRuntime(MLModel):  # type: ignore[misc]  # MLServer is no part of the environment that is checked
    """One published version."""

    def __init__(self, settings: ModelSettings) -> None:
        # Here and not in `load`: MLServer asks a newer version from the moment it knows it, before it is loaded.
        super().__init__(settings)
        folder = Path(to_absolute_path(settings, settings.parameters.uri))
        self._about = json.loads((folder / "about.json").read_text())
        kept = self._format()
        data = (folder / file_of(kept.name)).read_bytes()
        self._refuse_other_bytes(folder, data)
        self._refuse_other_versions()
        self._refuse_other_code()
        try:
            self._pipeline = kept.load(data, self._trusted())
        except Untrusted as error:
            raise MLServerError(f"{self.name} {error}: see TRUSTED_TYPES") from error
        self.ready = True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """`predict`, and `predict_proba` where it is asked for by name."""
        rows = _frame(payload.inputs, list(self._pipeline.feature_names_in_))
        wanted = [output.name for output in payload.outputs or []] or ["predict"]
        if unknown := [
            name for name in wanted if name not in ("predict", "predict_proba") or not hasattr(self._pipeline, name)
        ]:
            raise InferenceError(f"{self.name} has no output {', '.join(unknown)}")
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            # Seldon gives versions numbers of its own.
            parameters=Parameters(registry_version=self._about["version"], sha256=self._about["sha256"]),
            outputs=[_output(name, getattr(self._pipeline, name)(rows)) for name in wanted],
        )

    def _refuse_other_bytes(self, folder: Path, data: bytes) -> None:
        digest, expected = hashlib.sha256(data).hexdigest(), self._about["sha256"]
        if digest != expected or folder.name != f"{self._about['version']}-{expected}":
            raise MLServerError(f"{folder.name}: the file has the digest {digest}, which is not the one that was published")

    def _format(self) -> Format:
        name = str(self._about.get("format"))
        try:
            found = format_named(name)
        except (KeyError, ImportError) as error:
            raise MLServerError(f"{self.name} is kept as {name}, which cannot be read here: {error}") from error
        if found.apart and name not in _named("TRUSTED_FORMATS"):
            raise MLServerError(f"{self.name} is kept as {name}, which runs whatever code the file holds: see TRUSTED_FORMATS")
        return found

    def _refuse_other_versions(self) -> None:
        required = dict(line.split("==", 1) for line in self._about["requirements"] if line.count("==") == 1)
        other = [f"{name} {_here(name)} instead of {wanted}" for name, wanted in required.items() if _here(name) != wanted]
        if other and os.environ.get("OTHER_LIBRARIES") != "allow":
            raise MLServerError(f"{self.name} was trained by other libraries; here are {', '.join(other)}")

    def _refuse_other_code(self) -> None:
        """A team's own modules come with the image, not with the model; they have to be those that it was trained with."""
        for module, digest in self._about["own_code"].items():
            try:
                here = source_digest(module)
            except ImportError as error:
                raise MLServerError(f"{self.name} needs the module {module}, which is not on PYTHONPATH here") from error
            if here != digest:
                raise MLServerError(f"{self.name} was trained with another {module} than is here: build the image again")

    def _trusted(self) -> list[str]:
        """What the pipeline's model file trusts, as far as it is harmless no matter who wrote it into the bucket."""
        named = _named("TRUSTED_TYPES")
        return sorted(name for name in self._about["trusted_types"] if name.startswith(_HARMLESS) or name in named)


def _named(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}


def _here(name: str) -> str:
    try:
        # Without the label of a local build, such as +cpu.
        return installed(name).partition("+")[0]
    except PackageNotFoundError:
        return "none"


def _frame(inputs: list[RequestInput], names: list[str]) -> pd.DataFrame:
    """One tensor a column; null is what is missing."""
    columns = {one.name: _column(one) for one in inputs}
    if missing := [name for name in names if name not in columns]:
        raise InferenceError(f"there is no input {', '.join(missing)}; wanted are {', '.join(names)}, one tensor each")
    if len({len(columns[name]) for name in names}) > 1:
        raise InferenceError("the inputs are of different lengths; each is a column, with one value a row")
    return pd.DataFrame({name: columns[name] for name in names})


def _column(one: RequestInput) -> "pd.Series[Any]":
    try:
        values = np.array(list(one.data), dtype=object).ravel()
        if one.datatype not in ("BYTES", Datatype.BYTES):
            return pd.Series(values.astype("float64"))
    except (TypeError, ValueError) as error:
        raise InferenceError(f"input {one.name}: {error}") from error
    return pd.Series([value.decode() if isinstance(value, bytes) else value for value in values], dtype="str")


def _output(name: str, answers: Any) -> ResponseOutput:
    values = np.asarray(answers)
    number = np.issubdtype(values.dtype, np.number)
    flat = values.astype("float64").ravel().tolist() if number else [str(value) for value in values.ravel()]
    return ResponseOutput(name=name, datatype="FP64" if number else "BYTES", shape=list(values.shape), data=flat)
