"""Does a model for a shop's search box that shines on clean queries get past the gate? And does what the gate wants hold?

Plays the real steps, object store and registry, without the scheduler. An ordinary model and the shipped one, each trained on
clean queries and on clean and noisy ones, ask to become the first champion; four weeks later fresher ones challenge it. Then
all four, trained at three dates, answer the fortnight after: clean, noisy, and with words as people really misspell them.
Those come from codespell (GPL-2), which is fetched into a temporary folder: only this file reads it, and nothing trains on it.

    make bench-search_queries        # CARDS=folder keeps the cards and the pictures
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from shutil import which
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray

from bench import results
from bench.in_process import stores
from demo.upstream import SEARCHES, Upstream
from include.adapters.s3_store import S3Store
from include.decisions.data.labels import labelled, labels_of
from include.decisions.scoring.answering import predict
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers, ByCondition, blend_gain, measure
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import Labels, Ranking
from include.decisions.scoring.scorecard import CLEAN, Measured
from include.models import find_model
from include.models.contract import Model, candidate_names
from include.noise.spelling import misspelling
from include.noise.suite import suite_for
from include.request import Request
from include.results import Assembled, Trained, Verdict
from include.services import Services, StepContext, build_services

CODESPELL = "codespell==2.4.3"
CARDS = os.environ.get("CARDS")
FORTNIGHT = timedelta(weeks=2)
# Tuesdays, when the labels of the week before have come; the first one has a year to learn from and two weeks to hold out.
FIRST = datetime(2011, 3, 15, 5, tzinfo=UTC)
LATER = FIRST + timedelta(weeks=4)
DATES = {"spring": LATER, "summer": datetime(2011, 7, 12, 5, tzinfo=UTC), "autumn": datetime(2011, 10, 4, 5, tzinfo=UTC)}
END = datetime(2011, 11, 1, tzinfo=UTC)
PEOPLE, AFFECTED = "people", "people, queries with such a word"
SETS = (CLEAN, "noisy", AFFECTED, PEOPLE)
SEED = 20110315


def ordinary(seed: int) -> Any:
    """What many teams would ship: the products bought after the searches that share most words, rare words counting most."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    alike = KNeighborsClassifier(n_neighbors=30, weights="distance", metric="cosine", algorithm="brute")
    return make_pipeline(make_column_transformer((TfidfVectorizer(), "query")), alike)


POOL = find_model(SEARCHES.name)
SHIPPED = replace(POOL, candidates=(POOL.candidates[-1],))
# Its neighbours are kept as a sparse matrix, which skops does not load unasked.
ORDINARY = SHIPPED.with_candidate(build=ordinary, trusted_types=(*SHIPPED.trusted_types, "scipy.sparse._csr.csr_matrix"))
MODELS = {
    "ordinary, clean": ORDINARY.with_candidate(augment=None),
    "ordinary, clean and noisy": ORDINARY,
    "shipped, clean only": SHIPPED.with_candidate(augment=None),
    "shipped": SHIPPED,
}
COMPARED = (("shipped", "shipped, clean only"), ("shipped", "ordinary, clean"), ("shipped", "ordinary, clean and noisy"))
METRIC = primary_metric(SHIPPED)
SUITE = suite_for(SHIPPED, None)


@dataclass(frozen=True)
class TrainedVariant:
    """One challenger before the gate, and what a gate that sees clean rows alone would have done with it."""

    when: datetime
    what: str
    version: str
    rows: int
    verdict: str
    reasons: tuple[str, ...]
    clean: float
    noisy: float
    misspelt: float
    champion_clean: float | None
    champion_noisy: float | None
    passes_clean_gate: bool

    @property
    def is_refused_only_here(self) -> bool:
        """Whether a gate that looks at clean rows alone would have shipped what this one did not."""
        return self.passes_clean_gate and self.verdict != "promote"


@dataclass(frozen=True)
class Fortnight:
    """The two weeks after a holdout: hit rates by model and set of rows, and paired gains by pair of models and set."""

    date: str
    start: datetime
    rows: int
    affected_rows: int
    hit_rates: dict[str, dict[str, Measured]]
    gains: dict[tuple[str, str], dict[str, Measured]]


