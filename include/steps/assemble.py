"""Assemble: fix the rows to train on and the rows to hold out, as two snapshots.

In: the lake, as of the run. Out: two snapshots, named by digest: the same digest gives the same rows, for ever.
The holdout is the newest stretch of mature periods that neither the champion nor the challenger was trained on. Stops when a
row's key is in both. Where there is too little history the run ends here, green, and says why. Safe to run again.
"""

from datetime import datetime

import pandas as pd

from include.champion.promoted_tags import champion_of
from include.decisions.data.periods import choose_split, count_periods
from include.errors import NotEnoughHistory, OverlappingRows
from include.models.contract import Model
from include.results import Assembled
from include.services import StepContext
from include.untrusted_text import of_data

IF_IT_FAILS = "Nothing was trained; the champion is unchanged."


def run(context: StepContext) -> Assembled:
    """Snapshots for training and hold-out.

    Raises:
        LayoutChanged: the model's file reads deliveries otherwise than those in the lake were taken in.
        OverlappingRows: a row's key is in both.
    """
    services, model, as_of = context.services, context.model, context.request.as_of
    services.lake.require_layout(model)
    champion = champion_of(services, model.name)
    files = services.lake.sound_files(model, as_of)
    history = services.lake.read(model, files, features=())
    try:
        split = choose_split(count_periods(history, model, as_of), model, champion.trained_until if champion else None)
    except NotEnoughHistory as reason:
        number = champion.number if champion else None
        return Assembled(champion_version=number, skipped=str(reason), summary=f"nothing to train: {reason}")
    training = _between(model, history, split.train_start, split.holdout_start)
    held_out = _between(model, history, split.holdout_start, split.holdout_end)
    _refuse_overlap(model, training, held_out)
    train = services.lake.snapshot(model, split.train_start, split.holdout_start, files, len(training))
    holdout = services.lake.snapshot(model, split.holdout_start, split.holdout_end, files, len(held_out))
    return Assembled(
        train=train,
        holdout=holdout,
        champion_version=champion.number if champion else None,
        summary=f"train on {train.rows:,} rows from {train.start:%Y-%m-%d}, "
        f"hold out {holdout.rows:,} from {holdout.start:%Y-%m-%d}",
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
