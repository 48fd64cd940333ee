"""Do the lake and the registry survive? `kill -9` and outages in the steps of monitor, and in assemble, train and validate.

As crash.py does for promotion and rollback: real MLflow, real object store, a process of its own for each try, killed before
and after every writing request and cut off from each request on, and the task run again. Compared with a run that nothing
disturbed are the bytes of every object on the lake and the step's result; of train also that there is one version, with the
same tags and the alias, and no run left open; of validate the verdict, the tags, the decision card and the files of the run.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.tracking import MlflowClient
from rich.console import Console

from bench import results
from bench.crash import _DIED, _DONE, _FAILED, Fault, faults_of, in_a_process
from bench.in_process import play, stores
from include.adapters.object_store import ObjectStore
from include.adapters.registry import CHALLENGER
from include.models import find_model
from include.models.contract import Model
from include.request import Request
from include.results import Verdict
from include.services import Services, StepContext, build_services

PAGE = Path(__file__).parent.parent / "docs/registry.md"
STEPS = ("check", "score", "detect_drift", "measure_quality", "triage", "assemble", "train", "select", "validate")
_RESULTS = {
    "batch": "pull", "checked": "check", "scored": "score", "drift": "detect_drift", "quality": "measure_quality",
    "assembled": "assemble", "trained": "select",
}  # fmt: skip
_FIRST, _DAY, _ROWS = datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=1), 60


def _model() -> Model:
    """The traffic model, by the day."""
    model = find_model("traffic_volume")
    return replace(
        model,
        name="crash_steps",
        feed=replace(model.feed, period=_DAY),
        criteria=replace(model.criteria, floor=2000, noisy_floor=3000, min_rows=50),
    )


def _rows(number: int) -> pd.DataFrame:
    random = np.random.default_rng(number)
    hours = [_FIRST + number * _DAY + timedelta(minutes=20 * turn) for turn in range(_ROWS)]
    of_day = random.integers(0, 24, _ROWS)
    return pd.DataFrame(
        {
            "hour": [hour.isoformat() for hour in hours],
            "hour_of_day": of_day,
            "weekday": number % 7,
            "holiday": "none",
            "weather": random.choice(["rain", "sun"], _ROWS),
            "temperature_k": random.normal(285, 5, _ROWS),
            "rain_mm": random.exponential(1, _ROWS),
            "volume": 100 * of_day + random.normal(1000, 50, _ROWS),
        }
    )


def _deliver(store: ObjectStore, name: str, rows: pd.DataFrame, stream: str = "both") -> None:
    if stream != "labels":
        store.put(f"crash_steps/features/{name}.csv", rows.drop(columns="volume").to_csv(index=False).encode())
    if stream != "features":
        store.put(f"crash_steps/labels/{name}.csv", rows[["hour", "volume"]].to_csv(index=False).encode())


@dataclass
class Trials:
    """A first champion and some deliveries after it; before each step, what is on the lake."""

    services: Services
    model: Model
    results: dict[str, Any] = field(default_factory=dict)
    before: dict[str, dict[str, bytes]] = field(default_factory=dict)
    _turn: int = 0

    @property
    def lake(self) -> ObjectStore:
        """The bucket of the lake."""
        return self.services.lake._store

    def prepare(self) -> None:
        """Eight days, a champion, and two days more: several files, corrections, bad rows, a file that is delivered again."""
        landing = self.services.landing._store
        for number in range(8):
            _deliver(landing, f"{number:02}", _rows(number))
        week = play(self.services, self.model, _FIRST + 9 * _DAY)
        assert week.promotion is not None, week.finding
        assert week.promotion.promoted, week.verdict
        for number in (8, 9):
            _deliver(landing, f"{number:02}", _rows(number).astype({"rain_mm": "object"}).replace({"rain_mm": {0: "many"}}))
        _deliver(landing, "08-corrected", _rows(8).head(5).assign(rain_mm=0.0), "features")
        _deliver(landing, "07", _rows(7).head(50))
        self.results["pull"] = self.perform("pull", build_services())

    def perform(self, step: str, services: Services) -> Any:
        """One step, as the task of this trial's run does it."""
        request = Request(
            _FIRST + 10 * _DAY, "bench", f"trial {self._turn if step == 'select' else 0}", force=step == "select"
        )
        run = import_module(f"include.steps.{step}").run
        given = {"candidate": self.model.candidate.name, "tried": [self.results.get("train")]}
        needed = [name for name in signature(run).parameters if name != "context"]
        inputs = {name: given[name] if name in given else self.results[_RESULTS[name]] for name in needed}
        return run(StepContext(services, self.model, request), **inputs)

    def objects(self) -> dict[str, bytes]:
        """All that is on the lake."""
        return {entry.key: self.lake.read(entry.key) for entry in self.lake.entries()}

    def reset(self, step: str) -> None:
        """The lake as it was before a step; for each trial of select a training of its own, and of validate a version."""
        self._turn += 1
        right, there = self.before[step], self.objects()
        for key in there.keys() - right.keys():
            self.lake.delete(key)
        for key, data in right.items():
            if there.get(key) != data:
                self.lake.put(key, data)
        if step == "validate":
            self.results["select"] = self.perform("select", self.services)

    def left(self, step: str, result: Any) -> dict[str, Any]:
        """What a step leaves and returns, less what no two trainings have in common."""
        # An entry of the ledger holds when it was written, and each version's comparison is its own.
        entries = self.services.ledger.proved(self.model.name)
        kept = {
            key: data for key, data in self.objects().items() if not key.startswith(("ledger/", f"latest/{self.model.name}/"))
        }
        found: dict[str, Any] = {"lake": kept, "ledger": [(one.event, one.evidence.get("level")) for one in entries]}
        if step == "train":
            return found
        if step == "select":
            return found | self._trained()
        if step == "validate":
            return found | self._judged(result)
        return found | {"result": result}

    def _trained(self) -> dict[str, Any]:
        registry, name = self.services.registry, self.model.name
        ours = [one for one in registry.all_versions(name) if one.tags.get("forced_by") == f"trial {self._turn}"]
        experiments = [one.experiment_id for one in self._mlflow.search_experiments()]
        return {
            "versions": len(ours),
            "tags": sorted(ours[0].tags) if ours else [],
            "is challenger": registry.aliased(name, CHALLENGER) in ours,
            "open runs": len(self._mlflow.search_runs(experiments, "attributes.status = 'RUNNING'")),
        }

    def _judged(self, verdict: Verdict) -> dict[str, Any]:
        assert verdict.version
        registered = self._mlflow.get_model_version(self.model.name, verdict.version)
        # The digest of a version, and what its training took, are its own.
        own = {"version", "artifact_digest", "card_url", "mlflow_run", "tags", "reasons"}
        return {
            "verdict": verdict.model_dump(exclude=own),
            "tags": sorted(registered.tags),
            "as reported": {name: registered.tags.get(name) for name in verdict.tags} == verdict.tags,
            "card": bool(registered.description),
            "files": sorted(self._files(str(registered.run_id))),
        }

    @property
    def _mlflow(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.services.settings.mlflow_tracking_uri)

    def _files(self, run_id: str, folder: str = "") -> list[str]:
        """The artifacts of a run; a card that is named after its evidence, which no two versions share, only by its folder."""
        found: list[str] = []
        for entry in self._mlflow.list_artifacts(run_id, folder):
            found += (
                self._files(run_id, entry.path)
                if entry.is_dir
                else [re.sub(r"^cards/[0-9a-f]+", "cards/<evidence>", entry.path)]
            )
        return found


