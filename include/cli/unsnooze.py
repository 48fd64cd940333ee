"""Send messages again that were held back."""

import getpass

import click

from include.cli.connection import connect
from include.errors import ToolError
from include.holds import SNOOZABLE, What
from include.models import find_model


@click.command("unsnooze")
@click.argument("model")
@click.argument("what", type=click.Choice(SNOOZABLE))
def command(model: str, what: What) -> None:
    """Send messages again that were snoozed.

    \b
    Example:
      python -m include.cli unsnooze churn page
    """
    name, services = find_model(model).name, connect()
    ended = services.holds.end(name, what, getpass.getuser())
    if ended is None:
        raise ToolError(f"{name}: no messages of the kind {what} are snoozed.")
    click.echo(f"{name}: {what} is sent again; until now: {ended.in_words()}.")
