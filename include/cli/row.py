"""One row, from its delivery to its answer: what came, what was predicted when and by whom, and what the answer hangs on."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import pandas as pd

from include.adapters.lake import BEGINNING, among
from include.champion.promoted_tags import as_promoted
from include.cli.connection import connect
from include.decisions.scoring.one_row import answer_in_words, handed_on, hangs_on
from include.decisions.scoring.predictions import Ranking, from_columns
from include.errors import ToolError
from include.figures import figure, signed
from include.models import find_model
from include.models.contract import Model
from include.own_columns import LABEL_DELIVERED, SCORED_AS_OF, VERSION
from include.services import Services
from include.untrusted_text import one_line

_SHOWN, _OTHERS = 12, 2_000


@click.command("row")
@click.argument("model")
@click.argument("key", nargs=-1, required=True)
@click.option("--version", help="Ask this version.  [default: the champion]")
def command(model: str, key: Sequence[str], version: str | None) -> None:
    """Follow one row from its delivery to its answer.

    KEY names the row: each column of the model's key as name=value. The rows of all periods are read to find it.

    \b
    Example:
      python -m include.cli row churn visit_id=4711
    """
    services, found = connect(), find_model(model)
    for line in followed(services, found, _wanted(found, key), version, datetime.now(UTC)):
        click.echo(line)


def _wanted(model: Model, key: Sequence[str]) -> pd.DataFrame:
    named = dict(one.split("=", 1) for one in key if "=" in one)
    if set(named) != set(model.feed.key) or len(named) != len(key):
        accepted = " ".join(f"{name}=…" for name in model.feed.key)
        raise ToolError(f"{' '.join(key)!r} does not name a row of {model.name}. Accepted is {accepted}.")
    return pd.DataFrame([named])


def followed(services: Services, model: Model, wanted: pd.DataFrame, version: str | None, now: datetime) -> Iterator[str]:
    """The lines that are shown, each as soon as it is known; the row's newest values count.

    Raises:
        ToolError: no such row was taken in, or there is no version to ask.
    """
    lake = services.lake
    keys = lake.history(model, lake.files(model, BEGINNING, model.later(now)), ()).at()
    where = keys[among(model, keys, wanted)]
    if where.empty:
        raise ToolError(
            f"no row of {model.name} with this key was taken in. `make quarantine MODEL={model.name}` shows rows that broke "
            "the contract; a delivery that no run has seen yet is in landing."
        )
    for start in model.periods_of(where[model.feed.time]).unique():
        period = start.to_pydatetime()
        rows = lake.rows(model, period, model.later(period))
        row = rows[among(model, rows, wanted)]
        yield from _values(model, row, period)
        yield from _predicted(services, model, period, wanted)
        yield from _asked(services, model, row, rows, version)


def _values(model: Model, row: pd.DataFrame, period: datetime) -> list[str]:
    label = row[model.label.name].iloc[0]
    came = "has not come" if not row[LABEL_DELIVERED].iloc[0] else "is missing" if pd.isna(label) else f"is {label}"
    values = [f"  {name}: {one_line(row[name].iloc[0], 200)}" for name in model.feature_names]
    return [f"in the period from {period:%Y-%m-%d %H:%M}, at {row[model.feed.time].iloc[0]}", *values, f"its label {came}"]


def _predicted(services: Services, model: Model, period: datetime, wanted: pd.DataFrame) -> list[str]:
    """What was predicted when rows of its period were scored, oldest first."""
    lines = []
    for key in services.lake.predictions_of(model.name, period):
        table = services.lake.read_table(key)
        for _, one in table[among(model, table, wanted)].iterrows():
            answer = from_columns(one.to_frame().T.infer_objects())
            told = str(answer.labels[0][0]) if isinstance(answer, Ranking) else figure(float(answer[0]), 4)
            lines.append(
                (one[SCORED_AS_OF], f"version {one[VERSION]} answered {told} as of {one[SCORED_AS_OF]:%Y-%m-%d %H:%M}")
            )
    return [line for _, line in sorted(lines)] or ["no version has scored it"]


def _asked(services: Services, model: Model, row: pd.DataFrame, rows: pd.DataFrame, version: str | None) -> Iterator[str]:
    """What a version answers now, what each of its steps hands on, and what the answer hangs on."""
    number = version or services.ledger.state(model.name).champion
    if number is None:
        yield f"{model.name} has no champion to ask: name a version with --version"
        return
    as_promoted(services, services.registry.version(model.name, number))
    pipeline, features = services.registry.load(model, number), row[model.feature_names].reset_index(drop=True)
    try:
        yield from _explained(model, pipeline, features, rows, number)
    except Exception as error:  # noqa: BLE001 - a team's own code raises whatever it likes; what is known is shown all the same
        yield f"version {number} cannot be followed further: {type(error).__name__}: {one_line(error, 300)}"


def _explained(model: Model, pipeline: Any, features: pd.DataFrame, rows: pd.DataFrame, number: str) -> Iterator[str]:
    yield f"version {number} answers {answer_in_words(model, pipeline, features)} now"
    for step, values in handed_on(pipeline, features):
        shown = ", ".join(f"{name}={one_line(value, 40)}" for name, value in values[:_SHOWN])
        more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        yield f"  step {step} hands on {shown}{more}"
    others = rows[model.feature_names].head(_OTHERS)
    yield "the answer would move, if one feature were that of a typical row of its period:"
    for one in hangs_on(model, pipeline, features, others)[:_SHOWN]:
        yield f"  {signed(one.moved, 4)}  {one.feature}: {one_line(one.value, 40)} as in {one_line(one.typical, 40)}"
