"""Triage: turn what was found into one action: nothing, note, wait, page, alarm, retrain or stop.

In: what check, score, detect_drift and measure_quality found. Out: the finding; `retrain` becomes the asset event that starts
`<model>.retrain`, `page` and `alarm` become a message. Writes the run's status. Stops, and so pages, when the feed is
broken: nothing is learned from it.
While the model is frozen a retraining is not requested but waited with.
Safe to run again: the document is named by the run's as-of time.
"""

from datetime import datetime

from include.champion.promoted_tags import as_promoted
from include.decisions.drift.volume import VOLUME
from include.decisions.monitoring.triage import PAGED_PERIODS, Evidence, Times, below_floor, triage
from include.errors import BrokenFeed
from include.models.contract import Model
from include.results import Checked, Drift, Event, Finding, Quality, RetrainingRequested, Scored
from include.services import StepContext
from include.statuses import MonitorStatus, RetrainStatus

IF_IT_FAILS = "No retraining was requested; the champion is unchanged."


def run(context: StepContext, checked: Checked, scored: Scored, drift: Drift, quality: Quality) -> Finding:
    """One finding.

    Raises:
        BrokenFeed: the newest period shows that the feed is broken.
    """
    model, request = context.model, context.request
    checked_last = _newest_check(context)
    times = Times(
        last_check=checked_last,
        last_retrain=_newest_retraining(context),
        paged_for_corruption=_paged_for_corruption(context, quality),
        was_below_floor=_was_below_floor(context, checked_last),
        trained_until=_trained_until(context, scored),
    )
    removed = context.services.ledger.state(model.name).removed if scored.champion is None else None
    finding = triage(model, Evidence(request.as_of, scored.champion is not None, drift, quality, times, checked, removed))
    if request.force and finding.action != "stop":
        finding = Finding(action="retrain", title="Requested by hand", reason=f"requested by hand: {request.reason}")
    if finding.action == "retrain" and (frozen := context.services.holds.frozen(model.name)):
        finding = finding.model_copy(update={"action": "wait", "reason": f"{finding.reason}; {frozen.in_words()}"})
    status = MonitorStatus(
        as_of=request.as_of,
        run_id=request.run_id,
        checked=checked,
        scored=scored,
        drift=drift,
        quality=quality,
        finding=finding,
    )
    context.services.lake.write_status(model.name, status)
    if finding.action == "stop":
        raise BrokenFeed(
            f"{model.name}: {finding.reason}. Ask upstream; when it is fixed, deliver again and clear this run."
            + _way_out(model, drift)
        )
    return finding.model_copy(update={"summary": f"{finding.action}: {finding.reason}"})


def _way_out(model: Model, drift: Drift) -> str:
    """What else to do where rows are few and nothing else is wrong."""
    if not drift.broken or not all(sign.startswith(VOLUME) for sign in drift.broken):
        return ""
    return f" If so many rows are normal now, start {model.name}.monitor with *This is normal now*."


def events(context: StepContext, finding: Finding) -> tuple[Event, ...]:
    """A finding to retrain requests a retraining."""
    if finding.action != "retrain":
        return ()
    request = context.request
    # The reason on the form goes with it; where it forced the retraining, it is the reason already.
    reason = finding.reason + ("" if request.force else request.by_hand)
    return (RetrainingRequested(as_of=request.as_of, reason=reason, routine=finding.routine),)


def _newest_check(context: StepContext) -> datetime | None:
    """As-of time of the newest earlier check: a back-fill does not see what happens after its time."""
    times = context.services.lake.status_times_before(context.model.name, MonitorStatus, context.request.as_of)
    return next(iter(times), None)


def _paged_for_corruption(context: StepContext, quality: Quality) -> int:
    """How many of the newest earlier checks in a row paged because of it; only asked where it is the cause again."""
    if quality.why is None or quality.why.first is None or quality.why.first.kind != "corruption":
        return 0
    lake, name, count = context.services.lake, context.model.name, 0
    for moment in reversed(lake.status_times_before(name, MonitorStatus, context.request.as_of, PAGED_PERIODS)):
        status = lake.status(name, MonitorStatus, moment)
        first = status.quality.why.first if status and status.quality.why else None
        if status is None or status.finding.action != "page" or first is None or first.kind != "corruption":
            break
        count += 1
    return count


def _was_below_floor(context: StepContext, newest: datetime | None) -> bool:
    before = context.services.lake.status(context.model.name, MonitorStatus, newest) if newest else None
    return before is not None and below_floor(context.model, before.quality)


def _trained_until(context: StepContext, scored: Scored) -> datetime | None:
    """Only asked where it is a condition of the next retraining."""
    if scored.champion is None or context.model.retraining.when != "it pays":
        return None
    services = context.services
    return as_promoted(services, services.registry.version(context.model.name, scored.champion.version)).trained_until


def _newest_retraining(context: StepContext) -> datetime | None:
    """The same of retrainings; one that found nothing to train does not count."""
    lake, name = context.services.lake, context.model.name
    for moment in reversed(lake.status_times(name, RetrainStatus)):
        if moment < context.request.as_of:
            status = lake.status(name, RetrainStatus, moment)
            if status and status.verdict.version is not None:
                return moment
    return None
