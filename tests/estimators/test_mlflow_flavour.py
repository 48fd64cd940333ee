"""What a flavour of MLflow's saved answers from a process apart, and from no other."""

import io
import os
import pickle
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from include.formats import apart, format_named
from include.formats.mlflow_flavour import of, zip_folder
from include.formats.port import Untrusted

SKLEARN = of("mlflow.sklearn")


def frame(count: int = 60, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.normal(size=(count, 2)), columns=["a", "b"])
    rows["colour"] = pd.Series(rng.choice(["red", "blue"], count), dtype="str").mask(rng.random(count) < 0.2)
    return rows.mask(rng.random(rows.shape) < 0.1)


def own() -> Any:
    """Code of a team's own, which no other format keeps."""
    return FunctionTransformer(
        lambda rows: rows[["a", "b"]].fillna(0.5).assign(red=(rows["colour"] == "red").astype(float)).to_numpy()
    )


def thirds(rows: pd.DataFrame) -> Any:
    return np.array(["low", "middle", "high"], dtype=object)[np.digitize(rows["b"].fillna(0), [-0.4, 0.4])]


def sign(rows: pd.DataFrame) -> Any:
    return (rows["a"].fillna(0) > 0).to_numpy("int64")


MODELS: dict[str, Any] = {
    "own code": ("mlflow.sklearn", lambda rows: make_pipeline(own(), LogisticRegression()).fit(rows, sign(rows))),
    "values": ("mlflow.sklearn", lambda rows: make_pipeline(own(), LinearRegression()).fit(rows, rows["b"].fillna(0))),
    "catboost": (
        "mlflow.catboost",
        lambda rows: catboost.CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False).fit(
            rows[["a", "b"]], thirds(rows)
        ),
    ),
}


def kept(name: str, made: Any, folder: Path, example: pd.DataFrame) -> bytes:
    format_named(name).save(made, example, folder / "kept", ())
    return (folder / "kept").read_bytes()


@pytest.mark.parametrize("which", MODELS)
def test_it_answers_as_the_pipeline_did(which: str, tmp_path: Path) -> None:
    """To the last bit, whatever the index of the rows; of classes in their own type."""
    name, fit = MODELS[which]
    made, rows = fit(frame()), frame(40, 2).set_index(np.arange(40) * 3)
    features = ["a", "b"] if which == "catboost" else list(rows.columns)
    loaded = format_named(name).load(kept(name, made, tmp_path, rows[features].head(3)), ())
    assert list(loaded.feature_names_in_) == features
    assert (loaded.predict(rows) == np.ravel(made.predict(rows[features]))).all()
    assert hasattr(loaded, "predict_proba") == (which != "values")
    if which != "values":
        assert loaded.classes_.tolist() == made.classes_.tolist()
        assert (loaded.predict_proba(rows) == made.predict_proba(rows[features])).all()


