"""Assemble: fix the rows to train on and the rows to hold out, as two snapshots; and which of them each candidate gets.

In: the lake, as known as of the run. Out: two snapshots, named by digest: the same digest gives the same rows, for ever.
The holdout is the newest stretch of mature periods that neither the champion nor the challenger was trained on. Stops when a
row's key is in both. Where there is too little history, the model is frozen, or a person took the champion away, the run ends
here, green, and says why. Safe to run again.
"""

from datetime import datetime

import pandas as pd

from include.champion.promoted_tags import champion_of
from include.decisions.contest.windows import compared_from, windows
from include.decisions.data.periods import choose_split, count_periods
from include.errors import DataError, NotEnoughHistory, OverlappingRows
from include.models.contract import Model, candidate_names
from include.results import Assembled, Snapshot
from include.services import StepContext
from include.untrusted_text import of_data

IF_IT_FAILS = "Nothing was trained; the champion is unchanged."


def run(context: StepContext) -> Assembled:
    """Snapshots for training and hold-out.

    Raises:
        DataError: the form asks for a candidate that the model does not have.
        LayoutChanged: the model's file reads deliveries otherwise than those in the lake were taken in.
        OverlappingRows: a row's key is in both.
    """
    services, model, as_of = context.services, context.model, context.request.as_of
    if (asked := context.request.candidate) and asked not in candidate_names(model):
        raise DataError(
            f"{model.name} has no candidate {asked!r}; it has {', '.join(candidate_names(model))}. Trigger again with one of "
            "them, or with none, which means the best."
        )
    if frozen := services.holds.frozen(model.name):
        state = services.ledger.state(model.name)
        words = frozen.in_words()
        return Assembled(champion_version=state.champion, skipped=words, summary=f"nothing is trained: {words}")
    services.lake.require_layout(model)
    champion = champion_of(services, model.name)
    if champion is None and (removed := _removed_champion(context)):
        return Assembled(champion_version=None, skipped=removed, summary=f"nothing is trained: {removed}")
    files = services.lake.sound_files(model, as_of)
    # Without what came later, so that the same rows have the same digest whatever was delivered since.
    delivered = services.lake.history(model, files, features=()).known_by(as_of)
    history, changed = delivered.at(as_of), delivered.changed_since(as_of)
    try:
        split = choose_split(count_periods(history, model, as_of), model, champion.trained_until if champion else None)
    except NotEnoughHistory as reason:
        number = champion.number if champion else None
        return Assembled(champion_version=number, skipped=str(reason), summary=f"nothing to train: {reason}")
    training = _between(model, history, split.train_start, split.holdout_start)
    held_out = _between(model, history, split.holdout_start, split.holdout_end)
    _refuse_overlap(model, training, held_out)

    def fixed(start: datetime, end: datetime, rows: int) -> Snapshot:
        known_by = as_of if any(start <= period < end for period in changed) else None
        return services.lake.snapshot(model, (start, end), delivered.keys, rows, known_by)

    train = fixed(split.train_start, split.holdout_start, len(training))
    holdout = fixed(split.holdout_start, split.holdout_end, len(held_out))
    return Assembled(
        train=train,
        holdout=holdout,
        compared_from=compared_from(model, split.periods),
        windows=windows(model, split.periods),
        champion_version=champion.number if champion else None,
        summary=f"train on {train.rows:,} rows from {train.start:%Y-%m-%d}, "
        f"hold out {holdout.rows:,} from {holdout.start:%Y-%m-%d}",
    )


def _removed_champion(context: StepContext) -> str:
    """That a person removed the champion, where no person asks for a new one: it would be compared with nothing."""
    model, request = context.model, context.request
    state = context.services.ledger.state(model.name)
    # As long as no run has recorded that it is gone, the ledger still calls it the champion.
    number = state.champion or state.removed
    if request.by_person or request.force or not number:
        return ""
    return (
        f"version {number} was champion until a person took its alias away in MLflow. To restore it, start "
        f"{model.name}.rollback with target {number}; where a person starts {model.name}.retrain, it trains a first one"
    )


def _between(model: Model, rows: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    times = rows[model.feed.time]
    return rows[(times >= start) & (times < end)]


def _refuse_overlap(model: Model, training: pd.DataFrame, held_out: pd.DataFrame) -> None:
    key = list(model.feed.key)
    shared = held_out[key].merge(training[key], on=key)
    if len(shared):
        first = of_data(shared.iloc[0].to_dict())
        raise OverlappingRows(
            f"{model.name}: {len(shared)} keys are in training and in the holdout, the first is {first}. "
            f"A comparison would be unsound. Correct feed.key in include/models/{model.name}.py, or ask upstream."
        )