def main() -> int:
    """Play the story, measure what came after, print, write."""
    began = time.perf_counter()
    try:
        words = misspellings()
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", "") or error
        print(f"{CODESPELL} cannot be had, so there are no people's misspellings to ask about: {why}", file=sys.stderr)
        return 1
    # The ordinary model compares a search with every row that it learned from, by default in pieces of a gigabyte.
    with stores(), sklearn.config_context(working_memory=128):
        services = delivered()
        tried = story(services, words)
        after = [fortnight_after(services, date, words) for date in DATES]
    report(tried, after, round(time.perf_counter() - began))
    return 0


def misspellings() -> dict[str, list[str]]:
    """Codespell's list, from the right word to what people write for it; wrong words that may mean several are left out.

    Raises:
        OSError, CalledProcessError: it cannot be fetched or read.
    """
    uv = which("uv", path=str(Path(sys.executable).parent)) or which("uv")
    with tempfile.TemporaryDirectory() as folder:
        install = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
        command = [*install, "--quiet", "--no-deps", "--target", folder, CODESPELL]
        subprocess.run(command, check=True, capture_output=True, text=True)
        lines = Path(folder, "codespell_lib", "data", "dictionary.txt").read_text("utf-8").splitlines()
    listed: dict[str, list[str]] = {}
    for line in lines:
        if pair := re.fullmatch("([a-z]+)->([a-z]+)", line):
            listed.setdefault(pair[2], []).append(pair[1])
    return listed


def misspelt(queries: pd.Series, words: Mapping[str, list[str]]) -> pd.Series:
    """The queries with one word each as people misspell it, where one of its words is in the list."""
    typed = {word for query in queries for word in query.split()}
    listed = {word: words[word] for word in sorted(typed & words.keys())}
    return misspelling(queries, 1.0, np.random.default_rng(SEED), listed)


# The story


def delivered() -> Services:
    """A shop whose whole history has arrived; what a run may know of it is a matter of its as-of time."""
    services = build_services()
    landing = S3Store.connect("landing", endpoint=services.settings.s3_endpoint, region="us-east-1")
    Upstream(landing, SEARCHES).backlog(END)
    request = _request(END, "backlog")
    _step(services, SHIPPED, "check", request, _step(services, SHIPPED, "pull", request))
    return services


def story(services: Services, words: Mapping[str, list[str]]) -> list[TrainedVariant]:
    """Who becomes the first champion, and who replaces it four weeks later."""

    def try_out(when: datetime, what: str, promote: bool = True) -> TrainedVariant:
        tried = _try_out(services, when, what, words, promote)
        print(f"{when:%Y-%m-%d} {what}: {tried.verdict}: {tried.reasons[0]}", flush=True)
        return tried

    return [
        try_out(FIRST, "ordinary, clean"),
        # Judged only, so that the shipped one has no champion to beat either.
        try_out(FIRST, "ordinary, clean and noisy", promote=False),
        try_out(FIRST, "shipped"),
        try_out(LATER, "ordinary, clean"),
        try_out(LATER, "shipped, clean only"),
        try_out(LATER, "shipped"),
    ]


def _try_out(services: Services, when: datetime, what: str, words: Mapping[str, list[str]], promote: bool) -> TrainedVariant:
    model, request = MODELS[what], _request(when, what)
    assembled, trained = _trained(services, what, when)
    verdict: Verdict = _step(services, model, "validate", request, assembled, trained)
    if verdict.version is None or assembled.holdout is None:
        raise RuntimeError(f"{what}, {when}: nothing was judged: {verdict.summary}")
    if promote:
        _step(services, model, "promote", request, verdict, _step(services, model, "review", request, verdict))
    run = services.registry.version(model.name, verdict.version).run_id
    _keep(run, f"{when:%Y-%m-%d} {what}")
    evidence = mlflow.artifacts.load_dict(f"runs:/{run}/scorecard.json")["evidence"]
    clean = next(cell for cell in evidence["cells"] if (cell["metric"], cell["condition"]) == (METRIC.name, CLEAN))
    rows = labelled(model, services.lake.read_snapshot(model, assembled.holdout.digest), when)
    wrong = misspelt(rows["query"], words)
    affected = wrong.ne(rows["query"]).to_numpy()
    predictions = predict(model, services.registry.load(model, verdict.version), rows.assign(query=wrong)[affected])
    return TrainedVariant(
        when=when,
        what=what,
        version=verdict.version,
        rows=evidence["rows"],
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        clean=clean["challenger"],
        noisy=evidence["noisy_challenger"],
        misspelt=measure(METRIC, labels_of(model, rows)[affected], predictions).value,
        champion_clean=clean["champion"],
        champion_noisy=evidence["noisy_champion"],
        passes_clean_gate=_passes_clean_gate(clean["challenger"], clean["champion"]),
    )


