"""How often should a model be retrained? The replay in this terminal.

It does what the DAG `<model>.replay` does, and what one of them has trained the other finds.
"""

import sys
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from include.cli.connection import connect
from include.models import find_model
from include.models.contract import Model
from include.request import Request
from include.results import Recommended
from include.services import Services, StepContext


@click.command("replay")
@click.argument("model")
def command(model: str) -> None:
    """Find out how often a model should be retrained.

    \b
    Example:
      python -m include.cli replay flight_delays
    """
    console, found = Console(), find_model(model)
    answer = replay(connect(), found, console)
    console.print(answer.summary, style="bold", highlight=False, markup=False, soft_wrap=True)
    if answer.report_url:
        console.print(answer.report_url, highlight=False, markup=False, soft_wrap=True)
    sys.exit(0 if answer.recommendation else 1)


def replay(services: Services, model: Model, console: Console) -> Recommended:
    """Both steps, as of now, with a bar for the backtest models."""
    from include.steps import recommend, refit

    now = datetime.now(UTC)
    request = Request(as_of=now, reason="make replay", run_id=f"make replay {now:%Y-%m-%dT%H:%M}", asked_by="make replay")
    context = StepContext(services, model, request)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(f"backtest models of {model.name}", total=None)

        def show(done: int, of: int, _: float) -> None:
            progress.update(bar, completed=done, total=of)

        refitted = refit.run(context, show)
        progress.update(bar, completed=refitted.models, total=refitted.models)
    return recommend.run(context, refitted)
