"""What stands in docker-compose.yaml, as plain processes: only names, ports and paths are translated to this machine's."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.environment import PROJECT, inherited, is_free
from deploy.local.processes import Running, end, launch
from tests.compose_file import described, dotenv

# Every port that stands in the file for a service that runs here; each is given a free one.
PORTS = ("5432", "6379", "8333", "8334", "9333", "8888", "9340", "23646", "5000", "8080", "9125")
HOSTS = ("postgres", "redis", "seaweedfs", "s3", "mlflow", "api-server", "statsd-exporter")
NEEDED = {"redis-server": "redis-server", "redis-cli": "redis-tools", "wget": "wget", "runuser": "util-linux", "bash": "bash"}
POSTGRES_PROGRAMS = "/usr/lib/postgresql/*/bin/initdb"


@contextmanager
def home(name: str) -> Iterator[Path]:
    """A folder that the user postgres may come through to.

    It is not below pytest's own folder: each session of pytest closes that to other users, and a Postgres of another
    session whose data lie there loses them and ends.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


class Composed:
    """The services of the file as processes below one folder; what Loop asks of a stack, it answers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.passwords: dict[str, str] = {}
        self.running: dict[str, Running] = {}
        self._postgres = _programs()
        self.services = self._read()
        self._numbers = _free_ports()
        (home / "logs").mkdir()

    @property
    def airflow_url(self) -> str:
        """Where the api-server answers."""
        return f"http://127.0.0.1:{self._numbers['8080']}"

    @property
    def mlflow_url(self) -> str:
        """Where MLflow answers."""
        return f"http://127.0.0.1:{self._numbers['5000']}"

    @property
    def s3_endpoint(self) -> str:
        """Where the object store answers."""
        return f"http://127.0.0.1:{self._numbers['8333']}"

    @property
    def postgres_data(self) -> str:
        """The folder of Postgres's data, which its user owns."""
        return self._volumes("postgres")["/var/lib/postgresql/data"]

    def environment(self) -> dict[str, str]:
        """The variables of the api-server, translated, and the object store's administrator's keys, which it has not."""
        return self.variables("api-server") | self.variables("seaweedfs")

    def start(self, service: str, name: str = "") -> None:
        """Start a service's own command with its own variables; `name` is its container's where there are several."""
        name = name or service
        for volume in self._volumes(service).values():
            Path(volume).mkdir(parents=True, exist_ok=True)
        surroundings = self.surroundings(service, name)
        if service == "postgres":
            self._init_postgres()
        self.running[name] = launch(name, self.command(service), surroundings, self.home / "logs", self.home)

    def start_and_wait(self, *services: str, seconds: float = 120) -> None:
        """Start services, and return when the health check of each says yes."""
        for service in services:
            self.start(service)
        for service in services:
            self.wait_healthy(service, seconds=seconds)

    def wait_healthy(self, service: str, name: str = "", *, seconds: float = 120) -> None:
        """Run the health check that stands in the file until it says yes."""
        name, until = name or service, time.monotonic() + seconds
        while not self.is_healthy(service, name):
            assert self.running[name].is_alive(), f"{name} ended: {self.running[name].last_words()}"
            assert time.monotonic() < until, f"{name} is not healthy after {seconds:.0f} s: {self.running[name].last_words()}"
            time.sleep(0.5)

    def is_healthy(self, service: str, name: str) -> bool:
        """What its health check says once."""
        kind, *words = self.services[service]["healthcheck"]["test"]
        command = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        answer = subprocess.run(
            [self.translated(word, service) for word in command],
            env=self.surroundings(service, name),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return answer.returncode == 0

    def run(self, service: str) -> None:
        """Start a service that ends by itself, and wait for it."""
        self.start(service)
        handle = self.running[service].handle
        assert handle is not None
        assert handle.wait(timeout=120) == 0, self.running[service].last_words()

    def stop(self) -> None:
        """End everything."""
        end(self.running.values())

    def command(self, service: str) -> list[str]:
        """Its entry point and its command, translated."""
        config = self.services[service]
        words = [self.translated(word, service) for word in [*(config.get("entrypoint") or []), *config["command"]]]
        if service != "postgres":
            return words
        # The image's entry point drops root's rights and names the data; so does this.
        data = self.postgres_data
        return [*as_postgres(), str(self._postgres / words[0]), *words[1:], "-D", data, "-k", data]

    def variables(self, service: str) -> dict[str, str]:
        """Its variables, translated."""
        given = self.services[service].get("environment") or {}
        return {name: "127.0.0.1" if value in HOSTS else self.translated(value, service) for name, value in given.items()}

    def surroundings(self, service: str, name: str = "") -> dict[str, str]:
        """What the image sets, what the engine sets (the name of the container), and what the file sets."""
        here = {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", "HOSTNAME": name, "NO_PROXY": "127.0.0.1"}
        path = f"{Path(sys.executable).parent}:{self._postgres}:{os.environ['PATH']}"
        return {**inherited(), **here, "PATH": path, **self.variables(service)}

    def translated(self, text: str, service: str) -> str:
        """The table: host names, ports and container paths, and nothing else, become this machine's."""
        text = re.sub(rf"\b({'|'.join(HOSTS)})(?=:\d)", "127.0.0.1", text).replace("0.0.0.0", "127.0.0.1")
        text = text.replace("listen_addresses=*", "listen_addresses=127.0.0.1")
        text = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda found: str(self._numbers[found[0]]), text)
        paths = {**self._volumes(service), "/opt/proving-ground": str(PROJECT), "/opt/airflow": f"{self.home}/{service}"}
        for inside, outside in paths.items():
            text = re.sub(rf"(?<![\w/.]){re.escape(inside)}\b", outside, text)
        return text

    def _volumes(self, service: str) -> dict[str, str]:
        """Named volumes, by their path in the container: shared here by those that share them there."""
        named = [volume for volume in self.services[service].get("volumes", []) if volume["type"] == "volume"]
        return {volume["target"]: f"{self.home}/volumes/{volume['source']}" for volume in named}

    def _read(self) -> dict[str, Any]:
        """The services of the file, with a .env of this stack's own."""
        dotenv_values = dotenv(self.home / ".env")
        self.passwords["admin"] = dotenv_values["AIRFLOW_ADMIN_PASSWORD"]
        services: dict[str, Any] = json.loads(json.dumps(described(self.home / ".env", "grown-up")).replace("$$", "$"))[
            "services"
        ]
        return services

    def _init_postgres(self) -> None:
        """What the image's entry point does with a fresh volume: user, password and database as the variables name them."""
        variables, data = self.variables("postgres"), self.postgres_data
        password = self.home / "postgres.password"
        password.write_text(variables["POSTGRES_PASSWORD"])
        if os.geteuid() == 0:
            for path in (data, password):
                shutil.chown(path, "postgres")
        made = ["initdb", "-D", data, "-U", variables["POSTGRES_USER"], f"--pwfile={password}", "-A", "scram-sha-256", "-N"]
        subprocess.run([*as_postgres(), str(self._postgres / made[0]), *made[1:]], check=True, capture_output=True, cwd="/")
        single = ["--single", "-D", data, "postgres"]
        make = f"create database {variables['POSTGRES_DB']}\n"
        program = [*as_postgres(), str(self._postgres / "postgres"), *single]
        subprocess.run(program, input=make, text=True, check=True, capture_output=True, cwd="/")


def as_postgres() -> list[str]:
    """The words in front of a command that the user postgres is to run: root may not run Postgres."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def _programs() -> Path:
    """Where Postgres's programs are; fails, and says what to install, if anything is missing."""
    missing = {package for program, package in NEEDED.items() if not shutil.which(program)}
    found = sorted(Path("/").glob(POSTGRES_PROGRAMS.lstrip("/")))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        missing.add("postgresql")
    assert not missing, f"programs are missing; install them first: apt-get install {' '.join(sorted(missing))}"
    return Path(on_path).parent if on_path else found[-1].parent


def free_port() -> int:
    """One that no process uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free_ports() -> dict[str, int]:
    """A free port for each; SeaweedFS takes each of its own plus 10,000 too."""
    while True:
        start = 12_000 + secrets.randbelow(600) * 20
        numbers = {port: start + place for place, port in enumerate(PORTS)}
        if all(is_free(number) and is_free(number + 10_000) for number in numbers.values()):
            return numbers