def _passes_clean_gate(challenger: float, champion: float | None) -> bool:
    """What many pipelines ask: the floor of the first one, and then "new > old", on clean rows."""
    return challenger >= SHIPPED.criteria.floor and (champion is None or challenger > champion)


def _trained(services: Services, what: str, when: datetime) -> tuple[Assembled, Trained]:
    model, request = MODELS[what], _request(when, what)
    assembled: Assembled = _step(services, model, "assemble", request)
    tried = [_step(services, model, "train", request, assembled, name) for name in candidate_names(model)]
    return assembled, _step(services, model, "select", request, assembled, tried)


def _request(when: datetime, reason: str) -> Request:
    return Request(as_of=when, reason=reason, run_id=f"bench {when:%Y-%m-%d}")


def _step(services: Services, model: Model, name: str, request: Request, *references: Any) -> Any:
    return import_module(f"include.steps.{name}").run(StepContext(services, model, request), *references)


def _keep(run: str, name: str) -> None:
    if CARDS:
        for path in ("decision_card.md", "decision.png", "scorecard.json"):
            kept = Path(mlflow.artifacts.download_artifacts(f"runs:/{run}/{path}", dst_path=CARDS))
            kept.rename(kept.with_name(f"{name}, {path}"))


# The weeks after


def fortnight_after(services: Services, date: str, words: Mapping[str, list[str]]) -> Fortnight:
    """All models as trained at a date, on two weeks that no gate has seen."""
    trained = {what: _trained(services, what, DATES[date]) for what in MODELS}
    assembled = next(iter(trained.values()))[0]
    assert assembled.holdout is not None
    start = assembled.holdout.end
    rows = labelled(SHIPPED, services.lake.rows(SHIPPED, start, start + FORTNIGHT), END)
    labels, clean = labels_of(SHIPPED, rows), rows[SHIPPED.feature_names]
    frames = {CLEAN: clean} | {name: SUITE.apply(clean, name, f"bench:{start}") for name in SUITE.conditions}
    frames[PEOPLE] = clean.assign(query=misspelt(clean["query"], words))
    affected = frames[PEOPLE]["query"].ne(clean["query"]).to_numpy()
    predictions = {}
    for what, (_, version) in trained.items():
        pipeline = services.registry.load(MODELS[what], str(version.version))
        predictions[what] = {name: predict(SHIPPED, pipeline, frame) for name, frame in frames.items()}
        print(f"{date}: {what} has answered {len(rows):,} searches {len(frames)} times", flush=True)
    return Fortnight(
        date=date,
        start=start,
        rows=len(rows),
        affected_rows=int(affected.sum()),
        hit_rates={what: _hit_rates(labels, own, affected) for what, own in predictions.items()},
        gains={pair: _gains(labels, predictions[pair[0]], predictions[pair[1]], affected) for pair in COMPARED},
    )


def _hit_rates(labels: Labels, predictions: ByCondition, affected: NDArray[np.bool_]) -> dict[str, Measured]:
    """Against a model that never finds anything, a gain is the hit rate itself, also the mean of several."""
    never = Ranking(np.full((len(labels), 1), "", dtype=object), np.zeros((len(labels), 1)), 1)
    nothing: ByCondition = dict.fromkeys(predictions, never)
    return _gains(labels, predictions, nothing, affected)


def _gains(labels: Labels, challenger: ByCondition, other: ByCondition, affected: NDArray[np.bool_]) -> dict[str, Measured]:
    """Paired gains on each set of rows."""

    def on(conditions: Iterable[str], noisy_share: float, chosen: Any = slice(None)) -> Measured:
        its, others = ({name: predictions[name][chosen] for name in conditions} for predictions in (challenger, other))
        answers = Answers(labels[chosen], its, None, Clusters.independent(len(labels[chosen])))
        return blend_gain(METRIC, answers, others, noisy_share)[0]

    return {
        CLEAN: on([CLEAN], 0.0),
        "noisy": on([CLEAN, *SUITE.conditions], 1.0),
        AFFECTED: on([PEOPLE], 1.0, affected),
        PEOPLE: on([PEOPLE], 1.0),
    }


# The answer


