"""What a source holds, as the one table that check-model and new-model look at."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.adapters.databases import engine_at, from_environment
from include.adapters.file_reader import texts_of
from include.cli.connection import dot_env
from include.cli.tables import joined_on_keys
from include.decisions.data.source_check import CHANGED
from include.errors import DataError
from include.models.contract import Model
from include.sources import Connections, Delivery, Problem
from include.sources.arrow_tables import joined
from include.sources.sql_rows import error_from, rows_of, subquery


def connections_for(address: str) -> Connections:
    """Every connection is the database at an address; without one, those that the environment and `.env` name."""
    if address:
        return lambda _name: engine_at(address, "the address")
    return from_environment(dot_env())


def read_source(model: Model, connections: Connections, now: datetime, limit: int) -> dict[str, pd.DataFrame]:
    """For each stream that a model's source brings, its first rows as text, in the order in which they changed.

    Raises:
        SourceError: the source refuses.
        DataError: it gives no rows.
    """
    found: dict[str, pd.DataFrame] = {}
    for stream in model.source.streams:
        delivery = Delivery(model.problem, stream, None, now, limit=limit)
        table = texts_of(joined(list(model.source.read(delivery, connections))), 0).table
        if table.empty:
            raise DataError(f"the source of {stream} of {model.name} gives no rows. Correct the query, or its connection.")
        found[stream] = table
    return found


def as_one(streams: Mapping[str, pd.DataFrame], others: pd.DataFrame | None, model: Model) -> pd.DataFrame:
    """Features and labels side by side; `others` is what comes in files, where one stream has no query.

    Raises:
        DataError: a stream is in neither, or no row of labels belongs to a row.
    """
    sides = dict(streams)
    for name in ("features", "labels"):
        if name not in sides:
            if others is None:
                raise DataError(
                    f"{name} of {model.name} land as files, and the source has none. Name a file of them as DATA beside "
                    "--source."
                )
            sides[name] = others
    changed = model.source.changed(model.problem)
    return beside(sides["features"], sides["labels"], model.feed.key, (model.feed.time, changed))


def beside(features: pd.DataFrame, labels: pd.DataFrame, key: Sequence[str], times: Sequence[str] = ()) -> pd.DataFrame:
    """Features with the labels of the same key: their times may be written otherwise, and mean another moment of each."""
    others = [name for name in labels.columns if name in features.columns and name not in key]
    labels = labels.drop(columns=[name for name in others if name in times or not times])
    return joined_on_keys("the source", features, labels)


def preview(query: str, engine: sa.Engine, key: tuple[str, ...], limit: int) -> tuple[pd.DataFrame, dict[str, str]]:
    """The first rows of a query as text, and which of its columns the database knows to be a number, a time or a text."""
    kinds = _kinds(query, engine)
    times = [name for name, kind in kinds.items() if kind == "time"]
    own = [name for name in times if not CHANGED.match(name)] or times
    if not own:
        raise DataError(
            f"no column of the query holds times; there are {', '.join(kinds)}. Add the one that says when each prediction "
            "would have been made, cast to a timestamp."
        )
    problem = Problem("the new model", key, own[0])
    delivery = Delivery(problem, "features", None, datetime(2200, 1, 1, tzinfo=UTC), limit=limit)
    table = texts_of(joined(list(rows_of(query, own[0], delivery, engine))), 0).table
    # What was changed last is no feature, and not when the row happened.
    first = [own[0], *(name for name in table.columns if name != own[0])]
    return table[first], kinds


def _kinds(query: str, engine: sa.Engine) -> dict[str, str]:
    """By the types of what a database gives for the first two hundred rows."""
    statement: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(subquery(query)).limit(200)
    try:
        with engine.connect() as connection:
            result = connection.execute(statement)
            names, rows = list(result.keys()), result.fetchall()
    except sa.exc.SQLAlchemyError as error:
        raise error_from(error, "the query") from None
    return {name: _kind({type(value) for value in values if value is not None}) for name, values in _columns(names, rows)}


def _columns(names: list[str], rows: Any) -> list[tuple[str, tuple[Any, ...]]]:
    return list(zip(names, zip(*rows, strict=True), strict=True)) if rows else [(name, ()) for name in names]


def _kind(types: set[type]) -> str:
    if types and types <= {int, float, Decimal, bool}:
        return "number"
    if types and types <= {datetime, date}:
        return "time"
    return "text" if types == {str} else ""
