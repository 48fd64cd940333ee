"""docker-compose.yaml as it stands, on a real container engine: it comes up, and a whole loop survives a worker's death.

Podman, asked by docker compose through the interface that Docker has too. WITHOUT="grafana" leaves out a service whose image
is not to be had. Ports are those of the file, which have to be free.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.environment import PROJECT, inherited, is_free
from demo.make_env import completed, required, write_private
from tests.whole_loop.loop import Loop, wait_for
from tests.whole_loop.worker_death import first_champion_despite_a_death

pytestmark = pytest.mark.timeout(1200)
WITHOUT = os.environ.get("WITHOUT", "").split()
NAME = "proving-ground-test"
WORKERS = tuple(f"{NAME}-worker-{number}" for number in (1, 2))
PORTS = (8080, 5000, 8333, 9090, 3000)
FILE = PROJECT / "docker-compose.yaml"


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
        text, _ = completed((PROJECT / ".env.example").read_text(), required(FILE.read_text()))
        write_private(home / ".env", text)
        self.told = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
        self.passwords = {"admin": self.told["AIRFLOW_ADMIN_PASSWORD"]}
        self.services = self._read()

    def environment(self) -> dict[str, str]:
        """With the administrator's keys of the object store."""
        return self.told

    def compose(self, *words: str) -> str:
        """What docker compose answers about this project."""
        program = str(Path(sys.executable).with_name("docker-compose"))
        project = ["--project-name", NAME, "--file", str(self._home / "compose.json"), "--project-directory", str(PROJECT)]
        return self._ask(program, "--env-file", str(self._home / ".env"), *project, *words)

    def engine(self, *words: str) -> str:
        """What podman answers."""
        return self._ask("podman", *words)

    def up(self) -> None:
        """`docker compose up -d --scale worker=2`, and wait until each health check says yes."""
        self.compose("up", "--detach", "--scale", "worker=2")
        wait_for(lambda: set(self.health().values()) == {"healthy"}, lambda: f"health: {self.health()}", seconds=180)

    def health(self) -> dict[str, str]:
        """Of each container that runs and has a health check."""
        listed = json.loads(self.engine("ps", "--format", "json", "--filter", f"label=com.docker.compose.project={NAME}"))
        found = {one["Names"][0]: re.search(r"\((\w+)\)", one["Status"]) for one in listed}
        return {name: state[1] for name, state in found.items() if state}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The engine's service, and what asks the health checks: without systemd nobody else does."""
        service = subprocess.Popen(["podman", "system", "service", "--time=0", self._socket], env=self._around)
        over = threading.Event()
        asker = threading.Thread(target=self._ask_health, args=[over], daemon=True)
        asker.start()
        try:
            time.sleep(1)
            yield
        finally:
            self.compose("down", "--volumes", "--timeout", "5")
            over.set()
            asker.join()
            service.terminate()
            service.wait(timeout=10)

    def _ask_health(self, over: threading.Event) -> None:
        while not over.wait(3):
            for name in self.engine("ps", "--format", "{{.Names}}").split():
                subprocess.run(["podman", "healthcheck", "run", name], capture_output=True, env=self._around, check=False)

    def _ask(self, *words: str) -> str:
        answer = subprocess.run(words, env=self._around, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{' '.join(words[-4:])}: {answer.stderr[-2000:]}"
        return answer.stdout

    def _read(self) -> dict[str, Any]:
        """The file as compose reads it, less what podman's interface does not take, within the limits of whoever tests."""
        shutil.copy(FILE, self._home / "compose.json")
        found = json.loads(self.compose("config", "--format", "json"))
        limits = {"nofile": {"soft": 1024, "hard": int(subprocess.check_output(["sh", "-c", "ulimit -Hn"]))}}
        limits["nproc"] = {"soft": 10_000, "hard": 10_000}
        for service in WITHOUT:
            del found["services"][service]
        for service in found["services"].values():
            service["ulimits"] = limits
            service.get("healthcheck", {}).pop("start_interval", None)
        (self._home / "compose.json").write_text(json.dumps(found))
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


def test_nothing_runs_as_root_or_with_a_right_to_spare(containers: Containers) -> None:
    """Asked in each container: its user, and the capabilities of its first process."""
    for name in containers.health():
        user, rights = containers.engine("exec", name, "sh", "-c", "id -u; sed -n 's/^CapEff:\\t//p' /proc/1/status").split()
        assert int(user) > 0, name
        assert int(rights, 16) == 0, name


def test_it_goes_down_and_comes_up_with_all_that_it_knew(containers: Containers) -> None:
    """Volumes outlive containers: the champion is the same, and `prepare` finds its work done."""
    containers.compose("down")
    containers.up()
    loop = Loop(containers)  # type: ignore[arg-type]
    assert loop.aliases()["champion"] == "1"
    for name in ("api-server-1", "worker-1"):
        rows = containers.engine("exec", f"{NAME}-{name}", "sh", "-c", 'cat "$AWS_SHARED_CREDENTIALS_FILE"').splitlines()
        assert rows[0] == "[default]"
    token = {"Authorization": f"Bearer {containers.told['PROVING_GROUND_METRICS_TOKEN']}"}
    shown = requests.get(f"{containers.airflow_url}/proving-ground/metrics", headers=token, timeout=30).text
    assert f'proving_ground_champion_info{{model="{loop.model.name}",version="1"}} 1' in shown


def test_somebody_who_asks_gets_the_keys_of_the_other_roles(containers: Containers) -> None:
    """As docs/deploy.md says, for those who deliver."""
    said = containers.compose("run", "--rm", "--no-deps", "prepare", "python", "deploy/s3_roles.py")
    assert "# upstream\nAWS_ACCESS_KEY_ID=" in said.replace("\r", "")
