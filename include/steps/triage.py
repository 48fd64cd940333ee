"""Triage: turn what was found into one action: nothing, note, wait, page, alarm, retrain or stop.

In: what check, score, detect_drift and measure_quality found. Out: the finding; `retrain` becomes the asset event that starts
`<model>.retrain`, `page` and `alarm` become a message. Writes the run's status document. Stops, and so pages, when the feed is
broken: nothing is learned from it.
Safe to run again: the document is named by the run's as-of time.
"""

from datetime import datetime

from include.decisions.monitoring.triage import Times, triage
from include.errors import BrokenFeed
from include.models.contract import Model
from include.request import Request
from include.results import Checked, Drift, Finding, Quality, Scored
from include.services import Services

IF_IT_FAILS = "No retraining was asked for; the champion is unchanged."


def run(
    services: Services, model: Model, request: Request, checked: Checked, scored: Scored, drift: Drift, quality: Quality
) -> Finding:
    """One finding.

    Raises:
        BrokenFeed: the newest period says that the feed is broken.
    """
    times = Times(_newest_check(services, model, request), _newest_retraining(services, model, request))
    finding = triage(model, request.as_of, scored.champion is not None, drift, quality, times)
    if request.force and finding.action != "stop":
        finding = Finding(action="retrain", reason=f"asked for by hand: {request.reason}")
    services.lake.write_status(
        model.name,
        "monitor",
        request.as_of,
        {
            "as_of": request.as_of.isoformat(),
            "run_id": request.run_id,
            "checked": checked.model_dump(mode="json"),
            "scored": scored.model_dump(mode="json"),
            "drift": drift.model_dump(mode="json"),
            "quality": quality.model_dump(mode="json"),
            "finding": finding.model_dump(mode="json"),
        },
    )
    if finding.action == "stop":
        raise BrokenFeed(f"{model.name}: {finding.reason}. Ask upstream; when it is mended, deliver again and clear this run.")
    return finding.model_copy(update={"summary": f"{finding.action}: {finding.reason}"})


def _newest_check(services: Services, model: Model, request: Request) -> datetime | None:
    """As-of time of the newest earlier check: a back-fill does not see what happens after its time."""
    earlier = [moment for moment in services.lake.status_times(model.name, "monitor") if moment < request.as_of]
    return earlier[-1] if earlier else None


def _newest_retraining(services: Services, model: Model, request: Request) -> datetime | None:
    """The same of retrainings; one that found nothing to train is none."""
    for moment in reversed(services.lake.status_times(model.name, "retrain")):
        if moment < request.as_of:
            document = services.lake.status(model.name, "retrain", moment) or {}
            if document.get("verdict", {}).get("version") is not None:
                return moment
    return None
