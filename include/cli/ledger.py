"""What was in production when, who decided it, and why? The ledger of one model in this terminal.

`python -m include.cli.ledger MODEL [TIME]`, of the stack that runs here or is named by the environment or `.env`.
"""

import os
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.markdown import Markdown

from deploy.local.stack import StackError
from include.cli.replay import find_stack
from include.errors import DataError, ProvingGroundError
from include.models import find_model
from include.reports.ledger_card import ledger_card
from include.request import moment
from include.services import build_services


def main(arguments: list[str]) -> int:
    """Print the ledger, proved; 0 unless it cannot be read or trusted."""
    console = Console()
    try:
        if len(arguments) not in (1, 2):
            raise StackError("name one model, and a time if you like: make ledger MODEL=flight_delays AT=2026-05-03T14:00Z")
        model = find_model(arguments[0])
        asked = moment("AT", arguments[1]) if arguments[1:] else None
        if asked and asked > datetime.now(UTC):
            raise DataError(f"AT={arguments[1]!r} has not come yet; name a time up to now.")
        find_stack(os.environ)
        console.print(Markdown(ledger_card(model.name, build_services().ledger.proved(model.name), asked)))
    except ProvingGroundError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
