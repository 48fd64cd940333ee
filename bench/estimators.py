"""Which estimator would have served when, and what does each cost? And what does keeping a pipeline in each format cost?

Boosted trees of scikit-learn, LightGBM, XGBoost and CatBoost, with a hundred trees and else their own defaults, and the linear
baseline, on two public histories. Each alone, retrained every fourth period on all labels known by then; and all of them as
the candidates of one model, through the loop's real steps.

    make bench-estimators       # half an hour; needs `make estimators`
"""

import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import results
from bench.histories import HISTORIES, History
from bench.pays import learned, period_from, play_loop, score, starts_of
from include.adapters.fresh_process import try_artifact
from include.decisions.contest.linear_baseline import linear_baseline
from include.decisions.data.labels import labels_of
from include.formats import format_named
from include.formats.port import file_of
from include.models.contract import Candidate, Model

PAGE = Path(__file__).parent.parent / "docs/estimators.md"
NAMES = ("hotel_rates", "flight_delays")
TYPES = {
    "scikit_learn": ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",),
    "lightgbm": (
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
    ),
    "xgboost": ("xgboost.core.Booster", "xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor"),
    "catboost": ("catboost.core.CatBoostClassifier", "catboost.core.CatBoostRegressor"),
}
EVERY, TREES = 4, 100
FORMATS = ("skops", "onnx", "mlflow.sklearn")


def trees_of(kind: str, model: Model, seed: int) -> Any:
    """The estimator of a kind, for the model's task."""
    number = model.task == "regression"
    if kind == "scikit_learn":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        return (HistGradientBoostingRegressor if number else HistGradientBoostingClassifier)(max_iter=TREES, random_state=seed)
    if kind == "lightgbm":
        from lightgbm import LGBMClassifier, LGBMRegressor

        return (LGBMRegressor if number else LGBMClassifier)(n_estimators=TREES, n_jobs=1, verbose=-1, random_state=seed)
    if kind == "xgboost":
        from xgboost import XGBClassifier, XGBRegressor

        return (XGBRegressor if number else XGBClassifier)(n_estimators=TREES, n_jobs=1, random_state=seed)
    from catboost import CatBoostClassifier, CatBoostRegressor

    chosen = CatBoostRegressor if number else CatBoostClassifier
    return chosen(iterations=TREES, thread_count=1, verbose=0, allow_writing_files=False, random_seed=seed)


def candidate_of(kind: str, model: Model) -> Candidate:
    """Such trees on the raw columns; rare and unseen categories become missing, which all of them handle."""

    def build(seed: int) -> Any:
        from sklearn.compose import make_column_transformer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OrdinalEncoder

        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"), min_frequency=20)
        categories = [column.name for column in model.features if column.kind == "category"]
        columns = make_column_transformer((encode, categories), remainder="passthrough", verbose_feature_names_out=False)
        return make_pipeline(columns, trees_of(kind, model, seed))

    return Candidate(build=build, name=kind, trusted_types=TYPES[kind])


def pool_of(model: Model) -> Model:
    """The model with all of them as its candidates."""
    return replace(model, candidates=tuple(candidate_of(kind, model) for kind in TYPES))


def alone(history: History, rows: pd.DataFrame, candidate: Candidate) -> dict[str, float]:
    """One candidate, retrained every fourth period: the mean metric, the CPU of a training, the artifact and its answers."""
    model, values, seconds = history.model, [], []
    pipeline: Any = None
    for turn, start in enumerate(starts_of(history, rows)):
        if turn % EVERY == 0:
            known, began = learned(model, rows, start, None), time.process_time()
            pipeline = candidate.pipeline().fit(known[model.feature_names], labels_of(model, known))
            seconds.append(time.process_time() - began)
        values.append(score(model, pipeline, period_from(model, rows, start)))
    sample = rows[model.feature_names].tail(200).reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file_of("skops")
        format_named("skops").save(pipeline, sample, path, candidate.trusted_types)
        tried = try_artifact(path, "skops", candidate.trusted_types, sample)
    return {
        "metric": float(np.nanmean(values)),
        "training, CPU s": float(np.mean(seconds)),
        "one answer, ms": tried.latency_ms,
        "artifact, MB": tried.size_mb,
        "load, s": tried.load_seconds,
        "memory, MB": tried.memory_mb,
    }


def chosen(history: History, rows: pd.DataFrame) -> dict[str, Any]:
    """What the loop with all of them as candidates does: whom `select` takes, and who serves in how many periods."""
    played = play_loop(history, rows)
    trained = [week.trained for week in played.weeks if week.trained and week.trained.version and not week.trained.returns]
    made = {str(one.version): one.candidate for one in trained}
    starts = [start.date().isoformat() for start in starts_of(history, rows)]
    # A refreshed version is the next one after that of the candidate that was promoted.
    kinds = [made.get(number) or made.get(str(int(number) - 1), "unknown") for number in played.champions]
    serving = list(zip(starts, kinds, strict=True))
    turns = [serving[0], *(two for one, two in pairwise(serving) if one[1] != two[1])] if serving else []
    return {
        "metric": float(np.nanmean(played.values)),
        "taken by select": dict(
            Counter(week.trained.candidate for week in played.weeks if week.trained and week.trained.version)
        ),
        "periods served": dict(Counter(name for _, name in serving)),
        "turns": turns,
    }


