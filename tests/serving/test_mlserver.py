"""A real MLServer serves what was published on a real object store, and goes with a promotion and a rollback of real steps."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import boto3
import mlflow
import numpy as np
import pandas as pd
import pytest
import requests

from deploy.local.environment import is_free
from deploy.local.processes import Running, end, launch, wait_for
from deploy.local.stack import Stack
from deploy.serving import follow
from include.services import Services, build_services
from include.settings import Settings
from tests.toy import World, changed, day, rows

ROOT = Path(__file__).parents[2]
BUCKET = "serving-test"
SOURCE = f"s3://{BUCKET}/serving/toy"


class RealWorld(World):
    """The toy model with its services on the real servers."""

    @property
    def services(self) -> Services:
        """As a task of Airflow gets them."""
        return build_services(Settings.read(os.environ))


@dataclass
class Server:
    """An MLServer on ports of its own, with its folder."""

    folder: Path
    logs: Path
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Started as docs/serving.md says."""
        program = ROOT / ".serving/bin/mlserver"
        assert program.is_file(), "MLServer's environment is not there: `make test-serving` installs it."
        ports = {name: str(self.port + turn) for turn, name in enumerate(("HTTP", "GRPC", "METRICS"))}
        environment = {f"MLSERVER_{name}_PORT": port for name, port in ports.items()}
        environment |= {
            "MLSERVER_PARALLEL_WORKERS": "0",
            "PYTHONPATH": f"{ROOT / 'deploy/serving'}{os.pathsep}{ROOT}",
            "MLSERVER_HOST": "127.0.0.1",
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = launch("mlserver", [str(program), "start", str(self.folder)], kept | environment, self.logs, self.logs)
        try:
            wait_for(process, lambda: requests.get(f"{self.url}/v2/models/toy/ready", timeout=5).ok, seconds=120)
            yield process
        finally:
            end([process])

    def ask(self, frame: pd.DataFrame) -> dict[str, Any]:
        """The answer to a V2 request about these rows."""
        answer = requests.post(f"{self.url}/v2/models/toy/infer", json=request_about(frame), timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def metadata(self) -> dict[str, Any]:
        """What it says about the model."""
        found: dict[str, Any] = requests.get(f"{self.url}/v2/models/toy", timeout=30).json()
        return found


_FREE = (port for port in range(26_100, 27_000, 3) if all(is_free(port + turn) for turn in range(3)))


def free_ports() -> int:
    """The first of three."""
    return next(_FREE)


def request_about(frame: pd.DataFrame) -> dict[str, Any]:
    """One tensor a column, null for what is missing."""
    inputs = [
        {
            "name": name,
            "datatype": "FP64" if frame[name].dtype == "float64" else "BYTES",
            "shape": [len(frame)],
            "data": [None if pd.isna(value) else value for value in frame[name]],
        }
        for name in frame
    ]
    return {"inputs": inputs, "outputs": [{"name": "predict"}, {"name": "predict_proba"}]}


def asked_rows() -> pd.DataFrame:
    """Ordinary rows, and such as production sends: a number is missing, a colour is new."""
    frame = rows(99)[["x", "z", "colour"]].reset_index(drop=True)
    frame.loc[0, "z"], frame.loc[1, "colour"] = np.nan, "violet"
    return frame


def require_served(server: Server, number: str) -> None:
    """Labels and probabilities are those of `models:/toy@champion`, to the last bit."""
    frame = asked_rows()
    champion = mlflow.sklearn.load_model("models:/toy@champion")
    response = server.ask(frame)
    found = {output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in response["outputs"]}
    assert np.array_equal(found["predict"], mlflow.pyfunc.load_model("models:/toy@champion").predict(frame))
    assert np.array_equal(found["predict_proba"], champion.predict_proba(frame))
    assert response["model_version"] == response["parameters"]["registry_version"] == number
    assert server.metadata()["versions"] == [number]


@contextmanager
def asking(server: Server) -> Iterator[list[tuple[str, str]]]:
    """One request after the other, without a pause meanwhile: what each was answered, the version or the failure."""
    outcomes: list[tuple[str, str]] = []
    over, frame = threading.Event(), asked_rows().head(3)

    def ask() -> None:
        while not over.is_set():
            try:
                outcomes.append(("answered by", server.ask(frame)["model_version"]))
            except (requests.RequestException, KeyError) as error:
                outcomes.append(("failed", str(error)))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield outcomes
    finally:
        time.sleep(1)
        over.set()
        thread.join()


@pytest.fixture
def client(seaweedfs: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The object store, as an agent of Seldon or KServe is configured to reach it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweedfs.s3_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    found = boto3.client("s3")
    if BUCKET not in {bucket["Name"] for bucket in found.list_buckets()["Buckets"]}:
        found.create_bucket(Bucket=BUCKET)
    return found


@pytest.fixture
def world(client: Any, seaweedfs: Stack, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> RealWorld:
    """The toy model, which learns from its last six days."""
    for name, value in seaweedfs.environment().items():
        if name.startswith("PROVING_GROUND_S3_") and not name.endswith("PORT"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("PROVING_GROUND_SERVING_BUCKET", BUCKET)
    world = RealWorld(model=changed(train_periods=6, trusted_types=("numpy.dtype",)))
    landing: Any = world.services.landing._store
    world.landing = landing
    return world


def copied_as_by_an_agent(client: Any, folder: Path) -> None:
    """Everything below the address, as rclone (Seldon) and the storage initializer (KServe) copy it."""
    prefix = "serving/toy/"
    for item in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]:
        place = folder / item["Key"].removeprefix(prefix)
        place.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(BUCKET, item["Key"], str(place))


def switched(server: Server, client: Any, change: Callable[[], object]) -> list[str]:
    """Versions that answered while the champion was changed and MLServer followed, in the order of their first answers."""
    with asking(server) as outcomes:
        time.sleep(0.5)
        change()
        assert follow.copy(client, SOURCE, server.folder)
        follow.load(server.url, server.folder)
    failures = [words for what, words in outcomes if what == "failed"]
    sys.stderr.write(f"{len(outcomes)} requests while the champion changed, {len(failures)} failed\n")
    assert failures == [], failures[0]
    return list(dict.fromkeys(version for _, version in outcomes))


def retrain(world: World) -> None:
    """A challenger that knows the days on which the answer turned; it beats the champion."""
    _, _, verdict = world.challenge(day(17))
    assert world.promote(day(17), verdict).promoted, verdict


def roll_back(world: World) -> None:
    """To the version before."""
    verified_target = world.do("verify_target", day(18))
    assert world.do("roll_back", day(18), verified=verified_target).rolled_back


def test_mlserver_goes_with_the_champion(world: RealWorld, client: Any, tmp_path: Path) -> None:
    """Trained and promoted, promoted over, rolled back: its answers are the champion's, and no request fails meanwhile."""
    world.with_days(16, turned_from=8)
    _, _, verdict = world.challenge(day(9))
    world.promote(day(9), verdict)
    server = Server(tmp_path / "toy", tmp_path, free_ports())
    copied_as_by_an_agent(client, server.folder)
    with server.running():
        require_served(server, "1")
        assert switched(server, client, lambda: retrain(world)) == ["1", "2"]
        require_served(server, "2")
        assert switched(server, client, lambda: roll_back(world)) == ["2", "1"]
        require_served(server, "1")


@pytest.fixture
def served(world: RealWorld, client: Any, tmp_path: Path) -> Iterator[Server]:
    """A server of the current champion."""
    server = Server(tmp_path / "toy", tmp_path, free_ports())
    copied_as_by_an_agent(client, server.folder)
    with server.running():
        yield server


def test_what_is_not_as_it_was_published_is_not_loaded(served: Server) -> None:
    """Another file, version, library or type: the load is refused, and the version before goes on answering."""
    before = served.ask(asked_rows())["outputs"]
    folder = served.folder / json.loads((served.folder / "model-settings.json").read_text())["parameters"]["uri"]
    for name, old, new in (
        ("about.json", b'"version": "', b'"version": "9'),
        ("about.json", b'"sha256": "', b'"sha256": "0'),
        ("about.json", b"scikit-learn==", b"scikit-learn==0."),
        ("about.json", b'"numpy.dtype"', b'"os.system"'),
        ("model.skops", b"PK", b"KP"),
    ):
        whole = (folder / name).read_bytes()
        assert old in whole
        (folder / name).write_bytes(whole.replace(old, new))
        with pytest.raises(HTTPError):
            follow.load(served.url, served.folder)
        assert served.ask(asked_rows())["outputs"] == before
        (folder / name).write_bytes(whole)
    follow.load(served.url, served.folder)


def test_a_request_that_cannot_be_answered_says_why(served: Server) -> None:
    """A column that is missing is named, and so is one that is no number."""
    asked = request_about(asked_rows())
    asked["inputs"][0]["data"][0] = "much"
    for inputs, words in ((asked["inputs"][1:], "no input x"), (asked["inputs"], "input x")):
        answer = requests.post(f"{served.url}/v2/models/toy/infer", json={"inputs": inputs}, timeout=30)
        assert answer.status_code >= 400
        assert words in answer.text
