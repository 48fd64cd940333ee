"""Hold back one kind of message about one model until a time; what it is about stays on the page Models."""

import getpass

import click

from include.cli.connection import connect
from include.holds import SNOOZABLE, Hold, What, require_usable
from include.models import find_model
from include.request import moment
from include.untrusted_text import one_line


@click.command("snooze")
@click.argument("model")
@click.argument("what", type=click.Choice(SNOOZABLE))
@click.option("--until", required=True, metavar="TIME", help="When it ends by itself, ISO 8601, UTC.")
@click.option("--reason", required=True, help="Why; people read it on the page Models.")
def command(model: str, what: What, until: str, reason: str) -> None:
    """Hold back one kind of message for a time.

    No message of the kind WHAT about MODEL is sent; the page Models goes on showing what was found. WHAT is page (a finding
    that a person should look at), silence, failure or probation, as in docs/messages.md.

    \b
    Example:
      python -m include.cli snooze churn page --until 2026-12-27T08:00Z --reason "the new sensor is noisy, order 4711"
    """
    name, services = find_model(model).name, connect()
    now, end = services.holds.now(), moment("until", until)
    require_usable(end, now, reason)
    hold = Hold(what=what, by=getpass.getuser(), reason=one_line(reason, 500), since=now, until=end)
    services.holds.begin(name, hold)
    click.echo(f"{name}: {hold.in_words()}.")
