"""docker-compose.yaml as it stands, on a real container engine: it comes up, and a whole loop survives a worker's death.

Podman, asked by docker compose through the interface that Docker has too. WITHOUT="grafana" leaves out a service whose image
is not to be had. Ports are those of the file, which have to be free.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import requests

from demo.upstream import WEEK
from deploy.local.environment import PROJECT, inherited, is_free
from tests.compose_file import PROGRAM, described, dotenv
from tests.serving.test_mlserver import request_about
from tests.whole_loop.loop import FIRST, Loop, wait_for
from tests.whole_loop.worker_death import first_champion_despite_a_death

pytestmark = pytest.mark.timeout(1200)
WITHOUT = os.environ.get("WITHOUT", "").split()
NAME = "proving-ground-test"
LABEL = f"label=com.docker.compose.project={NAME}"
WORKERS = tuple(f"{NAME}-worker-{number}" for number in (1, 2))
PORTS = (8080, 5000, 8333, 9090, 3000)


class Containers:
    """The project on the engine; what Loop asks of a stack, it answers."""

    airflow_url = "http://127.0.0.1:8080"
    mlflow_url = "http://127.0.0.1:5000"
    s3_endpoint = "http://127.0.0.1:8333"

    def __init__(self, home: Path) -> None:
        missing = [program for program in ("podman", "runc", "catatonit") if not shutil.which(program)]
        assert not missing, f"install first: apt-get install {' '.join(missing)} netavark aardvark-dns"
        taken = [port for port in PORTS if not is_free(port)]
        assert not taken, f"ports {taken} are in use: end what runs there, and try again."
        self._home = home
        self._socket = f"unix://{home}/engine.sock"
        (home / "containers.conf").write_bytes(subprocess.check_output([PROJECT / "tests/containers/engine_settings.sh"]))
        self._around = {**inherited(), "DOCKER_HOST": self._socket, "CONTAINERS_CONF": str(home / "containers.conf")}
        self.variables = dotenv(home / ".env", PROVING_GROUND_SERVING_BUCKET="serving")
        self.passwords = {"admin": self.variables["AIRFLOW_ADMIN_PASSWORD"]}
        self.services = self._read()

    def environment(self) -> dict[str, str]:
        """With the administrator's keys of the object store."""
        return self.variables

    def compose(self, *words: str) -> str:
        """What docker compose answers about this project."""
        project = ["--project-name", NAME, "--file", str(self._home / "compose.json"), "--project-directory", str(PROJECT)]
        return self._ask(PROGRAM, "--env-file", str(self._home / ".env"), *project, *words)

    def engine(self, *words: str) -> str:
        """What podman answers."""
        return self._ask("podman", *words)

    def keys_of(self, service: str) -> str:
        """The file with its keys of the object store, as its container reads it."""
        return self.engine("exec", f"{NAME}-{service}-1", "sh", "-c", 'cat "$AWS_SHARED_CREDENTIALS_FILE"')

    def up(self) -> None:
        """`docker compose up -d --scale worker=2`, and wait until each health check says yes."""
        self.compose("up", "--detach", "--scale", "worker=2")
        checked = {f"{NAME}-{name}-1" for name, service in self.services.items() if "healthcheck" in service} | set(WORKERS)
        wanted = dict.fromkeys(checked, "healthy")
        wait_for(lambda: self.health() == wanted, lambda: f"health: {self.health()}, not {wanted}", seconds=180)

    def health(self) -> dict[str, str]:
        """Of each container that runs and has a health check."""
        listed = self.engine("ps", "--format", "{{.Names}} {{.Status}}", "--filter", LABEL).splitlines()
        return {line.split()[0]: state[1] for line in listed if (state := re.search(r"\((\w+)\)$", line))}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The engine's service, and what asks the health checks: without systemd nothing else does."""
        service = subprocess.Popen(["podman", "system", "service", "--time=0", self._socket], env=self._around)
        over = threading.Event()
        asker = threading.Thread(target=self._ask_health, args=[over], daemon=True)
        asker.start()
        try:
            time.sleep(1)
            # What a run that was killed has left knows other secrets.
            self.compose("down", "--volumes", "--timeout", "5")
            yield
            self.compose("down", "--volumes", "--timeout", "5")
        finally:
            over.set()
            asker.join()
            service.terminate()
            service.wait(timeout=10)

    def _ask_health(self, over: threading.Event) -> None:
        while not over.wait(3):
            ask = ["podman", "ps", "--format", "{{.Names}}", "--filter", LABEL]
            running = subprocess.run(ask, env=self._around, capture_output=True, text=True, check=False).stdout
            for name in running.split():
                subprocess.run(["podman", "healthcheck", "run", name], capture_output=True, env=self._around, check=False)

    def _ask(self, *words: str) -> str:
        answer = subprocess.run(words, env=self._around, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{' '.join(words[-4:])}: {answer.stderr[-2000:]}"
        return answer.stdout

    def _read(self) -> dict[str, Any]:
        """The file as compose reads it, less what podman's interface does not take, within the limits of the current user."""
        found = described(self._home / ".env", NAME)
        _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
        limits = {"nofile": {"soft": 1024, "hard": files}, "nproc": {"soft": 10_000, "hard": 10_000}}
        for service in WITHOUT:
            del found["services"][service]
        for service in found["services"].values():
            service["ulimits"] = limits
            service.get("healthcheck", {}).pop("start_interval", None)
        (self._home / "compose.json").write_text(json.dumps(found))
        # `down` removes volumes, and only those of the test.
        assert all(volume["name"].startswith(f"{NAME}_") for volume in found["volumes"].values())
        services: dict[str, Any] = found["services"]
        return services


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The image built, and everything up."""
    containers = Containers(tmp_path_factory.mktemp("containers"))
    with containers.serving():
        image = f"docker.io/library/{containers.services['worker']['image']}"
        containers.engine("build", "--network", "host", "--file", "deploy/Dockerfile", "--tag", image, str(PROJECT))
        containers.up()
        yield containers


@pytest.fixture(scope="module")
def keys(containers: Containers) -> dict[str, dict[str, str]]:
    """The keys of the roles that no service here uses, printed once, as docs/deploy.md describes."""
    output = containers.compose("run", "--rm", "--no-deps", "prepare", "python", "deploy/s3_roles.py").replace("\r", "")
    by_role = re.findall(r"# (\w+)\n([^#]*)", output)
    return {role: dict(re.findall(r"^(\w+)=(.+)$", lines, re.MULTILINE)) for role, lines in by_role}


def test_the_loop_survives_the_death_of_a_worker(containers: Containers) -> None:
    """One container is killed while it trains: the other one trains again; there is a champion."""
    first_champion_despite_a_death(
        Loop(containers),  # type: ignore[arg-type]  # it has what Loop asks of a stack
        WORKERS,
        lambda worker: containers.engine("top", worker, "args"),
        lambda worker: containers.engine("kill", "--signal", "KILL", worker),
    )


def test_prometheus_reads_the_models_figures(containers: Containers) -> None:
    """Over the containers' own network, with the token that compose put into a file."""

    def found() -> list[str]:
        asked = {"query": "proving_ground_champion_info"}
        answer = requests.get("http://127.0.0.1:9090/api/v1/query", asked, timeout=10).json()["data"]["result"]
        return [one["metric"]["model"] for one in answer]

    assert wait_for(found, "a scrape", seconds=90) == [Loop(containers).model.name]  # type: ignore[arg-type]


def test_nothing_runs_as_root_or_can_get_a_right(containers: Containers) -> None:
    """Of every process in every container: its user, the capabilities that it could ever get, and that none can be added."""
    names = containers.engine("ps", "--format", "{{.Names}}", "--filter", LABEL).split()
    assert len(names) > 10
    ask = "cat /proc/[0-9]*/status 2>/dev/null | grep -E '^(Uid|CapBnd|NoNewPrivs):' | sort -u"
    for name in names:
        found = [line.split() for line in containers.engine("exec", name, "sh", "-c", ask).splitlines()]
        assert {field for field, *_ in found} == {"Uid:", "CapBnd:", "NoNewPrivs:"}, (name, found)
        assert all("0" not in values for field, *values in found if field == "Uid:"), (name, found)
        assert all(set(values) == {"0" * 16} for field, *values in found if field == "CapBnd:"), (name, found)
        assert all(values == ["1"] for field, *values in found if field == "NoNewPrivs:"), (name, found)


@pytest.mark.parametrize("port", [8888, 9333, 9340, 8334, 18333, 18888, 19333])
def test_the_object_stores_internal_ports_are_unreachable(containers: Containers, port: int) -> None:
    """They ask for no key: from the service with the least rights there is S3's port, and nothing else."""
    dial = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)"

    def reaches(host: str, number: int) -> bool:
        words = ["podman", "exec", f"{NAME}-api-server-1", "python", "-c", dial, host, str(number)]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    assert reaches("s3", 8333)
    assert not reaches("s3", port)
    assert not reaches("seaweedfs", port)


