"""A network is a scikit-learn estimator like any other: fitted by a seed, asked for arrays, refused with words."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator

from include.decisions.data.training import recipe
from include.formats.code_used import own_source, requirements_of
from include.models.contract import Model
from include.torch_net import TorchClassifier, TorchRegressor
from tests.models.test_contract import CHECKS, Check
from tests.torch.nets import Shared, Small
from tests.torch.toys import BINARY, MODELS, classifier, fitted

PLAIN = {"dropout": 0.0}


def data(count: int = 300, seed: int = 0) -> tuple[Any, Any]:
    """Rows (n, 3), and values that a line through them explains but for a little noise."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 3))
    return rows, rows @ [2.0, -1.0, 0.5] + rng.normal(scale=0.1, size=count)


@pytest.mark.parametrize("examine", CHECKS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_networks_keep_the_model_contract(model: Model, examine: Check) -> None:
    """Of two classes, of several, and of numbers: each passes each check that other models pass."""
    examine(model)


@pytest.mark.parametrize("kind", [TorchClassifier, TorchRegressor])
def test_scikit_learn_accepts_them(kind: Any) -> None:
    """All checks that scikit-learn has for estimators of their kind; one asks for more digits than float32 has."""
    rounded = {"check_methods_subset_invariance": "some processors add float32 in another order where rows are fewer"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        check_estimator(
            kind(Small, PLAIN, epochs=50, batch_size=32, learning_rate=0.01), expected_failed_checks=rounded, on_skip=None
        )


@pytest.mark.parametrize("kind", [TorchClassifier, TorchRegressor])
def test_a_row_alone_is_answered_as_among_others(kind: Any) -> None:
    """To the digits that float32 has."""
    rows, values = data()
    net = kind(Small, PLAIN, epochs=20, batch_size=32).fit(rows, values > 0 if kind is TorchClassifier else values)
    answer = net.predict_proba if kind is TorchClassifier else net.predict
    alone = np.concatenate([answer(rows[number : number + 1]) for number in range(len(rows))])
    assert np.allclose(alone, answer(rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("labels", [["no", "yes"], [0.0, 1.0], [7, -3]], ids=["texts", "floats", "whole numbers"])
def test_labels_of_any_kind_are_learned(labels: list[Any]) -> None:
    """What is predicted are the labels themselves, and almost always the right ones."""
    rows, values = data()
    truth = np.array(labels)[(values > 0).astype(int)]
    net = TorchClassifier(Small, batch_size=32, learning_rate=0.01).fit(rows, truth)
    assert net.classes_.tolist() == sorted(labels)
    assert net.score(rows, truth) > 0.95
    assert np.allclose(net.predict_proba(rows).sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e6, 1e9), (1e-6, 0)])
def test_numbers_of_any_size_are_learned(scale: float, offset: float) -> None:
    """Values are standardised inside: the unit that they come in makes no difference to how well they are learned."""
    rows, values = data()
    values = values * scale + offset
    assert (
        TorchRegressor(Small, PLAIN, epochs=40, batch_size=32, learning_rate=0.01).fit(rows, values).score(rows, values) > 0.97
    )


def test_a_seed_fixes_the_network_and_nothing_else() -> None:
    """Another seed is another network; the process's own random numbers go on as if nothing had been trained or loaded."""
    rows, values = data()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    nets = [TorchRegressor(Small, epochs=2, seed=seed).fit(rows, values) for seed in (1, 1, 2)]
    TorchRegressor.__new__(TorchRegressor).__setstate__(nets[0].__getstate__())
    assert torch.equal(torch.rand(3), expected)
    first, again, other = (net.predict(rows) for net in nets)
    assert (first == again).all()
    assert not (first == other).all()


def test_the_threads_of_the_process_change_nothing() -> None:
    """Where PyTorch has one thread or two, a network is the same to the last bit, and PyTorch keeps its number."""
    rows, values = data(3000)
    before, answers = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            answers.append(TorchRegressor(Small, {"hidden": 64}, epochs=3).fit(rows, values).predict(rows))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert (answers[0] == answers[1]).all()


def test_sparse_rows_are_learned_like_dense_ones() -> None:
    """Word counts and one-hot columns may stay sparse before the network."""
    rows, values = data()
    rows[rows < 0] = 0
    dense, sparse = (TorchRegressor(Small, epochs=2).fit(kind, values) for kind in (rows, csr_matrix(rows)))
    assert (dense.predict(rows) == sparse.predict(csr_matrix(rows))).all()


def test_a_batch_never_has_one_row() -> None:
    """33 rows in batches of 32 would leave one, which cannot be normalised over."""
    rows, values = data(33)
    assert np.isfinite(TorchRegressor(Small, epochs=1, batch_size=32).fit(rows, values).predict(rows)).all()


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"epochs": 0}, "epochs 0: must be above 0"),
        ({"learning_rate": -1.0}, "learning_rate -1.0: must be above 0"),
        ({"learning_rate": 1e30}, "learning_rate 1e[+]30: the weights of Small are not finite .* Lower learning_rate"),
        ({"module": Small(3, 1)}, "(?s)module Small.*: give a class of torch.nn.Module itself"),
        ({"module": dict}, "module <class 'dict'>: give a class of torch.nn.Module itself"),
        ({"device": "tpu"}, "device 'tpu': accepted are 'cpu', 'cuda'"),
        ({"device": "cuda:99"}, "device 'cuda:99': PyTorch .* finds .* CUDA devices here. Use device='cpu'"),
    ],
)
def test_what_cannot_be_trained_is_refused(parameters: dict[str, Any], says: str) -> None:
    """The error names the parameter, its value and what is accepted."""
    rows, values = data(40)
    with pytest.raises((ValueError, TypeError), match=says):
        TorchRegressor(Small, epochs=3).set_params(**parameters).fit(rows, values)


