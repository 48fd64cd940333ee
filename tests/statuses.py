"""Statuses of runs, complete and unremarkable; a test changes what it is about."""

from datetime import datetime
from typing import Any

from include.results import Checked, Drift, Finding, Promotion, Quality, Scored, Verdict
from include.statuses import MonitorStatus, RetrainStatus


def monitor_status(as_of: datetime, **changes: Any) -> MonitorStatus:
    """A check that found nothing."""
    usual: dict[str, Any] = {
        "checked": Checked(rows=60, quarantined=0, reasons={}),
        "scored": Scored(champion=None, period=None),
        "drift": Drift(period=None),
        "quality": Quality(period=None, metric="roc_auc"),
        "finding": Finding(action="nothing", reason="all is well"),
    }
    return MonitorStatus(as_of=as_of, run_id="run", **(usual | changes))


def retrain_status(as_of: datetime, version: str | None = "2", **changes: Any) -> RetrainStatus:
    """A retraining whose challenger was kept out."""
    verdict = Verdict(
        verdict="keep",
        reasons=("no better",),
        version=version,
        artifact_digest="d",
        champion_version="1",
        summary="keep: no better",
    )
    usual: dict[str, Any] = {
        "trigger": "cadence",
        "verdict": verdict,
        "promotion": Promotion(promoted=False, champion_version="1", previous_version=None),
    }
    return RetrainStatus(as_of=as_of, run_id="run", **(usual | changes))
