"""Assemble: fix the rows to train on and the rows to hold out, as two snapshots.

In: the lake, as of the run. Out: two snapshots, named by digest: the same digest gives the same rows, for ever.
The holdout is the newest stretch of mature periods that neither the champion nor the challenger was trained on. Stops when a
row's key is in both. Where there is too little history the run ends here, green, and says why. Safe to run again.
"""

from datetime import UTC, datetime

import pandas as pd

from include.adapters.lake import period_in
from include.decisions.data.periods import choose_split, count_periods, label_known
from include.decisions.scoring.predictions import Labels
from include.errors import NotEnoughHistory, OverlappingRows
from include.models.contract import Model
from include.request import Request
from include.results import Assembled
from include.services import Services
from include.untrusted_text import of_data

IF_IT_FAILS = "Nothing was trained; the champion is unchanged."

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def run(services: Services, model: Model, request: Request) -> Assembled:
    """Snapshots for training and holdout.

    Raises:
        OverlappingRows: a row's key is in both.
    """
    champion = services.registry.champion(model.name)
    files = usable_files(services, model, request.as_of)
    history = services.lake.read(model, files, features=())
    try:
        split = choose_split(count_periods(history, model, request.as_of), model, champion.trained_until if champion else None)
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


def usable_files(services: Services, model: Model, as_of: datetime) -> list[str]:
    """The curated files of all periods up to a time, without those of periods that were called broken by then."""
    broken = _broken_periods(services, model, as_of)
    return [key for key in services.lake.files(model, _BEGINNING, as_of) if period_in(key) not in broken]


def labelled(model: Model, rows: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The rows whose label was known as of a time and is not null."""
    return rows[label_known(rows, model, as_of) & rows[model.label.name].notna()].reset_index(drop=True)


def labels_of(model: Model, rows: pd.DataFrame) -> Labels:
    """The labels of rows that have one: numbers, or for a multi-class model the names of the classes; shape (n,)."""
    return rows[model.label.name].to_numpy(object if model.task == "multiclass" else "float64")


def _broken_periods(services: Services, model: Model, as_of: datetime) -> set[datetime]:
    """Periods that triage called broken and that no later run has called sound: nothing is learned from them."""
    last_word: dict[datetime, str] = {}
    for document in services.lake.statuses(model.name, "monitor"):
        period = document["drift"]["period"]
        if period and datetime.fromisoformat(document["as_of"]) <= as_of:
            last_word[datetime.fromisoformat(period)] = document["finding"]["action"]
    return {period for period, action in last_word.items() if action == "stop"}


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
