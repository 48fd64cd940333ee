"""Triage: one finding, one action, one reason in words."""

from datetime import datetime

from include.models.contract import Model
from include.references import Drift, Finding, Quality


def triage(
    model: Model, as_of: datetime, has_champion: bool, drift: Drift, quality: Quality, last_retrain: datetime | None
) -> Finding:
    """What to do now: a broken feed stops, decay of quality retrains, drift explains and retrains only where asked to."""
    if drift.broken:
        return Finding(action="stop", reason="the feed is broken: " + "; ".join(drift.broken))
    if not has_champion:
        return Finding(action="retrain", reason="first champion: none is in production yet")
    if last_retrain and as_of - last_retrain < model.cool_down:
        return Finding(action="nothing", reason=f"cooling down: last retrained as of {last_retrain:%Y-%m-%d}")
    if quality.decayed:
        return Finding(action="retrain", reason=_decay_in_words(quality, drift))
    drifted = len(drift.drifted) / drift.columns if drift.columns else 0.0
    if model.retrain_on_drift and drifted >= model.drift_share:
        return Finding(action="retrain", reason=f"drift in {len(drift.drifted)} of {drift.columns} columns")
    return Finding(action="nothing", reason=_calm_in_words(quality, drift))


def _decay_in_words(quality: Quality, drift: Drift) -> str:
    words = f"decay: {quality.metric} {quality.value:.3f}, was {quality.reference:.3f} when the champion proved itself"
    return f"{words}; {len(drift.drifted)} of {drift.columns} columns drifted" if drift.drifted else words


def _calm_in_words(quality: Quality, drift: Drift) -> str:
    if quality.value is None:
        return "no mature labels yet on periods that the champion has not seen"
    words = f"{quality.metric} {quality.value:.3f} holds against {quality.reference:.3f}"
    return f"{words}, although {len(drift.drifted)} of {drift.columns} columns drifted" if drift.drifted else words
