"""Hold back promotions and retrainings of one model, or of all, until a time: a holiday, an incident."""

import getpass
from datetime import datetime, timedelta

import click

from include.champion.freezing import freeze
from include.cli.connection import connect
from include.errors import ToolError
from include.holds import FREEZE, Hold, require_usable
from include.models import find_model, model_names
from include.request import moment
from include.untrusted_text import one_line


@click.command("freeze")
@click.argument("model", required=False)
@click.option("--all", "everywhere", is_flag=True, help="All models, those that are added later too.")
@click.option("--until", required=True, metavar="TIME", help="When it ends by itself, ISO 8601, UTC.")
@click.option("--reason", required=True, help="Why; people read it on the page Models, and the ledger keeps it.")
def command(model: str | None, everywhere: bool, until: str, reason: str) -> None:
    """Hold back promotions and retrainings for a time.

    Monitors go on, and a rollback stays possible.

    \b
    Example:
      python -m include.cli freeze churn --until 2026-12-27T08:00Z --reason "Christmas: no one on call"
    """
    names = names_of(model, everywhere)
    services = connect()
    hold = hold_of(services.holds.now(), moment("until", until), reason, everywhere)
    require_usable(hold.until, hold.since, reason)
    missing = freeze(services, names, hold)
    click.echo(f"{whom(names, everywhere)}: {hold.in_words()}. Monitors go on, a rollback stays possible.")
    for line in missing:
        click.echo(line)


def names_of(model: str | None, everywhere: bool) -> list[str]:
    """The models that are meant.

    Raises:
        ToolError: neither one model nor all, or both.
    """
    if bool(model) == everywhere:
        raise ToolError("name one model, or use --all for every model.")
    return model_names() if everywhere else [find_model(str(model)).name]


def hold_of(now: datetime, until: datetime, reason: str, everywhere: bool) -> Hold:
    """A freeze in the name of the person at this terminal."""
    # To the second: it is part of a key.
    since = now - timedelta(microseconds=now.microsecond)
    words = one_line(reason, 500)
    return Hold(what=FREEZE, by=getpass.getuser(), reason=words, since=since, until=until, everywhere=everywhere)


def whom(names: list[str], everywhere: bool) -> str:
    """Of which models it is, in words."""
    return "all models" if everywhere else names[0]
