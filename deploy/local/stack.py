"""The whole stack on 127.0.0.1: SeaweedFS, MLflow and Airflow or Prefect, started together and ended without a trace."""

import fcntl
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from deploy.local.components import PARTS, STACKS, start_airflow, start_mlflow, start_prefect, start_seaweedfs
from deploy.local.environment import PROJECT, Ports, Secrets, as_dotenv, environment, inherited, write_private
from deploy.local.processes import Running, StackError, end, launch, require_free_port

__all__ = ["Ports", "Stack", "StackError"]

_SPACE_NEEDED = 3 * 1024**3


class Stack:
    """One stack, kept in one folder: data, databases, secrets, logs, and which processes run.

    `seconds` holds how long each part took to get ready in this process's last `start`. `more` are variables that its
    components get beside those that it chooses itself.
    """

    def __init__(self, home: Path | None = None, ports: Ports | None = None, more: Mapping[str, str] | None = None) -> None:
        self.home = (home or PROJECT / ".stack").absolute()
        self.seconds: dict[str, float] = {}
        self._wanted = ports
        self._more = dict(more or {})
        self._state = self.home / "running.json"
        # Read by tools that did not start the stack: include/cli/connection.py.
        self._variables = self.home / "env"

    @property
    def ports(self) -> Ports:
        """Those of the running stack, else those asked for, else those that the environment names."""
        recorded = self._recorded()[0]
        return recorded or self._wanted or Ports.read(os.environ)

    @property
    def airflow_url(self) -> str:
        """Where Airflow's pages and API are."""
        return f"http://127.0.0.1:{self.ports.airflow}"

    @property
    def prefect_url(self) -> str:
        """Where Prefect's pages and API are."""
        return f"http://127.0.0.1:{self.ports.prefect}"

    @property
    def models_url(self) -> str:
        """Airflow's page "Models", all of them at a glance."""
        return f"{self.airflow_url}/plugin/models"

    @property
    def mlflow_url(self) -> str:
        """Where MLflow's pages and API are."""
        return f"http://127.0.0.1:{self.ports.mlflow}"

    @property
    def s3_endpoint(self) -> str:
        """Where the object store answers."""
        return f"http://127.0.0.1:{self.ports.s3}"

    @property
    def passwords(self) -> dict[str, str]:
        """Airflow's users and their passwords."""
        return self._secrets().passwords

    def environment(self) -> dict[str, str]:
        """The variables that a process needs to work with this stack; each component is started with them."""
        return environment(self.home, self.ports, self._secrets()) | self._more

    def start(self, parts: Collection[str] = STACKS["airflow"]) -> None:
        """Start what of these parts is not running yet, and return when all of it answers.

        Raises:
            StackError: something is in the way, or a component does not come up; then nothing of this start is left running.
        """
        self._prepare()
        with self._alone():
            self._require_same_ports()
            missing = [part for part in PARTS if part in parts and not self._is_running(part)]
            if missing:
                self._start_missing(missing)
            write_private(self._variables, as_dotenv(self.environment()))

    def stop(self) -> None:
        """End every process of this stack; its data stay."""
        if self.home.exists():
            with self._alone():
                self._end_parts(PARTS)

    def status(self) -> dict[str, str]:
        """Each component with `running (process n)` or `stopped`; of the orchestrators, Airflow or those that were started."""
        known = {component.name: component for component in self._recorded()[1]}
        started = [stack for name, stack in STACKS.items() if known.keys() & set(PARTS[name])] or [STACKS["airflow"]]
        return {
            name: f"running (process {known[name].pid})" if name in known and known[name].is_alive() else "stopped"
            for part in PARTS
            if any(part in stack for stack in started)
            for name in PARTS[part]
        }

    def _start_missing(self, parts: list[str]) -> None:
        self._end_parts(parts)
        self._require_room(parts)
        try:
            self._start_together(parts)
        except BaseException:
            self._end_parts(parts)
            raise

    def _start_together(self, parts: list[str]) -> None:
        started: list[Running] = []
        ports, secret = self.ports, Secrets.of(self.home)
        surroundings, kept = inherited() | self.environment(), self._recorded()[1]

        one_by_one = threading.Lock()

        def run(name: str, command: list[str]) -> Running:
            with one_by_one:
                component = launch(name, command, surroundings, self.home / "logs", self.home)
                started.append(component)
                self._record(ports, [*kept, *started])
            return component

        starters: dict[str, Callable[[], None]] = {
            "seaweedfs": lambda: start_seaweedfs(run, self.home, ports, secret),
            "mlflow": lambda: start_mlflow(run, self.home, ports),
            "airflow": lambda: start_airflow(run, self.home, ports, secret),
            "prefect": lambda: start_prefect(run, self.home, ports, secret),
        }
        with ThreadPoolExecutor(len(parts)) as pool:
            try:
                for work in [pool.submit(self._timed, part, starters[part]) for part in parts]:
                    work.result()
            except BaseException:
                # The other starters see their components end, and give up at once.
                end(started)
                raise

    def _timed(self, part: str, start: Callable[[], None]) -> None:
        began = time.monotonic()
        start()
        self.seconds[part] = time.monotonic() - began

    def _prepare(self) -> None:
        if not (3, 11) <= sys.version_info < (3, 14):
            raise StackError(
                f"Python {sys.version.split()[0]} is not supported; Airflow and MLflow run on 3.11 to 3.13. "
                "Run `make demo PYTHON=python3.11` with one of these."
            )
        try:
            (self.home / "logs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(f"{self.home} cannot be made: {error.strerror}. Make its folder writable for you.") from error
        self.home.chmod(0o700)

    def _require_room(self, parts: list[str]) -> None:
        free = shutil.disk_usage(self.home).free
        if free < _SPACE_NEEDED:
            raise StackError(
                f"{self.home} has {free / 1024**3:.1f} GB of disk left and the stack needs {_SPACE_NEEDED / 1024**3:.0f} GB; "
                "make room, then start again."
            )
        for port, who, variable in self.ports.needed():
            if who.lower() in parts:
                require_free_port(port, who, variable)

    def _require_same_ports(self) -> None:
        recorded = self._recorded()[0]
        wanted = self._wanted or (Ports.read(os.environ) if Ports.named_in(os.environ) else None)
        if recorded and wanted and recorded != wanted:
            raise StackError(f"the stack in {self.home} runs on {recorded}, not on {wanted}; run `make down` first.")

    def _secrets(self) -> Secrets:
        self._prepare()
        return Secrets.of(self.home)

    def _is_running(self, part: str) -> bool:
        alive = {component.name for component in self._recorded()[1] if component.is_alive()}
        return alive.issuperset(PARTS[part])

    def _end_parts(self, parts: Collection[str]) -> None:
        ports, components = self._recorded()
        names = {name for part in parts for name in PARTS[part]} | {"airflow-migration"}
        end(component for component in components if component.name in names)
        self._record(ports, [component for component in components if component.name not in names])

    def _recorded(self) -> tuple[Ports | None, list[Running]]:
        """What the last start wrote down: no ports when nothing of it is left, as after a reboot."""
        try:
            state = json.loads(self._state.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None, []
        components = [Running(**{"boot": "", **component}) for component in state["components"]]
        return (Ports(**state["ports"]) if any(c.is_alive() or c.members() for c in components) else None), components

    def _record(self, ports: Ports | None, components: list[Running]) -> None:
        if ports is None or not components:
            self._state.unlink(missing_ok=True)
            self._variables.unlink(missing_ok=True)
            return
        facts = [{"name": c.name, "pid": c.pid, "born": c.born, "boot": c.boot, "log": c.log} for c in components]
        write_private(self._state, json.dumps({"ports": asdict(ports), "components": facts}, indent=1))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One start or stop of this home at a time; the second waits, then finds the first one's work."""
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
