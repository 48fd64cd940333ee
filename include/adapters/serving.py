"""The published champion: one folder a model on the object store, which MLServer, Seldon Core 2 and KServe read as it is.

    serving/<model>/model-settings.json              which version is served: the one object that is ever replaced
    serving/<model>/<version>-<digest>/model.skops   the file of a version, named after its format
    serving/<model>/<version>-<digest>/about.json    its format, what may be created of it, what trained it, the code it needs

The folder of a version is named by its digest and is complete before the settings name it, so the settings always lead to a
complete version, even if publishing was interrupted. The version before is kept until the next one: it may still be copied.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.adapters.object_store import ObjectStore
from include.errors import ObjectMissing
from include.formats.port import file_of
from include.models.contract import Column, Model

if TYPE_CHECKING:
    from include.adapters.registry import Artifact

_ABOUT, _SETTINGS = "about.json", "model-settings.json"
# In deploy/serving, for the server's own environment.
_RUNTIME = "artifact_runtime.ArtifactRuntime"
_FOLDER = re.compile(r"\./([0-9]+-[^/]+)")


class Serving:
    """What inference servers read. Every method may raise a StoreError."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def address(self, model_name: str) -> str:
        """Where a server is to be pointed to."""
        return f"s3://{self._store.bucket}/{_prefix(model_name)}".rstrip("/")

    def serves(self, model: Model, number: str) -> bool:
        """Whether a server that reads now gets this version, and all of it."""
        folder = self._served(model.name)
        if not folder.startswith(f"{number}-"):
            return False
        # Seldon and people may write here too: everything that a server believes has to be ours.
        if self._store.read(_prefix(model.name) + _SETTINGS) != _settings(model, number, folder):
            return False
        try:
            described = json.loads(self._store.read(f"{_prefix(model.name)}{folder}/{_ABOUT}"))
            file = self._store.stat(f"{_prefix(model.name)}{folder}/{described['file']}")
            named, promised = described.pop("digest"), (described["size"], described["trusted_types"])
            return bool(file and named == _digest(described) and promised == (file.size, list(model.trusted_types)))
        except (ObjectMissing, ValueError, LookupError, TypeError, AttributeError):
            return False

    def publish(self, model: Model, number: str, artifact: "Artifact", renew: Callable[[], None]) -> None:
        """Let servers get this version from now on; `renew` is called before each write, and raises to stop it."""
        prefix, replaced = _prefix(model.name), self._served(model.name)
        folder = f"{number}-{artifact.digest}"
        for key, data in (
            (f"{prefix}{folder}/{file_of(artifact.format)}", artifact.data),
            (f"{prefix}{folder}/{_ABOUT}", _about(model, number, artifact)),
            (f"{prefix}{_SETTINGS}", _settings(model, number, folder)),
        ):
            renew()
            self._store.put(key, data)
        kept = (f"{prefix}{_SETTINGS}", f"{prefix}{folder}/", f"{prefix}{replaced or folder}/")
        for entry in self._store.entries(prefix):
            if not entry.key.startswith(kept):
                renew()
                self._store.delete(entry.key)

    def _served(self, model_name: str) -> str:
        """The folder that the settings name; empty where there are none, or not such as we write."""
        try:
            settings = json.loads(self._store.read(_prefix(model_name) + _SETTINGS))
            match = _FOLDER.fullmatch(settings["parameters"]["uri"])
        except (ObjectMissing, ValueError, KeyError, TypeError):
            return ""
        return match[1] if match else ""


def _prefix(model_name: str) -> str:
    return f"serving/{model_name}/"


def _settings(model: Model, number: str, folder: str) -> bytes:
    """MLServer's model-settings.json. Seldon's agent keeps of it only what it knows, so all else stands beside the file."""
    return _json(
        {
            "name": model.name,
            "implementation": _RUNTIME,
            # What its metadata say.
            "versions": [number],
            "inputs": [_tensor(column) for column in model.features],
            "parameters": {"uri": f"./{folder}", "version": number},
        }
    )


def _tensor(column: Column) -> dict[str, Any]:
    return {"name": column.name, "datatype": "FP64" if column.kind == "number" else "BYTES", "shape": [-1]}


def _about(model: Model, number: str, artifact: "Artifact") -> bytes:
    about = {
        "model": model.name,
        "version": number,
        "sha256": artifact.digest,
        "size": len(artifact.data),
        "format": artifact.format,
        "file": file_of(artifact.format),
        "own_code": dict(artifact.own_code),
        "trusted_types": list(model.trusted_types),
        "requirements": list(artifact.requirements),
    }
    return _json(about | {"digest": _digest(about)})


def _digest(about: dict[str, Any]) -> str:
    """What finds a value that was changed after it was published."""
    return hashlib.sha256(_json(about)).hexdigest()


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()