class Tells(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Answers with what it sees of its process, as the row asks for it."""

    def predict(self, rows: pd.DataFrame) -> Any:
        asked = rows["a"].iloc[0]
        if asked == "die":
            os._exit(3)
        if asked == "hang":
            import time

            time.sleep(600)
        if asked == "raise":
            raise RuntimeError("no such colour")
        os.write(1, b"printed\n")
        seen = {"pid": os.getpid(), "secret": "AWS_SECRET_ACCESS_KEY" in str(os.environ), "short": 0.0}
        return np.full(len(rows) - (asked == "short"), float(seen[asked]))


def row(text: str, count: int = 1) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series([text] * count, dtype="str")})


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return kept("mlflow.sklearn", Tells(), tmp_path_factory.mktemp("telling"), row("pid"))


def test_its_process_is_another_one_without_credentials(telling: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees none of the pipeline's secrets, what it prints is no answer, and an error leaves it alive."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    loaded = SKLEARN.load(telling, ())
    pid = loaded.predict(row("pid"))[0]
    assert pid != os.getpid()
    assert loaded.predict(row("secret")).tolist() == [0.0]
    with pytest.raises(ValueError, match="could not: «RuntimeError: no such colour»"):
        loaded.predict(row("raise"))
    assert loaded.predict(row("pid", 3)).tolist() == [pid] * 3
    with pytest.raises(ValueError, match="without a whole answer"):
        loaded.predict(row("short", 2))


def test_its_process_ends_with_it(telling: bytes) -> None:
    """Also the one that a copy of it started elsewhere; and nothing is left on the disk."""
    loaded = SKLEARN.load(telling, ())
    sent = pickle.loads(pickle.dumps(loaded))
    pids = [int(one.predict(row("pid"))[0]) for one in (loaded, sent)]
    folders = [one._child.folder for one in (loaded, sent)]
    assert len(set(pids)) == 2
    assert all(map(psutil.pid_exists, pids))
    del loaded, sent
    assert not any(map(psutil.pid_exists, pids))
    assert not any(folder.exists() for folder in folders)


def test_its_process_ends_with_the_interpreter(telling: bytes, tmp_path: Path) -> None:
    """A task that is over leaves nothing running."""
    (tmp_path / "kept").write_bytes(telling)
    code = (
        "import sys, pandas; from pathlib import Path; from include.formats import format_named\n"
        "loaded = format_named('mlflow.sklearn').load(Path(sys.argv[1]).read_bytes(), ())\n"
        "print(int(loaded.predict(pandas.DataFrame({'a': ['pid']}))[0]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "kept")], capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.parametrize(("asked", "ended"), [("die", "ended with 3"), ("hang", "ended with -9")])
def test_a_process_that_gives_no_answer_is_an_error(
    asked: str, ended: str, telling: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, as a ValueError, which every caller takes for no answer; asked again it says the same."""
    loaded = SKLEARN.load(telling, ())
    monkeypatch.setattr(apart, "_TIMEOUT_SECONDS", 1)
    for _ in range(2):
        with pytest.raises(ValueError, match=f"{ended}, without a whole answer within 1 s"):
            loaded.predict(row(asked))


def test_a_flavour_that_does_not_take_the_pipeline_is_named(tmp_path: Path) -> None:
    """And one that MLflow does not have."""
    for name, says in (("mlflow.catboost", "is not saved: "), ("mlflow.nothing", "is not saved: ModuleNotFoundError")):
        with pytest.raises(Untrusted, match=says):
            kept(name, Tells(), tmp_path, row("pid"))
    for name in ("mlflow.", "mlflow.a.b", "mlflow./etc", "os.path"):
        with pytest.raises(KeyError):
            of(name)


def test_equal_folders_give_equal_files(tmp_path: Path) -> None:
    """Whenever they were written, and with whatever rights."""
    for turn in (1, 2):
        folder = tmp_path / f"folder {turn}" / "model"
        folder.mkdir(parents=True)
        for name in ("b", "a")[:: 3 - 2 * turn]:
            (folder / name).write_text(name)
            os.utime(folder / name, (turn * 1e9, turn * 1e9))
            (folder / name).chmod(0o600 + turn)
        zip_folder(folder.parent, tmp_path / f"{turn}.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


# Hostile files


class Evil:
    """When it is unpickled it writes down in which process that is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"open({str(self.path)!r}, 'w').write(str(__import__('os').getpid()))",)


def zipped(entries: dict[str, bytes], base: bytes, mode: int = 0) -> bytes:
    """The entries of another archive, with these, of a mode, in their place."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            if name not in entries:
                new.writestr(name, old.read(name))
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            new.writestr(entry, data)
    return made.getvalue()


def test_code_in_a_file_runs_in_the_process_apart_alone(telling: bytes, tmp_path: Path) -> None:
    """A pickle that does something else is run by loading it, and this process is not where."""
    trap = tmp_path / "ran"
    with pytest.raises(ValueError, match="could not"):
        SKLEARN.load(zipped({"model/model.pkl": pickle.dumps(Evil(trap))}, telling), ()).predict(row("pid"))
    assert int(trap.read_text()) != os.getpid()


@pytest.mark.parametrize(
    ("entries", "mode", "says"),
    [
        ({"/etc/evil": b""}, 0, "an entry '/etc/evil', which is no plain file in model/"),
        ({"../evil": b""}, 0, "an entry '../evil'"),
        ({"model/../../evil": b""}, 0, "an entry 'model/../../evil'"),
        ({"model\\..\\evil": b""}, 0, "an entry"),
        ({"sitecustomize.py": b""}, 0, "an entry 'sitecustomize.py'"),
        ({"model/link": b"/etc/passwd"}, stat.S_IFLNK | 0o777, "an entry 'model/link'"),
        ({"model/pipe": b""}, stat.S_IFIFO | 0o600, "an entry 'model/pipe'"),
        ({"model": b""}, 0, "written over each other"),
        ({"model/a": b"", "model/a/b": b""}, 0, "written over each other"),
        ({"about.json": b"{"}, 0, "is no model of mlflow.sklearn that the pipeline kept"),
        ({"about.json": b'{"features": ["a"], "classes": [], "run": "rm"}'}, 0, "is no model of mlflow.sklearn"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_hostile_archive_is_refused(entries: dict[str, bytes], mode: int, says: str, telling: bytes, tmp_path: Path) -> None:
    """Before a process is started: the pickle that is in each of them does not run."""
    trap, running = tmp_path / "ran", set(psutil.Process().children())
    armed = zipped({"model/model.pkl": pickle.dumps(Evil(trap))}, telling)
    with pytest.raises(Untrusted, match=says.replace("\\", ".")):
        SKLEARN.load(zipped(entries, armed, mode), ())
    assert not trap.exists()
    assert set(psutil.Process().children()) <= running


def test_an_archive_of_absurd_size_is_refused(telling: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it says, before anything is unpacked: ten megabytes of zeros are ten kilobytes here."""
    large = zipped({f"model/{turn}": bytes(1_000_000) for turn in range(10)}, telling)
    for limit, size in (("_LARGEST", 5_000_000), ("_MOST_FILES", 5)):
        with monkeypatch.context() as smaller:
            smaller.setattr(f"include.formats.mlflow_flavour.{limit}", size)
            with pytest.raises(Untrusted, match=f"would be unpacked into more than.*{size:,}"):
                SKLEARN.load(large, ())


def test_another_file_under_its_name_is_refused_and_nothing_of_it_runs(telling: bytes, tmp_path: Path) -> None:
    """A pickle, text, half an archive, one whose bytes are damaged, nothing."""
    trap = tmp_path / "ran"
    with zipfile.ZipFile(io.BytesIO(telling)) as archive:
        start = archive.getinfo("about.json").header_offset
    damaged = telling[: start + 65] + b"\xff\xff\xff" + telling[start + 68 :]
    for data in (pickle.dumps(Evil(trap)), b"hello", telling[:-30], damaged, b""):
        with pytest.raises(Untrusted, match=r"is no model of mlflow\.sklearn that the pipeline kept"):
            SKLEARN.load(data, ())
    assert not trap.exists()
