"""Send messages again that were held back."""

import getpass

import click

from include.cli.connection import connect
from include.errors import ToolError
from include.holds import SNOOZABLE, What, require_reason
from include.models import find_model
from include.untrusted_text import one_line


@click.command("unsnooze")
@click.argument("model")
@click.argument("what", type=click.Choice(SNOOZABLE))
@click.option("--reason", required=True, help="Why; it is kept beside who snoozed and why.")
def command(model: str, what: What, reason: str) -> None:
    """Send messages again that were snoozed.

    \b
    Example:
      python -m include.cli unsnooze churn page --reason "the sensor was replaced"
    """
    name, services = find_model(model).name, connect()
    require_reason(reason)
    ended = services.holds.end(name, what, getpass.getuser(), one_line(reason, 500))
    if ended is None:
        raise ToolError(f"{name}: no messages of the kind {what} are snoozed.")
    click.echo(f"{name}: {what} is sent again; until now: {ended.in_words()}.")
