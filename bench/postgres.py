"""A real Postgres of Debian's package for a benchmark or a test: a server of its own, that can be killed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from deploy.local.stack import Ports
from include.errors import ToolError


@dataclass
class Postgres:
    """A server: where its programs are, where it keeps its data, and where it listens."""

    programs: Path
    folder: Path
    port: int

    def address(self, user: str = "postgres", password: str = "secret", driver: str = "psycopg2") -> str:
        """For SQLAlchemy."""
        return f"postgresql+{driver}://{user}:{password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c fsync=off -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self, how: str) -> None:
        """`fast`, or `immediate`, as if it were killed."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", how, "-w", "stop")

    def make(self) -> None:
        """Its folders, with a password for its administrator."""
        (self.folder / "password").write_text("secret")
        options = ("-A", "scram-sha-256", "-U", "postgres", f"--pwfile={self.folder / 'password'}")
        self._run("initdb", "-D", str(self.folder / "data"), *options)

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        change = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*change, str(self.programs / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def running() -> Iterator[Postgres]:
    """A server on a free port, and nothing of it afterwards.

    Raises:
        ToolError: Postgres is not installed here.
    """
    found = sorted(glob("/usr/lib/postgresql/*/bin/initdb"))
    if not found:
        raise ToolError("Postgres is not installed here: apt-get install postgresql, then run this again.")
    # Where the user postgres may come through to.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    folder.chmod(0o777)
    server = Postgres(Path(found[-1]).parent, folder, Ports.free().mlflow)
    try:
        server.make()
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
