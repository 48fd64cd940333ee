"""How often should a model be retrained? The replay in this terminal, on the data of the stack that runs here or is named.

`python -m include.cli.replay MODEL`. The stack is the one of `make demo DETACH=1` if it runs, else the one that the environment or
`.env` names. It does what the DAG `<model>.replay` does, and what one of them has trained the other finds.
"""

import os
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.local.environment import PROJECT
from deploy.local.stack import Stack, StackError
from include.errors import ProvingGroundError
from include.models import find_model
from include.models.contract import Model
from include.request import Request
from include.results import Recommended
from include.services import Services, build_services
from include.settings import Settings

_PARTS = ("seaweedfs", "mlflow")


def main(arguments: list[str]) -> int:
    """Replay one model; 0 when there is an answer."""
    console = Console()
    try:
        if len(arguments) != 1:
            raise StackError("name one model, as in make replay MODEL=flight_delays.")
        find_stack(os.environ)
        answer = replay(build_services(), find_model(arguments[0]), console)
    except ProvingGroundError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    console.print(answer.summary, style="bold", highlight=False, markup=False, soft_wrap=True)
    if answer.report_url:
        console.print(answer.report_url, highlight=False, markup=False, soft_wrap=True)
    return 0 if answer.recommendation else 1


def replay(services: Services, model: Model, console: Console) -> Recommended:
    """Both steps, as of now, with a bar for the models of the past."""
    from include.steps import recommend, refit

    now = datetime.now(UTC)
    request = Request(as_of=now, reason="make replay", run_id=f"make replay {now:%Y-%m-%dT%H:%M}", asked_by="make replay")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(f"models of the past of {model.name}", total=None)

        def tell(done: int, of: int, _: float) -> None:
            progress.update(bar, completed=done, total=of)

        refitted = refit.run(services, model, request, tell)
        progress.update(bar, completed=refitted.models, total=refitted.models)
    return recommend.run(services, model, request, refitted)


def find_stack(environment: MutableMapping[str, str], stack: Stack | None = None) -> None:
    """Put the variables of a running stack into an environment.

    Raises:
        StackError: nothing runs here, and neither the environment nor .env names an object store.
    """
    stack = stack or Stack()
    if stack.home.exists() and all(stack.status()[part].startswith("running") for part in _PARTS):
        environment.update(stack.environment())
        return
    for name, value in _dot_env().items():
        environment.setdefault(name, value)
    if not environment.get("PROVING_GROUND_S3_ENDPOINT"):
        raise StackError(
            "no stack runs here, and PROVING_GROUND_S3_ENDPOINT names none. Run `make demo DETACH=1` first, or set it and "
            "MLFLOW_TRACKING_URI as in .env.example."
        )


def _dot_env() -> dict[str, str]:
    """What `.env` sets of ours, of AWS's and of MLflow's; empty values count as unset."""
    path = PROJECT / ".env"
    lines = path.read_text().splitlines() if path.is_file() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    ours = (*Settings.variables(), "AWS_", "MLFLOW_")
    return {name.strip(): value.strip() for name, value in pairs if name.strip().startswith(ours) and value.strip()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
