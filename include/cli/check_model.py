"""Is a new model right about real data, and what would the gate decide? Trained and judged once, here, without a server.

The project's own steps on an object store in memory and a registry in a temporary folder, which end with it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from include.adapters.memory_store import MemoryStore
from include.adapters.object_store import ObjectStore
from include.cli import locks
from include.cli.connection import PROJECT
from include.cli.source_table import as_one, connections_for, read_source
from include.cli.tables import read_table
from include.decisions.data.labels import labels_of
from include.decisions.data.periods import choose_split, count_periods
from include.decisions.data.row_contract import RowContract, sort_rows
from include.decisions.data.source_check import check_source
from include.decisions.data.spec_check import SpecFinding, as_of, check_spec, needs_more_clusters, needs_more_rows
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import primary_metric
from include.models import find_model
from include.models.contract import Model, candidate_names
from include.own_columns import LABEL_DELIVERED
from include.request import Request
from include.results import Verdict
from include.services import StepContext, serverless_services
from include.sources import Files

CARDS, MODELS = PROJECT / ".check-model", PROJECT / "include/models"
# As an upstream would: old periods come in one file, the newest ones one by one.
_ONE_BY_ONE = 8
_STEPS = ("pull", "check", "assemble", "train", "select", "validate")
_MLFLOW = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}


@click.command("check-model")
@click.argument("name")
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "--source",
    is_flag=False,
    flag_value="",
    help="Read the rows from the model's source: at this SQLAlchemy address, or, without one, where the connection's variable "
    "says.",
)
@click.option("--limit", type=click.IntRange(min=1), default=50_000, show_default=True, help="How many rows of a source.")
def command(name: str, data: Path | None, source: str | None, limit: int) -> None:
    """Compare a model with data, train it and ask the gate.

    NAME is a file in include/models; DATA is a CSV, or a folder of CSVs; with --source, the stream that has no query. Ends
    with 0 if the file is right and the gate could judge, whatever it decided, and with 1 if something is wrong. No server is
    started.

    \b
    Example:
      python -m include.cli check-model traffic_volume sample.csv
      python -m include.cli check-model churn --source postgresql+psycopg2://reader@db/shop
    """
    console, model, now = Console(width=None if sys.stdout.isatty() else 120), find_model(name), datetime.now(UTC)
    if source is None:
        sys.exit(check(model, read_table(_given(data)), str(data), console))
    streams = read_source(model, connections_for(source), now, limit)
    doubts = check_source(model, streams.get("features", pd.DataFrame()))
    table = as_one(streams, read_table(data) if data else None, model)
    sys.exit(check(model, table, "the source", console, doubts))


def _given(data: Path | None) -> Path:
    if data is None:
        raise click.UsageError("Name DATA, a file or a folder of files, or --source.")
    return data


def check(model: Model, table: pd.DataFrame, where: str, console: Console, doubts: Sequence[SpecFinding] = ()) -> int:
    """The findings, and if none is wrong the verdict; the exit code. `doubts` are what else is to be said."""
    began, now, name = time.monotonic(), datetime.now(UTC), model.name
    _say(console, f"{len(table):,} rows, {len(table.columns)} columns in {where}")
    findings = [*check_spec(model, table, now), *doubts, *unfinished(MODELS / f"{name}.py")]
    wrong = any(finding.severity == "wrong" for finding in findings)
    _show(console, model, findings if wrong else [*findings, *_margin(model, table, now), *locks.findings(model)])
    if wrong:
        return 1
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as bar:
        task = bar.add_task("deliver", total=len(_STEPS) + len(model.candidates) + 1)

        def show(what: str) -> None:
            bar.update(task, advance=1, description=what)

        # What was read is delivered as files, whatever the source is.
        tried = replace(with_one_draw(model), source=Files())
        verdict, card, failed = judge(tried, table, as_of(model, _timed(model, table), now), show)
        show("judged")
    console.print(Markdown(card) if card else verdict.summary)
    if card:
        CARDS.mkdir(exist_ok=True)
        (CARDS / f"{name}.md").write_text(card)
        _say(console, f"The decision card is in {CARDS / f'{name}.md'}")
    for problem in failed:
        _say(console, f"wrong: {problem}. Correct build, or narrow the space, in include/models/{name}.py.", "red")
    _say(console, f"{verdict.summary} ({time.monotonic() - began:.0f} s)", "bold")
    return 0 if verdict.verdict != "blocked" and card and not failed else 1


def unfinished(file: Path) -> list[SpecFinding]:
    """Whether lines of a model's file are still marked as a guess, or to be changed."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    marked = [number for number, line in enumerate(lines, start=1) if "# GUESS:" in line or "# CHANGE:" in line]
    if not marked:
        return []
    value = f"{len(marked)} lines are still marked GUESS or CHANGE, the first is line {marked[0]}"
    do = "Look at each, correct it, and remove its mark."
    return [SpecFinding("doubt", f"include/models/{file.name}", value, "none", do)]


