"""What is no longer needed? `python -m include.cli.prune MODEL [DAYS] [yes]`: shown first, removed only when told so.

Of the stack that runs here or is named by the environment or `.env`.
"""

import getpass
import os
import sys
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from deploy.local.stack import StackError
from include.champion.retention import SHORTEST, Removal, carry_out, in_words, plan
from include.cli.replay import find_stack
from include.errors import ProvingGroundError
from include.models import find_model
from include.models.contract import Model
from include.request import Request
from include.services import build_services


def main(arguments: list[str]) -> int:
    """Show what would go; remove it if the last word is yes."""
    console = Console()
    try:
        model, keep, sure = _asked(arguments)
        find_stack(os.environ)
        services, now = build_services(), datetime.now(UTC)
        planned = plan(services, model, now, keep)
        console.print(_table(model.name, planned))
        console.print(f"{in_words(planned)} {'are going' if sure else 'would go'}.", highlight=False, markup=False)
        if sure:
            run_id = f"make prune {now:%Y-%m-%dT%H:%M:%S}"
            request = Request(as_of=now, reason="make prune", run_id=run_id, asked_by=getpass.getuser())
            console.print(f"Removed: {in_words(carry_out(services, model, request, planned, now, keep))}.", markup=False)
        elif planned.versions or planned.objects:
            console.print("Nothing was removed. To remove it: the same command with SURE=yes.", markup=False)
    except ProvingGroundError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    return 0


def _asked(arguments: list[str]) -> tuple[Model, timedelta, bool]:
    if len(arguments) != 3 or not arguments[1].isdecimal() or arguments[2] not in ("yes", "no"):
        raise StackError("name one model, how many days are kept, and yes or no: make prune MODEL=x DAYS=180 SURE=no")
    keep = timedelta(days=int(arguments[1]))
    if keep < SHORTEST:
        raise StackError(f"DAYS={arguments[1]} keeps too little: at least {SHORTEST.days}, labels and reviews come late.")
    return find_model(arguments[0]), keep, arguments[2] == "yes"


def _table(model_name: str, planned: Removal) -> Table:
    table = Table("version", "stays because", title=f"Versions of {model_name}", title_justify="left")
    for number, why in [*planned.kept, *((number, "") for number in planned.versions)]:
        table.add_row(number, why or "[red]goes[/red]: never champion, judged, old")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
