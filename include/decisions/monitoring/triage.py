"""Triage: one finding, one named action, one reason in words.

* stop: the feed is broken: the run turns red, nothing is learned from the period
* retrain: there is no champion, quality has decayed, or the last retraining is too long ago
* page: messier data than ever: somebody has to look upstream; training on such mess is offered
* alarm: silence: no check, no label or no retraining for too long
* wait: labels are late, or the last retraining has not shown yet what it did
* note: the data moved, harmlessly or with the season; nothing has to be done
* nothing: all is well
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from include.models.contract import Model
from include.results import Drift, Finding, Moved, Quality

# In periods: how late a check, labels or an asked-for retraining may be before silence is an alarm.
_SILENCE = 3
# How much more mess than usual, as a share of the rows, somebody is called for.
_SURGE = 0.04
# However short a period is, nobody expects a check more often than every few days.
_SPARSEST = timedelta(days=3)
# A page that is sent every week is soon read by nobody.
_PAGED_PERIODS = 2
# What share of all that the champion uses must have moved before drift alone asks for a retraining.
_MOVED_WEIGHT = 0.2
_MOST_SAID = 3


@dataclass(frozen=True)
class Times:
    """As-of times of the newest earlier check and retraining, or None."""

    last_check: datetime | None = None
    last_retrain: datetime | None = None


def triage(model: Model, as_of: datetime, has_champion: bool, drift: Drift, quality: Quality, times: Times) -> Finding:
    """What to do now. The first of the causes above that holds decides; what else was found explains it."""
    if drift.broken:
        return Finding(action="stop", reason="the feed is broken: " + "; ".join(drift.broken))
    if not has_champion:
        return Finding(action="retrain", reason="first champion: none is in production yet")
    for found in (
        _decay(model, as_of, drift, quality, times),
        _noise(drift),
        _silence(model, as_of, quality, times),
        _stale(model, as_of, times),
        _moved(model, as_of, drift, quality, times),
        _late(quality, drift),
        _harmless(drift, quality),
    ):
        if found is not None:
            return found
    return Finding(action="nothing", reason=_calm_in_words(quality))


def _decay(model: Model, as_of: datetime, drift: Drift, quality: Quality, times: Times) -> Finding | None:
    if not quality.decayed:
        return None
    words = (
        f"decay: {quality.metric} {quality.recent:.3f} over the newest two mature periods, was {quality.reference:.3f}"
        f"{_explained(drift)}"
    )
    if rest := _resting(model, as_of, times):
        return Finding(action="wait", reason=f"{words}; {rest}")
    return Finding(action="retrain", reason=words)


def _noise(drift: Drift) -> Finding | None:
    mess = [one for one in drift.moved if one.kind == "mess"]
    fresh = [one for one in mess if one.effect >= _SURGE and not one.season and _is_news(one)]
    if not fresh:
        return None
    return Finding(
        action="page",
        reason=f"noise surge: {_said(fresh)}",
        advice="Ask upstream what changed. If it is here to stay, train on it too: augment=Augment(...) in the model's file.",
    )


def _is_news(one: Moved) -> bool:
    """Whether it began lately, or has become much worse since the last period."""
    return one.in_a_row <= _PAGED_PERIODS or one.effect >= 2 * one.before


def _silence(model: Model, as_of: datetime, quality: Quality, times: Times) -> Finding | None:
    patience = max(_SILENCE * model.feed.period, _SPARSEST)
    if times.last_check and as_of - times.last_check > patience:
        return _alarm(
            f"no check for {_days(as_of - times.last_check)}", "See why the monitor did not run: upstream, or Airflow."
        )
    if quality.overdue >= _SILENCE:
        return _alarm(f"labels are {quality.overdue} periods late: quality is not known", "Ask whoever delivers the labels.")
    unanswered = as_of - times.last_retrain - model.max_model_age - patience if times.last_retrain else timedelta(0)
    # Told once: from then on it is asked for again, or the alarm itself would keep the model from ever being retrained.
    if timedelta(0) < unanswered <= model.feed.period:
        ago = _days(unanswered + model.max_model_age + patience)
        return _alarm(f"no retraining for {ago}, although it was due", f"See the runs of {model.name}.retrain.")
    return None


def _stale(model: Model, as_of: datetime, times: Times) -> Finding | None:
    if times.last_retrain is None or as_of - times.last_retrain < model.max_model_age:
        return None
    return Finding(action="retrain", reason=f"the last retraining is {_days(as_of - times.last_retrain)} ago")


def _moved(model: Model, as_of: datetime, drift: Drift, quality: Quality, times: Times) -> Finding | None:
    """Drift alone, where the labels are too late to wait for."""
    moved = [one for one in drift.moved if one.kind != "mess" and not one.season]
    if not model.retraining.on_drift or sum(one.weight for one in moved) < _MOVED_WEIGHT:
        return None
    if rest := _resting(model, as_of, times):
        return Finding(action="wait", reason=f"drift: {_said(moved)}; {rest}")
    return Finding(action="retrain", reason=f"drift: {_said(moved)}{_expected(quality)}")


def _late(quality: Quality, drift: Drift) -> Finding | None:
    if not quality.overdue:
        return None
    late = "1 period" if quality.overdue == 1 else f"{quality.overdue} periods"
    return Finding(action="wait", reason=f"labels are {late} late{_expected(quality)}{_explained(drift)}")


def _harmless(drift: Drift, quality: Quality) -> Finding | None:
    if not drift.moved:
        return None
    if all(one.season for one in drift.moved):
        return Finding(action="note", reason=f"season: {_said(drift.moved)}, {drift.moved[0].season}")
    return Finding(action="note", reason=f"the data moved, {_calm_in_words(quality)}: {_said(drift.moved)}")


def _resting(model: Model, as_of: datetime, times: Times) -> str:
    if times.last_retrain is None or as_of - times.last_retrain >= model.effective_cool_down:
        return ""
    return f"cooling down: last retrained as of {times.last_retrain:%Y-%m-%d}, its labels have not come"


def _alarm(what: str, advice: str) -> Finding:
    return Finding(action="alarm", reason=f"silence: {what}", advice=advice)


def _explained(drift: Drift) -> str:
    return f"; moved: {_said(drift.moved)}" if drift.moved else ""


def _expected(quality: Quality) -> str:
    if quality.estimate is None:
        return ""
    return f"; {quality.metric} is estimated at {quality.estimate:.3f}, which proves nothing"


def _calm_in_words(quality: Quality) -> str:
    if quality.value is None:
        return "no mature labels yet on periods that the champion has not seen"
    if quality.fallen:
        return (
            f"{quality.metric} {quality.value:.3f} after {quality.reference:.3f}, which one period does not prove to be decay"
        )
    return f"{quality.metric} {quality.value:.3f} holds against {quality.reference:.3f}"


def _said(moved: "tuple[Moved, ...] | list[Moved]") -> str:
    """The most important first, and how long it has stood."""
    said = [one.summary + (f" (period {one.in_a_row} of it)" if one.in_a_row > 1 else "") for one in moved[:_MOST_SAID]]
    return "; ".join(said) + (f"; and {len(moved) - _MOST_SAID} more" if len(moved) > _MOST_SAID else "")


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.0f} days" if span >= timedelta(days=2) else f"{span / timedelta(hours=1):.0f} hours"
