"""What do a check and a retraining ask of the object store and of MLflow, after a short and after a long history?

An hourly feed is played through the real steps: a store in memory, MLflow on a SQLite file. Of the longest history, the last
weeks are played; what checks had left of the time before is written as copies. Counted is each request that S3 would see (a
listing is one for each thousand keys), and each call of MLflow's client. The code before this was worked on is checked out
beside today's, and asked the same.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
# The last commit before requests were counted.
BEFORE = os.environ.get("BEFORE", "1d85655")
HISTORIES = tuple(int(text) for text in os.environ.get("PERIODS", "10,260,8760").split(","))
# So many of the newest periods are checked one by one.
PLAYED = 260
AIMS = {"monitor": 40, "retrain": 60}
HOUR = timedelta(hours=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_MONITOR = ("reconcile", "pull", "check", "score", "probation", "detect_drift", "measure_quality", "triage")
_ROWS = 40


def main() -> int:
    """Measure, print, write; as a child, count one history and print it as JSON."""
    if len(sys.argv) > 1:
        print(json.dumps(counted(int(sys.argv[1]))))
        return 0
    from bench import results

    with tempfile.TemporaryDirectory() as home:
        before = Path(home) / "before"
        _git("worktree", "add", "--force", "--detach", str(before), BEFORE)
        try:
            found = {
                name: {periods: _in(tree, periods) for periods in HISTORIES}
                for name, tree in (("before", before), ("now", ROOT))
            }
        finally:
            _git("worktree", "remove", "--force", str(before))
    figures: dict[str, Any] = {}
    for periods in HISTORIES:
        for part in AIMS:
            old, new = found["before"][periods][part], found["now"][periods][part]
            figures[f"{part}_{periods}"] = {"before": old, "now": new, "ratio": round(new["S3"] / old["S3"], 2)}
            changes = "   ".join(f"{system} {old[system]:>6} -> {new[system]:>4}" for system in new)
            print(f"{part:8} after {periods:>5} periods: {changes}")
    for step, count in found["now"][HISTORIES[-1]]["steps"].items():
        print(f"  {step:16} {found['before'][HISTORIES[-1]]['steps'].get(step, 0):>6} -> {count:>4}")
    met = {part: all(figures[f"{part}_{periods}"]["now"]["S3"] <= aim for periods in HISTORIES) for part, aim in AIMS.items()}
    figures["steps"] = {name: {periods: one["steps"] for periods, one in by.items()} for name, by in found.items()}
    results.write("requests", figures, {part: f"S3 requests <= {aim}" for part, aim in AIMS.items()}, all(met.values()))
    return 0


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True)


def _in(tree: Path, periods: int) -> dict[str, Any]:
    """What this file counts with the code of a tree."""
    path = os.pathsep.join((str(tree), str(tree / "plugins")))
    # -P: beside this file, the package `requests` would not be found.
    child = subprocess.run(
        [sys.executable, "-P", __file__, str(periods)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if child.returncode:
        raise RuntimeError(child.stderr[-2000:])
    return dict(json.loads(child.stdout.splitlines()[-1]))


def counted(periods: int) -> dict[str, Any]:
    """Requests of the check, and of the retraining, that follow on so many hourly periods."""
    from bench.in_process import play
    from include.adapters.memory_store import MemoryStore
    from include.models.contract import candidate_names
    from include.request import Request
    from include.services import StepContext, serverless_services

    model, landing = _model(), MemoryStore("landing")
    counts: Counter[tuple[str, str]] = Counter()
    current = [""]
    with tempfile.TemporaryDirectory() as folder, _counting(counts, current):
        services = serverless_services(model, Path(folder), landing)
        store = services.lake._store
        first = max(0, periods - PLAYED)
        _deliver(landing, range(0, first + 6))
        play(services, model, FIRST + (first + 6) * HOUR)
        for number in range(first + 6, periods):
            _deliver(landing, range(number, number + 1))
            play(services, model, FIRST + (number + 1) * HOUR)
        _copy_back(store, first)
        _deliver(landing, range(periods, periods + 1))
        request = Request(as_of=FIRST + (periods + 1) * HOUR, reason="counted", run_id="counted", force=True)

        def step(name: str, *inputs: Any) -> Any:
            current[0] = name
            try:
                # A step begins in a process of its own, and remembers nothing.
                fresh = replace(services, lake=type(services.lake)(store), ledger=type(services.ledger)(store))
                return import_module(f"include.steps.{name}").run(StepContext(fresh, model, request), *inputs)
            finally:
                current[0] = ""

        every_step(step, candidate_names(model))

    def total(system: str, of_monitor: bool) -> int:
        return sum(n for (name, its), n in counts.items() if its == system and (name in _MONITOR) == of_monitor)

    return {
        "monitor": {system: total(system, True) for system in ("S3", "MLflow")},
        "retrain": {system: total(system, False) for system in ("S3", "MLflow")},
        "steps": {name: n for (name, its), n in counts.items() if its == "S3"},
    }


def every_step(step: Callable[..., Any], candidates: Sequence[str]) -> None:
    """A check and a retraining to the end, whatever the check finds: `step` performs a step on the results before it."""
    step("reconcile")
    checked = step("check", step("pull"))
    scored = step("score", checked)
    step("probation", scored)
    drift, quality = step("detect_drift", checked, scored), step("measure_quality", scored)
    step("triage", checked, scored, drift, quality)
    assembled = step("assemble")
    trained = step("select", assembled, [step("train", assembled, name) for name in candidates])
    verdict = step("validate", assembled, trained)
    approval = step("review", verdict)
    promotion = step("promote", verdict, approval)
    step("announce", verdict, approval, promotion, step("refresh", assembled, trained, verdict, promotion))


@contextmanager
def _counting(counts: Counter[tuple[str, str]], current: list[str]) -> Iterator[None]:
    """Count what is asked of stores and of MLflow while a step is named; what they ask of themselves is no request."""
    from mlflow.tracking import MlflowClient

    from include.adapters.memory_store import MemoryStore

    asked = ("read", "download", "stat", "put", "create_if_absent", "compare_and_set", "entries", "delete", "upload_file")
    of_mlflow = [name for name, its in vars(MlflowClient).items() if callable(its) and not name.startswith("_")]
    inside, kept = [0], []

    def count(kind: type, name: str, system: str) -> None:
        real = getattr(kind, name)

        @wraps(real)
        def ask(*words: Any, **named: Any) -> Any:
            inside[0] += 1
            try:
                answer = real(*words, **named)
            finally:
                inside[0] -= 1
            requests = 1
            if name == "entries":
                listed = list(answer)
                answer, requests = iter(listed), max(1, ceil(len(listed) / 1000))
            if current[0] and not inside[0]:
                counts[current[0], system] += requests
            return answer

        kept.append((kind, name, real))
        setattr(kind, name, ask)

    for name in asked:
        count(MemoryStore, name, "S3")
    for name in of_mlflow:
        count(MlflowClient, name, "MLflow")
    try:
        yield
    finally:
        for kind, name, real in kept:
            setattr(kind, name, real)


def _copy_back(store: Any, first: int) -> None:
    """What checks would have left of the hours before: copies of the newest document of each folder."""
    for folder in ("status/hourly/monitor/", "profiles/hourly/", "memory/hourly/"):
        by_place: dict[str, bytes] = {}
        for entry in store.entries(folder):
            by_place[entry.key.rpartition("/")[0]] = store.read(entry.key)
        for place, data in by_place.items():
            for number in range(6, first):
                store.put(f"{place}/{FIRST + number * HOUR:%Y-%m-%dT%H%M%SZ}.json", data)


def _deliver(landing: Any, hours: range) -> None:
    """Features and labels of some hours, in one file each."""
    rng, parts = np.random.default_rng(hours.start), []
    for number in hours:
        x, z = rng.normal(size=_ROWS), rng.normal(size=_ROWS)
        at = [(FIRST + number * HOUR + timedelta(seconds=turn)).isoformat() for turn in range(_ROWS)]
        y = (x + rng.normal(scale=0.5, size=_ROWS) > 0).astype(int)
        parts.append(pd.DataFrame({"id": [f"{number}-{turn}" for turn in range(_ROWS)], "at": at, "x": x, "z": z, "y": y}))
    rows = pd.concat(parts)
    name = f"{hours.start:06}.csv"
    landing.put(f"hourly/features/{name}", rows.drop(columns="y").to_csv(index=False).encode())
    landing.put(f"hourly/labels/{name}", rows[["id", "at", "y"]].to_csv(index=False).encode())


def _model() -> Any:
    from include.models.contract import Candidate, Column, Criteria, Feed, Model, Retraining

    return Model(
        name="hourly",
        owner="bench",
        description="Whether x is positive.",
        task="binary",
        label=Column("y", "number", low=0, high=1, optional=True),
        features=(Column("x", "number", low=-50, high=50), Column("z", "number", low=-50, high=50)),
        feed=Feed(key=("id",), time="at", period=HOUR, label_delay=HOUR, schedule="30 * * * *", cluster=("id",)),
        criteria=Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02, min_rows=30, min_positives=5),
        # Only the forced retraining is counted.
        retraining=Retraining(cadence="0 7 1 1 *", when="decay"),
        candidates=(Candidate(build=_build),),
        holdout_periods=2,
        refresh=None,
    )


def _build(seed: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = make_column_transformer((make_pipeline(SimpleImputer(), StandardScaler()), ["x", "z"]))
    return make_pipeline(columns, LogisticRegression(random_state=seed))


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    sys.exit(code)
