"""A policy of a replay as the lines of a model's file that ask for it: what a reader pastes."""

import math
from datetime import timedelta

from include.decisions.replay.policies import Z90, AgeTrigger, DecayTrigger, Policy
from include.models.contract import Model

# A cadence that is rarer than any age: then `max_model_age` decides, and decay in between.
_YEARLY = "0 7 1 1 *"
_DECAY_PERIODS = 2


def to_paste(policy: Policy, model: Model) -> list[str]:
    """Lines for the model's file: the window of its first candidate, and when it is retrained; none where nothing changes.

    A last line that begins with # says what the file cannot say as exactly as the replay tried it.
    """
    lines = []
    if policy.window != model.candidate.train_periods:
        lines.append(f"train_periods={policy.window},  # in Candidate(...)")
    return lines + _when(policy, model)


def _when(policy: Policy, model: Model) -> list[str]:
    decay = next((one for one in policy.triggers if isinstance(one, DecayTrigger)), None)
    age = next((one for one in policy.triggers if isinstance(one, AgeTrigger)), None)
    if age is None:
        return []
    if decay is None:
        cadence, apart = model.retraining.cadence, _span(age.periods, model)
        line = f'retraining=Retraining(cadence="{cadence}", when="it pays", cool_down={apart}),'
        if age.periods < model.worthwhile_periods:
            return [line, f"# worth= allows one in {model.worthwhile_periods} periods: lower worth.retrain too"]
        return [line]
    line = (
        f'retraining=Retraining(cadence="{_YEARLY}", when="decay", decay_share={decay.share:g}, '
        f"cool_down={_span(policy.cool_down, model)}, max_model_age={_span(age.periods, model)}),"
    )
    if (decay.z, decay.periods) == (Z90, _DECAY_PERIODS):
        return [line]
    return [line, f"# the file's decay is that of {_DECAY_PERIODS} periods running, 90 % sure: the nearest to what was tried"]


def _span(periods: int, model: Model) -> str:
    """So many periods as a timedelta; those of a calendar at their longest."""
    span = periods * model.feed.longest_period
    if span % timedelta(days=1):
        return f"timedelta(hours={math.ceil(span / timedelta(hours=1))})"
    return f"timedelta(days={span.days})"