def measured(name: str) -> dict[str, Any]:
    """Both tables' figures of one history."""
    plain = HISTORIES[name]
    history = replace(plain, model=pool_of(plain.model))
    rows = history.rows()
    candidates = [*history.model.candidates, linear_baseline(history.model)]
    found: dict[str, Any] = {}
    for candidate in candidates:
        found[candidate.name] = alone(history, rows, candidate)
        tell(f"{name}: {candidate.name} {found[candidate.name]}")
    return {"metric": history.model.criteria.metric, "alone": found, "pool": chosen(history, rows)}


def costs_of_formats() -> dict[str, dict[str, float]]:
    """The linear baseline of flights in each format: seconds to save, load and digest it, those of a trial, and its size."""
    history = HISTORIES["flight_delays"]
    model, rows = history.model, history.rows().tail(20_000)
    # Of numbers alone: rare categories, which the baseline takes together, have no counterpart in ONNX.
    numbers = tuple(column for column in model.features if column.kind == "number")
    model = replace(model, features=numbers, criteria=replace(model.criteria, slices=()))
    rows = rows[rows[model.label.name].notna()].dropna(subset=model.feature_names)
    pipeline = linear_baseline(model).pipeline().fit(rows[model.feature_names], labels_of(model, rows))
    sample, trusted = rows[model.feature_names].head(200).reset_index(drop=True), linear_baseline(model).trusted_types
    return {name: _cost(name, pipeline, sample, trusted) for name in FORMATS}


def _cost(name: str, pipeline: Any, sample: pd.DataFrame, trusted: tuple[str, ...]) -> dict[str, float]:
    kept = format_named(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file_of(name)
        saving = _seconds(lambda: kept.save(pipeline, sample, path, trusted), 3)
        data = path.read_bytes()
        loading = _seconds(lambda: kept.load(data, trusted), 3)
        digesting = _seconds(lambda: hashlib.sha256(data).hexdigest(), 20)
        began = time.perf_counter()
        tried = try_artifact(path, name, trusted, sample)
        return {
            "save, s": saving,
            "load, s": loading,
            "digest, ms": 1000 * digesting,
            "trial, s": time.perf_counter() - began,
            "one answer, ms": tried.latency_ms,
            "KB": len(data) / 1000,
        }


def _seconds(call: Callable[[], Any], times: int) -> float:
    """The best of some turns, by the clock: a format may work in a process of its own."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def table(figures: dict[str, Any]) -> str:
    """All figures as markdown."""
    lines = []
    for name, history in figures["histories"].items():
        digits, pool = (2 if history["metric"] == "mae" else 4), history["pool"]
        lines += [
            f"**{name}**, `{history['metric']}`, each alone, retrained every fourth period:",
            "",
            "| | metric | training, CPU s | one answer, ms | artifact, MB | taken by `select` | periods served |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for kind, one in history["alone"].items():
            shown = [f"{one['metric']:.{digits}f}", f"{one['training, CPU s']:.2f}", f"{one['one answer, ms']:.1f}"]
            shown += [
                f"{one['artifact, MB']:.2f}",
                *(str(pool[what].get(kind, 0)) for what in ("taken by select", "periods served")),
            ]
            lines.append(f"| {kind} | {' | '.join(shown)} |")
        turns = ", ".join(f"{who} from {when}" for when, who in pool["turns"]) or "not measured"
        lines += [f"| all in one pool, by the loop | {pool['metric']:.{digits}f} | | | | | |", "", f"Who served: {turns}.", ""]
    heads = list(next(iter(figures["formats"].values())))
    lines += ["| the same pipeline as | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    lines += [
        f"| {name} | " + " | ".join(f"{one[head]:.3g}" for head in heads) + " |" for name, one in figures["formats"].items()
    ]
    return "\n".join(lines)


def tell(progress: str) -> None:
    """A line of progress, on the standard error output."""
    print(progress, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, write, print."""
    kept = results.read("estimators").get("figures", {"histories": {}})
    for name in sys.argv[1:] or NAMES:
        kept["histories"][name] = measured(name)
        # After each, so that a run that is ended has not been in vain.
        results.write("estimators", kept, {}, True)
    kept["formats"] = costs_of_formats()
    results.write("estimators", kept, {}, True)
    results.into_page(PAGE, "estimators", table(kept))
    print(table(kept))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
