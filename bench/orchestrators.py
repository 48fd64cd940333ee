"""What does an orchestrator cost? The same work under Airflow and under Prefect, one after the other, in one run.

Each has a stack of its own. Counted are the processes of the orchestrator and of the steps that it runs, without MLflow and
SeaweedFS: their memory while nothing runs, and their CPU seconds and the time from the form to the end of a monitor and of a
retraining. Needs Prefect's environment, `.prefect/`. A machine that has other work makes the times longer: how much there was
is part of the answer.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench import results
from demo.upstream import TRAFFIC, WEEK, Upstream
from deploy.local.clients import client
from deploy.local.components import PARTS, STACKS
from deploy.local.environment import PROJECT
from deploy.local.orchestrator import SeenRun
from deploy.local.stack import Ports, Stack
from include.adapters.s3_store import S3Store
from include.errors import ToolError

PAGE = PROJECT / "docs" / "prefect.md"
NAME = "orchestrators"
MODEL = TRAFFIC.name
# The week before which there is just enough history for a first champion.
FIRST = datetime(2012, 11, 26, tzinfo=UTC)
STAGES = ("monitor", "retrain")
ORCHESTRATORS = ("airflow", "prefect")
REPEATS, SETTLE, IDLE, PATIENCE = int(os.environ.get("REPEATS", "3")), 15.0, 30.0, 600.0


@dataclass(frozen=True)
class Spent:
    """CPU seconds of the orchestrator's processes, seconds that passed, and how many cores other work kept busy meanwhile."""

    cpu: float
    wall: float
    others: float


class Bench:
    """One orchestrator on a stack of its own."""

    def __init__(self, stack: Stack, orchestrator: str) -> None:
        self.stack, self.orchestrator = stack, orchestrator
        stack.start(STACKS[orchestrator])
        self.api = client(stack, orchestrator, {f"{MODEL}.{stage}" for stage in STAGES}, seconds=180)

    def measure(self) -> dict[str, Any]:
        """All figures of one orchestrator."""
        time.sleep(SETTLE)
        fresh = self.memory()
        self._first_champion()
        time.sleep(SETTLE)
        idle = self.spent(lambda: time.sleep(IDLE))
        figures: dict[str, Any] = {
            "memory_mb_before": fresh,
            "memory_mb": self.memory(),
            "idle_cpu_seconds_a_minute": idle.cpu / idle.wall * 60,
            "others_cores": [idle.others],
        }
        for stage in STAGES:
            turns = [self.spent(lambda: self._run(stage)) for _ in range(REPEATS)]  # noqa: B023 - called at once
            figures[f"{stage}_cpu_seconds"] = [turn.cpu for turn in turns]
            figures[f"{stage}_seconds"] = [turn.wall for turn in turns]
            figures["others_cores"] += [turn.others for turn in turns]
        return figures

    def spent(self, work: Callable[[], object]) -> Spent:
        """What some work takes."""
        began, ours, all_ = time.monotonic(), self.cpu(), _busy()
        work()
        wall, ours, all_ = time.monotonic() - began, self.cpu() - ours, _busy() - all_
        # The stack's other processes, MLflow's and the object store's, count as other work: they are the same under both.
        return Spent(ours, wall, max(0.0, (all_ - ours) / wall))

    def cpu(self) -> float:
        """CPU seconds so far, of processes that have ended too: a parent has those of its children that it waited for."""
        return sum(
            float(times.user + times.system + times.children_user + times.children_system)
            for times in _each(self._processes(), psutil.Process.cpu_times)
        )

    def memory(self) -> float:
        """Megabytes; what processes share is counted once (PSS)."""
        return sum(float(pss) for pss in _each(self._processes(), lambda one: one.memory_full_info().pss)) / 1e6

    def _processes(self) -> list[psutil.Process]:
        recorded = self.stack._recorded()[1]
        return [one for part in recorded if part.name in PARTS[self.orchestrator] for one in part.members()]

    def _first_champion(self) -> None:
        """Deliver the backlog and a week; the monitor asks for a retraining, which makes the first champion."""
        os.environ.update(self.stack.environment())
        upstream = Upstream(S3Store.connect("landing", endpoint=self.stack.s3_endpoint, region="us-east-1"), TRAFFIC)
        upstream.backlog(FIRST)
        upstream.week(FIRST)
        since = self.api.announce_delivery(MODEL, _as_of().isoformat())
        monitor = self._end("monitor", since)
        self._end("retrain", monitor.started)

    def _run(self, stage: str) -> None:
        """One run by the form, until its end."""
        form = {"as_of": _as_of().isoformat(), "reason": "bench"} | ({"force": True} if stage == "retrain" else {})
        self._end(stage, self.api.start(f"{MODEL}.{stage}", form))

    def _end(self, stage: str, since: str) -> SeenRun:
        pipeline, until = f"{MODEL}.{stage}", time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.api.runs_since(pipeline, since)
            if found and found[0].state == "success":
                return found[0]
            if found and found[0].state == "failed":
                raise ToolError(f"{pipeline} failed: {self.api.tasks(pipeline, found[0].id)}")
            time.sleep(0.5)
        raise ToolError(f"{pipeline} has not ended after {PATIENCE:.0f} s")


