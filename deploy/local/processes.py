"""Starts a component in a session of its own, and ends the whole session: what Airflow forks is never left behind."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from include.errors import ProvingGroundError


class StackError(ProvingGroundError):
    """The stack on this machine cannot start or run."""


@dataclass(frozen=True)
class Running:
    """A component's first process, which leads a session.

    `born`, in seconds since the machine was started, and `boot`, which names that start, tell it from a later process with its
    number. A time of the clock would not: clocks are set, and a machine that slept or moved sets its own.
    """

    name: str
    pid: int
    born: float
    boot: str
    log: str
    handle: subprocess.Popen[bytes] | None = field(default=None, compare=False, repr=False)

    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        if self.handle is not None and self.handle.poll() is not None:
            return False
        leader = _process(self.pid)
        return leader is not None and self._is(leader) and bool(leader.status() != psutil.STATUS_ZOMBIE)

    def members(self) -> list[psutil.Process]:
        """Every process of the session and every descendant, also of a leader that has died."""
        leader = _process(self.pid)
        if self.boot not in ("", _boot()) or (leader is not None and not self._is(leader)):
            return []
        # A task has its own process group, an operator's shell its own session: neither list alone has them all.
        members = {process.pid: process for process in _of_session(self.pid)}
        for process in list(members.values()):
            members.update({child.pid: child for child in _descendants(process)})
        return list(members.values())

    def _is(self, process: psutil.Process) -> bool:
        if not self.boot:
            # Started by an earlier release, which wrote the time of the clock.
            return bool(abs(process.create_time() - self.born) < 1)
        return self.boot == _boot() and abs(_born(process) - self.born) < 1

    def last_words(self) -> str:
        """The end of its log, on one line."""
        lines = Path(self.log).read_text(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-4:])[-600:] or "nothing"


def launch(name: str, command: list[str], environment: Mapping[str, str], logs: Path, cwd: Path) -> Running:
    """Start one component in its own session, its output in `<logs>/<name>.log`.

    Raises:
        StackError: its program is not installed.
    """
    log = logs / f"{name}.log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise StackError(
                f"{name}: the program {command[0]} is not there; run `make demo`, which installs it into .venv."
            ) from error
    return Running(name, process.pid, _born(psutil.Process(process.pid)), _boot(), str(log), process)


def _born(process: psutil.Process) -> float:
    """Seconds since the machine's start: psutil adds its boot time, which moves with the clock, to what the kernel keeps."""
    return float(process.create_time() - psutil.boot_time())


def _boot() -> str:
    """What names this start of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def wait_until_done(component: Running) -> None:
    """Wait for a component that ends by itself.

    Raises:
        StackError: it failed.
    """
    if component.handle is not None and (code := component.handle.wait()) != 0:
        raise StackError(f"{component.name} failed with code {code}; its log {component.log} ends: {component.last_words()}")


def wait_for(component: Running, ready: Callable[[], bool], *, seconds: float) -> None:
    """Return as soon as `ready` is true; a probe that raises OSError is "not yet".

    Raises:
        StackError: the component ended, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not component.is_alive():
            raise StackError(f"{component.name} ended while starting; its log {component.log} ends: {component.last_words()}")
        if _is_ready(ready):
            return
        time.sleep(0.2)
    raise StackError(
        f"{component.name} was not ready after {seconds:.0f} s; see {component.log}, which ends: {component.last_words()}"
    )


def end(components: Iterable[Running], *, patience: float = 6) -> None:
    """Ask every process of the components to end, wait, then kill what is left.

    SeaweedFS can take 11 s over its last connections; killed, it has lost nothing that it had acknowledged.
    """
    components = list(components)
    for signal_number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        # What a process forks between the listing and its end shows in the next listing.
        deadline = time.monotonic() + seconds
        signalled: set[int] = set()
        while members := [member for component in components for member in component.members()]:
            for member in members:
                if member.pid not in signalled:
                    signalled.add(member.pid)
                    _signal(member, signal_number)
            if time.monotonic() > deadline:
                break
            psutil.wait_procs(members, timeout=0.3)


def require_free_port(port: int, who: str, variable: str) -> None:
    """Raise StackError when something listens on the port already."""
    with socket.socket() as probe:
        # A port whose last connections are still fading counts as free, as it does for the servers.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackError(
                f"port {port}, which {who} needs, is taken{_holder(port)}; end that program, or set {variable} to a free port."
            ) from error


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return ""


def _is_ready(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except OSError:
        return False


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _of_session(session: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (OSError, psutil.Error):
            continue
    return members


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [child for child in process.children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    except psutil.Error:
        return []
