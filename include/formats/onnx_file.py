"""ONNX: a graph of standard operators and their weights. Nothing in it is code; onnxruntime answers from it.

Numbers reach it as float32, so that integers above 2**24 are rounded. With scikit-learn 1.9, onnx 1.23 and skl2onnx 1.20 these
are kept within the tolerance: SimpleImputer and scalers on numbers, OneHotEncoder(handle_unknown="ignore") and OrdinalEncoder
on categories, linear models, forests, and histogram gradient boosting. These are not, and `save` says so: an imputer on a
category (leave its gaps to the encoder), SimpleImputer(add_indicator=True), and boosting with categorical_features.
"""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from include.formats.classes import Classes, as_array, classes_of
from include.formats.port import Untrusted
from include.untrusted_text import of_data, one_line

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_KEY = "proving_ground"
_LARGEST = 500_000_000
_LONGEST = 160
_INPUTS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(string)": "str"}
# ONNX has no missing text. Encoders that learned a gap as a category of its own know it as "nan" after the conversion.
_GAPS = ("", "nan")
_UNSEEN = "never seen before"


class About(BaseModel):
    """What the file's metadata says: each feature's input, in the features' order, and the classes of a classifier.

    `gap` is the text that stands for a missing one.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    version: Literal[1] = 1
    task: Literal["classification", "regression"]
    features: dict[str, str]
    classes: Classes
    gap: str


class OnnxFile:
    """See Format."""

    name, tolerance, apart, libraries = "onnx", 1e-5, False, ("onnx", "onnxruntime")

    def save(self, pipeline: Any, example: "pd.DataFrame", path: Path, trusted: Collection[str]) -> None:
        """Write it, if the file answers as the pipeline does: to the example, to it with gaps, and with unseen categories.

        A pipeline with a method `to_onnx(example)` gives its ModelProto itself: one input (n, 1) a column, in their order, of
        float, double or string, and as its last output the probabilities (n, classes) or the values.
        """
        try:
            model = pipeline.to_onnx(example) if hasattr(pipeline, "to_onnx") else _converted(pipeline, example)
        except Exception as error:
            raise Untrusted(f"is not converted: {type(error).__name__}: {one_line(error, _LONGEST)}") from error
        rows, differences = _probes(example), []
        for gap in _GAPS:
            _describe(model, pipeline, example, gap)
            data = model.SerializeToString(deterministic=True)
            differences.append(_difference(pipeline, self.load(data, trusted), rows))
            if differences[-1] <= self.tolerance:
                path.write_bytes(data)
                return
        raise Untrusted(
            f"answers otherwise as ONNX, by {min(differences):.2g}, where {self.tolerance:g} is allowed, for an example that "
            "also has missing values and unseen categories"
        )

    def load(self, data: bytes, trusted: Collection[str]) -> "OnnxValues":
        """What answers: OnnxClasses for a classifier, which has `predict_proba` and `classes_`."""
        import onnx
        from google.protobuf.message import DecodeError

        if len(data) > _LARGEST:
            raise Untrusted(f"has {len(data):,} bytes; an ONNX model may have {_LARGEST:,}")
        try:
            model = onnx.load_model_from_string(data)
        except DecodeError as error:
            raise Untrusted(f"is no ONNX model ({one_line(error, _LONGEST)})") from error
        # What is run is what was looked at: nothing that this parser skipped and another one would read.
        model.DiscardUnknownFields()
        for part in _parts(model):
            _refuse_hostile(part)
        about = _about(model)
        return (OnnxClasses if about.task == "classification" else OnnxValues)(model.SerializeToString(), about)


class OnnxValues:
    """What answers from an ONNX model in this process, on one thread: a value a row."""

    def __init__(self, data: bytes, about: About) -> None:
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 4
        # Another format of onnxruntime's own is told by its first bytes otherwise.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise Untrusted(f"is refused by onnxruntime ({one_line(error, _LONGEST)})") from error
        self._data, self._about = data, about
        self._types = {one.name: _INPUTS.get(one.type, "") for one in self._session.get_inputs()}
        if sorted(self._types) != sorted(about.features.values()) or not all(self._types.values()):
            inputs = ", ".join(f"{one.name}: {one.type}" for one in self._session.get_inputs())
            raise Untrusted(
                f"says that its inputs are {one_line(', '.join(about.features.values()), _LONGEST)}; they are "
                f"{one_line(inputs, _LONGEST)}, and accepted are {', '.join(_INPUTS)}"
            )
        self.feature_names_in_ = np.array(list(about.features), dtype=object)

    def to_onnx(self, _: "pd.DataFrame") -> Any:
        """The graph itself: what was loaded is saved again as it is."""
        import onnx

        return onnx.load_model_from_string(self._data)

    def __reduce__(self) -> tuple[Any, ...]:
        # A session cannot be sent to a worker; the file can.
        return FORMAT.load, (self._data, ())

    def predict(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Values (n,)."""
        return self._answers(rows).reshape(len(rows))

    def _answers(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """The last output as float64.

        Raises:
            ValueError: the model does not answer these rows.
        """
        import numpy as np

        fed = {name: self._column(rows[feature], self._types[name]) for feature, name in self._about.features.items()}
        try:
            return np.asarray(self._session.run(None, fed)[-1], dtype="float64")
        except Exception as error:
            raise ValueError(f"the ONNX model does not answer: {of_data(error)}") from error

    def _column(self, values: "pd.Series[Any]", kind: str) -> "np.ndarray[Any, Any]":
        import numpy as np

        if kind != "str":
            return values.to_numpy(dtype="float64", na_value=np.nan).astype(kind).reshape(-1, 1)
        return values.astype("str").fillna(self._about.gap).to_numpy(dtype=object).reshape(-1, 1)


class OnnxClasses(OnnxValues):
    """The same for a classifier: the likeliest class a row, and the probabilities of all."""

    @property
    def classes_(self) -> "np.ndarray[Any, Any]":
        """As the pipeline that was saved had them."""
        return as_array(self._about.classes)

    def predict(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Classes (n,)."""
        classes: np.ndarray[Any, Any] = as_array(self._about.classes)[self.predict_proba(rows).argmax(axis=1)]
        return classes

    def predict_proba(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Probabilities (n, classes), 0 to 1."""
        return self._answers(rows).reshape(len(rows), len(self._about.classes))


def _converted(pipeline: Any, example: "pd.DataFrame") -> Any:
    """The ModelProto that skl2onnx makes of it."""
    from pandas.api.types import is_numeric_dtype
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    numbers = {name: is_numeric_dtype(example[name]) for name in example}
    inputs = [(name, (FloatTensorType if number else StringTensorType)([None, 1])) for name, number in numbers.items()]
    options = {id(pipeline): {"zipmap": False}} if hasattr(pipeline, "predict_proba") else None
    with _integers_for_protobuf():
        return to_onnx(pipeline, initial_types=inputs, options=options)


@contextmanager
def _integers_for_protobuf() -> Iterator[None]:
    """Histogram gradient boosting is converted too: skl2onnx 1.20 writes booleans where protobuf only takes integers."""
    from skl2onnx.common import _container

    make_node: Callable[..., Any] = _container.make_node

    def with_integers(*arguments: Any, **attributes: Any) -> Any:
        for name, value in attributes.items():
            if isinstance(value, list):
                attributes[name] = [int(one) if isinstance(one, bool) else one for one in value]
        return make_node(*arguments, **attributes)

    _container.make_node = with_integers
    try:
        yield
    finally:
        _container.make_node = make_node


def _describe(model: Any, pipeline: Any, example: "pd.DataFrame", gap: str) -> None:
    """Write into the model's metadata what answering takes."""
    import onnx

    inputs = [one.name for one in model.graph.input]
    if len(inputs) != len(example.columns):
        raise Untrusted(f"has {len(inputs)} inputs as ONNX, and {len(example.columns)} columns: one a column is wanted")
    classes = classes_of(pipeline)
    about = About(
        task="classification" if classes else "regression",
        features=dict(zip(example.columns, inputs, strict=True)),
        classes=classes,
        gap=gap,
    )
    onnx.helper.set_model_props(model, {_KEY: json.dumps(about.model_dump())})


def _probes(example: "pd.DataFrame") -> "pd.DataFrame":
    """The example; again with each column missing in turn; and with categories and texts that were never seen."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    frames, unseen = [example], example.copy()
    for name in example:
        frames.append(example.copy())
        frames[-1][name] = example[name].where(example[name].isna())
        if not is_numeric_dtype(example[name]):
            unseen[name] = pd.Series(_UNSEEN, index=example.index, dtype="str")
    return pd.concat([*frames, unseen], ignore_index=True)


def _difference(pipeline: Any, loaded: OnnxValues, rows: "pd.DataFrame") -> float:
    """How far the answers lie apart: probabilities at most; of values, as a share of the largest where that is above 1.

    A classifier's `predict` has to be its likeliest class, since that is what the file answers.
    """
    import numpy as np
    import pandas as pd

    if not isinstance(loaded, OnnxClasses):
        values = np.asarray(pipeline.predict(rows), dtype="float64").ravel()
        return float(np.abs(values - loaded.predict(rows)).max() / max(1.0, np.abs(values).max()))
    probabilities = np.asarray(pipeline.predict_proba(rows), dtype="float64")
    chosen = pd.Index(pipeline.classes_).get_indexer(pipeline.predict(rows))
    behind = probabilities.max(axis=1) - probabilities[np.arange(len(rows)), chosen]
    return float(max(np.abs(probabilities - loaded.predict_proba(rows)).max(), behind.max()))


def _parts(message: Any) -> Iterator[Any]:
    """A message of protobuf and all that it holds, however deep: graphs, functions, attributes, sparse tensors."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in [value] if hasattr(value, "ListFields") else value:
                yield from _parts(one)


def _refuse_hostile(part: Any) -> None:
    """Stop at a tensor that is kept in another file, an operator that is not ONNX's own, and a set of them not known here."""
    import onnx

    if isinstance(part, onnx.TensorProto) and (part.data_location == onnx.TensorProto.EXTERNAL or part.external_data):
        raise Untrusted(f"keeps the tensor {one_line(part.name, _LONGEST)!r} in another file")
    if isinstance(part, onnx.NodeProto | onnx.FunctionProto | onnx.OperatorSetIdProto) and part.domain not in _DOMAINS:
        accepted = ", ".join(map(repr, _DOMAINS))
        raise Untrusted(f"uses operators of the domain {one_line(part.domain, _LONGEST)!r}; accepted are {accepted}")
    if isinstance(part, onnx.OperatorSetIdProto):
        newest = onnx.defs.onnx_ml_opset_version() if part.domain == _DOMAINS[-1] else onnx.defs.onnx_opset_version()
        if not 1 <= part.version <= newest:
            raise Untrusted(f"uses version {part.version} of the operators {part.domain!r}; accepted are 1 to {newest}")


def _about(model: Any) -> About:
    entries = [entry.value for entry in model.metadata_props if entry.key == _KEY]
    if len(entries) != 1:
        raise Untrusted(f"has {len(entries)} entries {_KEY} in its metadata, and one is wanted: the pipeline did not write it")
    try:
        about = About.model_validate_json(entries[0])
    except ValidationError as error:
        raise Untrusted(f"has metadata that are not the pipeline's ({one_line(error, _LONGEST)})") from error
    if bool(about.classes) != (about.task == "classification"):
        raise Untrusted(f"says that it does {about.task}, with {len(about.classes)} classes")
    return about


FORMAT = OnnxFile()
