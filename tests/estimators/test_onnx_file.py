"""An ONNX file answers as the pipeline did, and no other file is read."""

import os
import pickle
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from include.formats import onnx_file
from include.formats.onnx_file import FORMAT
from include.formats.port import Untrusted

NUMBERS = ["x y", "z"]
FEATURES = [*NUMBERS, "colour"]


def frame(count: int = 400, seed: int = 1, gaps: tuple[str, ...] = ("z",)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"x y": rng.normal(size=count) * 100, "z": rng.normal(size=count)})
    rows["colour"] = pd.Series(rng.choice(["red", "green", "blue"], count), dtype="str")
    for name in gaps:
        rows.loc[rng.random(count) < 0.2, name] = None
    return rows


def scaled() -> Any:
    return make_pipeline(SimpleImputer(), StandardScaler())


def one_hot() -> Any:
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def ordinal(unknown: float = np.nan) -> Any:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=unknown)


def pipeline(numbers: Any, colours: Any, model: Any) -> Any:
    return make_pipeline(make_column_transformer((numbers, NUMBERS), (colours, ["colour"])), model)


KEPT: dict[str, Callable[[], Any]] = {
    "logistic": lambda: pipeline(scaled(), one_hot(), LogisticRegression()),
    "forest": lambda: pipeline(scaled(), one_hot(), RandomForestClassifier(n_estimators=10, random_state=1)),
    "boosting": lambda: pipeline("passthrough", ordinal(), HistGradientBoostingClassifier(max_iter=10)),
    "boosting one-hot": lambda: pipeline("passthrough", one_hot(), HistGradientBoostingClassifier(max_iter=10)),
    "linear values": lambda: pipeline(scaled(), one_hot(), LinearRegression()),
    "boosted values": lambda: pipeline("passthrough", one_hot(), HistGradientBoostingRegressor(max_iter=10)),
}


def fitted(made: Any, names: tuple[Any, ...] = (0, 1), gaps: tuple[str, ...] = ("z",)) -> Any:
    """On classes of these names, or on values of some thousands."""
    rows = frame(gaps=gaps)
    classes = np.array(names)[pd.qcut(rows["x y"], len(names), labels=False).to_numpy("int64")]
    return made.fit(rows, classes if hasattr(made, "predict_proba") else rows["x y"] + 5000)


def kept(made: Any, example: pd.DataFrame | None = None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            FORMAT.save(made, frame(20, 2) if example is None else example, path, ())
        except Untrusted:
            assert os.listdir(folder) == []
            raise
        return path.read_bytes()


def answers(one: Any, rows: pd.DataFrame) -> Any:
    return one.predict_proba(rows) if hasattr(one, "predict_proba") else one.predict(rows)


@pytest.mark.parametrize("gaps", [("z",), ("z", "colour")], ids=["complete colours", "missing colours"])
@pytest.mark.parametrize("name", KEPT)
def test_it_answers_as_the_pipeline_did(name: str, gaps: tuple[str, ...]) -> None:
    """New rows, missing values, categories never seen, one row and none: within the tolerance that the format states."""
    made = fitted(KEPT[name](), gaps=gaps)
    loaded = FORMAT.load(kept(made), ())
    assert list(loaded.feature_names_in_) == FEATURES
    rows = frame(300, 3, gaps=tuple(FEATURES))
    rows.loc[::5, "colour"] = "mauve"
    for asked in (rows, rows.head(1)):
        expected = answers(made, asked)
        assert np.abs(answers(loaded, asked) - expected).max() <= FORMAT.tolerance * max(1, np.abs(expected).max())
    assert len(answers(loaded, rows.head(0))) == 0
    assert (answers(loaded, rows) == answers(loaded, rows)).all()


@pytest.mark.parametrize("names", [(0, 1), (0.0, 1.0), (False, True), ("low", "middle", "high")], ids=str)
def test_a_classifier_has_its_classes(names: tuple[Any, ...]) -> None:
    """Of their own type, in their order; predict gives the likeliest one."""
    made = fitted(KEPT["logistic"](), names)
    loaded: Any = FORMAT.load(kept(made), ())
    assert list(map(repr, loaded.classes_.tolist())) == list(map(repr, made.classes_.tolist()))
    assert (loaded.predict(frame(50, 4)) == made.predict(frame(50, 4))).all()


def test_what_gives_values_has_no_classes() -> None:
    """Callers tell the two apart by that."""
    loaded = FORMAT.load(kept(fitted(KEPT["linear values"]())), ())
    assert not hasattr(loaded, "predict_proba")
    assert not hasattr(loaded, "classes_")


@cache
def both() -> tuple[Any, Any]:
    made = fitted(KEPT["boosting"]())
    return made, FORMAT.load(kept(made), ())


CELLS = (
    st.none() | st.floats(-1e6, 1e6, width=32),
    st.none() | st.floats(-1e6, 1e6, width=32),
    st.none() | st.sampled_from(["red", "green", "blue"]) | st.text(max_size=5),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*CELLS), min_size=1, max_size=8))
