"""Does the loop win? Fixed ways to retrain against the loop, on public histories that it was not tuned to, and on the demo's.

Each period is predicted before its labels are known, by a model that never saw more than the labels known by then. A fixed way
trains on all of these; the loop is played through its real steps, holds rows out, and asks its own gate.

    python -m bench.pays                          # every history
    python -m bench.pays hotel_rates pet_names    # these; the others keep their earlier figures; or NAMES="hotel_rates …"
    VERBOSE=1 python -m bench.pays hotel_rates    # a line for each period: what was found and decided

The fixed ways of a history are kept in the cache, so that only the loop is played again after a change of it.
"""

import hashlib
import inspect
import io
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import numpy as np
import pandas as pd

from bench import results
from bench.histories import HISTORIES, History, cache
from bench.in_process import Week, play
from include.adapters.fresh_process import ArtifactTrial
from include.adapters.memory_store import MemoryStore
from include.decisions.data.labels import labels_of
from include.decisions.scoring.answering import predict
from include.decisions.scoring.metrics import primary_metric
from include.errors import BrokenFeed
from include.formats import format_named
from include.models.contract import Model
from include.services import Services, serverless_services

STATIC, EVERY, EVERY_FOURTH = "static", "every, all", "every 4th, all"
WINDOWS = {EVERY: None, "every, 4": 4, "every, 13": 13, "every, 26": 26}
FIXED = (*WINDOWS, EVERY_FOURTH)
# Trained whenever the loop promoted, on all labels known then: what is between this and the loop is what holding out costs.
ITS_TIMES = "at the loop's times, all"
KEPT = 0.95
PAGE, SHORT = (Path(__file__).parent.parent / name for name in ("docs/replay.md", "docs/evidence.md"))
# The figures of the loop before this one, as this benchmark wrote them then.
BEFORE = "pays_before"
TRAININGS_A_PROMOTION = 2
# Where the best fixed way gains less than this part of a margin, there is nothing to gain.
NOTHING = 0.1
By = dict[str, list[float]]


class Landing(Protocol):
    """The part of an object store that a delivery needs."""

    def put(self, key: str, data: bytes, /) -> object:
        """Store `data` under `key`."""


@dataclass
class Played:
    """What the loop did: its champion and its metric in each period, and what each check led to."""

    champions: list[str]
    values: list[float]
    weeks: list[Week]
    stopped: list[str]


