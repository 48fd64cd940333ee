"""An MLServer runtime for what the pipeline publishes: it loads skops files, and unpickles nothing.

It refuses a file whose digest is not the one it was published under, types that are not scikit-learn's, NumPy's, SciPy's or
named in SKOPS_TRUSTED_TYPES (separated by commas), and, unless SKOPS_OTHER_LIBRARIES=allow, a model that was trained by
libraries of other versions than are here. MLServer then goes on with the version that it has.
"""

import hashlib
import json
import os
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from mlserver import MLModel, ModelSettings
from mlserver.errors import InferenceError, MLServerError
from mlserver.types import Datatype, InferenceRequest, InferenceResponse, Parameters, RequestInput, ResponseOutput
from mlserver.utils import to_absolute_path

_LIBRARIES = ("scikit-learn", "numpy", "pandas", "scipy", "skops")
_HARMLESS = ("sklearn.", "numpy.", "scipy.")


class SkopsRuntime(MLModel):  # type: ignore[misc]  # MLServer is no part of the environment that is checked
    """One published version."""

    def __init__(self, settings: ModelSettings) -> None:
        # Here and not in `load`: MLServer asks a newer version from the moment it knows it, before it is loaded.
        super().__init__(settings)
        folder = Path(to_absolute_path(settings, settings.parameters.uri))
        self._about = json.loads((folder / "about.json").read_text())
        data = (folder / "model.skops").read_bytes()
        self._refuse_other_bytes(folder, data)
        self._refuse_other_versions()
        self._pipeline = skops.io.loads(data, trusted=self._trusted(data))
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
            raise MLServerError(f"{folder.name}: model.skops has the digest {digest}, which is not the one that was published")

    def _refuse_other_versions(self) -> None:
        required = dict(line.split("==", 1) for line in self._about["requirements"] if line.count("==") == 1)
        here = {name: installed(name) for name in _LIBRARIES if name in required}
        other = [f"{name} {its} instead of {required[name]}" for name, its in here.items() if its != required[name]]
        if other and os.environ.get("SKOPS_OTHER_LIBRARIES") != "allow":
            raise MLServerError(f"{self.name} was trained by other libraries; here are {', '.join(other)}")

    def _trusted(self, data: bytes) -> list[str]:
        """What the pipeline's model file trusts, as far as it is harmless no matter who wrote it into the bucket."""
        named = {name.strip() for name in os.environ.get("SKOPS_TRUSTED_TYPES", "").split(",") if name.strip()}
        trusted = {name for name in self._about["trusted_types"] if name.startswith(_HARMLESS) or name in named}
        if unknown := set(skops.io.get_untrusted_types(data=data)) - trusted:
            raise MLServerError(f"{self.name} would create {', '.join(sorted(unknown))}: see SKOPS_TRUSTED_TYPES")
        return sorted(trusted)


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