def test_no_row_is_answered_otherwise(cells: list[tuple[Any, ...]]) -> None:
    """Numbers that float32 holds, and any text."""
    rows = pd.DataFrame(cells, columns=FEATURES).astype({"x y": "float64", "z": "float64", "colour": "str"})
    made, loaded = both()
    assert np.abs(loaded.predict_proba(rows) - made.predict_proba(rows)).max() <= FORMAT.tolerance


def test_it_can_be_sent_to_a_worker() -> None:
    """The file is sent, and looked at again where it arrives."""
    loaded = both()[1]
    assert (answers(pickle.loads(pickle.dumps(loaded)), frame()) == answers(loaded, frame())).all()


class Doubled:
    """A model of a team's own that gives its graph itself."""

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = factor

    def predict(self, rows: pd.DataFrame) -> Any:
        return rows["x"].fillna(0.0).to_numpy() * 2

    def to_onnx(self, example: pd.DataFrame) -> onnx.ModelProto:
        nodes = [
            helper.make_node("IsNaN", ["x"], ["missing"]),
            helper.make_node("Where", ["missing", "zero", "x"], ["filled"]),
            helper.make_node("Mul", ["filled", "factor"], ["values"]),
        ]
        ends = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]) for name in ("x", "values")]
        numbers = {"zero": 0.0, "factor": self.factor}
        weights = [numpy_helper.from_array(np.array([value]), name) for name, value in numbers.items()]
        graph = helper.make_graph(nodes, "doubled", ends[:1], ends[1:], weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


ONE = pd.DataFrame({"x": [1.0, 2.5, np.nan]})


def test_a_pipeline_may_give_its_own_graph() -> None:
    """Anything that has to_onnx can be kept, in double precision too."""
    assert FORMAT.load(kept(Doubled(), ONE), ()).predict(ONE).tolist() == [2.0, 5.0, 0.0]


def test_a_graph_that_answers_otherwise_is_not_kept() -> None:
    """Its own conversion is not believed either."""
    with pytest.raises(Untrusted, match=r"answers otherwise as ONNX, by 0\.01, where 1e-05 is allowed"):
        kept(Doubled(2.02), ONE)


class Cautious:
    """Predicts 1 from a tenth on."""

    def __init__(self) -> None:
        self.made = fitted(KEPT["logistic"]())
        self.classes_ = self.made.classes_

    def predict(self, rows: pd.DataFrame) -> Any:
        return (self.predict_proba(rows)[:, 1] > 0.1).astype(int)

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        return self.made.predict_proba(rows)

    def to_onnx(self, example: pd.DataFrame) -> Any:
        return onnx_file._converted(self.made, example)


def test_a_classifier_that_does_not_predict_its_likeliest_class_is_not_kept() -> None:
    """Its probabilities are the same, and its decisions would not be."""
    with pytest.raises(Untrusted, match="answers otherwise"):
        kept(Cautious())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: pipeline(SimpleImputer(add_indicator=True), one_hot(), LogisticRegression()), "answers otherwise"),
        (
            lambda: pipeline("passthrough", ordinal(-1), HistGradientBoostingClassifier(categorical_features=[2])),
            "answers otherwise as ONNX, by [01]",
        ),
        (
            lambda: pipeline(
                scaled(), make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot()), LogisticRegression()
            ),
            "is not converted: NotImplementedError",
        ),
        (lambda: pipeline(FunctionTransformer(np.isnan), one_hot(), LogisticRegression()), "is not converted"),
    ],
    ids=["indicator", "native categories", "filled category", "own function"],
)
def test_what_would_answer_otherwise_is_not_kept(make: Callable[[], Any], says: str) -> None:
    """Answers are compared, with gaps and unseen categories too; no file is left."""
    with pytest.raises(Untrusted, match=says):
        kept(fitted(make()))


# Hostile files


@cache
def good() -> bytes:
    return kept(fitted(KEPT["logistic"]()))


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_model_from_string(good())
    change(model)
    return bytes(model.SerializeToString())


def elsewhere(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def outside() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4), "w")
    elsewhere(tensor)
    return tensor


def branch(tensor: onnx.TensorProto) -> onnx.GraphProto:
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    return helper.make_graph([node], "branch", [], [helper.make_tensor_value_info("c", TensorProto.DOUBLE, [4])])


def in_subgraph(model: onnx.ModelProto) -> None:
    inner = helper.make_node("If", ["cond"], ["d"], then_branch=branch(outside()), else_branch=branch(outside()))
    outer = helper.make_graph([inner], "outer", [], [helper.make_tensor_value_info("d", TensorProto.DOUBLE, [4])])
    model.graph.node.append(helper.make_node("If", ["cond"], ["e"], then_branch=outer, else_branch=outer))


def in_function(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("Constant", [], ["c"], value=outside())]
    model.functions.append(helper.make_function("ai.onnx", "F", [], ["c"], nodes, [helper.make_opsetid("", 18)]))