def main(names: list[str]) -> int:
    """Measure the histories of these names, or all; print the table, write the result."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    names = names or os.environ.get("NAMES", "").split()
    if unknown := sorted(set(names) - set(HISTORIES)):
        print(f"{', '.join(unknown)}: no such history; there are: {', '.join(HISTORIES)}.", file=sys.stderr)
        return 2
    for name in names or HISTORIES:
        figures = measure(HISTORIES[name])
        # After each, so that a run that is ended has not been in vain.
        kept = _earlier() | {name: figures}
        report({each: kept[each] for each in HISTORIES if each in kept})
    results.into_page(PAGE, "pays", table(_earlier()))
    results.into_page(SHORT, "pays", short_table(_earlier()))
    print(table(_earlier()))
    return 0


def _earlier() -> dict[str, Any]:
    """The figures that are kept, in the order of the histories."""
    kept = results.read("pays").get("figures", {}).get("histories", {})
    return {name: kept[name] for name in HISTORIES if name in kept}


def measure(history: History) -> dict[str, Any]:
    """The figures of one history."""
    began, rows = time.process_time(), history.rows()
    fixed = fixed_ways(history, rows)
    tell(f"{history.name}: fixed ways after {time.process_time() - began:.0f} s")
    played = play_loop(history, rows)
    figures = figures_of(history, rows, fixed | {ITS_TIMES: at_its_times(history, rows, played)}, played)
    figures["cpu seconds of the loop"] = round(time.process_time() - began)
    print(line_of(history.name, figures), flush=True)
    return figures


def starts_of(history: History, rows: pd.DataFrame) -> list[datetime]:
    """The periods that are predicted: those with rows, from the first champion on."""
    starts = history.model.periods_of(rows[history.model.feed.time])
    return [start.to_pydatetime() for start in sorted(set(starts[starts >= history.first]))]


def known_by(model: Model, rows: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    """The rows whose labels are known at a time; a label that is known to be none teaches nothing."""
    due = rows[model.feed.time] + model.feed.label_delay <= moment
    return rows[due & rows[model.label.name].notna()]


def learned(model: Model, rows: pd.DataFrame, moment: datetime, window: int | None) -> pd.DataFrame:
    """What a fixed way trains on at a time: the labelled rows of the newest `window` periods that have any, or all."""
    known = known_by(model, rows, moment)
    if window is None:
        return known
    periods = model.periods_of(known[model.feed.time])
    return known[periods.isin(sorted(set(periods))[-window:])]


def fixed_ways(history: History, rows: pd.DataFrame) -> By:
    """For each fixed way its metric in each period; from the cache where the same rows and recipe were measured before."""
    kept = cache() / f"pays-{history.name}-{_digest(history, rows)}.json"
    if not kept.is_file():
        kept.write_text(json.dumps(_measured(history, rows)))
    return dict(json.loads(kept.read_text()))


def _measured(history: History, rows: pd.DataFrame) -> By:
    model, values = history.model, By((name, []) for name in (STATIC, *FIXED))
    serving: dict[str, Any] = {}
    for turn, start in enumerate(starts_of(history, rows)):
        for name, window in WINDOWS.items():
            serving[name] = _fitted(model, learned(model, rows, start, window))
        serving[STATIC] = serving.get(STATIC, serving[EVERY])
        if turn % 4 == 0:
            serving[EVERY_FOURTH] = serving[EVERY]
        period = period_from(model, rows, start)
        for name in values:
            values[name].append(score(model, serving[name], period))
        if turn % 10 == 9:
            tell(f"{history.name}: {turn + 1} periods of the fixed ways")
    return values


def _fitted(model: Model, rows: pd.DataFrame) -> Any:
    return model.candidates[0].pipeline().fit(rows[model.feature_names], labels_of(model, rows))


def _digest(history: History, rows: pd.DataFrame) -> str:
    """What the fixed ways' values depend on."""
    model = history.model
    parts = [
        inspect.getsource(model.candidates[0].build),
        inspect.getsource(_measured) + inspect.getsource(learned),
        repr((model.features, model.criteria, model.feed, history.first, WINDOWS)),
        str(pd.util.hash_pandas_object(rows).sum()),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def period_from(model: Model, rows: pd.DataFrame, start: datetime) -> pd.DataFrame:
    """The rows of the period that starts then, without those that are known to have no label."""
    times = rows[model.feed.time]
    return rows[(times >= start) & (times < model.later(start)) & rows[model.label.name].notna()]


def score(model: Model, pipeline: Any, rows: pd.DataFrame) -> float:
    """The primary metric on some rows; NaN where it has no value there."""
    if rows.empty:
        return float("nan")
    return float(primary_metric(model).estimate(labels_of(model, rows), predict(model, pipeline, rows))[0])


def play_loop(history: History, rows: pd.DataFrame) -> Played:
    """The loop's metric in each period: that of the version that is champion when the period starts.

    Raises:
        RuntimeError: the first training led to no champion.
    """
    model, played = history.model, Played([], [], [], [])
    # Evidently's page of each check and the card's picture are for people: nothing is decided by them, and they take long.
    no_page = patch("include.steps.detect_drift.draw_report", lambda *_: None)
    no_picture = patch("include.steps.validate.decision_picture", lambda *_: b"not drawn")
    here = patch("include.adapters.mlflow_registry.try_artifact", tried_here)
    with tempfile.TemporaryDirectory() as folder, no_page, no_picture, here:
        landing = MemoryStore("landing")
        services = serverless_services(model, Path(folder), landing)
        deliver(landing, model, rows, (None, history.first))
        _play(played, services, model, history.first)
        pipelines: dict[str, Any] = {}
        for turn, start in enumerate(starts_of(history, rows)):
            champion = services.registry.champion(model.name)
            if champion is None:
                raise RuntimeError(f"{model.name}: no first champion by {start:%Y-%m-%d}: {_line(played.weeks[-1])}")
            if champion.number not in pipelines:
                pipelines = {champion.number: services.registry.load(model, champion.number)}
            played.champions.append(champion.number)
            played.values.append(score(model, pipelines[champion.number], period_from(model, rows, start)))
            deliver(landing, model, rows, (start, model.later(start)))
            _play(played, services, model, model.later(start))
            if turn % 10 == 9:
                tell(f"{history.name}: {turn + 1} periods of the loop")
    return played


def tried_here(path: Path, format_name: str, trusted_types: tuple[str, ...], rows: pd.DataFrame) -> ArtifactTrial:
    """The trial of an artifact without a new interpreter, whose imports would be most of what a retraining takes here."""
    pipeline = format_named(format_name).load(path.read_bytes(), trusted_types)
    answers = np.asarray(getattr(pipeline, "predict_proba", pipeline.predict)(rows), dtype="float64")
    return ArtifactTrial(load_seconds=0.0, latency_ms=0.0, size_mb=path.stat().st_size / 1e6, memory_mb=0.0, answers=answers)


def at_its_times(history: History, rows: pd.DataFrame, played: Played) -> list[float]:
    """The metric in each period of models that were trained whenever the loop promoted, with nothing held out and no gate."""
    model, values, pipeline, before = history.model, list[float](), None, ""
    for start, champion in zip(starts_of(history, rows), played.champions, strict=True):
        if champion != before:
            pipeline, before = _fitted(model, learned(model, rows, start, None)), champion
        values.append(score(model, pipeline, period_from(model, rows, start)))
    return values


def _play(played: Played, services: Services, model: Model, as_of: datetime) -> None:
    try:
        played.weeks.append(play(services, model, as_of))
    except BrokenFeed as stopped:
        played.stopped.append(f"{as_of:%Y-%m-%d} stop: {stopped}")
        line = played.stopped[-1]
    else:
        line = _line(played.weeks[-1])
    if os.environ.get("VERBOSE"):
        print(line, flush=True)


def _line(week: Week) -> str:
    verdict = f" -> {week.trained.candidate}: {week.verdict.summary}" if week.trained and week.verdict else ""
    return f"{week.as_of:%Y-%m-%d} {week.quality.summary} | {week.finding.action}: {week.finding.reason}{verdict}"


def deliver(landing: Landing, model: Model, rows: pd.DataFrame, between: tuple[datetime | None, datetime]) -> None:
    """Put the features of [start, end) and the labels that become known in (start, end] into landing.

    None is the beginning of time. A label that becomes known exactly at the end is known at the end, as to the fixed ways.
    """
    start, end = between
    shared = list(dict.fromkeys([*model.feed.key, model.feed.time]))
    known = rows[model.feed.time] + model.feed.label_delay
    happened, due = rows[model.feed.time] < end, known <= end
    if start is not None:
        happened, due = happened & (rows[model.feed.time] >= start), due & (known > start)
    features = rows[happened][list(dict.fromkeys([*shared, *model.feature_names]))]
    labels = rows[due][[*shared, model.label.name]]
    for part, frame in (("features", features), ("labels", labels)):
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        landing.put(f"{model.name}/{part}/{end:%Y-%m-%d}.parquet", buffer.getvalue())


def figures_of(history: History, rows: pd.DataFrame, fixed: By, played: Played) -> dict[str, Any]:
    """What is kept of a history: means over the periods in which the metric has a value, and what the loop did."""
    model, gain = history.model, primary_metric(history.model).gain
    by = pd.DataFrame({**fixed, "loop": played.values}).dropna()
    means = {name: float(by[name].mean()) for name in by}
    best = max(FIXED, key=lambda name: gain(means[name] - means[STATIC]))
    best_gain, loop_gain = gain(means[best] - means[STATIC]), gain(means["loop"] - means[STATIC])
    verdicts = [week.verdict for week in played.weeks if week.verdict and week.verdict.version]
    return {
        "metric": model.criteria.metric,
        "kind": history.kind,
        "rows": len(rows),
        "periods": len(by),
        "days a period": model.feed.longest_period / timedelta(days=1),
        "one row in": history.one_in,
        "margin": model.criteria.margin,
        "means": means,
        "best": best,
        "best's gain": best_gain,
        "loop's gain": loop_gain,
        "kept": loop_gain / best_gain if best_gain >= NOTHING * model.criteria.margin else None,
        "trainings": len(verdicts),
        "promotions": sum(bool(week.promotion and week.promotion.promoted) for week in played.weeks),
        "verdicts": dict(Counter(verdict.verdict for verdict in verdicts)),
        "actions": dict(Counter(week.finding.action for week in played.weeks)) | {"stop": len(played.stopped)},
        "trained because": [_line(week) for week in played.weeks if week.verdict],
        "stopped because": played.stopped,
        "by period": {name: by[name].round(4).tolist() for name in (STATIC, best, "loop")},
    }


def held(figures: Mapping[str, Any]) -> bool:
    """Whether the loop kept what there was to gain; where there was nothing, whether it lost nothing."""
    if figures["kept"] is None:
        return bool(figures["loop's gain"] >= figures["best's gain"] - NOTHING * figures["margin"])
    return bool(figures["kept"] >= KEPT)


def sparing(figures: Mapping[str, Any]) -> bool:
    """Whether at most half of the trainings led to a promotion; the first champion, which nobody could refuse, is left out."""
    return bool(TRAININGS_A_PROMOTION * (figures["promotions"] - 1) <= max(figures["trainings"] - 1, 0))


def report(histories: Mapping[str, Any]) -> None:
    """Write the result: which aims were reached on how many histories."""
    aims = {
        f"the loop keeps {KEPT:.0%} of the best fixed way's gain on every history": [held(one) for one in histories.values()],
        "at most half of its trainings are promoted, the first left out": [sparing(one) for one in histories.values()],
    }
    told = {aim: f"{'reached' if all(met) else 'NOT REACHED'}: {sum(met)} of {len(met)}" for aim, met in aims.items()}
    results.write("pays", {"histories": histories}, told, all(all(met) for met in aims.values()))


def table(histories: Mapping[str, Any]) -> str:
    """A line for each history; "kept" is the loop's share of the best fixed way's gain over the static first model.

    Before is the loop that had one candidate, waited for decay, and never learned the hold-out.
    """
    heads = ["history", "metric", STATIC, *FIXED, "loop before", "kept", "loop", "kept", "trainings, promotions", "periods"]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " --- |" * (len(heads) - 1)]
    before = results.read(BEFORE)["figures"]["histories"]
    lines += [line_of(name, figures) for name, figures in histories.items()]
    lines += [line_of(name, figures, played=False) for name, figures in before.items() if name not in histories]
    return "\n".join(lines)


