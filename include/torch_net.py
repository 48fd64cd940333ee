"""Networks of PyTorch as the last step of a scikit-learn pipeline, kept as safetensors and never as a pickle.

In a skops file such a step is its parameters, the name of its class of network, and the bytes of safetensors. Loading makes
the network from that class, which the candidate's `trusted_types` have to name, and gives it the weights if they fit exactly.
PyTorch is imported only when a network is trained, loaded or asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from include.formats.port import Untrusted

if TYPE_CHECKING:
    import torch

Floats = np.ndarray[Any, np.dtype[np.float64]]
_ROWS_AT_ONCE = 4096


@dataclass(eq=False, repr=False)
class _TorchNet(BaseEstimator):
    """What both have in common.

    `module` is a class of torch.nn.Module, made as module(inputs, outputs, **module_parameters): from rows (n, inputs) of
    float32 it answers (n, outputs). Adam trains it `epochs` times on all rows, in shuffled batches of about `batch_size`, at
    `learning_rate`, on `device` ("cpu", "cuda", "cuda:1"). It always answers on the CPU, so that answers do not depend on
    where it was trained. On the CPU the same `seed`, rows, `threads` and library give the same network, to the last bit.
    Several threads round sums in another order, so a training has as many as it says, not as many as the machine has. No
    other random numbers of the process are touched. Rows are finite numbers, dense or sparse; sparse ones are made dense
    batch by batch.
    """

    module: Any
    module_parameters: Mapping[str, Any] | None = None
    epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 1e-3
    seed: int = 0
    device: str = "cpu"
    threads: int = 1

    def _train(self, rows: Any, targets: Any, loss: Any) -> None:
        """Fit `net_` to targets, a tensor (n,) of numbers of classes, or (n, 1) of values."""
        import torch

        device = self._checked_device()
        with _random_numbers(self.seed, device), _threads(self.threads):
            net = self._built().to(device).train()
            optimiser = torch.optim.Adam(net.parameters(), lr=self.learning_rate)
            for batch in self._batches(len(targets)):
                optimiser.zero_grad()
                answers = self._refuse_other_shape(net(_tensor(rows[batch]).to(device)), len(batch))
                lost = loss(answers, targets[batch].to(device))
                lost.backward()
                optimiser.step()
        self.net_ = net.cpu().eval()
        if not all(torch.isfinite(one).all() for one in net.parameters()):
            raise ValueError(
                f"learning_rate {self.learning_rate}: the weights of {self.module.__name__} are not finite after training. "
                "Lower learning_rate, or scale the columns first, with StandardScaler."
            )

    def _answers(self, rows: Any) -> Any:
        """The network's answers, a tensor (n, outputs) of float64."""
        check_is_fitted(self, "net_")
        import torch

        checked = validate_data(self, rows, reset=False, accept_sparse="csr", dtype="float32")
        starts = range(0, checked.shape[0], _ROWS_AT_ONCE)
        with torch.inference_mode():
            return torch.cat([self.net_(_tensor(checked[start : start + _ROWS_AT_ONCE])) for start in starts]).double()

    def _batches(self, count: int) -> Iterator[Any]:
        """Indices of rows, batch by batch. Batches are about equally long: one row alone cannot be normalised over."""
        shuffled, parts = np.random.default_rng(self.seed), math.ceil(count / self.batch_size)
        for _ in range(self.epochs):
            yield from np.array_split(shuffled.permutation(count), parts)

    def _checked_device(self) -> Any:
        import torch

        for name in ("epochs", "batch_size", "learning_rate", "threads"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} {getattr(self, name)!r}: must be above 0")
        if not _is_module(self.module):
            raise ValueError(f"module {self.module!r:.40}: give a class of torch.nn.Module itself, not an object of it")
        kind, _, number = self.device.partition(":")
        if kind not in ("cpu", "cuda") or not (number or "0").isdigit():
            raise ValueError(f"device {self.device!r}: accepted are 'cpu', 'cuda' and, of several, such as 'cuda:1'")
        if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
            raise ValueError(
                f"device {self.device!r}: PyTorch {torch.__version__} finds {torch.cuda.device_count()} CUDA devices here. "
                "Use device='cpu', or train where there is one."
            )
        return torch.device(self.device)

    def _built(self) -> Any:
        return self.module(self.n_features_in_, self._outputs, **(self.module_parameters or {}))

    @property
    def _outputs(self) -> int:
        return 1

    def _refuse_other_shape(self, answers: Any, count: int) -> Any:
        if tuple(answers.shape) != (count, self._outputs):
            raise ValueError(
                f"{self.module.__name__} answered {tuple(answers.shape)} to {count} rows; accepted is ({count}, "
                f"{self._outputs}): make its last layer with the `outputs` that it is given"
            )
        return answers

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if net := state.pop("net_", None):
            import torch
            from safetensors.torch import save

            # Copies, because a layer may share its weights with another, or hold a part of a larger tensor.
            copies = {name: one.clone(memory_format=torch.contiguous_format) for name, one in net.state_dict().items()}
            state["weights"] = save(copies)
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        weights = state.get("weights")
        super().__setstate__({name: value for name, value in state.items() if name != "weights"})
        if weights is not None:
            self.net_ = self._with_weights(weights)

    def _with_weights(self, weights: bytes) -> Any:
        """The network with weights from a file, which may say anything.

        Raises:
            Untrusted: `module` is no class of a network, it cannot be made, or these are not its weights.
        """
        import torch
        from safetensors.torch import load

        if not _is_module(self.module):
            raise Untrusted(f"would make a network of {self.module!r:.80}, which is no class of torch.nn.Module")
        try:
            found = load(weights)
            # On this device there is no memory: a file that asks for a billion neurons gets none.
            with torch.device("meta"):
                wanted = _layout(self._built().state_dict())
            if odd := sorted(name for name, _ in _layout(found).items() ^ wanted.items()):
                names = ", ".join(dict.fromkeys(odd))
                raise Untrusted(
                    f"has weights that are absent from {self.module.__name__}, or of another shape or type: {names}"
                )
            with _random_numbers(self.seed, torch.device("cpu")):
                net = self._built()
            net.load_state_dict(found)
        except Untrusted:
            raise
        except Exception as error:  # what safetensors, PyTorch and the team's class raise has no common name
            raise Untrusted(f"holds no weights of {self.module.__name__} ({type(error).__name__}: {error})") from error
        return net.eval()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class TorchClassifier(ClassifierMixin, _TorchNet):
    """A network that tells classes apart, trained on cross-entropy; its `outputs` are as many as there are classes.

    The parameters are those of `_TorchNet`.
    """

    def fit(self, rows: Any, y: Any) -> TorchClassifier:
        """Train on rows (n, inputs) and their labels `y` (n,): texts or numbers, two different ones at least.

        Raises:
            ValueError: a parameter, rows or labels that cannot be used, or weights that are not finite in the end.
        """
        import torch

        checked, labels = validate_data(self, rows, y, accept_sparse="csr", dtype="float32", ensure_min_samples=2)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"labels: only one class, {self.classes_[0]}; two at least are needed. Bring more rows.")
        self._train(checked, torch.tensor(numbers), torch.nn.functional.cross_entropy)
        return self

    def predict_proba(self, rows: Any) -> Floats:
        """Probabilities (n, classes) from 0 to 1, in the order of `classes_`."""
        probabilities: Floats = self._answers(rows).softmax(dim=1).numpy()
        return probabilities

    def predict(self, rows: Any) -> Any:
        """The most probable class of each row, (n,)."""
        best = self.predict_proba(rows).argmax(axis=1)
        return self.classes_[best]

    @property
    def _outputs(self) -> int:
        return len(self.classes_)


