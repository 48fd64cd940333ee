"""One model's loop without a scheduler: the real steps in the order of the DAGs, in this process."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy.local.stack import Ports, Stack
from include.models.contract import Model, candidate_names
from include.request import Request
from include.results import Checked, Drift, Finding, Promotion, Quality, Trained, Verdict
from include.services import Services, StepContext


@dataclass(frozen=True)
class Week:
    """What one delivery led to; `trained`, `verdict` and `promotion` are None where nothing was retrained."""

    as_of: datetime
    checked: Checked
    drift: Drift
    quality: Quality
    finding: Finding
    trained: Trained | None = None
    verdict: Verdict | None = None
    promotion: Promotion | None = None


@contextmanager
def stores() -> Iterator[None]:
    """A real object store and registry of their own, empty, on free ports; the environment names them meanwhile."""
    with tempfile.TemporaryDirectory() as home:
        stack = Stack(Path(home), Ports.free())
        stack.start(("seaweedfs", "mlflow"))
        try:
            os.environ.update(stack.environment())
            yield
        finally:
            stack.stop()


def play(services: Services, model: Model, as_of: datetime) -> Week:
    """Monitor, and retrain if triage says so, as of a time."""

    def step(name: str, request: Request, *references: Any) -> Any:
        return import_module(f"include.steps.{name}").run(StepContext(services, model, request), *references)

    request = Request(as_of=as_of, reason="delivery", run_id=f"in process {as_of:%Y-%m-%d}")
    step("reconcile", request)
    checked = step("check", request, step("pull", request))
    scored = step("score", request, checked)
    step("probation", request, scored)
    drift, quality = step("detect_drift", request, checked, scored), step("measure_quality", request, scored)
    finding = step("triage", request, checked, scored, drift, quality)
    if finding.action != "retrain":
        return Week(as_of, checked, drift, quality, finding)
    request = Request(as_of=as_of, reason=finding.reason, run_id=request.run_id, routine=finding.routine)
    assembled = step("assemble", request)
    tried = [step("train", request, assembled, name) for name in candidate_names(model)]
    trained = step("select", request, assembled, tried)
    verdict = step("validate", request, assembled, trained)
    approval = step("review", request, verdict)
    promotion = step("promote", request, verdict, approval)
    refreshed = step("refresh", request, assembled, trained, verdict, promotion)
    step("announce", request, verdict, approval, promotion, refreshed)
    return Week(as_of, checked, drift, quality, finding, trained, verdict, promotion)
