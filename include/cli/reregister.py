"""Bring the champion, or another version, over an upgrade of its libraries."""

from pathlib import Path

import click

from include.champion.reregister import reregister
from include.cli.connection import by_hand
from include.errors import ToolError


@click.command("reregister")
@click.argument("model")
@click.option("--old", required=True, type=click.Path(path_type=Path), help="An interpreter of the environment before.")
@click.option("--version", "number", help="Which version.  [default: the champion]")
@click.option("--reason", default="", help="Why; the ledger keeps it.")
def command(model: str, old: Path, number: str | None, reason: str) -> None:
    """Bring a version over an upgrade: old libraries load it, new ones save it.

    Answers are compared. The champion is replaced by what was saved again, if all are the same.

    \b
    Example:
      python -m include.cli reregister churn --old ../before/.venv/bin/python
    """
    if not old.is_file():
        raise ToolError(f"--old {old} is no file: name the interpreter of the environment that made the version.")
    context = by_hand(model, "reregister", reason or "an upgrade of its libraries")
    champion = context.services.registry.champion(model)
    if number is None and champion is None:
        raise ToolError(f"{model} has no champion: name a version, as in --version 3.")
    done = reregister(context, number or str(champion and champion.number), str(old.absolute()))
    what = "and is champion" if done.champion else "and is not champion, as the old one is not"
    click.echo(
        f"version {done.version} is version {done.instead_of} saved again, {what}: equal answers to {done.rows:,} rows."
    )
