"""A new model's file, with a comment on each line to change; from a CSV, with the columns guessed.

The file is the template with other lines put in, so it keeps what the template keeps.
"""

import keyword
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from include.cli.connection import PROJECT
from include.decisions.data.column_guess import Guess, guess
from include.decisions.scoring.clusters import FEWEST_CLUSTERS
from include.errors import ModelError
from include.models.contract import NAME, Column
from include.periods import Period

TEMPLATE = Path(__file__).with_name("model_template.py")
MODELS = PROJECT / "include/models"


@click.command("new-model")
@click.argument("name")
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option("--key", help="The columns of DATA that together identify a row, separated by commas.")
def command(name: str, data: Path | None, key: str | None) -> None:
    """Write the file of a new model.

    The file is include/models/NAME.py, with a comment on each line to change. The columns are guessed from DATA, a CSV or a
    folder of CSVs, all but the key.

    \b
    Example:
      python -m include.cli new-model churn sample.csv --key customer,month
    """
    path = write(name, data, [column.strip() for column in (key or "").split(",") if column.strip()], MODELS)
    text = path.read_text()
    marks = text.count("# GUESS:") + text.count("# CHANGE:")
    click.echo(f"{path} is written. {marks} lines in it are marked CHANGE or GUESS: correct them, then run")
    click.echo(f"  make check-model NAME={name} DATA={data or 'sample.csv'}")


def write(name: str, data: Path | None, key: Sequence[str] = (), models: Path = MODELS) -> Path:
    """The path of the new file.

    Raises:
        ModelError: the name cannot be used, or a file has it.
        DataError: nothing can be guessed from the data, or the key does not identify its rows.
    """
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
    text = TEMPLATE.read_text().replace('"model_template"', f'"{name}"').replace(": `make new-model` copies this file.", ".")
    if data is not None:
        from include.cli.tables import read_table

        text = filled_in(text, guess(read_table(data), name, key))
    path = models / f"{name}.py"
    path.write_text(text)
    return path


def filled_in(template: str, draft: Guess) -> str:
    """The template with what was guessed, each line of it marked."""
    columns = "\n".join(f"    {_code(column)},  # GUESS: {_question(column)}" for column in draft.features)
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


def _question(column: Column) -> str:
    question = {"number": "low=, high=, unit=?", "category": "values=?", "text": "text people typed?"}[column.kind]
    return f"{question} known at the time?"


def _tuple(names: tuple[str, ...]) -> str:
    return f"({', '.join(map(_quoted, names))}{',' if len(names) == 1 else ''})"


def _quoted(text: str) -> str:
    shown = repr(text)
    return f'"{text}"' if shown[1:-1] == text and '"' not in text else shown
