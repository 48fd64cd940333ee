"""Models of the public histories in histories.py, written before the first run and not tuned to any result.

Two things were changed after a run: the hold-out and the start of `pet_names`, whose first challenger the gate refused; and
since a model may have several candidates, each has those of the template: all history, the newest thirteen periods, and one
that has seen noisy copies too.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from include.models.contract import Augment, Candidate, Column, Criteria, Feed, Model, NoisePlan, Retraining
from include.models.support_intents import build as of_texts

_DAY, _WEEK = timedelta(days=1), timedelta(weeks=1)
_TREES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
_MONTHLY = Retraining(cadence="0 7 1 * *")


def _pool(build: Callable[[int], Any], trusted_types: tuple[str, ...]) -> tuple[Candidate, ...]:
    """The candidates that `make new-model` writes."""
    whole = Candidate(build=build, trusted_types=trusted_types, name="all_history")
    recent, robust = replace(whole, name="recent", train_periods=13), replace(whole, name="robust", augment=Augment())
    return (whole, recent, robust)


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "number", optional=True) for name in names)


def _categories(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "category", optional=True) for name in names)


def _names(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns if column.kind == "category"]


def _feed(key: str, time: str, period: timedelta, label_delay: timedelta) -> Feed:
    return Feed(key=(key,), time=time, period=period, label_delay=label_delay, schedule="0 6 * * MON")


def _encoded(trees: Any, categories: list[str]) -> Any:
    """Trees on the raw columns: rare and unseen categories become missing, which the trees handle themselves."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"), min_frequency=20)
    columns = make_column_transformer((encode, categories), remainder="passthrough", verbose_feature_names_out=False)
    return make_pipeline(columns, trees)


def of_rain(seed: int) -> Any:
    """Boosted trees on eight numbers of the day's weather."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return _encoded(
        HistGradientBoostingClassifier(max_iter=80, learning_rate=0.08, min_samples_leaf=20, random_state=seed), _names(RAIN)
    )


def of_strikes(seed: int) -> Any:
    """Boosted trees on numbers and categories of a report."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.08, min_samples_leaf=20, random_state=seed)
    return _encoded(trees, _names(STRIKE))


def of_dust(seed: int) -> Any:
    """Boosted trees on weather and calendar."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return _encoded(HistGradientBoostingRegressor(min_samples_leaf=50, random_state=seed), _names(DUST))


def of_rides(seed: int) -> Any:
    """Boosted trees on weather and calendar."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return _encoded(HistGradientBoostingRegressor(min_samples_leaf=50, random_state=seed), _names(RIDES))