class TorchRegressor(RegressorMixin, _TorchNet):
    """A network that estimates a number, trained on the squared error of standardised values; it has one output.

    The parameters are those of `_TorchNet`.
    """

    def fit(self, rows: Any, y: Any) -> TorchRegressor:
        """Train on rows (n, inputs) and their values `y` (n,), in any unit.

        Raises:
            ValueError: a parameter, rows or values that cannot be used, or weights that are not finite in the end.
        """
        import torch

        checked, values = validate_data(
            self, rows, y, accept_sparse="csr", dtype="float32", y_numeric=True, ensure_min_samples=2
        )
        values = np.asarray(values, dtype="float64")
        self.mean_, self.deviation_ = float(values.mean()), float(values.std()) or 1.0
        standardised = torch.tensor((values - self.mean_) / self.deviation_, dtype=torch.float32)
        self._train(checked, standardised[:, None], torch.nn.functional.mse_loss)
        return self

    def predict(self, rows: Any) -> Floats:
        """Values (n,) in the unit of those that it was trained on."""
        values: Floats = self._answers(rows)[:, 0].numpy() * self.deviation_ + self.mean_
        return values


@contextmanager
def _random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, PyTorch's random numbers on the device follow from the seed; afterwards they go on as before."""
    import torch

    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(range(torch.cuda.device_count()) if on_gpu else ()):
        (torch.manual_seed if on_gpu else torch.default_generator.manual_seed)(seed)
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tensor(rows: Any) -> Any:
    import torch

    return torch.tensor(rows.toarray() if issparse(rows) else rows, dtype=torch.float32)


def _is_module(named: Any) -> bool:
    import torch

    return isinstance(named, type) and issubclass(named, torch.nn.Module)


def _layout(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: (tuple(one.shape), one.dtype) for name, one in tensors.items()}