def with_one_draw(model: Model) -> Model:
    """The model with searches of two trials: what `build` does by itself, and one draw from the space."""
    short = [replace(one, search=replace(one.search, trials=2)) if one.search else one for one in model.candidates]
    return replace(model, candidates=tuple(short))


def judge(model: Model, table: pd.DataFrame, moment: datetime, show: Callable[[str], None]) -> tuple[Verdict, str, list[str]]:
    """Deliver the table and perform the real steps once.

    The verdict, its card if there was a contest, and which trials of a search failed.
    """
    os.environ.update(_MLFLOW)
    request = Request(as_of=moment, reason="make check-model", run_id="check-model", asked_by="make check-model")
    with tempfile.TemporaryDirectory() as folder:
        landing = MemoryStore("landing")
        services = serverless_services(model, Path(folder), landing)
        context = StepContext(services, model, request)
        deliver(landing, model, table, moment)

        def step(name: str, *results: Any) -> Any:
            show(name)
            return import_module(f"include.steps.{name}").run(context, *results)

        step("check", step("pull"))
        assembled = step("assemble")
        tried = [step("train", assembled, candidate) for candidate in candidate_names(model)]
        trained = step("select", assembled, tried)
        verdict: Verdict = step("validate", assembled, trained)
        failed = [f"search of candidate {one.candidate}: {problem}" for one in tried for problem in one.searched.failed]
        card = services.registry.read_report(trained.run_id, "decision_card.md") if verdict.version else ""
        return verdict, card, failed


def _margin(model: Model, table: pd.DataFrame, now: datetime) -> list[SpecFinding]:
    """Whether the holdout can show a loss of a margin: two fits on halves of the training rows stand for two versions."""
    columns = (*model.delivered, replace(model.label, optional=True))
    rows = sort_rows(table, RowContract.of(model, columns)).good
    known = rows.assign(**{LABEL_DELIVERED: rows[model.label.name].notna() | model.label.optional})
    split = choose_split(count_periods(known, model, as_of(model, rows, now)), model, None)
    rows = rows[rows[model.label.name].notna()]
    times = rows[model.feed.time]
    train = rows[(times >= split.train_start) & (times < split.holdout_start)]
    held = rows[(times >= split.holdout_start) & (times < split.holdout_end)]
    metric, labels = primary_metric(model), labels_of(model, held)
    one, other = (metric.estimate(labels, _predictions(model, half, held)) for half in (train.iloc[::2], train.iloc[1::2]))
    clusters = Clusters.of_rows(held, model.feed)
    return [*needs_more_clusters(model, clusters), *needs_more_rows(model, len(held), clusters.error(one[1] - other[1])[0])]


def _predictions(model: Model, train: pd.DataFrame, held: pd.DataFrame) -> Any:
    from include.decisions.scoring.answering import predict

    return predict(
        model, model.candidate.pipeline().fit(train[model.feature_names], labels_of(model, train)), held[model.feature_names]
    )


def deliver(landing: ObjectStore, model: Model, table: pd.DataFrame, moment: datetime) -> list[str]:
    """Put the table into landing, period by period, labels in the period in which they become known; the keys, in order."""
    table = table.drop_duplicates(list(model.feed.key)) if _only_equal_rows(model, table) else table
    timed = _timed(model, table)
    starts = model.periods_of(timed[model.feed.time])
    known = model.earlier(starts.max().to_pydatetime(), _ONE_BY_ONE - 1)
    known_at = timed[model.feed.time] + model.feed.label_delay
    labelled = timed[model.label.name].notna() & (known_at <= moment)
    identity = list(dict.fromkeys([*model.feed.key, model.feed.time]))
    keys = []
    for stream, columns, period in (
        ("features", [*identity, *(column.name for column in model.delivered)], starts),
        ("labels", [*identity, model.label.name], model.periods_of(known_at)),
    ):
        rows = table if stream == "features" else table[labelled if not model.label.optional else known_at <= moment]
        columns = list(dict.fromkeys(columns))
        for begins, part in rows.groupby(period[rows.index].where(period >= known, model.earlier(known))):
            start = pd.Timestamp(str(begins))
            key = f"{model.name}/{stream}/{'until-' if start < known else ''}{start:%Y-%m-%dT%H}.csv"
            landing.put(key, part[columns].to_csv(index=False, lineterminator="\n").encode())
            keys.append(key)
    return keys


def _only_equal_rows(model: Model, table: pd.DataFrame) -> bool:
    return bool(table.duplicated(list(model.feed.key)).any())


def _timed(model: Model, table: pd.DataFrame) -> pd.DataFrame:
    times = pd.to_datetime(table[model.feed.time], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return table.assign(**{model.feed.time: times})


def _show(console: Console, model: Model, findings: list[SpecFinding]) -> None:
    for finding in findings:
        _say(console, str(finding), "red" if finding.severity == "wrong" else "yellow")
    wrong = sum(finding.severity == "wrong" for finding in findings)
    counts = f"{wrong} wrong, {len(findings) - wrong} in doubt" if findings else "nothing found"
    _say(console, f"include/models/{model.name}.py against the data: {counts}")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
