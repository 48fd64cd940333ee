"""Triage: one finding, one named action, one reason in words.

* stop: the feed is broken: the run turns red, nothing is learned from the period
* retrain: there is no champion, or it was trained under another layout, quality has decayed, a fresh model may pay, or the
  last retraining is too long ago
* page: labels that belong to no row, noisier data than ever, far fewer rows than usual, a loss of quality by fresh
  corruption, or a champion that fell below its floor: a person should look
* alarm: silence: no check, no label or no retraining for too long
* wait: too little history for a first champion, labels are late, or the effect of the last retraining cannot be seen yet
* note: the data moved, harmlessly or with the season; no action needed
* nothing: all is well
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.decisions.data.labels import unmatched_in_words
from include.decisions.drift.comparison import QUARANTINE
from include.decisions.drift.volume import VOLUME
from include.decisions.scoring.metrics import primary_metric
from include.figures import figure
from include.models.contract import SILENT_PERIODS, Model
from include.results import Checked, Drift, Finding, Moved, Quality, Why
from include.untrusted_text import one_line

# From how much more noise than usual, as a share of the rows, a person is paged.
_SURGE = 0.04
# From which loss of rows a person is paged.
FEW_ROWS = -0.4
# A page that is sent every week is soon ignored.
PAGED_PERIODS = 2
# What share of all that the champion uses must have moved before drift alone requests a retraining.
_MOVED_WEIGHT = 0.2
_MOST_LISTED = 3


@dataclass(frozen=True)
class Times:
    """As-of times of the newest earlier check and retraining, or None.

    `paged_for_corruption` counts the newest earlier checks in a row that paged because corruption costs quality.
    `was_below_floor` says that the newest earlier check found the champion below its floor, `trained_until` what the champion
    has seen.
    """

    last_check: datetime | None = None
    last_retrain: datetime | None = None
    paged_for_corruption: int = 0
    was_below_floor: bool = False
    trained_until: datetime | None = None


@dataclass(frozen=True)
class Evidence:
    """What triage goes by: as of when, whether there is a champion, what was found, and when runs were.

    `removed` is the version that was champion until a person took its alias away; None where there is a champion, or never
    was one.
    """

    as_of: datetime
    has_champion: bool
    drift: Drift
    quality: Quality
    times: Times
    checked: Checked
    removed: str | None = None


def triage(model: Model, evidence: Evidence) -> Finding:
    """What to do now. The first of the causes above that holds decides; the others explain it.

    A champion that has fallen below its floor is told beside it, once.
    """
    finding = _first_cause(model, evidence)
    if not below_floor(model, evidence.quality) or evidence.times.was_below_floor:
        return finding
    quality = evidence.quality
    value, floor = figure(quality.value, 4), figure(model.criteria.floor, 4)
    told = f"the champion is below its floor: {quality.metric} {value}, asked for is {floor}"
    if finding.action in ("nothing", "note", "wait"):
        advice = (
            "A retraining promotes what is better, even if that is below the floor too. Ask whether the model should answer."
        )
        reason = f"{told}; {finding.reason}"
        return Finding(action="page", title="Champion below its floor", reason=reason, advice=advice, page=told)
    return finding.model_copy(update={"page": told})


def below_floor(model: Model, quality: Quality) -> bool:
    """Whether the champion is shown to be below the floor for clean rows, in the newest mature period."""
    if quality.value is None or quality.low is None or quality.high is None:
        return False
    metric = primary_metric(model)
    best = quality.high if metric.higher_is_better else quality.low
    return bool(metric.gain(best - model.criteria.floor) < 0)


def _first_cause(model: Model, evidence: Evidence) -> Finding:
    if evidence.drift.broken:
        signs, first = "; ".join(evidence.drift.broken), evidence.drift.broken[0].removeprefix(f"{VOLUME}: ")
        return Finding(action="stop", title=f"Feed broken: {first}", reason=f"the feed is broken: {signs}")
    if evidence.removed:
        # Trained now, a first champion would be compared with nothing.
        return Finding(
            action="page",
            title="The champion was removed by hand",
            reason=f"there is no champion: version {evidence.removed} was, until its alias was taken away in MLflow",
            advice=f"To restore it, start {model.name}.rollback with target {evidence.removed} and a reason. To have a new "
            f"first champion, which is compared with no other, start {model.name}.retrain.",
        )
    if not evidence.has_champion and evidence.quality.overdue >= SILENT_PERIODS:
        never = f"no label has come for {evidence.quality.overdue} periods that are due: there is nothing to train on"
        return _alarm(never, "Ask who delivers the labels.")
    if not evidence.has_champion and (waits := _too_little_history(model, evidence.quality)):
        return Finding(action="wait", title="Too little history for a first champion", reason=waits)
    if not evidence.has_champion:
        none_yet = "first champion: none is in production yet"
        return Finding(action="retrain", title="No champion yet", reason=none_yet)
    for judge in (
        _outdated,
        _decay,
        _unmatched,
        _noise,
        _few_rows,
        _silence,
        _stale,
        _pays,
        _moved,
        _late,
        _mostly_matched,
        _harmless,
    ):
        if finding := judge(model, evidence):
            return finding
    return Finding(action="nothing", title=_calm_title(evidence.quality), reason=_calm_in_words(evidence.quality))


def _calm_title(quality: Quality) -> str:
    if quality.value is None:
        return "Not measured yet"
    return "Quality fell in one period: the next one tells" if quality.fallen else "All is well"


def _too_little_history(model: Model, quality: Quality) -> str:
    """How long a first champion has to be waited for; empty where there is history enough, or that is not known."""
    needed = model.min_train_periods + model.held_out
    if quality.labelled_periods is None or quality.labelled_periods >= needed:
        return ""
    missing = needed - quality.labelled_periods
    there = f"{quality.labelled_periods} of {needed} periods are labelled that a first champion needs"
    return f"{there}: about {missing} more, {_days(missing * model.feed.longest_period)}, have to come"


def _outdated(model: Model, evidence: Evidence) -> Finding | None:
    """A champion of another layout can be neither compared nor trusted for long."""
    if not evidence.drift.outdated or _cooling_down(model, evidence):
        return None
    return Finding(action="retrain", title="Champion of another layout", reason=evidence.drift.outdated)


def _decay(model: Model, evidence: Evidence) -> Finding | None:
    quality = evidence.quality
    if not quality.decayed:
        return None
    reason = (
        f"decay: {quality.metric} fell from {quality.reference:.3f} to {quality.recent:.3f} over the newest two mature periods"
        f"{_caused(quality.why)}{_explained(evidence.drift)}"
    )
    fell = f"{quality.metric} fell from {figure(quality.reference, 4)} to {figure(quality.recent, 4)}"
    if _is_fresh_corruption(evidence):
        return Finding(
            action="page",
            title=f"Corrupted values cost quality: {fell}",
            reason=reason,
            advice="Ask upstream what changed: a retraining on these rows would learn the fault. If it is here to stay, train "
            "on it too: augment=Augment(...) in the model's file.",
        )
    too_soon = _nothing_new(model, evidence) if model.retraining.when == "it pays" else _cooling_down(model, evidence)
    if too_soon:
        return Finding(action="wait", title=f"Quality fell: {fell}", reason=f"{reason}; {too_soon}")
    return Finding(action="retrain", title=f"Quality fell: {fell}", reason=reason)


def _is_fresh_corruption(evidence: Evidence) -> bool:
    """Whether most of the loss is corruption, and not for long: what a person was told and did not mend has to be learned."""
    why = evidence.quality.why
    if why is None or why.first is None or why.first.kind != "corruption" or why.first.share < why.rise / 2:
        return False
    return evidence.times.paged_for_corruption < PAGED_PERIODS


def _caused(why: Why | None) -> str:
    """The largest cause of a loss, with where it is; empty where none is known."""
    first = why.first if why else None
    if why is None or first is None:
        return ""
    where = f": {'; '.join(first.where)}" if first.where else ""
    return f"; {min(first.share / why.rise, 1):.0%} of it by {first.in_words}{where}"


def _unmatched(model: Model, evidence: Evidence) -> Finding | None:
    """Labels that match nothing would only look late for some periods."""
    checked = evidence.checked
    if not checked.labels or checked.unmatched < checked.labels:
        return None
    return Finding(
        action="page",
        title=f"Labels match no row: all {checked.labels:,} of them",
        reason=unmatched_in_words(checked.labels, checked.unmatched, checked.first_unmatched),
        advice="Ask who delivers the labels: key and time must repeat those of the features, letter by letter.",
    )


def _mostly_matched(model: Model, evidence: Evidence) -> Finding | None:
    """Labels of rows that are in quarantine match nothing either: a few are no news."""
    checked = evidence.checked
    if not checked.labels or checked.unmatched / checked.labels <= model.feed.max_bad_share:
        return None
    reason = unmatched_in_words(checked.labels, checked.unmatched, checked.first_unmatched)
    share = f"{checked.unmatched / checked.labels:.0%} of the labels match no row"
    return Finding(action="note", title=share, reason=f"{reason}; {_calm_in_words(evidence.quality)}")


def _noise(model: Model, evidence: Evidence) -> Finding | None:
    noise = [one for one in evidence.drift.moved if one.kind == "noise"]
    fresh = [one for one in noise if one.effect >= _SURGE and not one.season and _is_news(one)]
    if not fresh:
        return None
    refused = fresh[0].view.startswith(QUARANTINE)
    return Finding(
        action="page",
        title=f"Feed too noisy: {fresh[0].summary}",
        reason=f"feed too noisy: {_listed(fresh)}{_broken_rows(evidence) if refused else ''}",
        advice=_about_quarantine(model) if refused else _TRAIN_ON_IT,
    )


_TRAIN_ON_IT = "Ask upstream what changed. If it is here to stay, train on it too: augment=Augment(...) in the model's file."


def _about_quarantine(model: Model) -> str:
    """Rows that broke the contract never reach a training: no noise in it could make up for them."""
    return (
        f"See them with `make quarantine MODEL={model.name}`, and ask upstream to deliver again under the same name. If it is "
        f"here to stay, say so in the columns of include/models/{model.name}.py."
    )


def _broken_rows(evidence: Evidence) -> str:
    """The most frequent reasons with their counts."""
    reasons = sorted(evidence.checked.reasons.items(), key=lambda one: (-one[1], one[0]))
    listed = [f"{count:,} × {one_line(reason, 100)}" for reason, count in reasons[:_MOST_LISTED]]
    more = f" and {len(reasons) - _MOST_LISTED} more reasons" if len(reasons) > _MOST_LISTED else ""
    return f" ({'; '.join(listed)}{more})" if listed else ""


def _few_rows(model: Model, evidence: Evidence) -> Finding | None:
    few = [one for one in evidence.drift.moved if one.kind == "volume" and one.effect <= FEW_ROWS and not one.season]
    if not few or few[0].in_a_row > PAGED_PERIODS or evidence.drift.accepted_by:
        return None
    return Finding(
        action="page",
        title=f"Fewer rows than usual: {few[0].summary}",
        reason=f"fewer rows than usual: {_listed(few)}",
        advice="Ask upstream whether rows are missing. If it is here to stay, "
        f"start {model.name}.monitor with *This is normal now*, or wait: a number that stays becomes the usual one.",
    )


def _is_news(one: Moved) -> bool:
    """Whether it began lately, or has become much worse since the last period."""
    return one.in_a_row <= PAGED_PERIODS or one.effect >= 2 * one.before


def _silence(model: Model, evidence: Evidence) -> Finding | None:
    as_of, quality, times = evidence.as_of, evidence.quality, evidence.times
    if times.last_check and as_of > model.silent_after(times.last_check):
        advice = "See why the monitor did not run: upstream, or the scheduler."
        return _alarm(f"no check for {_days(as_of - times.last_check)}", advice)
    if quality.overdue >= SILENT_PERIODS:
        return _alarm(f"labels are {quality.overdue} periods late: quality is not known", "Ask who delivers the labels.")
    if times.last_retrain is None:
        return None
    answered_by = model.silent_after(times.last_retrain + model.max_model_age)
    # Reported once: after that it is requested again, or the alarm itself would keep the model from ever being retrained.
    if answered_by < as_of <= model.later(answered_by):
        ago = _days(as_of - times.last_retrain)
        return _alarm(f"no retraining for {ago}, although it was due", f"See the runs of {model.name}.retrain.")
    return None


def _stale(model: Model, evidence: Evidence) -> Finding | None:
    last = evidence.times.last_retrain
    if last is None or evidence.as_of - last < model.max_model_age:
        return None
    ago = f"last retraining is {_days(evidence.as_of - last)} ago"
    return Finding(action="retrain", title=ago.capitalize(), reason=f"the {ago}")


def _pays(model: Model, evidence: Evidence) -> Finding | None:
    """As often as a retraining may pay for itself, where a period has matured since the last one."""
    if model.retraining.when != "it pays" or evidence.times.last_retrain is None or _nothing_new(model, evidence):
        return None
    moved = _explained(evidence.drift)
    reason = f"a fresh model may pay, newer labels have come; {_calm_in_words(evidence.quality)}{moved}"
    return Finding(action="retrain", title="A fresh model may pay", reason=reason, routine=True)


def _nothing_new(model: Model, evidence: Evidence) -> str | None:
    """Why a fresh model could not be compared with the champion now, or not so soon; None where it can."""
    times, newest = evidence.times, evidence.quality.period
    last, seen = times.last_retrain, times.trained_until
    if newest is None:
        return "no period has matured that the champion has not seen"
    if last and (evidence.as_of < _earliest(model, last) or model.later(newest) + model.feed.label_delay <= last):
        return f"nothing has matured since the last retraining, as of {last:%Y-%m-%d}"
    # What is trained up to where the champion was would be the champion again.
    if seen and model.earlier(newest, model.held_out - 1) <= seen:
        newer = model.held_out + 1
        return f"the champion was trained until {seen:%Y-%m-%d}, and {newer} newer periods have to be labelled"
    return None


def _earliest(model: Model, last: datetime) -> datetime:
    """Until when it does not pay to retrain again."""
    return max(model.later(last, model.worthwhile_periods), last + (model.retraining.cool_down or timedelta(0)))


def _moved(model: Model, evidence: Evidence) -> Finding | None:
    """Drift alone, where the labels are too late to wait for."""
    moved = [one for one in evidence.drift.moved if one.kind not in ("noise", "volume") and not one.season]
    if not model.retraining.on_drift or sum(one.weight for one in moved) < _MOVED_WEIGHT:
        return None
    if cooling := _cooling_down(model, evidence):
        return Finding(action="wait", title=f"Drift: {moved[0].summary}", reason=f"drift: {_listed(moved)}; {cooling}")
    reason = f"drift: {_listed(moved)}{_expected(evidence.quality)}"
    return Finding(action="retrain", title=f"Drift: {moved[0].summary}", reason=reason)


def _late(model: Model, evidence: Evidence) -> Finding | None:
    overdue = evidence.quality.overdue
    if not overdue:
        return None
    late = "1 period" if overdue == 1 else f"{overdue} periods"
    reason = f"labels are {late} late{_expected(evidence.quality)}{_explained(evidence.drift)}"
    return Finding(action="wait", title=f"Labels are {late} late", reason=reason)


def _harmless(model: Model, evidence: Evidence) -> Finding | None:
    moved = evidence.drift.moved
    if not moved:
        return None
    if all(one.season for one in moved):
        return Finding(action="note", title="Season", reason=f"season: {_listed(moved)}, {moved[0].season}")
    return Finding(
        action="note",
        title="Data moved, harmlessly",
        reason=f"the data moved, {_calm_in_words(evidence.quality)}: {_listed(moved)}",
    )


def _cooling_down(model: Model, evidence: Evidence) -> str | None:
    last = evidence.times.last_retrain
    if last is None or evidence.as_of - last >= model.effective_cool_down:
        return None
    return f"cooling down: last retrained as of {last:%Y-%m-%d}, its labels have not come"


def _alarm(what: str, advice: str) -> Finding:
    return Finding(action="alarm", title=what[:1].upper() + what[1:], reason=f"silence: {what}", advice=advice)


def _explained(drift: Drift) -> str:
    return f"; moved: {_listed(drift.moved)}" if drift.moved else ""


def _expected(quality: Quality) -> str:
    if quality.estimate is None:
        return ""
    return f"; label-free estimate of {quality.metric}: {quality.estimate:.3f}"


def _calm_in_words(quality: Quality) -> str:
    if quality.value is None:
        return "no mature labels yet on periods that the champion has not seen"
    change = f"{quality.metric} {quality.value:.3f}"
    if quality.fallen:
        return f"{change} after {quality.reference:.3f}: one period is not enough evidence of decay"
    return f"{change} holds against {quality.reference:.3f}"


def _listed(moved: Sequence[Moved]) -> str:
    """The most important first, and for how long each has stood."""
    listed = [one.summary + (f" (period {one.in_a_row} of it)" if one.in_a_row > 1 else "") for one in moved[:_MOST_LISTED]]
    return "; ".join(listed) + (f"; and {len(moved) - _MOST_LISTED} more" if len(moved) > _MOST_LISTED else "")


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.0f} days" if span >= timedelta(days=2) else f"{span / timedelta(hours=1):.0f} hours"
