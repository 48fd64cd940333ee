"""Assemble: fix the rows to train on and the rows to hold out, as two snapshots.

In: the lake, as of the run. Out: two snapshots, named by digest: the same digest gives the same rows, for ever.
The holdout is the newest stretch of mature periods that neither the champion nor the challenger was trained on. Stops when a
row's key is in both. Where there is too little history the run ends here, green, and says why. Safe to run again.
"""

from datetime import UTC, datetime

import pandas as pd

from include.decisions.periods import choose_split, count_periods, label_known
from include.errors import NotEnoughHistory, OverlappingRows
from include.models.contract import Model
from include.references import Assembled, Snapshot
from include.run import Request
from include.services import Services

IF_IT_FAILS = "Nothing was trained; the champion is unchanged."

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def run(services: Services, model: Model, request: Request) -> Assembled:
    """Snapshots for training and holdout.

    Raises:
        OverlappingRows: a row's key is in both.
    """
    champion = services.registry.champion(model.name)
    history = services.lake.rows(model, _BEGINNING, request.as_of)
    try:
        split = choose_split(count_periods(history, model, request.as_of), model, champion.trained_until if champion else None)
    except NotEnoughHistory as reason:
        return Assembled(skipped=str(reason), says=f"nothing to train: {reason}")
    train = services.lake.snapshot(model, split.train_start, split.holdout_start)
    holdout = services.lake.snapshot(model, split.holdout_start, split.holdout_end)
    _refuse_overlap(services, model, train, holdout)
    return Assembled(
        train=train,
        holdout=holdout,
        champion_version=champion.number if champion else None,
        says=f"train on {train.rows:,} rows from {train.start:%Y-%m-%d}, "
        f"hold out {holdout.rows:,} from {holdout.start:%Y-%m-%d}",
    )


def labelled(model: Model, rows: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The rows whose label was known as of a time and is not null."""
    return rows[label_known(rows, model, as_of) & rows[model.label.name].notna()].reset_index(drop=True)


def _refuse_overlap(services: Services, model: Model, train: Snapshot, holdout: Snapshot) -> None:
    key = list(model.feed.key)
    trained_on, held_out = (services.lake.read_snapshot(model, snapshot.digest)[key] for snapshot in (train, holdout))
    shared = held_out.merge(trained_on, on=key)
    if len(shared):
        raise OverlappingRows(
            f"{model.name}: {len(shared)} keys are in training and in the holdout, the first is {shared.iloc[0].to_dict()}. "
            f"A comparison would be unsound. Correct feed.key in include/models/{model.name}.py, or ask upstream."
        )
