"""Announce: report the decision, and keep it as the run's status.

In: verdict, approval, promotion, and what came of refreshing it. Out: one line for people. Safe to run again: the status is
named by the run's as-of time.
"""

from include.results import Approval, Promotion, Refreshed, Result, Verdict
from include.services import StepContext
from include.statuses import RetrainStatus

IF_IT_FAILS = "The decision stands and was carried out; only its announcement is missing."


def run(
    context: StepContext, verdict: Verdict, approval: Approval, promotion: Promotion, refreshed: Refreshed | None = None
) -> Result:
    """The announcement."""
    if refreshed and refreshed.version:
        promotion = promotion.model_copy(update={"champion_version": refreshed.version, "summary": refreshed.summary})
    services, model, request = context.services, context.model, context.request
    url = services.registry.version_url(model.name, verdict.version) if verdict.version else None
    outcome = f"{model.name}: {verdict.summary}; {promotion.summary}"
    earlier = services.lake.status(model.name, RetrainStatus, request.as_of)
    if earlier and earlier.promotion.promoted and not promotion.promoted:
        # The run was cleared after it had promoted: the record of that stays.
        return Result(summary=f"{outcome} (promoted by an earlier try of this run)")
    status = RetrainStatus(
        as_of=request.as_of,
        run_id=request.run_id,
        started=request.started,
        trigger=request.reason,
        verdict=verdict,
        promotion=promotion,
        version_url=url,
    )
    services.lake.write_status(model.name, status)
    return Result(summary=outcome + (f" - {url}" if url else ""))
