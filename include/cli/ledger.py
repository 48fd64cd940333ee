"""What was in production when, who decided it, and why? The ledger of one model in this terminal."""

import shutil
from datetime import UTC, datetime

import click

from include.cli.connection import connect
from include.errors import DataError
from include.models import find_model
from include.reports.ledger_text import ledger_text
from include.request import moment

_WIDEST = 110


@click.command("ledger")
@click.argument("model")
@click.option("--at", metavar="TIME", help="Only what was in production at this time, ISO 8601.")
def command(model: str, at: str | None) -> None:
    """Show what was in production when, and who decided it.

    \b
    Example:
      python -m include.cli ledger flight_delays --at 2026-05-03T14:00Z
    """
    name = find_model(model).name
    queried = moment("AT", at) if at else None
    if queried and queried > datetime.now(UTC):
        raise DataError(f"AT={at!r} has not come yet; name a time up to now.")
    # Longer lines are hard to read, however wide the terminal is.
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    click.echo(ledger_text(name, connect().ledger.proved(name), queried, width))
