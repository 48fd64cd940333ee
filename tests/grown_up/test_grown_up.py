"""The grown-up stack, from its own file: a whole loop on Celery and Postgres, and a worker that dies in mid-train."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from deploy.local.environment import PROJECT
from deploy.local.processes import Running
from include.adapters.s3_store import S3Store
from include.errors import AccessDenied
from tests.grown_up.composed import Composed, as_postgres, home
from tests.whole_loop.loop import Loop
from tests.whole_loop.test_killed import kill
from tests.whole_loop.worker_death import first_champion_despite_a_death

pytestmark = pytest.mark.timeout(900)
WORKERS = ("worker-1", "worker-2")


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    """Everything of the file that this machine has a program for, in the order of its `depends_on`, with two workers."""
    with home("grown-up") as folder:
        yield from _started(Composed(folder))


def _started(composed: Composed) -> Iterator[Composed]:
    try:
        composed.start_and_wait("postgres", "redis", "seaweedfs", "s3")
        composed.run("prepare")
        composed.start("mlflow")
        composed.start_and_wait("api-server")
        for service in ("scheduler", "dag-processor", "triggerer"):
            composed.start(service)
        for name in WORKERS:
            composed.start("worker", name)
        for service in ("mlflow", "scheduler", "dag-processor", "triggerer"):
            composed.wait_healthy(service, seconds=180)
        for name in WORKERS:
            composed.wait_healthy("worker", name, seconds=180)
        yield composed
    finally:
        composed.stop()


def test_another_session_of_pytest_takes_nothing_from_it(composed: Composed) -> None:
    """CI runs several at once, and each closes pytest's own temporary folder to other users: Postgres's data are not there."""
    session = composed.home / "test_of_another_session.py"
    session.write_text("def test_that_asks_for_a_folder(tmp_path): pass")
    subprocess.run([sys.executable, "-m", "pytest", "-q", session], check=True, capture_output=True, cwd=composed.home)
    asked = [*as_postgres(), "test", "-r", f"{composed.postgres_data}/PG_VERSION"]
    assert subprocess.run(asked, check=False).returncode == 0


def test_the_loop_survives_the_death_of_a_celery_worker(composed: Composed) -> None:
    """One worker is killed with everything that it runs while it trains: the other one trains again; there is a champion."""
    loop = Loop(composed)  # type: ignore[arg-type]  # it has what Loop asks of a stack

    def kill_at_once(worker: str) -> None:
        # Every process of it, as when its machine loses power.
        kill(*composed.running[worker].members())

    first_champion_despite_a_death(loop, WORKERS, lambda worker: command_lines(composed.running[worker]), kill_at_once)
    assert [composed.running[worker].is_alive() for worker in WORKERS].count(False) == 1


def test_the_administrators_keys_are_known_to_the_store_and_to_prepare_alone(composed: Composed) -> None:
    """Every other service has a file with its role's keys; its variables hold no others."""
    secret = composed.variables("seaweedfs")["AWS_SECRET_ACCESS_KEY"]
    assert {name for name in composed.services if secret in composed.variables(name).values()} == {"seaweedfs", "prepare"}
    for service in ("api-server", "mlflow", "scheduler", "dag-processor", "triggerer", "worker"):
        assert oct(Path(composed.variables(service)["AWS_SHARED_CREDENTIALS_FILE"]).stat().st_mode)[-3:] == "600"


def test_the_api_server_shows_what_it_cannot_change(composed: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models' figures are served with keys that may read the records and write nothing."""
    variables = composed.variables("api-server")
    shown = requests.get(
        f"{composed.airflow_url}/proving-ground/metrics",
        headers={"Authorization": f"Bearer {variables['PROVING_GROUND_METRICS_TOKEN']}"},
        timeout=30,
    )
    assert f'model="{Loop(composed).model.name}",version="1"' in shown.text, shown.text  # type: ignore[arg-type]
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", variables["AWS_SHARED_CREDENTIALS_FILE"])
    lake = S3Store.connect("lake", endpoint=composed.s3_endpoint, region="us-east-1")
    assert list(lake.entries("latest/"))
    with pytest.raises(AccessDenied):
        lake.put("latest/x", b"x")


def test_prepare_may_run_again_and_leaves_the_keys_as_they_are(composed: Composed) -> None:
    """At the next `docker compose up`; a file that was lost comes back with new keys, and who asks gets the other roles'."""
    services = ("mlflow", "api-server", "worker")
    files = [Path(composed.variables(service)["AWS_SHARED_CREDENTIALS_FILE"]) for service in services]
    before = [file.read_text() for file in files]
    composed.run("prepare")
    assert [file.read_text() for file in files] == before
    files[1].unlink()
    composed.run("prepare")
    assert [file.read_text() for file in files[::2]] == before[::2]
    assert files[1].read_text() != before[1]

    printed = subprocess.run(
        [sys.executable, "deploy/s3_roles.py"],
        env=composed.surroundings("prepare"),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line for line in printed.splitlines() if line.startswith("#")] == [
        *(f"# {role}: exists already, and keeps its keys" for role in ("mlflow", "pages", "pipeline")),
        "# servers",
        "# upstream",
    ]


def command_lines(worker: Running) -> str:
    """Of all its processes; one may end meanwhile."""
    found = []
    for process in worker.members():
        with suppress(psutil.Error):
            found += process.cmdline()
    return " ".join(found)