def report(tried: list[TrainedVariant], after: list[Fortnight], seconds: int) -> None:
    """Print and keep it."""
    criteria, aims = SHIPPED.criteria, _aims(tried, after)
    print(f"\n{METRIC.name}, floors {criteria.floor} clean and {criteria.noisy_floor} noisy; in brackets the champion's")
    for one in tried:
        print(_paragraph(one))
    for fortnight in after:
        print(f"\nTrained for {fortnight.date}, asked from {fortnight.start:%Y-%m-%d} on: {fortnight.rows:,} searches,")
        print(f"{fortnight.affected_rows:,} of them with a word that people are known to misspell; gains with 95 % intervals")
        print(_table(fortnight).to_string())
    print()
    for aim, met in aims.items():
        print(f"{'reached    ' if met else 'NOT REACHED'} {aim}")
    figures = {
        "metric": METRIC.name,
        "noisy_conditions": list(SUITE.conditions),
        "misspellings": f"{CODESPELL}, in one word of each query that has one of its words",
        "seconds": seconds,
        "tried": [asdict(one) | {"refused_only_here": one.is_refused_only_here} for one in tried],
        "fortnights_after": [_plain(fortnight) for fortnight in after],
    }
    results.write("search_queries", figures, {aim: "true" for aim in aims}, all(aims.values()))


def _aims(tried: list[TrainedVariant], after: list[Fortnight]) -> dict[str, bool]:
    """What the story would like to be true, and whether it is."""
    by = {(one.when, one.what): one for one in tried}
    first = by[FIRST, "ordinary, clean"]
    clean_trained = [first, by[LATER, "ordinary, clean"], by[LATER, "shipped, clean only"]]
    shipped = [by[FIRST, "shipped"], by[LATER, "shipped"]]
    lowest = {
        what: min(fortnight.gains["shipped", other][where].low for fortnight in after for other in others)
        for what, where, others in (
            ("misspelt", AFFECTED, ("shipped, clean only", "ordinary, clean")),
            ("clean", CLEAN, ("shipped, clean only",)),
        )
    }
    return {
        "the ordinary model has about 90 % on clean and at most 65 % on noisy queries": first.clean >= 0.85
        and first.noisy <= 0.65,
        "a gate that looks at clean rows passes every clean-trained model": all(
            one.passes_clean_gate for one in clean_trained
        ),
        "this gate refuses every clean-trained model": all(one.verdict != "promote" for one in clean_trained),
        "the shipped model is promoted, and its fresher self after it": all(one.verdict == "promote" for one in shipped),
        "training on noise pays on people's misspellings at every date, beyond doubt": lowest["misspelt"] > 0,
        "and costs less than the margin on clean queries, beyond doubt": lowest["clean"] > -SHIPPED.criteria.margin,
    }


def _paragraph(one: TrainedVariant) -> str:
    champions = [f" ({value:.3f})" if value is not None else "" for value in (one.champion_clean, one.champion_noisy)]
    return (
        f"\n{one.when:%Y-%m-%d}  {one.what}, {one.rows:,} held-out rows\n"
        f"  clean {one.clean:.3f}{champions[0]}, noisy {one.noisy:.3f}{champions[1]}, "
        f"people's misspellings {one.misspelt:.3f}\n"
        f"  clean rows alone: {'SHIP' if one.passes_clean_gate else 'refuse'}; this gate: {one.verdict.upper()}\n"
        + "\n".join(f"  - {reason}" for reason in one.reasons)
    )


def _table(fortnight: Fortnight) -> pd.DataFrame:
    rates = {what: [f"{rates[where].value:.3f}" for where in SETS] for what, rates in fortnight.hit_rates.items()}
    gains = {
        f"{one} - {other}": [
            f"{100 * g.value:+.1f} ({100 * g.low:+.1f} to {100 * g.high:+.1f})" for g in map(by.get, SETS) if g
        ]
        for (one, other), by in fortnight.gains.items()
    }
    return pd.DataFrame.from_dict(rates | gains, orient="index", columns=list(SETS))


def _plain(fortnight: Fortnight) -> dict[str, Any]:
    """As JSON: only texts can be keys."""
    gains = {" - ".join(pair): {where: asdict(gain) for where, gain in by.items()} for pair, by in fortnight.gains.items()}
    return asdict(replace(fortnight, gains={})) | {"gains": gains}


if __name__ == "__main__":
    sys.exit(main())
