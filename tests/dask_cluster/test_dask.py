"""A model on a real Dask cluster, a scheduler and two workers: the same result as on this machine, and a death in between."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, get_task_stream

from deploy.local.processes import Running, end, launch, wait_for
from include.adapters import compute
from include.errors import ClusterUnreachable
from include.request import Request
from include.results import Refitted, Verdict
from include.services import Services, StepContext
from include.settings import Settings
from include.steps import refit
from tests.toy import World, changed, day

ROOT = Path(__file__).parents[2]
TREES = 60


def forest(seed: int, trees: int = TREES) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    colours = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((SimpleImputer(), ["x", "z"]), (colours, ["colour"]))
    return make_pipeline(columns, RandomForestClassifier(trees, min_samples_leaf=5, random_state=seed))


def large_forest(seed: int) -> Any:
    return forest(seed, trees=1500)


@dataclass
class Cluster:
    """A scheduler and two workers of one thread each, as `dask scheduler` and `dask worker` start them."""

    logs: Path
    port: int
    workers: list[Running] = field(default_factory=list)

    @property
    def address(self) -> str:
        """What PROVING_GROUND_DASK_SCHEDULER is set to."""
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, name: str, *arguments: str) -> Running:
        """One process of it."""
        paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"]
        return launch(name, command, environment, self.logs, self.logs)


def listens(port: int) -> bool:
    """Whether a connection is accepted; OSError if not."""
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
    return True


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = Cluster(tmp_path, probe.getsockname()[1])
    scheduler = found.start("scheduler", "scheduler", "--port", str(found.port))
    try:
        wait_for(scheduler, lambda: listens(found.port), seconds=60)
        for turn in (1, 2):
            worker = ("worker", found.address, "--nthreads", "1", "--name", f"w{turn}", "--no-nanny")
            found.workers.append(found.start(f"worker{turn}", *worker))
        with Client(found.address) as client:  # type: ignore[no-untyped-call]  # it has no types
            client.wait_for_workers(2, timeout=60)
        yield found
    finally:
        end([*found.workers, scheduler])


@dataclass
class There(World):
    """The toy model, with a cluster where there is one."""

    address: str = ""

    @property
    def services(self) -> Services:
        """As a task gets them."""
        return replace(super().services, settings=Settings.read({"PROVING_GROUND_DASK_SCHEDULER": self.address}))


def world(address: str = "", build: Any = forest) -> There:
    """Twenty-one days; done on the cluster where there is an address."""
    there = There(model=changed(build=build, compute="dask" if address else "local"), address=address)
    there.with_days(21)
    return there


def challenged(there: There) -> tuple[Verdict, Any, Any]:
    """Verdict, trees and scorecard of a first challenger."""
    _, trained, verdict = there.challenge(day(22))
    states = [tree.tree_.__getstate__() for tree in there.registry.pipelines[str(trained.version)][-1].estimators_]
    card = there.registry.reports[f"run-{trained.version}", "scorecard.json"]
    return verdict, [(state["nodes"].tobytes(), state["values"].tobytes()) for state in states], card


def replayed(there: There) -> dict[str, bytes]:
    """The scores of every backtest model, by key."""
    request = Request(as_of=day(21), reason="a test", run_id="run")
    refitted: Refitted = refit.run(StepContext(there.services, there.model, request))
    assert refitted.digest, refitted.summary
    return {key: data for key, (data, _) in there.lake.objects.items() if key.startswith(f"replays/toy/{refitted.digest}/")}


def without_cost(card: str) -> str:
    """What was measured with a stop-watch is no part of the result."""
    return card.split('"cost"')[0]


def test_the_cluster_gives_the_same_result(cluster: Cluster) -> None:
    """Trees, verdict, scorecard and the scores of a replay, to the last bit; and both workers worked on each."""
    here, there = world(), world(cluster.address)
    taken = {}
    with Client(cluster.address, set_as_default=False) as watching:  # type: ignore[no-untyped-call]
        for what, work in (("challenge", challenged), ("replay", replayed)):
            began = time.perf_counter()
            local: Any = work(here)
            middle = time.perf_counter()
            with get_task_stream(watching) as stream:
                away: Any = work(there)
                time.sleep(0.5)
            taken[what] = (middle - began, time.perf_counter() - middle - 0.5, len(stream.data))
            assert len({task["worker"] for task in stream.data}) == 2
            if what == "challenge":
                assert away[0].verdict == local[0].verdict
                assert away[1] == local[1]
                assert without_cost(away[2]) == without_cost(local[2])
            else:
                assert away == local
                assert len(local) > 3
    for what, (local_seconds, seconds, tasks) in taken.items():
        sys.stderr.write(f"{what}: {local_seconds:.1f} s here, {seconds:.1f} s on two workers, {tasks} tasks\n")


def challenged_as_airflow_does(there: There) -> tuple[Verdict, Any, Any]:
    """The same; a task that lost what a worker held is tried once more."""
    try:
        return challenged(there)
    except ClusterUnreachable as error:
        sys.stderr.write(f"tried again: {error}\n")
        return challenged(there)


def growing(watching: Client, began: float) -> set[str]:
    """The workers that have grown trees since then."""
    tasks = watching.get_task_stream(start=began)  # type: ignore[no-untyped-call]
    return {task["worker"] for task in tasks if "build_trees" in task["key"]}


def test_a_worker_that_dies_in_training_is_done_without(cluster: Cluster) -> None:
    """Killed with everything in it: the other one grows its trees, and the forest is the same.

    What the killed one alone held may be gone; then the whole task is tried again, as Airflow does it.
    """
    here, there = world(build=large_forest), world(cluster.address, large_forest)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(challenged_as_airflow_does(there)), daemon=True)
    with Client(cluster.address, set_as_default=False) as watching:  # type: ignore[no-untyped-call]
        began = time.time()
        thread.start()
        until = time.monotonic() + 60
        while len(growing(watching, began)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        process = cluster.workers[0].handle
        assert process is not None
        process.kill()
        assert thread.is_alive(), "it was done before a worker could be killed"
        thread.join(timeout=180)
    assert found, "it did not finish"
    assert found[0][1] == challenged(here)[1]


def test_a_cluster_without_workers_is_no_reason_to_wait_for_ever(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """After half a minute it counts as an outage."""
    monkeypatch.setattr(compute, "_PATIENCE", 2)
    end(cluster.workers)
    with pytest.raises(ClusterUnreachable, match="has no workers"):
        world(cluster.address).challenge(day(22))
