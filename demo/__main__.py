"""The main job: start the stack, play real history into it, and let the scheduler do the work.

WEEKS=8      how many weeks to play
DETACH=1     leave the stack running and return
ORCHESTRATOR=prefect   Prefect instead of Airflow
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from demo.live_view import farewell, summary, view
from demo.player import Player, Row
from deploy.local.clients import client
from deploy.local.components import STACKS
from deploy.local.stack import Stack, StackError
from include.adapters.s3_store import S3Store
from include.errors import ProvingGroundError
from include.models import all_models

SUMMARY = Path(__file__).parent / "summary.json"
_MOST_WEEKS = 40


def main() -> int:
    """Run the demo; 0 when every delivery was dealt with."""
    # So that Live, the farewell and a screenshot look the same in a pipe.
    console = Console(width=None if sys.stdout.isatty() else 100)
    try:
        orchestrator = _orchestrator(os.environ.get("ORCHESTRATOR") or "airflow")
        return run(console, _weeks(os.environ.get("WEEKS") or "8"), orchestrator, detached=bool(os.environ.get("DETACH")))
    except ProvingGroundError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return 1


def run(console: Console, weeks: int, orchestrator: str, *, detached: bool) -> int:
    """Start, play, say goodbye; the stack stays up until Ctrl-C, or for good when detached."""
    began = time.monotonic()
    # `make down` and a closed terminal end the demo as Ctrl-C does: nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    stack = Stack()
    finished = False
    try:
        with console.status(f"starting SeaweedFS, MLflow and {orchestrator.title()} on 127.0.0.1 (about a minute)"):
            stack.start(STACKS[orchestrator])
        started = time.monotonic() - began
        player = player_of(stack, weeks, orchestrator)
        _play(console, player, began)
        seconds = {"start": round(started, 1), "all": round(time.monotonic() - began, 1)}
        SUMMARY.write_text(json.dumps(summary(player.rows, seconds), indent=1) + "\n")
        console.print(farewell(stack, orchestrator, detached))
        finished = True
        if not detached:
            threading.Event().wait()
    except KeyboardInterrupt:
        console.print("stopping", style="dim")
    finally:
        if not (detached and finished):
            stack.stop()
    return 1 if not finished or any(row.failed for row in player.rows) else 0


def player_of(stack: Stack, weeks: int, orchestrator: str) -> Player:
    """What plays history into a stack that runs; of what was played before it only reads what came of it."""
    os.environ.update(stack.environment())
    pipelines = {f"{model.name}.{stage}" for model in all_models() for stage in ("monitor", "retrain")}
    api = client(stack, orchestrator, pipelines, seconds=90)
    landing, lake = (S3Store.connect(bucket, endpoint=stack.s3_endpoint, region="us-east-1") for bucket in ("landing", "lake"))
    return Player(api, landing, lake, weeks)


def _orchestrator(text: str) -> str:
    if text not in STACKS:
        raise StackError(
            f"ORCHESTRATOR={text!r} is not known; {' and '.join(STACKS)} are, as in make demo ORCHESTRATOR=prefect."
        )
    return text


def _play(console: Console, player: Player, began: float) -> None:
    problems: list[BaseException] = []

    def work() -> None:
        try:
            player.play()
        except BaseException as problem:  # noqa: BLE001 - carried to the main thread, which raises it
            problems.append(problem)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with Live(view(player.rows, 0), console=console, refresh_per_second=2, transient=False) as live:
        shown: set[int] = set()
        while thread.is_alive():
            thread.join(0.5)
            live.update(view(player.rows, time.monotonic() - began))
            if not console.is_terminal:
                _show(player.rows, shown)
    if not console.is_terminal:
        # Where nothing is drawn over, the view ends without a line of its own.
        console.print()
    if problems:
        raise problems[0]


def _show(rows: list[Row], shown: set[int]) -> None:
    """A line for each delivery that was dealt with: a pipe or a log shows no live view."""
    for number, row in enumerate(rows):
        if row.now in ("done", "failed") and number not in shown:
            shown.add(number)
            week = row.summary()
            verdict = f" -> {week['verdict']}" if week["verdict"] else ""
            print(f"{week['start']} {row.model}: {week['rows']} rows, {week['triage']}{verdict}", file=sys.stderr, flush=True)


def _weeks(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST_WEEKS:
        raise StackError(
            f"WEEKS={text!r} cannot be played; 1 to {_MOST_WEEKS} is accepted, as in make demo WEEKS=6. Without any history "
            "the stack is started by `.venv/bin/python -m deploy.local up`."
        )
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
