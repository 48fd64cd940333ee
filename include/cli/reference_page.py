"""docs/reference.md: all that a model's file may say, from the docstrings of the contract, the metrics and the corruptions."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from include.cli.connection import PROJECT
from include.decisions.scoring.metrics import all_metrics
from include.models import contract
from include.noise.catalogue import CORRUPTIONS
from include.search_space import Between, OneOf, Search, Whole
from include.sources import Files, Sql

PAGE = PROJECT / "docs/reference.md"
TYPES: tuple[type, ...] = (
    contract.Model,
    contract.Column,
    contract.Feed,
    contract.Candidate,
    contract.Augment,
    Search,
    Between,
    Whole,
    OneOf,
    contract.Criteria,
    contract.OwnMetric,
    contract.Money,
    contract.Retraining,
    contract.Worth,
    contract.Refresh,
    contract.Probation,
    contract.Review,
    contract.NoisePlan,
    contract.KnownDays,
    contract.Governance,
    Files,
    Sql,
)
_INTRODUCTION = """# Reference

Written by `make reference-page` from the docstrings; a test fails while it is not what that
writes. What a model's file may say, in the order in which most files say it: `Model` first, then
its parts. How to get to such a file from your data: [your_model.md](your_model.md).

"""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, " · ".join(f"[{kind.__name__}](#{kind.__name__.lower()})" for kind in TYPES)]
    parts += [" · [Metrics](#metrics) · [Corruptions](#corruptions)\n"]
    return "".join([*parts, *map(_of_type, TYPES), _metrics(), _corruptions()])


def _of_type(kind: type) -> str:
    """Its docstring, and a line for each field."""
    said = _as_markdown(inspect.getdoc(kind) or "")
    lines = [f"| `{field.name}` | {_type(kind, field)} | {_default(field)} |\n" for field in fields(kind) if field.init]
    return f"\n## {kind.__name__}\n\n{said}\n\n| field | type | default |\n| --- | --- | --- |\n{''.join(lines)}"


def _type(kind: type, field: "Field[Any]") -> str:
    text = inspect.get_annotations(kind).get(field.name, field.type)
    name = text if isinstance(text, str) else getattr(text, "__name__", "") if isinstance(text, type) else str(text)
    return f"`{re.sub(r'[A-Za-z_]+[.]', '', name)}`".replace("|", "\\|")


def _default(field: "Field[Any]") -> str:
    if field.default is not MISSING:
        return f"`{_in_short(field.default)}`"
    return f"`{_in_short(field.default_factory())}`" if field.default_factory is not MISSING else "**required**"


def _in_short(value: object) -> str:
    """A default as a file would write it."""
    if isinstance(value, timedelta):
        days = value / timedelta(days=1)
        return f"timedelta(days={days:g})" if days >= 1 or not days else f"timedelta(hours={days * 24:g})"
    if type(value) in TYPES:
        return f"{type(value).__name__}(…)" if fields(value) else f"{type(value).__name__}()"  # type: ignore[arg-type]
    return repr(value).replace("'", '"').replace("|", "\\|")


def _as_markdown(text: str) -> str:
    """A docstring in Google's style; its sections become lists."""
    return re.sub(r"^(Raises|Args|Returns|Yields|Attributes):$", r"**\1**\n", text, flags=re.MULTILINE)


def _metrics() -> str:
    lines = [f"| `{name}` | {task} | {'higher' if higher else 'lower'} |\n" for task, name, higher in _listed_metrics()]
    return (
        "\n## Metrics\n\nThe names that `Criteria.metric` accepts. One of your own: `OwnMetric`.\n\n"
        f"| metric | of a task | better when |\n| --- | --- | --- |\n{''.join(lines)}"
    )


def _listed_metrics() -> Iterator[tuple[str, str, bool]]:
    for task, metrics in all_metrics().items():
        for metric in metrics:
            yield task, metric.name, metric.higher_is_better


def _corruptions() -> str:
    lines = [
        f"| `{one.name}` | {', '.join(sorted(one.kinds)) or 'whole records'} | {', '.join(sorted(one.usual)) or '–'} "
        f"| {one.mechanism} | {one.meaning} |\n"
        for one in CORRUPTIONS
    ]
    return (
        "\n## Corruptions\n\nThe names that `NoisePlan` and `Augment.corruptions` accept. ECAR strikes anywhere, EAR follows "
        "another\ncolumn, ENAR the value itself (tab-err's words).\n\n"
        "| name | can befall | tried by default on | mechanism | what it does |\n"
        f"| --- | --- | --- | --- | --- |\n{''.join(lines)}"
    )


@click.command("reference-page")
def command() -> None:
    """Write docs/reference.md.

    \b
    Example:
      python -m include.cli reference-page
    """
    text = page()
    Path(PAGE).write_text(text, encoding="utf-8")
    metrics = sum(1 for _ in _listed_metrics())
    click.echo(f"{PAGE.relative_to(PROJECT)}: {len(TYPES)} types, {metrics} metrics, {len(CORRUPTIONS)} corruptions.")
