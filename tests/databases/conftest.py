"""A real Postgres of Debian's package, for this session alone; as a server of its own, that can be killed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.local.stack import Ports
from include.adapters.databases import engine_at
from tests.sources.held import Held, in_database

pytest_plugins = ["tests.sources.conftest"]


@dataclass
class Postgres:
    """A server: where it listens, and how it is started, killed and asked as its administrator."""

    programs: Path
    folder: Path
    port: int

    def address(self, user: str = "postgres", password: str = "secret") -> str:
        return f"postgresql+psycopg2://{user}:{password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c fsync=off -c listen_addresses=127.0.0.1"
        self._as_postgres(
            "pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", str(self.folder / "log"), "-w", "start"
        )

    def stop(self, how: str) -> None:
        self._as_postgres("pg_ctl", "-D", str(self.folder / "data"), "-m", how, "-w", "stop")

    def make(self) -> None:
        (self.folder / "password").write_text("secret")
        initdb = ("-A", "scram-sha-256", "-U", "postgres", f"--pwfile={self.folder / 'password'}")
        self._as_postgres("initdb", "-D", str(self.folder / "data"), *initdb)

    def _as_postgres(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        change = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*change, str(self.programs / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, running."""
    found = sorted(glob("/usr/lib/postgresql/*/bin/initdb"))
    assert found, "Postgres is not installed here: apt-get install postgresql, then run this again"
    # Not below pytest's own folder, which the user postgres may not come through to.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    folder.chmod(0o777)
    server = Postgres(Path(found[-1]).parent, folder, Ports.free().mlflow)
    try:
        server.make()
        server.start()
        yield server
    finally:
        try:
            server.stop("immediate")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine(postgres: Postgres) -> sa.Engine:
    """The database, as its administrator."""
    return engine_at(postgres.address(), "the test")


@pytest.fixture(params=["psycopg2", "psycopg"])
def held(request: pytest.FixtureRequest, engine: sa.Engine, queries: Path) -> Held:
    """A table in Postgres, read by each of its two drivers."""
    return in_database(engine_at(engine.url.set(drivername=f"postgresql+{request.param}"), "the test"), queries)
