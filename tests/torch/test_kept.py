"""What a network is kept as, and files that lie: refused with words, and nothing of them is run."""

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import torch
from safetensors.torch import load, save

from include.adapters.mlflow_registry import MlflowRegistry
from include.errors import UntrustedModel
from include.formats.port import Untrusted
from include.formats.skops_file import FORMAT
from include.models.contract import Model
from tests.adapters.registering import training
from tests.torch.toys import BINARY, MODELS, OF_CLASSES, REGRESSION, fitted
from tests.toy import rows

Change = Callable[[bytes], bytes]


def saved(tmp_path: Path, model: Model = BINARY) -> bytes:
    FORMAT.save(fitted(model), rows(0)[model.feature_names].head(), tmp_path / "model.skops", model.trusted_types)
    return (tmp_path / "model.skops").read_bytes()


def rewritten(data: bytes, schema: Callable[[str], str] = str, weights: Change = bytes) -> bytes:
    """The same archive with another description of its parts, or other bytes for the weights."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                content = schema(content.decode()).encode()
            new.writestr(name, weights(content) if name.endswith(".bin") else content)
    return made.getvalue()


def with_part(data: bytes, name: str, change: dict[str, Any]) -> bytes:
    """The archive with another description of one parameter of the network."""

    def replaced(text: str) -> str:
        described = json.loads(text)
        _parts_of_the_network(described)[name].update(change)
        return json.dumps(described)

    return rewritten(data, schema=replaced)


def _parts_of_the_network(described: Any) -> Any:
    """The description of TorchClassifier's parameters, wherever in the pipeline it is."""
    if isinstance(described, dict) and described.get("__class__") in ("TorchClassifier", "TorchRegressor"):
        return described["content"]["content"]
    inside = described.values() if isinstance(described, dict) else described if isinstance(described, list) else ()
    return next((found for one in inside if (found := _parts_of_the_network(one))), None)


@pytest.mark.parametrize("model", MODELS[::2], ids=lambda model: model.name)
def test_a_network_comes_back_to_the_last_bit(tmp_path: Path, model: Model) -> None:
    """Saved and loaded with the types that its candidate names, it answers the same; its training does not come back."""
    whole = rows(1)[model.feature_names]
    loaded = FORMAT.load(saved(tmp_path, model), model.trusted_types)
    assert (loaded.predict(whole) == fitted(model).predict(whole)).all()
    assert not loaded[-1].net_.training