def _as_of() -> datetime:
    return FIRST + WEEK


def _each(processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], Any]) -> list[Any]:
    """What is asked of each process that is still there."""
    answers = []
    for process in processes:
        try:
            answers.append(ask(process))
        except psutil.Error:
            continue
    return answers


def _busy() -> float:
    """CPU seconds that this machine has worked so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def table(figures: dict[str, Any]) -> str:
    """The table of the page, and what else the machine did."""
    rows = [
        ("memory when nothing has run yet, PSS", "memory_mb_before", "{:,.0f} MB"),
        ("memory when nothing runs any more, PSS", "memory_mb", "{:,.0f} MB"),
        ("CPU seconds a minute when nothing runs", "idle_cpu_seconds_a_minute", "{:.1f}"),
        ("a monitor: CPU seconds", "monitor_cpu_seconds", "{:.1f}"),
        ("a monitor: seconds from the form to the end", "monitor_seconds", "{:.0f}"),
        ("a retraining: CPU seconds", "retrain_cpu_seconds", "{:.1f}"),
        ("a retraining: seconds from the form to the end", "retrain_seconds", "{:.0f}"),
    ]
    lines = ["| | Airflow | Prefect |", "| --- | --- | --- |"]
    for title, name, shown in rows:
        cells = [shown.format(_median(figures[one][name])) for one in ORCHESTRATORS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    others = [share for one in ORCHESTRATORS for share in figures[one]["others_cores"]]
    runs = len(figures[ORCHESTRATORS[0]]["monitor_seconds"])
    of = "One run of each" if runs == 1 else f"Medians of {runs} runs"
    lines += [
        "",
        f"{of}, on a machine of {figures['cores']} cores. Everything else on it, MLflow and SeaweedFS included, kept",
    ]
    lines += [f"{min(others):.1f} to {max(others):.1f} of them busy meanwhile: the seconds to the end would be fewer without."]
    return "\n".join(lines)


def _median(value: Any) -> float:
    return float(statistics.median(value) if isinstance(value, list) else value)


def main() -> int:
    """Measure one after the other, print, write."""
    if not (PROJECT / ".prefect" / ".ready").exists():
        print("Prefect is not installed here: make demo ORCHESTRATOR=prefect WEEKS=1 installs it.", file=sys.stderr)
        return 1
    figures: dict[str, Any] = {"cores": os.cpu_count()}
    for orchestrator in ORCHESTRATORS:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
            stack = Stack(Path(folder), Ports.free())
            try:
                figures[orchestrator] = Bench(stack, orchestrator).measure()
            finally:
                stack.stop()
    text = table(figures)
    print(text)
    results.write(NAME, figures, {}, True)
    results.into_page(PAGE, NAME, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