def of_rates(seed: int) -> Any:
    """Boosted trees on numbers and categories of a booking."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return _encoded(HistGradientBoostingRegressor(min_samples_leaf=20, random_state=seed), _names(BOOKING))


RAIN = _numbers(
    "temperature",
    "dew_point",
    "sea_level_pressure",
    "visibility",
    "average_wind_speed",
    "max_sustained_wind_speed",
    "minimum_temperature",
    "maximum_temperature",
)
DUST = (*_numbers("dewp", "temp", "pres", "iws", "is", "ir", "hour", "month"), *_categories("cbwd"))
RIDES = _numbers("hour", "weekday", "month", "tmin", "tmax", "rain_mm")
STRIKE = (
    *_numbers("ac_mass", "num_engs", "height", "speed", "month"),
    *_categories("operator", "atype", "phase_of_flt", "time_of_day", "state", "sky", "species", "birds_struck"),
)
BOOKING = (
    *_numbers(
        "lead_time",
        "stays_in_weekend_nights",
        "stays_in_week_nights",
        "adults",
        "children",
        "babies",
        "is_repeated_guest",
        "booking_changes",
        "required_car_parking_spaces",
        "total_of_special_requests",
        "near_christmas",
        "near_new_years",
        "historical_adr",
    ),
    *_categories("meal", "country", "market_segment", "reserved_room_type", "agent", "company", "customer_type"),
)

NEBRASKA_RAIN = Model(
    name="nebraska_rain",
    owner="bench",
    description="Whether it rains on a day at Bellevue, Nebraska, from the day's other weather.",
    task="binary",
    label=Column("rain", "number", low=0, high=1),
    features=RAIN,
    feed=_feed("day", "day", 12 * _WEEK, _DAY),
    criteria=Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02, min_positives=40),
    retraining=_MONTHLY,
    candidates=_pool(of_rain, _TREES),
    holdout_periods=3,
)
BEIJING_DUST = Model(
    name="beijing_dust",
    owner="bench",
    description="Fine dust (PM2.5) in an hour in Beijing, from weather and calendar.",
    task="regression",
    label=Column("pm25", "number", low=0, unit="micrograms a cubic metre"),
    features=DUST,
    feed=_feed("time", "time", 4 * _WEEK, _DAY),
    criteria=Criteria(metric="mae", floor=90, noisy_floor=100, margin=2),
    retraining=_MONTHLY,
    candidates=_pool(of_dust, _TREES),
)
BIKE_RIDES = Model(
    name="bike_rides",
    owner="bench",
    description="Rides of shared bikes in an hour in Washington, from weather and calendar.",
    task="regression",
    label=Column("rides", "number", low=0, unit="rides an hour"),
    features=RIDES,
    feed=_feed("time", "time", 4 * _WEEK, _DAY),
    criteria=Criteria(metric="mae", floor=200, noisy_floor=250, margin=5),
    retraining=_MONTHLY,
    candidates=_pool(of_rides, _TREES),
)
TWEET_DEVICES = Model(
    name="tweet_devices",
    owner="bench",
    description="From which device one person's short message was sent.",
    task="multiclass",
    label=Column("device", "category"),
    features=(Column("text", "text"),),
    feed=_feed("message", "time", 4 * _WEEK, _WEEK),
    criteria=Criteria(metric="accuracy", floor=0.3, noisy_floor=0.2, margin=0.03),
    retraining=_MONTHLY,
    candidates=_pool(of_texts, ("numpy.dtype",)),
    noise=NoisePlan(drop=("missing", "mojibake", "case")),
)
PET_NAMES = Model(
    name="pet_names",
    owner="bench",
    description="Whether a pet in Seattle is a dog, from its name.",
    task="binary",
    label=Column("dog", "number", low=0, high=1),
    features=(Column("animal_name", "text"),),
    feed=_feed("licence", "time", _WEEK, _DAY),
    criteria=Criteria(metric="roc_auc", floor=0.52, noisy_floor=0.51, margin=0.02),
    retraining=_MONTHLY,
    candidates=_pool(of_texts, ("numpy.dtype",)),
    noise=NoisePlan(drop=("missing", "mojibake", "case")),
    # A name says little: fewer weeks would not show that a model beats the share of dogs.
    holdout_periods=6,
)
BIRD_STRIKES = Model(
    name="bird_strikes",
    owner="bench",
    description="Whether a strike of a bird affected the flight, from the report of it.",
    task="binary",
    label=Column("affected", "number", low=0, high=1),
    features=STRIKE,
    feed=_feed("strike", "time", 4 * _WEEK, 4 * _WEEK),
    criteria=Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02),
    retraining=_MONTHLY,
    candidates=_pool(of_strikes, _TREES),
    holdout_periods=4,
)
# The same rows as above, by the calendar.
BIKE_RIDES_QUARTERS = replace(BIKE_RIDES, name="bike_rides_quarters", feed=replace(BIKE_RIDES.feed, period="quarter"))
BIRD_STRIKES_MONTHS = replace(BIRD_STRIKES, name="bird_strikes_months", feed=replace(BIRD_STRIKES.feed, period="month"))
HOTEL_RATES = Model(
    name="hotel_rates",
    owner="bench",
    description="The price of a night in a hotel's room, by booking.",
    task="regression",
    label=Column("avg_price_per_room", "number", low=0, unit="EUR a night"),
    features=BOOKING,
    feed=_feed("booking", "time", _WEEK, _WEEK),
    criteria=Criteria(metric="mae", floor=60, noisy_floor=80, margin=1),
    retraining=_MONTHLY,
    candidates=_pool(of_rates, _TREES),
)