def test_the_file_holds_safetensors_and_no_pickle(tmp_path: Path) -> None:
    """Its weights are read by safetensors as they are, and no part of the archive begins as a pickle does."""
    with zipfile.ZipFile(io.BytesIO(saved(tmp_path))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (weights,) = (content for name, content in parts.items() if name.endswith(".bin"))
    assert set(load(weights)) == set(fitted()[-1].net_.state_dict())
    assert not any(content.startswith(b"\x80") for content in parts.values())


@pytest.mark.parametrize("absent", OF_CLASSES)
def test_each_type_has_to_be_trusted(tmp_path: Path, absent: str) -> None:
    """The estimator, the class of the network and what the columns need: without one of them nothing is built."""
    with pytest.raises(Untrusted, match=f"would create {absent}") as refused:
        FORMAT.load(saved(tmp_path), set(OF_CLASSES) - {absent})
    assert refused.value.types == (absent,)


@pytest.mark.parametrize("model", MODELS[::2], ids=lambda model: model.name)
def test_a_version_goes_through_the_registry_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    """Registered, loaded, and tried out in a fresh process, it answers as it did when it was trained."""
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    registry = MlflowRegistry.in_folder(tmp_path, model.name, page_url="http://registry.example")
    whole, pipeline = rows(0)[model.feature_names], fitted(model)
    version = registry.register(model, pipeline, whole.head(5), training())
    digest = registry.artifact_digest(model.name, version.number)
    answer = "predict" if model is REGRESSION else "predict_proba"
    expected = getattr(pipeline, answer)(whole)
    assert (getattr(registry.load(model, version.number, digest), answer)(whole) == expected).all()
    assert (registry.try_out(model, version.number, whole).answers == expected).all()


def test_a_type_that_is_missing_is_printed_ready_to_paste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message of a training that cannot be kept names the estimator and the class of the network."""
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    registry = MlflowRegistry.in_folder(tmp_path, BINARY.name, page_url="http://registry.example")
    unnamed = BINARY.with_candidate(trusted_types=())
    with pytest.raises(UntrustedModel) as refused:
        registry.register(unnamed, fitted(), rows(0)[BINARY.feature_names].head(), training())
    assert all(f'"{name}",' in str(refused.value) for name in set(OF_CLASSES) - {"numpy.dtype"})


def header(text: str, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file by hand: eight bytes that say how long the header is, the header, the numbers."""
    return struct.pack("<Q", len(text) if length is None else length) + text.encode() + data


def tensor(kind: str = "F32", shape: tuple[int, ...] = (2,), offsets: tuple[int, int] = (0, 8)) -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": offsets}


def changed(change: Callable[[dict[str, Any]], Any]) -> Change:
    """The weights with other tensors among them."""

    def weights(data: bytes) -> bytes:
        tensors = load(data)
        change(tensors)
        made: bytes = save(tensors)
        return made

    return weights


FIRST, LAST = "layers.0.weight", "layers.4.bias"
HOSTILE: dict[str, tuple[Change, str]] = {
    "cut off": (lambda data: data[: len(data) // 2], r"holds no weights of Small .*Safetensor"),
    "empty": (lambda data: b"", r"holds no weights of Small .*Safetensor"),
    "header longer than the file": (lambda data: header("{}", length=1 << 20), r"holds no weights of Small .*Safetensor"),
    "absurd header": (lambda data: header("{}", length=1 << 63), r"holds no weights of Small .*Safetensor"),
    "numbers beyond the file": (
        lambda data: header(json.dumps({FIRST: tensor(offsets=(0, 1 << 40))}), bytes(8)),
        r"holds no weights of Small .*Safetensor",
    ),
    "overlapping numbers": (
        lambda data: header(json.dumps({FIRST: tensor(), LAST: tensor(offsets=(4, 12))}), bytes(12)),
        r"holds no weights of Small .*Safetensor",
    ),
    "a type that there is not": (
        lambda data: header(json.dumps({FIRST: tensor("PICKLE")}), bytes(8)),
        r"holds no weights of Small .*Safetensor",
    ),
    "more numbers than bytes": (
        lambda data: header(json.dumps({FIRST: tensor(shape=(1 << 62, 8))}), bytes(8)),
        r"holds no weights of Small .*Safetensor",
    ),
    "a pickle": (lambda data: b"cos\nsystem\n(S'touch ran'\ntR.", r"holds no weights of Small .*Safetensor"),
    "one is missing": (changed(lambda tensors: tensors.pop(LAST)), f"absent from Small, or of another .*: {LAST}$"),
    "one too many": (
        changed(lambda tensors: tensors.update(more=torch.ones(1))),
        r"absent from Small, or of another .*: more$",
    ),
    "another shape": (changed(lambda tensors: tensors.update({LAST: torch.ones(1)})), f"another shape or type: {LAST}$"),
    "another type": (changed(lambda tensors: tensors.update({LAST: tensors[LAST].double()})), f"or type: {LAST}$"),
}


@pytest.mark.parametrize(("weights", "says"), HOSTILE.values(), ids=HOSTILE.keys())
def test_weights_that_lie_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Change, says: str) -> None:
    """Bytes that are no safetensors, or not those of the network, are refused with words; nothing of them is run."""
    data = rewritten(saved(tmp_path), weights=weights)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Untrusted, match=says):
        FORMAT.load(data, OF_CLASSES)
    assert not Path("ran").exists()


@pytest.mark.parametrize("named", ["os.system", "subprocess.Popen", "builtins.eval", "leaves_a_trace.Net"])
def test_a_class_that_is_not_trusted_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """A file that names another class as its network is refused before it is built; a call or an import leaves a trace."""
    ran: list[Any] = []
    monkeypatch.setattr(os, "system", ran.append)
    monkeypatch.setattr("subprocess.Popen", lambda *given, **more: ran.append(given))
    (tmp_path / "leaves_a_trace.py").write_text("open(__file__ + '.ran', 'w').close()\nclass Net: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    home, _, name = named.rpartition(".")
    data = with_part(saved(tmp_path), "module", {"__module__": home, "__class__": name})
    with pytest.raises(Untrusted, match=f"would create {named}"):
        FORMAT.load(data, OF_CLASSES)
    assert ran == []
    assert list(tmp_path.glob("*.ran")) == []


@pytest.mark.parametrize(
    ("home", "name"), [("builtins", "str"), ("tests.torch.ran", "Trap"), ("include.torch_net", "TorchClassifier")]
)
def test_a_class_that_is_no_network_is_refused(tmp_path: Path, home: str, name: str) -> None:
    """Trusted for another purpose, it is not called: the network has to be a torch.nn.Module."""
    data = with_part(saved(tmp_path), "module", {"__module__": home, "__class__": name})
    with pytest.raises(Untrusted, match=f"would make a network of .*{name}.*, which is no class of torch.nn.Module"):
        FORMAT.load(data, {*OF_CLASSES, "tests.torch.ran.Trap"})
    from tests.torch.ran import RAN

    assert RAN == []


def test_a_network_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    """Weights are compared with a network that has none yet: a petabyte of neurons is refused without being made."""
    hidden = json.loads(skops_json(tmp_path))["hidden"] | {"content": str(10**12)}
    data = with_part(saved(tmp_path), "module_parameters", {"content": {"hidden": hidden}})
    with pytest.raises(Untrusted, match=r"another shape or type: layers\.0\.bias"):
        FORMAT.load(data, OF_CLASSES)


def test_parameters_that_the_class_does_not_take_are_refused(tmp_path: Path) -> None:
    """What the team's class raises becomes one sentence."""
    with zipfile.ZipFile(io.BytesIO(saved(tmp_path))) as archive:
        text = archive.read("schema.json").decode()
    assert '"hidden"' in text
    data = rewritten(saved(tmp_path), schema=lambda text: text.replace('"hidden"', '"hideous"'))
    with pytest.raises(Untrusted, match=r"holds no weights of Small .TypeError: .*hideous"):
        FORMAT.load(data, OF_CLASSES)


def test_the_registry_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose weights were replaced is refused by name, with a next step, and only after its digest."""
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    registry = MlflowRegistry.in_folder(tmp_path / "registry", BINARY.name, page_url="http://registry.example")
    version = registry.register(BINARY, fitted(), rows(0)[BINARY.feature_names].head(5), training())
    (file,) = (tmp_path / "registry").rglob("model.skops")
    file.write_bytes(rewritten(file.read_bytes(), weights=HOSTILE["cut off"][0]))
    with pytest.raises(UntrustedModel, match=r"torch_binary version 1: its model.skops holds no weights of Small .*retrain"):
        registry.load(BINARY, version.number)


def skops_json(tmp_path: Path) -> str:
    with zipfile.ZipFile(io.BytesIO(saved(tmp_path))) as archive:
        described = json.loads(archive.read("schema.json"))
    return json.dumps(_parts_of_the_network(described)["module_parameters"]["content"])


def test_trusted_types_name_all_that_skops_would_create(tmp_path: Path) -> None:
    """Two lines beside those of the columns: the estimator and the class of the network."""
    found = skops.io.get_untrusted_types(data=saved(tmp_path))
    assert sorted(found) == sorted(OF_CLASSES)
    assert np.isin(["include.torch_net.TorchClassifier", "tests.torch.nets.Small"], found).all()