def short_table(histories: Mapping[str, Any]) -> str:
    """For the page of evidence: what is in each history, the static model, the best fixed way, the loop, what that keeps."""
    lines = [
        "| history | what is in it | metric | periods | static | best fixed way | the loop | kept | trainings, promoted |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, figures in histories.items():
        means = printed(figures)
        ways = [means[way] for way in (STATIC, figures["best"], "loop")]
        cells = [name, figures["kind"], f"`{figures['metric']}`", str(figures["periods"]), *ways, *_done(figures)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def printed(figures: Mapping[str, Any]) -> dict[str, str]:
    """Each way's mean, with the digits that its metric is worth."""
    digits = 1 if figures["metric"] == "mae" else 3
    return {way: f"{value:.{digits}f}" for way, value in figures["means"].items()}


def _done(figures: Mapping[str, Any]) -> list[str]:
    """What the loop kept, and its trainings and promotions."""
    kept = "nothing to gain" if figures["kept"] is None else f"{figures['kept']:.0%}"
    return [kept, f"{figures['trainings']}, {figures['promotions']}"]


def line_of(name: str, figures: Mapping[str, Any], played: bool = True) -> str:
    """A history's line of the table; the best fixed way is bold. Without `played` the figures are those of before alone."""
    means = printed(figures)
    means[figures["best"]] = f"**{means[figures['best']]}**"
    cells = [name, figures["metric"], means[STATIC], *(means.get(way, "") for way in FIXED)]
    before = results.read(BEFORE)["figures"]["histories"].get(name)
    cells += [printed(before)["loop"], f"{before['kept']:.0%}"] if before else ["", ""]
    now = [means["loop"], *_done(figures)] if played else ["not played", "", ""]
    cells += [*now, str(figures["periods"])]
    return "| " + " | ".join(cells) + " |"


def tell(progress: str) -> None:
    """A line of progress, on the standard error output."""
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