def sparse(model: onnx.ModelProto) -> None:
    indices = numpy_helper.from_array(np.arange(4), "i")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(outside(), indices, [4]))


def custom(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("ReadFile", ["x_y"], ["out"], domain="com.evil"))


def custom_within(model: onnx.ModelProto) -> None:
    graph = branch(numpy_helper.from_array(np.zeros(4), "w"))
    graph.node.append(helper.make_node("ReadFile", ["c"], ["out"], domain="com.microsoft"))
    model.graph.node.append(helper.make_node("If", ["cond"], ["e"], then_branch=graph, else_branch=graph))


def described(text: str) -> Callable[[onnx.ModelProto], object]:
    return lambda model: helper.set_model_props(model, {"proving_ground": text})


def about(**changes: Any) -> Callable[[onnx.ModelProto], object]:
    features = {"x y": "x_y", "z": "z", "colour": "colour"}
    plain = onnx_file.About(task="classification", features=features, classes=[0, 1], gap="")
    return described(plain.model_copy(update=changes).model_dump_json())


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


HOSTILE: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "external weights": (lambda model: elsewhere(model.graph.initializer[0]), "in another file"),
    "external in a subgraph": (in_subgraph, "in another file"),
    "external in a function": (in_function, "in another file"),
    "external sparse": (sparse, "in another file"),
    "external in an attribute": (
        lambda model: model.graph.node.append(helper.make_node("Constant", [], ["c"], value=outside())),
        "in another file",
    ),
    "external in a training graph": (
        lambda model: model.training_info.add().initialization.initializer.append(outside()),
        "in another file",
    ),
    "custom operator": (custom, "operators of the domain 'com.evil'; accepted are '', 'ai.onnx', 'ai.onnx.ml'"),
    "custom in a subgraph": (custom_within, "operators of the domain 'com.microsoft'"),
    "custom set": (lambda model: model.opset_import.append(helper.make_opsetid("com.evil", 1)), "'com.evil'"),
    "opset to come": (lambda model: setattr(model.opset_import[0], "version", 9999), "version 9999 of the operators"),
    "no opset": (lambda model: setattr(model.opset_import[0], "version", 0), "version 0 of the operators"),
    "no metadata": (lambda model: model.ClearField("metadata_props"), "has 0 entries proving_ground"),
    "metadata twice": (lambda model: model.metadata_props.add(key="proving_ground", value="{}"), "has 2 entries"),
    "no JSON": (described("{"), "metadata that are not the pipeline's"),
    "more than it may say": (described('{"task": "regression", "run": "rm"}'), "metadata that are not the pipeline's"),
    "another input": (about(features={"x y": "secret", "z": "z", "colour": "colour"}), "says that its inputs are secret"),
    "an input twice": (about(features={"x y": "z", "z": "z", "colour": "colour"}), "says that its inputs are z, z"),
    "no classes": (about(classes=[]), "says that it does classification, with 0 classes"),
    "classes of values": (about(task="regression"), "says that it does regression, with 2 classes"),
    "a broken graph": (lambda model: model.graph.node[0].input.append("nowhere"), "is refused by onnxruntime"),
}


@pytest.mark.parametrize(("change", "says"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_model_is_refused(change: Callable[[onnx.ModelProto], object], says: str) -> None:
    """Each with what is wrong with it; unchanged, the same file is read."""
    assert FORMAT.load(changed(lambda model: None), ())
    with pytest.raises(Untrusted, match=says):
        FORMAT.load(changed(change), ())


def test_weights_in_another_file_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are there, and in the right place, and the model is refused."""
    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(bytes(10_000))
    with pytest.raises(Untrusted, match="in another file"):
        FORMAT.load(changed(lambda model: elsewhere(model.graph.initializer[0])), ())


def test_another_file_under_its_name_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    """A pickle that would create a file, a skops archive, text, half a model, nothing."""
    trap = tmp_path / "ran"
    for data in (pickle.dumps(Evil(trap)), skops.io.dumps(fitted(KEPT["logistic"]())), b"hello", good()[:-20], b""):
        with pytest.raises(Untrusted):
            FORMAT.load(data, ())
    assert not trap.exists()
    pickle.loads(pickle.dumps(Evil(trap)))
    assert trap.exists()


def test_a_model_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is parsed."""
    monkeypatch.setattr(onnx_file, "_LARGEST", 100)
    with pytest.raises(Untrusted, match=f"has {len(good()):,} bytes; an ONNX model may have 100"):
        FORMAT.load(good(), ())


def test_a_model_that_has_other_classes_than_it_says_does_not_answer() -> None:
    """Probabilities of two classes are none of three: a ValueError, which every caller takes for no answer."""
    loaded: Any = FORMAT.load(changed(about(classes=[0, 1, 2])), ())
    with pytest.raises(ValueError, match="reshape"):
        loaded.predict_proba(frame(5))
