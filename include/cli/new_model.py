"""A new model's file, with a comment on each line to change; from a CSV, with the columns guessed.

The file is the template with other lines put in, so it keeps what the template keeps.
"""

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from include.cli.connection import PROJECT
from include.decisions.data.column_guess import Guess, KnownColumns, guess
from include.decisions.data.source_check import CHANGED
from include.decisions.scoring.clusters import FEWEST_CLUSTERS
from include.errors import DataError, ModelError
from include.models.contract import NAME, Column
from include.periods import Period

if TYPE_CHECKING:
    from sqlalchemy import Engine

TEMPLATE = Path(__file__).with_name("model_template.py")
MODELS = PROJECT / "include/models"
# Rows of a query that columns are guessed from.
_PREVIEW = 20_000


@click.command("new-model")
@click.argument("name")
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option("--key", help="The columns that together identify a row, separated by commas.")
@click.option("--sql", help="A query: features and label side by side, or features alone, with the labels as DATA.")
@click.option("--connection", help="Where the query is run: the name of a connection, or a SQLAlchemy address.")
def command(name: str, data: Path | None, key: str | None, sql: str | None, connection: str | None) -> None:
    """Write the file of a new model.

    The file is include/models/NAME.py, with a comment on each line to change. The columns are guessed from DATA, a CSV or a
    folder of CSVs, all but the key; or from the types and the first rows of a query, which is written to include/models/sql/.

    \b
    Example:
      python -m include.cli new-model churn sample.csv --key customer,month
      python -m include.cli new-model churn --sql "SELECT * FROM visits" --connection warehouse --key visit_id
    """
    if bool(sql) != bool(connection):
        raise click.UsageError("--sql and --connection belong together.")
    columns = [column.strip() for column in (key or "").split(",") if column.strip()]
    if sql and connection:
        path = write_with_query(name, Query(sql, connection, data), columns, MODELS)
        words = [name, *([str(data)] if data else []), "--source", *([_shown(connection)] if ":" in connection else [])]
        check = f"python -m include.cli check-model {' '.join(words)}"
    else:
        path = write(name, data, columns, MODELS)
        check = f"make check-model NAME={name} DATA={data or 'sample.csv'}"
    text = path.read_text()
    marks = text.count("# GUESS:") + text.count("# CHANGE:")
    click.echo(f"{path} is written. {marks} lines in it are marked CHANGE or GUESS: correct them, then run")
    click.echo(f"  {check}")


def _shown(address: str) -> str:
    """Without its password, which would stay in the terminal's history: Postgres' driver takes PGPASSWORD."""
    import sqlalchemy as sa

    return sa.make_url(address).set(password=None).render_as_string()


def write(name: str, data: Path | None, key: Sequence[str] = (), models: Path = MODELS) -> Path:
    """The path of the new file.

    Raises:
        ModelError: the name cannot be used, or a file has it.
        DataError: nothing can be guessed from the data, or the key does not identify its rows.
    """
    _refuse_name(name, models)
    text = _template(name)
    if data is not None:
        from include.cli.tables import columns_of_labels, read_table, rows_of_files

        known = KnownColumns(labels=columns_of_labels(data), files=rows_of_files(data))
        text = filled_in(text, guess(read_table(data), name, key, known))
    path = models / f"{name}.py"
    path.write_text(text)
    return path


@dataclass(frozen=True)
class Query:
    """A query, the name or address of its connection, and the files that labels are in where it does not give them."""

    sql: str
    connection: str
    labels: Path | None = None


def write_with_query(name: str, query: Query, key: Sequence[str], models: Path = MODELS) -> Path:
    """The path of the new file, whose rows come from a query; errors as of `write`, and of the source.

    Of a query that has features and label side by side two files are written, which say what columns each stream takes.
    """
    from include.adapters.databases import engine_at, from_environment
    from include.cli.connection import dot_env
    from include.cli.source_table import beside, preview
    from include.cli.tables import read_table
    from include.sources.sql import query_fault

    _refuse_name(name, models)
    if fault := query_fault("--sql", query.sql):
        raise DataError(f"{fault}.")
    is_address = ":" in query.connection
    engine = engine_at(query.connection, "--connection") if is_address else from_environment(dot_env())(query.connection)
    if not key:
        raise DataError("--key is missing: name the columns of the query that together identify a row.")
    table, kinds = preview(query.sql, engine, tuple(key), _PREVIEW)
    known = KnownColumns(kinds)
    if query.labels is not None:
        labels = read_table(query.labels)
        known = KnownColumns(kinds, tuple(column for column in labels.columns if column not in table.columns))
        table = beside(table, labels, key)
    draft = guess(table, name, key, known)
    changed = next((column for column in table.columns if kinds.get(column) == "time" and CHANGED.match(column)), "")
    _write_queries(models / "sql", name, query, _Columns(draft, changed, engine))
    text = filled_in(_template(name), draft)
    path = models / f"{name}.py"
    path.write_text(_with_source(text, name, replace(query, connection="warehouse") if is_address else query, changed))
    return path


@dataclass(frozen=True)
class _Columns:
    """Which columns a query has to give, as they stand in the text of a query of a database."""

    draft: Guess
    changed: str
    engine: "Engine"

    def of(self, *others: str) -> list[str]:
        from include.sources.sql_rows import quoted

        names = dict.fromkeys(filter(None, [*self.draft.key, self.draft.time, self.changed, *others]))
        return [quoted(name, self.engine) for name in names]


def _write_queries(folder: Path, name: str, query: Query, columns: _Columns) -> None:
    folder.mkdir(exist_ok=True)
    label = columns.draft.label.name
    features = columns.of(*(column.name for column in columns.draft.features))
    (folder / f"{name}_features.sql").write_text(_around(query.sql, features))
    if query.labels is None:
        its = columns.of(label)
        (folder / f"{name}_labels.sql").write_text(_around(query.sql, its) + f"WHERE {its[-1]} IS NOT NULL\n")


