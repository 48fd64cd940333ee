"""What is no longer needed? Shown first, removed only when asked to."""

from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table

from include.champion.retention import SHORTEST, Removal, carry_out, in_words, plan
from include.cli.connection import by_hand


@click.command("prune")
@click.argument("model")
@click.option(
    "--days",
    type=click.IntRange(min=SHORTEST.days),
    default=180,
    show_default=True,
    help="How many days are kept; labels and reviews come late, so not fewer than a month.",
)
@click.option("--yes/--no", "remove", help="Remove it, or only show it.  [default: no]")
def command(model: str, days: int, remove: bool) -> None:
    """Show or remove what is no longer needed.

    \b
    Example:
      python -m include.cli prune flight_delays --days 365 --yes
    """
    console, context = Console(), by_hand(model, "make prune", "make prune")
    until = context.request.as_of - timedelta(days=days)
    planned = plan(context, until)
    console.print(_table(context.model.name, planned))
    console.print(f"{in_words(planned)} {'are removed' if remove else 'would be removed'}.", highlight=False, markup=False)
    if remove:
        console.print(f"Removed: {in_words(carry_out(context, planned, until))}.", markup=False)
    elif planned.versions or planned.objects:
        console.print("Nothing was removed. To remove it: the same command with --yes (SURE=yes for make).", markup=False)


def _table(model_name: str, planned: Removal) -> Table:
    table = Table("version", "stays because", title=f"Versions of {model_name}", title_justify="left")
    for number, why in [*planned.kept, *((number, "") for number in planned.versions)]:
        table.add_row(number, why or "[red]goes[/red]: never champion, judged, old")
    return table
