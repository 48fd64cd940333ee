"""Announce: say what was decided, and keep it as the run's status document.

In: verdict and promotion. Out: one line for people. Safe to run again: the document is named by the run's as-of time.
"""

from include.models.contract import Model
from include.request import Request
from include.results import Promotion, Result, Verdict
from include.services import Services

IF_IT_FAILS = "The decision stands and was carried out; only its announcement is missing."


def run(services: Services, model: Model, request: Request, verdict: Verdict, promotion: Promotion) -> Result:
    """The announcement."""
    url = services.registry.version_url(model.name, verdict.version) if verdict.version else None
    told = services.lake.status(model.name, "retrain", request.as_of)
    if told and told["promotion"]["promoted"] and not promotion.promoted:
        # The run was cleared after it had promoted: the record of that stays.
        return Result(summary=f"{model.name}: {verdict.summary}; {promotion.summary} (promoted by an earlier try of this run)")
    services.lake.write_status(
        model.name,
        "retrain",
        request.as_of,
        {
            "as_of": request.as_of.isoformat(),
            "run_id": request.run_id,
            "started": request.started.isoformat() if request.started else None,
            "trigger": request.reason,
            "verdict": verdict.model_dump(mode="json"),
            "promotion": promotion.model_dump(mode="json"),
            "card": url,
        },
    )
    return Result(summary=f"{model.name}: {verdict.summary}; {promotion.summary}" + (f" - {url}" if url else ""))