def _around(query: str, columns: Sequence[str]) -> str:
    inner = "\n".join(f"  {line}" for line in query.strip().rstrip(";").splitlines())
    # A file that its team reads before it is run, with names in the database's own quotes.
    return f"SELECT {', '.join(columns)}\nFROM (\n{inner}\n) AS whole\n"  # nosec B608


def _with_source(text: str, name: str, query: Query, changed: str) -> str:
    updated = f"        updated_at={_quoted(changed)},  # GUESS: when a row was changed last\n" if changed else ""
    labels = "" if query.labels else f'        labels="sql/{name}_labels.sql",\n'
    source = (
        f"    source=Sql(\n        {_quoted(query.connection)},  # CHANGE: the name of the connection\n"
        f'        features="sql/{name}_features.sql",\n{labels}{updated}'
        "        overlap=timedelta(hours=1),  # CHANGE: longer than the longest transaction that writes these rows\n    ),\n"
    )
    imports = "from include.models.contract import"
    text = re.sub(rf"({imports}.*\n)", r"\1from include.sources import Sql\n", text, count=1)
    before = "    # CHANGE: what a version must reach"
    assert before in text
    return text.replace(before, source + before, 1)


def _refuse_name(name: str, models: Path) -> None:
    taken = sorted(file.stem for file in models.glob("*.py"))
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ModelError(
            f"NAME={name!r} cannot name a model: accepted are lower-case letters, digits and _, at most 50, a letter first, "
            "and no word of Python's own. Choose another, such as churn."
        )
    if name in taken:
        raise ModelError(
            f"NAME={name!r} is taken: include/models/{name}.py exists. Taken are {', '.join(taken)}. Choose another."
        )


def _template(name: str) -> str:
    return TEMPLATE.read_text().replace('"model_template"', f'"{name}"').replace(": `make new-model` copies this file.", ".")


def filled_in(template: str, draft: Guess) -> str:
    """The template with what was guessed, each line of it marked."""
    columns = "\n".join(f"    {_code(column)},  # GUESS: {_question(column, draft)}" for column in draft.features)
    others = f"; or {', '.join(draft.labels[1:])}?" if draft.labels[1:] else ""
    period, schedule, held_out = _PERIODS[draft.period]
    guessed = draft.criteria
    criteria = f"{_quoted(guessed.metric)}, floor={guessed.floor}, noisy_floor={guessed.noisy_floor}, margin={guessed.margin}"
    swaps = [
        (r"(?s)FEATURES = \(\n.*?\n\)\n", f"FEATURES = (\n{columns}\n)\n"),
        (r"    task=.*", f"    task={_quoted(draft.task)},  # GUESS: binary, multiclass or regression"),
        (
            r"    label=.*",
            f"    label={_code(replace(draft.label, optional=False))},  # GUESS: {others.removeprefix('; ') or 'is it?'}",
        ),
        (r"        key=.*", f"        key={_tuple(draft.key)},  # the columns that together name one row"),
        (r"        time=.*", f"        time={_quoted(draft.time)},  # GUESS: when the prediction is made"),
        (r"        period=.*", f"        period={period},  # GUESS: how often a delivery comes"),
        (r"        schedule=.*", f"        schedule={_quoted(schedule)},  # GUESS: when to look for deliveries, cron in UTC"),
        (r"    criteria=.*", f"    criteria=Criteria(metric={criteria}),  # GUESS: see above{held_out}"),
    ]
    for pattern, line in swaps:
        template, count = re.subn(pattern, line.replace("\\", r"\\"), template)
        assert count == 1, pattern
    if any(column.kind == "text" for column in draft.features):
        template = re.sub(r"TYPES = \((.*?),\)", r'TYPES = ("numpy.dtype", \1)', template)
    return template.replace("HistGradientBoostingClassifier", _TREES[draft.task])


# All rows of a month may be of one day, and those of a day count as one observation.
_SEVERAL = f"\n    holdout_periods={FEWEST_CLUSTERS},  # GUESS: so many periods are held out to judge by"
# How it is written, when deliveries are looked for, and how many periods are held out, where it is not the usual week.
_PERIODS: dict[Period, tuple[str, str, str]] = {
    timedelta(days=1): ("timedelta(days=1)", "0 6 * * *", ""),
    timedelta(weeks=1): ("timedelta(weeks=1)", "0 6 * * MON", ""),
    "month": ('"month"', "0 6 1 * *", _SEVERAL),
    "quarter": ('"quarter"', "0 6 1 */3 *", _SEVERAL),
}
_TREES = {
    task: f"HistGradientBoosting{kind}"
    for task, kind in (("binary", "Classifier"), ("multiclass", "Classifier"), ("regression", "Regressor"))
}


def _code(column: Column) -> str:
    limits = "".join(f", {name}={value:g}" for name in ("low", "high") if (value := getattr(column, name)) is not None)
    return f"Column({_quoted(column.name)}, {_quoted(column.kind)}{limits}{', optional=True' if column.optional else ''})"


def _question(column: Column, draft: Guess) -> str:
    question = {"number": "low=, high=, unit=?", "category": "values=?", "text": "text people typed?"}[column.kind]
    code = " or a category: a code?" if column.name in draft.few else ""
    return f"{question}{code} known at the time?"


def _tuple(names: tuple[str, ...]) -> str:
    return f"({', '.join(map(_quoted, names))}{',' if len(names) == 1 else ''})"


def _quoted(text: str) -> str:
    shown = repr(text)
    return f'"{text}"' if shown[1:-1] == text and '"' not in text else shown