def test_a_network_of_another_shape_is_refused() -> None:
    """One that ignores how many outputs it should have would be broadcast against the labels without a word."""

    class Deaf(Small):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__(inputs, outputs + 1)

    rows, values = data(40)
    with pytest.raises(ValueError, match=r"Deaf answered \(40, 2\) to 40 rows; accepted is \(40, 1\): make its last layer"):
        TorchRegressor(Deaf).fit(rows, values)


def test_one_class_is_refused() -> None:
    """There is nothing to tell apart."""
    with pytest.raises(ValueError, match="labels: only one class, yes"):
        TorchClassifier(Small).fit(data(40)[0], ["yes"] * 40)


def test_pytorch_own_rule_on_determinism_is_respected() -> None:
    """Where a process asks PyTorch for deterministic algorithms only, training works and leaves that as it is."""
    rows, values = data(40)
    torch.use_deterministic_algorithms(True)
    try:
        TorchRegressor(Small, epochs=1).fit(rows, values)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_shared_weights_and_unkept_buffers_come_back() -> None:
    """A copy through its state answers the same, and its layers share their weights again."""
    rows, values = data()
    net = TorchRegressor(Shared, epochs=2).fit(rows, values)
    copy = TorchRegressor.__new__(TorchRegressor)
    copy.__setstate__(net.__getstate__())
    assert (copy.predict(rows) == net.predict(rows)).all()
    assert copy.net_.first.weight is copy.net_.second.weight
    assert not hasattr(clone(net), "net_")


def test_its_libraries_are_named_before_and_after_training() -> None:
    """PyTorch, and safetensors that keeps it, are what serving has to install; a label of the local build is not."""
    for pipeline in (BINARY.candidate.pipeline(), fitted()):
        named = dict(line.split("==") for line in requirements_of(pipeline))
        assert {"torch", "safetensors"} <= named.keys()
        assert named["torch"] == torch.__version__.partition("+")[0]


def test_a_change_in_the_network_is_another_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the team's class counts, although the pipeline names no more than the class."""
    pipeline = BINARY.candidate.pipeline()
    before = recipe(BINARY, BINARY.candidate, pipeline)
    assert "tests.torch.nets" in own_source(pipeline, classifier)
    changed = tmp_path / "nets.py"
    changed.write_text(Path(str(_nets().__file__)).read_text().replace("ReLU", "GELU"))
    monkeypatch.setattr(_nets(), "__file__", str(changed))
    assert recipe(BINARY, BINARY.candidate, pipeline) != before


def _nets() -> Any:
    from tests.torch import nets

    return nets
