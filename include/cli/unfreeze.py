"""End a freeze before its time."""

import click

from include.champion.freezing import unfreeze
from include.cli.connection import connect
from include.cli.freeze import hold_of, names_of, whom
from include.errors import ToolError


@click.command("unfreeze")
@click.argument("model", required=False)
@click.option("--all", "everywhere", is_flag=True, help="End the freeze of all models together; freezes of one model stay.")
@click.option("--reason", required=True, help="Why; the ledger keeps it.")
def command(model: str | None, everywhere: bool, reason: str) -> None:
    """End a freeze before its time.

    \b
    Example:
      python -m include.cli unfreeze churn --reason "the incident is over"
    """
    names = names_of(model, everywhere)
    services = connect()
    now = services.holds.now()
    ended, missing = unfreeze(services, names, hold_of(now, now, reason, everywhere))
    if ended is None:
        other = services.holds.frozen(names[0]) if not everywhere else None
        hint = " It is frozen with all models: use --all." if other else ""
        raise ToolError(f"{whom(names, everywhere)}: there is no freeze to end.{hint}")
    for line in (f"{whom(names, everywhere)}: not frozen any more; it was {ended.in_words()}.", *missing):
        click.echo(line)
