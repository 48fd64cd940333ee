"""A flavour of MLflow's, such as mlflow.sklearn: what it saves is zipped, and it answers from a process of its own.

Loading may run whatever code the file holds (mlflow.sklearn unpickles). So no process of the pipeline's does: one without
credentials loads it, takes rows and gives back numbers.
"""

import inspect
import io
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from include.formats.apart import Child
from include.formats.classes import Classes, as_array, classes_of
from include.formats.port import Untrusted
from include.untrusted_text import one_line

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_MODEL, _ABOUT = "model", "about.json"
_CHILD = "include.formats.mlflow_child"
# Nothing is older in a zip, and all that is zipped by us is of that time.
_TIME = (1980, 1, 1, 0, 0, 0)
_MOST_FILES, _LARGEST, _LARGEST_ABOUT = 10_000, 4_000_000_000, 10_000_000
_LONGEST = 160


class About(BaseModel):
    """What is known of a file without loading it: its features, in order, and the classes of a classifier."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    features: list[str]
    classes: Classes


def of(name: str) -> "MlflowFlavour":
    """The format "mlflow.<flavour>".

    Raises:
        KeyError: no flavour can be called that.
    """
    package, _, flavour = name.partition(".")
    if package != "mlflow" or not flavour.isidentifier():
        raise KeyError(name)
    return MlflowFlavour(name)


@dataclass(frozen=True)
class MlflowFlavour:
    """See Format. Its name is that of MLflow's module."""

    name: str
    tolerance: float = 0.0
    apart: bool = True
    libraries: tuple[str, ...] = ("mlflow", "cloudpickle")

    def save(self, pipeline: Any, example: "pd.DataFrame", path: Path, trusted: Collection[str]) -> None:
        """Write what the flavour's own `save_model` makes of it."""
        about = About(features=list(example.columns), classes=classes_of(pipeline))
        with tempfile.TemporaryDirectory() as folder:
            try:
                save_model = import_module(self.name).save_model
                # MLflow would look for them in a process that loads the model; they are written down beside the file.
                options: dict[str, Any] = {"pip_requirements": []}
                if "serialization_format" in inspect.signature(save_model).parameters:
                    options["serialization_format"] = "cloudpickle"
                save_model(pipeline, str(Path(folder) / _MODEL), **options)
            except Exception as error:
                raise Untrusted(f"is not saved: {type(error).__name__}: {one_line(error, _LONGEST)}") from error
            (Path(folder) / _ABOUT).write_text(about.model_dump_json(), encoding="utf-8")
            zip_folder(Path(folder), path)

    def load(self, data: bytes, trusted: Collection[str]) -> "ValuesApart":
        """What answers: ClassesApart for a classifier, which has `predict_proba` and `classes_`.

        Raises:
            Untrusted: it is no zip of ours.
            ValueError: the process did not load it.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                _refuse_hostile(archive)
                about = About.model_validate_json(archive.read(_ABOUT))
                return (ClassesApart if about.classes else ValuesApart)(self.name, archive, about)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValidationError, RuntimeError, UnicodeError) as error:
            raise Untrusted(f"is no model of {self.name} that the pipeline kept ({one_line(error, _LONGEST)})") from error


class ValuesApart:
    """What answers from a process of its own: a value a row."""

    def __init__(self, name: str, archive: zipfile.ZipFile, about: About) -> None:
        import numpy as np

        assert isinstance(archive.fp, io.BytesIO)
        self._name, self._data, self._about = name, archive.fp.getvalue(), about
        self.feature_names_in_ = np.array(about.features, dtype=object)
        self._child = Child(_CHILD, {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"})
        archive.extractall(self._child.folder)
        folder = str(self._child.folder / _MODEL)
        self._child.ask({"load": name, "folder": folder, "classes": about.classes}, b"", expected=0)

    def __reduce__(self) -> tuple[Any, ...]:
        # A process cannot be sent to a worker; another one is started there, from the same bytes.
        return MlflowFlavour(self._name).load, (self._data, ())

    def predict(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Values (n,)."""
        return self._numbers("predict", rows, 1).reshape(len(rows))

    def _numbers(self, method: str, rows: "pd.DataFrame", columns: int) -> "np.ndarray[Any, Any]":
        """What a method of the model gives for rows; see Child.ask for the errors."""
        import numpy as np
        import pyarrow as pa

        table, sent = pa.Table.from_pandas(rows[self._about.features], preserve_index=False), io.BytesIO()
        with pa.ipc.new_stream(sent, table.schema) as stream:
            stream.write_table(table)
        answer = self._child.ask({"method": method}, sent.getvalue(), expected=8 * len(rows) * columns)
        return np.frombuffer(answer, dtype="<f8").astype("float64")


class ClassesApart(ValuesApart):
    """The same for a classifier: a class a row, and the probabilities of all."""

    @property
    def classes_(self) -> "np.ndarray[Any, Any]":
        """As the pipeline that was saved had them."""
        return as_array(self._about.classes)

    def predict(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Classes (n,)."""
        import numpy as np

        places = super().predict(rows)
        if not np.isin(places, np.arange(len(self._about.classes))).all():
            raise ValueError(f"the model predicts a class that is not among its own, {one_line(self.classes_, _LONGEST)}")
        return np.asarray(as_array(self._about.classes)[places.astype("int64")])

    def predict_proba(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Probabilities (n, classes), 0 to 1."""
        count = len(self._about.classes)
        return self._numbers("predict_proba", rows, count).reshape(len(rows), count)


def zip_folder(folder: Path, path: Path) -> None:
    """One archive of all its files; folders with the same files give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16
            with file.open("rb") as read, archive.open(entry, "w", force_zip64=True) as written:
                while block := read.read(2**20):
                    written.write(block)


def _refuse_hostile(archive: zipfile.ZipFile) -> None:
    """Stop where an entry would be written elsewhere, is no plain file, or all of them are too large."""
    entries = archive.infolist()
    if len(entries) > _MOST_FILES or sum(one.file_size for one in entries) > _LARGEST:
        raise Untrusted(f"would be unpacked into more than {_MOST_FILES:,} files or {_LARGEST:,} bytes")
    files = {PurePosixPath(one.filename) for one in entries}
    if len(files) < len(entries) or any(folder in files for file in files for folder in file.parents):
        raise Untrusted("has entries that would be written over each other")
    for one in entries:
        parts, kind = PurePosixPath(one.filename).parts, stat.S_IFMT(one.external_attr >> 16)
        inside = one.filename == _ABOUT or (parts[:1] == (_MODEL,) and len(parts) > 1)
        if not inside or ".." in parts or "\\" in one.filename or kind not in (0, stat.S_IFREG):
            raise Untrusted(f"has an entry {one_line(one.filename, _LONGEST)!r}, which is no plain file in {_MODEL}/")
        if one.filename == _ABOUT and one.file_size > _LARGEST_ABOUT:
            raise Untrusted(f"has an {_ABOUT} of {one.file_size:,} bytes; accepted are {_LARGEST_ABOUT:,}")