def test_it_goes_down_and_comes_up_with_all_that_it_knew(containers: Containers) -> None:
    """Volumes outlive containers: the champion is the same, and `prepare` finds its work done."""
    before = [containers.keys_of(service) for service in ("api-server", "scheduler")]
    containers.compose("down")
    containers.up()
    loop = Loop(containers)  # type: ignore[arg-type]
    assert loop.aliases()["champion"] == "1"
    assert [containers.keys_of(service) for service in ("api-server", "scheduler")] == before
    assert all(text.splitlines()[0] == "[default]" for text in before)
    token = {"Authorization": f"Bearer {containers.variables['PROVING_GROUND_METRICS_TOKEN']}"}
    shown = requests.get(f"{containers.airflow_url}/proving-ground/metrics", headers=token, timeout=30).text
    assert f'proving_ground_champion_info{{model="{loop.model.name}",version="1"}} 1' in shown


def test_an_inference_server_with_its_own_keys_answers_with_the_champion(
    containers: Containers, keys: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image of deploy/serving, in the same network: what the pipeline published there is served, to the last bit."""
    assert set(keys) == {"servers", "upstream"}
    recipe = str(PROJECT / "deploy/serving/Dockerfile")
    containers.engine("build", "--network", "host", "--tag", f"{NAME}-mlserver", "--file", recipe, str(PROJECT))
    loop = Loop(containers)  # type: ignore[arg-type]
    name = loop.model.name
    follow = f"python follow.py s3://serving/serving/{name} /tmp/models/{name} http://127.0.0.1:8080 2"
    environment = keys["servers"] | {"AWS_ENDPOINT_URL_S3": "http://s3:8333", "AWS_DEFAULT_REGION": "us-east-1"}
    run = [
        "run",
        "--detach",
        "--name",
        f"{NAME}-mlserver",
        "--network",
        f"{NAME}_default",
        "--publish",
        "127.0.0.1:18080:8080",
    ]
    run += [word for variable, value in environment.items() for word in ("--env", f"{variable}={value}")]
    both = f"mkdir -p /tmp/models/{name}; mlserver start /tmp/models & exec {follow}"
    containers.engine(*run, f"{NAME}-mlserver", "sh", "-c", both)
    try:
        server = f"http://127.0.0.1:18080/v2/models/{name}"
        wait_for(lambda: _is_ready(server), "the champion to be served", seconds=90)
        frame = loop.lake.rows(loop.model, FIRST, FIRST + WEEK)[[column.name for column in loop.model.features]].head(20)
        asked = {"inputs": request_about(frame)["inputs"]}
        answer = requests.post(f"{server}/infer", json=asked, timeout=30).json()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", containers.mlflow_url)
        # Else MLflow sends its clients to the object store, at an address that only the containers know.
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
        expected = mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(frame)
        assert answer["model_version"] == "1"
        assert np.array_equal(answer["outputs"][0]["data"], expected)
    finally:
        containers.engine("rm", "--force", f"{NAME}-mlserver")


def _is_ready(server: str) -> bool:
    try:
        return requests.get(f"{server}/ready", timeout=5).ok
    except requests.RequestException:
        return False
