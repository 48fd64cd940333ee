"""The results of a replay, in sentences."""

import re

from include.decisions.replay.bootstrap import Interval
from include.decisions.replay.search import CURRENT, PolicyResult, Replay
from include.models.contract import Model


def recommendation(replay: Replay, model: Model) -> str:
    """How often to retrain, and why, with the results of the reporting part."""
    return f"{advice(replay)}. {reason(replay, model)}"


def advice(replay: Replay) -> str:
    """How often to retrain: another policy than today's is advised only where it was shown to bring more."""
    if not replay.is_better:
        return "Keep the current settings: nothing tested was shown to be better"
    rarely, for_now = ("rarely, ", "") if replay.grounds == "nothing" else ("", ", for now" * (replay.grounds == "changed"))
    return f"Retrain {rarely}{replay.recommended.policy.in_words(replay.unit)}{for_now}"


def reason(replay: Replay, model: Model) -> str:
    """Why, in two or three sentences: against the current settings in money, at which prices, and in the metric."""
    unit, last = replay.unit, f"Over the last {replay.reporting_periods} {replay.unit}s"
    policy, part = replay.recommended.policy.in_words(unit), replay.recommended.reporting
    over = money_over_current(replay.against_current, model)
    if not replay.is_better:
        now = replay.named[CURRENT].policy.in_words(unit)
        return (
            f"{last}, the best that was tried ({policy}) brought {over} a {unit} more than the current settings ({now}), and "
            f"that interval does not exclude 0. {prices(replay, model)}"
        )
    return (
        f"{last}, this brought {over} a {unit} more than the current settings. {prices(replay, model)} Against a model that "
        f"never changes it has {gained(part.gain, replay, model)}, with {times(part.retrains)} instead of "
        f"{replay.named[CURRENT].reporting.retrains} now."
    )


def prices(replay: Replay, model: Model) -> str:
    """What one retraining and one point are worth: other prices give another answer."""
    worth, point = model.retraining.worth, f"{replay.point:g} of {model.criteria.metric}"
    if replay.point == 1:
        point = " ".join(filter(None, ["1", model.label.unit or model.criteria.metric]))
    costs = f"One retraining costs {worth.retrain:,.0f} {worth.currency}"
    return f"{costs}, {point} in one {replay.unit} is worth {worth.point:,.0f} {worth.currency}."


def money_over_current(more: Interval, model: Model) -> str:
    """What a policy brings more than the current settings, with its interval."""
    low, high = minus(f"{more.low:+,.0f}"), minus(f"{more.high:+,.0f}")
    return f"{money(more.value, model)} ({low} to {high})"


def gained(gain: Interval, replay: Replay, model: Model) -> str:
    """A gain in the words of its metric: an error in the label's own unit, everything else in points.

    >>> minus("37.6 cars an hour lower error (20.1 to 55.0)")
    '37.6 cars an hour lower error (20.1 to 55.0)'
    """
    unit = model.label.unit
    if model.criteria.metric not in ("mae", "rmse", "pinball") or not unit:
        return f"{in_points(gain, replay)} of {model.criteria.metric}"
    sign = 1 if gain.value >= 0 else -1
    low, high = sorted((sign * gain.low, sign * gain.high))
    word = "lower" if sign > 0 else "higher"
    return minus(f"{abs(gain.value):.1f} {unit} {word} error ({low:.1f} to {high:.1f})")


def ageing_in_words(replay: Replay) -> str:
    """The ageing curve: when a loss shows, how large it is in the end, and the half-life."""
    ageing, unit = replay.ageing, replay.unit
    if not ageing.curve:
        return "The history is too short for an ageing curve."
    ending = ageing.curve[-1]
    if ageing.shown_at is None:
        return (
            f"Models do not age within this history: at {ending.age} {unit}s the loss against a fresh one is "
            f"{lost(ending.loss, replay)}, not different from zero."
        )
    share = ending.loss.value / ageing.worth if ageing.worth > 0 else float("nan")
    half = (
        f"Half of it is lost after {ageing.half_life:g} {unit}s."
        if ageing.half_life is not None
        else f"The half-life, the age at which half of it would be lost, is longer than the {ending.age} {unit}s seen here."
    )
    return (
        f"From {ageing.shown_at} {unit}s on, a model is shown to be worse than a fresh one. At {ending.age} {unit}s it has "
        f"lost {lost(ending.loss, replay)}: {share:.0%} of what a fresh one gains over the best answer without a model. "
        f"{half}"
    )


def returning_in_words(replay: Replay) -> str:
    """What earlier champions bring that come back."""
    if replay.returning.value == 0:
        return "With the current settings no earlier champion would have come back and changed anything."
    return f"Earlier champions that come back bring the current settings {in_points(replay.returning, replay)}."


def corrections_in_words(replay: Replay) -> str:
    """By how much corrections that came later would have flattered the past."""
    if replay.flattered is None:
        return "No row or label that was scored was corrected later."
    periods, gain = replay.flattered
    looks = minus(f"{abs(gain) / replay.point:.1f} points {'better' if gain >= 0 else 'worse'}")
    return (
        f"Rows or labels of {periods} of the {replay.unit}s were corrected after they had been judged. On the corrected ones, "
        f"models would have looked {looks} there than they did: here each time uses what was known then."
    )


def in_points(gain: Interval, replay: Replay) -> str:
    """A gain with its 95 % interval, in points."""
    value, low, high = (end / replay.point for end in (gain.value, gain.low, gain.high))
    return minus(f"{value:+.1f} points ({low:+.1f} to {high:+.1f})")


def lost(loss: Interval, replay: Replay) -> str:
    """A loss with its interval: without the plus that a gain has."""
    return in_points(loss, replay).replace("+", "")


def times(retrains: int) -> str:
    """A count of retrainings."""
    return "1 retraining" if retrains == 1 else f"{retrains} retrainings"


def money(amount: float, model: Model) -> str:
    """An amount in the model's currency, without cents."""
    return minus(f"{amount:+,.0f} {model.retraining.worth.currency}")


def dot_title(tried: PolicyResult, replay: Replay) -> str:
    """The tooltip of a dot on the chart."""
    part = tried.reporting
    return f"{tried.policy.in_words(replay.unit)}: {in_points(part.gain, replay)}, {times(part.retrains)}"


def minus(text: str) -> str:
    """A minus sign as wide as a plus, and no sign where only rounding left one.

    >>> minus("-0.0 points (-1.2 to +0.0)")
    '0.0 points (−1.2 to 0.0)'
    """
    return re.sub(r"[+-](0(?:\.0+)?)(?![.\d])", r"\1", text).replace("-", "−")
