"""Erase the rows of some keys, at a person's request: for good, with a report of what was removed and of what is left."""

from pathlib import Path

import click

from include.champion.erasure import erase, in_words
from include.cli.connection import by_hand
from include.cli.tables import read_table
from include.errors import ToolError


@click.command("erase")
@click.argument("model")
@click.argument("keys", type=click.Path(path_type=Path))
@click.option("--reason", required=True, help="Why; the ledger keeps it, so write no key into it.")
@click.option("--yes/--no", "sure", help="Erase them: there is no way back.  [default: no]")
def command(model: str, keys: Path, reason: str, sure: bool) -> None:
    """Erase the rows of some keys, for good.

    KEYS is a csv, jsonl or parquet file with the key columns of MODEL.
    It ends with 1 where something is left that has to be removed by hand.

    \b
    Example:
      python -m include.cli erase churn keys.csv --reason "request 4711" --yes
    """
    table = read_table(keys)
    if not sure:
        raise ToolError(f"{len(table):,} keys: nothing was erased. There is no way back; to erase them, add --yes.")
    record = erase(by_hand(model, "erase", reason), table)
    click.echo(f"{in_words(record)}.")
    for line in record.left:
        click.echo(f"LEFT: {line}.")
    if record.left:
        raise SystemExit(1)
