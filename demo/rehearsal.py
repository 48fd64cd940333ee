"""One model's loop without a scheduler: the real steps in the order of the DAGs, in this process."""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

from include.models.contract import Model
from include.references import Checked, Drift, Finding, Promotion, Quality, Verdict
from include.run import Request
from include.services import Services


@dataclass(frozen=True)
class Week:
    """What one delivery led to; `verdict` and `promotion` are None where nothing was retrained."""

    as_of: datetime
    checked: Checked
    drift: Drift
    quality: Quality
    finding: Finding
    verdict: Verdict | None = None
    promotion: Promotion | None = None


def play(services: Services, model: Model, as_of: datetime) -> Week:
    """Monitor, and retrain if triage says so, as of a time."""

    def step(name: str, request: Request, *references: Any) -> Any:
        return import_module(f"include.steps.{name}").run(services, model, request, *references)

    request = Request(as_of=as_of, reason="delivery", run_id=f"rehearsal {as_of:%Y-%m-%d}")
    checked = step("check", request, step("pull", request))
    scored = step("score", request, checked)
    drift, quality = step("detect_drift", request, scored), step("measure_quality", request, scored)
    finding = step("triage", request, checked, scored, drift, quality)
    if finding.action != "retrain":
        return Week(as_of, checked, drift, quality, finding)
    request = Request(as_of=as_of, reason=finding.reason, run_id=request.run_id)
    assembled = step("assemble", request)
    trained = step("train", request, assembled)
    verdict = step("validate", request, assembled, trained)
    promotion = step("promote", request, verdict, step("review", request, verdict))
    step("announce", request, verdict, promotion)
    return Week(as_of, checked, drift, quality, finding, verdict, promotion)
