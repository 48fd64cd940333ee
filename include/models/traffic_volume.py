"""How many cars will pass on the I-94 in an hour? The smallest complete model: copy this file to add your own."""

from datetime import timedelta
from typing import Any

from include.models.contract import Candidate, Column, Criteria, Feed, Model, Retraining

FEATURES = (
    Column("hour_of_day", "number", low=0, high=23),
    Column("weekday", "number", low=0, high=6, unit="Monday is 0"),
    Column("holiday", "category", unit="None on ordinary days"),
    Column("weather", "category"),
    Column("temperature_k", "number", low=200, high=340, unit="kelvin"),
    Column("rain_mm", "number", low=0, high=200, unit="mm an hour"),
)


def build(seed: int) -> Any:
    """Boosted trees, with the two categories one-hot encoded."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((encode, ["holiday", "weather"]), remainder="passthrough")
    return make_pipeline(columns, HistGradientBoostingRegressor(random_state=seed))


MODEL = Model(
    name="traffic_volume",
    owner="roads",
    description="Cars in an hour on the I-94 westbound at Minneapolis, from the calendar and the weather.",
    task="regression",
    label=Column("volume", "number", low=0, high=20000, unit="cars an hour"),
    features=FEATURES,
    feed=Feed(key=("hour",), time="hour", period=timedelta(weeks=1), label_delay=timedelta(days=1), schedule="30 6 * * MON"),
    criteria=Criteria(metric="mae", floor=600, noisy_floor=900, margin=20),
    # Nothing drifts here: a fresh model is tried when the old one has lost, not every week, and need not see the newest rows.
    refresh=None,
    retraining=Retraining(cadence="30 7 1 * *", when="decay"),
    candidates=(Candidate(build=build, trusted_types=("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)),),
)
