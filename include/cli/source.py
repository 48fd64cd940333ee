"""How far the rows of a model were pulled from its source, and from the beginning again."""

import click
from rich.console import Console
from rich.table import Table

from include.adapters.pulling import Pulls
from include.cli.connection import by_hand
from include.errors import ToolError
from include.services import StepContext


@click.group("source")
def command() -> None:
    """Show how far a model's source was pulled, or pull it anew.

    \b
    Example:
      python -m include.cli source status churn
    """


@command.command("status")
@click.argument("model")
def status(model: str) -> None:
    """Show for each stream how far it was pulled.

    \b
    Example:
      python -m include.cli source status churn
    """
    context = by_hand(model, "source status", "looking")
    table = Table("stream", "deliveries", "newest change", "keys compared")
    for stream in context.model.source.streams:
        progress = _pulls(context).progress(model, stream)
        table.add_row(stream, str(progress.number), str(progress.mark or "nothing yet"), str(progress.compared or "never"))
    Console().print(table)


@command.command("again")
@click.argument("model")
def again(model: str) -> None:
    """Pull everything anew with the next run of the monitor, in deliveries after those that are there.

    For a query that gives another column now, or other rows. What was delivered last counts; nothing is removed.

    \b
    Example:
      python -m include.cli source again churn
    """
    context = by_hand(model, "source again", "everything is pulled anew")
    for stream in context.model.source.streams:
        before = _pulls(context).begin_again(model, stream)
        click.echo(f"{model}: {stream} had been pulled up to {before.mark or 'nothing'}. The next run pulls all of it.")


def _pulls(context: StepContext) -> Pulls:
    if not context.model.source.streams or context.services.pulls is None:
        raise ToolError(
            f"{context.model.name} has no source to pull from: its files land by themselves. Accepted is a model with "
            "source=Sql(…) in its file."
        )
    return context.services.pulls