def survive(trials: Trials, step: str, report: Callable[[str], object]) -> dict[str, Any]:
    """Every fault in one step; what went wrong is in `broken`."""
    trials.before[step] = trials.objects()
    trials.reset(step)
    ended, methods = in_a_process(lambda: trials.perform(step, build_services()) and None, Fault())
    assert ended == _DONE, f"undisturbed, {step} {ended}"
    result = trials.perform(step, build_services())
    right = trials.left(step, result)
    faults, broken, died = faults_of(methods), list[str](), 0
    for number, fault in enumerate(faults, start=1):
        trials.reset(step)
        ended, _ = in_a_process(lambda: trials.perform(step, build_services()) and None, fault)
        died += ended == _DIED
        left = trials.left(step, trials.perform(step, build_services()))
        if odd := _differences(left, right):
            broken.append(f"{step}, {fault.how} request {fault.at}: {odd}")
        if ended not in ((_FAILED, _DONE) if fault.how == "outage" else (_DIED,)):
            broken.append(f"{step}, {fault.how} request {fault.at}: {ended}")
        if number % 25 == 0:
            report(f"{step}: {number} of {len(faults)}")
    trials.results[step] = result
    report(f"{step}: {len(faults)} cases, {len(broken)} broken")
    writes = (len(faults) - len(methods)) // 2
    return {"requests": len(methods), "writes": writes, "cases": len(faults), "died": died, "broken": broken}


def _differences(left: dict[str, Any], right: dict[str, Any]) -> str:
    """What is not as in the run that nothing disturbed, by name."""
    there, calm = left["lake"], right["lake"]
    odd = sorted(key for key in there.keys() | calm.keys() if there.get(key) != calm.get(key))
    odd += [
        f"{name}: {left[name]}, undisturbed {right[name]}" for name in right if name != "lake" and left[name] != right[name]
    ]
    return "; ".join(odd[:5])


def table(figures: dict[str, Any]) -> str:
    """The table of docs/registry.md."""
    lines = [
        "| step | requests | of them writes | killed before or after a write | cut off from a request on | cases | broken |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for step in [step for step in STEPS if step in figures]:
        one = figures[step]
        cells = (one["requests"], one["writes"], 2 * one["writes"], one["requests"], one["cases"], len(one["broken"]))
        lines.append(f"| `{step}` | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> int:
    """Kill, print, write."""
    console = Console()
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    with stores():
        began = time.monotonic()
        trials = Trials(build_services(), _model())
        trials.prepare()
        steps = {step: survive(trials, step, console.print) for step in STEPS}
        seconds = round(time.monotonic() - began)
    broken = [case for step in steps.values() for case in step["broken"]]
    figures = steps | {"cases": sum(step["cases"] for step in steps.values()), "seconds": seconds}
    results.write("crash_steps", figures, {"broken": 0}, not broken)
    results.into_page(PAGE, "crash_steps", table(figures))
    console.print_json(json.dumps(figures))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
