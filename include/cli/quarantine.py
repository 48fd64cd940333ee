"""Which rows broke the contract, and why? The newest quarantined deliveries of one model in this terminal."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from include.adapters.lake import Lake
from include.cli.connection import connect
from include.models import find_model
from include.results import QuarantinedRow
from include.untrusted_text import one_line

_EXAMPLES, _VALUES_SHOWN, _REASONS_SHOWN, _REASONS_EXPLAINED = 2, 5, 4, 20
_LONGEST_REASON, _LONGEST_VALUE, _LONGEST_ROW = 120, 40, 400


@dataclass(frozen=True)
class QuarantinedDelivery:
    """The bad rows of one landing file; `went_on` says whether its good rows did."""

    key: str
    checked_at: datetime
    rows: list[QuarantinedRow]
    went_on: bool

    @property
    def source(self) -> str:
        """The landing file."""
        return self.rows[0].source if self.rows else ""

    @property
    def reasons(self) -> Counter[str]:
        """How many rows have each reason."""
        return Counter(one_line(reason, _LONGEST_REASON) for row in self.rows for reason in row.reasons)


@click.command("quarantine")
@click.argument("model")
@click.option(
    "--newest",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How many of its newest deliveries with bad rows.",
)
def command(model: str, newest: int) -> None:
    """Show which rows broke the contract, and why.

    \b
    Example:
      python -m include.cli quarantine flight_delays --newest 5
    """
    # In a pipe nothing is cut to a terminal's width.
    console, name = Console(width=None if sys.stdout.isatty() else 200), find_model(model).name
    show(console, name, *deliveries(connect().lake, name, newest))


def deliveries(lake: Lake, model_name: str, newest: int) -> tuple[list[QuarantinedDelivery], int]:
    """The newest deliveries that have bad rows, and how many there are in all."""
    kept, done = lake.quarantines(model_name), lake.finished_files(model_name)
    newest_deliveries = [
        QuarantinedDelivery(entry.key, entry.modified, lake.quarantined_rows(entry.key), PurePosixPath(entry.key).stem in done)
        for entry in kept[:newest]
    ]
    return newest_deliveries, len(kept)


def show(console: Console, model_name: str, listed: list[QuarantinedDelivery], of: int) -> None:
    """A table of the deliveries, then the rows of the newest by reason: how many, which values, and examples."""
    if not listed:
        console.print(f"No row of {model_name} is in quarantine.", highlight=False, markup=False)
        return
    console.print(_table(model_name, listed, of))
    newest = listed[0]
    _say(console, f"The {len(newest.rows):,} bad rows of {newest.source}, by reason:", "bold")
    for reason, count in newest.reasons.most_common(_REASONS_EXPLAINED):
        rows = [row for row in newest.rows if reason in {one_line(one, _LONGEST_REASON) for one in row.reasons}]
        _say(console, f"{count:,} × {reason}")
        if offending := _offending(reason, rows):
            _say(console, f"    values: {offending}")
        for row in rows[:_EXAMPLES]:
            _say(console, f"    row {row.row}: {_values(row.values) or one_line(row.line, _LONGEST_ROW)}", "dim")
    _say(console, f"All of them: {newest.key} in the lake.", "dim")


def _offending(reason: str, rows: Sequence[QuarantinedRow]) -> str:
    """The most frequent values of the column that a reason is about; empty where it is about no single column."""
    column = reason.partition(":")[0]
    values = Counter(_shown(row.values[column]) for row in rows if column in row.values)
    listed = [f"{value} ({count:,})" for value, count in values.most_common(_VALUES_SHOWN)]
    more = f", and {len(values) - _VALUES_SHOWN:,} others" if len(values) > _VALUES_SHOWN else ""
    return ", ".join(listed) + more


def _table(model_name: str, listed: list[QuarantinedDelivery], of: int) -> Table:
    title = f"{model_name}: the newest {len(listed)} of {of} deliveries with rows in quarantine"
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in ("delivery", "checked (UTC)", "bad rows", "good rows", "reasons"):
        table.add_column(name, justify="right" if name == "bad rows" else "left")
    for delivery in listed:
        table.add_row(
            Text(one_line(delivery.source, _LONGEST_ROW), overflow="fold"),
            f"{delivery.checked_at:%Y-%m-%d %H:%M}",
            f"{len(delivery.rows):,}",
            Text("went on", style="green") if delivery.went_on else Text("held back", style="red"),
            Text(_counted(delivery.reasons)),
        )
    return table


def _counted(reasons: Counter[str]) -> str:
    lines = [f"{count:,} × {reason}" for reason, count in reasons.most_common(_REASONS_SHOWN)]
    more = [f"and {len(reasons) - _REASONS_SHOWN} other reasons"] if len(reasons) > _REASONS_SHOWN else []
    return "\n".join([*lines, *more])


def _values(values: dict[str, Any]) -> str:
    """One printable line: a delivery may hold anything, also what would steer a terminal."""
    parts = [f"{one_line(name, _LONGEST_VALUE)}={_shown(value)}" for name, value in values.items()]
    return one_line(", ".join(parts), _LONGEST_ROW)


def _shown(value: Any) -> str:
    return "(missing)" if value is None else one_line(value, _LONGEST_VALUE) or "(empty)"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
