"""What does the loop itself cost? One retraining through the steps against a bare script on the same rows.

Both read the year's flights from the same object store, fit the same pipeline and score the same holdout under the same noise.
The bare script keeps nothing: no contract, snapshot, registry or card. CPU seconds of this process, and wall time.
"""

import gzip
import io
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pandas as pd

from bench import results
from bench.in_process import stores
from demo.upstream import FLIGHTS, Upstream
from include.adapters.object_store import ObjectStore
from include.adapters.s3_store import S3Store
from include.decisions.scoring.answering import predict
from include.decisions.scoring.metrics import primary_metric
from include.models import find_model
from include.models.contract import Model, candidate_names
from include.noise.suite import default_suite
from include.request import Request
from include.services import StepContext, build_services

UNTIL = datetime(2013, 12, 16, tzinfo=UTC)
HOLDOUT = timedelta(weeks=2)
REPEATS = 3


def main() -> int:
    """Measure, print, write."""
    with stores():
        measure(find_model(FLIGHTS.name))
    return 0


def measure(model: Model) -> None:
    """Time the steps of one retraining, one by one, and the bare script, in turns."""
    services = build_services()
    store = S3Store.connect("landing", endpoint=services.settings.s3_endpoint, region="us-east-1")
    keys = list(Upstream(store, FLIGHTS).backlog(UNTIL).rows)
    request = Request(as_of=UNTIL, reason="bench", run_id="bench", force=True)
    _intake(StepContext(services, model, request))
    # The first of each pays for imports.
    _retrain(StepContext(services, model, request))
    _bare(store, keys, model)
    ours_by_turn, bare_by_turn = [], []
    for turn in range(REPEATS):
        again = replace(request, run_id=f"bench {turn}")
        ours_by_turn.append(_timed(partial(_retrain, StepContext(services, model, again))))
        bare_by_turn.append(_timed(partial(_bare, store, keys, model)))
    (ours, steps), (bare, rows) = min(ours_by_turn, key=_cpu), min(bare_by_turn, key=_cpu)
    ratio_cpu, ratio_wall = ours["cpu"] / bare["cpu"], ours["wall"] / bare["wall"]
    figures = {
        "rows": rows,
        "steps_cpu_seconds": ours["cpu"],
        "bare_cpu_seconds": bare["cpu"],
        "ratio_cpu": ratio_cpu,
        "steps_wall_seconds": ours["wall"],
        "bare_wall_seconds": bare["wall"],
        "ratio_wall": ratio_wall,
        "wall_seconds_by_step": steps,
    }
    for name, value in figures.items():
        print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")
    results.write("overhead", figures, {"ratio_cpu": "<= 1.3"}, ratio_cpu <= 1.3)


def _cpu(timed: tuple[dict[str, float], Any]) -> float:
    return timed[0]["cpu"]


def _timed(work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}, result


def _step(name: str, context: StepContext, *inputs: Any) -> Any:
    return import_module(f"include.steps.{name}").run(context, *inputs)


def _intake(context: StepContext) -> None:
    _step("check", context, _step("pull", context))


def _retrain(context: StepContext) -> dict[str, float]:
    """Assemble, train and validate a first champion; wall seconds of each."""
    took = {}

    def timed(name: str, *references: Any) -> Any:
        began = time.perf_counter()
        reference = _step(name, context, *references)
        took[name] = round(time.perf_counter() - began, 3)
        return reference

    assembled = timed("assemble")
    tried = [timed("train", assembled, name) for name in candidate_names(context.model)]
    timed("validate", assembled, timed("select", assembled, tried))
    return took


def _bare(store: ObjectStore, keys: list[str], model: Model) -> int:
    """What a data scientist's script does: read, join, fit, score clean and noisy; returns the rows used."""
    features, labels = (pd.read_parquet(io.BytesIO(_plain(store.read(key), key))) for key in keys)
    rows = features.merge(labels, on=list(model.feed.key)).dropna(subset=[model.label.name])
    rows[model.feature_names] = rows[model.feature_names].astype(
        {column.name: "float64" if column.kind == "number" else "str" for column in model.features}
    )
    held_out = rows[model.feed.time] >= UNTIL - HOLDOUT
    train, holdout = rows[~held_out], rows[held_out]
    pipeline = model.candidate.pipeline().fit(train[model.feature_names], train[model.label.name].to_numpy("float64"))
    suite = default_suite(model)
    frames = [holdout[model.feature_names], *(suite.apply(holdout[model.feature_names], c, "bench") for c in suite.conditions)]
    truth = holdout[model.label.name].to_numpy("float64")
    for frame in frames:
        primary_metric(model).estimate(truth, predict(model, pipeline, frame))
    return len(rows)


def _plain(data: bytes, key: str) -> bytes:
    return gzip.decompress(data) if key.endswith(".gz") else data


if __name__ == "__main__":
    sys.exit(main())
